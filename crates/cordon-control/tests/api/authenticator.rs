//! An authenticator with one passkey, and the browser that asks it, both made by others: what they
//! answer is what a page is given.

use super::harness::{Answer, Stage, post};
use passkey_authenticator::{Authenticator, UiHint, UserCheck, UserValidationMethod};
use passkey_client::{Client, DefaultClientData};
use passkey_crypto::rust_crypto::RustCryptoBackend;
use passkey_types::Passkey;
use passkey_types::ctap2::{Aaguid, Ctap2Error};
use serde_json::{Value, json};

/// An authenticator.
#[derive(Clone)]
pub(crate) struct Device {
    passkey: Option<Passkey>,
    counts: bool,
    looks: bool,
}

/// Whoever holds the authenticator.
struct User {
    is_looked_at: bool,
}

#[async_trait::async_trait]
impl UserValidationMethod for User {
    type PasskeyItem = Passkey;

    async fn check_user<'a>(
        &self,
        _: UiHint<'a, Passkey>,
        _: bool,
        _: bool,
    ) -> Result<UserCheck, Ctap2Error> {
        Ok(UserCheck {
            presence: true,
            verification: self.is_looked_at,
        })
    }

    fn is_presence_enabled(&self) -> bool {
        true
    }

    fn is_verification_enabled(&self) -> Option<bool> {
        Some(true)
    }
}

impl Device {
    pub(crate) fn new() -> Self {
        Self {
            passkey: None,
            counts: false,
            looks: true,
        }
    }

    /// One that counts its signatures.
    pub(crate) fn counting() -> Self {
        Self {
            counts: true,
            ..Self::new()
        }
    }

    /// One that whoever finds it can use.
    pub(crate) fn careless() -> Self {
        Self {
            looks: false,
            ..Self::new()
        }
    }

    /// The same in the hands of who found it, and got around its looking.
    pub(crate) fn found(&self) -> Self {
        Self {
            looks: false,
            ..self.clone()
        }
    }

    fn client(
        &self,
    ) -> Client<
        Option<Passkey>,
        User,
        RustCryptoBackend,
        impl public_suffix::EffectiveTLDProvider + Sync + 'static + use<>,
        (),
    > {
        let user = User {
            is_looked_at: self.looks,
        };
        let store = self.passkey.clone();
        let mut device = Authenticator::new(Aaguid::new_empty(), store, user, RustCryptoBackend);
        device.set_make_credentials_with_signature_counter(self.counts);
        Client::new(device).allows_insecure_localhost(true)
    }

    /// What a page at `origin` is given for a new passkey.
    pub(crate) async fn create(&mut self, origin: &str, question: &Value) -> Value {
        let mut client = self.client();
        let question = serde_json::from_value(self.as_it_asks(question)).unwrap();
        let origin: url::Url = origin.parse().unwrap();
        let made = client.register(origin, question, DefaultClientData).await;
        let made = serde_json::to_value(made.unwrap()).unwrap();
        self.passkey = client.authenticator().store().clone();
        made
    }

    /// What a page at `origin` is given for who signs in.
    pub(crate) async fn get(&mut self, origin: &str, question: &Value) -> Value {
        let mut client = self.client();
        let question = serde_json::from_value(self.as_it_asks(question)).unwrap();
        let origin: url::Url = origin.parse().unwrap();
        let signed = client.authenticate(origin, question, DefaultClientData);
        let signed = serde_json::to_value(signed.await.unwrap()).unwrap();
        self.passkey = client.authenticator().store().clone();
        signed
    }

    /// Whoever does not look does not let itself be asked to.
    fn as_it_asks(&self, question: &Value) -> Value {
        let mut question = question.clone();
        if !self.looks {
            let asked = &mut question["publicKey"];
            asked["userVerification"] = json!("discouraged");
            asked["authenticatorSelection"]["userVerification"] = json!("discouraged");
        }
        question
    }
}

impl Stage {
    /// Where browsers have passkeys.
    pub(crate) fn home(&self) -> String {
        format!("http://localhost:{}", self.running.address().port())
    }

    pub(crate) async fn ask_new(&self, token: &str) -> Answer {
        self.post("/passkeys/ask", token, "{}").await
    }

    pub(crate) async fn add(&self, token: &str, made: &Value) -> Answer {
        let body = json!({ "credential": made, "name": "laptop" });
        self.post("/passkeys", token, &body.to_string()).await
    }

    /// Adds what `device` makes for whoever has the token; gives the passkey's id.
    pub(crate) async fn added(&self, token: &str, device: &mut Device) -> String {
        let asked = self.ask_new(token).await;
        assert_eq!(asked.status, 200, "{asked:?}");
        let made = device.create(&self.home(), &asked.body).await;
        let added = self.add(token, &made).await;
        assert_eq!(added.status, 200, "{added:?}");
        added.body["id"].as_str().unwrap().to_owned()
    }

    /// What to ask of whoever signs in.
    pub(crate) async fn question(&self) -> Value {
        let asked = self.send(&post("/sign-in/passkey/ask", "{}")).await;
        assert_eq!(asked.status, 200, "{asked:?}");
        asked.body
    }

    pub(crate) async fn answer(&self, signed: &Value) -> Answer {
        let body = json!({ "credential": signed });
        self.send(&post("/sign-in/passkey", &body.to_string()))
            .await
    }

    /// Signs in by `device`, as far as to the link.
    pub(crate) async fn by_passkey(&self, device: &mut Device) -> Answer {
        let question = self.question().await;
        let signed = device.get(&self.home(), &question).await;
        self.answer(&signed).await
    }

    /// What people did, oldest first: what, who, on what.
    pub(crate) async fn done(&self) -> Vec<(String, String, String)> {
        let mut deeds = self.store.deeds(None, 1_000).await.unwrap();
        deeds.reverse();
        let deeds = deeds.into_iter().map(|kept| kept.deed);
        deeds
            .map(|deed| (deed.what.into(), deed.person.into(), deed.thing.into()))
            .collect()
    }
}
