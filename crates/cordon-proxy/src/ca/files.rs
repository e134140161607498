//! The files of the certificate authority: made once, whole or not at all, the key for its owner
//! alone.

use super::AuthorityError;
use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The folder of the authority.
#[derive(Debug)]
pub(super) struct Files {
    folder: PathBuf,
}

/// Who may read a file.
#[derive(Clone, Copy)]
enum Readers {
    Owner,
    Everyone,
}

impl Files {
    pub(super) fn open(state: &Path) -> Result<Self, AuthorityError> {
        let folder = state.join("ca");
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&folder).map_err(failed("write", &folder))?;
        owner_only(&folder)?;
        Ok(Self { folder })
    }

    pub(super) fn authority(&self) -> PathBuf {
        self.folder.join("authority.pem")
    }

    pub(super) fn certificate(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    pub(super) fn bundle(&self) -> PathBuf {
        self.folder.join("bundle.pem")
    }

    fn previous(&self) -> PathBuf {
        self.folder.join("previous.pem")
    }

    /// The key and certificate that are kept, if there are any.
    pub(super) fn read(&self) -> Result<Option<Zeroizing<String>>, AuthorityError> {
        let path = self.authority();
        match fs::read_to_string(&path) {
            Ok(text) => {
                owner_only(&path)?;
                Ok(Some(Zeroizing::new(text)))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                Err(AuthorityError::Damaged(path))
            }
            Err(error) => Err(failed("read", &path)(error)),
        }
    }

    /// Keeps `pem` and gives what is kept then: two processes that make an authority at the same
    /// moment end up with one, since only one of them can link its file to the name.
    pub(super) fn keep(
        &self,
        pem: &str,
        now: Timestamp,
    ) -> Result<Zeroizing<String>, AuthorityError> {
        let path = self.authority();
        if let Some(old) = self.read()? {
            self.retire(&old, now)?;
            fs::remove_file(&path).map_err(failed("write", &path))?;
        }
        let draft = self.draft(pem.as_bytes(), Readers::Owner)?;
        let linked = fs::hard_link(&draft, &path);
        fs::remove_file(&draft).map_err(failed("write", &draft))?;
        match linked {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                return Err(failed("write", &path)(error));
            }
            _ => self.sync()?,
        }
        self.read()?.ok_or(AuthorityError::Damaged(path))
    }

    /// Keeps the certificate of the authority before, for tools that still meet its leaves.
    fn retire(&self, old: &str, now: Timestamp) -> Result<(), AuthorityError> {
        let Ok(certificate) = CertificateDer::from_pem_slice(old.as_bytes()) else {
            return Ok(());
        };
        match ends(&certificate).is_some_and(|end| end > now) {
            true => self.replace(&self.previous(), pem(&certificate).as_bytes()),
            false => Ok(()),
        }
    }

    /// Writes the files that tools are pointed at.
    pub(super) fn publish(
        &self,
        certificate: &CertificateDer<'_>,
        now: Timestamp,
    ) -> Result<(), AuthorityError> {
        let mut own = pem(certificate);
        let previous = CertificateDer::from_pem_file(self.previous()).ok();
        if let Some(previous) = previous.filter(|old| ends(old).is_some_and(|end| end > now)) {
            own.push_str(&pem(&previous));
        }
        let roots: String = crate::roots::platform()
            .iter()
            .map(|root| pem(root))
            .collect();
        self.replace(&self.certificate(), own.as_bytes())?;
        self.replace(&self.bundle(), (own + &roots).as_bytes())
    }

    fn replace(&self, path: &Path, content: &[u8]) -> Result<(), AuthorityError> {
        if fs::read(path).is_ok_and(|kept| kept == content) {
            return Ok(());
        }
        let draft = self.draft(content, Readers::Everyone)?;
        fs::rename(&draft, path).map_err(failed("write", path))?;
        self.sync()
    }

    /// Writes a whole file under a name of its own.
    fn draft(&self, content: &[u8], readers: Readers) -> Result<PathBuf, AuthorityError> {
        let path = self.folder.join(format!(".draft-{}", uuid::Uuid::now_v7()));
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(
            &mut options,
            match readers {
                Readers::Owner => 0o600,
                Readers::Everyone => 0o644,
            },
        );
        #[cfg(not(unix))]
        let _ = readers;
        let write = || -> std::io::Result<()> {
            let mut file = options.open(&path)?;
            file.write_all(content)?;
            file.sync_all()
        };
        write().map_err(failed("write", &path))?;
        Ok(path)
    }

    fn sync(&self) -> Result<(), AuthorityError> {
        #[cfg(unix)]
        File::open(&self.folder)
            .and_then(|folder| folder.sync_all())
            .map_err(failed("write", &self.folder))?;
        Ok(())
    }
}

/// When a certificate ends.
pub(super) fn ends(certificate: &CertificateDer<'_>) -> Option<Timestamp> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    Timestamp::from_second(parsed.validity().not_after.timestamp()).ok()
}

fn pem(certificate: &CertificateDer<'_>) -> String {
    use base64::Engine;
    let text = base64::engine::general_purpose::STANDARD.encode(certificate);
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at_checked(64).unwrap_or((rest, ""));
        pem.push_str(line);
        pem.push('\n');
        rest = after;
    }
    pem + "-----END CERTIFICATE-----\n"
}

#[cfg(unix)]
fn owner_only(path: &Path) -> Result<(), AuthorityError> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = fs::metadata(path).map_err(failed("read", path))?;
    match metadata.permissions().mode() & 0o077 {
        0 => Ok(()),
        _ => Err(AuthorityError::Exposed(path.to_owned())),
    }
}

#[cfg(not(unix))]
fn owner_only(_: &Path) -> Result<(), AuthorityError> {
    Ok(())
}

fn failed(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> AuthorityError {
    let path = path.to_owned();
    move |source| AuthorityError::File { what, path, source }
}
