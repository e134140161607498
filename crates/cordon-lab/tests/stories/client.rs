//! A client that a story can bend: it signs by the book, and then the story changes the bytes.
//!
//! Its signer is written from the documentation for these tests alone, apart from the lab's
//! verifier, so that the two check each other.

use cordon_aws::arn::Partition;
use cordon_lab::{
    BASE_ACCESS_KEY_ID, BASE_SECRET_ACCESS_KEY, Clock, Entry, Estate, Lab, LabConfig, RoleSeed,
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

pub(crate) const REGION: &str = "cn-north-1";
pub(crate) const BUCKET: &str = "cost-explorer-exports-111122223333";
pub(crate) const DEPLOY: &str = "arn:aws-cn:iam::111122223333:role/cordon-deploy";
pub(crate) const READ: &str = "arn:aws-cn:iam::111122223333:role/cordon-read";

/// An access key.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    pub(crate) id: String,
    pub(crate) secret: String,
    pub(crate) token: Option<String>,
}

impl Keys {
    pub(crate) fn base() -> Self {
        Self {
            id: BASE_ACCESS_KEY_ID.to_owned(),
            secret: BASE_SECRET_ACCESS_KEY.to_owned(),
            token: None,
        }
    }
}

/// A request before it is signed.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) service: String,
    pub(crate) region: String,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn new(service: &str, method: &str, path: &str) -> Self {
        Self {
            service: service.to_owned(),
            region: REGION.to_owned(),
            method: method.to_owned(),
            path: path.to_owned(),
            query: Vec::new(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// A call in the query protocol.
    pub(crate) fn form(service: &str, action: &str, parameters: &[(&str, &str)]) -> Self {
        let mut body = format!("Action={action}&Version=2010-01-01");
        for (name, value) in parameters {
            body.push_str(&format!("&{}={}", encode(name), encode(value)));
        }
        Self::new(service, "POST", "/")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body.as_bytes())
    }

    /// A call in a JSON protocol.
    pub(crate) fn json(service: &str, target: &str, body: &Value) -> Self {
        Self::new(service, "POST", "/")
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", target)
            .body(body.to_string().as_bytes())
    }

    pub(crate) fn s3(method: &str, path: &str) -> Self {
        Self::new("s3", method, path)
    }

    pub(crate) fn query(mut self, name: &str, value: &str) -> Self {
        self.query.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn body(mut self, body: &[u8]) -> Self {
        self.body = body.to_vec();
        self
    }

    fn target(&self) -> String {
        match self.query.is_empty() {
            true => self.path.clone(),
            false => format!("{}?{}", self.path, canonical_query(&self.query)),
        }
    }

    /// Signs in the `Authorization` header.
    pub(crate) fn sign(mut self, keys: &Keys, now: Timestamp) -> Signed {
        let time = stamp(now);
        if !self.headers.iter().any(|(name, _)| name == "host") {
            self.headers
                .push(("host".to_owned(), "127.0.0.1".to_owned()));
        }
        self.headers.push(("x-amz-date".to_owned(), time.clone()));
        if self.service.starts_with("s3")
            && !self
                .headers
                .iter()
                .any(|(name, _)| name == "x-amz-content-sha256")
        {
            self.headers
                .push(("x-amz-content-sha256".to_owned(), sha256(&self.body)));
        }
        if let Some(token) = &keys.token {
            self.headers
                .push(("x-amz-security-token".to_owned(), token.clone()));
        }
        self.headers.sort();
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        let payload = self
            .headers
            .iter()
            .find(|(name, _)| name == "x-amz-content-sha256")
            .map_or_else(|| sha256(&self.body), |(_, value)| value.clone());
        let signature = self.signature(keys, &time, &names.join(";"), &payload);
        let scope = self.scope(&time);
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={}, Signature={signature}",
            keys.id,
            names.join(";")
        );
        let target = self.target();
        let mut headers = self.headers.clone();
        headers.push(("authorization".to_owned(), authorization));
        Signed {
            method: self.method,
            target,
            headers,
            body: self.body,
            signature,
            scope,
            time,
            key: Vec::new(),
        }
        .with_key(&keys.secret)
    }

    /// Signs in the query.
    pub(crate) fn presign(mut self, keys: &Keys, now: Timestamp, seconds: u32) -> Signed {
        let time = stamp(now);
        let scope = self.scope(&time);
        self.headers
            .push(("host".to_owned(), "127.0.0.1".to_owned()));
        let seconds = seconds.to_string();
        let credential = format!("{}/{scope}", keys.id);
        for (name, value) in [
            ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
            ("X-Amz-Credential", &credential),
            ("X-Amz-Date", &time),
            ("X-Amz-Expires", &seconds),
            ("X-Amz-SignedHeaders", "host"),
        ] {
            self.query.push((name.to_owned(), value.to_owned()));
        }
        if let Some(token) = &keys.token {
            self.query
                .push(("X-Amz-Security-Token".to_owned(), token.clone()));
        }
        let payload = if self.service == "s3" {
            "UNSIGNED-PAYLOAD".to_owned()
        } else {
            sha256(&self.body)
        };
        let signature = self.signature(keys, &time, "host", &payload);
        let target = format!("{}&X-Amz-Signature={signature}", self.target());
        Signed {
            method: self.method,
            target,
            headers: self.headers,
            body: self.body,
            signature,
            scope,
            time,
            key: Vec::new(),
        }
    }

    fn scope(&self, time: &str) -> String {
        format!(
            "{}/{}/{}/aws4_request",
            &time[..8],
            self.region,
            self.service
        )
    }

    fn signature(&self, keys: &Keys, time: &str, names: &str, payload: &str) -> String {
        let headers: String = self
            .headers
            .iter()
            .map(|(name, value)| format!("{name}:{}\n", value.trim()))
            .collect();
        // Paths in these stories are such that encoding them once more is all that differs.
        let path = match self.service.as_str() {
            "s3" | "s3express" => self.path.clone(),
            _ => self.path.replace('%', "%25"),
        };
        let canonical = format!(
            "{}\n{path}\n{}\n{headers}\n{names}\n{payload}",
            self.method,
            canonical_query(&self.query)
        );
        let text = format!(
            "AWS4-HMAC-SHA256\n{time}\n{}\n{}",
            self.scope(time),
            sha256(canonical.as_bytes())
        );
        hex::encode(hmac(
            &signing_key(&keys.secret, &self.scope(time)),
            text.as_bytes(),
        ))
    }
}

/// A request ready for the wire.
#[derive(Debug, Clone)]
pub(crate) struct Signed {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) signature: String,
    pub(crate) scope: String,
    pub(crate) time: String,
    pub(crate) key: Vec<u8>,
}

impl Signed {
    fn with_key(mut self, secret: &str) -> Self {
        self.key = signing_key(secret, &self.scope);
        self
    }

    /// The bytes of the request.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = format!("{} {} HTTP/1.1\r\n", self.method, self.target).into_bytes();
        for (name, value) in &self.headers {
            bytes.extend(format!("{name}: {value}\r\n").into_bytes());
        }
        bytes.extend(format!("content-length: {}\r\n\r\n", self.body.len()).into_bytes());
        bytes.extend(&self.body);
        bytes
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.headers.retain(|(known, _)| known != name);
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    /// The signature of one chunk of a body, given the one before it.
    pub(crate) fn chunk_signature(&self, previous: &str, data: &[u8]) -> String {
        let text = format!(
            "AWS4-HMAC-SHA256-PAYLOAD\n{}\n{}\n{previous}\n{}\n{}",
            self.time,
            self.scope,
            sha256(b""),
            sha256(data)
        );
        hex::encode(hmac(&self.key, text.as_bytes()))
    }

    pub(crate) fn trailer_signature(&self, previous: &str, trailer: &str) -> String {
        let text = format!(
            "AWS4-HMAC-SHA256-TRAILER\n{}\n{}\n{previous}\n{}",
            self.time,
            self.scope,
            sha256(trailer.as_bytes())
        );
        hex::encode(hmac(&self.key, text.as_bytes()))
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The text between `<name>` and `</name>`, the first of them.
    pub(crate) fn element(&self, name: &str) -> &str {
        let start = self
            .body
            .split_once(&format!("<{name}>"))
            .map_or("", |(_, rest)| rest);
        start
            .split_once(&format!("</{name}>"))
            .map_or("", |(text, _)| text)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// The error code, in whichever protocol.
    pub(crate) fn code(&self) -> String {
        let of_json = self.json()["__type"]
            .as_str()
            .and_then(|text| text.rsplit('#').next().map(str::to_owned));
        of_json
            .or_else(|| self.header("x-amzn-errortype").map(str::to_owned))
            .unwrap_or_else(|| self.element("Code").to_owned())
    }
}

/// A lab with the story's estate, a clock that the story turns, and somebody to talk to it.
pub(crate) struct Story {
    pub(crate) lab: Lab,
    pub(crate) clock: Clock,
}

impl Story {
    pub(crate) async fn start() -> Self {
        Self::with(|estate| estate).await
    }

    pub(crate) async fn with(change: impl FnOnce(Estate) -> Estate) -> Self {
        let region = REGION.parse().unwrap();
        let partition = Partition::of_region(&region);
        let estate =
            Estate::seed_story(&partition, &region, &"111122223333".parse().unwrap()).unwrap();
        let clock = Clock::manual("2026-07-29T10:00:00Z".parse().unwrap());
        let config = LabConfig {
            clock: clock.clone(),
            ..LabConfig::new(change(estate))
        };
        Self {
            lab: Lab::start(config).await.unwrap(),
            clock,
        }
    }

    /// A lab whose deployment role is called `name` and may do what `policy` says.
    pub(crate) async fn with_role(name: &str, policy: &str, max_session_seconds: i64) -> Self {
        Self::with(|estate| {
            let trust = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":["sts:AssumeRole","sts:SetSourceIdentity","sts:TagSession"]}}"#;
            let assume = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:*","Resource":"*"}}"#;
            estate
                .with_user(&cordon_lab::UserSeed {
                    name: "admin",
                    access_key_id: "AKIAADMINADMINADMIN1",
                    secret_access_key: "admin-secret",
                    policies: &[assume],
                })
                .unwrap()
                .with_role(&RoleSeed { name, trust, policies: &[policy], max_session_seconds })
                .unwrap()
        })
        .await
    }

    pub(crate) fn admin() -> Keys {
        Keys {
            id: "AKIAADMINADMINADMIN1".to_owned(),
            secret: "admin-secret".to_owned(),
            token: None,
        }
    }

    pub(crate) async fn raw(&self, bytes: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(self.lab.address()).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        read_answer(&mut stream, bytes.starts_with(b"HEAD")).await
    }

    pub(crate) async fn send(&self, keys: &Keys, request: Request) -> Answer {
        self.raw(&request.sign(keys, self.clock.now()).bytes())
            .await
    }

    pub(crate) async fn assume(
        &self,
        keys: &Keys,
        parameters: &[(&str, &str)],
    ) -> Result<Keys, Answer> {
        let answer = self
            .send(keys, Request::form("sts", "AssumeRole", parameters))
            .await;
        match answer.status {
            200 => Ok(Keys {
                id: answer.element("AccessKeyId").to_owned(),
                secret: answer.element("SecretAccessKey").to_owned(),
                token: Some(answer.element("SessionToken").to_owned()),
            }),
            _ => Err(answer),
        }
    }

    /// A session of the deployment role, with an inline policy where one is given.
    pub(crate) async fn session(&self, policy: Option<&str>) -> Keys {
        let mut parameters = vec![
            ("RoleArn", DEPLOY),
            ("RoleSessionName", "T-1042"),
            ("SourceIdentity", "task-T-1042"),
        ];
        parameters.extend(policy.map(|policy| ("Policy", policy)));
        self.assume(&Keys::base(), &parameters).await.unwrap()
    }

    pub(crate) fn last(&self) -> Entry {
        self.lab.log().pop().unwrap()
    }
}

/// A session policy that allows these actions on these resources.
pub(crate) fn allow(actions: &[&str], resources: &[&str]) -> String {
    serde_json::json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": resources}]}).to_string()
}

pub(crate) async fn read_answer(stream: &mut TcpStream, is_head: bool) -> Answer {
    let mut bytes = Vec::new();
    let mut buffer = [0; 8_192];
    loop {
        if let Some(answer) = parse_answer(&bytes, is_head) {
            return answer;
        }
        let count = stream.read(&mut buffer).await.unwrap();
        assert_ne!(
            count,
            0,
            "the lab closed the connection after {:?}",
            String::from_utf8_lossy(&bytes)
        );
        bytes.extend(&buffer[..count]);
    }
}

fn parse_answer(bytes: &[u8], is_head: bool) -> Option<Answer> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut lines = head.lines();
    let status: u16 = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length: usize = headers
        .iter()
        .find(|(name, _)| name == "content-length")
        .map_or(0, |(_, value)| value.parse().unwrap());
    let body = &bytes[end + 4..];
    let wanted = if is_head { 0 } else { length };
    if body.len() < wanted {
        return None;
    }
    Some(Answer {
        status,
        headers,
        body: String::from_utf8_lossy(&body[..wanted]).into_owned(),
    })
}

pub(crate) fn sha256(data: &[u8]) -> String {
    hex::encode(Sha256::digest(data))
}

fn hmac(key: &[u8], data: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(data);
    mac.finalize().into_bytes().to_vec()
}

fn signing_key(secret: &str, scope: &str) -> Vec<u8> {
    scope
        .split('/')
        .fold(format!("AWS4{secret}").into_bytes(), |key, part| {
            hmac(&key, part.as_bytes())
        })
}

fn canonical_query(query: &[(String, String)]) -> String {
    let mut pairs: Vec<String> = query
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect();
    pairs.sort();
    pairs.join("&")
}

pub(crate) fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

fn stamp(time: Timestamp) -> String {
    time.strftime("%Y%m%dT%H%M%SZ").to_string()
}
