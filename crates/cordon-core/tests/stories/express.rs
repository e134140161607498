//! Sessions of S3 Express: who gets one, what its keys are good for, and that this is never more than
//! one directory bucket of what its parent may do.

use crate::harness::{self, KEY_ID, SECRET, Sent, ask, judge, judge_with, now, rest, session};
use cordon_aws::sigv4::{SecretKey, SigningCredentials};
use cordon_core::authenticate::authenticate;
use cordon_core::decide::{Outcome, Permit};
use cordon_core::judge::Judgement;
use cordon_core::loan::Loan;
use cordon_core::session::{
    AssumedRole, DescentError, ExpressSession, Placeholder, PlaceholderKind, Session, SessionMode,
    SessionState, Sessions, Terms,
};
use cordon_core::session_policy::SessionPolicy;
use cordon_core::task::Task;
use http::Method;
use jiff::SignedDuration;
use std::sync::{Arc, LazyLock};

const REGION: &str = "eu-west-1";
const BUCKET: &str = "orders--euw1-az1--x-s3";
const OTHER: &str = "ledger--euw1-az1--x-s3";
const ROLE: &str = "arn:aws:iam::111122223333:role/deploy";

fn arn(bucket: &str) -> String {
    format!("arn:aws:s3express:{REGION}:111122223333:bucket/{bucket}")
}

/// A task that names two directory buckets, and an ordinary one.
fn task(mode: &str) -> String {
    format!(
        r#"
schema = "cordon.task/v1"
title  = "Load the orders"
ticket = "GD-2"
team   = "checkout"
mode   = "{mode}"
ttl    = "2h"

[where]
accounts     = ["111122223333"]
regions      = ["{REGION}"]
environments = ["dev"]

[[allow]]
do = ["observe"]

[[allow]]
do = ["s3express:CreateSession"]
on = ["{}", "{}"]

[[allow]]
do = ["s3:GetObject", "s3:PutObject"]
on = ["arn:aws:s3:::reports/*"]

[[allow]]
do = ["s3express:GetBucketPolicy"]
on = ["{}"]

[[allow]]
do = ["sts:AssumeRole"]
on = ["{ROLE}"]

[budget]
mutations  = 5
creates    = 5
"#,
        arn(BUCKET),
        arn(OTHER),
        arn(BUCKET),
    )
}

static LIVE: LazyLock<Arc<Task>> = LazyLock::new(|| session(&task("live")).task);

fn parent() -> Session {
    harness::session_on(Arc::clone(&LIVE))
}

/// A call on the host of a directory bucket.
fn zonal(method: Method, bucket: &str, path: &str) -> Sent {
    Sent {
        host: format!("{bucket}.s3express-euw1-az1.{REGION}.amazonaws.com"),
        ..rest(method, "s3express", REGION, path, "")
    }
}

fn create_session(bucket: &str, headers: &[(&'static str, &str)]) -> Sent {
    let headers = headers
        .iter()
        .map(|(name, value)| (*name, (*value).to_owned()));
    Sent {
        headers: headers.collect(),
        ..zonal(Method::GET, bucket, "/?session")
    }
}

fn get(bucket: &str) -> Sent {
    zonal(Method::GET, bucket, "/2026/a.json")
}

fn put(bucket: &str) -> Sent {
    Sent {
        body: "{}".into(),
        headers: vec![("content-type", "application/json".to_owned())],
        ..zonal(Method::PUT, bucket, "/2026/a.json")
    }
}

fn express(mode: SessionMode) -> ExpressSession {
    ExpressSession {
        bucket: arn(BUCKET).parse().unwrap(),
        mode,
    }
}

fn terms(parent: &Session, express: Option<ExpressSession>) -> Terms {
    Terms {
        parent: parent.id.clone(),
        ends: now() + SignedDuration::from_mins(5),
        role: None,
        policy: None,
        express,
    }
}

fn placeholder(seed: u8) -> Placeholder {
    Placeholder::of(PlaceholderKind::Lent, &[seed; Placeholder::RANDOM])
}

fn begun(parent: &Session, seed: u8, terms: Terms) -> Result<Session, DescentError> {
    Session::child(parent, placeholder(seed), terms, now(), SessionState::Live)
}

fn child(parent: &Session, seed: u8, mode: SessionMode) -> Session {
    begun(parent, seed, terms(parent, Some(express(mode)))).unwrap()
}

/// The request with the session token of a bucket.
fn with(sent: Sent, token: &SecretKey) -> Sent {
    let mut headers = sent.headers;
    headers.push(("x-amz-s3session-token", token.expose().to_owned()));
    Sent { headers, ..sent }
}

fn keys(seed: u8) -> SigningCredentials {
    keys_with(seed, None)
}

/// The same, which come with a session token in the place of one of STS.
fn keys_with(seed: u8, token: Option<&SecretKey>) -> SigningCredentials {
    let Placeholder { key_id, secret, .. } = placeholder(seed);
    SigningCredentials::new(key_id, secret, token.cloned())
}

/// Outcome, and what decided.
fn judged(session: Session, sent: Sent) -> (Outcome, String, Judgement) {
    let mut judge = judge_with(&harness::POLICIES, Arc::new(session));
    let judgement = ask(&mut judge, sent);
    let (outcome, first) = harness::told(&judgement);
    let reason = judgement.verdict.reason.map(|reason| reason.as_str());
    let by = match judgement.verdict.policies.is_empty() {
        true => reason.unwrap_or_default().to_owned(),
        false => first,
    };
    (outcome, by, judgement)
}

#[track_caller]
fn allowed(session: Session, sent: Sent) -> Judgement {
    let (outcome, _, judgement) = judged(session, sent);
    assert_eq!(outcome, Outcome::Allow, "{:#?}", judgement.verdict);
    judgement
}

#[track_caller]
fn denied(session: Session, sent: Sent, why: &str) -> Judgement {
    let (outcome, by, judgement) = judged(session, sent);
    assert_eq!(
        (outcome, &*by),
        (Outcome::Deny, why),
        "{:#?}",
        judgement.verdict
    );
    judgement
}

fn permit(sent: Sent) -> Permit {
    let sessions = Sessions::new([Arc::new(parent())]);
    harness::permit(authenticate(sent.signed(), &sessions, now()).unwrap())
}

/// Whose a request is, or why it is nobody's.
fn told(sessions: &Sessions, sent: Sent, keys: &SigningCredentials) -> String {
    match authenticate(sent.signed_with(keys), sessions, now()) {
        Ok(authenticated) => authenticated.session().id.to_string(),
        Err((_, error)) => error.code().to_owned(),
    }
}

#[test]
fn the_keys_of_a_bucket_are_known_by_their_own_token_in_its_own_place() {
    let launched = parent();
    let role = Terms {
        role: Some(AssumedRole {
            arn: ROLE.parse().unwrap(),
            external_id: None,
        }),
        ..terms(&launched, None)
    };
    let of_role = begun(&launched, 2, role).unwrap();
    let own = child(&launched, 1, SessionMode::ReadWrite);
    let other = child(&launched, 3, SessionMode::ReadWrite);
    let token = |session: &Session| session.token().unwrap().secret().clone();
    let (token_of_own, token_of_role, foreign) = (token(&own), token(&of_role), token(&other));
    let id = own.id.to_string();
    let sessions = Sessions::new([launched, own, of_role, other].map(Arc::new));
    let mine = credentials(KEY_ID, SECRET);

    let both = with(get(BUCKET), &token_of_own);
    let with_both = keys_with(1, Some(&token_of_own));
    assert_eq!(told(&sessions, both, &with_both), "malformed-signature");
    for (sent, signer) in [
        // No token, another one's, its own in the place for another kind, and one of another kind.
        (get(BUCKET), keys(1)),
        (with(get(BUCKET), &foreign), keys(1)),
        (get(BUCKET), keys_with(1, Some(&token_of_own))),
        (with(get(BUCKET), &token_of_role), keys(2)),
        (with(get(BUCKET), &token_of_own), mine),
    ] {
        assert_eq!(told(&sessions, sent, &signer), "foreign-token");
    }
    let regional = Sent {
        host: format!("reports.s3.{REGION}.amazonaws.com"),
        ..rest(Method::GET, "s3", REGION, "/a", "")
    };
    let elsewhere = with(regional, &token_of_own);
    assert_eq!(told(&sessions, elsewhere, &keys(1)), "malformed-signature");
    let right = with(get(BUCKET), &token_of_own);
    assert_eq!(told(&sessions, right.clone(), &keys(1)), id);
    assert_eq!(
        told(&Sessions::default(), right, &keys(1)),
        "session-ended",
        "once its parent is not served"
    );
}

fn credentials(key_id: &str, secret: &str) -> SigningCredentials {
    harness::credentials(key_id, secret)
}

#[test]
fn the_keys_of_a_bucket_end_with_their_time_and_with_their_parent() {
    for (state, ends, expected) in [
        (SessionState::Live, 300, None),
        (SessionState::Live, 0, Some("session-ended")),
        (SessionState::Stopped, 300, Some("session-ended")),
    ] {
        let launched = Session { state, ..parent() };
        let mut terms = terms(&launched, Some(express(SessionMode::ReadWrite)));
        terms.ends = now() + SignedDuration::from_secs(ends);
        let own = begun(&launched, 1, terms).unwrap();
        let sent = with(get(BUCKET), own.token().unwrap().secret());
        let id = own.id.to_string();
        let sessions = Sessions::new([launched, own].map(Arc::new));
        assert_eq!(told(&sessions, sent, &keys(1)), expected.unwrap_or(&id));
    }
}

#[test]
fn the_keys_of_a_bucket_are_good_for_its_objects_alone() {
    let parent = parent();
    let own = || child(&parent, 1, SessionMode::ReadWrite);
    // All of it is part of the task, and goes by the keys of the parent.
    let settings = Sent {
        host: format!("s3express-control.{REGION}.amazonaws.com"),
        ..rest(
            Method::GET,
            "s3express",
            REGION,
            &format!("/{BUCKET}?policy"),
            "",
        )
    };
    let regular = Sent {
        host: format!("reports.s3.{REGION}.amazonaws.com"),
        ..rest(Method::GET, "s3", REGION, "/a", "")
    };
    for sent in [get(OTHER), put(OTHER), settings, regular] {
        allowed(self::parent(), sent.clone());
        let judgement = denied(own(), sent, "outside-bucket");
        let message = judgement.refusal.unwrap().message;
        assert!(message.contains("one bucket"), "{message}");
    }
    allowed(own(), get(BUCKET));
    allowed(own(), put(BUCKET));
    // What the task leaves out stays out.
    denied(own(), get("else--euw1-az1--x-s3"), "out-of-scope");
    let delete = zonal(Method::DELETE, BUCKET, "/2026/a.json");
    denied(own(), delete, "destroy-needs-named-target");
}

#[test]
fn a_session_for_reading_reads() {
    let parent = parent();
    let own = |mode| child(&parent, 1, mode);
    let begin = zonal(Method::POST, BUCKET, "/2026/a.json?uploads");
    let tags = zonal(Method::GET, BUCKET, "/2026/a.json?tagging");
    for sent in [put(BUCKET), begin, tags] {
        allowed(own(SessionMode::ReadWrite), sent.clone());
        let judgement = denied(own(SessionMode::ReadOnly), sent, "read-only");
        let message = judgement.refusal.unwrap().message;
        assert!(message.contains("ReadOnly"), "{message}");
    }
    for sent in [
        get(BUCKET),
        zonal(Method::HEAD, BUCKET, "/2026/a.json"),
        zonal(Method::GET, BUCKET, "/?list-type=2&prefix=2026%2F"),
        zonal(Method::GET, BUCKET, "/?uploads"),
        zonal(Method::GET, BUCKET, "/2026/a.json?uploadId=1"),
    ] {
        allowed(own(SessionMode::ReadOnly), sent);
    }
}

#[test]
fn a_session_is_lent_for_a_bucket_of_the_task_and_for_no_longer_than_s3_gives() {
    let admin = create_session("admin--euw1-az1--x-s3", &[]);
    let judgement = denied(parent(), admin, "out-of-scope");
    let message = judgement.refusal.unwrap().message;
    let change = format!(
        "[[allow]] do = [\"s3express:CreateSession\"] on = [\"{}\"]",
        arn("admin--euw1-az1--x-s3")
    );
    assert!(message.contains(&change), "{message}");

    for (header, expected) in [
        (None, SessionMode::ReadWrite),
        (Some("ReadWrite"), SessionMode::ReadWrite),
        (Some("ReadOnly"), SessionMode::ReadOnly),
    ] {
        let headers = header.map(|mode| ("x-amz-create-session-mode", mode));
        let permit = permit(create_session(BUCKET, headers.as_slice()));
        let parent = parent();
        let terms = permit.loan().unwrap().terms(&parent, now());
        assert_eq!(terms.express, Some(express(expected)));
        assert_eq!(terms.ends, now() + SignedDuration::from_mins(5));
        assert!(terms.role.is_none() && terms.policy.is_none());
    }
}

#[test]
fn a_session_is_lent_in_preview_costs_no_budget_and_changes_nothing_there() {
    for mode in ["live", "preview"] {
        let mut judge = judge(session(&task(mode)));
        let judgement = ask(&mut judge, create_session(BUCKET, &[]));
        assert_eq!(judgement.verdict.outcome, Outcome::Allow, "{mode}");
        assert!(!judgement.record.mutates, "{mode}");
        assert!(judgement.facts.is_empty(), "{:?}", judgement.facts);
        assert_eq!(judge.ledger().used.mutations, 0);
    }
    let previewed = session(&task("preview"));
    let own = child(&previewed, 1, SessionMode::ReadWrite);
    let (outcome, by, _) = judged(own, put(BUCKET));
    assert_eq!((outcome, &*by), (Outcome::Preview, "preview-first"));
    allowed(child(&previewed, 1, SessionMode::ReadWrite), get(BUCKET));
    let paused = Session {
        state: SessionState::Paused,
        ..parent()
    };
    let own = child(&paused, 1, SessionMode::ReadWrite);
    denied(own, put(BUCKET), "paused");
}

#[test]
fn what_only_a_real_session_could_keep_is_refused() {
    for (header, value, said) in [
        (
            "x-amz-server-side-encryption",
            "aws:kms",
            "`ServerSideEncryption`",
        ),
        (
            "x-amz-server-side-encryption-aws-kms-key-id",
            "k",
            "`SSEKMSKeyId`",
        ),
        (
            "x-amz-server-side-encryption-context",
            "e30=",
            "`SSEKMSEncryptionContext`",
        ),
        (
            "x-amz-server-side-encryption-bucket-key-enabled",
            "false",
            "`BucketKeyEnabled`",
        ),
        ("x-amz-create-session-mode", "readwrite", "`SessionMode`"),
    ] {
        let sent = create_session(BUCKET, &[(header, value)]);
        let judgement = denied(parent(), sent, "not-lent");
        let message = judgement.refusal.unwrap().message;
        assert!(message.contains(said), "{message}");
    }
    let again = create_session(BUCKET, &[]);
    let own = child(&parent(), 1, SessionMode::ReadWrite);
    let judgement = denied(own, again, "not-lent");
    let message = judgement.refusal.unwrap().message;
    assert!(message.contains("cannot call CreateSession"), "{message}");
}

#[test]
fn no_session_is_lent_for_what_is_no_directory_bucket() {
    let everything = task("live").replace(&arn(OTHER), "arn:aws:s3express:*:*:bucket/*");
    let regular = Sent {
        host: format!("reports.s3.{REGION}.amazonaws.com"),
        ..rest(Method::GET, "s3", REGION, "/?session", "")
    };
    denied(session(&everything), regular, "not-lent");
}

#[test]
fn a_session_of_a_bucket_begins_no_other_and_may_end_a_long_chain() {
    let launched = parent();
    let own = child(&launched, 1, SessionMode::ReadWrite);
    let below = begun(&own, 2, terms(&own, None));
    assert_eq!(below.unwrap_err(), DescentError::OfExpress);

    let mut chain = vec![launched];
    let twin = begun(&chain[0], 2, terms(&chain[0], None)).unwrap();
    chain.push(twin);
    for seed in 3..7 {
        let last = chain.last().unwrap();
        let role = Some(AssumedRole {
            arn: ROLE.parse().unwrap(),
            external_id: None,
        });
        let next = begun(
            last,
            seed,
            Terms {
                role,
                ..terms(last, None)
            },
        )
        .unwrap();
        chain.push(next);
    }
    let end = child(chain.last().unwrap(), 7, SessionMode::ReadOnly);
    assert_eq!(end.descent.as_ref().unwrap().roles().len(), 4);
    let key = end.key_id.clone();
    chain.push(end);
    let sessions = Sessions::new(chain.into_iter().map(Arc::new));
    assert!(sessions.find(&key).is_some(), "its parents are all there");
}

#[test]
fn a_session_that_has_half_of_its_time_is_lent_again_to_its_parent_alone() {
    let permit = permit(create_session(BUCKET, &[]));
    let loan: &Loan = permit.loan().unwrap();
    let read_only = [("x-amz-create-session-mode", "ReadOnly")];
    let launched = Arc::new(parent());
    let own = Arc::new(child(&launched, 1, SessionMode::ReadWrite));
    let sessions = Sessions::new([Arc::clone(&launched), Arc::clone(&own)]);
    let found = |loan: &Loan, parent: &Session, sessions: &Sessions, seconds: i64| {
        let at = now() + SignedDuration::from_secs(seconds);
        let found = loan.running(parent, sessions, at);
        found.map(|session| session.id.clone())
    };
    assert_eq!(found(loan, &launched, &sessions, 0), Some(own.id.clone()));
    assert_eq!(found(loan, &launched, &sessions, 150), Some(own.id.clone()));
    assert_eq!(found(loan, &launched, &sessions, 151), None);
    let stranger = begun(&launched, 9, terms(&launched, None)).unwrap();
    assert_eq!(found(loan, &stranger, &sessions, 0), None);
    for other in [
        create_session(BUCKET, &read_only),
        create_session(OTHER, &[]),
    ] {
        let permit = self::permit(other);
        let loan = permit.loan().unwrap();
        assert_eq!(found(loan, &launched, &sessions, 0), None);
    }
    let stopped = Session {
        state: SessionState::Stopped,
        ..child(&launched, 1, SessionMode::ReadWrite)
    };
    let sessions = Sessions::new([Arc::clone(&launched), Arc::new(stopped)]);
    assert_eq!(found(loan, &launched, &sessions, 0), None);
}

#[test]
fn the_second_lock_of_a_call_is_its_bucket() {
    let launched = Arc::new(parent());
    let own = Arc::new(child(&launched, 1, SessionMode::ReadWrite));
    let sessions = Sessions::new([launched, Arc::clone(&own)]);
    for sent in [
        get(BUCKET),
        put(BUCKET),
        zonal(Method::GET, BUCKET, "/?uploads"),
    ] {
        let sent = with(sent, own.token().unwrap().secret());
        let received = sent.signed_with(&keys(1));
        let permit = harness::permit(authenticate(received, &sessions, now()).unwrap());
        assert_eq!(
            SessionPolicy::of(&permit).unwrap().text(),
            format!(
                "{{\"Version\":\"2012-10-17\",\"Statement\":{{\"Effect\":\"Allow\",\
                 \"Action\":\"s3express:CreateSession\",\"Resource\":\"{}\"}}}}",
                arn(BUCKET)
            )
        );
    }
}

/// Whatever is called, by whichever keys of a bucket: it is allowed only where the keys of the parent
/// would be, on that bucket alone, and never changes anything under a session for reading.
#[test]
fn a_session_of_a_bucket_is_never_more_than_its_parent() {
    const PATHS: [&str; 13] = [
        "/",
        "/?session",
        "/?uploads",
        "/?list-type=2",
        "/?delete",
        "/?policy",
        "/a",
        "/a?uploads",
        "/a?uploadId=1",
        "/a?partNumber=1&uploadId=1",
        "/a?tagging",
        "/a?acl",
        "/a?renameObject",
    ];
    let of = |session: Session, sent: Sent| {
        let mut judge = judge_with(&harness::POLICIES, Arc::new(session));
        let judged = judge.judge(sent.signed(), now()).ok()?;
        Some((judged.verdict.outcome, judged.record.mutates))
    };
    let mut allowed = [0, 0];
    for method in [
        Method::GET,
        Method::HEAD,
        Method::PUT,
        Method::POST,
        Method::DELETE,
    ] {
        for (bucket, path) in [BUCKET, OTHER, "else--euw1-az1--x-s3"]
            .into_iter()
            .flat_map(|bucket| PATHS.map(|path| (bucket, path)))
        {
            let sent = zonal(method.clone(), bucket, path);
            for (mode, allowed) in SessionMode::ALL.into_iter().zip(&mut allowed) {
                let launched = parent();
                let own = of(child(&launched, 1, mode), sent.clone());
                let Some((Outcome::Allow, mutates)) = own else {
                    continue;
                };
                *allowed += 1;
                let of_parent = of(launched, sent.clone());
                assert_eq!(of_parent, own, "{method} {bucket} {path}");
                assert_eq!(bucket, BUCKET, "{method} {path}");
                assert_ne!(path, "/?session", "{method}");
                assert!(
                    mode == SessionMode::ReadWrite || !mutates,
                    "{method} {path}"
                );
            }
        }
    }
    let [reading, writing] = allowed;
    assert!(0 < reading && reading < writing, "{allowed:?}");
}
