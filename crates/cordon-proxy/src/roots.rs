//! The roots that the platform trusts, and nothing that the environment names instead.
//!
//! `SSL_CERT_FILE` and `SSL_CERT_DIR` are what an agent's own environment is given to make its
//! tools trust Cordon. A Cordon started from such an environment must not trust itself as AWS, so
//! these variables are not read where the platform keeps its roots in files.

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

/// Every root of the platform; what cannot be read is reported and left out.
#[must_use]
pub fn platform() -> Vec<CertificateDer<'static>> {
    let found = read();
    for error in &found.errors {
        tracing::warn!(%error, "a root certificate of the platform could not be read");
    }
    found.certs
}

/// The roots that an upstream's certificate may come from, as rustls wants them: `own` where the
/// operator named some, and then no others.
pub(crate) fn store(own: &[CertificateDer<'static>]) -> RootCertStore {
    let mut store = RootCertStore::empty();
    match own {
        [] => store.add_parsable_certificates(platform()),
        own => store.add_parsable_certificates(own.iter().cloned()),
    };
    store
}

#[cfg(all(unix, not(target_os = "macos")))]
fn read() -> rustls_native_certs::CertificateResult {
    // The files that distributions keep all roots in, most common first.
    const FILES: [&str; 5] = [
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/ca-bundle.pem",
        "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
        "/etc/ssl/cert.pem",
    ];
    let file = FILES
        .iter()
        .map(std::path::Path::new)
        .find(|path| path.exists());
    let folder = Some(std::path::Path::new("/etc/ssl/certs")).filter(|path| path.is_dir());
    match file {
        Some(file) => rustls_native_certs::load_certs_from_paths(Some(file), None),
        None => rustls_native_certs::load_certs_from_paths(None, folder),
    }
}

#[cfg(not(all(unix, not(target_os = "macos"))))]
fn read() -> rustls_native_certs::CertificateResult {
    rustls_native_certs::load_native_certs()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn an_upstream_with_its_own_authority_has_no_other() {
        let own = rcgen::generate_simple_self_signed(vec!["s3.example".to_owned()]).unwrap();
        assert_eq!(store(&[own.cert.der().clone()]).len(), 1);
    }
}
