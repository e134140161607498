//! Passkeys (WebAuthn): a person proves who they are by a key pair whose private half never leaves
//! their authenticator, after it looked at the person (a finger, a face, a PIN).
//!
//! ```text
//! add      signed in, just now ─► question ─► public half, name, count     kept
//! sign in  nobody yet          ─► question ─► signature ─► who, and a link
//! ```
//! Takes the origin that browsers reach us by, answers of authenticators, and what is kept of each
//! passkey; gives questions, and what is to be kept. `webauthn_rp` verifies; this says what must hold:
//! our name and our origin (with its port: a page that an agent serves on another port of this machine
//! may ask the same authenticator), the user verified, each question answered once and in time, a count of
//! signatures that never goes back.
//!
//! Passkeys are discoverable: nobody types a name, and whoever can reach us is not told who has
//! passkeys, which asking for the keys of a name would.

mod ceremony;

use crate::plane::Origin;
use ceremony::Ceremonies;
use cordon_core::names::Person;
use cordon_store::{Passkey, PasskeyUse};
use jiff::Timestamp;
use serde_json::Value;
use webauthn_rp::bin::{Decode as _, Encode as _};
use webauthn_rp::request::auth::{AuthenticationVerificationOptions, SignatureCounterEnforcement};
use webauthn_rp::request::register::{
    CredProtect, PublicKeyCredentialUserEntity, RegistrationVerificationOptions, UserHandle64,
};
use webauthn_rp::request::{
    AsciiDomain, ExtensionInfo, PublicKeyCredentialDescriptor, RpId, TimedCeremony as _,
};
use webauthn_rp::response::auth::error::AuthCeremonyErr;
use webauthn_rp::response::register::error::RegCeremonyErr;
use webauthn_rp::response::register::{CompressedPubKey, DynamicState, StaticState};
use webauthn_rp::response::{AuthTransports, CredentialId};
use webauthn_rp::{
    AuthenticatedCredential, DiscoverableAuthentication64, DiscoverableAuthenticationServerState,
    DiscoverableCredentialRequestOptions, PublicKeyCredentialCreationOptions, Registration,
    RegistrationServerState,
};

/// What browsers bind passkeys to, and the questions that wait for an answer.
pub(crate) struct Passkeys {
    name: RpId,
    origin: Box<str>,
    adding: Ceremonies<Adding>,
    signing: Ceremonies<DiscoverableAuthenticationServerState>,
}

/// A passkey on its way to be added.
struct Adding {
    person: Person,
    handle: UserHandle64,
    state: RegistrationServerState<64>,
}

/// An answer to the question who signs in.
pub(crate) struct Assertion(DiscoverableAuthentication64);

/// Why a passkey is not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PasskeyError {
    #[error("the answer of the authenticator cannot be read: {0}")]
    Unreadable(String),
    #[error("this answer was used before, or nobody here asked for it")]
    Spent,
    #[error("this answer came too late: there are 5 minutes for it")]
    Late,
    #[error("this answer was made for another page than ours")]
    WrongOrigin,
    #[error("the authenticator did not look who uses it: no PIN, no finger, no face")]
    NotVerified,
    #[error("this answer is another person's")]
    OtherPerson,
    #[error("this authenticator has signed as often before: there may be a copy of it")]
    Copied,
    #[error("the answer of the authenticator is not believed: {0}")]
    Disbelieved(String),
    #[error("what is kept of the passkey cannot be read")]
    Kept,
}

type PublicKey = CompressedPubKey<[u8; 32], [u8; 32], [u8; 48], Vec<u8>>;

impl Passkeys {
    /// Passkeys of pages at `origin`, where browsers have any there.
    pub(crate) fn at(origin: &Origin) -> Option<Self> {
        let domain = AsciiDomain::try_from(origin.domain()?.to_owned()).ok()?;
        Some(Self {
            name: RpId::Domain(domain),
            origin: origin.to_string().into(),
            adding: Ceremonies::new(),
            signing: Ceremonies::new(),
        })
    }

    /// Where the pages are that may ask for passkeys.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// What to ask of the authenticator of `person`, who has these passkeys.
    pub(crate) fn begin_adding(
        &self,
        person: &Person,
        known: &[Passkey],
        now: Timestamp,
    ) -> Result<Value, PasskeyError> {
        let handles = known.iter().map(|passkey| passkey.handle.to_vec());
        let handle = handles
            .filter_map(|handle| <[u8; 64]>::try_from(handle).ok())
            .find_map(|handle| UserHandle64::decode(handle).ok())
            .unwrap_or_else(UserHandle64::new);
        let user = PublicKeyCredentialUserEntity {
            name: person.as_str().try_into().map_err(disbelieved)?,
            id: &handle,
            display_name: None,
        };
        // One that was taken back may be added again, under another name.
        let standing = known.iter().filter(|passkey| passkey.revoked.is_none());
        let standing = standing.filter_map(|passkey| {
            Some(PublicKeyCredentialDescriptor {
                id: CredentialId::<Vec<u8>>::decode(passkey.credential.to_vec()).ok()?,
                transports: AuthTransports::decode(0).ok()?,
            })
        });
        let mut options =
            PublicKeyCredentialCreationOptions::passkey(&self.name, user, standing.collect());
        // Asked for and not insisted on: many authenticators know no such protection, and whether they
        // looked at the person is verified each time.
        options.extensions.cred_protect =
            CredProtect::UserVerificationRequired(ExtensionInfo::AllowDontEnforceValue);
        let (state, question) = options.start_ceremony().map_err(disbelieved)?;
        let question = serde_json::to_value(&question).map_err(disbelieved)?;
        let challenge = state.sent_challenge().0;
        let adding = Adding {
            person: person.clone(),
            handle,
            state,
        };
        self.adding.begin(challenge, adding, now);
        Ok(question)
    }

    /// The passkey that `person` adds by this answer.
    pub(crate) fn add(
        &self,
        person: &Person,
        answer: &Value,
        name: Box<str>,
        now: Timestamp,
    ) -> Result<Passkey, PasskeyError> {
        let answer = serde_json::to_vec(answer).map_err(unreadable)?;
        let answer = Registration::from_json_relaxed(&answer).map_err(unreadable)?;
        let challenge = answer.challenge_relaxed().map_err(unreadable)?.0;
        let adding = self
            .adding
            .take(challenge, now, |adding| adding.person == *person)?;
        let options = RegistrationVerificationOptions::<'_, '_, &str, &str> {
            allowed_origins: &[&self.origin],
            // None is asked for; what browsers add of themselves is not kept.
            error_on_unsolicited_extensions: false,
            ..Default::default()
        };
        let verified = adding.state.verify(&self.name, &answer, &options)?;
        let state = verified.dynamic_state();
        let Ok(key) = verified.static_state().encode();
        let Ok(written) = state.encode();
        Ok(Passkey {
            credential: verified.id().as_ref().into(),
            person: adding.person,
            handle: adding.handle.as_ref().into(),
            key: key.into(),
            state: written.into(),
            counter: state.sign_count,
            name,
            added: now,
            used: None,
            revoked: None,
        })
    }

    /// What to ask of the authenticator of whoever wants to sign in.
    pub(crate) fn begin_sign_in(&self, now: Timestamp) -> Result<Value, PasskeyError> {
        let options = DiscoverableCredentialRequestOptions::passkey(&self.name);
        let (state, question) = options.start_ceremony().map_err(disbelieved)?;
        let question = serde_json::to_value(&question).map_err(disbelieved)?;
        self.signing.begin(state.sent_challenge().0, state, now);
        Ok(question)
    }

    /// The question that is answered, which is over by that.
    pub(crate) fn asked(
        &self,
        answer: &Assertion,
        now: Timestamp,
    ) -> Result<DiscoverableAuthenticationServerState, PasskeyError> {
        let challenge = answer.0.challenge_relaxed().map_err(unreadable)?.0;
        self.signing.take(challenge, now, |_| true)
    }

    /// What is to be kept once the answer proves that it comes from `passkey`.
    pub(crate) fn verify(
        &self,
        asked: DiscoverableAuthenticationServerState,
        answer: &Assertion,
        passkey: &Passkey,
        now: Timestamp,
    ) -> Result<PasskeyUse, PasskeyError> {
        let handle = <[u8; 64]>::try_from(&*passkey.handle).map_err(|_| PasskeyError::Kept)?;
        let handle = UserHandle64::decode(handle).map_err(|_| PasskeyError::Kept)?;
        let state = <[u8; 7]>::try_from(&*passkey.state).map_err(|_| PasskeyError::Kept)?;
        let mut credential = AuthenticatedCredential::new(
            CredentialId::<&[u8]>::decode(&passkey.credential).map_err(|_| PasskeyError::Kept)?,
            &handle,
            StaticState::<PublicKey>::decode(&passkey.key).map_err(|_| PasskeyError::Kept)?,
            DynamicState::decode(state).map_err(|_| PasskeyError::Kept)?,
        )
        .map_err(|_| PasskeyError::Kept)?;
        let options = AuthenticationVerificationOptions::<'_, '_, &str, &str> {
            allowed_origins: &[&self.origin],
            error_on_unsolicited_extensions: false,
            sig_counter_enforcement: SignatureCounterEnforcement::Fail,
            ..Default::default()
        };
        asked.verify(&self.name, &answer.0, &mut credential, &options)?;
        let state = credential.dynamic_state();
        let Ok(written) = state.encode();
        Ok(PasskeyUse {
            credential: passkey.credential.clone(),
            state: written.into(),
            counter: state.sign_count,
            at: now,
        })
    }
}

impl Assertion {
    /// Reads what a page was given by `navigator.credentials.get`.
    pub(crate) fn read(answer: &Value) -> Result<Self, PasskeyError> {
        let answer = serde_json::to_vec(answer).map_err(unreadable)?;
        let answer = DiscoverableAuthentication64::from_json_relaxed(&answer);
        answer.map(Self).map_err(unreadable)
    }

    /// What the authenticator calls the passkey.
    pub(crate) fn credential(&self) -> Vec<u8> {
        self.0.raw_id().as_ref().to_vec()
    }
}

fn unreadable(error: impl std::fmt::Display) -> PasskeyError {
    PasskeyError::Unreadable(error.to_string())
}

fn disbelieved(error: impl std::fmt::Display) -> PasskeyError {
    PasskeyError::Disbelieved(error.to_string())
}

impl From<RegCeremonyErr> for PasskeyError {
    fn from(error: RegCeremonyErr) -> Self {
        match error {
            RegCeremonyErr::Timeout => Self::Late,
            RegCeremonyErr::OriginMismatch
            | RegCeremonyErr::CrossOrigin
            | RegCeremonyErr::TopOriginMismatch
            | RegCeremonyErr::RpIdHashMismatch => Self::WrongOrigin,
            RegCeremonyErr::UserNotVerified => Self::NotVerified,
            other => disbelieved(other),
        }
    }
}

impl From<AuthCeremonyErr> for PasskeyError {
    fn from(error: AuthCeremonyErr) -> Self {
        match error {
            AuthCeremonyErr::Timeout => Self::Late,
            AuthCeremonyErr::OriginMismatch
            | AuthCeremonyErr::CrossOrigin
            | AuthCeremonyErr::TopOriginMismatch
            | AuthCeremonyErr::RpIdHashMismatch => Self::WrongOrigin,
            AuthCeremonyErr::UserNotVerified => Self::NotVerified,
            AuthCeremonyErr::UserHandleMismatch => Self::OtherPerson,
            AuthCeremonyErr::SignatureCounter => Self::Copied,
            other => disbelieved(other),
        }
    }
}
