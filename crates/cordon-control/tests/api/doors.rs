//! Nobody gets in who should not: names, origins, cookies, links, tokens, agents' keys, bodies.

use crate::harness::*;
use cordon_store::PassKind;

#[tokio::test]
async fn a_name_that_is_not_ours_is_turned_away() {
    let stage = Stage::new().await;
    let token = stage.token("ola").await;
    let me = get("/me").bearer(&token);
    assert_eq!(stage.send(&me).await.status, 200);
    let port = stage.running.address().port();
    let local = me.clone().host(&format!("localhost:{port}"));
    assert_eq!(stage.send(&local).await.status, 200);
    for host in [
        "evil.example.com".to_owned(),
        format!("evil.example.com:{port}"),
        "127.0.0.1".to_owned(),
        format!("127.0.0.1:{}", port.wrapping_add(1)),
        format!("127.0.0.1:{port}.evil.example.com"),
        String::new(),
    ] {
        stage
            .send(&me.clone().host(&host))
            .await
            .refuses(421, "wrong-host");
    }
    let twice = me.clone().with("host", &format!("127.0.0.1:{port}"));
    stage.send(&twice).await.refuses(421, "wrong-host");
    let of_proxy = format!(
        "GET http://127.0.0.1:{port}/api/v1/me HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
    );
    stage.raw(&of_proxy).await.refuses(421, "wrong-host");
}

#[tokio::test]
async fn a_page_of_someone_else_is_turned_away() {
    let stage = Stage::new().await;
    let (cookie, half) = stage.browser("ola").await;
    let me = get("/me").page(&cookie, &half);
    let ours = format!("http://{}", stage.running.address());
    let from = |origin: &str| me.clone().with("origin", origin);
    assert_eq!(stage.send(&from(&ours)).await.status, 200);
    for origin in [
        "https://evil.example.com",
        "null",
        "http://127.0.0.1:9999",
        &ours.replace("http://", "https://"),
        &format!("{ours}.evil.example.com"),
    ] {
        stage.send(&from(origin)).await.refuses(403, "wrong-origin");
    }
    for (site, status) in [
        ("same-origin", 200),
        ("none", 200),
        ("same-site", 403),
        ("cross-site", 403),
    ] {
        let answer = stage.send(&me.clone().with("sec-fetch-site", site)).await;
        assert_eq!(answer.status, status, "{site}");
    }
    // A stranger's page cannot sign anyone in either.
    let link = stage.link("ola").await;
    let body = format!(r#"{{"link":"{link}","as":"browser"}}"#);
    let foreign = post("/sign-in", &body).with("origin", "https://evil.example.com");
    stage.send(&foreign).await.refuses(403, "wrong-origin");
    assert_eq!(stage.send(&post("/sign-in", &body)).await.status, 200);
}

#[tokio::test]
async fn a_cookie_alone_opens_nothing_and_a_forged_one_less() {
    let stage = Stage::new().await;
    let (cookie, half) = stage.browser("ola").await;
    let (other_cookie, other_half) = stage.browser("mei").await;
    for path in ["/me", "/holds", "/calls", "/tasks", "/posture", "/events"] {
        let alone = get(path).with("cookie", &cookie);
        stage.send(&alone).await.refuses(403, "half-missing");
        let nobody = get(path);
        stage.send(&nobody).await.refuses(401, "not-signed-in");
    }
    let mut forged = cookie.clone();
    let last = if forged.ends_with('A') { 'B' } else { 'A' };
    forged.pop();
    forged.push(last);
    for (cookie, half) in [
        (&forged, &half),
        (&cookie, &other_half),
        (&other_cookie, &half),
        (&"cordon_session=".to_owned(), &half),
        (&"cordon_session=x".to_owned(), &half),
    ] {
        let ask = get("/me").page(cookie, half);
        stage.send(&ask).await.refuses(401, "not-signed-in");
    }
    let both = get("/me")
        .page(&cookie, &half)
        .bearer(&stage.token("mei").await);
    stage.send(&both).await.refuses(400, "malformed");
    let two = get("/me").page(&format!("{cookie}; {other_cookie}"), &half);
    stage.send(&two).await.refuses(400, "malformed");
    // One half as a token, and a token as a cookie.
    let (_, value) = cookie.split_once('=').unwrap();
    stage.get("/me", value).await.refuses(401, "not-signed-in");
    let token = stage.token("ola").await;
    let as_cookie = get("/me").page(&format!("cordon_session={token}"), &half);
    stage.send(&as_cookie).await.refuses(401, "not-signed-in");
}

#[tokio::test]
async fn a_cookie_is_for_this_host_alone_and_scripts_do_not_see_it() {
    for (url, name, secure) in [
        (None, "cordon_session=", false),
        (
            Some("https://cordon.example.com"),
            "__Host-cordon_session=",
            true,
        ),
    ] {
        let stage = Stage::at(url).await;
        let link = stage.link("ola").await;
        let body = format!(r#"{{"link":"{link}","as":"browser"}}"#);
        let host = url.map_or_else(
            || stage.running.address().to_string(),
            |url| url.replace("https://", ""),
        );
        let answer = stage.send(&post("/sign-in", &body).host(&host)).await;
        let cookie = answer.header("set-cookie").unwrap();
        assert!(cookie.starts_with(name), "{cookie}");
        for part in ["; HttpOnly", "; SameSite=Strict", "; Path=/"] {
            assert!(cookie.contains(part), "{cookie}");
        }
        assert_eq!(cookie.contains("; Secure"), secure, "{cookie}");
        assert!(!cookie.contains("Domain"), "{cookie}");
        assert!(answer.body["token"].is_null(), "a page is given no token");
    }
}

#[tokio::test]
async fn a_link_signs_in_once_and_for_ten_minutes() {
    let stage = Stage::new().await;
    let link = stage.link("ola").await;
    let sign_in = |link: &str| {
        post(
            "/sign-in",
            &format!(r#"{{"link":"{link}","as":"terminal"}}"#),
        )
    };
    assert_eq!(stage.send(&sign_in(&link)).await.status, 200);
    stage.send(&sign_in(&link)).await.refuses(401, "link-spent");
    let late = stage.link("ola").await;
    stage.pass(10);
    stage.send(&sign_in(&late)).await.refuses(401, "link-spent");
    for wrong in [
        "",
        "cordon_link_",
        "x",
        &"A".repeat(200),
        &stage.token("ola").await,
    ] {
        stage.send(&sign_in(wrong)).await.refuses(401, "link-spent");
    }
    // Looking a link up uses nothing up.
    let fresh = stage.link("ola").await;
    stage
        .send(&get("/sign-in"))
        .await
        .refuses(401, "not-signed-in");
    assert_eq!(stage.send(&sign_in(&fresh)).await.status, 200);
}

#[tokio::test]
async fn who_signed_out_ran_out_or_left_is_not_signed_in() {
    let stage = Stage::new().await;
    let ola = stage.token("ola").await;
    let mei = stage.token("mei").await;
    assert_eq!(stage.post("/sign-out", &ola, "{}").await.status, 200);
    stage.get("/me", &ola).await.refuses(401, "not-signed-in");
    assert_eq!(stage.get("/me", &mei).await.body["person"], "mei");
    stage.people(&PEOPLE.replace("\"mei\"", "\"max\""));
    stage.get("/me", &mei).await.refuses(401, "unknown-person");
    stage
        .get("/holds", &mei)
        .await
        .refuses(401, "unknown-person");
    stage.people(PEOPLE);
    stage.pass(12 * 60);
    stage.get("/me", &mei).await.refuses(401, "not-signed-in");
}

#[tokio::test]
async fn what_an_agent_holds_opens_nothing() {
    let stage = Stage::new().await;
    let hold = stage.held("1", "max", &["senior"]).await;
    let token = stage.token("ola").await;
    let approve = post("/holds/H-1/approve", &format!(r#"{{"digest":"{DIGEST}"}}"#));
    let signed = "AWS4-HMAC-SHA256 Credential=AKIACRDN7QK4M2ZDXYWV/20261126/cn-north-1/elasticbeanstalk/aws4_request, SignedHeaders=host, Signature=00";
    for ask in [
        approve.clone().with("authorization", signed),
        approve
            .clone()
            .bearer(&token)
            .with("x-amz-date", "20261126T000000Z"),
        approve
            .clone()
            .bearer(&token)
            .with("x-amz-security-token", "t"),
        approve
            .clone()
            .bearer(&token)
            .with("amz-sdk-invocation-id", "1"),
        approve
            .clone()
            .with("authorization", "AKIACRDN7QK4M2ZDXYWV"),
    ] {
        stage.send(&ask).await.refuses(403, "agents-keys");
    }
    let presigned = post("/holds/H-1/approve?X-Amz-Signature=00", "{}").bearer(&token);
    stage.send(&presigned).await.refuses(403, "agents-keys");
    for token in ["AKIACRDN7QK4M2ZDXYWV", "cordon_pass_", "", "x"] {
        let answer = stage.send(&approve.clone().bearer(token)).await;
        answer.refuses(401, "not-signed-in");
    }
    assert_eq!(stage.votes(&hold).await, 0);
}

#[tokio::test]
async fn a_token_does_what_it_was_made_for() {
    let stage = Stage::new().await;
    let hold = stage.held("1", "max", &["senior"]).await;
    let read = stage.machine("ola", PassKind::Read).await;
    let check = stage.machine("ola", PassKind::Check).await;
    assert_eq!(stage.get("/holds/H-1", &read).await.status, 200);
    assert_eq!(stage.get("/me", &check).await.status, 200);
    // Only what asks for one of its checks is there for it.
    stage
        .get("/holds/H-1", &check)
        .await
        .refuses(404, "not-found");
    for token in [&read, &check] {
        stage
            .approve("H-1", token, DIGEST)
            .await
            .refuses(403, "token-scope");
        let reject = stage
            .post("/holds/H-1/reject", token, r#"{"reason":"unclear"}"#)
            .await;
        reject.refuses(403, "token-scope");
        let stop = stage.post("/tasks/T-1/stop", token, "{}").await;
        stop.refuses(403, "token-scope");
        let raise = stage
            .post("/posture", token, r#"{"to":"freeze","message":"x"}"#)
            .await;
        raise.refuses(403, "token-scope");
    }
    assert_eq!(stage.votes(&hold).await, 0);
    stage.pass(24 * 60);
    stage.get("/me", &read).await.refuses(401, "not-signed-in");
}

#[tokio::test]
async fn a_body_is_small_and_json_and_holds_nothing_else() {
    let stage = Stage::new().await;
    let hold = stage.held("1", "max", &["senior"]).await;
    let token = stage.token("ola").await;
    let path = "/holds/H-1/approve";
    let large = format!(r#"{{"digest":"{DIGEST}","note":"{}"}}"#, "x".repeat(17_000));
    stage
        .post(path, &token, &large)
        .await
        .refuses(413, "too-large");
    let long = format!(r#"{{"digest":"{DIGEST}","note":"{}"}}"#, "x".repeat(1_001));
    stage
        .post(path, &token, &long)
        .await
        .refuses(400, "malformed");
    for body in [
        "",
        "{",
        "[]",
        r#"{"digest":1}"#,
        r#"{"digest":"x","digset":"y"}"#,
        &"[".repeat(10_000),
    ] {
        stage
            .post(path, &token, body)
            .await
            .refuses(400, "malformed");
    }
    let right = format!(r#"{{"digest":"{DIGEST}"}}"#);
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonp",
    ] {
        let ask = post(path, &right).bearer(&token).without("content-type");
        stage.send(&ask.clone()).await.refuses(415, "not-json");
        stage
            .send(&ask.with("content-type", kind))
            .await
            .refuses(415, "not-json");
    }
    stage.get(path, &token).await.refuses(405, "other-method");
    stage
        .get("/nothing", &token)
        .await
        .refuses(404, "not-found");
    stage
        .get("/holds?stat=open", &token)
        .await
        .refuses(400, "malformed");
    stage
        .get("/holds/%ff", &token)
        .await
        .refuses(404, "not-found");
    assert_eq!(stage.votes(&hold).await, 0);
}

#[tokio::test]
async fn every_answer_is_hardened() {
    let stage = Stage::new().await;
    let token = stage.token("ola").await;
    for ask in [
        get("/me"),
        get("/me").bearer(&token),
        get("/openapi.json"),
        get("/me").host("x"),
    ] {
        let answer = stage.send(&ask).await;
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains("frame-ancestors 'none'") && policy.contains("default-src 'none'"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("x-frame-options"), Some("DENY"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
}
