//! Signing in by a provider of identities, which this file plays: first what must never sign anybody in.
//! `tests/tests/oidc.rs` has the same by a provider of others' making.

use crate::harness::*;
use axum::extract::State;
use axum::response::IntoResponse as _;
use axum::routing::{get as on_get, post as on_post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use cordon_control::oidc::{ClaimRule, OidcConfig};
use cordon_core::people::Role;
use http::{HeaderMap, StatusCode};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// A provider that says what it is told to.
struct Played {
    issuer: String,
    key: EncodingKey,
    /// Of each code: what is given for it, and the challenge of whom it is for.
    codes: Mutex<HashMap<String, (String, String)>>,
    /// What it tells of people beside its tokens.
    tells: Mutex<Value>,
}

/// A sign-in that began.
struct Begun {
    cookie: String,
    state: String,
    nonce: String,
    challenge: String,
}

type Shared = State<Arc<Played>>;

fn signing_key() -> EncodingKey {
    let pair = rcgen::KeyPair::generate().unwrap();
    EncodingKey::from_ec_der(&pair.serialize_der())
}

async fn token(
    State(played): Shared,
    headers: HeaderMap,
    body: String,
) -> axum::response::Response {
    let fields: HashMap<&str, &str> = body.split('&').filter_map(|p| p.split_once('=')).collect();
    let expected = format!("Basic {}", BASE64_STANDARD.encode("cordon:s%3Acret"));
    let known = headers.get("authorization").unwrap() == &expected;
    let given = played.codes.lock().unwrap().remove(fields["code"]);
    let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(fields["code_verifier"]));
    match given {
        Some((token, bound)) if known && bound == challenge => {
            Json(json!({"id_token": token, "access_token": "at", "token_type": "Bearer"}))
                .into_response()
        }
        _ => (
            StatusCode::BAD_REQUEST,
            Json(json!({"error": "invalid_grant"})),
        )
            .into_response(),
    }
}

impl Played {
    async fn start() -> Arc<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let played = Arc::new(Self {
            issuer,
            key: signing_key(),
            codes: Mutex::default(),
            tells: Mutex::new(json!({})),
        });
        let app = Router::new()
            .route(
                "/.well-known/openid-configuration",
                on_get(async |State(played): Shared| {
                    let at = |path: &str| format!("{}{path}", played.issuer);
                    Json(json!({
                        "issuer": played.issuer,
                        "authorization_endpoint": at("/auth?tenant=1"),
                        "token_endpoint": at("/token"),
                        "jwks_uri": at("/keys"),
                        "userinfo_endpoint": at("/me"),
                    }))
                }),
            )
            .route(
                "/keys",
                on_get(async |State(played): Shared| {
                    let mut key = Jwk::from_encoding_key(&played.key, Algorithm::ES256).unwrap();
                    key.common.key_id = Some("k1".to_owned());
                    let odd = json!({"kty": "lattice", "kid": "k0"});
                    Json(json!({"keys": [odd, key]}))
                }),
            )
            .route("/token", on_post(token))
            .route(
                "/me",
                on_get(async |State(played): Shared, headers: HeaderMap| {
                    assert_eq!(headers["authorization"], "Bearer at");
                    Json(played.tells.lock().unwrap().clone())
                }),
            )
            .with_state(Arc::clone(&played));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let serving = hyper::server::conn::http1::Builder::new().serve_connection(
                    hyper_util::rt::TokioIo::new(stream),
                    hyper_util::service::TowerToHyperService::new(app.clone()),
                );
                tokio::spawn(serving);
            }
        });
        played
    }

    fn config(&self) -> OidcConfig {
        OidcConfig {
            issuer: self.issuer.as_str().into(),
            client_id: "cordon".into(),
            client_secret: "s:cret".into(),
            domains: vec!["example.com".into()],
            groups_claim: Some("groups".into()),
            map: vec![
                ClaimRule {
                    value: "Platform Seniors".into(),
                    groups: vec!["senior".parse().unwrap()],
                    roles: Vec::new(),
                },
                ClaimRule {
                    value: "Incident".into(),
                    groups: Vec::new(),
                    roles: vec![Role::IncidentCommander],
                },
            ],
        }
    }

    /// What it says of a person who just signed in there.
    fn claims(&self, stage: &Stage, begun: &Begun) -> Value {
        let now = stage.now().as_second();
        json!({
            "iss": self.issuer, "sub": "u-1", "aud": "cordon", "nonce": begun.nonce,
            "exp": now + 300, "iat": now, "auth_time": now - 30,
            "email": "Kit@Example.com", "email_verified": true,
            "groups": ["Platform Seniors", "Everyone"],
        })
    }

    fn signed(&self, claims: &Value) -> String {
        signed_by(&self.key, Algorithm::ES256, claims)
    }

    fn gives(&self, code: &str, token: String, begun: &Begun) {
        let given = (token, begun.challenge.clone());
        self.codes.lock().unwrap().insert(code.to_owned(), given);
    }
}

fn signed_by(key: &EncodingKey, algorithm: Algorithm, claims: &Value) -> String {
    let mut header = Header::new(algorithm);
    header.kid = Some("k1".to_owned());
    jsonwebtoken::encode(&header, claims, key).unwrap()
}

impl Stage {
    async fn begin(&self) -> Begun {
        let answer = self.send(&get("/oidc/begin")).await;
        assert_eq!(answer.status, 302, "{answer:?}");
        let address = answer.header("location").unwrap().to_owned();
        let (_, query) = address.split_once('?').unwrap();
        let fields: HashMap<&str, &str> =
            query.split('&').filter_map(|p| p.split_once('=')).collect();
        assert_eq!(
            (fields["tenant"], fields["code_challenge_method"]),
            ("1", "S256")
        );
        let cookie = answer.header("set-cookie").unwrap();
        assert!(
            cookie.contains("; HttpOnly; SameSite=Lax; Max-Age=600"),
            "{cookie}"
        );
        let (cookie, _) = cookie.split_once(';').unwrap();
        Begun {
            cookie: cookie.to_owned(),
            state: fields["state"].to_owned(),
            nonce: fields["nonce"].to_owned(),
            challenge: fields["code_challenge"].to_owned(),
        }
    }

    /// As a browser comes back from a page of the provider's.
    async fn back(&self, query: &str, cookie: &str) -> Answer {
        let ask = get(&format!("/oidc/callback?{query}")).with("sec-fetch-site", "cross-site");
        self.send(&ask.with("cookie", cookie)).await
    }

    async fn back_with(&self, code: &str, begun: &Begun) -> Answer {
        let query = format!("code={code}&state={}", begun.state);
        self.back(&query, &begun.cookie).await
    }

    /// The whole of a sign-in with a token of these claims.
    async fn by_provider(&self, played: &Played, change: impl FnOnce(&mut Value)) -> Answer {
        let begun = self.begin().await;
        let mut claims = played.claims(self, &begun);
        change(&mut claims);
        played.gives("c1", played.signed(&claims), &begun);
        self.back_with("c1", &begun).await
    }
}

/// The secret of the link on the page.
fn link_of(page: &Answer) -> String {
    assert_eq!(page.status, 200, "{page:?}");
    let text = page.body.as_str().unwrap();
    let (_, rest) = text.split_once("/sign-in#").unwrap();
    let (secret, _) = rest.split_once('"').unwrap();
    secret.to_owned()
}

async fn stage() -> (Stage, Arc<Played>) {
    let played = Played::start().await;
    (Stage::trusting(played.config()).await, played)
}

#[tokio::test]
async fn no_token_is_believed_but_one_of_this_sign_in() {
    let (stage, played) = stage().await;
    let now = stage.now().as_second();
    let wrong: [(&str, Value); 16] = [
        ("iss", json!("https://login.evil.example")),
        ("iss", json!([played.issuer, "https://login.evil.example"])),
        ("aud", json!("other")),
        ("aud", json!(["cordon", "other"])),
        ("aud", json!([])),
        ("azp", json!("other")),
        ("nonce", json!("another")),
        ("nonce", Value::Null),
        ("exp", json!(now - 61)),
        ("exp", Value::Null),
        ("iat", json!(now + 120)),
        ("nbf", json!(now + 120)),
        ("auth_time", json!(now - 3_600)),
        ("sub", Value::Null),
        ("exp", json!("never")),
        ("iss", json!(format!("{}/", played.issuer))),
    ];
    for (name, value) in wrong {
        let shown = format!("{name} {value}");
        let answer = stage
            .by_provider(&played, |claims| claims[name] = value)
            .await;
        assert_eq!(answer.status, 403, "{shown}: {answer:?}");
        answer.refuses(403, "not-believed");
    }
    assert_eq!(stage.by_provider(&played, |_| {}).await.status, 200);
}

#[tokio::test]
async fn no_signature_is_believed_but_the_providers() {
    let (stage, played) = stage().await;
    let public = Jwk::from_encoding_key(&played.key, Algorithm::ES256).unwrap();
    let public = serde_json::to_string(&public).unwrap();
    let begun = stage.begin().await;
    let claims = played.claims(&stage, &begun);
    let good = played.signed(&claims);
    let [_, payload, signature] = *good.split('.').collect::<Vec<_>>().as_slice() else {
        panic!("{good}");
    };
    let unsigned = |header: Value| {
        let header = BASE64_URL_SAFE_NO_PAD.encode(header.to_string());
        format!("{header}.{payload}.")
    };
    let mut other = claims.clone();
    other["email"] = json!("ola@example.com");
    let other = played.signed(&other);
    let other = other.split('.').nth(1).unwrap();
    let head = good.split('.').next().unwrap();
    for forged in [
        unsigned(json!({"alg": "none"})),
        unsigned(json!({"alg": "None", "kid": "k1"})),
        unsigned(json!({"alg": "ES256", "kid": "k1"})),
        unsigned(json!({"alg": "ES256", "kid": "k1", "crit": ["b64"], "b64": false})),
        signed_by(
            &EncodingKey::from_secret(public.as_bytes()),
            Algorithm::HS256,
            &claims,
        ),
        signed_by(
            &EncodingKey::from_secret(b"s:cret"),
            Algorithm::HS256,
            &claims,
        ),
        signed_by(&signing_key(), Algorithm::ES256, &claims),
        format!("{head}.{other}.{signature}"),
        String::new(),
        "a.b".to_owned(),
        "x".repeat(40_000),
    ] {
        played.gives("c1", forged.clone(), &begun);
        let answer = stage.back_with("c1", &begun).await;
        assert_eq!(answer.body["code"], "not-believed", "{forged}: {answer:?}");
    }
    played.gives("c1", good, &begun);
    assert_eq!(stage.back_with("c1", &begun).await.status, 200);
}

#[tokio::test]
async fn nobody_ends_what_another_browser_began_or_ends_it_twice() {
    let (stage, played) = stage().await;
    let (mine, theirs) = (stage.begin().await, stage.begin().await);
    let give = || played.gives("c1", played.signed(&played.claims(&stage, &mine)), &mine);
    give();
    let state = &mine.state;
    for (query, cookie) in [
        (format!("code=c1&state={state}"), ""),
        (format!("code=c1&state={state}"), theirs.cookie.as_str()),
        (format!("code=c1&state={}", theirs.state), &mine.cookie),
        ("code=c1&state=".to_owned(), &mine.cookie),
        (
            format!("code=c1&state={state}&iss=https%3A%2F%2Flogin.evil.example"),
            &mine.cookie,
        ),
    ] {
        let answer = stage.back(&query, cookie).await;
        answer.refuses(403, "not-believed");
    }
    let both = format!("{0}; {0}", mine.cookie);
    let answer = stage.back(&format!("code=c1&state={state}"), &both).await;
    answer.refuses(403, "not-believed");
    let doubled = format!("code=c1&state={state}&state={state}");
    assert_eq!(stage.back(&doubled, &mine.cookie).await.status, 400);
    let stolen = format!("code=c1&state={}", theirs.state);
    let stolen = stage.back(&stolen, &theirs.cookie).await;
    stolen.refuses(403, "provider-refused");
    give();
    let answer = stage
        .back(&format!("error=access_denied&state={state}"), &mine.cookie)
        .await;
    answer.refuses(403, "provider-refused");
    assert!(
        answer.body["message"]
            .as_str()
            .unwrap()
            .contains("access_denied")
    );

    assert_eq!(stage.back_with("c1", &mine).await.status, 200);
    give();
    stage
        .back_with("c1", &mine)
        .await
        .refuses(403, "not-believed");
    stage.pass(11);
    let late = format!("code=c1&state={}", theirs.state);
    stage
        .back(&late, &theirs.cookie)
        .await
        .refuses(403, "not-believed");
}

#[tokio::test]
async fn an_agent_begins_nothing_and_another_page_ends_nothing_else() {
    let (stage, _played) = stage().await;
    for path in ["/oidc/begin", "/oidc/callback?state=x&code=y"] {
        let signed = get(path).with("x-amz-date", "20261126T000000Z");
        stage.send(&signed).await.refuses(403, "agents-keys");
        stage
            .send(&get(path).host("evil.example"))
            .await
            .refuses(421, "wrong-host");
    }
    let from_elsewhere = get("/oidc/begin").with("sec-fetch-site", "cross-site");
    stage
        .send(&from_elsewhere)
        .await
        .refuses(403, "wrong-origin");
    let posted = post("/oidc/callback", "{}").with("sec-fetch-site", "cross-site");
    stage.send(&posted).await.refuses(403, "wrong-origin");
    let without = Stage::new().await;
    without
        .send(&get("/oidc/begin"))
        .await
        .refuses(404, "not-found");
}

#[tokio::test]
async fn only_verified_addresses_of_our_domains_sign_in() {
    let (stage, played) = stage().await;
    for (name, value) in [
        ("email", json!("kit@evil.example")),
        ("email", json!("kit@example.com@evil.example")),
        ("email", json!("kit")),
        ("email", json!(["kit@example.com"])),
        ("email_verified", json!(false)),
        ("email_verified", json!("true")),
        // Of the domain, but with nothing to do here.
        ("groups", json!(["Everyone"])),
        ("groups", json!({"senior": true})),
    ] {
        let shown = format!("{name} {value}");
        let answer = stage
            .by_provider(&played, |claims| claims[name] = value)
            .await;
        assert_eq!(answer.body["code"], "not-ours", "{shown}: {answer:?}");
    }
}

#[tokio::test]
async fn whom_the_provider_tells_another_person_of_is_not_signed_in() {
    let (stage, played) = stage().await;
    let thin = |claims: &mut Value| {
        claims.as_object_mut().unwrap().remove("email");
        claims.as_object_mut().unwrap().remove("groups");
    };
    let tells = |sub: &str, verified: bool| {
        *played.tells.lock().unwrap() = json!({
            "sub": sub, "email": "kit@example.com", "email_verified": verified,
            "groups": "Incident",
        });
    };
    tells("u-2", true);
    stage
        .by_provider(&played, thin)
        .await
        .refuses(403, "not-believed");
    // That another address was verified says nothing of this one.
    tells("u-1", false);
    stage
        .by_provider(&played, thin)
        .await
        .refuses(403, "not-ours");
    tells("u-1", true);
    let page = stage.by_provider(&played, thin).await;
    let token = stage.with_link(&link_of(&page)).await;
    let token = token.body["token"].as_str().unwrap();
    let me = stage.get("/me", token).await;
    assert_eq!(me.body["roles"], json!(["incident-commander"]));
}

#[tokio::test]
async fn who_signs_in_decides_by_the_groups_of_that_moment() {
    let (stage, played) = stage().await;
    let hold = stage.held("1", "ada", &["senior"]).await;
    let page = stage.by_provider(&played, |_| {}).await;
    assert!(
        page.header("set-cookie").unwrap().contains("Max-Age=0"),
        "{page:?}"
    );
    let link = link_of(&page);
    let answer = stage.with_link(&link).await;
    let token = answer.body["token"].as_str().unwrap().to_owned();
    assert_eq!(answer.body["person"], "kit@example.com");
    assert_eq!(
        stage.with_link(&link).await.status,
        401,
        "a link works once"
    );
    let me = stage.get("/me", &token).await;
    assert_eq!(me.body["groups"], json!(["senior"]));
    let since = stage.now() - jiff::SignedDuration::from_secs(30);
    assert_eq!(
        me.body["signed_in"],
        since.to_string(),
        "as the provider says"
    );
    let approved = stage.approve("H-1", &token, DIGEST).await;
    assert_eq!(approved.status, 200, "{approved:?}");
    assert_eq!(stage.votes(&hold).await, 1);

    // Who is not in the group any more says nothing, also not with what they carry from before.
    stage.held("2", "ada", &["senior"]).await;
    let page = stage
        .by_provider(&played, |claims| claims["groups"] = json!(["Incident"]))
        .await;
    assert_eq!(page.status, 200);
    stage
        .approve("H-2", &token, DIGEST)
        .await
        .refuses(403, "not-permitted");
    let page = stage
        .by_provider(&played, |claims| claims["groups"] = json!([]))
        .await;
    page.refuses(403, "not-ours");
    let stranger = stage.get("/me", &token).await;
    assert_eq!(stranger.status, 401, "{stranger:?}");
}

#[tokio::test]
async fn a_person_of_the_file_stays_the_same_one_and_nobody_lifts_their_own() {
    let (stage, played) = stage().await;
    let as_mei = |claims: &mut Value| {
        claims["email"] = json!("mei@example.com");
        claims["groups"] = json!([]);
    };
    let page = stage.by_provider(&played, as_mei).await;
    let answer = stage.with_link(&link_of(&page)).await;
    assert_eq!(answer.body["person"], "mei");
    let token = answer.body["token"].as_str().unwrap();
    stage.held("1", "mei", &["senior"]).await;
    assert_eq!(stage.approve("H-1", token, DIGEST).await.status, 403);
    stage.held("2", "ada", &["senior"]).await;
    assert_eq!(stage.approve("H-2", token, DIGEST).await.status, 200);
    // By the user name too, which the provider does not know.
    let page = stage.by_provider(&played, |_| {}).await;
    let kit = stage.with_link(&link_of(&page)).await;
    stage.held("3", "kit", &["senior"]).await;
    let own = stage
        .approve("H-3", kit.body["token"].as_str().unwrap(), DIGEST)
        .await;
    assert_eq!(own.status, 403, "{own:?}");
}

#[tokio::test]
async fn a_sign_in_of_long_ago_approves_nothing() {
    let (stage, played) = stage().await;
    stage.held("1", "ada", &["senior"]).await;
    let now = stage.now().as_second();
    let page = stage
        .by_provider(&played, |claims| claims["auth_time"] = json!(now - 800))
        .await;
    let answer = stage.with_link(&link_of(&page)).await;
    let token = answer.body["token"].as_str().unwrap();
    stage.pass(5);
    let refused = stage.approve("H-1", token, DIGEST).await;
    assert_eq!(refused.status, 403, "{refused:?}");
}
