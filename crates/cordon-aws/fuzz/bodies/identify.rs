//! Any request at all: it is one call or a refusal with a code, and what is written for the call
//! is read as the same call again.

use bytes::Bytes;
use cordon_aws::call::Call;
use cordon_aws::catalog::Catalog;
use cordon_aws::emit::{EmittedBody, HostStyle, emit};
use cordon_aws::endpoint::{Destination, OwnHosts};
use cordon_aws::identify::{Known, identify};
use cordon_aws::request::{Body, Request};
use http::{HeaderMap, HeaderName, HeaderValue};
use std::sync::LazyLock;

static OWN: LazyLock<OwnHosts> = LazyLock::new(|| OwnHosts::new(["cordon.test"]).expect("a name"));

/// `SIGNING-NAME REGION METHOD HOST TARGET`, headers a line, an empty line, the body. The call that
/// it is, if it is one.
pub(crate) fn run(input: &[u8]) -> Option<Call> {
    let end = input.windows(2).position(|pair| pair == b"\n\n");
    let (head, body) = match end {
        Some(end) => (&input[..end], &input[end + 2..]),
        None => (input, &[][..]),
    };
    let head = std::str::from_utf8(head).ok()?;
    let (request, service, region) = parse(head, body)?;
    check(&request, service, region)
}

/// Identifies the request and, if it is a call, what is written for it.
pub(crate) fn check(request: &Request, service: &str, region: &str) -> Option<Call> {
    let call = match read(request, service, region) {
        Ok(call) => call,
        Err(code) => {
            assert!(!code.is_empty());
            return None;
        }
    };
    assert!(!call.accesses().is_empty());
    let emission = emit(&call, HostStyle::Aws);
    let destination = Destination::parse(&emission.host, &OWN).expect("a host of AWS");
    let body = match emission.body {
        EmittedBody::Whole(bytes) => Body::Whole(bytes),
        EmittedBody::Streamed => Body::Streamed,
    };
    let written = Request {
        method: emission.method,
        path: emission.path,
        query: emission.query,
        headers: emission.headers,
        destination,
        body,
    };
    // It is signed anew, for the region that the call acts in.
    let again = read(&written, service, call.region().as_str());
    let again = again.unwrap_or_else(|code| panic!("{code} for {written:?} of {call:?}"));
    assert_eq!(call.operation(), again.operation());
    assert_eq!(call.parameters(), again.parameters());
    assert_eq!(call.accesses(), again.accesses());
    Some(call)
}

fn read(request: &Request, service: &str, region: &str) -> Result<Call, &'static str> {
    let account = "111122223333".parse().expect("an account");
    let region = region.parse().ok();
    let known = Known {
        signing_name: Some(service),
        signing_region: region.as_ref(),
        account: Some(&account),
    };
    identify(Catalog::embedded(), request, known).map_err(|error| error.code())
}

fn parse<'h>(head: &'h str, body: &[u8]) -> Option<(Request, &'h str, &'h str)> {
    let mut lines = head.lines();
    let mut words = lines.next()?.split(' ');
    let (service, region) = (words.next()?, words.next()?);
    let (method, host, target) = (words.next()?, words.next()?, words.next()?);
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query.to_owned())),
        None => (target, None),
    };
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(':')?;
        let name: HeaderName = name.parse().ok()?;
        headers.append(name, HeaderValue::from_str(value.trim()).ok()?);
    }
    let request = Request {
        method: method.parse().ok()?,
        path: path.to_owned(),
        query,
        headers,
        destination: Destination::parse(host, &OWN).ok()?,
        body: Body::Whole(Bytes::copy_from_slice(body)),
    };
    Some((request, service, region))
}
