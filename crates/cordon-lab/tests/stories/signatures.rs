//! Whether a signature holds: in the header, in the query, over whole and over chunked bodies.

use base64::Engine as _;
use jiff::SignedDuration;

use crate::client::{Answer, BUCKET, Keys, Request, Signed, Story};

fn identity() -> Request {
    Request::form("sts", "GetCallerIdentity", &[])
}

/// Signs a request, lets the story spoil it, and expects this refusal.
async fn check(request: Request, spoil: impl FnOnce(&mut Signed), status: u16, code: &str) {
    let story = Story::start().await;
    let keys = if request.service == "s3" {
        story.session(None).await
    } else {
        Keys::base()
    };
    let sound = story
        .raw(&request.clone().sign(&keys, story.clock.now()).bytes())
        .await;
    assert_ne!(
        sound.code(),
        code,
        "refused before it was spoiled: {sound:?}"
    );
    let mut signed = request.sign(&keys, story.clock.now());
    spoil(&mut signed);
    let answer = story.raw(&signed.bytes()).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (status, code),
        "{answer:?}"
    );
    assert!(!story.last().is_done(), "what was refused must not run");
}

#[tokio::test]
async fn a_changed_body_does_not_pass() {
    check(
        identity(),
        |signed| signed.body.extend(b"&X=1"),
        403,
        "SignatureDoesNotMatch",
    )
    .await;
    let put = Request::s3("PUT", &format!("/{BUCKET}/a")).body(b"one");
    check(
        put,
        |signed| signed.body = b"two".to_vec(),
        400,
        "XAmzContentSHA256Mismatch",
    )
    .await;
}

#[tokio::test]
async fn a_changed_head_does_not_pass() {
    check(
        identity(),
        |signed| signed.set("content-type", "text/plain"),
        403,
        "SignatureDoesNotMatch",
    )
    .await;
    check(
        identity(),
        |signed| signed.target = "/?Action=x".to_owned(),
        403,
        "SignatureDoesNotMatch",
    )
    .await;
    check(
        identity(),
        |signed| signed.method = "PUT".to_owned(),
        403,
        "SignatureDoesNotMatch",
    )
    .await;
    let list = Request::s3("GET", &format!("/{BUCKET}"));
    check(
        list,
        |signed| signed.target.push_str("?prefix=a"),
        403,
        "SignatureDoesNotMatch",
    )
    .await;
}

#[tokio::test]
async fn a_header_that_means_something_must_be_signed() {
    let put = Request::s3("PUT", &format!("/{BUCKET}/a")).body(b"one");
    check(
        put,
        |signed| signed.set("x-amz-copy-source", "/other/key"),
        403,
        "AccessDenied",
    )
    .await;
    check(
        identity(),
        |signed| signed.set("x-amz-target", "Other.Call"),
        403,
        "SignatureDoesNotMatch",
    )
    .await;
}

#[tokio::test]
async fn a_request_without_a_signature_does_not_pass() {
    let strip = |signed: &mut Signed| signed.headers.retain(|(name, _)| name != "authorization");
    // Nothing but the host tells the service of an unsigned request.
    check(
        identity().header("host", "sts.cn-north-1.amazonaws.com.cn"),
        strip,
        403,
        "MissingAuthenticationToken",
    )
    .await;
    let list = Request::s3("GET", "/").header("host", "s3.cn-north-1.amazonaws.com.cn");
    check(list, strip, 403, "AccessDenied").await;
}

#[tokio::test]
async fn two_signatures_are_one_too_many() {
    let twice = |signed: &mut Signed| {
        let again = signed
            .headers
            .iter()
            .find(|(name, _)| name == "authorization")
            .cloned()
            .unwrap();
        signed.headers.push(again);
    };
    check(
        identity().header("host", "sts.cn-north-1.amazonaws.com.cn"),
        twice,
        400,
        "IncompleteSignature",
    )
    .await;
    let both = |signed: &mut Signed| signed.target.push_str("?X-Amz-Signature=00");
    check(
        Request::s3("GET", "/").header("host", "s3.cn-north-1.amazonaws.com.cn"),
        both,
        400,
        "InvalidArgument",
    )
    .await;
}

#[tokio::test]
async fn host_and_scope_must_name_the_same_service_and_region() {
    let sts = |host: &str| identity().header("host", host);
    for (host, passes) in [
        ("sts.cn-north-1.amazonaws.com.cn", true),
        ("sts.amazonaws.com", true),
        ("localhost:4566", true),
        ("iam.cn-north-1.amazonaws.com.cn", false),
        ("sts.cn-northwest-1.amazonaws.com.cn", false),
    ] {
        let story = Story::start().await;
        let answer = story.send(&Keys::base(), sts(host)).await;
        assert_eq!(answer.status == 200, passes, "{host}: {answer:?}");
    }
}

#[tokio::test]
async fn each_protocol_has_its_own_words_for_a_wrong_key() {
    let story = Story::start().await;
    let foreign = Keys {
        id: "AKIAFOREIGNFOREIGN11".to_owned(),
        ..Keys::base()
    };
    let forged = Keys {
        secret: "guess".to_owned(),
        ..Keys::base()
    };
    let list_tables = Request::json(
        "dynamodb",
        "DynamoDB_20120810.ListTables",
        &serde_json::json!({}),
    );
    for (request, unknown, mismatch) in [
        (
            identity(),
            (403, "InvalidClientTokenId"),
            (403, "SignatureDoesNotMatch"),
        ),
        (
            Request::form("ec2", "DescribeVpcs", &[]),
            (401, "AuthFailure"),
            (401, "AuthFailure"),
        ),
        (
            list_tables,
            (400, "UnrecognizedClientException"),
            (400, "InvalidSignatureException"),
        ),
        (
            Request::new("lambda", "GET", "/2015-03-31/functions"),
            (403, "UnrecognizedClientException"),
            (403, "InvalidSignatureException"),
        ),
        (
            Request::s3("GET", "/"),
            (403, "InvalidAccessKeyId"),
            (403, "SignatureDoesNotMatch"),
        ),
    ] {
        let seen = |answer: Answer| (answer.status, answer.code());
        let expected = |(status, code): (u16, &str)| (status, code.to_owned());
        assert_eq!(
            seen(story.send(&foreign, request.clone()).await),
            expected(unknown),
            "{request:?}"
        );
        assert_eq!(
            seen(story.send(&forged, request.clone()).await),
            expected(mismatch),
            "{request:?}"
        );
    }
}

#[tokio::test]
async fn a_session_key_needs_its_own_token() {
    let story = Story::start().await;
    let (one, other) = (story.session(None).await, story.session(None).await);
    let without = Keys {
        token: None,
        ..one.clone()
    };
    let swapped = Keys {
        token: other.token.clone(),
        ..one.clone()
    };
    assert_eq!(
        story.send(&without, identity()).await.code(),
        "InvalidClientTokenId"
    );
    assert_eq!(
        story.send(&swapped, identity()).await.code(),
        "InvalidClientTokenId"
    );
    let with_base = Keys {
        token: one.token.clone(),
        ..Keys::base()
    };
    assert_eq!(
        story.send(&with_base, identity()).await.code(),
        "InvalidClientTokenId"
    );
    assert_eq!(story.send(&one, identity()).await.status, 200);
}

#[tokio::test]
async fn an_expired_session_is_refused_in_the_words_of_each_service() {
    let story = Story::start().await;
    let keys = story.session(None).await;
    story.clock.advance(SignedDuration::from_secs(3_599));
    assert_eq!(story.send(&keys, identity()).await.status, 200);
    story.clock.advance(SignedDuration::from_secs(1));
    let list_tables = Request::json(
        "dynamodb",
        "DynamoDB_20120810.ListTables",
        &serde_json::json!({}),
    );
    for (request, status, code) in [
        (identity(), 403, "ExpiredToken"),
        (
            Request::form("ec2", "DescribeVpcs", &[]),
            400,
            "RequestExpired",
        ),
        (list_tables, 400, "ExpiredTokenException"),
        (
            Request::new("lambda", "GET", "/2015-03-31/functions"),
            403,
            "ExpiredTokenException",
        ),
        (Request::s3("GET", "/"), 400, "ExpiredToken"),
    ] {
        let answer = story.send(&keys, request).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code));
    }
}

#[tokio::test]
async fn the_time_of_a_signature_has_a_window() {
    let story = Story::start().await;
    let keys = story.session(None).await;
    for (request, minutes, code) in [
        (identity(), -6, "SignatureDoesNotMatch"),
        (identity(), 6, "SignatureDoesNotMatch"),
        (identity(), -4, ""),
        (
            Request::form("ec2", "DescribeVpcs", &[]),
            -6,
            "RequestExpired",
        ),
        (Request::s3("GET", "/"), -16, "RequestTimeTooSkewed"),
        (Request::s3("GET", "/"), 16, "RequestTimeTooSkewed"),
        (Request::s3("GET", "/"), -14, ""),
    ] {
        let time = story
            .clock
            .now()
            .checked_add(SignedDuration::from_mins(minutes))
            .unwrap();
        let answer = story.raw(&request.sign(&keys, time).bytes()).await;
        assert_eq!(answer.code(), code, "{minutes} minutes");
    }
}

#[tokio::test]
async fn a_presigned_url_works_until_it_expires_and_for_nothing_else() {
    let story = Story::start().await;
    let keys = story.session(None).await;
    let read = || Request::s3("GET", &format!("/{BUCKET}/2026/06/summary.csv"));
    let signed = read().presign(&keys, story.clock.now(), 60);
    assert_eq!(story.raw(&signed.bytes()).await.status, 200);
    let mut other = signed.clone();
    other.target = other.target.replace("2026/06", "2026/07");
    assert_eq!(
        story.raw(&other.bytes()).await.code(),
        "SignatureDoesNotMatch"
    );
    let mut longer = signed.clone();
    longer.target = longer
        .target
        .replace("X-Amz-Expires=60", "X-Amz-Expires=600");
    assert_eq!(
        story.raw(&longer.bytes()).await.code(),
        "SignatureDoesNotMatch"
    );
    story.clock.advance(SignedDuration::from_secs(61));
    assert_eq!(story.raw(&signed.bytes()).await.code(), "AccessDenied");
    let week = read().presign(&keys, story.clock.now(), 604_801);
    assert_eq!(
        story.raw(&week.bytes()).await.code(),
        "AuthorizationHeaderMalformed"
    );
}

/// A chunked upload of `one` and `two`, signed chunk by chunk, and whether a trailer ends it.
fn signed_chunks(keys: &Keys, story: &Story, trailer: Option<&str>) -> Signed {
    let mode = match trailer {
        None => "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        Some(_) => "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
    };
    let mut request = Request::s3("PUT", &format!("/{BUCKET}/chunked"))
        .header("content-encoding", "aws-chunked")
        .header("x-amz-content-sha256", mode)
        .header("x-amz-decoded-content-length", "6");
    if trailer.is_some() {
        request = request.header("x-amz-trailer", "x-amz-checksum-crc32");
    }
    let mut signed = request.sign(keys, story.clock.now());
    let mut previous = signed.signature.clone();
    for data in [b"one".as_slice(), b"two", b""] {
        previous = signed.chunk_signature(&previous, data);
        signed
            .body
            .extend(format!("{:x};chunk-signature={previous}\r\n", data.len()).bytes());
        if !data.is_empty() {
            signed.body.extend(data);
            signed.body.extend(b"\r\n");
        }
    }
    if let Some(value) = trailer {
        let line = format!("x-amz-checksum-crc32:{value}\n");
        let signature = signed.trailer_signature(&previous, &line);
        signed.body.extend(
            format!(
                "{}\r\nx-amz-trailer-signature:{signature}\r\n",
                line.trim_end()
            )
            .bytes(),
        );
    }
    signed.body.extend(b"\r\n");
    signed
}

fn crc32_of_onetwo() -> String {
    let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(b"onetwo");
    base64::engine::general_purpose::STANDARD.encode(crc.to_be_bytes())
}

#[tokio::test]
async fn no_chunk_can_be_changed_left_out_or_moved() {
    let story = Story::start().await;
    let keys = story.session(None).await;
    let sound = signed_chunks(&keys, &story, None);
    let text = String::from_utf8(sound.body.clone()).unwrap();
    let lines: Vec<&str> = text.split_inclusive("\r\n").collect();
    for (body, code) in [
        (text.replace("two", "TWO"), "SignatureDoesNotMatch"),
        (
            [&lines[2..4], &lines[0..2], &lines[4..]].concat().concat(),
            "SignatureDoesNotMatch",
        ),
        (lines[2..].concat(), "SignatureDoesNotMatch"),
        (
            [&lines[..2], &lines[4..]].concat().concat(),
            "SignatureDoesNotMatch",
        ),
        (lines[..4].concat(), "IncompleteBody"),
        (format!("{text}0\r\n"), "IncompleteBody"),
        (
            text.replace("3;chunk-signature", "3;chunk-sig"),
            "IncompleteBody",
        ),
    ] {
        let mut spoiled = sound.clone();
        spoiled.body = body.into_bytes();
        let answer = story.raw(&spoiled.bytes()).await;
        assert_eq!(
            answer.code(),
            code,
            "{}",
            String::from_utf8_lossy(&spoiled.body)
        );
    }
    assert_eq!(
        story
            .send(&keys, Request::s3("GET", &format!("/{BUCKET}/chunked")))
            .await
            .code(),
        "NoSuchKey"
    );
    assert_eq!(story.raw(&sound.bytes()).await.status, 200);
    let read = story
        .send(&keys, Request::s3("GET", &format!("/{BUCKET}/chunked")))
        .await;
    assert_eq!(read.body, "onetwo");
    assert_eq!(
        read.header("content-encoding"),
        None,
        "the framing is no property of the object"
    );
}

#[tokio::test]
async fn a_signed_trailer_is_held_to_its_signature_and_its_checksum() {
    let story = Story::start().await;
    let keys = story.session(None).await;
    let sound = signed_chunks(&keys, &story, Some(&crc32_of_onetwo()));
    assert_eq!(story.raw(&sound.bytes()).await.status, 200);
    let wrong_sum = signed_chunks(&keys, &story, Some("AAAAAA=="));
    assert_eq!(story.raw(&wrong_sum.bytes()).await.code(), "BadDigest");
    let mut unsigned_trailer = sound.clone();
    let text = String::from_utf8(sound.body.clone()).unwrap();
    unsigned_trailer.body = text.replace(&crc32_of_onetwo(), "AAAAAA==").into_bytes();
    assert_eq!(
        story.raw(&unsigned_trailer.bytes()).await.code(),
        "SignatureDoesNotMatch"
    );
    let mut cut = sound.clone();
    let end = text.find("x-amz-checksum").unwrap();
    cut.body = format!("{}\r\n", &text[..end]).into_bytes();
    assert_eq!(
        story.raw(&cut.bytes()).await.code(),
        "MalformedTrailerError"
    );
}

#[tokio::test]
async fn an_unsigned_body_is_held_to_its_trailing_checksum() {
    let story = Story::start().await;
    let keys = story.session(None).await;
    let upload = |sum: &str, length: &str| {
        let body = format!("3\r\none\r\n3\r\ntwo\r\n0\r\nx-amz-checksum-crc32:{sum}\r\n\r\n");
        Request::s3("PUT", &format!("/{BUCKET}/chunked"))
            .header("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
            .header("x-amz-decoded-content-length", length)
            .header("x-amz-trailer", "x-amz-checksum-crc32")
            .body(body.as_bytes())
    };
    assert_eq!(
        story.send(&keys, upload("AAAAAA==", "6")).await.code(),
        "BadDigest"
    );
    assert_eq!(
        story
            .send(&keys, upload(&crc32_of_onetwo(), "7"))
            .await
            .code(),
        "IncompleteBody"
    );
    let answer = story.send(&keys, upload(&crc32_of_onetwo(), "6")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(
        answer.header("x-amz-checksum-crc32"),
        Some(crc32_of_onetwo().as_str())
    );
}

#[tokio::test]
async fn only_s3_takes_an_unsigned_body() {
    let story = Story::start().await;
    let request = Request::new(
        "lambda",
        "PUT",
        "/2015-03-31/functions/cost-explorer-api/code",
    )
    .header("x-amz-content-sha256", "UNSIGNED-PAYLOAD")
    .body(b"{}");
    let keys = story.session(None).await;
    assert_eq!(
        story.send(&keys, request).await.code(),
        "InvalidSignatureException"
    );
}
