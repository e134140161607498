//! One sign-in under way, bound to the browser that began it. The browser keeps a cookie; state, nonce
//! and the verifier of PKCE are computed from it under a key that only this process has. So nothing is
//! stored for who only begins, and whoever has no cookie of ours ends nothing.

use super::OidcError;
use crate::secret::{self, FLOW, NoRandom, Secret};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::{SignedDuration, Timestamp};
use sha2::Sha256;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// How long a person may take at the provider.
pub(crate) const LIFETIME: SignedDuration = SignedDuration::from_mins(10);

/// Begins sign-ins, and ends each once.
pub(crate) struct Flows {
    key: [u8; 64],
    /// The states of sign-ins that ended well and could be sent again, and when they did.
    ended: Mutex<HashMap<String, Timestamp>>,
}

/// A sign-in under way.
pub(crate) struct Flow {
    /// What the browser keeps.
    pub(crate) cookie: String,
    /// What comes back through the browser.
    pub(crate) state: String,
    /// What comes back in the ID token.
    pub(crate) nonce: String,
    /// What proves to the provider that who asks for the token is who began.
    pub(crate) verifier: String,
}

impl Flows {
    pub(crate) fn new() -> Result<Self, NoRandom> {
        let mut key = [0; 64];
        getrandom::fill(&mut key).map_err(|_| NoRandom)?;
        Ok(Self {
            key,
            ended: Mutex::default(),
        })
    }

    /// A new sign-in.
    pub(crate) fn begin(&self, now: Timestamp) -> Result<Flow, NoRandom> {
        let secret = Secret::new(FLOW)?;
        Ok(self.of(format!("{}.{}", secret.expose(), now.as_second())))
    }

    /// The sign-in that a browser comes back from.
    pub(crate) fn resume(
        &self,
        cookie: &str,
        state: &str,
        now: Timestamp,
    ) -> Result<Flow, OidcError> {
        let unknown = OidcError::Disbelieved("this browser did not begin this sign-in");
        let begun = cookie
            .split_once('.')
            .filter(|(secret, _)| secret::is_one(FLOW, secret))
            .and_then(|(_, second)| second.parse().ok())
            .and_then(|second| Timestamp::from_second(second).ok());
        let (Some(begun), Ok(tag)) = (begun, hex::decode(state)) else {
            return Err(unknown);
        };
        // Compared in constant time.
        if self.mac("state", cookie).verify_slice(&tag).is_err() {
            return Err(unknown);
        }
        let flow = self.of(cookie.to_owned());
        let over = now.duration_since(begun) >= LIFETIME || now < begun;
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.retain(|_, at| now.duration_since(*at) < LIFETIME);
        match over || ended.contains_key(&flow.state) {
            true => Err(OidcError::Disbelieved(
                "this sign-in is over: it was used, or took longer than 10 minutes",
            )),
            false => Ok(flow),
        }
    }

    /// Ends a sign-in; of two that end the same one at the same moment one does.
    pub(crate) fn end(&self, flow: Flow, now: Timestamp) -> Result<(), OidcError> {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        match ended.insert(flow.state, now) {
            None => Ok(()),
            Some(_) => Err(OidcError::Disbelieved("this sign-in was used")),
        }
    }

    fn of(&self, cookie: String) -> Flow {
        let value = |what| hex::encode(self.mac(what, &cookie).finalize().into_bytes());
        Flow {
            state: value("state"),
            nonce: value("nonce"),
            verifier: value("verifier"),
            cookie,
        }
    }

    fn mac(&self, what: &str, cookie: &str) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new(&self.key.into());
        mac.update(what.as_bytes());
        mac.update(b"\n");
        mac.update(cookie.as_bytes());
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn only_the_browser_that_began_ends_a_sign_in_and_once() {
        let flows = Flows::new().unwrap();
        let mine = flows.begin(at(100)).unwrap();
        let other = flows.begin(at(100)).unwrap();
        let resumed = flows.resume(&mine.cookie, &mine.state, at(200)).unwrap();
        assert_eq!(
            (&resumed.nonce, &resumed.verifier),
            (&mine.nonce, &mine.verifier)
        );
        let later = mine.cookie.replace(".100", ".150");
        let elsewhere = Flows::new().unwrap();
        for (flows, cookie, state, now) in [
            (&flows, mine.cookie.as_str(), other.state.as_str(), 200),
            (&flows, &other.cookie, &mine.state, 200),
            (&flows, &mine.cookie, &mine.nonce, 200),
            (&flows, &mine.cookie, "", 200),
            (&flows, "", "", 200),
            (&flows, &later, &mine.state, 200),
            (&flows, &mine.cookie, &mine.state, 700),
            (&flows, &mine.cookie, &mine.state, 99),
            (&elsewhere, &mine.cookie, &mine.state, 200),
        ] {
            assert!(
                flows.resume(cookie, state, at(now)).is_err(),
                "{cookie} {state} {now}"
            );
        }
        let twice = flows.resume(&mine.cookie, &mine.state, at(200)).unwrap();
        flows.end(resumed, at(200)).unwrap();
        assert!(flows.end(twice, at(200)).is_err());
        assert!(flows.resume(&mine.cookie, &mine.state, at(201)).is_err());
        assert!(flows.resume(&other.cookie, &other.state, at(201)).is_ok());
    }
}
