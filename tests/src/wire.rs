//! HTTP/1.1 as it was on the wire: takes the recorded bytes of a connection, gives its requests
//! with their answers.

/// A request with its answer, which is missing where none came.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// What was asked.
    pub request: Message,
    /// What was answered.
    pub answer: Option<Message>,
}

/// One message.
#[derive(Debug, Clone, Default)]
pub struct Message {
    /// The method; empty in an answer.
    pub method: String,
    /// The target of a request, or the status code of an answer.
    pub target: String,
    /// Header names in lower case, with values, in order.
    pub headers: Vec<(String, String)>,
    /// The body without its transfer coding.
    pub body: Vec<u8>,
}

impl Message {
    /// The first value of a header, by its lower-case name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(header, _)| header == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Whether a request asks for this operation by name, as the JSON and query protocols do.
    #[must_use]
    pub fn names(&self, operation: &str) -> bool {
        let by_target = self
            .header("x-amz-target")
            .and_then(|target| target.rsplit('.').next())
            == Some(operation);
        let action = format!("Action={operation}");
        by_target || self.text().split('&').any(|pair| pair == action)
    }

    /// Whether EC2 is only asked whether it would do it.
    #[must_use]
    pub fn is_dry_run(&self) -> bool {
        self.text().contains("DryRun=true")
    }

    /// One line for messages.
    #[must_use]
    pub fn summary(&self) -> String {
        let target = self.header("x-amz-target").unwrap_or_default();
        let body: String = self.text().chars().take(120).collect();
        format!("{} {} {target} {body}", self.method, self.target)
    }
}

/// Reads all exchanges of one connection.
///
/// # Panics
/// When the bytes are not HTTP/1.1.
#[must_use]
pub fn exchanges(up: &[u8], down: &[u8]) -> Vec<Exchange> {
    let requests = messages(up, request_head);
    let heads: Vec<bool> = requests
        .iter()
        .map(|request| request.method == "HEAD")
        .collect();
    let mut answers = answers(down, &heads).into_iter();
    let pair = |request| Exchange {
        request,
        answer: answers.next(),
    };
    requests.into_iter().map(pair).collect()
}

type Head = (Message, usize);

fn messages(mut bytes: &[u8], head: fn(&[u8]) -> Option<Head>) -> Vec<Message> {
    let mut all = Vec::new();
    while let Some((mut message, start)) = head(bytes) {
        let rest = bytes.get(start..).unwrap_or_default();
        let length = read_body(&mut message, rest, Ending::Counted);
        all.push(message);
        bytes = rest.get(length..).unwrap_or_default();
    }
    all
}

fn answers(mut bytes: &[u8], to_head: &[bool]) -> Vec<Message> {
    let mut all = Vec::new();
    while let Some((mut message, start)) = answer_head(bytes) {
        let rest = bytes.get(start..).unwrap_or_default();
        let bodyless = to_head.get(all.len()).copied().unwrap_or(false)
            || matches!(message.target.as_str(), "204" | "304");
        let interim = message.target.starts_with('1');
        let length = match bodyless || interim {
            true => 0,
            false => read_body(&mut message, rest, Ending::Connection),
        };
        if !interim {
            all.push(message);
        }
        bytes = rest.get(length..).unwrap_or_default();
    }
    all
}

/// What ends a body that has neither a length nor chunks.
#[derive(Clone, Copy)]
enum Ending {
    /// It is empty, as in a request.
    Counted,
    /// The end of the connection, as in an answer.
    Connection,
}

/// Fills the body in and gives its length on the wire.
fn read_body(message: &mut Message, bytes: &[u8], ending: Ending) -> usize {
    if message
        .header("transfer-encoding")
        .is_some_and(|coding| coding.contains("chunked"))
    {
        let (body, length) = unchunk(bytes);
        message.body = body;
        return length;
    }
    let counted = message
        .header("content-length")
        .map(|length| length.parse().expect("a length"));
    let length = counted.unwrap_or(match ending {
        Ending::Counted => 0,
        Ending::Connection => bytes.len(),
    });
    message.body = bytes.get(..length).unwrap_or(bytes).to_vec();
    length
}

/// Takes the chunks off; gives the content and the length with them.
fn unchunk(bytes: &[u8]) -> (Vec<u8>, usize) {
    let mut content = Vec::new();
    let mut at = 0;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let Ok(httparse::Status::Complete((start, size))) = httparse::parse_chunk_size(rest) else {
            return (content, bytes.len());
        };
        let size = usize::try_from(size).expect("a chunk fits into memory");
        at += start;
        if size == 0 {
            return (
                content,
                at + trailer_length(bytes.get(at..).unwrap_or_default()),
            );
        }
        content.extend_from_slice(bytes.get(at..at + size).unwrap_or_default());
        at += size + 2;
    }
}

/// The length of the trailer with its empty line.
fn trailer_length(bytes: &[u8]) -> usize {
    if bytes.starts_with(b"\r\n") {
        return 2;
    }
    bytes
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .map_or(bytes.len(), |at| at + 4)
}

fn request_head(bytes: &[u8]) -> Option<Head> {
    let mut headers = [httparse::EMPTY_HEADER; 200];
    let mut parsed = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(length) = parsed.parse(bytes).expect("an HTTP request") else {
        return None;
    };
    let message = Message {
        method: parsed.method.unwrap_or_default().to_owned(),
        target: parsed.path.unwrap_or_default().to_owned(),
        headers: own(parsed.headers),
        body: Vec::new(),
    };
    Some((message, length))
}

fn answer_head(bytes: &[u8]) -> Option<Head> {
    let mut headers = [httparse::EMPTY_HEADER; 200];
    let mut parsed = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(length) = parsed.parse(bytes).expect("an HTTP answer") else {
        return None;
    };
    let message = Message {
        method: String::new(),
        target: parsed.code.unwrap_or_default().to_string(),
        headers: own(parsed.headers),
        body: Vec::new(),
    };
    Some((message, length))
}

fn own(headers: &[httparse::Header<'_>]) -> Vec<(String, String)> {
    let owned = headers.iter().map(|header| {
        (
            header.name.to_ascii_lowercase(),
            String::from_utf8_lossy(header.value).into_owned(),
        )
    });
    owned.collect()
}
