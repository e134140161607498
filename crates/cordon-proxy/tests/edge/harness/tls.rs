//! A client of TLS that verifies, and certificates for those that it shall or shall not meet.

use super::talk::Wire;
use jiff::Timestamp;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// How a client speaks TLS.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) roots: RootCertStore,
    /// The protocols that it offers inside.
    pub(crate) offers: &'static [&'static str],
    /// The SNI, where it is not the name that the certificate is for.
    pub(crate) hello: Hello,
    /// The time that it checks certificates against, where it is not that of the machine.
    pub(crate) at: Option<Timestamp>,
}

/// A clock that stands still.
#[derive(Debug)]
struct Standing(Timestamp);

impl TimeProvider for Standing {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = u64::try_from(self.0.as_second()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}

/// What the hello names.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Hello {
    /// The name that the certificate must be for.
    Name,
    /// Nothing.
    Nothing,
}

impl Client {
    /// A client that trusts these roots alone.
    pub(crate) fn trusting(roots: &[CertificateDer<'static>]) -> Self {
        let mut store = RootCertStore::empty();
        for root in roots {
            store.add(root.clone()).unwrap();
        }
        Self {
            roots: store,
            offers: &[],
            hello: Hello::Name,
            at: None,
        }
    }

    pub(super) async fn shake(
        &self,
        wire: Box<dyn Wire>,
        name: &str,
    ) -> io::Result<TlsStream<Box<dyn Wire>>> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let clock = Arc::new(Standing(self.at.unwrap_or_else(Timestamp::now)));
        let mut config = ClientConfig::builder_with_details(provider, clock)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(self.roots.clone())
            .with_no_client_auth();
        config.alpn_protocols = self
            .offers
            .iter()
            .map(|offer| offer.as_bytes().to_vec())
            .collect();
        config.enable_sni = matches!(self.hello, Hello::Name);
        let name = ServerName::try_from(name.to_owned()).unwrap();
        TlsConnector::from(Arc::new(config))
            .connect(name, wire)
            .await
    }
}

/// The certificates of a file.
pub(crate) fn certificates(file: &Path) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_file_iter(file)
        .unwrap()
        .map(Result::unwrap)
        .collect()
}

/// A server that shows `chain`.
pub(crate) fn server(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap()
}
