//! Cordon's own certificate authority, by which TLS of AWS names is ended on this machine.
//!
//! Takes the state folder; gives an [`Authority`] that mints a leaf for each AWS name an agent
//! asks for, and the file of roots that tools are pointed at (`AWS_CA_BUNDLE` and its kin).
//!
//! ```text
//! <state>/ca/            0700
//!   lock                 0600  held while an authority is chosen or made
//!   authority.pem        0600  key and certificate in one file, so that they are always a pair
//!   previous.pem         0644  the certificate before the last rotation, as long as it is valid
//!   ca.pem               0644  Cordon's certificates alone (NODE_EXTRA_CA_CERTS)
//!   bundle.pem           0644  Cordon's certificates and the system's roots (AWS_CA_BUNDLE)
//! ```
//! The certificate carries critical name constraints: it is good for the DNS suffixes of AWS and
//! for no address, so that a stolen key impersonates nothing else. All leaves share one key, which
//! lives in memory only: minting then costs one signature.

mod files;

use arc_swap::ArcSwap;
use files::Files;
use jiff::{Timestamp, ToSpan};
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    NameConstraints, PKCS_ECDSA_P256_SHA256,
};
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ProducesTickets, ResolvesServerCert};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::host::HostName;

/// A moment as rcgen wants it: in a type of the `time` crate, which is nowhere else used here.
macro_rules! calendar {
    ($at:expr) => {
        rcgen::date_time_ymd(1970, 1, 1)
            + Duration::from_secs(u64::try_from($at.as_second()).unwrap_or_default())
    };
}

/// The DNS suffixes of every AWS partition, dual-stack ones included.
const SUFFIXES: [&str; 14] = [
    "amazonaws.com",
    "api.aws",
    "amazonaws.com.cn",
    "api.amazonwebservices.com.cn",
    "amazonaws.eu",
    "api.amazonwebservices.eu",
    "c2s.ic.gov",
    "api.aws.ic.gov",
    "sc2s.sgov.gov",
    "api.aws.scloud",
    "cloud.adc-e.uk",
    "api.cloud-aws.adc-e.uk",
    "csp.hci.ic.gov",
    "api.aws.hci.ic.gov",
];

const AUTHORITY_DAYS: i64 = 365;
/// A new authority is made this long before the old one ends. Tools that still hold the old
/// bundle go on to trust nothing new, so rotation happens when a process starts, when agents are
/// given their environment anew; both certificates are in the bundle meanwhile.
const ROTATE_DAYS: i64 = 60;
const LEAF_HOURS: i64 = 24;
/// A leaf is no longer shown this long before it ends: a handshake takes its time, and clocks of
/// agents in containers run ahead.
const SPARE_HOURS: i64 = 1;
/// How far back a certificate begins: clocks of agents in containers lag.
const BACKDATE_HOURS: i64 = 1;
/// Leaves that are kept. An agent may name many buckets; it cannot make memory grow.
const KEPT_LEAVES: u64 = 1_024;

/// The certificate authority of one installation.
#[derive(Debug)]
pub struct Authority {
    files: Files,
    issuing: ArcSwap<Issuing>,
    leaves: moka::future::Cache<HostName, Leaf>,
    provider: Arc<CryptoProvider>,
    leaf_key: LeafKey,
    tickets: Arc<dyn ProducesTickets>,
}

/// What leaves are signed with at the moment.
struct Issuing {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    valid: Range<Timestamp>,
}

/// How to be one name, and when that is believed. The time is that of the wall clock: a machine
/// that slept for a day has leaves that ended.
#[derive(Debug, Clone)]
struct Leaf {
    config: Arc<ServerConfig>,
    shown: Range<Timestamp>,
}

/// The key that all leaves share: as rcgen certifies it, and as rustls signs with it.
struct LeafKey {
    certified: KeyPair,
    signing: Arc<dyn rustls::sign::SigningKey>,
}

impl Authority {
    /// Opens the authority under `state`, making it when there is none and a new one when the
    /// old one ends soon, and writes the files that tools are pointed at.
    ///
    /// # Errors
    /// [`AuthorityError`]: the folder cannot be written, or what is there is not an authority.
    pub fn open(state: &Path, now: Timestamp) -> Result<Self, AuthorityError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let files = Files::open(state)?;
        let issuing = Issuing::open(&files, now)?;
        Ok(Self {
            files,
            issuing: ArcSwap::from_pointee(issuing),
            leaves: moka::future::Cache::builder()
                .max_capacity(KEPT_LEAVES)
                .build(),
            leaf_key: LeafKey::generate(&provider)?,
            tickets: rustls::crypto::aws_lc_rs::Ticketer::new().map_err(AuthorityError::Tls)?,
            provider,
        })
    }

    /// The file with Cordon's certificates and the system's roots.
    #[must_use]
    pub fn bundle(&self) -> PathBuf {
        self.files.bundle()
    }

    /// The file with Cordon's certificates alone.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        self.files.certificate()
    }

    /// Whether the authority is good for `name`. AWS answers a few of its APIs elsewhere, those
    /// that sign people in.
    pub(crate) fn covers(name: &HostName) -> bool {
        let name = name.as_str();
        let before = |suffix| name.strip_suffix(suffix);
        SUFFIXES
            .into_iter()
            .filter_map(before)
            .any(|before| before.ends_with('.'))
    }

    /// How to be `name` towards an agent: HTTP/1.1, no early data, a leaf of at most 24 hours.
    pub(crate) async fn server(
        &self,
        name: &HostName,
        now: Timestamp,
    ) -> Result<Arc<ServerConfig>, AuthorityError> {
        if let Some(kept) = self.leaves.get(name).await
            && kept.shown.contains(&now)
        {
            return Ok(kept.config);
        }
        self.renew(now)?;
        let minted = self.mint(name, now)?;
        let config = Arc::clone(&minted.config);
        self.leaves.insert(name.clone(), minted).await;
        Ok(config)
    }

    /// Makes a new authority when a process has run for so long that its own is about to end.
    fn renew(&self, now: Timestamp) -> Result<(), AuthorityError> {
        let issuing = self.issuing.load();
        if issuing.valid.contains(&now) && later(now, LEAF_HOURS) < issuing.valid.end {
            return Ok(());
        }
        tracing::warn!(
            "the certificate authority ends today and is replaced: agents that run now must be given their environment anew"
        );
        self.issuing
            .store(Arc::new(Issuing::open(&self.files, now)?));
        Ok(())
    }

    fn mint(&self, name: &HostName, now: Timestamp) -> Result<Leaf, AuthorityError> {
        if !Self::covers(name) {
            return Err(AuthorityError::Outside(name.clone()));
        }
        let issuing = self.issuing.load();
        let begin = later(now, -BACKDATE_HOURS);
        let end = later(begin, LEAF_HOURS).min(issuing.valid.end);
        let mut params = CertificateParams::new(vec![name.as_str().to_owned()])?;
        params.distinguished_name = named("Cordon");
        params.not_before = calendar!(begin);
        params.not_after = calendar!(end);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let leaf = params.signed_by(&self.leaf_key.certified, &issuing.issuer)?;
        let chain = vec![leaf.der().clone(), issuing.certificate.clone()];
        let certified = CertifiedKey::new(chain, self.leaf_key.signing.clone());
        let config = self.server_config(Arc::new(SingleCertAndKey::from(certified)))?;
        Ok(Leaf {
            config: Arc::new(config),
            shown: begin..later(end, -SPARE_HOURS),
        })
    }

    fn server_config(
        &self,
        certificate: Arc<dyn ResolvesServerCert>,
    ) -> Result<ServerConfig, AuthorityError> {
        let mut config = ServerConfig::builder_with_provider(self.provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(AuthorityError::Tls)?
            .with_no_client_auth()
            .with_cert_resolver(certificate);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.ticketer = self.tickets.clone();
        config.send_tls13_tickets = 1;
        Ok(config)
    }
}

impl Issuing {
    /// The authority that is kept, or a new one where there is none or it ends soon; and the files
    /// that tools are pointed at. One process at a time: they end up with the same.
    fn open(files: &Files, now: Timestamp) -> Result<Self, AuthorityError> {
        let _held = files.lock()?;
        let issuing = match files.read()? {
            None => Self::create(files, now)?,
            Some(kept) => {
                let issuing = Self::parse(&kept, files)?;
                let rotated = later(now, ROTATE_DAYS * 24);
                match issuing.valid.contains(&now) && issuing.valid.end > rotated {
                    true => issuing,
                    false => {
                        files.retire(&issuing.certificate)?;
                        Self::create(files, now)?
                    }
                }
            }
        };
        files.publish(&issuing.certificate, now)?;
        Ok(issuing)
    }

    fn create(files: &Files, now: Timestamp) -> Result<Self, AuthorityError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let certificate = authority_params(now).self_signed(&key)?;
        let pem = zeroize::Zeroizing::new(key.serialize_pem() + &certificate.pem());
        files.keep(&pem)?;
        Self::parse(&pem, files)
    }

    fn parse(pem: &str, files: &Files) -> Result<Self, AuthorityError> {
        use rustls::pki_types::pem::PemObject;
        let damaged = || AuthorityError::Damaged(files.authority());
        let key = KeyPair::from_pem(pem).map_err(|_| damaged())?;
        let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|_| damaged())?;
        let read = files::Read::of(&certificate).ok_or_else(damaged)?;
        if !read.is_constrained() || !read.certifies(&key) {
            return Err(AuthorityError::Foreign(files.authority()));
        }
        let valid = read.valid();
        let issuer = Issuer::from_ca_cert_der(&certificate, key).map_err(|_| damaged())?;
        Ok(Self {
            issuer,
            certificate,
            valid,
        })
    }
}

impl LeafKey {
    fn generate(provider: &CryptoProvider) -> Result<Self, AuthorityError> {
        let certified = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let der = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(certified.serialize_der()));
        let signing = provider
            .key_provider
            .load_private_key(der)
            .map_err(AuthorityError::Tls)?;
        Ok(Self { certified, signing })
    }
}

fn authority_params(now: Timestamp) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = named("Cordon local authority");
    params.not_before = calendar!(later(now, -BACKDATE_HOURS));
    params.not_after = calendar!(later(now, AUTHORITY_DAYS * 24));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.use_authority_key_identifier_extension = true;
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: SUFFIXES
            .iter()
            .map(|suffix| GeneralSubtree::DnsName((*suffix).to_owned()))
            .collect(),
        // A constraint on names alone would leave addresses unconstrained.
        excluded_subtrees: vec![
            GeneralSubtree::IpAddress(CidrSubnet::V4([0; 4], [0; 4])),
            GeneralSubtree::IpAddress(CidrSubnet::V6([0; 16], [0; 16])),
        ],
    });
    params
}

fn named(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}

fn later(now: Timestamp, hours: i64) -> Timestamp {
    now.checked_add(hours.hours()).unwrap_or(Timestamp::MAX)
}

impl std::fmt::Debug for Issuing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issuing")
            .field("valid", &self.valid)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for LeafKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LeafKey(redacted)")
    }
}

/// Why there is no certificate authority.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// A file or the folder cannot be read or written.
    #[error("failed to {what} `{}`", path.display())]
    File {
        /// `read`, `write`, `lock`.
        what: &'static str,
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Other users of the machine could read the key.
    #[error("`{}` must be readable by its owner alone: run `chmod -R go-rwx` on it, or remove it to get a new authority", .0.display())]
    Exposed(PathBuf),
    /// The file is there but holds no key and certificate.
    #[error("`{}` is damaged: remove it to get a new authority", .0.display())]
    Damaged(PathBuf),
    /// The file holds a key and a certificate that Cordon did not make for itself: not a pair, no
    /// authority, or one that is good for more than AWS.
    #[error("`{}` is not an authority of Cordon's, limited to the names of AWS: remove it to get a new one", .0.display())]
    Foreign(PathBuf),
    /// The authority is not good for this name.
    #[error("`{0}` is outside of the names that Cordon's authority is good for")]
    Outside(HostName),
    /// The certificate could not be made.
    #[error("failed to make a certificate")]
    Certificate(#[from] rcgen::Error),
    /// TLS could not be set up.
    #[error("failed to set up TLS")]
    Tls(#[source] rustls::Error),
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use cordon_aws::catalog::Catalog;

    #[test]
    fn every_partition_is_covered_and_nothing_else() {
        let covers = |name: &str| Authority::covers(&name.parse().unwrap());
        for partition in Catalog::embedded().partitions() {
            for suffix in [partition.dns_suffix(), partition.dual_stack_dns_suffix()] {
                assert!(covers(&format!("sts.{suffix}")), "{suffix}");
            }
        }
        for outside in [
            "amazonaws.com",
            "evilamazonaws.com",
            "sts.amazonaws.com.evil.example",
            "signin.aws.amazon.com",
            "example.com",
        ] {
            assert!(!covers(outside), "{outside}");
        }
    }

    /// X01: an agent may name many buckets; it cannot make memory grow.
    #[tokio::test]
    async fn leaves_are_bounded() {
        let state = tempfile::tempdir().unwrap();
        let now = Timestamp::now();
        let authority = Authority::open(state.path(), now).unwrap();
        for bucket in 0..KEPT_LEAVES + 100 {
            let name = format!("bucket-{bucket}.s3.amazonaws.com").parse().unwrap();
            authority.server(&name, now).await.unwrap();
        }
        authority.leaves.run_pending_tasks().await;
        assert!(authority.leaves.entry_count() <= KEPT_LEAVES);
        let outside = "example.com".parse().unwrap();
        assert!(matches!(
            authority.server(&outside, now).await,
            Err(AuthorityError::Outside(_))
        ));
    }
}
