//! No minted credential ever comes down: every byte of every answer is looked through.
//!
//! Takes the credentials that calls are signed with; finds any of them, in the spellings that
//! answers have (plain, JSON with `\/`, percent-encoded), across the borders of pieces. Only the
//! end of a long session token is looked for: without it a token is worth nothing, and what is
//! held back between two pieces stays short.

use aho_corasick::{AhoCorasick, MatchKind};
use arc_swap::ArcSwap;
use bytes::{Bytes, BytesMut};
use cordon_core::sign::Minted;
use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use zeroize::Zeroizing;

/// Bytes of a token's end that identify it.
const TOKEN_END: usize = 48;
/// Credential sets that are watched for at one time; the one that ends first gives way. The
/// broker keeps fewer.
const WATCHED: usize = 1_024;

/// The credentials that are watched for.
#[derive(Debug)]
pub(crate) struct Watch {
    needles: ArcSwap<Needles>,
    minted: Mutex<HashMap<Box<str>, Secrets>>,
}

/// What is looked for at one moment.
pub(crate) struct Needles {
    automaton: Option<AhoCorasick>,
    /// For the end of a piece: could a needle begin here? Sorted.
    texts: Vec<Zeroizing<Vec<u8>>>,
    /// Which bytes a needle begins with, by their value: most bytes of an answer are none of them.
    first: [bool; 256],
    longest: usize,
    known: std::collections::HashSet<Box<str>>,
}

struct Secrets {
    texts: Vec<Zeroizing<Vec<u8>>>,
    expires: Timestamp,
}

/// A credential was found.
#[derive(Debug, thiserror::Error)]
#[error("the answer holds a minted credential")]
pub(crate) struct Leak;

/// Looks through one body.
#[derive(Debug)]
pub(crate) struct Scan {
    needles: Arc<Needles>,
    /// The end of what was seen, which may be the beginning of a needle.
    held: BytesMut,
}

impl Watch {
    pub(crate) fn new() -> Self {
        Self {
            needles: ArcSwap::from_pointee(Needles::of(&HashMap::new())),
            minted: Mutex::new(HashMap::new()),
        }
    }

    /// Watches for `minted` as long as it is good for anything.
    pub(crate) fn add(&self, minted: &Minted, now: Timestamp) {
        let key_id = minted.credentials.key_id().as_str();
        if self.needles.load().known.contains(key_id) {
            return;
        }
        let mut all = self.minted.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, secrets| secrets.expires > now);
        if all.len() >= WATCHED {
            let first = all.iter().min_by_key(|(_, secrets)| secrets.expires);
            if let Some(key_id) = first.map(|(key_id, _)| key_id.clone()) {
                all.remove(&key_id);
            }
        }
        all.insert(key_id.into(), Secrets::of(minted));
        self.needles.store(Arc::new(Needles::of(&all)));
    }

    pub(crate) fn needles(&self) -> Arc<Needles> {
        self.needles.load_full()
    }
}

impl Secrets {
    fn of(minted: &Minted) -> Self {
        let credentials = &minted.credentials;
        let token = credentials.token().map_or("", |token| token.expose());
        let end = token.len().saturating_sub(TOKEN_END);
        let plain = [
            credentials.key_id().as_str(),
            credentials.keys().secret().expose(),
            token.get(end..).unwrap_or(token),
        ];
        let mut texts: Vec<Zeroizing<Vec<u8>>> = plain
            .into_iter()
            .filter(|text| !text.is_empty())
            .flat_map(|text| {
                let json = text.replace('/', "\\/");
                let percent = text
                    .replace('/', "%2F")
                    .replace('+', "%2B")
                    .replace('=', "%3D");
                [text.to_owned(), json, percent]
            })
            .map(|text| Zeroizing::new(text.into_bytes()))
            .collect();
        texts.sort_by(|one, other| one.as_slice().cmp(other.as_slice()));
        texts.dedup();
        Self {
            texts,
            expires: minted.expires,
        }
    }
}

impl Needles {
    fn of(all: &HashMap<Box<str>, Secrets>) -> Self {
        let mut texts: Vec<_> = all
            .values()
            .flat_map(|secrets| secrets.texts.clone())
            .collect();
        texts.sort_unstable_by(|one, other| one.as_slice().cmp(other.as_slice()));
        let begins = |byte| texts.iter().any(|text| text.first() == Some(&byte));
        Self {
            first: std::array::from_fn(|byte| u8::try_from(byte).is_ok_and(begins)),
            // The needles are few and short: building fails only for sizes far beyond.
            automaton: AhoCorasick::builder()
                .match_kind(MatchKind::LeftmostFirst)
                .build(texts.iter().map(|text| text.as_slice()))
                .ok()
                .filter(|_| !texts.is_empty()),
            longest: texts.iter().map(|text| text.len()).max().unwrap_or(0),
            texts,
            known: all.keys().cloned().collect(),
        }
    }

    /// Whether `bytes` holds a needle.
    pub(crate) fn are_in(&self, bytes: &[u8]) -> bool {
        self.automaton
            .as_ref()
            .is_some_and(|automaton| automaton.is_match(bytes))
    }

    /// How many bytes at the end of `bytes` may be the beginning of a needle.
    fn open_end(&self, bytes: &[u8]) -> usize {
        let most = self.longest.saturating_sub(1).min(bytes.len());
        (1..=most)
            .rev()
            .find(|length| {
                let end = bytes.get(bytes.len() - length..).unwrap_or_default();
                let first = end.first().map(|byte| usize::from(*byte));
                if first.and_then(|byte| self.first.get(byte)) != Some(&true) {
                    return false;
                }
                // Texts that begin with it come first among those that are not before it.
                let at = self.texts.partition_point(|text| text.as_slice() < end);
                self.texts.get(at).is_some_and(|text| text.starts_with(end))
            })
            .unwrap_or(0)
    }
}

impl Scan {
    pub(crate) fn new(needles: Arc<Needles>) -> Self {
        Self {
            needles,
            held: BytesMut::new(),
        }
    }

    /// Looks through `piece`; gives what may go on.
    pub(crate) fn pass(&mut self, piece: Bytes) -> Result<Bytes, Leak> {
        let mut seen = match self.held.is_empty() {
            true => piece,
            false => {
                self.held.extend_from_slice(&piece);
                std::mem::take(&mut self.held).freeze()
            }
        };
        if self.needles.are_in(&seen) {
            return Err(Leak);
        }
        let open = self.needles.open_end(&seen);
        if open > 0 {
            let held = seen.split_off(seen.len() - open);
            self.held.extend_from_slice(&held);
        }
        Ok(seen)
    }

    /// What was held back, now that nothing more comes.
    pub(crate) fn finish(&mut self) -> Bytes {
        std::mem::take(&mut self.held).freeze()
    }
}

impl std::fmt::Debug for Needles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Needles({} redacted)", self.texts.len())
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets(redacted)")
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "tests"
)]
mod tests {
    use super::*;
    use cordon_aws::sigv4::{SecretKey, SigningCredentials};

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLE+KY";
    const TOKEN: &str =
        "IQoJb3JpZ2luX2VjAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAtheEndOfIt==";

    fn watch() -> Watch {
        let watch = Watch::new();
        watch.add(&minted("ASIAEXAMPLEEXAMPLE12", 1_000), at(0));
        watch
    }

    fn minted(key_id: &str, expires: i64) -> Minted {
        Minted {
            credentials: SigningCredentials::new(
                key_id.parse().unwrap(),
                SecretKey::new(SECRET.to_owned()),
                Some(SecretKey::new(TOKEN.to_owned())),
            ),
            expires: at(expires),
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// What comes through when `text` arrives in pieces of `size` bytes.
    fn pass(text: &str, size: usize) -> Result<String, String> {
        let mut scan = Scan::new(watch().needles());
        let mut through = Vec::new();
        for piece in text.as_bytes().chunks(size) {
            match scan.pass(Bytes::copy_from_slice(piece)) {
                Ok(piece) => through.extend_from_slice(&piece),
                Err(Leak) => return Err(String::from_utf8(through).unwrap()),
            }
        }
        through.extend_from_slice(&scan.finish());
        Ok(String::from_utf8(through).unwrap())
    }

    #[test]
    fn a_credential_never_passes_in_pieces_of_any_size() {
        let encoded = SECRET.replace('/', "%2F").replace('+', "%2B");
        for secret in [
            "ASIAEXAMPLEEXAMPLE12",
            SECRET,
            TOKEN,
            &SECRET.replace('/', "\\/"),
            &encoded,
        ] {
            let text = format!("<a>wJal ASIA {secret}</a>");
            for size in 1..=text.len() {
                let through = pass(&text, size).unwrap_err();
                assert!(
                    !through.contains(&secret[secret.len().saturating_sub(20)..]),
                    "{size}"
                );
                assert!(
                    "<a>wJal ASIA ".starts_with(&through) || secret == TOKEN,
                    "{through}"
                );
            }
        }
    }

    #[test]
    fn everything_else_passes_unchanged() {
        for text in [
            "",
            "plain",
            "ASIAEXAMPLEEXAMPLE1",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLE+K",
            "AAAAASIA",
            "ASIAEXAMPLEEXAMPLE13",
        ] {
            for size in 1..=text.len().max(1) {
                assert_eq!(pass(text, size).unwrap(), text);
            }
        }
    }

    #[test]
    fn credentials_that_ended_are_forgotten() {
        let watch = watch();
        watch.add(&minted("ASIAEXAMPLEEXAMPLE99", 3_000), at(2_000));
        assert!(!watch.needles().are_in(b"ASIAEXAMPLEEXAMPLE12"));
        assert!(watch.needles().are_in(b"ASIAEXAMPLEEXAMPLE99"));
    }
}
