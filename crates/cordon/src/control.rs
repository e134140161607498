//! The control plane in this program: started beside the data plane where people are named, found
//! by other commands, and spoken to by those who signed in.

use crate::bundle::Bundle;
use crate::config::{ChannelWay, Config, Oidc};
use crate::current::Current;
use crate::failure::{Failure, USAGE};
use crate::identity;
use cordon_control::channel::{Channel, Email, Login, Way};
use cordon_control::client::{Client, ClientError};
use cordon_control::oidc::OidcConfig;
use cordon_control::{ControlConfig, Parts, Running, StartError};
use cordon_store::Store;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How often it is looked for what is to be told, beside at every change.
const BEAT: Duration = Duration::from_secs(2);
/// How short the key of a channel may be.
const SHORTEST_KEY: usize = 16;

/// The variables that say where a machine asks, and with which token.
const ADDRESS: &str = "CORDON_CONTROL_URL";
const TOKEN: &str = "CORDON_TOKEN";

/// Starts the control plane; nothing where nobody is named who could sign in.
///
/// # Errors
/// When its policies do not validate, or its address cannot be had.
pub(crate) async fn start(
    config: &Config,
    bundle: &Bundle,
    store: &Arc<dyn Store>,
    current: &Arc<Current>,
) -> Result<Option<Running>, Failure> {
    if config.people.is_none() && config.control.oidc.is_none() {
        return Ok(None);
    }
    let live = Arc::clone(current.live());
    let named = Arc::clone(current);
    let parts = Parts {
        store: Arc::clone(store),
        people: Arc::new(move || Arc::clone(&live.snapshot().people)),
        policies: Arc::new(bundle.load_control()?),
        bundle: {
            let current = Arc::clone(current);
            Arc::new(move || current.policies())
        },
        clock: Arc::new(Timestamp::now),
        reliability: config.control.reliability,
        knows: Arc::new(move |environment| named.policies().environments().knows(environment)),
        put_in_force: {
            let current = Arc::clone(current);
            Arc::new(move || {
                let current = Arc::clone(&current);
                Box::pin(async move {
                    let put = current.put_in_force().await;
                    put.inspect_err(|failure| tracing::error!("{failure}"))
                        .is_ok()
                })
            })
        },
    };
    let plane = ControlConfig {
        listen: config.control.listen,
        url: config.control.url.clone(),
        channels: channels(config)?,
        oidc: config.control.oidc.as_ref().map(provider).transpose()?,
        roots: cordon_proxy::platform_roots().into(),
        beat: BEAT,
    };
    let running = cordon_control::start(&plane, parts).await;
    running.map(Some).map_err(|error| {
        let help = match error {
            StartError::Listen { .. } => {
                "name another address in cordon.toml: `listen` of `[control]`"
            }
            StartError::Tls(_) | StartError::NoRandom(_) => "this system cannot make what secrets need; `cordon doctor` says more",
            StartError::NotLoopback(_) => {
                "listen on 127.0.0.1 or [::1]; for others put a server for TLS in front, and name its address as `url`"
            }
        };
        Failure::because("the control plane could not be started", &error).help(help)
    })
}

/// The channels with what their files hold.
pub(crate) fn channels(config: &Config) -> Result<Vec<Channel>, Failure> {
    let channels = config.control.channels.iter();
    channels
        .map(|written| {
            Ok(Channel {
                name: written.name.as_str().into(),
                way: way(&written.name, &written.way)?,
            })
        })
        .collect()
}

fn way(name: &str, written: &ChannelWay) -> Result<Way, Failure> {
    match written {
        ChannelWay::Post {
            kind,
            url_file,
            target,
            key_file,
        } => {
            let target = match (target, url_file) {
                (Some(target), _) => target.clone(),
                (None, Some(file)) => secret(file)?.parse().map_err(|error| {
                    let what = format!("`{}` holds no address", file.display());
                    Failure::because(what, &error).code(USAGE)
                })?,
                (None, None) => return Err(Failure::new("a channel has no address").code(USAGE)),
            };
            let key = match key_file {
                Some(file) => secret(file)?,
                None => String::new(),
            };
            if kind.signed && key.len() < SHORTEST_KEY {
                return Err(Failure::new(format!(
                    "the key of the channel `{name}` has fewer than {SHORTEST_KEY} characters"
                ))
                .help("make one: openssl rand -hex 32")
                .code(USAGE));
            }
            Ok(Way::Post {
                kind: *kind,
                target,
                key: key.into_bytes().into(),
            })
        }
        ChannelWay::Email {
            server,
            login,
            from,
            to,
        } => {
            let login = login.as_ref().map(|(user, file)| {
                Ok::<_, Failure>(Login {
                    user: user.as_str().into(),
                    password: some_secret(file)?.into(),
                })
            });
            Ok(Way::Email(Email {
                server: server.clone(),
                login: login.transpose()?,
                from: from.clone(),
                to: to.clone(),
            }))
        }
    }
}

/// The provider of identities with what its file holds.
fn provider(written: &Oidc) -> Result<OidcConfig, Failure> {
    let secret = some_secret(&written.client_secret_file)?;
    let domains = written.domains.iter();
    Ok(OidcConfig {
        issuer: written.issuer.as_str().into(),
        client_id: written.client_id.as_str().into(),
        client_secret: secret.into(),
        domains: domains.map(|domain| domain.as_str().into()).collect(),
        groups_claim: written.groups_claim.as_deref().map(Into::into),
        map: written.map.clone(),
    })
}

/// As [`secret`], of a file that must not be empty.
fn some_secret(file: &Path) -> Result<String, Failure> {
    let found = secret(file)?;
    match found.is_empty() {
        false => Ok(found),
        true => {
            let what = format!("`{}` holds no secret", file.display());
            Err(Failure::new(what).code(USAGE))
        }
    }
}

/// What a file holds, without the white space around it.
fn secret(file: &Path) -> Result<String, Failure> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        Failure::because(format!("`{}` could not be read", file.display()), &error).code(USAGE)
    })?;
    Ok(text.trim().to_owned())
}

/// Who is signed in at this terminal, as its file keeps it.
#[derive(Serialize, Deserialize)]
pub(crate) struct SignedIn {
    /// Where the control plane is.
    pub(crate) control: String,
    /// Who.
    pub(crate) person: String,
    /// Until when.
    pub(crate) expires: String,
    /// What is sent.
    pub(crate) token: String,
}

impl SignedIn {
    /// The one who signed in last.
    ///
    /// # Errors
    /// When nobody did.
    pub(crate) fn find() -> Result<Self, Failure> {
        let nobody = || {
            Failure::new("nobody is signed in at this terminal").help(
                "`cordon people link NAME` makes a link where Cordon serves; `cordon sign-in LINK` uses it",
            )
        };
        let text = std::fs::read(file()?).map_err(|_| nobody())?;
        serde_json::from_slice(&text).map_err(|_| nobody())
    }

    /// Keeps it, for this user alone.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn keep(&self) -> Result<PathBuf, Failure> {
        let file = file()?;
        let text = serde_json::to_vec(self)
            .map_err(|error| Failure::because("the sign-in has no JSON form", &error))?;
        write_private(&file, &text).map_err(|error| {
            Failure::because(format!("`{}` could not be written", file.display()), &error)
        })?;
        Ok(file)
    }

    /// Forgets it.
    pub(crate) fn forget() -> Result<(), Failure> {
        // A file that is not there is as good as one that is gone.
        let _ = std::fs::remove_file(file()?);
        Ok(())
    }
}

fn file() -> Result<PathBuf, Failure> {
    let folder = crate::config::user_folder().ok_or_else(|| {
        Failure::new("there is no folder for this user's configuration")
            .help("set HOME, or XDG_CONFIG_HOME")
            .code(USAGE)
    })?;
    Ok(folder.join("sign-in.json"))
}

/// Writes a file that its owner alone may read, so that nobody sees half of it.
fn write_private(file: &Path, text: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let part = file.with_extension("part");
    // What an earlier attempt left may be open to others.
    let _ = std::fs::remove_file(&part);
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(&part)?.write_all(text)?;
    std::fs::rename(&part, file)
}

/// Speaks for whoever is signed in at this terminal, or for the machine whose token a variable has.
///
/// # Errors
/// When nobody is, or this is the shell of an agent.
pub(crate) fn client() -> Result<Client, Failure> {
    identity::refuse_agents()?;
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let (control, token) = match (variable(TOKEN), variable(ADDRESS)) {
        (Some(token), Some(control)) => (control, token),
        (Some(_), None) => {
            return Err(Failure::new(format!("{TOKEN} is set and {ADDRESS} is not"))
                .help(format!("set {ADDRESS} to where the control plane is"))
                .code(USAGE));
        }
        (None, _) => {
            let signed_in = SignedIn::find()?;
            (signed_in.control, signed_in.token)
        }
    };
    Client::new(&control, Some(token)).map_err(failed)
}

/// A refusal of the control plane in words.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the form that map_err asks for"
)]
pub(crate) fn failed(error: ClientError) -> Failure {
    match &error {
        ClientError::Refused(refusal) => Failure::new(format!(
            "{} ({})",
            crate::output::inert(&refusal.message, 1_000),
            crate::output::inert(&refusal.code, 100)
        ))
        .help(crate::output::inert(&refusal.next, 1_000)),
        ClientError::Unreachable { .. } | ClientError::Late(_) => {
            Failure::because("the control plane does not answer", &error)
                .help("is `cordon up` running? it prints where the control plane is")
        }
        ClientError::Elsewhere(_) => Failure::because("the address cannot be used", &error)
            .help("sign in on the machine where Cordon serves")
            .code(USAGE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn what_is_kept_is_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("cordon/sign-in.json");
        for text in ["one", "two"] {
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file.with_extension("part"), "left over").unwrap();
            write_private(&file, text.as_bytes()).unwrap();
            assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
            let mode = file.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }
}
