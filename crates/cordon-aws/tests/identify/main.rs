//! Identification and emission, told from outside: real requests of every protocol, what must
//! not pass for one, and what must mean the same.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "tests"
)]

mod corpus;
mod heavy;
mod hosts;
mod invented;
mod made;
mod memory;
mod mutations;
mod parameters;
mod round_trip;
mod selectors;
mod spelling;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use cordon_aws::arn::{AccountId, Region};
use cordon_aws::call::Call;
use cordon_aws::catalog::Catalog;
use cordon_aws::emit::{Emission, EmittedBody};
use cordon_aws::endpoint::{Destination, OwnHosts};
use cordon_aws::identify::{IdentifyError, Known, identify};
use cordon_aws::request::{Body, Request};
use http::{HeaderMap, HeaderName, HeaderValue};

/// One request and the scope that it is signed for.
#[derive(Debug, Clone)]
struct Sent {
    request: Request,
    service: Option<String>,
    region: Option<Region>,
}

impl Sent {
    /// `METHOD URL`, then headers a line, then a blank line and the body.
    fn parse(service: &str, region: &str, text: &str) -> Self {
        let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
        let mut lines = head.lines().map(str::trim);
        let (method, url) = lines.next().unwrap().split_once(' ').unwrap();
        let headers = lines.filter_map(|line| line.split_once(": "));
        let mut sent = Self::new(method, url, headers, body.as_bytes().to_vec());
        sent.service = (!service.is_empty()).then(|| service.to_owned());
        sent.region = (!region.is_empty()).then(|| region.parse().unwrap());
        sent
    }

    fn new<'h>(
        method: &str,
        url: &str,
        headers: impl Iterator<Item = (&'h str, &'h str)>,
        body: Vec<u8>,
    ) -> Self {
        let rest = url.split_once("://").unwrap().1;
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (host, target) = rest.split_at(end);
        let (path, query) = target
            .split_once('?')
            .map_or((target, None), |(p, q)| (p, Some(q)));
        let headers: HeaderMap = headers
            .map(|(name, value)| {
                let name = HeaderName::from_bytes(name.to_ascii_lowercase().as_bytes()).unwrap();
                (name, HeaderValue::from_bytes(value.as_bytes()).unwrap())
            })
            .collect();
        Self {
            request: Request {
                method: method.parse().unwrap(),
                path: if path.is_empty() { "/" } else { path }.to_owned(),
                query: query.map(str::to_owned),
                headers,
                destination: Destination::parse(host, &own_hosts()).expect(host),
                body: Body::Whole(Bytes::from(body)),
            },
            service: None,
            region: None,
        }
    }

    /// A line of the corpus, with the service and operation that it is.
    fn of_line(line: &str) -> (Self, String, String) {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let headers: Vec<(String, String)> = line["headers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|pair| (text(&pair[0]), text(&pair[1])))
            .collect();
        let body = STANDARD.decode(text(&line["body_b64"])).unwrap();
        let pairs = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let mut sent = Self::new(&text(&line["method"]), &text(&line["url"]), pairs, body);
        let scope = headers
            .iter()
            .find(|(name, _)| name == "Authorization")
            .and_then(|(_, value)| value.split_once("Credential="))
            .map(|(_, rest)| {
                rest.split(',')
                    .next()
                    .unwrap()
                    .split('/')
                    .collect::<Vec<_>>()
            });
        if let Some(scope) = scope {
            sent.region = Some(scope[2].parse().unwrap());
            sent.service = Some(scope[3].to_owned());
        }
        let expect = &line["expect"];
        (sent, text(&expect["service"]), text(&expect["operation"]))
    }

    fn identify(&self) -> Result<Call, IdentifyError> {
        let known = Known {
            signing_name: self.service.as_deref(),
            signing_region: self.region.as_ref(),
            account: Some(&account()),
        };
        identify(Catalog::embedded(), &self.request, known)
    }

    /// The request that `emission` is, signed for the same scope.
    fn again(&self, emission: &Emission, destination: Destination) -> Self {
        let body = match &emission.body {
            EmittedBody::Whole(bytes) => Body::Whole(bytes.clone()),
            EmittedBody::Streamed => Body::Streamed,
        };
        Self {
            request: Request {
                method: emission.method.clone(),
                path: emission.path.clone(),
                query: emission.query.clone(),
                headers: emission.headers.clone(),
                destination,
                body,
            },
            ..self.clone()
        }
    }
}

fn account() -> AccountId {
    "111122223333".parse().unwrap()
}

fn own_hosts() -> OwnHosts {
    OwnHosts::new(["127.0.0.1:8443", "cordon.test"]).unwrap()
}

/// `service:Operation` of a request, or the code of its refusal.
fn outcome(sent: &Sent) -> String {
    match sent.identify() {
        Ok(call) => format!("{}:{}", call.service().name(), call.operation().name()),
        Err(error) => error.code().to_owned(),
    }
}

/// Checks what a request is, or why it is refused.
fn check(service: &str, text: &str, expected: &str) {
    let sent = Sent::parse(service, "eu-west-1", text);
    let outcome = outcome(&sent);
    assert_eq!(outcome, expected, "{text}\n{:?}", sent.identify());
}

/// The parameters of a request that must be identified.
fn parameters(service: &str, text: &str) -> cordon_aws::value::Value {
    let sent = Sent::parse(service, "eu-west-1", text);
    match sent.identify() {
        Ok(call) => call.parameters().clone(),
        Err(error) => panic!("{error:?}\n{text}"),
    }
}
