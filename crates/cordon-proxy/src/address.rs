//! Which addresses a name may resolve to: public ones, and those that the operator named.
//!
//! A resolver is not trusted: an answer that points at this machine, its network or the instance
//! metadata service would turn the proxy into a way in. Every address is checked, and the checked
//! address is the one that is dialled.

use crate::config::Network;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What resolved addresses may be.
#[derive(Debug, Clone)]
pub(crate) enum Reach {
    /// Public addresses and those in the given blocks.
    Public { beside: Vec<Network> },
    /// What the operator wrote in the configuration, wherever it is.
    Anywhere,
}

impl Reach {
    /// The addresses of `host` that may be dialled: all that it resolves to, or none.
    ///
    /// One bad address spoils the answer, since whoever could add it could have added others.
    pub(crate) async fn resolve(
        &self,
        host: &str,
        port: u16,
    ) -> Result<Vec<SocketAddr>, DialError> {
        let found: Vec<SocketAddr> = tokio::net::lookup_host((host, port))
            .await
            .map_err(|source| DialError::Unresolved {
                host: host.to_owned(),
                source,
            })?
            .collect();
        self.check(host, found)
    }

    fn check(&self, host: &str, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, DialError> {
        if let Some(bad) = found.iter().find(|address| !self.admits(address.ip())) {
            return Err(DialError::NotPublic {
                host: host.to_owned(),
                address: bad.ip(),
            });
        }
        match found.is_empty() {
            true => Err(DialError::NoAddress(host.to_owned())),
            false => Ok(found),
        }
    }

    fn admits(&self, address: IpAddr) -> bool {
        match self {
            Self::Anywhere => true,
            Self::Public { beside } => {
                let address = unmapped(address);
                is_public(address) || beside.iter().any(|network| network.contains(address))
            }
        }
    }
}

/// Why a host cannot be dialled. Nothing was sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DialError {
    #[error("failed to resolve `{host}`")]
    Unresolved {
        host: String,
        source: std::io::Error,
    },
    #[error("`{0}` has no address")]
    NoAddress(String),
    #[error("`{host}` resolves to {address}, which is not a public address")]
    NotPublic { host: String, address: IpAddr },
    #[error("failed to connect to `{host}`")]
    Connect {
        host: String,
        source: std::io::Error,
    },
    #[error("failed to agree on TLS with `{host}`")]
    Tls {
        host: String,
        source: std::io::Error,
    },
    #[error("`{0}` cannot be named in TLS")]
    Name(String),
    #[error("`{0}` did not take the connection in time")]
    TimedOut(String),
    #[error("failed to speak HTTP with `{host}`")]
    Handshake { host: String, source: hyper::Error },
}

/// The IPv4 address that an IPv6 one stands for: mapped, or translated by NAT64.
fn unmapped(address: IpAddr) -> IpAddr {
    let IpAddr::V6(six) = address else {
        return address;
    };
    if let Some(four) = six.to_ipv4_mapped() {
        return four.into();
    }
    let [a, b, c, d, e, f, high, low] = six.segments();
    match [a, b, c, d, e, f] {
        [0x64, 0xff9b, 0, 0, 0, 0] => {
            Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)).into()
        }
        _ => address,
    }
}

/// By IANA's registries of special-purpose addresses.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(four) => is_public_v4(four),
        IpAddr::V6(six) => is_public_v6(six),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    match (a, b, c) {
        // "This network", loopback, multicast and reserved.
        (0 | 127 | 224..=255, ..) => false,
        // Private, link-local (with the instance metadata service), shared with carriers.
        (10, ..) | (172, 16..=31, _) | (192, 168, _) | (169, 254, _) | (100, 64..=127, _) => false,
        // Protocol assignments, documentation, 6to4 relays, benchmarks.
        (192, 0, 0 | 2) | (198, 51, 100) | (203, 0, 113) | (192, 88, 99) | (198, 18..=19, _) => {
            false
        }
        _ => true,
    }
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    match (a, b) {
        // Teredo and the other protocol assignments, documentation.
        (0x2001, 0..=0x1ff | 0xdb8) | (0x3fff, 0..=0xfff) => false,
        // 6to4 carries an IPv4 address that would need a check of its own; nobody needs it.
        (0x2002, _) => false,
        // Only global unicast is assigned; loopback, link-local, unique local, multicast and
        // everything unassigned are outside of it.
        (0x2000..=0x3fff, _) => true,
        _ => false,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn reach(beside: &[&str]) -> Reach {
        Reach::Public {
            beside: beside.iter().map(|text| text.parse().unwrap()).collect(),
        }
    }

    /// R10.
    #[test]
    fn no_answer_of_a_resolver_leads_inside() {
        for inside in [
            "127.0.0.1",
            "127.8.8.8",
            "0.0.0.0",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "169.254.170.2",
            "100.64.0.1",
            "100.100.100.200",
            "192.0.0.192",
            "192.0.2.1",
            "198.18.0.1",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "239.255.255.250",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b::7f00:1",
            "64:ff9b:1::a9fe:a9fe",
            "fe80::1",
            "fec0::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "2002:a9fe:a9fe::1",
            "2002:7f00:1::",
            "3fff::1",
            "100::1",
            "5f00::1",
            "4000::1",
        ] {
            assert!(!reach(&[]).admits(inside.parse().unwrap()), "{inside}");
        }
        for outside in [
            "52.94.133.131",
            "172.32.0.1",
            "100.128.0.1",
            "2600:1f18::1",
            "::ffff:52.94.133.131",
            "64:ff9b::345e:8583",
        ] {
            assert!(reach(&[]).admits(outside.parse().unwrap()), "{outside}");
        }
    }

    #[test]
    fn a_configured_block_is_reached_and_no_other() {
        let reach = reach(&["10.1.0.0/16"]);
        assert!(reach.admits("10.1.2.3".parse().unwrap()));
        assert!(reach.admits("::ffff:10.1.2.3".parse().unwrap()));
        assert!(!reach.admits("10.2.2.3".parse().unwrap()));
    }

    #[test]
    fn one_bad_address_spoils_the_answer() {
        let answer = ["52.94.133.131:443", "169.254.169.254:443"];
        let answer = answer.iter().map(|text| text.parse().unwrap()).collect();
        assert!(matches!(
            reach(&[]).check("a.cn", answer),
            Err(DialError::NotPublic { .. })
        ));
        assert!(matches!(
            reach(&[]).check("a.cn", vec![]),
            Err(DialError::NoAddress(_))
        ));
    }

    #[tokio::test]
    async fn a_name_of_this_machine_is_not_dialled() {
        assert!(matches!(
            reach(&[]).resolve("localhost", 443).await,
            Err(DialError::NotPublic { .. })
        ));
    }
}
