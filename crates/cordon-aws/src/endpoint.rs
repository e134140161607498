//! Where a request is addressed to.
//!
//! Takes a host name that the accepting side has agreed on (CONNECT target, SNI and `Host` are
//! one); gives the AWS endpoint it is, or says that it is Cordon itself. Nothing here resolves
//! names: an IP address, an unmodelled host and a look-alike have no value of this type, so no
//! later stage can talk to one.

use crate::arn::{Partition, Region};
use crate::catalog::Catalog;

/// Where a request is addressed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// A modelled AWS API endpoint.
    Aws(AwsHost),
    /// Cordon's own listener in endpoint mode. Labels before the own name (a bucket, an account
    /// id, `api.`) are kept: SDKs put host prefixes there.
    Own {
        /// Everything before the own name, without the joining dot; empty for none. A prefix
        /// that is glued to the own name (`workflows-` of `workflows-127.0.0.1`) keeps its hyphen.
        prefix: String,
    },
}

/// An AWS API host, taken apart by the catalog's host patterns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsHost {
    /// The whole name, lower case, no trailing dot, no port.
    pub name: String,
    /// The partition whose DNS suffix the name has.
    pub partition: Partition,
    /// The region in the name, if the form has one.
    pub region: Option<Region>,
    /// Which standard form of endpoint the name is.
    pub form: HostForm,
    /// The endpoint label without region and FIPS marks: `s3`, `email`, `monitoring`, `api.ecr`.
    pub endpoint: String,
    /// Labels before the endpoint: a bucket, an account id, a host prefix; empty for none.
    pub prefix: String,
}

/// The variants AWS offers of one endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are AWS's own")]
pub enum HostForm {
    Standard,
    Fips,
    DualStack,
    FipsDualStack,
}

impl HostForm {
    /// The variant's name in listings.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Fips => "fips",
            Self::DualStack => "dual-stack",
            Self::FipsDualStack => "fips-dual-stack",
        }
    }
}

/// The names, with ports, under which Cordon itself is reached in endpoint mode.
#[derive(Debug, Clone, Default)]
pub struct OwnHosts {
    names: Vec<OwnHost>,
}

#[derive(Debug, Clone)]
struct OwnHost {
    name: String,
    port: Option<u16>,
}

impl OwnHosts {
    /// Reads `NAME` or `NAME:PORT`, IPv4 and bracketed IPv6 literals included. A name without a
    /// port stands for every port.
    ///
    /// # Errors
    /// [`EndpointError`] for the first text that is not a host.
    pub fn new<T: AsRef<str>>(hosts: impl IntoIterator<Item = T>) -> Result<Self, EndpointError> {
        let names = hosts
            .into_iter()
            .map(|host| {
                let (name, port) = split_port(host.as_ref())?;
                let port = port.map(parse_port).transpose()?;
                let name = match name.strip_prefix('[') {
                    Some(_) => name.to_ascii_lowercase(),
                    None => canonical_name(name)?,
                };
                Ok(OwnHost { name, port })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { names })
    }

    /// What stands before one of the own names in `name`, if `name` ends in one.
    fn prefix_of<'h>(&self, name: &'h str, port: Option<u16>) -> Option<&'h str> {
        self.names
            .iter()
            .filter(|own| own.port.is_none() || own.port == port)
            .find_map(|own| {
                let before = name.strip_suffix(own.name.as_str())?;
                // botocore glues prefixes such as `workflows-` to the name without a dot.
                let joined = before.is_empty() || before.ends_with(['.', '-']);
                joined.then(|| before.strip_suffix('.').unwrap_or(before))
            })
    }
}

impl Destination {
    /// Reads a host as CONNECT, `Host` or an absolute request target gives it, with or without a
    /// port.
    ///
    /// # Errors
    /// [`EndpointError`] for everything that is neither an AWS API endpoint on port 443 nor one
    /// of `own`.
    pub fn parse(host: &str, own: &OwnHosts) -> Result<Self, EndpointError> {
        let (name, port) = split_port(host)?;
        let port = port.map(parse_port).transpose()?;
        if name.starts_with('[') {
            let name = name.to_ascii_lowercase();
            return match own.prefix_of(&name, port) {
                Some("") => Ok(Self::Own {
                    prefix: String::new(),
                }),
                _ => Err(EndpointError::Address(shown(host))),
            };
        }
        let name = canonical_name(name)?;
        if let Some(prefix) = own.prefix_of(&name, port) {
            let prefix = prefix.to_owned();
            return Ok(Self::Own { prefix });
        }
        if is_address(&name) {
            return Err(EndpointError::Address(shown(host)));
        }
        let found = Catalog::embedded()
            .host(&name)
            .ok_or_else(|| EndpointError::Unknown(shown(host)))?;
        if port.is_some_and(|port| port != 443) {
            return Err(EndpointError::Port(shown(host)));
        }
        let region = found.region.map(str::parse).transpose();
        Ok(Self::Aws(AwsHost {
            partition: Partition::named(found.partition),
            region: region.map_err(|_| EndpointError::Unknown(shown(host)))?,
            form: found.form,
            endpoint: found.endpoint.to_owned(),
            prefix: found.prefix.to_owned(),
            name,
        }))
    }
}

/// Separates a port, which is what follows the only colon outside of brackets.
fn split_port(host: &str) -> Result<(&str, Option<&str>), EndpointError> {
    let bad = || EndpointError::Malformed(shown(host));
    if host.starts_with('[') {
        let end = host.find(']').ok_or_else(bad)?;
        let (name, rest) = host.split_at_checked(end + 1).ok_or_else(bad)?;
        return match rest {
            "" => Ok((name, None)),
            _ => Ok((name, Some(rest.strip_prefix(':').ok_or_else(bad)?))),
        };
    }
    match host.split_once(':') {
        None => Ok((host, None)),
        Some((name, port)) => Ok((name, Some(port))),
    }
}

/// A port without sign, leading zeros or blanks.
fn parse_port(text: &str) -> Result<u16, EndpointError> {
    let canonical = !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse()
        .ok()
        .filter(|_| canonical)
        .ok_or_else(|| EndpointError::Port(shown(text)))
}

/// The name in lower case without one trailing dot; an error where it is not made of labels of
/// letters, digits and inner hyphens. (An underscore is allowed inside: old buckets have them.)
fn canonical_name(name: &str) -> Result<String, EndpointError> {
    let trimmed = name.strip_suffix('.').unwrap_or(name);
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    match trimmed.len() <= 253 && trimmed.split('.').all(is_label) {
        true => Ok(trimmed.to_ascii_lowercase()),
        false => Err(EndpointError::Malformed(shown(name))),
    }
}

/// Whether resolvers read `name` as an IPv4 address in one of its spellings: no name under a
/// public suffix ends in a label of digits or in a hexadecimal number.
fn is_address(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    let hex = last
        .strip_prefix("0x")
        .is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
    hex || last.bytes().all(|byte| byte.is_ascii_digit())
}

/// A host for a message: bounded and printable.
fn shown(host: &str) -> String {
    host.chars()
        .take(120)
        .map(|c| {
            if c.is_ascii_graphic() && c != '`' {
                c
            } else {
                '?'
            }
        })
        .collect()
}

/// Why a host is none that Cordon talks to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// Not a host name: userinfo, control bytes, other alphabets, empty labels.
    #[error("`{0}` is not a host name")]
    Malformed(String),
    /// An IP address that is not one of Cordon's own.
    #[error("`{0}` is an address, not a name: AWS is only reached by name")]
    Address(String),
    /// A port on which AWS offers no API.
    #[error("`{0}` has a port other than 443")]
    Port(String),
    /// A name on which AWS answers no API that the catalog knows.
    #[error("`{0}` is not an AWS API endpoint that this catalog knows")]
    Unknown(String),
}

impl EndpointError {
    /// The stable code of the refusal.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed-host",
            Self::Address(_) => "address-literal",
            Self::Port(_) => "unknown-port",
            Self::Unknown(_) => "unknown-endpoint",
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
mod tests {
    use super::*;

    fn own() -> OwnHosts {
        OwnHosts::new(["127.0.0.1:8443", "cordon.test", "[::1]:8443"]).unwrap()
    }

    fn refused(host: &str) -> &'static str {
        match Destination::parse(host, &own()) {
            Ok(destination) => panic!("{host} is {destination:?}"),
            Err(error) => error.code(),
        }
    }

    #[test]
    fn what_is_not_exactly_an_aws_name_is_refused() {
        for (host, code) in [
            ("s3.amazonaws.com.evil.example", "unknown-endpoint"),
            ("evil-amazonaws.com", "unknown-endpoint"),
            ("amazonaws.com", "unknown-endpoint"),
            ("sts.amazonaws.com.cn.example", "unknown-endpoint"),
            (
                "abc123.execute-api.eu-west-1.amazonaws.com.evil",
                "unknown-endpoint",
            ),
            (
                "my-elb-1234.eu-west-1.elb.amazonaws.com",
                "unknown-endpoint",
            ),
            ("ec2-1-2-3-4.compute.amazonaws.com", "unknown-endpoint"),
            // A cluster of EKS, which takes a signed URL of STS for a password.
            (
                "0123ABCD.gr7.eu-west-1.eks.amazonaws.com",
                "unknown-endpoint",
            ),
            ("abc.lambda-url.eu-west-1.on.aws", "unknown-endpoint"),
            ("b.s3-website-eu-west-1.amazonaws.com", "unknown-endpoint"),
            ("sts.amazonaws.com@evil.example", "malformed-host"),
            ("user@sts.amazonaws.com", "malformed-host"),
            ("sts.amazonaws.com\0", "malformed-host"),
            ("sts.amazonaws.com\r\nHost: x", "unknown-port"),
            ("sts..amazonaws.com", "malformed-host"),
            ("sts.amazonaws.com..", "malformed-host"),
            (".sts.amazonaws.com", "malformed-host"),
            ("", "malformed-host"),
            ("sts.amazonaws.com%2e", "malformed-host"),
            ("sts\u{3002}amazonaws.com", "malformed-host"),
            ("st\u{17f}.amazonaws.com", "malformed-host"),
            ("sts.amazonaws.com:0443", "unknown-port"),
            ("sts.amazonaws.com:80", "unknown-port"),
            ("sts.amazonaws.com:", "unknown-port"),
            ("sts.amazonaws.com:443:443", "unknown-port"),
            ("169.254.169.254", "address-literal"),
            ("0xa9fea9fe", "address-literal"),
            ("2852039166", "address-literal"),
            ("0251.0376.0251.0376", "address-literal"),
            ("169.254.43518", "address-literal"),
            ("127.0.0.1", "address-literal"),
            ("127.0.0.1:9999", "address-literal"),
            ("[::ffff:169.254.169.254]", "address-literal"),
            ("[::1]:9999", "address-literal"),
            ("[::1", "malformed-host"),
            ("localhost", "unknown-endpoint"),
        ] {
            assert_eq!(refused(host), code, "{host:?}");
        }
        for byte in 0..=255_u8 {
            let host = format!("st{}s.amazonaws.com", char::from(byte));
            if !byte.is_ascii_alphanumeric() && !matches!(byte, b'-' | b'_' | b'.' | b':') {
                assert_eq!(refused(&host), "malformed-host", "{byte}");
            }
        }
    }

    #[test]
    fn an_aws_name_is_taken_apart() {
        let Destination::Aws(host) =
            Destination::parse("STS.cn-north-1.amazonaws.com.CN.:443", &own()).unwrap()
        else {
            panic!("not AWS");
        };
        assert_eq!(host.name, "sts.cn-north-1.amazonaws.com.cn");
        assert_eq!(host.partition.as_str(), "aws-cn");
        assert_eq!(host.region.unwrap().as_str(), "cn-north-1");
        assert_eq!((host.endpoint.as_str(), host.prefix.as_str()), ("sts", ""));
    }

    #[test]
    fn a_prefix_before_an_own_name_is_kept() {
        for (host, prefix) in [
            ("127.0.0.1:8443", ""),
            ("api.127.0.0.1:8443", "api"),
            ("workflows-127.0.0.1:8443", "workflows-"),
            ("my.bucket.cordon.test", "my.bucket"),
            ("cordon.test:1234", ""),
            ("[::1]:8443", ""),
        ] {
            let expected = Destination::Own {
                prefix: prefix.to_owned(),
            };
            assert_eq!(Destination::parse(host, &own()), Ok(expected), "{host}");
        }
    }
}
