//! Minting: session credentials for one decision, shared by the calls that need the same.

use crate::roles::Roles;
use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_sts::config::retry::RetryConfig;
use aws_sdk_sts::config::timeout::TimeoutConfig;
use aws_sdk_sts::config::{Region, SharedHttpClient};
use aws_sdk_sts::error::{DisplayErrorContext, ProvideErrorMetadata as _, SdkError};
use aws_sdk_sts::types::Credentials;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use cordon_aws::sigv4::{SecretKey, SigningCredentials};
use cordon_core::decide::Permit;
use cordon_core::names::TaskId;
use cordon_core::session_policy::{SessionName, SessionPolicy, SessionPolicyError, SourceIdentity};
use cordon_core::sign::Minted;
use jiff::{SignedDuration, Timestamp};
use moka::future::Cache;
use std::sync::Arc;
use std::time::Duration;

/// How long a session lives: the least that STS gives.
const LIFE: i32 = 900;

/// Before its end a session is no longer begun with, so that no call outlives it on the way.
const MARGIN: SignedDuration = SignedDuration::from_secs(60);

/// How long the session of a change is kept for the same change again.
const CHANGE_LIFE: SignedDuration = SignedDuration::from_secs(60);

/// Sessions that are kept.
const KEPT: u64 = 1_000;

/// How the broker is set up.
#[derive(Debug, Clone, Default)]
pub struct BrokerConfig {
    /// Which role is assumed where.
    pub roles: Roles,
    /// Who asks STS.
    pub base: BaseIdentity,
    /// One fixed address for STS instead of AWS's own, for a test cloud.
    pub endpoint: Option<String>,
    /// The only authorities (PEM) that the certificate of `endpoint` may come from; `None` for
    /// those of the platform.
    pub authorities: Option<Vec<u8>>,
}

/// The identity that assumes roles.
#[derive(Debug, Clone, Default)]
pub enum BaseIdentity {
    /// What the default chain of the AWS SDK finds: variables, profiles, web identity, SSO,
    /// container and instance roles.
    #[default]
    DefaultChain,
    /// This key pair, of a cloud that this process made.
    Keys {
        /// The access key id.
        id: String,
        /// Its secret.
        secret: SecretKey,
    },
}

/// Mints credentials for permitted calls.
#[derive(Debug)]
pub struct Broker {
    base: SdkConfig,
    roles: Roles,
    endpoint: Option<String>,
    /// Trusts the authorities of `endpoint` and no other.
    rooted: Option<SharedHttpClient>,
    sessions: Cache<Key, Arc<Kept>>,
}

/// What a session is kept under: the document with task, scope, policy version and account, which
/// are in its key, and the role.
type Key = ([u8; 32], Box<str>);

#[derive(Debug)]
struct Kept {
    task: TaskId,
    minted: Minted,
    /// When it is no longer begun with.
    until: Timestamp,
}

/// Why there are no credentials for a permitted call.
#[derive(Debug, Clone, thiserror::Error)]
pub enum MintError {
    /// No rule names a role.
    #[error("no role is configured for account `{0}`: add a [[role]] to cordon.toml")]
    NoRole(String),
    /// The decision fits no session policy.
    #[error("the decision fits no session policy")]
    SessionPolicy(#[source] SessionPolicyError),
    /// STS said no.
    #[error("STS refused the session with {code}: {message}")]
    Refused {
        /// STS's code: `AccessDenied`, `PackedPolicyTooLarge`.
        code: String,
        /// STS's sentence.
        message: String,
    },
    /// STS did not answer, or the base identity could not be had.
    #[error("STS could not be asked: {0}")]
    Unreachable(String),
    /// STS's answer is no session.
    #[error("STS answered without usable credentials")]
    Nonsense,
}

impl Broker {
    /// Reads the base identity's configuration. Nothing is sent before the first call.
    pub async fn new(config: BrokerConfig) -> Self {
        let client = client_trusting(TrustStore::default());
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(5))
            .operation_timeout(Duration::from_secs(15))
            .build();
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(client)
            .region(region(&config.roles))
            .timeout_config(timeouts)
            .retry_config(RetryConfig::standard().with_max_attempts(2));
        if let BaseIdentity::Keys { id, secret } = &config.base {
            let keys = aws_credential_types::Credentials::new(
                id,
                secret.expose(),
                None,
                None,
                "configured",
            );
            loader = loader.credentials_provider(keys);
        }
        let base = loader.load().await;
        Self {
            base,
            roles: config.roles,
            endpoint: config.endpoint,
            rooted: config.authorities.map(|authorities| {
                client_trusting(TrustStore::empty().with_pem_certificate(authorities))
            }),
            sessions: Cache::new(KEPT),
        }
    }

    /// Credentials under a session policy for exactly the decision of `permit`.
    ///
    /// # Errors
    /// [`MintError`].
    pub async fn mint(&self, permit: &Permit) -> Result<Minted, MintError> {
        let assessed = permit.assessed();
        let account = assessed
            .call()
            .account()
            .map(ToString::to_string)
            .unwrap_or_default();
        let role = self.roles.of(permit).ok_or(MintError::NoRole(account))?;
        let policy = SessionPolicy::of(permit).map_err(MintError::SessionPolicy)?;
        let key: Key = (*policy.cache_key(), role.arn.as_str().into());
        if let Some(kept) = self.sessions.get(&key).await {
            if kept.until > Timestamp::now() {
                return Ok(kept.minted.clone());
            }
            self.sessions.invalidate(&key).await;
        }
        // Calls that need the same session at once wait for one of them to mint it.
        let minting = self
            .sessions
            .try_get_with(key, self.assume(permit, &policy, role.arn.as_str()));
        let kept = minting
            .await
            .map_err(|error: Arc<MintError>| MintError::clone(&error))?;
        Ok(kept.minted.clone())
    }

    /// Drops the sessions of a task that ended.
    pub async fn forget(&self, task: &TaskId) {
        let keys: Vec<Arc<Key>> = self
            .sessions
            .iter()
            .filter(|(_, kept)| kept.task == *task)
            .map(|(key, _)| key)
            .collect();
        for key in keys {
            self.sessions.invalidate(&*key).await;
        }
    }

    async fn assume(
        &self,
        permit: &Permit,
        policy: &SessionPolicy,
        role: &str,
    ) -> Result<Arc<Kept>, MintError> {
        let assessed = permit.assessed();
        let answer = self
            .client(assessed.call().region().as_str())
            .assume_role()
            .role_arn(role)
            .role_session_name(SessionName::of(permit).as_str())
            .source_identity(SourceIdentity::of(permit).as_str())
            .duration_seconds(LIFE)
            .policy(policy.text())
            .send()
            .await
            .map_err(refused)?;
        tracing::debug!(role, length = policy.length(), "session minted");
        let minted = minted(answer.credentials().ok_or(MintError::Nonsense)?)?;
        let task = &assessed.session().task;
        let now = Timestamp::now();
        let end = minted.expires.saturating_sub(MARGIN).unwrap_or(now);
        let end = match assessed.call().mutates() {
            true => end.min(now.saturating_add(CHANGE_LIFE).unwrap_or(end)),
            false => end,
        };
        Ok(Arc::new(Kept {
            task: task.id().clone(),
            minted,
            until: end.min(task.expires_at()),
        }))
    }

    /// A client of STS in the partition of `region`.
    fn client(&self, region: &str) -> aws_sdk_sts::Client {
        let mut config =
            aws_sdk_sts::config::Builder::from(&self.base).region(Region::new(region.to_owned()));
        if let Some(endpoint) = &self.endpoint {
            config = config.endpoint_url(endpoint);
        }
        if let Some(rooted) = &self.rooted {
            config = config.http_client(rooted.clone());
        }
        aws_sdk_sts::Client::from_conf(config.build())
    }
}

/// A client that trusts `roots`, and never goes through the proxy that the environment may name.
#[expect(
    clippy::expect_used,
    reason = "roots are looked at when a client connects, and a context is nothing else"
)]
fn client_trusting(roots: TrustStore) -> SharedHttpClient {
    let context = TlsContext::builder().with_trust_store(roots).build();
    aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .tls_context(context.expect("a context of roots"))
        .build_https()
}

/// The region in which the base identity itself is had, where that takes a call; each session is
/// minted in the region of the call that it is for. The SDK's own chain would ask the instance
/// metadata while it starts, which where there is none takes seconds of every start.
fn region(roles: &Roles) -> RegionProviderChain {
    RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
        .or_else(ProfileFileRegionProvider::new())
        .or_else(Region::from_static(roles.home_region()))
}

fn minted(credentials: &Credentials) -> Result<Minted, MintError> {
    let expires = credentials.expiration();
    let key_id = credentials
        .access_key_id()
        .parse()
        .map_err(|_| MintError::Nonsense)?;
    let secret = SecretKey::new(credentials.secret_access_key().to_owned());
    let token = SecretKey::new(credentials.session_token().to_owned());
    Ok(Minted {
        credentials: SigningCredentials::new(key_id, secret, Some(token)),
        expires: Timestamp::new(expires.secs(), 0).map_err(|_| MintError::Nonsense)?,
    })
}

/// Whose fault it is: STS's answer, or no answer at all.
fn refused<E, R>(error: SdkError<E, R>) -> MintError
where
    SdkError<E, R>: aws_sdk_sts::error::ProvideErrorMetadata + std::error::Error,
{
    match error.code() {
        Some(code) => MintError::Refused {
            code: code.to_owned(),
            message: error.message().unwrap_or_default().to_owned(),
        },
        None => MintError::Unreachable(DisplayErrorContext(&error).to_string()),
    }
}
