//! Passkeys, over the socket, with an authenticator and a client that others made.

use super::authenticator::Device;
use super::harness::*;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use cordon_core::people::Claim;
use cordon_store::{NewPass, PassKind, SecretHash, SignInLink};
use jiff::SignedDuration;
use serde_json::{Value, json};

fn bytes(text: &Value) -> Vec<u8> {
    BASE64.decode(text.as_str().unwrap()).unwrap()
}

/// The same with `from` replaced by `to`, wherever it stands in what these fields hold.
fn forged(made: &Value, from: &[u8], to: &[u8]) -> Value {
    let swap = |field: &Value| {
        let mut bytes = bytes(field);
        for place in 0..=bytes.len() - from.len() {
            if &bytes[place..place + from.len()] == from {
                bytes[place..place + from.len()].copy_from_slice(to);
            }
        }
        json!(BASE64.encode(bytes))
    };
    let mut forged = made.clone();
    for field in ["id", "rawId"] {
        forged[field] = swap(&made[field]);
    }
    for field in ["attestationObject", "authenticatorData"] {
        if made["response"][field].is_string() {
            forged["response"][field] = swap(&made["response"][field]);
        }
    }
    forged
}

async fn knows(stage: &Stage, person: &str) -> usize {
    let known = stage.store.passkeys(Some(&person.parse().unwrap())).await;
    known.unwrap().len()
}

#[tokio::test]
async fn who_added_a_passkey_signs_in_by_it() {
    let stage = Stage::new().await;
    let token = stage.token("mei").await;
    let mut device = Device::new();
    let id = stage.added(&token, &mut device).await;
    stage.pass(13 * 60);
    stage.get("/me", &token).await.refuses(401, "not-signed-in");

    let vouched = stage.by_passkey(&mut device).await;
    assert_eq!(vouched.status, 200, "{vouched:?}");
    assert_eq!(vouched.body["person"], "mei");
    let link = vouched.body["link"].as_str().unwrap();
    let terminal = format!("http://{}/sign-in#{link}", stage.running.address());
    assert_eq!(vouched.body["terminal"], terminal);
    let signed_in = stage.with_link(link).await;
    let token = signed_in.body["token"].as_str().unwrap();
    let me = stage.get("/me", token).await.body;
    assert_eq!(
        (&me["person"], &me["groups"]),
        (&json!("mei"), &json!(["senior"]))
    );
    // It is a sign-in of now, with which what weighs may be done.
    stage.held("1", "max", &["senior"]).await;
    assert_eq!(stage.approve("H-1", token, DIGEST).await.status, 200);

    let shown = stage.get("/passkeys", token).await.body;
    assert_eq!(shown["passkeys"][0]["id"], id.as_str());
    assert_eq!(shown["passkeys"][0]["name"], "laptop");
    assert!(shown["passkeys"][0]["used"].is_string());
    let done = stage.done().await;
    for (what, thing) in [("add-passkey", &id), ("passkey-vouched", &id)] {
        let deed = (what.to_owned(), "mei".to_owned(), thing.clone());
        assert!(done.contains(&deed), "{done:?}");
    }
    stage.with_link(link).await.refuses(401, "link-spent");
}

#[tokio::test]
async fn a_passkey_is_added_just_after_a_sign_in_that_is_ours() {
    let stage = Stage::new().await;
    let token = stage.token("mei").await;
    let asked = stage.ask_new(&token).await;
    let made = Device::new().create(&stage.home(), &asked.body).await;
    stage.pass(16);
    stage
        .ask_new(&token)
        .await
        .refuses(403, "prove-who-you-are");
    stage
        .add(&token, &made)
        .await
        .refuses(403, "prove-who-you-are");
    // A provider's word ends with what the provider says; a passkey would not.
    let link = SignInLink {
        secret: SecretHash::of("vouched"),
        person: "mei".parse().unwrap(),
        made: stage.now(),
        expires: stage.now() + SignedDuration::from_mins(10),
        claim: Some(Claim::default()),
    };
    stage.store.put_sign_in_link(link).await.unwrap();
    let token = format!("cordon_pass_{}", "a".repeat(52));
    let pass = NewPass {
        secret: SecretHash::of(&token),
        kind: PassKind::Terminal,
        signed_in: stage.now(),
        expires: stage.now() + SignedDuration::from_hours(12),
    };
    let link = SecretHash::of("vouched");
    stage.store.sign_in(&link, pass).await.unwrap();
    let refused = stage.ask_new(&token).await;
    refused.refuses(403, "provider-signs-you-in");
    assert_eq!(knows(&stage, "mei").await, 0);
}

#[tokio::test]
async fn what_was_made_for_another_page_is_not_taken() {
    let stage = Stage::new().await;
    let token = stage.token("mei").await;
    let port = stage.running.address().port();
    // What an agent serves on another port has the same name to authenticators.
    for elsewhere in [
        format!("http://localhost:{}", port ^ 1),
        "http://localhost".to_owned(),
        format!("https://localhost:{port}"),
        format!("http://evil.localhost:{port}"),
    ] {
        let asked = stage.ask_new(&token).await;
        let made = Device::new().create(&elsewhere, &asked.body).await;
        stage.add(&token, &made).await.refuses(403, "other-origin");
    }
    assert_eq!(knows(&stage, "mei").await, 0);
    let mut device = Device::new();
    stage.added(&token, &mut device).await;
    let elsewhere = format!("http://localhost:{}", port ^ 1);
    let signed = device.get(&elsewhere, &stage.question().await).await;
    stage.answer(&signed).await.refuses(403, "other-origin");
    // Nor is what says of itself that it is ours and was not signed so.
    let mut signed = device.get(&elsewhere, &stage.question().await).await;
    let said = String::from_utf8(bytes(&signed["response"]["clientDataJSON"])).unwrap();
    let ours = said.replace(&elsewhere, &stage.home());
    assert_ne!(said, ours);
    signed["response"]["clientDataJSON"] = json!(BASE64.encode(ours));
    stage
        .answer(&signed)
        .await
        .refuses(403, "passkey-not-believed");
    assert_eq!(stage.by_passkey(&mut device).await.status, 200);
}

#[tokio::test]
async fn a_page_of_strangers_may_not_even_ask() {
    let stage = Stage::new().await;
    for (name, value) in [
        ("origin", "http://localhost:3000"),
        ("sec-fetch-site", "same-site"),
        ("sec-fetch-site", "cross-site"),
    ] {
        let ask = post("/sign-in/passkey/ask", "{}").with(name, value);
        stage.send(&ask).await.refuses(403, "wrong-origin");
    }
}

#[tokio::test]
async fn an_answer_is_good_once_and_for_five_minutes() {
    let stage = Stage::new().await;
    let token = stage.token("mei").await;
    let asked = stage.ask_new(&token).await.body;
    let mut device = Device::new();
    let made = device.create(&stage.home(), &asked).await;
    assert_eq!(stage.add(&token, &made).await.status, 200);
    stage
        .add(&token, &made)
        .await
        .refuses(403, "challenge-spent");

    let signed = device.get(&stage.home(), &stage.question().await).await;
    assert_eq!(stage.answer(&signed).await.status, 200);
    stage.answer(&signed).await.refuses(403, "challenge-spent");

    let signed = device.get(&stage.home(), &stage.question().await).await;
    let asked = stage.ask_new(&token).await.body;
    let late = Device::new().create(&stage.home(), &asked).await;
    stage.pass(5);
    stage
        .answer(&signed)
        .await
        .refuses(403, "challenge-expired");
    stage.answer(&signed).await.refuses(403, "challenge-spent");
    stage
        .add(&token, &late)
        .await
        .refuses(403, "challenge-expired");

    // A question of another Cordon is none of this one, and one to add is none to sign in.
    let other = Stage::new().await;
    let signed = device.get(&stage.home(), &other.question().await).await;
    stage.answer(&signed).await.refuses(403, "challenge-spent");
    let mut asked = stage.ask_new(&token).await.body;
    asked["publicKey"]["rpId"] = json!("localhost");
    let signed = device.get(&stage.home(), &asked).await;
    stage.answer(&signed).await.refuses(403, "challenge-spent");
    assert_eq!(knows(&stage, "mei").await, 1);
    assert_eq!(stage.by_passkey(&mut device).await.status, 200);
}

#[tokio::test]
async fn nobody_takes_what_is_anothers() {
    let stage = Stage::new().await;
    let (mei, ola) = (stage.token("mei").await, stage.token("ola").await);
    // The answer to a question that mei was asked.
    let asked = stage.ask_new(&mei).await.body;
    let mut of_mei = Device::new();
    let made = of_mei.create(&stage.home(), &asked).await;
    stage.add(&ola, &made).await.refuses(403, "other-person");
    assert_eq!(stage.add(&mei, &made).await.status, 200);

    // A passkey that calls itself what mei's is called.
    let asked = stage.ask_new(&ola).await.body;
    let hers = Device::new().create(&stage.home(), &asked).await;
    let same = forged(&hers, &bytes(&hers["rawId"]), &bytes(&made["rawId"]));
    stage.add(&ola, &same).await.refuses(409, "passkey-exists");
    assert_eq!(
        (knows(&stage, "mei").await, knows(&stage, "ola").await),
        (1, 0)
    );

    // Mei's passkey, for ola; and ola's signature, for mei's passkey.
    let mut of_ola = Device::new();
    stage.added(&ola, &mut of_ola).await;
    let of_olas = of_ola.get(&stage.home(), &stage.question().await).await;
    let mut signed = of_mei.get(&stage.home(), &stage.question().await).await;
    let handle = &of_olas["response"]["userHandle"];
    assert_ne!(&signed["response"]["userHandle"], handle);
    signed["response"]["userHandle"] = handle.clone();
    stage.answer(&signed).await.refuses(403, "other-person");
    let mut signed = of_ola.get(&stage.home(), &stage.question().await).await;
    let mine = of_mei.get(&stage.home(), &stage.question().await).await;
    for field in ["id", "rawId"] {
        signed[field] = mine[field].clone();
    }
    signed["response"]["userHandle"] = mine["response"]["userHandle"].clone();
    stage
        .answer(&signed)
        .await
        .refuses(403, "passkey-not-believed");

    // One that was never added.
    let mut unknown = Device::new();
    let asked = stage.ask_new(&mei).await.body;
    unknown.create(&stage.home(), &asked).await;
    stage
        .by_passkey(&mut unknown)
        .await
        .refuses(401, "passkey-unknown");
    for (device, person) in [(&mut of_mei, "mei"), (&mut of_ola, "ola")] {
        assert_eq!(stage.by_passkey(device).await.body["person"], person);
    }
}

#[tokio::test]
async fn an_authenticator_has_to_look_who_uses_it() {
    let stage = Stage::new().await;
    let token = stage.token("mei").await;
    let mut device = Device::careless();
    let asked = stage.ask_new(&token).await.body;
    let made = device.create(&stage.home(), &asked).await;
    stage.add(&token, &made).await.refuses(403, "not-verified");
    assert_eq!(knows(&stage, "mei").await, 0);

    let mut careful = Device::new();
    stage.added(&token, &mut careful).await;
    let mut found = careful.found();
    stage
        .by_passkey(&mut found)
        .await
        .refuses(403, "not-verified");
    assert_eq!(stage.by_passkey(&mut careful).await.status, 200);
}

#[tokio::test]
async fn a_copy_of_an_authenticator_that_counts_is_noticed() {
    let stage = Stage::new().await;
    let token = stage.token("mei").await;
    let mut device = Device::counting();
    let id = stage.added(&token, &mut device).await;
    let mut copy = device.clone();
    for _ in 0..3 {
        assert_eq!(stage.by_passkey(&mut device).await.status, 200);
    }
    stage
        .by_passkey(&mut copy)
        .await
        .refuses(403, "passkey-copied");
    let refused = ("passkey-refused".to_owned(), "mei".to_owned(), id);
    assert!(stage.done().await.contains(&refused));
    assert_eq!(stage.by_passkey(&mut device).await.status, 200);
}

#[tokio::test]
async fn who_is_not_one_of_the_people_any_more_has_no_passkey() {
    let stage = Stage::new().await;
    let token = stage.token("mei").await;
    let mut device = Device::new();
    stage.added(&token, &mut device).await;
    let link = stage.by_passkey(&mut device).await.body["link"].clone();
    for people in [
        PEOPLE.replace("\"mei\"", "\"max\""),
        // The same address, under another name, may be another person's.
        PEOPLE
            .replace("\"mei\"", "\"may\"")
            .replace("mei@example.com", "mei"),
    ] {
        stage.people(&people);
        stage
            .by_passkey(&mut device)
            .await
            .refuses(401, "unknown-person");
    }
    stage.people(&PEOPLE.replace("\"mei\"", "\"max\""));
    stage.ask_new(&token).await.refuses(401, "unknown-person");
    // Nor does a link help that the passkey was good for just before.
    let signed_in = stage.with_link(link.as_str().unwrap()).await;
    let pass = signed_in.body["token"].as_str().unwrap();
    stage.get("/me", pass).await.refuses(401, "unknown-person");
    stage.people(PEOPLE);
    assert_eq!(stage.by_passkey(&mut device).await.status, 200);
}

#[tokio::test]
async fn a_passkey_that_is_taken_back_ends_what_it_signed_in() {
    let stage = Stage::new().await;
    let token = stage.token("mei").await;
    let (mut lost, mut kept) = (Device::new(), Device::new());
    let id = stage.added(&token, &mut lost).await;
    stage.added(&token, &mut kept).await;
    let mut passes = Vec::new();
    for device in [&mut lost, &mut kept] {
        let vouched = stage.by_passkey(device).await;
        let signed_in = stage
            .with_link(vouched.body["link"].as_str().unwrap())
            .await;
        passes.push(signed_in.body["token"].as_str().unwrap().to_owned());
    }
    let waiting = stage.by_passkey(&mut lost).await.body["link"].clone();
    let path = format!("/passkeys/{id}/revoke");
    let of_ola = stage.token("ola").await;
    stage
        .post(&path, &of_ola, "{}")
        .await
        .refuses(404, "not-found");
    stage.pass(16);
    // Saying no never waits for a new sign-in.
    let revoked = stage.post(&path, &token, "{}").await;
    assert_eq!((revoked.status, &revoked.body["id"]), (200, &json!(id)));

    stage
        .by_passkey(&mut lost)
        .await
        .refuses(401, "passkey-revoked");
    stage
        .get("/me", &passes[0])
        .await
        .refuses(401, "not-signed-in");
    let waiting = stage.with_link(waiting.as_str().unwrap()).await;
    waiting.refuses(401, "link-spent");
    assert_eq!(stage.get("/me", &passes[1]).await.status, 200);
    assert_eq!(stage.by_passkey(&mut kept).await.status, 200);
    let listed = stage.get("/passkeys", &token).await.body;
    assert_eq!(listed["passkeys"].as_array().unwrap().len(), 1);
    let done = stage.done().await;
    for what in ["revoke-passkey", "passkey-refused"] {
        let deed = (what.to_owned(), "mei".to_owned(), id.clone());
        assert!(done.contains(&deed), "{done:?}");
    }
}

#[tokio::test]
async fn neither_agents_nor_machines_reach_passkeys() {
    let stage = Stage::new().await;
    let token = stage.token("mei").await;
    let mut device = Device::new();
    let id = stage.added(&token, &mut device).await;
    let signed = device.get(&stage.home(), &stage.question().await).await;
    let signed = json!({ "credential": signed }).to_string();
    let revoke = format!("/passkeys/{id}/revoke");
    let routes = [
        post("/passkeys/ask", "{}"),
        post("/passkeys", "{}"),
        get("/passkeys"),
        post(&revoke, "{}"),
        post("/sign-in/passkey/ask", "{}"),
        post("/sign-in/passkey", &signed),
    ];
    for ask in &routes {
        let agents = ask.clone().with("authorization", "AKIACRDN7QK4M2ZDXYWV");
        stage.send(&agents).await.refuses(403, "agents-keys");
        let agents = ask.clone().with("x-amz-date", "20261126T000000Z");
        stage.send(&agents).await.refuses(403, "agents-keys");
    }
    let check = stage.machine("mei", PassKind::Check).await;
    let read = stage.machine("mei", PassKind::Read).await;
    for ask in &routes[..4] {
        stage.send(ask).await.refuses(401, "not-signed-in");
        let checking = stage.send(&ask.clone().bearer(&check)).await;
        checking.refuses(403, "token-scope");
    }
    for ask in [&routes[0], &routes[1], &routes[3]] {
        let reading = stage.send(&ask.clone().bearer(&read)).await;
        reading.refuses(403, "token-scope");
    }
    // What agents were refused used nothing up.
    assert_eq!(stage.send(&routes[5]).await.status, 200);
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_and_nothing_is_lost_by_it() {
    let stage = Stage::new().await;
    let token = stage.token("mei").await;
    let mut device = Device::new();
    stage.added(&token, &mut device).await;
    let signed = device.get(&stage.home(), &stage.question().await).await;
    let asked = stage.ask_new(&token).await.body;
    let made = Device::new().create(&stage.home(), &asked).await;
    for path in ["/passkeys", "/sign-in/passkey"] {
        let large = json!({ "credential": { "id": "x".repeat(17_000) }, "name": "x" });
        let large = stage.post(path, &token, &large.to_string()).await;
        large.refuses(413, "too-large");
    }
    let mut broken: Vec<Value> = [json!(null), json!("x"), json!([]), json!({})].into();
    for field in [
        "clientDataJSON",
        "authenticatorData",
        "signature",
        "userHandle",
    ] {
        for wrong in [json!(null), json!(7), json!("!"), json!("")] {
            let mut other = signed.clone();
            other["response"][field] = wrong;
            broken.push(other);
        }
    }
    let mut other = signed.clone();
    other["response"]["clientDataJSON"] = json!(BASE64.encode("{\"type\":\"webauthn.get\"}"));
    broken.push(other);
    for credential in &broken {
        let refused = stage.answer(credential).await;
        assert!(
            matches!(refused.status, 400 | 403),
            "{credential} {refused:?}"
        );
        let refused = stage.add(&token, credential).await;
        refused.refuses(400, "malformed");
    }
    let nameless = json!({ "credential": made, "name": "x".repeat(61) });
    let nameless = stage.post("/passkeys", &token, &nameless.to_string()).await;
    nameless.refuses(400, "malformed");
    assert_eq!(knows(&stage, "mei").await, 1);
    assert_eq!(stage.add(&token, &made).await.status, 200);
    assert_eq!(stage.by_passkey(&mut device).await.status, 200);
}

#[tokio::test]
async fn a_person_has_at_most_twenty_passkeys() {
    let stage = Stage::new().await;
    let token = stage.token("mei").await;
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.push(stage.added(&token, &mut Device::new()).await);
    }
    let refused = stage.ask_new(&token).await;
    refused.refuses(409, "too-many-passkeys");
    let revoke = format!("/passkeys/{}/revoke", ids[0]);
    assert_eq!(stage.post(&revoke, &token, "{}").await.status, 200);
    stage.added(&token, &mut Device::new()).await;
}

#[tokio::test]
async fn behind_a_server_for_tls_passkeys_are_of_its_name() {
    let url = "https://cordon.example.com";
    let stage = Stage::at(Some(url)).await;
    let token = stage.token("mei").await;
    let asked = stage.ask_new(&token).await.body;
    assert_eq!(asked["publicKey"]["rp"]["id"], "cordon.example.com");
    let mut device = Device::new();
    let made = device.create(url, &asked).await;
    assert_eq!(stage.add(&token, &made).await.status, 200);
    let signed = device.get(url, &stage.question().await).await;
    assert_eq!(stage.answer(&signed).await.status, 200);

    let plain = Stage::at(Some("http://cordon.example.com")).await;
    let token = plain.token("mei").await;
    plain.ask_new(&token).await.refuses(404, "no-passkeys");
}

#[tokio::test]
async fn where_another_program_may_be_localhost_there_are_no_passkeys() {
    // Browsers look for `localhost` at both of its addresses.
    let Ok(other) = std::net::TcpListener::bind("[::1]:0") else {
        // Nobody can listen there, then.
        return;
    };
    let port = other.local_addr().unwrap().port();
    let stage = Stage::listening(&format!("127.0.0.1:{port}")).await;
    let asked = stage.send(&post("/sign-in/passkey/ask", "{}")).await;
    asked.refuses(404, "no-passkeys");
    let page = stage.send(&page("/sign-in")).await;
    assert!(page.body.as_str().unwrap().contains("data-home=\"\""));
    drop(other);

    let stage = Stage::new().await;
    let taken = (
        std::net::Ipv6Addr::LOCALHOST,
        stage.running.address().port(),
    );
    assert!(std::net::TcpListener::bind(taken).is_err(), "it is ours");
}

#[tokio::test]
async fn the_page_is_whole_and_nothing_else_runs_in_it() {
    let stage = Stage::new().await;
    let answer = stage.send(&page("/sign-in")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    let home = format!("data-home=\"{}\"", stage.home());
    assert!(answer.body.as_str().unwrap().contains(&home));
    let policy = answer.header("content-security-policy").unwrap();
    for part in [
        "default-src 'none'",
        "frame-ancestors 'none'",
        "form-action 'none'",
        "base-uri 'none'",
        "script-src 'sha256-",
        "style-src 'sha256-",
    ] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains("http"));
    assert_eq!(answer.header("x-frame-options"), Some("DENY"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    // A link in a chat leads there; a page of strangers that sends something does not get in.
    let followed = page("/sign-in").with("sec-fetch-site", "cross-site");
    assert_eq!(stage.send(&followed).await.status, 200);
    let rebound = stage.send(&page("/sign-in").host("evil.example.com")).await;
    rebound.refuses(421, "wrong-host");
    let agents = page("/sign-in").with("authorization", "AKIACRDN7QK4M2ZDXYWV");
    stage.send(&agents).await.refuses(403, "agents-keys");
}
