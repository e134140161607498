//! The stages one after the other, with real signatures: what only the next stage can take, and
//! what leaves in the end.

use crate::harness::{KEY_ID, SECRET, Sent, credentials, now, permit, query, read, rest, session};
use bytes::Bytes;
use cordon_aws::emit::{EmittedBody, HostStyle};
use cordon_aws::request::{Body, Request};
use cordon_aws::sigv4::{Claim, DEFAULT_SKEW, SecretKey, SigningKeys, Transport, verify};
use cordon_core::authenticate::{AuthenticateError, Received, authenticate};
use cordon_core::decide::Permit;
use cordon_core::session::{Session, SessionState, Sessions};
use cordon_core::session_policy::{SessionName, SessionPolicy, SourceIdentity};
use cordon_core::sign::{Minted, Upstream, sign};
use http::Method;
use std::sync::Arc;

const CN: &str = "cn-north-1";

fn sessions(session: Session) -> Sessions {
    Sessions::new([Arc::new(session)])
}

fn demo() -> Session {
    session(&read("examples/fix-cost-explorer.toml"))
}

fn update_code() -> Sent {
    let path = "/2015-03-31/functions/cost-explorer-api/code";
    rest(Method::PUT, "lambda", CN, path, r#"{"ZipFile":"UEsFBg=="}"#)
}

fn list() -> Sent {
    query(
        "elasticbeanstalk",
        CN,
        "Action=DescribeEnvironments&Version=2010-12-01",
    )
}

fn permitted(sent: Sent) -> Permit {
    permit(authenticate(sent.signed(), &sessions(demo()), now()).unwrap())
}

fn refused(received: Received, sessions: &Sessions) -> &'static str {
    let (_, error): (Box<Received>, AuthenticateError) =
        authenticate(received, sessions, now()).unwrap_err();
    error.code()
}

#[test]
fn nobody_acts_with_a_wrong_or_foreign_key() {
    let live = sessions(demo());
    assert_eq!(
        refused(list().signed_by(KEY_ID, "another secret"), &live),
        "bad-signature"
    );
    assert_eq!(
        refused(list().signed_by("AKIASOMEBODYELSE0001", SECRET), &live),
        "unknown-key"
    );
    let stopped = sessions(Session {
        state: SessionState::Stopped,
        ..demo()
    });
    assert_eq!(refused(list().signed(), &stopped), "unknown-key");
    let mut changed = list().signed();
    changed.request.body = Body::Whole(Bytes::from_static(b"Action=TerminateEnvironment"));
    assert_ne!(refused(changed, &live), "");
    let mut unsigned = list().signed();
    unsigned.request.headers.remove("authorization");
    assert_eq!(refused(unsigned, &live), "unsigned");
}

#[test]
fn what_leaves_is_signed_with_minted_keys_and_holds_none_of_the_agents() {
    let minted = Minted {
        credentials: credentials("ASIAMINTEDFORONECALL", "minted secret"),
        expires: now(),
    };
    let upstream = Upstream {
        style: HostStyle::Aws,
        authority: "",
        transport: Transport::Tls,
    };
    let outbound = sign(&minted, permitted(update_code()), &upstream, now()).unwrap();
    let parts = outbound.into_parts();
    let text = format!("{:?}", parts.emission);
    assert!(!text.contains(KEY_ID), "{text}");
    assert_eq!(parts.emission.host, "lambda.cn-north-1.amazonaws.com.cn");
    let EmittedBody::Whole(body) = &parts.emission.body else {
        panic!("the body is held whole");
    };
    assert_eq!(parts.content_length, body.len() as u64);

    let request = Request {
        method: parts.emission.method.clone(),
        path: parts.emission.path.clone(),
        query: parts.emission.query.clone(),
        headers: parts.emission.headers.clone(),
        destination: update_code().signed().request.destination,
        body: Body::Whole(body.clone()),
    };
    let keys = SigningKeys::new(SecretKey::new("minted secret".to_owned()));
    let claim = Claim::of(&request).unwrap();
    assert_eq!(claim.key_id().as_str(), "ASIAMINTEDFORONECALL");
    verify(&request, claim, &keys, now(), DEFAULT_SKEW).unwrap();
}

#[test]
fn a_change_is_minted_for_exactly_itself() {
    let policy = SessionPolicy::of(&permitted(update_code())).unwrap();
    assert_eq!(
        policy.text(),
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"lambda:UpdateFunctionCode","Resource":"arn:aws-cn:lambda:cn-north-1:111122223333:function:cost-explorer-api"}}"#
    );
}

#[test]
fn reads_of_a_service_share_one_session_that_changes_nothing() {
    let one = SessionPolicy::of(&permitted(list())).unwrap();
    let form = "Action=DescribeEvents&Version=2010-12-01&EnvironmentName=ce-web-prod";
    let other = SessionPolicy::of(&permitted(query("elasticbeanstalk", CN, form))).unwrap();
    assert_eq!(one.cache_key(), other.cache_key());
    assert!(one.length() <= 2_048);
    for change in [
        "Update",
        "Create",
        "Terminate",
        "Rebuild",
        "Delete",
        "\"elasticbeanstalk:*\"",
    ] {
        assert!(!one.text().contains(change), "{}", one.text());
    }
    let functions = rest(Method::GET, "lambda", CN, "/2015-03-31/functions/", "");
    let elsewhere = SessionPolicy::of(&permitted(functions)).unwrap();
    assert_ne!(one.cache_key(), elsewhere.cache_key());
}

#[test]
fn a_narrow_task_has_one_session_for_all_its_reads() {
    let text = read("examples/fix-cost-explorer.toml").replace(
        "\"observe\"",
        "\"lambda/observe\", \"elasticbeanstalk/observe\"",
    );
    let sessions = sessions(session(&text));
    let key = |sent: Sent| {
        let permit = permit(authenticate(sent.signed(), &sessions, now()).unwrap());
        let policy = SessionPolicy::of(&permit).unwrap();
        assert!(policy.length() <= 2_048);
        *policy.cache_key()
    };
    let functions = rest(Method::GET, "lambda", CN, "/2015-03-31/functions/", "");
    assert_eq!(key(list()), key(functions));
}

#[test]
fn names_in_the_cloud_lead_back_to_task_and_session() {
    let permit = permitted(list());
    assert_eq!(SessionName::of(&permit).as_str(), "T-1042.S-01K3");
    assert_eq!(SourceIdentity::of(&permit).as_str(), "cordon.T-1042");
}
