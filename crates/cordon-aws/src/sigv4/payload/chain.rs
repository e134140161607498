//! The chain of chunk signatures: each covers the one before it, the first the signature of the
//! head, so that chunks can be neither reordered, dropped nor taken from another request.

use crate::sigv4::canonical::{sha256, write_hex, write_scope};
use crate::sigv4::key::DerivedKey;
use crate::sigv4::{CredentialScope, DateTime};

/// The state of one chain, for checking it and for making it.
#[derive(Debug, Clone)]
pub(in crate::sigv4) struct Chain {
    key: DerivedKey,
    at: DateTime,
    scope: CredentialScope,
    previous: [u8; 32],
}

impl Chain {
    /// A chain that starts at `seed`, the signature of the head.
    pub(in crate::sigv4) fn new(
        key: DerivedKey,
        at: DateTime,
        scope: CredentialScope,
        seed: [u8; 32],
    ) -> Self {
        Self {
            key,
            at,
            scope,
            previous: seed,
        }
    }

    /// The signature of the next chunk, whose data has this SHA-256.
    pub(super) fn chunk(&mut self, data: [u8; 32]) -> [u8; 32] {
        let mut text = self.start("AWS4-HMAC-SHA256-PAYLOAD");
        // The place of headers that no chunk has: the hash of nothing.
        write_hex(&mut text, &sha256(b""));
        text.push(b'\n');
        write_hex(&mut text, &data);
        self.link(&text)
    }

    /// The signature of the trailer, given as `name:value\n`.
    pub(super) fn trailer(&mut self, line: &str) -> [u8; 32] {
        let mut text = self.start("AWS4-HMAC-SHA256-TRAILER");
        write_hex(&mut text, &sha256(line.as_bytes()));
        self.link(&text)
    }

    fn start(&self, algorithm: &str) -> Vec<u8> {
        let mut text = Vec::with_capacity(320);
        for part in [algorithm, "\n", self.at.as_str(), "\n"] {
            text.extend_from_slice(part.as_bytes());
        }
        write_scope(&mut text, &self.scope);
        text.push(b'\n');
        write_hex(&mut text, &self.previous);
        text.push(b'\n');
        text
    }

    fn link(&mut self, text: &[u8]) -> [u8; 32] {
        self.previous = self.key.sign(text);
        self.previous
    }
}
