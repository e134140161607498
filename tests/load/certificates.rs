//! The certificates of a run: one authority, and one leaf for every name that the client calls.
//!
//! Upstream and nginx show the same leaf, so that both handshakes cost the same.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cordon_tests::REGION;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

/// Where the files are.
#[derive(Debug, Clone)]
pub(crate) struct Certificates {
    pub(crate) authority: PathBuf,
    pub(crate) leaf: PathBuf,
    pub(crate) key: PathBuf,
}

impl Certificates {
    /// Makes an authority and a leaf, and writes them to `folder`.
    pub(crate) fn make(folder: &Path) -> Result<Self, Box<dyn std::error::Error>> {
        let authority_key = KeyPair::generate()?;
        let mut authority = CertificateParams::default();
        // OpenSSL takes a leaf of the same name as its authority for one that signed itself.
        authority
            .distinguished_name
            .push(DnType::CommonName, "Authority of the load benchmark");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let authority_certificate = authority.self_signed(&authority_key)?;
        let issuer = Issuer::new(authority, authority_key);

        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let aws = ["dynamodb", "s3"].map(host);
        let key = KeyPair::generate()?;
        let names: Vec<String> = names.into_iter().chain(aws).collect();
        let leaf = CertificateParams::new(names)?.signed_by(&key, &issuer)?;

        let all = Self {
            authority: folder.join("authority.pem"),
            leaf: folder.join("leaf.pem"),
            key: folder.join("leaf.key"),
        };
        std::fs::write(&all.authority, authority_certificate.pem())?;
        std::fs::write(&all.leaf, leaf.pem())?;
        std::fs::write(&all.key, key.serialize_pem())?;
        Ok(all)
    }
}

/// The name of a service in the region of the benchmark.
pub(crate) fn host(service: &str) -> String {
    format!("{service}.{REGION}.amazonaws.com")
}

/// A client that trusts one authority. It offers the key exchange that every server here has, and
/// no tickets, so that a new connection is a whole handshake, and the same one, everywhere.
pub(crate) fn client(authority: &Path) -> Result<Arc<ClientConfig>, Box<dyn std::error::Error>> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(authority)? {
        roots.add(certificate?)?;
    }
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    provider.kx_groups = vec![rustls::crypto::aws_lc_rs::kx_group::X25519];
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = rustls::client::Resumption::disabled();
    Ok(Arc::new(config))
}

/// A server with a leaf and its key.
pub(crate) fn server(
    leaf: &Path,
    key: &Path,
) -> Result<Arc<ServerConfig>, Box<dyn std::error::Error>> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(leaf)?.collect();
    let key = PrivateKeyDer::from_pem_file(key).map_err(io::Error::other)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain?, key)?;
    Ok(Arc::new(config))
}
