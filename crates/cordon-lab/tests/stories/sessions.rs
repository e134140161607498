//! Sessions: what STS lets be made, and what a session may then do.

use jiff::SignedDuration;

use crate::client::{BUCKET, DEPLOY, Keys, READ, Request, Story, allow};

const ENVIRONMENT: &str =
    "arn:aws-cn:elasticbeanstalk:cn-north-1:111122223333:environment/cost-explorer/ce-web-prod";
const API: &str = "arn:aws-cn:lambda:cn-north-1:111122223333:function:cost-explorer-api";

fn terminate() -> Request {
    Request::form(
        "elasticbeanstalk",
        "TerminateEnvironment",
        &[("EnvironmentName", "ce-web-prod")],
    )
}

#[tokio::test]
async fn a_session_policy_alone_refuses_what_the_role_allows() {
    let story = Story::start().await;
    let narrow = story
        .session(Some(&allow(
            &["elasticbeanstalk:UpdateEnvironment"],
            &[ENVIRONMENT],
        )))
        .await;
    let answer = story.send(&narrow, terminate()).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (403, "AccessDenied")
    );
    assert_eq!(
        answer.element("Message"),
        format!(
            "User: arn:aws-cn:sts::111122223333:assumed-role/cordon-deploy/T-1042 is not authorized to perform: elasticbeanstalk:TerminateEnvironment on resource: {ENVIRONMENT} because no session policy allows the elasticbeanstalk:TerminateEnvironment action"
        )
    );
    // The same role without a session policy may: it was the session policy that refused.
    let wide = story.session(None).await;
    assert_eq!(story.send(&wide, terminate()).await.status, 200);
}

#[tokio::test]
async fn a_session_policy_cannot_add_to_the_role() {
    let story = Story::start().await;
    let policy = allow(&["*"], &["*"]);
    let parameters = [
        ("RoleArn", READ),
        ("RoleSessionName", "reader"),
        ("Policy", &policy),
    ];
    let keys = story.assume(&Keys::base(), &parameters).await.unwrap();
    let answer = story.send(&keys, terminate()).await;
    assert!(
        answer
            .body
            .contains("because no identity-based policy allows"),
        "{answer:?}"
    );
}

#[tokio::test]
async fn every_resource_of_a_call_is_asked_for() {
    let story = Story::start().await;
    let objects = format!("arn:aws-cn:s3:::{BUCKET}/2026/*");
    let keys = story
        .session(Some(&allow(
            &["s3:GetObject", "s3:DeleteObject"],
            &[&objects],
        )))
        .await;
    let copy = Request::s3("PUT", &format!("/{BUCKET}/2026/copy")).header(
        "x-amz-copy-source",
        &format!("/{BUCKET}/2026/06/summary.csv"),
    );
    assert!(
        story.send(&keys, copy).await.body.contains("s3:PutObject"),
        "the destination is a resource too"
    );
    let body = b"<Delete><Object><Key>2026/06/summary.csv</Key></Object><Object><Key>other</Key></Object></Delete>";
    let digest = {
        use base64::Engine as _;
        use md5::Digest as _;
        base64::engine::general_purpose::STANDARD.encode(md5::Md5::digest(body))
    };
    let delete = Request::s3("POST", &format!("/{BUCKET}"))
        .query("delete", "")
        .header("content-md5", &digest)
        .body(body);
    let answer = story.send(&keys, delete).await;
    assert_eq!(answer.element("Deleted"), "<Key>2026/06/summary.csv</Key>");
    assert!(
        answer
            .element("Error")
            .contains("<Key>other</Key><Code>AccessDenied</Code>"),
        "{answer:?}"
    );
}

#[tokio::test]
async fn passing_a_role_needs_its_own_permission() {
    let story = Story::start().await;
    let function = "arn:aws-cn:lambda:cn-north-1:111122223333:function:made";
    let role = "arn:aws-cn:iam::111122223333:role/cost-explorer-function";
    let create = || {
        let body = serde_json::json!({"FunctionName": "made", "Runtime": "nodejs22.x", "Handler": "h", "Role": role, "Code": {"ZipFile": "eA=="}});
        Request::new("lambda", "POST", "/2015-03-31/functions").body(body.to_string().as_bytes())
    };
    let without = story
        .session(Some(&allow(&["lambda:CreateFunction"], &[function])))
        .await;
    let answer = story.send(&without, create()).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (403, "AccessDeniedException")
    );
    assert!(answer.body.contains("iam:PassRole"), "{answer:?}");
    let elsewhere = serde_json::json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "lambda:CreateFunction", "Resource": function},
        {"Effect": "Allow", "Action": "iam:PassRole", "Resource": role, "Condition": {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}},
    ]});
    let keys = story.session(Some(&elsewhere.to_string())).await;
    assert_eq!(
        story.send(&keys, create()).await.code(),
        "AccessDeniedException"
    );
    let fitting = story
        .session(Some(
            &elsewhere
                .to_string()
                .replace("ec2.amazonaws", "lambda.amazonaws"),
        ))
        .await;
    assert_eq!(story.send(&fitting, create()).await.status, 201);
}

#[tokio::test]
async fn the_base_key_may_do_nothing_but_assume_its_roles() {
    let story = Story::start().await;
    for request in [
        terminate(),
        Request::s3("GET", "/"),
        Request::form("iam", "ListRoles", &[]),
        Request::new("lambda", "GET", "/2015-03-31/functions"),
    ] {
        let answer = story.send(&Keys::base(), request).await;
        assert!(
            answer
                .body
                .contains("because no identity-based policy allows"),
            "{answer:?}"
        );
    }
    let other = [
        (
            "RoleArn",
            "arn:aws-cn:iam::111122223333:role/cost-explorer-function",
        ),
        ("RoleSessionName", "ss"),
    ];
    assert_eq!(
        story
            .assume(&Keys::base(), &other)
            .await
            .unwrap_err()
            .code(),
        "AccessDenied"
    );
}

/// Asks for a session of the deployment role with these parameters beside the usual ones.
async fn refused(extra: &[(&str, &str)], code: &str) {
    let story = Story::start().await;
    let mut parameters = vec![("RoleArn", DEPLOY)];
    if !extra.iter().any(|(name, _)| *name == "RoleSessionName") {
        parameters.push(("RoleSessionName", "T-1042"));
    }
    parameters.extend(extra);
    let answer = story
        .assume(&Keys::base(), &parameters)
        .await
        .expect_err(&format!("{extra:?}"));
    assert_eq!(answer.code(), code, "{extra:?} {answer:?}");
}

#[tokio::test]
async fn sts_holds_every_documented_limit() {
    refused(&[("DurationSeconds", "899")], "ValidationError").await;
    refused(&[("DurationSeconds", "43201")], "ValidationError").await;
    refused(&[("DurationSeconds", "3601")], "ValidationError").await;
    refused(&[("RoleSessionName", "a")], "ValidationError").await;
    refused(&[("RoleSessionName", &"a".repeat(65))], "ValidationError").await;
    refused(&[("RoleSessionName", "a b")], "ValidationError").await;
    refused(&[("SourceIdentity", "a:b")], "ValidationError").await;
    refused(&[("SourceIdentity", "x")], "ValidationError").await;
    refused(&[("Policy", "{nope")], "MalformedPolicyDocument").await;
    refused(&[("Policy", "")], "ValidationError").await;
    refused(
        &[(
            "Policy",
            &allow(&["s3:GetObject"], &["arn:aws-cn:s3:::b/\u{4e2d}"]),
        )],
        "ValidationError",
    )
    .await;
    refused(
        &[("Policy", &allow(&["s3:GetObject"], &["bucket"]))],
        "MalformedPolicyDocument",
    )
    .await;
    // The base key may not tag sessions.
    refused(
        &[("Tags.member.1.Key", "k"), ("Tags.member.1.Value", "v")],
        "AccessDenied",
    )
    .await;
    let arns: Vec<(String, String)> = (1..=11)
        .map(|n| {
            (
                format!("PolicyArns.member.{n}.arn"),
                format!("arn:aws-cn:iam::aws:policy/P{n}"),
            )
        })
        .collect();
    let arns: Vec<(&str, &str)> = arns
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    refused(&arns, "ValidationError").await;
    refused(&arns[..1], "ValidationError").await;
}

#[tokio::test]
async fn a_policy_may_have_two_thousand_and_forty_eight_characters_and_no_more() {
    let fitted = |length: usize| {
        let start = allow(&["s3:GetObject"], &["arn:aws-cn:s3:::"]);
        let filler = "a".repeat(length - start.len());
        start.replace("s3:::", &format!("s3:::{filler}"))
    };
    refused(&[("Policy", &fitted(2_049))], "ValidationError").await;
    let story = Story::start().await;
    let policy = fitted(2_048);
    assert_eq!(policy.len(), 2_048);
    let answer = story
        .send(
            &Keys::base(),
            Request::form(
                "sts",
                "AssumeRole",
                &[
                    ("RoleArn", DEPLOY),
                    ("RoleSessionName", "ss"),
                    ("Policy", &policy),
                ],
            ),
        )
        .await;
    assert_eq!(answer.element("PackedPolicySize"), "100");
}

#[tokio::test]
async fn tags_eat_the_packed_size_of_a_policy_that_fits_alone() {
    let story = Story::with_role("wide", &allow(&["*"], &["*"]), 3_600).await;
    let policy = allow(
        &["s3:GetObject"],
        &[&format!("arn:aws-cn:s3:::{}", "a".repeat(1_800))],
    );
    let role = "arn:aws-cn:iam::111122223333:role/wide";
    let value = "v".repeat(256);
    let plain = [
        ("RoleArn", role),
        ("RoleSessionName", "ss"),
        ("Policy", &policy),
    ];
    assert!(story.assume(&Story::admin(), &plain).await.is_ok());
    let mut tagged = plain.to_vec();
    tagged.extend([("Tags.member.1.Key", "k"), ("Tags.member.1.Value", &value)]);
    let answer = story.assume(&Story::admin(), &tagged).await.unwrap_err();
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (400, "PackedPolicyTooLarge")
    );
}

#[tokio::test]
async fn tags_are_counted_measured_and_unique() {
    let story = Story::with_role("wide", &allow(&["*"], &["*"]), 3_600).await;
    let check = async |tags: Vec<(String, String)>, expected: &str| {
        let mut parameters: Vec<(String, String)> = vec![
            (
                "RoleArn".to_owned(),
                "arn:aws-cn:iam::111122223333:role/wide".to_owned(),
            ),
            ("RoleSessionName".to_owned(), "ss".to_owned()),
        ];
        for (index, (key, value)) in tags.into_iter().enumerate() {
            parameters.push((format!("Tags.member.{}.Key", index + 1), key));
            parameters.push((format!("Tags.member.{}.Value", index + 1), value));
        }
        let parameters: Vec<(&str, &str)> = parameters
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let code = story
            .assume(&Story::admin(), &parameters)
            .await
            .map_or_else(|answer| answer.code(), |_| String::new());
        assert_eq!(code, expected, "{parameters:?}");
    };
    let tag = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    check(
        (0..51).map(|n| tag(&format!("k{n}"), "")).collect(),
        "ValidationError",
    )
    .await;
    check((0..50).map(|n| tag(&format!("k{n}"), "")).collect(), "").await;
    check(vec![tag(&"k".repeat(129), "")], "ValidationError").await;
    check(vec![tag("k", &"v".repeat(257))], "ValidationError").await;
    check(
        vec![tag("Team", "a"), tag("team", "b")],
        "InvalidParameterValue",
    )
    .await;
}

#[tokio::test]
async fn a_chained_session_is_short_and_keeps_its_source_identity() {
    let policy = allow(&["sts:*"], &["*"]);
    let story = Story::with_role("hub", &policy, 43_200).await;
    let role = "arn:aws-cn:iam::111122223333:role/hub";
    let long = [
        ("RoleArn", role),
        ("RoleSessionName", "one"),
        ("SourceIdentity", "sponsor"),
        ("DurationSeconds", "43200"),
    ];
    let first = story.assume(&Story::admin(), &long).await.unwrap();
    let again = |seconds: &'static str| {
        [
            ("RoleArn", role),
            ("RoleSessionName", "two"),
            ("DurationSeconds", seconds),
        ]
    };
    assert_eq!(
        story
            .assume(&first, &again("3601"))
            .await
            .unwrap_err()
            .code(),
        "ValidationError"
    );
    let second = story.assume(&first, &again("3600")).await.unwrap();
    let answer = story
        .send(&second, Request::form("sts", "GetCallerIdentity", &[]))
        .await;
    assert!(answer.element("Arn").ends_with("assumed-role/hub/two"));
    assert_eq!(
        story.last().signer.unwrap().source_identity.as_deref(),
        Some("sponsor")
    );
    let changed = [
        ("RoleArn", role),
        ("RoleSessionName", "three"),
        ("SourceIdentity", "somebody"),
    ];
    assert_eq!(
        story.assume(&second, &changed).await.unwrap_err().code(),
        "AccessDenied"
    );
}

#[tokio::test]
async fn a_role_trusts_only_whom_its_trust_policy_names() {
    let allow_all = allow(&["sts:*"], &["*"]);
    let story = Story::with(|estate| {
        let user = |estate: cordon_lab::Estate, name: &str, id: &str| {
            estate.with_user(&cordon_lab::UserSeed { name, access_key_id: id, secret_access_key: "s", policies: &[&allow_all] }).unwrap()
        };
        let estate = user(user(estate, "ada", "AKIAADAADAADAADAADA1"), "bob", "AKIABOBBOBBOBBOBBOB1");
        let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws-cn:iam::111122223333:user/ada"},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":"seven"}}}]}"#;
        estate.with_role(&cordon_lab::RoleSeed { name: "vault", trust, policies: &[], max_session_seconds: 3_600 }).unwrap()
    })
    .await;
    let keys = |id: &str| Keys {
        id: id.to_owned(),
        secret: "s".to_owned(),
        token: None,
    };
    let (ada, bob) = (keys("AKIAADAADAADAADAADA1"), keys("AKIABOBBOBBOBBOBBOB1"));
    let plain = [
        ("RoleArn", "arn:aws-cn:iam::111122223333:role/vault"),
        ("RoleSessionName", "ss"),
    ];
    let known = [plain[0], plain[1], ("ExternalId", "seven")];
    let named = [known[0], known[1], known[2], ("SourceIdentity", "ada")];
    assert_eq!(
        story.assume(&bob, &known).await.unwrap_err().code(),
        "AccessDenied"
    );
    assert_eq!(
        story.assume(&ada, &plain).await.unwrap_err().code(),
        "AccessDenied"
    );
    assert_eq!(
        story.assume(&ada, &named).await.unwrap_err().code(),
        "AccessDenied",
        "the trust policy lets nobody set a source identity"
    );
    assert!(story.assume(&ada, &known).await.is_ok());
}

#[tokio::test]
async fn an_explicit_deny_wins_over_the_session_and_the_role() {
    let story = Story::start().await;
    let policy = serde_json::json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "lambda:*", "Resource": "*"},
        {"Effect": "Deny", "Action": "lambda:Delete*", "Resource": API},
    ]});
    let keys = story.session(Some(&policy.to_string())).await;
    let delete = Request::new(
        "lambda",
        "DELETE",
        "/2015-03-31/functions/cost-explorer-api",
    );
    assert!(
        story
            .send(&keys, delete)
            .await
            .body
            .contains("with an explicit deny in a session policy")
    );
    // By its ARN it is the same function.
    let by_arn = Request::new(
        "lambda",
        "DELETE",
        &format!("/2015-03-31/functions/{}", crate::client::encode(API)),
    );
    assert!(
        story
            .send(&keys, by_arn)
            .await
            .body
            .contains("with an explicit deny in a session policy")
    );
    let other = Request::new(
        "lambda",
        "DELETE",
        "/2015-03-31/functions/cost-explorer-export",
    );
    assert_eq!(story.send(&keys, other).await.status, 204);
}

#[tokio::test]
async fn taking_a_permission_from_a_role_binds_its_live_sessions() {
    let story = Story::with_role("editor", &allow(&["iam:*", "s3:*"], &["*"]), 3_600).await;
    let keys = story
        .assume(
            &Story::admin(),
            &[
                ("RoleArn", "arn:aws-cn:iam::111122223333:role/editor"),
                ("RoleSessionName", "ss"),
            ],
        )
        .await
        .unwrap();
    assert_eq!(story.send(&keys, Request::s3("GET", "/")).await.status, 200);
    let narrowed = allow(&["iam:GetRole"], &["*"]);
    let put = [
        ("RoleName", "editor"),
        ("PolicyName", "policy-1"),
        ("PolicyDocument", narrowed.as_str()),
    ];
    assert_eq!(
        story
            .send(&keys, Request::form("iam", "PutRolePolicy", &put))
            .await
            .status,
        200
    );
    assert_eq!(
        story.send(&keys, Request::s3("GET", "/")).await.code(),
        "AccessDenied"
    );
    assert_eq!(
        story
            .send(
                &keys,
                Request::form("iam", "GetRole", &[("RoleName", "editor")])
            )
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn a_session_ends_when_sts_said_it_would() {
    let story = Story::start().await;
    let short = [
        ("RoleArn", DEPLOY),
        ("RoleSessionName", "ss"),
        ("DurationSeconds", "900"),
    ];
    let answer = story
        .send(&Keys::base(), Request::form("sts", "AssumeRole", &short))
        .await;
    assert_eq!(answer.element("Expiration"), "2026-07-29T10:15:00Z");
    let keys = story.assume(&Keys::base(), &short).await.unwrap();
    story.clock.advance(SignedDuration::from_secs(900));
    assert_eq!(
        story.send(&keys, Request::s3("GET", "/")).await.code(),
        "ExpiredToken"
    );
}

#[tokio::test]
async fn the_read_role_of_the_story_reads_and_changes_nothing() {
    let story = Story::start().await;
    let keys = story
        .assume(
            &Keys::base(),
            &[("RoleArn", READ), ("RoleSessionName", "reader")],
        )
        .await
        .unwrap();
    let before = story.lab.estate();
    let queue = [("QueueUrl", "http://x/111122223333/cost-explorer-exports")];
    for request in [
        terminate(),
        Request::form("sqs", "DeleteQueue", &queue),
        Request::form("sqs", "PurgeQueue", &queue),
        Request::form("iam", "DeleteRole", &[("RoleName", "cordon-deploy")]),
        Request::s3("GET", &format!("/{BUCKET}/2026/06/summary.csv")),
        Request::s3("DELETE", &format!("/{BUCKET}/2026/06/summary.csv")),
        Request::new(
            "lambda",
            "DELETE",
            "/2015-03-31/functions/cost-explorer-api",
        ),
        Request::json(
            "secretsmanager",
            "secretsmanager.GetSecretValue",
            &serde_json::json!({"SecretId": "cost-explorer/database"}),
        ),
    ] {
        let answer = story.send(&keys, request).await;
        assert!(
            answer
                .body
                .contains("because no identity-based policy allows"),
            "{answer:?}"
        );
    }
    assert_eq!(story.lab.estate(), before);
    for request in [
        Request::form("elasticbeanstalk", "DescribeEnvironments", &[]),
        Request::form("sqs", "ListQueues", &[]),
        Request::form("iam", "GetRole", &[("RoleName", "cordon-deploy")]),
        Request::s3("GET", &format!("/{BUCKET}")).query("list-type", "2"),
        Request::s3("GET", &format!("/{BUCKET}")).query("encryption", ""),
        Request::new("lambda", "GET", "/2015-03-31/functions"),
    ] {
        assert_eq!(story.send(&keys, request).await.status, 200);
    }
}
