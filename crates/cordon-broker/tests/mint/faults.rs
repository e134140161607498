//! What is said when there are no credentials, and that no secret is in it.

use crate::desk::Desk;
use crate::hostile::{Answer, HostileSts, fault, session};
use crate::{Stage, base, config, live, roles};
use cordon_broker::{Broker, BrokerConfig, MintError, Roles, StsDeadlines};
use cordon_core::sign::Minted;
use jiff::Timestamp;
use std::sync::LazyLock;
use std::time::Duration;

const CANARY: &str = "wJalrXUtnCANARY";

fn now() -> Timestamp {
    "2026-11-25T09:00:00Z".parse().unwrap()
}

/// Mints for one change.
async fn mint_with(config: BrokerConfig) -> Result<Minted, MintError> {
    static DESK: LazyLock<Desk> = LazyLock::new(Desk::new);
    let session = DESK.session("T-1", now());
    let permit = DESK.permit(&session, "PutItem", "orders", now());
    let broker = Broker::new(config).await;
    broker.mint(&permit, now(), live).await
}

async fn answered(answer: Answer) -> MintError {
    let sts = HostileSts::answering([answer]).await;
    mint_with(config(sts.endpoint())).await.unwrap_err()
}

#[tokio::test]
async fn each_fault_of_sts_is_told_for_what_it_is() {
    let expired = fault(
        403,
        "ExpiredToken",
        "The security token included in the request is expired",
    );
    assert!(matches!(
        answered(expired).await,
        MintError::IdentityExpired(_)
    ));

    let denied = answered(fault(403, "AccessDenied", "not authorized")).await;
    assert!(
        matches!(&denied, MintError::NotTrusted { role, .. } if role.ends_with("cordon-agent"))
    );
    for action in ["sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"] {
        assert!(denied.help().contains(action), "{}", denied.help());
    }

    for code in ["InvalidClientTokenId", "SignatureDoesNotMatch"] {
        let unknown = answered(fault(403, code, "no")).await;
        assert!(
            matches!(unknown, MintError::IdentityUnknown { .. }),
            "{unknown:?}"
        );
    }
    let skewed = "Signature expired: 20261125T090000Z is now earlier than 20261125T091500Z";
    for (code, message) in [
        ("SignatureDoesNotMatch", skewed),
        ("RequestExpired", "late"),
    ] {
        let clock = answered(fault(403, code, message)).await;
        assert!(matches!(clock, MintError::Clock(_)), "{clock:?}");
    }
    for (status, code) in [
        (400, "Throttling"),
        (503, "ServiceUnavailable"),
        (500, "Odd"),
    ] {
        let busy = answered(fault(status, code, "later")).await;
        assert!(matches!(busy, MintError::Unavailable(_)), "{busy:?}");
    }
    let region = answered(fault(
        403,
        "RegionDisabledException",
        "STS is not activated",
    ))
    .await;
    assert!(matches!(region, MintError::Refused { .. }), "{region:?}");
}

#[tokio::test]
async fn an_sts_that_is_down_or_silent_is_not_waited_for() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = closed.local_addr().unwrap();
    drop(closed);
    let down = mint_with(config(format!("http://{address}"))).await;
    assert!(matches!(down, Err(MintError::Unavailable(_))), "{down:?}");

    let sts = HostileSts::answering([Answer::Silence]).await;
    let silent = mint_with(BrokerConfig {
        deadlines: StsDeadlines {
            connect: Duration::from_millis(500),
            answer: Duration::from_millis(500),
        },
        ..config(sts.endpoint())
    });
    let silent = silent.await;
    assert!(
        matches!(silent, Err(MintError::Unavailable(_))),
        "{silent:?}"
    );
}

#[tokio::test]
async fn garbage_is_no_session_and_none_of_it_is_told() {
    let good = session("ASIAEXAMPLEEXAMPLE01", CANARY, "2026-11-25T09:15:00Z");
    let Answer::Says(_, good) = good else {
        panic!("it says something")
    };
    let changed = |from: &str, to: &str| good.replace(from, to);
    for body in [
        String::new(),
        format!("{{\"SecretAccessKey\":\"{CANARY}\"}}"),
        changed("</SecretAccessKey>", "</AccessKeyId>"),
        changed("Credentials", "Others"),
        changed("2026-11-25T09:15:00Z", CANARY),
        changed("ASIAEXAMPLEEXAMPLE01", "a key \u{e9}"),
        changed(CANARY, ""),
        "\u{0}\u{1}".repeat(100_000),
    ] {
        let error = answered(Answer::Says(200, body.clone())).await;
        assert_eq!(error, MintError::Nonsense, "{body}");
    }
    // What cannot be read is not repeated, whatever the status.
    for status in [200, 302, 403, 500] {
        let error = answered(Answer::Says(status, format!("<a>{CANARY}"))).await;
        assert!(!format!("{error} {error:?}").contains(CANARY), "{error:?}");
    }
}

#[tokio::test]
async fn a_session_that_ends_on_arrival_is_a_matter_of_clocks() {
    for expiration in ["2026-11-25T08:00:00Z", "2026-11-25T09:01:00Z"] {
        let error = answered(session("ASIAEXAMPLEEXAMPLE01", "secret", expiration)).await;
        assert!(matches!(error, MintError::Clock(_)), "{error:?}");
    }
}

#[tokio::test]
async fn a_session_that_sts_says_lives_for_years_is_not_kept_for_them() {
    let answers = ["ASIAEXAMPLEEXAMPLE01", "ASIAEXAMPLEEXAMPLE02"]
        .map(|key_id| session(key_id, "secret", "2099-11-25T09:15:00Z"));
    let sts = HostileSts::answering(answers).await;
    let broker = Broker::new(config(sts.endpoint())).await;
    let desk = Desk::new();
    let session = desk.session("T-1", now());
    let permit = desk.permit(&session, "DescribeTable", "orders", now());
    let later = now() + jiff::SignedDuration::from_mins(14);
    for (at, asked) in [(now(), 1), (now(), 1), (later, 2)] {
        broker.mint(&permit, at, live).await.unwrap();
        assert_eq!(sts.asked(), asked);
    }
}

#[tokio::test]
async fn a_fault_is_not_kept() {
    let sts = HostileSts::answering([
        fault(403, "AccessDenied", "not yet"),
        session("ASIAEXAMPLEEXAMPLE01", "secret", "2026-11-25T09:15:00Z"),
    ])
    .await;
    let broker = Broker::new(config(sts.endpoint())).await;
    let desk = Desk::new();
    let session = desk.session("T-1", now());
    let permit = desk.permit(&session, "PutItem", "orders", now());
    broker.mint(&permit, now(), live).await.unwrap_err();
    broker.mint(&permit, now(), live).await.unwrap();
}

#[tokio::test]
async fn a_role_that_trusts_somebody_else_and_one_that_is_not_there_are_told() {
    let stage = Stage::set().await;
    for name in ["cordon-stranger", "cordon-missing"] {
        let broker = Broker::new(BrokerConfig {
            roles: roles(name),
            ..config(stage.lab.endpoint())
        });
        let permit = stage.permit("PutItem", "orders");
        let error = broker.await.mint(&permit, stage.now(), live).await;
        let Err(MintError::NotTrusted { role, message }) = error else {
            panic!("{error:?}");
        };
        assert!(
            role.ends_with(name) && message.contains("sts:AssumeRole"),
            "{message}"
        );
    }
    let none = mint_with(BrokerConfig {
        roles: Roles::default(),
        ..config(stage.lab.endpoint())
    });
    assert_eq!(
        none.await.unwrap_err(),
        MintError::NoRole("111122223333".to_owned())
    );
}

#[tokio::test]
async fn cordons_own_placeholder_is_no_base_identity() {
    let sts = HostileSts::answering([fault(500, "Odd", "it must not be asked")]).await;
    let error = mint_with(BrokerConfig {
        base: base("AKIACRDN7QK4M2ZDXYWV"),
        ..config(sts.endpoint())
    });
    assert_eq!(error.await.unwrap_err(), MintError::OwnPlaceholder);
    assert_eq!(sts.asked(), 0);
}

#[tokio::test]
async fn no_secret_is_in_what_is_printed() {
    let answer = session("ASIAEXAMPLEEXAMPLE01", CANARY, "2026-11-25T09:15:00Z");
    let sts = HostileSts::answering([answer]).await;
    let config = config(sts.endpoint());
    let printed = format!("{config:?}");
    let broker = Broker::new(config).await;
    let desk = Desk::new();
    let session = desk.session("T-1", now());
    let permit = desk.permit(&session, "PutItem", "orders", now());
    let minted = broker.mint(&permit, now(), live).await.unwrap();
    let printed = format!("{printed} {broker:?} {minted:?}");
    for secret in [CANARY, cordon_lab::BASE_SECRET_ACCESS_KEY] {
        assert!(!printed.contains(secret), "{printed}");
    }
    assert_eq!(minted.credentials.keys().secret().expose(), CANARY);
}
