//! Minting: session credentials for one decision, shared by the calls that need the same.

use crate::base::{BaseIdentity, Sts};
use crate::error::MintError;
use crate::roles::Roles;
use aws_sdk_sts::types::Credentials;
use cordon_aws::sigv4::{SecretKey, SigningCredentials};
use cordon_core::decide::Permit;
use cordon_core::names::TaskId;
use cordon_core::session_policy::{SessionName, SessionPolicy, SourceIdentity};
use cordon_core::sign::Minted;
use jiff::{SignedDuration, Timestamp};
use moka::future::Cache;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How many seconds a session lives: the least that STS gives.
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
    /// How long STS is waited for.
    pub deadlines: StsDeadlines,
}

/// How long STS is waited for.
#[derive(Debug, Clone, Copy)]
pub struct StsDeadlines {
    /// Until a connection stands.
    pub connect: Duration,
    /// Until the answer is there, a second try included.
    pub answer: Duration,
}

impl Default for StsDeadlines {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            answer: Duration::from_secs(15),
        }
    }
}

/// Mints credentials for permitted calls.
pub struct Broker {
    sts: Sts,
    roles: Roles,
    sessions: Cache<Key, Asked>,
}

/// What a session is kept under: the document with task, scope, policy version and account, which
/// are in its key, and the role.
type Key = ([u8; 32], Box<str>);

/// What became of asking. A fault is shared by the calls that wait for the same answer, and the
/// next one asks anew.
type Asked = Result<Arc<Kept>, MintError>;

struct Kept {
    task: TaskId,
    answer: Answer,
    /// When it is no longer begun with.
    until: Timestamp,
}

/// What STS makes of one session policy.
enum Answer {
    Session(Minted),
    /// It has no room for the policy, in its words. Kept too, so that not every read of a task
    /// asks for what is known not to fit.
    TooLarge(String),
}

impl Broker {
    /// Reads the base identity's configuration. Nothing is sent before the first call.
    pub async fn new(config: BrokerConfig) -> Self {
        Self {
            sts: Sts::of(&config).await,
            roles: config.roles,
            sessions: Cache::builder()
                .max_capacity(KEPT)
                // What has ended leaves memory, whether or not anyone asks for it again.
                .time_to_live(Duration::from_secs(LIFE.unsigned_abs().into()))
                .build(),
        }
    }

    /// Credentials under a session policy for exactly the decision of `permit`, at `now`. Where STS
    /// has no room for the policy that reads of a task share, under the one for this call alone.
    ///
    /// `is_live` tells whether the call's session is still served: it is asked last, so that a
    /// session which was stopped while STS was asked gets nothing and nothing is kept for it.
    ///
    /// # Errors
    /// [`MintError`].
    pub async fn mint(
        &self,
        permit: &Permit,
        now: Timestamp,
        is_live: impl Fn() -> bool,
    ) -> Result<Minted, MintError> {
        let policy = SessionPolicy::of(permit).map_err(MintError::SessionPolicy)?;
        let said = match &self.ask(permit, &policy, now, &is_live).await?.answer {
            Answer::Session(minted) => return Ok(minted.clone()),
            Answer::TooLarge(said) => said.clone(),
        };
        let narrowed = policy.narrowed(permit).map_err(MintError::SessionPolicy)?;
        let Some(narrowed) = narrowed else {
            return Err(MintError::TooLarge(said));
        };
        tracing::debug!(
            said,
            "the shared session policy is too large, the call's own is used"
        );
        match &self.ask(permit, &narrowed, now, &is_live).await?.answer {
            Answer::Session(minted) => Ok(minted.clone()),
            Answer::TooLarge(said) => Err(MintError::TooLarge(said.clone())),
        }
    }

    /// Drops the sessions of a task that has ended, once none of its own sessions is live.
    pub async fn forget(&self, task: &TaskId) {
        let is_of_task = |asked: &Asked| matches!(asked, Ok(kept) if kept.task == *task);
        let keys: Vec<Arc<Key>> = self
            .sessions
            .iter()
            .filter(|(_, asked)| is_of_task(asked))
            .map(|(key, _)| key)
            .collect();
        tracing::debug!(%task, sessions = keys.len(), "sessions dropped");
        for key in keys {
            self.sessions.invalidate(&*key).await;
        }
    }

    /// What STS makes of `policy`, from the cache where it was asked before.
    async fn ask(
        &self,
        permit: &Permit,
        policy: &SessionPolicy,
        now: Timestamp,
        is_live: &impl Fn() -> bool,
    ) -> Asked {
        let assessed = permit.assessed();
        let role = self.roles.of(permit).ok_or_else(|| {
            let account = assessed.call().account().map(ToString::to_string);
            MintError::NoRole(account.unwrap_or_default())
        })?;
        let role = role.arn.as_str();
        let key: Key = (*policy.cache_key(), role.into());
        let is_over = |asked: &Asked| asked.as_ref().map_or(true, |kept| kept.until <= now);
        let kept = self.sessions.get(&key).await;
        let asked = match kept.filter(|asked| !is_over(asked)) {
            Some(asked) => asked,
            // Of calls that need the same session at once one asks and the others wait for it,
            // also where one is there that has ended: only to insert after the look above would
            // let two ask. Boxed, since hardly any call comes here and asking is large.
            None => {
                let assuming = Box::pin(self.assume(permit, policy, role, now));
                self.sessions
                    .entry_by_ref(&key)
                    .or_insert_with_if(assuming, is_over)
                    .await
                    .into_value()
            }
        };
        // Whoever stops a session first takes it out of what is served and then forgets its task.
        // An answer that was kept before that is forgotten; one that was kept after it finds the
        // session gone here.
        if !is_live() {
            self.sessions.invalidate(&key).await;
            return Err(MintError::Stopped);
        }
        asked
    }

    async fn assume(
        &self,
        permit: &Permit,
        policy: &SessionPolicy,
        role: &str,
        now: Timestamp,
    ) -> Asked {
        let assessed = permit.assessed();
        let region = assessed.call().region().as_str();
        let answered = self
            .sts
            .client(region, now)
            .assume_role()
            .role_arn(role)
            .role_session_name(SessionName::of(permit).as_str())
            .source_identity(SourceIdentity::of(permit).as_str())
            .duration_seconds(LIFE)
            .policy(policy.text())
            .send()
            .await;
        let task = &assessed.session().task;
        let answer = match answered.map_err(|error| MintError::of_answer(role, &error)) {
            Ok(answer) => {
                Answer::Session(minted(answer.credentials.ok_or(MintError::Nonsense)?, now)?)
            }
            Err(MintError::TooLarge(said)) => Answer::TooLarge(said),
            Err(error) => return Err(error),
        };
        tracing::debug!(
            role,
            length = policy.length(),
            "STS was asked for a session"
        );
        let life = match assessed.call().mutates() {
            true => CHANGE_LIFE,
            false => SignedDuration::from_secs(LIFE.into()) - MARGIN,
        };
        let until = later(now, life).min(answer.end()).min(task.expires_at());
        Ok(Arc::new(Kept {
            task: task.id().clone(),
            answer,
            until,
        }))
    }
}

impl Answer {
    /// When it no longer holds by itself.
    fn end(&self) -> Timestamp {
        match self {
            Self::Session(minted) => usable_until(minted.expires),
            Self::TooLarge(_) => Timestamp::MAX,
        }
    }
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broker")
            .field("roles", &self.roles)
            .field("endpoint", &self.sts.endpoint())
            .field("sessions", &self.sessions.entry_count())
            .finish_non_exhaustive()
    }
}

/// The texts are taken over, not copied, so that they are wiped when the last user is done.
fn minted(credentials: Credentials, now: Timestamp) -> Result<Minted, MintError> {
    let expires = credentials.expiration.secs();
    let expires = Timestamp::new(expires, 0).map_err(|_| MintError::Nonsense)?;
    let key_id = credentials.access_key_id.parse();
    let secret = SecretKey::new(credentials.secret_access_key);
    let token = SecretKey::new(credentials.session_token);
    if secret.expose().is_empty() || token.expose().is_empty() {
        return Err(MintError::Nonsense);
    }
    if usable_until(expires) <= now {
        return Err(MintError::Clock(format!(
            "the new session ends at {expires}, and here it is {now}"
        )));
    }
    Ok(Minted {
        credentials: SigningCredentials::new(
            key_id.map_err(|_| MintError::Nonsense)?,
            secret,
            Some(token),
        ),
        expires,
    })
}

fn usable_until(expires: Timestamp) -> Timestamp {
    expires.saturating_sub(MARGIN).unwrap_or(Timestamp::MIN)
}

fn later(now: Timestamp, by: SignedDuration) -> Timestamp {
    now.saturating_add(by).unwrap_or(now)
}
