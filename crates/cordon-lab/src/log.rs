//! The lab's own log: every request in the order in which it took effect.
//!
//! Takes what arrived and what was decided; gives [`Entry`] values to tests, and JSON at
//! `GET /_lab/log`. This is what lets a test say "the cloud never saw it" instead of believing
//! the proxy. Large bodies are kept as length, hash and head, so that the log stays small.

use std::collections::VecDeque;

use jiff::Timestamp;
use serde_json::{Value, json};

/// How many entries are kept; older ones make room and are counted in `dropped`.
const KEPT_ENTRIES: usize = 100_000;

/// One request as it arrived and as it was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Counts from 1 in the order in which requests were decided.
    pub sequence: u64,
    /// The lab's time when it decided.
    pub at: Timestamp,
    /// `GET`, `POST`, ...
    pub method: String,
    /// The request target exactly as it was on the wire, path and query.
    pub target: String,
    /// Header names in lower case and values, in the order of the wire.
    pub headers: Vec<(String, String)>,
    /// The body as it was on the wire, before any chunk framing was taken off.
    pub body: BodyRecord,
    /// Who signed, when the signature held.
    pub signer: Option<Signer>,
    /// The service by its signing name; empty when the request did not say.
    pub service: String,
    /// The operation, or empty when the lab could not name it.
    pub operation: String,
    /// Action and resource of each authorization that was asked for, in order.
    pub accesses: Vec<(String, String)>,
    /// What the lab answered.
    pub verdict: Verdict,
}

/// A body on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodyRecord {
    /// Bytes received.
    pub length: u64,
    /// SHA-256 of the bytes received, lower-case hexadecimal.
    pub sha256: String,
    /// The first bytes, up to the bound of the lab's configuration.
    pub head: Vec<u8>,
    /// Whether the body arrived to its end.
    pub complete: bool,
}

impl BodyRecord {
    /// The kept head as text, for bodies that are text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.head).into_owned()
    }
}

/// Whose signature held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    /// The access key id that signed.
    pub key_id: String,
    /// The principal's ARN: a user, or `assumed-role/ROLE/SESSION`.
    pub arn: String,
    /// The role session name, for sessions.
    pub session_name: Option<String>,
    /// The source identity that the session carries.
    pub source_identity: Option<String>,
    /// The inline session policy as it was sent to STS.
    pub session_policy: Option<String>,
}

/// What the lab answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The operation ran; the HTTP status.
    Done {
        /// The HTTP status of the answer.
        status: u16,
    },
    /// The operation did not run.
    Refused {
        /// The HTTP status of the answer.
        status: u16,
        /// The service's error code.
        code: String,
        /// The service's message.
        message: String,
    },
}

impl Entry {
    /// The first value of a header, by its lower-case name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// Whether the operation ran.
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(self.verdict, Verdict::Done { .. })
    }

    /// The error code of a refusal.
    #[must_use]
    pub fn refusal(&self) -> Option<&str> {
        match &self.verdict {
            Verdict::Done { .. } => None,
            Verdict::Refused { code, .. } => Some(code),
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        let verdict = match &self.verdict {
            Verdict::Done { status } => json!({"done": true, "status": status}),
            Verdict::Refused {
                status,
                code,
                message,
            } => {
                json!({"done": false, "status": status, "code": code, "message": message})
            }
        };
        json!({
            "sequence": self.sequence,
            "at": self.at.to_string(),
            "method": self.method,
            "target": self.target,
            "headers": self.headers,
            "body": {
                "length": self.body.length,
                "sha256": self.body.sha256,
                "head": self.body.text(),
                "complete": self.body.complete,
            },
            "signer": self.signer.as_ref().map(|signer| json!({
                "key_id": signer.key_id,
                "arn": signer.arn,
                "session_name": signer.session_name,
                "source_identity": signer.source_identity,
                "session_policy": signer.session_policy,
            })),
            "service": self.service,
            "operation": self.operation,
            "accesses": self.accesses,
            "verdict": verdict,
        })
    }
}

/// The log itself.
#[derive(Debug, Default)]
pub(crate) struct Log {
    entries: VecDeque<Entry>,
    recorded: u64,
}

impl Log {
    /// Numbers the entry and keeps it.
    pub(crate) fn record(&mut self, mut entry: Entry) {
        self.recorded += 1;
        entry.sequence = self.recorded;
        if self.entries.len() == KEPT_ENTRIES {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
    }

    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.entries.iter().cloned().collect()
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn to_json(&self) -> Value {
        let entries: Vec<Value> = self.entries.iter().map(Entry::to_json).collect();
        let dropped = self.recorded - self.entries.len() as u64;
        json!({"entries": entries, "dropped": dropped})
    }
}
