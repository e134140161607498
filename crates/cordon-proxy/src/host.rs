//! Host names as hostile text: one spelling, or refused.
//!
//! Takes what a CONNECT line, an SNI extension or a `Host` header says; gives a [`HostName`] in
//! its one canonical spelling. Addresses in any notation are never names here: decimal, octal
//! and hexadecimal forms of 169.254.169.254 are read by resolvers, so a last label that looks
//! like a number is refused. The checked value, not the text, is what is compared and dialled.

use crate::config::ConfigError;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// A host name: lower case, labels of letters, digits and inner `-`, no trailing dot, no address.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostName(Arc<str>);

/// A host name with an optional port, as `Host` and CONNECT write it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Authority {
    pub(crate) host: HostName,
    pub(crate) port: Option<u16>,
}

/// Which hosts a tunnel may go to: one name, or every name below one (`*.crates.io`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPattern {
    scope: PatternScope,
    name: HostName,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PatternScope {
    Exact,
    Below,
}

impl HostName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for HostName {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let name = text.strip_suffix('.').unwrap_or(text);
        let valid = (1..=253).contains(&name.len())
            && name.split('.').all(is_label)
            && !name.rsplit('.').next().is_some_and(looks_numeric);
        match valid {
            true => Ok(Self(name.to_ascii_lowercase().into())),
            false => Err(ConfigError::Host(text.chars().take(300).collect())),
        }
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Authority {
    /// Reads `host` or `host:port`. A port has one spelling: no sign, no leading zero.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (host, port) = match text.split_once(':') {
            Some((host, port)) => (host, Some(parse_port(port)?)),
            None => (text, None),
        };
        let host = host.parse().ok()?;
        Some(Self { host, port })
    }
}

impl HostPattern {
    /// Whether `host` is meant.
    #[must_use]
    pub fn matches(&self, host: &HostName) -> bool {
        match self.scope {
            PatternScope::Exact => *host == self.name,
            PatternScope::Below => host
                .as_str()
                .strip_suffix(self.name.as_str())
                .is_some_and(|rest| rest.ends_with('.')),
        }
    }
}

impl FromStr for HostPattern {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let (scope, name) = match text.strip_prefix("*.") {
            Some(name) => (PatternScope::Below, name),
            None => (PatternScope::Exact, text),
        };
        let name: HostName = name.parse()?;
        // `*.com` would be nearly everything; whoever wants a whole registry names it.
        match scope == PatternScope::Below && !name.as_str().contains('.') {
            true => Err(ConfigError::Host(text.to_owned())),
            false => Ok(Self { scope, name }),
        }
    }
}

/// The port that `text` spells in the only way a port is written.
pub(crate) fn parse_port(text: &str) -> Option<u16> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    match plain {
        true => text.parse().ok(),
        false => None,
    }
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// Whether resolvers would read a name that ends in `label` as an IPv4 address (`127.1`,
/// `0x7f.1`): the WHATWG rule, all digits, or `0x` and hexadecimal digits.
fn looks_numeric(label: &str) -> bool {
    let hexadecimal = label
        .strip_prefix("0x")
        .or_else(|| label.strip_prefix("0X"))
        .is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    hexadecimal || label.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn addresses_in_any_notation_are_not_names() {
        for address in [
            "127.0.0.1",
            "127.1",
            "127.0.1",
            "2130706433",
            "0x7f000001",
            "0x7f.0.0.1",
            "0177.0.0.1",
            "017700000001",
            "127.0.0.1.",
            "127.0.0.0x1",
            "169.254.169.254",
            "2852039166",
            "0xa9fea9fe",
            "0XA9FEA9FE",
            "0xA9.0xFE.0xA9.0xFE",
            "0251.0376.0251.0376",
            "0251.254.169.254",
            "169.254.43518",
            "169.16689662",
            "169.254.169.254.",
            "[::1]",
            "::1",
            "[::ffff:169.254.169.254]",
            "[::ffff:a9fe:a9fe]",
            "[fe80::1%eth0]",
            "fe80::1%25eth0",
            "[0:0:0:0:0:ffff:7f00:1]",
            "0",
            "0.0.0.0",
            "00",
            "1.1.1.0x",
            "metadata.0x7f",
            "a.127",
            "[::]",
            "::",
            "[fd00:ec2::254]",
            "0x",
            "example.1",
            "0000",
            "255.255.255.255",
            "127.000.000.001",
        ] {
            assert!(address.parse::<HostName>().is_err(), "{address}");
        }
    }

    #[test]
    fn a_name_has_one_spelling() {
        let name = |text: &str| text.parse::<HostName>().unwrap().as_str().to_owned();
        assert_eq!(name("STS.Amazonaws.COM"), "sts.amazonaws.com");
        assert_eq!(name("sts.amazonaws.com."), "sts.amazonaws.com");
        assert_eq!(name("xn--bcher-kva.example"), "xn--bcher-kva.example");
        for wrong in [
            "",
            ".",
            "..",
            "sts..amazonaws.com",
            ".sts",
            "sts.amazonaws.com..",
            "-a.com",
            "a-.com",
            "a_b.com",
            "a b.com",
            "a%2eb.com",
            "b\u{fc}cher.example",
            "a\u{3002}com",
            "a/b",
            "a@b",
            "a:1",
            "a\0.com",
            "*.com",
        ] {
            assert!(wrong.parse::<HostName>().is_err(), "{wrong:?}");
        }
        let long = format!("{}.com", "a".repeat(64));
        assert!(long.parse::<HostName>().is_err());
    }

    #[test]
    fn no_other_byte_is_part_of_a_name() {
        for byte in 0..=255_u8 {
            let legal = byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
            let text: String = ['s', char::from(byte), 't', '.', 'c', 'n'].iter().collect();
            assert_eq!(text.parse::<HostName>().is_ok(), legal, "{text:?}");
        }
    }

    #[test]
    fn a_port_has_one_spelling() {
        assert_eq!(Authority::parse("a.cn:443").unwrap().port, Some(443));
        assert_eq!(Authority::parse("a.cn").unwrap().port, None);
        for wrong in [
            "a.cn:",
            "a.cn:0443",
            "a.cn:+443",
            "a.cn:443:443",
            "a.cn:70000",
            "a.cn: 443",
            "u@a.cn:443",
            "a.cn:0",
        ] {
            assert!(Authority::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_pattern_is_a_name_or_all_below_it() {
        let matches = |pattern: &str, host: &str| {
            pattern
                .parse::<HostPattern>()
                .unwrap()
                .matches(&host.parse().unwrap())
        };
        assert!(matches("crates.io", "crates.io"));
        assert!(!matches("crates.io", "static.crates.io"));
        assert!(matches("*.crates.io", "static.crates.io"));
        assert!(!matches("*.crates.io", "crates.io"));
        assert!(!matches("*.crates.io", "evilcrates.io"));
        assert!("*.com".parse::<HostPattern>().is_err());
        assert!("*".parse::<HostPattern>().is_err());
    }
}
