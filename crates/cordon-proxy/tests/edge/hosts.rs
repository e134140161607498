//! CONNECT host, SNI, `Host` and credential scope are one and the same, or the call goes nowhere.

use crate::harness::call::Call;
use crate::harness::talk::Talk;
use crate::harness::tls::{Client, Hello};
use crate::harness::{DYNAMODB, Setup, World};

const SQS: &str = "sqs.eu-central-1.amazonaws.com";

/// Whatever is asked, it is refused in these words, the connection ends, and the cloud sees
/// nothing of it.
async fn check(world: &World, mut talk: Talk, asked: impl AsRef<[u8]>, expected: (u16, &str)) {
    let shown = String::from_utf8_lossy(asked.as_ref()).into_owned();
    let before = world.sent();
    talk.send(asked).await;
    let answer = talk.answer().await;
    let (status, text) = expected;
    assert_eq!(answer.status, status, "{shown:?} got {answer:?}");
    assert!(answer.body.contains(text), "{shown:?} got {answer:?}");
    assert_eq!(
        answer.header("x-cordon-verdict"),
        Some("reject"),
        "{shown:?}"
    );
    assert_eq!(answer.header("connection"), Some("close"), "{shown:?}");
    // Whatever else was said on the connection is not another request.
    talk.send(Call::good().to(&world.own())).await;
    assert_eq!(talk.rest().await, "", "{shown:?}");
    assert_eq!(world.sent(), before, "{shown:?} reached the cloud");
}

/// R03 to R07, F13: what a CONNECT line may name.
#[tokio::test]
async fn a_connect_names_one_host_in_one_spelling() {
    let world = World::start().await;
    let own = world.own();
    let bad = (400, "malformed");
    let no_name = (400, "only names are reached through CONNECT");
    let port = (403, "only port 443");
    let other = (421, "the request is for");
    let no_host = (400, "`host` is missing, or is not a host name");
    let not_allowed = (403, "neither an AWS API that Cordon knows nor a host");
    for (line, host, expected) in [
        // ports
        (&*format!("{DYNAMODB}:80"), DYNAMODB, port),
        (&format!("{DYNAMODB}:8443"), DYNAMODB, port),
        (&format!("{DYNAMODB}:0443"), DYNAMODB, port),
        (&format!("{DYNAMODB}:+443"), DYNAMODB, port),
        (&format!("{DYNAMODB}:443:443"), DYNAMODB, no_name),
        (&format!("{DYNAMODB}:"), DYNAMODB, port),
        (DYNAMODB, DYNAMODB, port),
        // what is not a name
        (":443", DYNAMODB, no_name),
        ("169.254.169.254:443", "169.254.169.254", no_name),
        ("2852039166:443", "2852039166", no_name),
        ("0xa9fea9fe:443", "0xa9fea9fe", no_name),
        ("0251.0376.0251.0376:443", "0251.0376.0251.0376", no_name),
        ("169.254.43518:443", "169.254.43518", no_name),
        ("127.1:443", "127.1", no_name),
        ("[::1]:443", "[::1]", no_name),
        ("[::ffff:169.254.169.254]:443", "[::1]", no_name),
        ("[fd00:ec2::254%25eth0]:443", "[::1]", no_name),
        (&format!("evil@{DYNAMODB}:443"), DYNAMODB, bad),
        (&format!("{DYNAMODB}/:443"), DYNAMODB, bad),
        (&format!("http://{DYNAMODB}:443"), DYNAMODB, bad),
        (&format!("{DYNAMODB}..:443"), DYNAMODB, no_name),
        (&format!(".{DYNAMODB}:443"), DYNAMODB, no_name),
        (
            "dynamodb%2eeu-central-1.amazonaws.com:443",
            DYNAMODB,
            no_name,
        ),
        (
            "dyn\u{e4}modb.eu-central-1.amazonaws.com:443",
            DYNAMODB,
            bad,
        ),
        (
            "dynamodb\u{3002}eu-central-1.amazonaws.com:443",
            DYNAMODB,
            bad,
        ),
        ("dynamodb\0.eu-central-1.amazonaws.com:443", DYNAMODB, bad),
        // `Host` says something else
        (&format!("{DYNAMODB}:443"), SQS, other),
        (&format!("{DYNAMODB}:443"), &format!("{DYNAMODB}:80"), other),
        (&format!("{DYNAMODB}:443"), "", no_host),
        (
            &format!("{DYNAMODB}:443"),
            &format!("u@{DYNAMODB}"),
            no_host,
        ),
        (&format!("{DYNAMODB}:443"), "127.0.0.1", no_host),
        // names that are not an API of AWS
        ("example.com:443", "example.com", not_allowed),
        ("amazonaws.com:443", "amazonaws.com", not_allowed),
        ("evil.amazonaws.com:443", "evil.amazonaws.com", not_allowed),
        (
            "sts.amazonaws.com.evil.example:443",
            "sts.amazonaws.com.evil.example",
            not_allowed,
        ),
        (
            "xn--dynmodb-5wa.eu-central-1.amazonaws.com:443",
            "xn--dynmodb-5wa.eu-central-1.amazonaws.com",
            not_allowed,
        ),
        (
            "dynamodb.eu-central-1.amazonaws.com.cn:443",
            "dynamodb.eu-central-1.amazonaws.com.cn",
            not_allowed,
        ),
        (
            "abc123.execute-api.eu-central-1.amazonaws.com:443",
            "abc123.execute-api.eu-central-1.amazonaws.com",
            not_allowed,
        ),
        (
            "abc123.lambda-url.eu-central-1.on.aws:443",
            "abc123.lambda-url.eu-central-1.on.aws",
            not_allowed,
        ),
        (
            "lb-1.eu-central-1.elb.amazonaws.com:443",
            "lb-1.eu-central-1.elb.amazonaws.com",
            not_allowed,
        ),
        // Cordon itself
        ("localhost:443", "localhost", (403, "is Cordon itself")),
        (&*own, &own, (403, "is Cordon itself")),
    ] {
        let asked = format!("CONNECT {line} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        check(&world, world.connect().await, asked, expected).await;
    }
    let twice =
        format!("CONNECT {DYNAMODB}:443 HTTP/1.1\r\nHost: {DYNAMODB}\r\nHost: {SQS}\r\n\r\n");
    check(
        &world,
        world.connect().await,
        twice,
        (400, "several `host`"),
    )
    .await;
    // A CONNECT has no body: what would be one could be taken for the TLS hello, or that for it.
    for framing in ["Content-Length: 5", "Transfer-Encoding: chunked"] {
        let asked =
            format!("CONNECT {DYNAMODB}:443 HTTP/1.1\r\nHost: {DYNAMODB}\r\n{framing}\r\n\r\n");
        check(&world, world.connect().await, asked, (400, "malformed")).await;
    }
    world.check_good_calls_work().await;
}

/// The spellings of one name are one name.
#[tokio::test]
async fn case_and_a_trailing_dot_do_not_make_another_host() {
    let world = World::start().await;
    let client = Client::trusting(&world.authority());
    for spelled in [&*DYNAMODB.to_uppercase(), &format!("{DYNAMODB}.")] {
        let mut talk = world.connect().await;
        talk.send(format!(
            "CONNECT {spelled}:443 HTTP/1.1\r\nHost: {spelled}:443\r\n\r\n"
        ))
        .await;
        assert_eq!(talk.answer_head().await.status, 200, "{spelled}");
        let mut talk = talk.secured(&client, DYNAMODB).await.unwrap();
        talk.send(Call::good().to(DYNAMODB)).await;
        talk.check_good().await;
    }
    // Python's older libraries speak HTTP/1.0 here, without a `Host`.
    let mut talk = world.connect().await;
    talk.send(format!("CONNECT {DYNAMODB}:443 HTTP/1.0\r\n\r\n"))
        .await;
    assert_eq!(talk.answer_head().await.status, 200);
    let mut talk = talk.secured(&client, DYNAMODB).await.unwrap();
    talk.send(Call::good().to(DYNAMODB)).await;
    talk.check_good().await;
}

/// R01, R02: the TLS hello is for the host of the CONNECT, or the connection is cut.
#[tokio::test]
async fn a_hello_for_another_host_is_cut() {
    let world = World::start().await;
    let client = Client::trusting(&world.authority());
    let nameless = Client {
        hello: Hello::Nothing,
        ..client.clone()
    };
    for (why, client, name) in [
        ("another name", &client, SQS),
        ("a name that is not AWS", &client, "example.com"),
        ("an address", &client, "127.0.0.1"),
        ("no name", &nameless, DYNAMODB),
    ] {
        let mut talk = world.connect().await;
        talk.send(format!(
            "CONNECT {DYNAMODB}:443 HTTP/1.1\r\nHost: {DYNAMODB}\r\n\r\n"
        ))
        .await;
        assert_eq!(talk.answer_head().await.status, 200, "{why}");
        assert!(talk.secured(client, name).await.is_err(), "{why}");
    }
    assert_eq!(world.sent(), 0);
    world.check_good_calls_work().await;
}

/// R01: within TLS, `Host` is the host of the CONNECT.
#[tokio::test]
async fn a_request_for_another_host_than_its_connection_is_refused() {
    let world = World::start().await;
    let other = (421, "the request is for");
    let no_host = (400, "`host` is missing, or is not a host name");
    let nested = (400, "not taken inside of a CONNECT");
    for (asked, expected) in [
        (Call::good().to(SQS), other),
        (Call::good().to("example.com"), other),
        (Call::good().to("localhost"), other),
        (Call::good().to(&format!("{DYNAMODB}:80")), other),
        (Call::good().to(&format!("{DYNAMODB}:8443")), other),
        (Call::good().to(&world.own()), no_host),
        (Call::good().to(&format!("{DYNAMODB}:0443")), no_host),
        (Call::good().to(&format!("u@{DYNAMODB}")), no_host),
        (Call::good().to(&format!("{DYNAMODB}, {SQS}")), no_host),
        (Call::good().to("169.254.169.254"), no_host),
        (Call::good().to(""), no_host),
        (Call::good().absolute(DYNAMODB).to(DYNAMODB), nested),
        (Call::good().absolute(SQS).to(SQS), nested),
        (b"POST / HTTP/1.1\r\n\r\n".to_vec(), no_host),
        (
            format!("CONNECT {SQS}:443 HTTP/1.1\r\nHost: {SQS}\r\n\r\n").into_bytes(),
            nested,
        ),
        (
            Call::good()
                .beside(&format!("Host: {SQS}\r\n"))
                .to(DYNAMODB),
            (400, "several `host`"),
        ),
    ] {
        check(&world, world.connect_to(DYNAMODB).await, asked, expected).await;
    }
    world.check_good_calls_work().await;
}

/// The plain forward proxy: the same rules as within a CONNECT, on port 80.
#[tokio::test]
async fn a_plain_request_has_one_host_and_it_is_an_api_of_aws() {
    let world = World::start().await;
    let own = world.own();
    let other = (421, "the request is for");
    let no_name = (400, "only names are reached");
    for (authority, host, expected) in [
        (DYNAMODB, SQS, other),
        (SQS, DYNAMODB, other),
        (DYNAMODB, "localhost", other),
        (DYNAMODB, &*format!("{DYNAMODB}:8080"), other),
        (DYNAMODB, &own, (400, "`host` is missing")),
        (DYNAMODB, "", (400, "`host` is missing")),
        (
            &format!("{DYNAMODB}:443"),
            &format!("{DYNAMODB}:443"),
            (403, "on port 80"),
        ),
        (
            &format!("{DYNAMODB}:8080"),
            &format!("{DYNAMODB}:8080"),
            (403, "on port 80"),
        ),
        ("example.com", "example.com", (403, "is not an AWS API")),
        ("169.254.169.254", "169.254.169.254", no_name),
        ("[::1]", "[::1]", no_name),
        ("", DYNAMODB, no_name),
        (&format!("u@{DYNAMODB}"), DYNAMODB, (400, "malformed")),
        (&own, &own, (403, "is Cordon itself")),
        ("localhost", "localhost", (403, "is Cordon itself")),
    ] {
        let asked = Call::good().absolute(authority).to(host);
        check(&world, world.connect().await, asked, expected).await;
    }
    let twice = Call::good()
        .absolute(DYNAMODB)
        .beside(&format!("Host: {SQS}\r\n"))
        .to(DYNAMODB);
    check(
        &world,
        world.connect().await,
        twice,
        (400, "several `host`"),
    )
    .await;
    let mut https = String::from_utf8(Call::good().to(DYNAMODB)).unwrap();
    https = https.replacen("POST /", &format!("POST https://{DYNAMODB}/"), 1);
    check(&world, world.connect().await, https, (400, "malformed")).await;

    let mut talk = world.connect().await;
    talk.send(Call::good().absolute(DYNAMODB).to(DYNAMODB))
        .await;
    talk.check_good().await;
    world.check_good_calls_work().await;
}

/// A page in a browser that points its own name here gets nowhere, and neither does a tool that
/// was sent here by a hosts file.
#[tokio::test]
async fn the_endpoint_answers_to_its_own_names_alone() {
    let world = World::with(Setup {
        own_hosts: vec!["cordon.internal".parse().unwrap()],
        ..Setup::default()
    })
    .await;
    let port = world.address().port();
    let foreign = (403, "is none of this Cordon's own names");
    let no_host = (400, "`host` is missing");
    for (host, expected) in [
        ("evil.example", foreign),
        (&*format!("evil.example:{port}"), foreign),
        (
            &format!("rebind.cordon.internal.evil.example:{port}"),
            foreign,
        ),
        (&format!("notcordon.internal:{port}"), foreign),
        (&format!("127.0.0.2:{port}"), foreign),
        (&format!("0.0.0.0:{port}"), foreign),
        ("127.0.0.1:1", foreign),
        (&format!("2130706433:{port}"), foreign),
        (&format!("u@localhost:{port}"), foreign),
        (DYNAMODB, foreign),
        ("", foreign),
    ] {
        for page in ["/", "/_cordon/health", "/_cordon/credentials/S-EDGE234567"] {
            let asked = format!("GET {page} HTTP/1.1\r\nHost: {host}\r\n\r\n");
            check(&world, world.connect().await, asked, expected).await;
        }
        let asked = Call::good().to(host);
        check(&world, world.connect().await, asked, expected).await;
    }
    let nameless = "GET /_cordon/health HTTP/1.1\r\n\r\n";
    check(&world, world.connect().await, nameless, no_host).await;

    for own in [
        world.own(),
        format!("localhost:{port}"),
        "LOCALHOST".to_owned(),
        format!("cordon.internal:{port}"),
        "Cordon.Internal.".to_owned(),
    ] {
        let mut talk = world.connect().await;
        talk.send(Call::good().to(&own)).await;
        talk.check_good().await;
    }
}

/// No page of another origin reads what Cordon says of itself, or gets a session's keys.
#[tokio::test]
async fn a_browser_is_told_nothing() {
    let world = World::start().await;
    let own = world.own();
    let origin = "Origin: https://evil.example\r\n";
    let mut talk = world.connect().await;
    for (method, page, status) in [
        ("GET", "/_cordon/health", 200),
        ("GET", "/_cordon/credentials/S-EDGE234567", 403),
        ("GET", "/_cordon/credentials/S-NOBODY2345", 403),
        ("GET", "/_cordon/", 404),
        ("OPTIONS", "/_cordon/credentials/S-EDGE234567", 405),
        ("POST", "/_cordon/health", 405),
    ] {
        talk.send(format!(
            "{method} {page} HTTP/1.1\r\nHost: {own}\r\n{origin}\r\n"
        ))
        .await;
        let answer = talk.answer().await;
        assert_eq!(answer.status, status, "{method} {page}: {answer:?}");
        for name in ["access-control-allow-origin", "set-cookie"] {
            assert_eq!(answer.header(name), None, "{method} {page}");
        }
        assert!(!answer.body.contains("AKIA"), "{answer:?}");
    }
    let preflight = format!(
        "OPTIONS / HTTP/1.1\r\nHost: {own}\r\n{origin}Access-Control-Request-Method: POST\r\n\r\n"
    );
    talk.send(preflight).await;
    let answer = talk.answer().await;
    assert!(answer.status >= 400, "{answer:?}");
    assert_eq!(answer.header("access-control-allow-origin"), None);
    assert_eq!(world.sent(), 0);
}

/// R11: the signature is for the service and region of the host.
#[tokio::test]
async fn a_scope_for_another_host_is_refused() {
    let world = World::start().await;
    for (service, region, host) in [
        ("sqs", "eu-central-1", DYNAMODB),
        ("s3", "eu-central-1", DYNAMODB),
        ("dynamodb", "eu-central-1", SQS),
        ("dynamodb", "us-east-1", DYNAMODB),
        (
            "dynamodb",
            "eu-central-1",
            "dynamodb.us-east-1.amazonaws.com",
        ),
        (
            "dynamodb",
            "eu-central-1",
            "dynamodb.cn-north-1.amazonaws.com.cn",
        ),
    ] {
        let call = Call {
            service,
            region,
            ..Call::good()
        };
        for absolute in [false, true] {
            let (mut talk, asked) = match absolute {
                false => (world.connect_to(host).await, call.clone().to(host)),
                true => (world.connect().await, call.clone().absolute(host).to(host)),
            };
            talk.send(asked).await;
            let answer = talk.answer().await;
            let shown = format!("{service} {region} for {host}: {answer:?}");
            assert_eq!(answer.status, 400, "{shown}");
            assert!(answer.body.contains("could not be identified"), "{shown}");
        }
    }
    assert_eq!(world.sent(), 0);
    world.check_good_calls_work().await;
}
