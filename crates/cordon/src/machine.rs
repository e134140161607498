//! The machine formats of `cordon classify` and `cordon decide`: one HTTP request a line in, one
//! JSON object a line out, in order.
//!
//! A line that is not a request gets an object with an `error` like any other, so that line `n`
//! of the output always belongs to line `n` of the input.

use crate::cmd::Reading;
use crate::failure::{Failure, USAGE};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cordon_aws::arn::AccountId;
use cordon_aws::call::Call;
use cordon_aws::catalog::Catalog;
use cordon_aws::classify::destructive;
use cordon_aws::endpoint::{Destination, OwnHosts};
use cordon_aws::identify::{Known, identify};
use cordon_aws::request::{Body, Request};
use cordon_aws::sigv4::Claim;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read as _};

/// The longest line that is read, in bytes: a 16 MiB body in base64 and its head.
pub(crate) const LINE_LIMIT: usize = 24 << 20;

/// One request as a line of JSON.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RequestLine {
    /// Given back with the answer; any JSON value.
    #[serde(default)]
    pub(crate) id: serde_json::Value,
    method: String,
    url: String,
    #[serde(default)]
    headers: Vec<(String, String)>,
    #[serde(default)]
    body_b64: String,
}

/// Why a line has no answer.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct LineError {
    /// A stable code.
    pub(crate) code: String,
    /// One sentence.
    pub(crate) message: String,
}

/// A line without an answer, and the id it came with.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) id: serde_json::Value,
    pub(crate) error: LineError,
}

/// Reads requests, line by line.
pub(crate) struct Reader {
    input: Box<dyn BufRead>,
    /// How many bytes of it were read.
    taken: u64,
    own: OwnHosts,
    account: Option<AccountId>,
}

impl Reader {
    /// Reads from standard input.
    ///
    /// # Errors
    /// When an own host is no host.
    pub(crate) fn new(reading: &Reading) -> Result<Self, Failure> {
        Self::of(reading, Box::new(BufReader::new(std::io::stdin())))
    }

    /// Reads from anywhere.
    ///
    /// # Errors
    /// When an own host is no host.
    pub(crate) fn of(reading: &Reading, input: Box<dyn BufRead>) -> Result<Self, Failure> {
        let own = OwnHosts::new(&reading.own_hosts)
            .map_err(|error| Failure::because("`--own-host` cannot be used", &error).code(USAGE))?;
        Ok(Self {
            input,
            taken: 0,
            own,
            account: reading.account.clone(),
        })
    }

    /// The next line that holds anything; `None` at the end.
    ///
    /// # Errors
    /// When the input fails.
    pub(crate) fn next_line(&mut self) -> Result<Option<Result<RequestLine, Refused>>, Failure> {
        loop {
            let mut line = Vec::new();
            let read = self
                .input
                .by_ref()
                .take(LINE_LIMIT as u64 + 1)
                .read_until(b'\n', &mut line);
            let unread = |error| Failure::because("the input could not be read", &error);
            let read = read.map_err(unread)?;
            self.taken += read as u64;
            match read {
                0 => return Ok(None),
                length if length > LINE_LIMIT => return self.skip().map(Some),
                _ if line.trim_ascii().is_empty() => {}
                _ => return Ok(Some(RequestLine::parse(&line))),
            }
        }
    }

    /// How many bytes of the input were read.
    pub(crate) fn taken(&self) -> u64 {
        self.taken
    }

    /// Skips the rest of a line that is too long.
    fn skip(&mut self) -> Result<Result<RequestLine, Refused>, Failure> {
        let skipped = self.input.skip_until(b'\n');
        let skipped =
            skipped.map_err(|error| Failure::because("the input could not be read", &error))?;
        self.taken += skipped as u64;
        let error = LineError::new(
            "line-too-long",
            format!("a line may have {LINE_LIMIT} bytes"),
        );
        Ok(Err(Refused {
            id: serde_json::Value::Null,
            error,
        }))
    }

    /// The request of a line.
    pub(crate) fn request(&self, line: &RequestLine) -> Result<Request, LineError> {
        line.request(&self.own)
    }

    /// The call of a line. A signature is read for service and region, and not checked.
    pub(crate) fn identify(&self, line: &RequestLine) -> Result<Call, LineError> {
        let request = self.request(line)?;
        let claim = match Claim::of(&request) {
            Ok(claim) => Some(claim),
            Err(error) if error.is_missing() => None,
            Err(error) => return Err(LineError::new("signature", error)),
        };
        let known = Known {
            signing_name: claim.as_ref().map(|claim| &*claim.scope().service),
            signing_region: claim.as_ref().map(|claim| &claim.scope().region),
            account: self.account.as_ref(),
        };
        identify(Catalog::embedded(), &request, known)
            .map_err(|error| LineError::new(error.code(), error))
    }
}

impl LineError {
    pub(crate) fn new(code: &str, message: impl ToString) -> Self {
        Self {
            code: code.to_owned(),
            message: message.to_string(),
        }
    }
}

/// What `classify` answers; `decide` answers the same with the decision after it.
#[derive(Debug, Serialize, Default)]
pub(crate) struct Classified {
    id: serde_json::Value,
    service: Option<&'static str>,
    operation: Option<&'static str>,
    protocol: Option<&'static str>,
    region: Option<String>,
    partition: Option<String>,
    iam_actions: BTreeSet<String>,
    resources: BTreeSet<String>,
    access_level: Option<&'static str>,
    class: Option<&'static str>,
    destructive: bool,
    facts: Vec<&'static str>,
    error: Option<LineError>,
}

impl RequestLine {
    /// A request that came by another form than a line.
    pub(crate) fn of(
        method: String,
        url: String,
        headers: Vec<(String, String)>,
        body: &[u8],
    ) -> Self {
        Self {
            id: serde_json::Value::Null,
            method,
            url,
            headers,
            body_b64: STANDARD.encode(body),
        }
    }

    /// The bytes of a body in base64.
    pub(crate) fn decoded(text: &str) -> Result<Vec<u8>, LineError> {
        STANDARD.decode(text).map_err(|error| {
            LineError::new("malformed-line", format!("the body is not base64: {error}"))
        })
    }

    /// Reads one line.
    fn parse(line: &[u8]) -> Result<Self, Refused> {
        serde_json::from_slice(line).map_err(|error| Refused {
            id: serde_json::Value::Null,
            error: LineError::new("malformed-line", error),
        })
    }

    /// The request of the line, addressed as a client would have sent it: the host of the URL is
    /// where it connected to, and the `Host` header must agree with it.
    fn request(&self, own: &OwnHosts) -> Result<Request, LineError> {
        let malformed = |message: String| LineError::new("malformed-line", message);
        let rest = self
            .url
            .strip_prefix("https://")
            .or_else(|| self.url.strip_prefix("http://"));
        let Some(rest) = rest else {
            return Err(malformed(format!(
                "`{}` is not an http or https URL",
                self.url
            )));
        };
        let (authority, target) = rest
            .find(['/', '?'])
            .map_or((rest, ""), |at| rest.split_at(at));
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (target, None),
        };
        let headers = self.header_map()?;
        let request = Request {
            method: Method::from_bytes(self.method.as_bytes())
                .map_err(|_| malformed(format!("`{}` is not a method", self.method)))?,
            path: if path.is_empty() {
                "/".to_owned()
            } else {
                path.to_owned()
            },
            query,
            destination: Destination::parse(authority, own)
                .map_err(|error| LineError::new(error.code(), error))?,
            headers,
            body: Body::Whole(
                STANDARD
                    .decode(&self.body_b64)
                    .map_err(|error| malformed(format!("`body_b64` is not base64: {error}")))?
                    .into(),
            ),
        };
        same_host(&request, authority, own)?;
        Ok(request)
    }

    fn header_map(&self) -> Result<HeaderMap, LineError> {
        let mut headers = HeaderMap::with_capacity(self.headers.len());
        for (name, value) in &self.headers {
            let name = HeaderName::from_bytes(name.as_bytes());
            let value = HeaderValue::from_bytes(value.as_bytes());
            let (Ok(name), Ok(value)) = (name, value) else {
                return Err(LineError::new(
                    "malformed-line",
                    "a header name or value is malformed",
                ));
            };
            headers.append(name, value);
        }
        Ok(headers)
    }
}

/// The `Host` header, where there is one, names the place that the `authority` of the URL names.
fn same_host(request: &Request, authority: &str, own: &OwnHosts) -> Result<(), LineError> {
    let host = request
        .single("host")
        .map_err(|error| LineError::new("malformed-line", error))?;
    let Some(host) = host.filter(|host| *host != authority) else {
        return Ok(());
    };
    let named =
        Destination::parse(host, own).map_err(|error| LineError::new(error.code(), error))?;
    match named == request.destination {
        true => Ok(()),
        false => Err(LineError::new(
            "host-mismatch",
            "the `Host` header and the URL name different hosts",
        )),
    }
}

impl Classified {
    /// The answer for a line that could not be read or identified.
    pub(crate) fn refused(id: serde_json::Value, error: LineError) -> Self {
        Self {
            id,
            error: Some(error),
            ..Self::default()
        }
    }

    /// The answer for an identified call; `facts` in the order of the schema.
    pub(crate) fn of(id: serde_json::Value, call: &Call, facts: Vec<&'static str>) -> Self {
        let accesses = call.accesses();
        Self {
            id,
            service: Some(call.service().name()),
            operation: Some(call.operation().name()),
            protocol: Some(call.protocol().as_str()),
            region: Some(call.region().to_string()),
            partition: Some(call.partition().to_string()),
            iam_actions: accesses
                .iter()
                .map(|access| access.action.to_string())
                .collect(),
            resources: accesses
                .iter()
                .map(|access| access.resource.arn.to_string())
                .collect(),
            access_level: accesses
                .iter()
                .map(|access| access.level)
                .max()
                .map(|level| level.as_str()),
            class: Some(call.class().as_str()),
            destructive: destructive(call.operation(), accesses),
            facts,
            error: None,
        }
    }
}
