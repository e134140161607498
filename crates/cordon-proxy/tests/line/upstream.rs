//! An upstream that behaves as it is told, down to the byte, and keeps what it got.
//!
//! Takes a [`Manner`] that can be changed at any time; gives an address. A request is kept as
//! [`Seen`] with whether all of it came: that is what a cut upload is told by.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// One thing that an upstream does after it read a request.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// Says this.
    Say(Vec<u8>),
    /// Says this until nobody listens.
    Repeat(Vec<u8>),
    /// Waits until the switch is on.
    Until(watch::Receiver<bool>),
    /// Says nothing until the other side is gone.
    Stall,
    /// Ends the connection with a reset.
    Reset,
}

/// How much of a request is read before anything is said.
#[derive(Debug, Clone)]
pub(crate) enum Reads {
    Everything,
    /// Heads at once, and no more of a body than came with one until this is on.
    Heads(watch::Receiver<bool>),
    /// Nothing: the connection is taken and left alone.
    Nothing,
}

impl Seen {
    fn asks_for_tags(&self) -> bool {
        self.whole && asks_for_tags(&self.head)
    }
}

/// Whether it is Cordon that asks for the tags of what a call changes: answered at once, as if there
/// were none, and not kept. What becomes of the call itself is what the stories are about.
fn asks_for_tags(head: &str) -> bool {
    head.contains("ResourceGroupsTaggingAPI_20170126.GetResources")
}

/// What an upstream does with each connection.
#[derive(Debug, Clone)]
pub(crate) struct Manner {
    pub(crate) reads: Reads,
    pub(crate) acts: Vec<Act>,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    /// Whether the body came to the length that the head told.
    pub(crate) whole: bool,
}

/// An upstream that runs until its value is dropped.
#[derive(Debug)]
pub(crate) struct Upstream {
    address: SocketAddr,
    manner: Arc<Mutex<Manner>>,
    seen: Arc<watch::Sender<Vec<Seen>>>,
    begun: Arc<watch::Sender<usize>>,
    serving: tokio::task::JoinHandle<()>,
}

impl Manner {
    /// Reads requests and answers each with these bytes.
    pub(crate) fn answers(answer: impl Into<Vec<u8>>) -> Self {
        Self::acts([Act::Say(answer.into())])
    }

    /// Reads requests and does this after each.
    pub(crate) fn acts(acts: impl IntoIterator<Item = Act>) -> Self {
        Self {
            reads: Reads::Everything,
            acts: acts.into_iter().collect(),
        }
    }
}

/// An answer with a body of known length.
pub(crate) fn answer(status: u16, headers: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status} Told\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

impl Upstream {
    pub(crate) async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let manner = Arc::new(Mutex::new(manner));
        let seen = Arc::new(watch::Sender::new(Vec::new()));
        let begun = Arc::new(watch::Sender::new(0));
        let (told, kept, began) = (Arc::clone(&manner), Arc::clone(&seen), Arc::clone(&begun));
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (told, kept) = (Arc::clone(&told), Arc::clone(&kept));
                tokio::spawn(serve(stream, told, kept, Arc::clone(&began)));
            }
        });
        Self {
            address,
            manner,
            seen,
            begun,
            serving,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From the next request on it behaves like this.
    pub(crate) fn behave(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }

    /// Every request so far, whole or not.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.borrow().clone()
    }

    /// Every request so far that came to its end.
    pub(crate) fn whole(&self) -> Vec<Seen> {
        let mut seen = self.seen();
        seen.retain(|request| request.whole);
        seen
    }

    /// How many requests have begun so far.
    pub(crate) fn begun(&self) -> usize {
        *self.begun.borrow()
    }

    /// Waits until this many requests have begun.
    pub(crate) async fn has_begun(&self, count: usize) {
        let mut begun = self.begun.subscribe();
        begun.wait_for(|begun| *begun >= count).await.unwrap();
    }

    /// Waits until this many requests came or broke off.
    pub(crate) async fn has_seen(&self, count: usize) {
        let mut seen = self.seen.subscribe();
        seen.wait_for(|seen| seen.len() >= count).await.unwrap();
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(
    mut stream: TcpStream,
    manner: Arc<Mutex<Manner>>,
    seen: Arc<watch::Sender<Vec<Seen>>>,
    begun: Arc<watch::Sender<usize>>,
) {
    let mut held = Vec::new();
    loop {
        let reads = manner.lock().unwrap().reads.clone();
        let until = match &reads {
            Reads::Heads(switch) => Some(switch.clone()),
            Reads::Everything | Reads::Nothing => None,
        };
        match reads {
            Reads::Nothing => {}
            Reads::Everything | Reads::Heads(_) => {
                let Some(request) = read(&mut stream, &mut held, &begun, until).await else {
                    return;
                };
                if request.asks_for_tags() {
                    let none = answer(200, "", r#"{"ResourceTagMappingList":[]}"#);
                    if stream.write_all(&none).await.is_err() {
                        return;
                    }
                    continue;
                }
                let whole = request.whole;
                seen.send_modify(|seen| seen.push(request));
                if !whole {
                    return;
                }
            }
        }
        let acts = manner.lock().unwrap().acts.clone();
        for act in acts {
            match act {
                Act::Say(bytes) => {
                    if stream.write_all(&bytes).await.is_err() {
                        return;
                    }
                }
                Act::Repeat(bytes) => while stream.write_all(&bytes).await.is_ok() {},
                Act::Until(mut switch) => {
                    switch.wait_for(|on| *on).await.unwrap();
                }
                Act::Stall => {
                    let mut rest = Vec::new();
                    let _ = stream.read_to_end(&mut rest).await;
                    return;
                }
                Act::Reset => {
                    stream.set_zero_linger().unwrap();
                    return;
                }
            }
        }
        if matches!(reads, Reads::Nothing) {
            return;
        }
    }
}

async fn read_head(stream: &mut TcpStream, held: &mut Vec<u8>) -> Option<String> {
    loop {
        if let Some(end) = held.windows(4).position(|four| four == b"\r\n\r\n") {
            let rest = held.split_off(end + 4);
            let head = std::mem::replace(held, rest);
            return Some(String::from_utf8(head).unwrap());
        }
        if stream.read_buf(held).await.ok()? == 0 {
            return None;
        }
    }
}

async fn read(
    stream: &mut TcpStream,
    held: &mut Vec<u8>,
    begun: &watch::Sender<usize>,
    until: Option<watch::Receiver<bool>>,
) -> Option<Seen> {
    let head = read_head(stream, held).await?;
    if !asks_for_tags(&head) {
        begun.send_modify(|begun| *begun += 1);
        if let Some(mut switch) = until {
            switch.wait_for(|on| *on).await.unwrap();
        }
    }
    let length: usize = head
        .lines()
        .find_map(|line| {
            line.to_ascii_lowercase()
                .strip_prefix("content-length: ")?
                .parse()
                .ok()
        })
        .unwrap_or(0);
    while held.len() < length {
        match stream.read_buf(held).await {
            Ok(1..) => {}
            _ => break,
        }
    }
    let whole = held.len() >= length;
    let rest = held.split_off(length.min(held.len()));
    let body = std::mem::replace(held, rest);
    Some(Seen { head, body, whole })
}
