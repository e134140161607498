//! The lab as a witness: what it writes down, and how it starts, resets and ends.

use cordon_lab::{Lab, LabConfig, StartError, Verdict};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::client::{BUCKET, Keys, Request, Story, allow, read_answer, sha256};

#[tokio::test]
async fn every_byte_received_is_in_the_log() {
    let story = Story::start().await;
    let policy = allow(&["s3:PutObject"], &["*"]);
    let keys = story.session(Some(&policy)).await;
    let body = vec![b'x'; 100_000];
    let request = Request::s3("PUT", &format!("/{BUCKET}/a%20b"))
        .header("x-amz-meta-note", "kept")
        .body(&body);
    let signed = request.sign(&keys, story.clock.now());
    assert_eq!(story.raw(&signed.bytes()).await.status, 200);
    let entry = story.last();
    assert_eq!(
        (entry.method.as_str(), entry.target.as_str()),
        ("PUT", format!("/{BUCKET}/a%20b").as_str())
    );
    for (name, value) in &signed.headers {
        assert_eq!(entry.header(name), Some(value.as_str()), "{name}");
    }
    assert_eq!(
        (entry.body.length, entry.body.sha256.as_str()),
        (100_000, sha256(&body).as_str())
    );
    assert_eq!(entry.body.head, body[..64 * 1_024]);
    assert_eq!(
        (entry.service.as_str(), entry.operation.as_str()),
        ("s3", "PutObject")
    );
    assert_eq!(
        entry.accesses,
        [(
            "s3:PutObject".to_owned(),
            format!("arn:aws-cn:s3:::{BUCKET}/a b")
        )]
    );
    let signer = entry.signer.unwrap();
    assert_eq!(signer.key_id, keys.id);
    assert_eq!(signer.session_name.as_deref(), Some("T-1042"));
    assert_eq!(signer.source_identity.as_deref(), Some("task-T-1042"));
    assert_eq!(signer.session_policy.as_deref(), Some(policy.as_str()));
    assert_eq!(entry.verdict, Verdict::Done { status: 200 });
}

#[tokio::test]
async fn refusals_are_in_the_log_in_order_and_without_a_signer_that_was_not_proved() {
    let story = Story::start().await;
    let forged = Keys {
        secret: "guess".to_owned(),
        ..Keys::base()
    };
    story
        .send(&forged, Request::form("sts", "GetCallerIdentity", &[]))
        .await;
    story
        .send(
            &Keys::base(),
            Request::form("sts", "GetCallerIdentity", &[]),
        )
        .await;
    story.raw(b"GET /x HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let log = story.lab.log();
    assert_eq!(
        log.iter().map(|entry| entry.sequence).collect::<Vec<_>>(),
        [1, 2, 3]
    );
    assert_eq!(
        log.iter().map(|entry| entry.is_done()).collect::<Vec<_>>(),
        [false, true, false]
    );
    assert_eq!(log[0].refusal(), Some("SignatureDoesNotMatch"));
    assert!(log[0].signer.is_none() && log[2].signer.is_none());
}

#[tokio::test]
async fn a_request_that_ends_early_is_written_down_and_does_nothing() {
    let story = Story::start().await;
    let keys = story.session(None).await;
    let signed = Request::s3("PUT", &format!("/{BUCKET}/cut"))
        .body(b"0123456789")
        .sign(&keys, story.clock.now());
    let bytes = signed.bytes();
    let mut stream = TcpStream::connect(story.lab.address()).await.unwrap();
    stream.write_all(&bytes[..bytes.len() - 5]).await.unwrap();
    stream.shutdown().await.unwrap();
    // The lab answers or closes; either way it has decided by then.
    let _ = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut Vec::new()).await;
    let read = story
        .send(&keys, Request::s3("GET", &format!("/{BUCKET}/cut")))
        .await;
    assert_eq!(read.code(), "NoSuchKey");
    let log = story.lab.log();
    let cut = log.iter().find(|entry| entry.method == "PUT").unwrap();
    assert!(!cut.body.complete && !cut.is_done());
}

#[tokio::test]
async fn what_cannot_be_read_in_one_way_is_refused() {
    let story = Story::start().await;
    for head in [
        "GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
        "GET /?a=%zz HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nx-note: \u{00ff}\r\n\r\n",
    ] {
        // The last one is sent in Latin-1, which is not UTF-8.
        let bytes: Vec<u8> = head
            .chars()
            .map(|c| u8::try_from(u32::from(c)).unwrap())
            .collect();
        let answer = story.raw(&bytes).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, "BadRequest"),
            "{head}"
        );
    }
    for body in [
        "Action=GetCallerIdentity&Action=AssumeRole",
        "Action=GetCallerIdentity&A.B=1&A=2",
    ] {
        let request = Request::new("sts", "POST", "/")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body.as_bytes());
        assert_eq!(
            story.send(&Keys::base(), request).await.code(),
            "MalformedInput",
            "{body}"
        );
    }
    let keys = story.session(None).await;
    let twice = Request::new("dynamodb", "POST", "/")
        .header("x-amz-target", "DynamoDB_20120810.DeleteTable")
        .body(br#"{"TableName":"a","TableName":"cost-explorer-costs"}"#);
    assert_eq!(
        story.send(&keys, twice).await.code(),
        "SerializationException"
    );
}

#[tokio::test]
async fn an_operation_that_the_lab_does_not_have_is_refused_in_the_services_shape() {
    let story = Story::start().await;
    let keys = story.session(None).await;
    for (request, status, code) in [
        (
            Request::form("ec2", "CreateFleet", &[]),
            400,
            "InvalidAction",
        ),
        (
            Request::json(
                "dynamodb",
                "DynamoDB_20120810.ExecuteStatement",
                &serde_json::json!({}),
            ),
            400,
            "UnknownOperationException",
        ),
        (
            Request::json("dynamodb", "Other_1.DeleteTable", &serde_json::json!({})),
            400,
            "UnknownOperationException",
        ),
        (
            Request::new("lambda", "GET", "/2015-03-31/layers"),
            404,
            "UnknownOperationException",
        ),
        (
            Request::s3("PUT", &format!("/{BUCKET}")).query("lifecycle", ""),
            501,
            "NotImplemented",
        ),
        (
            Request::s3("GET", &format!("/{BUCKET}/key")).query("made-up", ""),
            501,
            "NotImplemented",
        ),
        (
            Request::form("autoscaling", "DeleteAutoScalingGroup", &[]),
            400,
            "UnknownService",
        ),
    ] {
        let answer = story.send(&keys, request.clone()).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (status, code),
            "{request:?}"
        );
        assert!(!story.last().is_done());
    }
}

#[tokio::test]
async fn one_connection_carries_many_requests() {
    let story = Story::start().await;
    let mut stream = TcpStream::connect(story.lab.address()).await.unwrap();
    for _ in 0..3 {
        let signed =
            Request::form("sts", "GetCallerIdentity", &[]).sign(&Keys::base(), story.clock.now());
        stream.write_all(&signed.bytes()).await.unwrap();
        assert_eq!(read_answer(&mut stream, false).await.status, 200);
    }
    assert_eq!(story.lab.log().len(), 3);
}

#[tokio::test]
async fn a_reset_returns_to_the_beginning() {
    let story = Story::start().await;
    let before = story.lab.estate();
    let keys = story.session(None).await;
    let terminate = Request::form(
        "elasticbeanstalk",
        "TerminateEnvironment",
        &[("EnvironmentName", "ce-web-prod")],
    );
    assert_eq!(story.send(&keys, terminate).await.status, 200);
    assert_ne!(story.lab.estate(), before);
    let answer = story
        .raw(b"POST /_lab/reset HTTP/1.1\r\nhost: lab\r\ncontent-length: 0\r\n\r\n")
        .await;
    assert_eq!(answer.status, 200);
    assert_eq!(story.lab.estate(), before);
    assert_eq!(
        story.send(&keys, Request::s3("GET", "/")).await.code(),
        "InvalidAccessKeyId",
        "sessions are gone too"
    );
    let log = story
        .raw(b"GET /_lab/log HTTP/1.1\r\nhost: lab\r\n\r\n")
        .await
        .json();
    assert_eq!(
        log["entries"].as_array().unwrap().len(),
        1,
        "the log began anew, and reading it leaves no trace"
    );
    let estate = story
        .raw(b"GET /_lab/estate HTTP/1.1\r\nhost: lab\r\n\r\n")
        .await
        .json();
    assert_eq!(estate, before);
}

#[tokio::test]
async fn the_lab_serves_its_own_machine_only() {
    let story = Story::start().await;
    let region = "eu-west-1".parse().unwrap();
    let partition = cordon_aws::arn::Partition::of_region(&region);
    let estate =
        cordon_lab::Estate::seed_story(&partition, &region, &"111122223333".parse().unwrap())
            .unwrap();
    let open = LabConfig {
        address: "0.0.0.0:0".parse().unwrap(),
        ..LabConfig::new(estate.clone())
    };
    assert!(matches!(
        Lab::start(open).await,
        Err(StartError::NotLoopback(_))
    ));
    let taken = LabConfig {
        address: story.lab.address(),
        ..LabConfig::new(estate)
    };
    assert!(matches!(
        Lab::start(taken).await,
        Err(StartError::Listen { .. })
    ));
}

#[tokio::test]
async fn a_stopped_lab_gives_its_log_and_frees_its_port() {
    let story = Story::start().await;
    story
        .send(
            &Keys::base(),
            Request::form("sts", "GetCallerIdentity", &[]),
        )
        .await;
    let address = story.lab.address();
    let log = story.lab.stop().await;
    assert_eq!(log.len(), 1);
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_stop_lets_a_request_under_way_finish() {
    let story = Story::start().await;
    let mut signed =
        Request::form("sts", "GetCallerIdentity", &[]).sign(&Keys::base(), story.clock.now());
    signed
        .headers
        .push(("expect".to_owned(), "100-continue".to_owned()));
    let bytes = signed.bytes();
    let (head, body) = bytes.split_at(bytes.len() - signed.body.len());
    let mut stream = TcpStream::connect(story.lab.address()).await.unwrap();
    stream.write_all(head).await.unwrap();
    // The lab asks for the body, so the request is under way.
    let mut go_on = [0; 25];
    tokio::io::AsyncReadExt::read_exact(&mut stream, &mut go_on)
        .await
        .unwrap();
    assert!(go_on.starts_with(b"HTTP/1.1 100"));
    let finish = async {
        stream.write_all(body).await.unwrap();
        read_answer(&mut stream, false).await
    };
    let (log, answer) = tokio::join!(story.lab.stop(), finish);
    assert_eq!(answer.status, 200);
    assert_eq!(log.len(), 1);
}
