//! The files of the certificate authority: made once, whole or not at all, the key for its owner
//! alone.

use super::{AuthorityError, SUFFIXES};
use jiff::Timestamp;
use rcgen::{KeyPair, PublicKeyData};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, NameConstraints};
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

    /// Waits until no other process chooses or makes an authority here. It may when the file is
    /// dropped.
    pub(super) fn lock(&self) -> Result<File, AuthorityError> {
        let path = self.folder.join("lock");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path).map_err(failed("lock", &path))?;
        file.lock().map_err(failed("lock", &path))?;
        Ok(file)
    }

    /// Keeps `pem` in the place of what was kept before.
    pub(super) fn keep(&self, pem: &str) -> Result<(), AuthorityError> {
        let path = self.authority();
        let draft = self.draft(pem.as_bytes(), Readers::Owner)?;
        fs::rename(&draft, &path).map_err(failed("write", &path))?;
        self.sync()
    }

    /// Keeps the certificate of the authority before, for tools that still meet its leaves.
    pub(super) fn retire(&self, certificate: &CertificateDer<'_>) -> Result<(), AuthorityError> {
        self.replace(&self.previous(), pem(certificate).as_bytes())
    }

    /// Writes the files that tools are pointed at.
    pub(super) fn publish(
        &self,
        certificate: &CertificateDer<'_>,
        now: Timestamp,
    ) -> Result<(), AuthorityError> {
        let mut own = pem(certificate);
        let previous = CertificateDer::from_pem_file(self.previous()).ok();
        let is_good = |old: &Read<'_>| old.is_constrained() && old.valid().contains(&now);
        if let Some(previous) =
            previous.filter(|old| Read::of(old).is_some_and(|old| is_good(&old)))
        {
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

/// A certificate that was read.
pub(super) struct Read<'c>(X509Certificate<'c>);

impl<'c> Read<'c> {
    pub(super) fn of(certificate: &'c CertificateDer<'_>) -> Option<Self> {
        let (rest, read) = x509_parser::parse_x509_certificate(certificate).ok()?;
        rest.is_empty().then_some(Self(read))
    }

    /// When it is valid.
    pub(super) fn valid(&self) -> Range<Timestamp> {
        let at = |seconds| Timestamp::from_second(seconds).unwrap_or_default();
        let validity = self.0.validity();
        at(validity.not_before.timestamp())..at(validity.not_after.timestamp())
    }

    /// Whether it is for this key.
    pub(super) fn certifies(&self, key: &KeyPair) -> bool {
        self.0.public_key().raw == key.subject_public_key_info()
    }

    /// Whether it is an authority that is good for names of AWS and for nothing else, and says so
    /// to readers that know no such limits, too.
    pub(super) fn is_constrained(&self) -> bool {
        let constraints = self.0.name_constraints().ok().flatten();
        let limited = constraints.is_some_and(|it| it.critical && is_limited(it.value));
        self.0.is_ca() && limited
    }
}

fn is_limited(constraints: &NameConstraints<'_>) -> bool {
    let permitted = constraints
        .permitted_subtrees
        .as_deref()
        .unwrap_or_default();
    let excluded = constraints.excluded_subtrees.as_deref().unwrap_or_default();
    let every_address = |length: usize| {
        let every = vec![0; length];
        let is_it = |base: &GeneralName<'_>| matches!(base, GeneralName::IPAddress(block) if **block == every);
        excluded.iter().any(|subtree| is_it(&subtree.base))
    };
    !permitted.is_empty()
        && permitted.iter().all(
            |subtree| matches!(subtree.base, GeneralName::DNSName(name) if SUFFIXES.contains(&name)),
        )
        && every_address(8)
        && every_address(32)
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
