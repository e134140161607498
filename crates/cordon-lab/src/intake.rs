//! Receiving a body, once, as it comes.
//!
//! Takes the body of a request and a [`Plan`]; gives a [`Body`]: what was on the wire (for the
//! log), the content without chunk framing, and the digests that were asked for. A body that
//! is longer than the plan keeps is still hashed to its end, so that size, `ETag` and checksums
//! are true even where the content is not kept.

use std::collections::BTreeMap;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use sha2::{Digest as _, Sha256};

use crate::digest::{Algorithm, Hasher};
use crate::log::BodyRecord;
use crate::signature::SignatureFault;
use crate::signature::chunked::Decoder;

/// How to receive a body.
pub(crate) struct Plan {
    pub(crate) framing: Option<Decoder>,
    pub(crate) algorithms: Vec<Algorithm>,
    /// Content is kept up to this many bytes.
    pub(crate) keep: u64,
    /// The log keeps this many bytes of the wire.
    pub(crate) head: usize,
    /// More bytes than this are not received.
    pub(crate) limit: u64,
}

/// A received body.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) record: BodyRecord,
    /// The content, unless it is longer than what is kept.
    pub(crate) content: Option<Bytes>,
    /// Length of the content.
    pub(crate) length: u64,
    pub(crate) digests: BTreeMap<Algorithm, Vec<u8>>,
    pub(crate) trailers: Vec<(String, String)>,
    /// What was wrong with the chunks.
    pub(crate) fault: Option<SignatureFault>,
}

impl Body {
    /// The content, for operations that need all of it.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.content.as_deref().unwrap_or_default()
    }
}

/// Receives a body to its end, its limit or its failure.
pub(crate) async fn receive(mut body: hyper::body::Incoming, plan: Plan) -> Body {
    let mut intake = Intake::new(plan);
    let complete = loop {
        match body.frame().await {
            None => break true,
            Some(Err(_)) => break false,
            Some(Ok(frame)) => {
                let Ok(data) = frame.into_data() else {
                    continue;
                };
                if !intake.take(&data) {
                    break false;
                }
            }
        }
    };
    intake.finish(complete)
}

struct Intake {
    framing: Option<Decoder>,
    limit: u64,
    head_limit: usize,
    raw: Sha256,
    raw_length: u64,
    head: Vec<u8>,
    content: Content,
    fault: Option<SignatureFault>,
}

struct Content {
    keep: u64,
    length: u64,
    bytes: Option<Vec<u8>>,
    hashers: Vec<(Algorithm, Hasher)>,
}

impl Content {
    fn take(&mut self, data: &[u8]) {
        self.length += data.len() as u64;
        self.hashers
            .iter_mut()
            .for_each(|(_, hasher)| hasher.update(data));
        match &mut self.bytes {
            Some(bytes) if self.length <= self.keep => bytes.extend_from_slice(data),
            _ => self.bytes = None,
        }
    }
}

impl Intake {
    fn new(plan: Plan) -> Self {
        Self {
            framing: plan.framing,
            limit: plan.limit,
            head_limit: plan.head,
            raw: Sha256::new(),
            raw_length: 0,
            head: Vec::new(),
            content: Content {
                keep: plan.keep,
                length: 0,
                bytes: Some(Vec::new()),
                hashers: plan
                    .algorithms
                    .into_iter()
                    .map(|name| (name, Hasher::new(name)))
                    .collect(),
            },
            fault: None,
        }
    }

    /// Takes a piece; false when the limit is passed.
    fn take(&mut self, data: &[u8]) -> bool {
        self.raw_length += data.len() as u64;
        self.raw.update(data);
        let room = self.head_limit.saturating_sub(self.head.len());
        self.head.extend(data.iter().take(room));
        let content = &mut self.content;
        match &mut self.framing {
            None => content.take(data),
            Some(_) if self.fault.is_some() => {}
            Some(decoder) => {
                let pushed = decoder.push(data, &mut |data| content.take(data));
                self.fault = pushed.err();
            }
        }
        self.raw_length <= self.limit
    }

    fn finish(mut self, complete: bool) -> Body {
        let mut trailers = Vec::new();
        match self.framing.map(Decoder::finish) {
            Some(Ok(found)) => trailers = found,
            Some(Err(fault)) => self.fault = self.fault.or(Some(fault)),
            None => {}
        }
        Body {
            record: BodyRecord {
                length: self.raw_length,
                sha256: hex::encode(self.raw.finalize()),
                head: self.head,
                complete,
            },
            content: self.content.bytes.map(Bytes::from),
            length: self.content.length,
            digests: self
                .content
                .hashers
                .into_iter()
                .map(|(name, hasher)| (name, hasher.finish()))
                .collect(),
            trailers,
            fault: self.fault,
        }
    }
}
