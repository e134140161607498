//! What the data plane is told: where to listen, where calls go, how much of anything it takes.
//!
//! Takes values that the program read from its configuration; gives [`ProxyConfig`], the
//! configuration as meant. Whatever could be wrong with a value is found when the value is made,
//! so that starting can fail only for reasons outside of the configuration.

use crate::host::{HostName, HostPattern};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Everything the data plane is told.
#[derive(Debug)]
pub struct ProxyConfig {
    /// Where agents connect.
    pub listen: Listen,
    /// Names, beside the listener's own address and `localhost`, by which agents reach the
    /// listener in endpoint mode. A port is not part of the name.
    pub own_hosts: Vec<HostName>,
    /// Where allowed calls go.
    pub upstream: Upstream,
    /// Hosts outside of AWS to which a CONNECT is tunnelled; none by default.
    pub tunnel: Vec<HostPattern>,
    /// The folder that keeps the certificate authority.
    pub state: PathBuf,
    /// How much of anything is taken.
    pub limits: Limits,
    /// How long each phase may take.
    pub deadlines: Deadlines,
}

/// Where agents connect.
#[derive(Debug)]
pub enum Listen {
    /// A loopback address, without TLS: agent and proxy share a machine. Only
    /// [`Listen::loopback`] makes one.
    Loopback(LoopbackAddr),
    /// A unix socket. Made with mode 0600; one that another process serves is refused.
    Unix(PathBuf),
    /// Any address, behind TLS.
    Tls(SocketAddr, ListenIdentity),
}

/// An address that only this machine reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoopbackAddr(SocketAddr);

/// The certificate that the listener itself shows, when it is reached over a network.
#[derive(Debug)]
pub struct ListenIdentity {
    /// Leaf first.
    pub chain: Vec<CertificateDer<'static>>,
    /// The leaf's key.
    pub key: PrivateKeyDer<'static>,
}

/// Where allowed calls go.
#[derive(Debug, Clone)]
pub enum Upstream {
    /// To AWS, each under its own name.
    Aws {
        /// Addresses beside public ones that an AWS name may resolve to, as VPC endpoints do.
        private: Vec<Network>,
    },
    /// All to one address: the lab, moto, a local S3. Only [`FixedUpstream::parse`] makes one.
    Fixed(FixedUpstream),
}

/// One address that all calls go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FixedUpstream {
    pub(crate) security: Security,
    /// What the `host` header says: with the port unless it is the scheme's own.
    pub(crate) authority: Arc<str>,
    pub(crate) host: Box<str>,
    pub(crate) port: u16,
    /// The only roots that its certificate may come from; empty for those of the platform.
    pub(crate) roots: Vec<CertificateDer<'static>>,
}

/// Whether a connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Security {
    Tls,
    Plain,
}

/// Whether a fixed upstream without TLS may be somewhere else than on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlainUpstream {
    /// Only to loopback.
    LoopbackOnly,
    /// Anywhere: the operator said so.
    Anywhere,
}

/// A block of addresses: `10.0.0.0/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: std::net::IpAddr,
    bits: u8,
}

/// How much of anything is taken. Every bound has a tested end: a refusal or a cut connection.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections at one time. At the limit the one that was idle longest is closed.
    pub connections: usize,
    /// Bytes of a request's head.
    pub head_bytes: usize,
    /// Bytes of a body that is read whole.
    pub whole_body: usize,
    /// Bytes of all bodies that are held at one time.
    pub held_bodies: u64,
    /// Bytes of an object body that streams. 5 GiB is the most that S3 takes in one request.
    pub streamed_body: u64,
    /// Bytes of a refused request's body that are read and dropped to keep its connection.
    pub drained: u64,
    /// Signatures of changing calls that are remembered for each access key.
    pub remembered_signatures: usize,
    /// Held calls whose clients wait for people at one time; others are told at once.
    pub parked: usize,
    /// Idle connections that each worker keeps for each upstream address.
    pub idle_upstream: usize,
    /// Threads that serve connections: one at least. As many as there are processors by default.
    pub workers: usize,
}

/// How long each phase may take.
#[derive(Debug, Clone)]
pub struct Deadlines {
    /// From the first byte of a head to its last; also for a TLS handshake with an agent.
    pub head: Duration,
    /// Between two requests on one connection.
    pub idle: Duration,
    /// Between two pieces of a request's body.
    pub body_idle: Duration,
    /// A whole body that is held.
    pub body: Duration,
    /// One write of an answer to the agent.
    pub write: Duration,
    /// Resolve, connect and TLS handshake with the upstream.
    pub connect: Duration,
    /// From the end of a request to the head of its answer. A synchronous Lambda invocation
    /// may take 15 minutes.
    pub answer: Duration,
    /// Between two pieces of an answer's body.
    pub answer_idle: Duration,
    /// All reads by which Cordon looks into one call before it decides.
    pub look: Duration,
    /// How long a held call waits for people before its agent is told. Less than any client's own
    /// patience, which is 60 seconds for those built on botocore.
    pub park: Duration,
    /// The same for a client that is known to wait for longer.
    pub park_patient: Duration,
    /// How often a client that waits that long only as long as it hears something is told to go on
    /// waiting.
    pub park_told: Duration,
    /// A tunnel on which nothing moves.
    pub tunnel_idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4_096,
            head_bytes: 64 * 1024,
            whole_body: 16 * 1024 * 1024,
            held_bodies: 256 * 1024 * 1024,
            streamed_body: 5 * 1024 * 1024 * 1024,
            drained: 16 * 1024 * 1024,
            remembered_signatures: 65_536,
            parked: 256,
            idle_upstream: 64,
            workers: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            idle: Duration::from_secs(300),
            body_idle: Duration::from_secs(30),
            body: Duration::from_secs(120),
            write: Duration::from_secs(60),
            connect: Duration::from_secs(10),
            answer: Duration::from_secs(910),
            answer_idle: Duration::from_secs(60),
            look: Duration::from_secs(2),
            park: Duration::from_secs(50),
            park_patient: Duration::from_secs(50),
            park_told: Duration::from_secs(15),
            tunnel_idle: Duration::from_secs(300),
        }
    }
}

impl Listen {
    /// A listener without TLS, which only a loopback address may have.
    ///
    /// # Errors
    /// [`ConfigError::NotLoopback`].
    pub fn loopback(address: SocketAddr) -> Result<Self, ConfigError> {
        match address.ip().is_loopback() {
            true => Ok(Self::Loopback(LoopbackAddr(address))),
            false => Err(ConfigError::NotLoopback(address)),
        }
    }
}

impl LoopbackAddr {
    /// The address.
    #[must_use]
    pub fn address(self) -> SocketAddr {
        self.0
    }
}

impl FixedUpstream {
    /// Reads `http://127.0.0.1:5000` or `https://s3.internal.example`.
    ///
    /// # Errors
    /// [`ConfigError::Upstream`] with the reason: not such an address, or plain HTTP to another
    /// machine where `plain` does not allow it.
    pub fn parse(endpoint: &str, plain: PlainUpstream) -> Result<Self, ConfigError> {
        let fail = |why| ConfigError::Upstream {
            endpoint: endpoint.to_owned(),
            why,
        };
        let uri: http::Uri = endpoint.parse().map_err(|_| fail("not a URL"))?;
        let security = match uri.scheme_str() {
            Some("https") => Security::Tls,
            Some("http") => Security::Plain,
            _ => return Err(fail("it must start with `http://` or `https://`")),
        };
        let authority = uri.authority().ok_or_else(|| fail("it has no host"))?;
        if authority.as_str().contains('@') {
            return Err(fail("it must not hold a user name"));
        }
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(fail("it must not have a path"));
        }
        let host = authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']');
        let local = host == "localhost"
            || host
                .parse::<std::net::IpAddr>()
                .is_ok_and(|address| address.is_loopback());
        if security == Security::Plain && !local && plain == PlainUpstream::LoopbackOnly {
            return Err(fail("plain HTTP is allowed only to this machine"));
        }
        let default_port = match security {
            Security::Tls => 443,
            Security::Plain => 80,
        };
        let port = authority.port_u16().unwrap_or(default_port);
        let named = match port == default_port {
            true => authority.host().to_owned(),
            false => format!("{}:{port}", authority.host()),
        };
        Ok(Self {
            security,
            authority: named.into(),
            host: host.into(),
            port,
            roots: Vec::new(),
        })
    }

    /// The same upstream, whose certificate must come from one of these authorities (PEM) and no
    /// other: one that the operator runs.
    ///
    /// # Errors
    /// [`ConfigError::UpstreamRoots`] where there is no certificate, or something that is none.
    pub fn rooted_in(self, authorities: &[u8]) -> Result<Self, ConfigError> {
        let roots: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(authorities).collect();
        match roots {
            Ok(roots) if !roots.is_empty() => Ok(Self { roots, ..self }),
            Ok(_) | Err(_) => Err(ConfigError::UpstreamRoots(self.authority.to_string())),
        }
    }

    /// What the `host` header says.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }
}

impl Network {
    /// Whether `address` is in the block. An IPv4 address written as IPv6 is not in an IPv4
    /// block: the caller unmaps first.
    #[must_use]
    pub fn contains(&self, address: std::net::IpAddr) -> bool {
        use std::net::IpAddr::{V4, V6};
        match (self.address, address) {
            (V4(own), V4(other)) => {
                let shift = 32 - u32::from(self.bits);
                own.to_bits().checked_shr(shift) == other.to_bits().checked_shr(shift)
            }
            (V6(own), V6(other)) => {
                let shift = 128 - u32::from(self.bits);
                own.to_bits().checked_shr(shift) == other.to_bits().checked_shr(shift)
            }
            _ => false,
        }
    }
}

impl std::str::FromStr for Network {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let fail = || ConfigError::Network(text.to_owned());
        let (address, bits) = text.split_once('/').ok_or_else(fail)?;
        let address: std::net::IpAddr = address.parse().map_err(|_| fail())?;
        let bits: u8 = bits.parse().map_err(|_| fail())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        match bits <= most {
            true => Ok(Self { address, bits }),
            false => Err(fail()),
        }
    }
}

/// A value that the data plane cannot be started with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A network listener without TLS.
    #[error(
        "`{0}` is not a loopback address: listen on 127.0.0.1, on a unix socket, or configure a certificate"
    )]
    NotLoopback(SocketAddr),
    /// Not a usable upstream.
    #[error("`{endpoint}` cannot be the upstream: {why}")]
    Upstream {
        /// As written.
        endpoint: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// No certificates where those of the upstream's authorities should be.
    #[error("the authorities of `{0}` are not certificates in PEM")]
    UpstreamRoots(String),
    /// Not a block of addresses.
    #[error("`{0}` is not a block of addresses such as `10.0.0.0/8`")]
    Network(String),
    /// Not a host name.
    #[error("`{0}` is not a host name (letters, digits and `-` in labels, no address)")]
    Host(String),
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_listener_without_tls_is_loopback() {
        assert!(Listen::loopback("0.0.0.0:8800".parse().unwrap()).is_err());
        assert!(Listen::loopback("192.168.1.7:8800".parse().unwrap()).is_err());
        assert!(Listen::loopback("[::]:8800".parse().unwrap()).is_err());
        assert!(Listen::loopback("127.0.0.1:8800".parse().unwrap()).is_ok());
        assert!(Listen::loopback("[::1]:8800".parse().unwrap()).is_ok());
    }

    #[test]
    fn a_plain_upstream_is_on_this_machine_unless_said_otherwise() {
        let parse = |text| FixedUpstream::parse(text, PlainUpstream::LoopbackOnly);
        for refused in [
            "http://10.0.0.7:5000",
            "http://moto.internal",
            "ftp://127.0.0.1",
            "127.0.0.1:5000",
            "http://user@127.0.0.1:5000",
            "http://127.0.0.1:5000/path",
            "http://127.0.0.1:5000/?a=b",
            "",
        ] {
            assert!(parse(refused).is_err(), "{refused}");
        }
        let local = parse("http://127.0.0.1:5000").unwrap();
        assert_eq!(local.authority(), "127.0.0.1:5000");
        assert_eq!(
            parse("http://[::1]:5000/").unwrap().authority(),
            "[::1]:5000"
        );
        assert_eq!(
            parse("https://s3.example").unwrap().authority(),
            "s3.example"
        );
        let anywhere = FixedUpstream::parse("http://moto.internal", PlainUpstream::Anywhere);
        assert_eq!(anywhere.unwrap().port, 80);
    }

    #[test]
    fn the_authorities_of_an_upstream_are_certificates() {
        let upstream =
            || FixedUpstream::parse("https://s3.example", PlainUpstream::LoopbackOnly).unwrap();
        for refused in ["", "s3.example", "-----BEGIN CERTIFICATE-----\n?"] {
            assert!(
                upstream().rooted_in(refused.as_bytes()).is_err(),
                "{refused}"
            );
        }
        let own = rcgen::generate_simple_self_signed(vec!["s3.example".to_owned()]).unwrap();
        let rooted = upstream().rooted_in(own.cert.pem().as_bytes()).unwrap();
        assert_eq!(rooted.roots, [own.cert.der().clone()]);
    }

    #[test]
    fn a_block_holds_its_own_addresses() {
        let block: Network = "10.1.0.0/16".parse().unwrap();
        assert!(block.contains("10.1.255.3".parse().unwrap()));
        assert!(!block.contains("10.2.0.1".parse().unwrap()));
        assert!(!block.contains("::1".parse().unwrap()));
        let all: Network = "0.0.0.0/0".parse().unwrap();
        assert!(all.contains("203.0.113.9".parse().unwrap()));
        for wrong in ["10.0.0.0", "10.0.0.0/33", "x/8", "::/129"] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
    }
}
