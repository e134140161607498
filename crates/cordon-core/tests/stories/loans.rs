//! Virtual credentials: which roles may be assumed, and that what comes of it is never more than
//! what it came from.

use crate::harness::{
    self, KEY_ID, POLICIES, SECRET, Sent, ask, compile, judge, judge_with, now, query, session,
};
use cordon_aws::emit::HostStyle;
use cordon_aws::sigv4::{SecretKey, SessionToken, SigningCredentials, Transport};
use cordon_core::authenticate::authenticate;
use cordon_core::decide::{Outcome, Permit};
use cordon_core::judge::{Judge, Judgement};
use cordon_core::session::{
    AssumedRole, DescentError, Placeholder, PlaceholderKind, Session, SessionState, Sessions, Terms,
};
use cordon_core::session_policy::SessionPolicy;
use cordon_core::sign::{Minted, SignError, Upstream, sign};
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;

const REGION: &str = "eu-west-1";
const DEPLOY: &str =
    "arn:aws:iam::111122223333:role/cdk-hnb659fds-deploy-role-111122223333-eu-west-1";
const SHARED: &str = "arn:aws:iam::444455556666:role/shared/reader";

/// A task that names two roles, one of another account, and a few things to do.
fn task(more: &str) -> String {
    format!(
        r#"
schema = "cordon.task/v1"
title  = "Deploy checkout"
ticket = "GD-1"
team   = "checkout"
mode   = "live"
ttl    = "2h"

[where]
accounts     = ["111122223333", "444455556666"]
regions      = ["eu-west-1"]
environments = ["dev"]

[[allow]]
do = ["observe"]

[[allow]]
do = ["sts:AssumeRole"]
on = ["{DEPLOY}", "{SHARED}"]

[[allow]]
do = ["dynamodb:PutItem", "dynamodb:GetItem"]
on = ["arn:aws:dynamodb:eu-west-1:*:table/orders"]
{more}
[budget]
mutations  = 5
creates    = 5
"#
    )
}

fn form(operation: &str, parameters: &[(&str, &str)]) -> Sent {
    let mut form = format!("Action={operation}&Version=2011-06-15");
    for (name, value) in parameters {
        let value: String = value
            .bytes()
            .map(|byte| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                    char::from(byte).to_string()
                }
                byte => format!("%{byte:02X}"),
            })
            .collect();
        form.push_str(&format!("&{name}={value}"));
    }
    query("sts", REGION, &form)
}

fn assume(role: &str, more: &[(&str, &str)]) -> Sent {
    let mut parameters = vec![("RoleArn", role), ("RoleSessionName", "cdk-mei")];
    parameters.extend(more);
    form("AssumeRole", &parameters)
}

fn orders(operation: &str) -> Sent {
    let target = format!("DynamoDB_20120810.{operation}");
    let body = r#"{"TableName":"orders","Item":{"id":{"S":"1"}}}"#;
    let body = match operation {
        "GetItem" => r#"{"TableName":"orders","Key":{"id":{"S":"1"}}}"#,
        _ => body,
    };
    harness::json("dynamodb", REGION, &target, body)
}

/// Outcome, and the first policy or else the reason.
fn check(judge: &mut Judge<'_>, sent: Sent, outcome: Outcome, by: &str) -> Judgement {
    let judgement = ask(judge, sent);
    let (found, mut first) = harness::told(&judgement);
    if let Some(reason) = judgement.verdict.reason
        && judgement.verdict.policies.is_empty()
    {
        first = reason.as_str().to_owned();
    }
    let by = if outcome == Outcome::Allow {
        &first
    } else {
        by
    };
    assert_eq!((found, &*first), (outcome, by), "{:#?}", judgement.verdict);
    judgement
}

fn placeholder(seed: u8) -> Placeholder {
    Placeholder::of(PlaceholderKind::Lent, &[seed; Placeholder::RANDOM])
}

fn terms(parent: &Session, role: Option<&str>, policy: Option<&str>) -> Terms {
    Terms {
        parent: parent.id.clone(),
        ends: now() + SignedDuration::from_hours(1),
        role: role.map(|arn| AssumedRole {
            arn: arn.parse().unwrap(),
            external_id: None,
        }),
        policy: policy.map(Box::from),
        express: None,
    }
}

fn child_of(parent: &Session, seed: u8, terms: Terms) -> Result<Session, DescentError> {
    Session::child(parent, placeholder(seed), terms, now(), SessionState::Live)
}

/// Credentials as the agent gets them for a child.
fn credentials_of(seed: u8, token: Option<&SecretKey>) -> SigningCredentials {
    let Placeholder { key_id, secret, .. } = placeholder(seed);
    SigningCredentials::new(key_id, secret, token.cloned())
}

fn parent() -> Session {
    session(&task(""))
}

fn permit(sent: Sent) -> Permit {
    let sessions = Sessions::new([Arc::new(parent())]);
    let authenticated = authenticate(sent.signed(), &sessions, now()).unwrap();
    harness::permit(authenticated)
}

#[test]
fn a_permitted_role_never_leaves_as_a_request() {
    let minted = Minted {
        credentials: harness::credentials("ASIAMINTEDFORONECALL", "minted secret"),
        expires: now(),
    };
    let upstream = Upstream {
        style: HostStyle::Aws,
        authority: "",
        transport: Transport::Tls,
    };
    let refused = sign(&minted, permit(assume(DEPLOY, &[])), &upstream, now());
    assert!(matches!(refused, Err(SignError::Lent)), "{refused:?}");
}

#[test]
fn a_role_that_the_task_does_not_name_is_denied_with_the_smallest_change() {
    let admin = "arn:aws:iam::111122223333:role/admin";
    let mut judge = judge(parent());
    let judgement = check(
        &mut judge,
        assume(admin, &[]),
        Outcome::Deny,
        "out-of-scope",
    );
    let message = judgement.refusal.unwrap().message;
    let change = format!(r#"[[allow]] do = ["sts:AssumeRole"] on = ["{admin}"]"#);
    assert!(message.contains(&change), "{message}");
    // What is not a role is not repeated.
    let strange = check(
        &mut judge,
        assume("arn:aws:iam::111122223333:role/a b\"]", &[]),
        Outcome::Deny,
        "out-of-scope",
    );
    let message = strange.refusal.unwrap().message;
    assert!(!message.contains("a b"), "{message}");
}

#[test]
fn a_role_is_named_by_no_class_and_by_no_wildcard_over_actions() {
    for item in ["data", "sts:data", "sts:*", "sts:Assume*", "sts:create"] {
        let text = task("").replace("\"sts:AssumeRole\"", &format!("\"{item}\""));
        let written = cordon_core::task::Written::parse("task.toml", &text).unwrap();
        let launch = harness::launch();
        let Ok(task) = cordon_core::task::Task::restore(&written, &POLICIES, launch) else {
            continue;
        };
        let mut judge = judge(harness::session_of(task));
        check(
            &mut judge,
            assume(DEPLOY, &[]),
            Outcome::Deny,
            "out-of-scope",
        );
    }
}

#[test]
fn a_role_of_an_account_outside_of_the_task_is_denied() {
    let elsewhere = SHARED.replace("444455556666", "999988887777");
    let everywhere = SHARED.replace("444455556666", "*");
    let text = task("").replace(SHARED, &everywhere);
    let mut judge = judge(session(&text));
    let sent = assume(&elsewhere, &[]);
    check(&mut judge, sent, Outcome::Deny, "outside-declared-location");
}

#[test]
fn a_named_role_is_lent_in_preview_and_costs_no_budget() {
    for mode in ["live", "preview"] {
        let text = task("").replace("\"live\"", &format!("\"{mode}\""));
        let mut judge = judge(session(&text));
        for role in [DEPLOY, SHARED] {
            let judgement = check(&mut judge, assume(role, &[]), Outcome::Allow, "");
            assert!(!judgement.record.mutates, "{mode}");
            assert!(judgement.facts.is_empty(), "{:?}", judgement.facts);
        }
        assert_eq!(judge.ledger().used.mutations, 0);
    }
}

#[test]
fn further_keys_and_web_identities_are_lent_where_they_are_named() {
    let web = [
        ("RoleArn", DEPLOY),
        ("RoleSessionName", "web"),
        ("WebIdentityToken", "a.secret.token"),
    ];
    let mut unnamed = judge(parent());
    let sent = form("GetSessionToken", &[]);
    check(&mut unnamed, sent, Outcome::Deny, "out-of-scope");
    let sent = form("AssumeRoleWithWebIdentity", &web);
    check(&mut unnamed, sent, Outcome::Deny, "out-of-scope");
    let named = format!(
        r#"
[[allow]]
do = ["sts:GetSessionToken"]
on = ["*"]
[[allow]]
do = ["sts:AssumeRoleWithWebIdentity"]
on = ["{DEPLOY}"]
"#
    );
    let mut judge = judge(session(&task(&named)));
    check(&mut judge, form("GetSessionToken", &[]), Outcome::Allow, "");
    let sent = form("AssumeRoleWithWebIdentity", &web);
    let judgement = check(&mut judge, sent, Outcome::Allow, "");
    let kept = judgement.record.parameters;
    assert!(!kept.contains("a.secret.token"), "{kept}");
}

#[test]
fn what_would_widen_a_role_or_speak_for_somebody_is_refused() {
    let open = r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{}}}"#;
    for (more, said) in [
        (
            vec![
                ("Tags.member.1.Key", "team"),
                ("Tags.member.1.Value", "admin"),
            ],
            "`Tags`",
        ),
        (
            vec![("TransitiveTagKeys.member.1", "team")],
            "`TransitiveTagKeys`",
        ),
        (
            vec![(
                "PolicyArns.member.1.arn",
                "arn:aws:iam::aws:policy/AdministratorAccess",
            )],
            "`PolicyArns`",
        ),
        (vec![("SourceIdentity", "cordon.T-9")], "`SourceIdentity`"),
        (
            vec![
                ("SerialNumber", "arn:aws:iam::111122223333:mfa/mei"),
                ("TokenCode", "123456"),
            ],
            "`SerialNumber`",
        ),
        (vec![("DurationSeconds", "899")], "`DurationSeconds`"),
        (vec![("DurationSeconds", "43201")], "`DurationSeconds`"),
        (vec![("Policy", open)], "`Policy`"),
        (vec![("Policy", "not a policy")], "`Policy`"),
    ] {
        let mut judge = judge(parent());
        let judgement = check(&mut judge, assume(DEPLOY, &more), Outcome::Deny, "not-lent");
        let message = judgement.refusal.unwrap().message;
        assert!(message.contains(said), "{message}");
    }
}

#[test]
fn a_child_has_the_task_of_its_parent_and_ends_no_later() {
    let parent = parent();
    let loan = permit(assume(DEPLOY, &[("DurationSeconds", "43200")]));
    let loan = loan.loan().unwrap();
    let asked = loan.terms(&parent, now());
    assert_eq!(asked.ends, parent.task.expires_at(), "the task ends first");
    let child = child_of(&parent, 1, asked).unwrap();
    assert!(Arc::ptr_eq(&child.task, &parent.task));

    let mut short = terms(&parent, Some(DEPLOY), None);
    short.ends = now() + SignedDuration::from_mins(15);
    let child = child_of(&parent, 1, short).unwrap();
    let grandchild = child_of(&child, 2, loan.terms(&child, now())).unwrap();
    assert_eq!(grandchild.ends(), child.ends());
    // As it would be read from a store in which somebody wrote more.
    let mut long = terms(&child, Some(SHARED), None);
    long.ends = Timestamp::MAX;
    assert_eq!(child_of(&child, 2, long).unwrap().ends(), child.ends());
}

#[test]
fn a_child_has_the_account_of_its_role_which_the_task_must_declare() {
    let parent = parent();
    let child = child_of(&parent, 1, terms(&parent, Some(SHARED), None)).unwrap();
    assert_eq!(child.account.as_str(), "444455556666");
    assert_eq!(child.descent.as_ref().unwrap().home(), &parent.account);
    let elsewhere = SHARED.replace("444455556666", "999988887777");
    let refused = child_of(&parent, 1, terms(&parent, Some(&elsewhere), None));
    assert_eq!(refused.unwrap_err(), DescentError::Account);
    // Other keys of the same session act where it does.
    let twin = child_of(&parent, 1, terms(&parent, None, None)).unwrap();
    assert_eq!(twin.account, parent.account);
    assert!(twin.descent.unwrap().roles().is_empty());
}

#[test]
fn no_chain_is_endless_and_no_terms_are_for_another_parent() {
    let parent = parent();
    let mut last = child_of(&parent, 1, terms(&parent, Some(DEPLOY), None)).unwrap();
    for seed in 2..5 {
        last = child_of(&last, seed, terms(&last, Some(SHARED), None)).unwrap();
    }
    let fifth = child_of(&last, 5, terms(&last, Some(DEPLOY), None));
    assert_eq!(fifth.unwrap_err(), DescentError::Chain);
    let foreign = child_of(&last, 5, terms(&parent, Some(DEPLOY), None));
    assert_eq!(foreign.unwrap_err(), DescentError::Parent);
}

#[test]
fn a_session_policy_that_was_asked_for_narrows_and_narrows_what_comes_after_it() {
    let reads = r#"{"Statement":[
        {"Effect":"Allow","Action":["dynamodb:GetItem","sts:AssumeRole"],"Resource":"*"}]}"#;
    let all = r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
    let parent = parent();
    let narrowed = child_of(&parent, 1, terms(&parent, Some(DEPLOY), Some(reads))).unwrap();
    // A chain of a chain asks for everything, and gets no more.
    let next = child_of(&narrowed, 2, terms(&narrowed, Some(DEPLOY), Some(all))).unwrap();
    let wide = child_of(&parent, 3, terms(&parent, Some(DEPLOY), Some(all))).unwrap();
    for (session, writes) in [(narrowed, false), (next, false), (wide, true)] {
        let mut judge = judge_with(&POLICIES, Arc::new(session));
        check(&mut judge, orders("GetItem"), Outcome::Allow, "");
        let outcome = if writes {
            Outcome::Allow
        } else {
            Outcome::Deny
        };
        check(&mut judge, orders("PutItem"), outcome, "narrowed");
        // Everybody is told who they are; and what the task leaves out stays out.
        check(
            &mut judge,
            form("GetCallerIdentity", &[]),
            Outcome::Allow,
            "",
        );
        let admin = assume("arn:aws:iam::111122223333:role/admin", &[]);
        check(&mut judge, admin, Outcome::Deny, "out-of-scope");
    }
}

#[test]
fn a_session_of_a_role_gets_no_further_keys() {
    let named = "\n[[allow]]\ndo = [\"sts:GetSessionToken\"]\non = [\"*\"]\n";
    let parent = session(&task(named));
    let child = child_of(&parent, 1, terms(&parent, Some(DEPLOY), None)).unwrap();
    let mut judge = judge_with(&POLICIES, Arc::new(child));
    let sent = form("GetSessionToken", &[]);
    check(&mut judge, sent, Outcome::Deny, "not-lent");
}

#[test]
fn no_child_is_served_without_its_parent_or_more_freely() {
    let with = |parent: SessionState, child: SessionState| {
        let launched = Session {
            state: parent,
            ..self::parent()
        };
        let terms = terms(&launched, Some(DEPLOY), None);
        let child = Session {
            state: child,
            ..child_of(&launched, 1, terms).unwrap()
        };
        let grandchild = child_of(&child, 2, self::terms(&child, Some(SHARED), None)).unwrap();
        let keys = [child.key_id.clone(), grandchild.key_id.clone()];
        let all = [launched, child, grandchild].map(Arc::new);
        let sessions = Sessions::new(all);
        keys.map(|key| sessions.find(&key).map(|session| session.state))
    };
    use SessionState::{Live, Paused, Stopped};
    assert_eq!(with(Live, Live), [Some(Live), Some(Live)]);
    assert_eq!(with(Paused, Paused), [Some(Paused), Some(Paused)]);
    assert_eq!(with(Live, Paused), [Some(Paused), Some(Paused)]);
    assert_eq!(with(Live, Stopped), [None, None]);
    assert_eq!(with(Stopped, Live), [None, None]);
    // A paused parent with a child that is not: it is not served at all.
    assert_eq!(with(Paused, Live), [None, None]);

    let parent = parent();
    let child = child_of(&parent, 1, terms(&parent, Some(DEPLOY), None)).unwrap();
    let key = child.key_id.clone();
    assert!(Sessions::new([Arc::new(child)]).find(&key).is_none());
}

#[test]
fn a_parent_of_the_same_name_on_another_task_is_no_parent() {
    let launched = parent();
    let child = child_of(&launched, 1, terms(&launched, Some(DEPLOY), None)).unwrap();
    let key = child.key_id.clone();
    let mut launch = harness::launch();
    launch.id = "T-2".parse().unwrap();
    let written = cordon_core::task::Written::parse("task.toml", &task("")).unwrap();
    let other = cordon_core::task::Task::compile(&written, &POLICIES, launch).unwrap();
    let other = harness::session_of(other);
    assert!(
        Sessions::new([other, child].map(Arc::new))
            .find(&key)
            .is_none()
    );
}

#[test]
fn the_three_parts_of_lent_credentials_hold_together() {
    let parent = parent();
    let child = child_of(&parent, 1, terms(&parent, Some(DEPLOY), None)).unwrap();
    let other = child_of(&parent, 2, terms(&parent, Some(DEPLOY), None)).unwrap();
    let own = child.token().unwrap().secret().clone();
    let foreign = other.token().unwrap().secret().clone();
    assert!(parent.token().is_none());
    let ends = child.ends();
    let sessions = Sessions::new([parent, child, other].map(Arc::new));
    let code = |credentials: &SigningCredentials, at: Timestamp| {
        let received = form("GetCallerIdentity", &[]).signed_with(credentials);
        match authenticate(received, &sessions, at) {
            Ok(authenticated) => authenticated.session().id.to_string(),
            Err((_, error)) => error.code().to_owned(),
        }
    };
    let of_parent = |token: Option<SecretKey>| {
        let secret = SecretKey::new(SECRET.to_owned());
        SigningCredentials::new(KEY_ID.parse().unwrap(), secret, token)
    };
    let lent = credentials_of(1, Some(&own));
    assert_eq!(code(&lent, now()), placeholder(1).session.as_str());
    assert_eq!(code(&credentials_of(1, None), now()), "foreign-token");
    assert_eq!(
        code(&credentials_of(1, Some(&foreign)), now()),
        "foreign-token"
    );
    assert_eq!(code(&of_parent(None), now()), "S-01K3");
    assert_eq!(code(&of_parent(Some(own.clone())), now()), "foreign-token");
    let stranger = SigningCredentials::new(
        "ASIACRDNZZZZZZZZZZZZ".parse().unwrap(),
        SecretKey::new("guessed".to_owned()),
        Some(own),
    );
    assert_eq!(code(&stranger, now()), "session-ended");
    // The signature is of now; the session is over in the meantime.
    assert_eq!(code(&lent, ends), "clock");
}

#[test]
fn a_child_that_has_ended_is_told_so() {
    let parent = parent();
    let mut over = terms(&parent, Some(DEPLOY), None);
    over.ends = now();
    let child = child_of(&parent, 1, over).unwrap();
    let lent = credentials_of(1, child.token().map(SessionToken::secret));
    let sessions = Sessions::new([parent, child].map(Arc::new));
    let received = form("GetCallerIdentity", &[]).signed_with(&lent);
    let (_, error) = authenticate(received, &sessions, now()).unwrap_err();
    assert_eq!(error.code(), "session-ended");
}

#[test]
fn the_way_to_a_role_is_bound_to_that_role() {
    let permit = permit(assume(DEPLOY, &[]));
    let next = permit.loan().unwrap().role().unwrap();
    assert_eq!(
        SessionPolicy::of_step(&permit, next).unwrap().text(),
        format!(
            "{{\"Version\":\"2012-10-17\",\"Statement\":{{\"Effect\":\"Allow\",\
             \"Action\":\"sts:AssumeRole\",\"Resource\":\"{DEPLOY}\"}}}}"
        )
    );
    let nothing = SessionPolicy::of_nothing(&permit);
    assert!(nothing.text().contains("\"Deny\""), "{}", nothing.text());
    assert!(!nothing.text().contains("Allow"), "{}", nothing.text());
}

#[test]
fn the_task_explains_which_roles_it_names() {
    let explained = compile(&task("")).explain();
    assert!(explained.contains("sts:AssumeRole"), "{explained}");
    assert!(explained.contains(DEPLOY), "{explained}");
}
