//! Minting: session credentials for one decision, shared by the calls that need the same.

use crate::base::{BaseIdentity, Sts};
use crate::error::MintError;
use crate::roles::Roles;
use crate::way::{Step, Way};
use aws_sdk_sts::operation::assume_role::AssumeRoleOutput;
use aws_sdk_sts::types::Credentials;
use cordon_aws::lend::AssumedRoleUser;
use cordon_aws::sigv4::{SecretKey, SigningCredentials};
use cordon_core::decide::Permit;
use cordon_core::loan::Loan;
use cordon_core::names::{SessionId, TaskId};
use cordon_core::session_policy::SessionPolicy;
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
/// are in its key, and the roles on the way to it.
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

/// What STS is asked on behalf of, and by whom: the role of the step before, or the base identity.
struct Ask<'p> {
    permit: &'p Permit,
    from: Option<Minted>,
    now: Timestamp,
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
        let way = Way::of(permit, self.configured(permit)?);
        let (step, from) = self.follow(permit, way, now, &is_live).await?;
        let ask = Ask { permit, from, now };
        let said = match &self.ask(&ask, &step, &policy, &is_live).await?.answer {
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
        match &self.ask(&ask, &step, &narrowed, &is_live).await?.answer {
            Answer::Session(minted) => Ok(minted.clone()),
            Answer::TooLarge(said) => Err(MintError::TooLarge(said.clone())),
        }
    }

    /// Sees whether AWS lets the role be assumed that `permit` is for, by assuming it under a policy
    /// that allows nothing, for `child`; gives how AWS names its sessions then. What came with it is
    /// dropped: the child's calls are minted for one by one. Nothing where no role is assumed.
    ///
    /// # Errors
    /// [`MintError`].
    pub async fn lend(
        &self,
        permit: &Permit,
        child: &SessionId,
        now: Timestamp,
        is_live: impl Fn() -> bool,
    ) -> Result<Option<AssumedRoleUser>, MintError> {
        let Some(role) = permit.loan().and_then(Loan::role) else {
            return Ok(None);
        };
        let way = Way::to(permit, self.configured(permit)?, role, child);
        let (step, from) = self.follow(permit, way, now, &is_live).await?;
        let ask = Ask { permit, from, now };
        let answer = self
            .send(&ask, &step, &SessionPolicy::of_nothing(permit))
            .await?;
        if !is_live() {
            return Err(MintError::Stopped);
        }
        let user = answer.assumed_role_user.ok_or(MintError::Nonsense)?;
        Ok(Some(AssumedRoleUser {
            arn: user.arn,
            id: user.assumed_role_id,
        }))
    }

    /// The role that is configured for a call.
    fn configured(&self, permit: &Permit) -> Result<&str, MintError> {
        let role = self.roles.of(permit).ok_or_else(|| {
            let account = permit.assessed().call().account().map(ToString::to_string);
            MintError::NoRole(account.unwrap_or_default())
        })?;
        Ok(role.arn.as_str())
    }

    /// Goes `way` up to its last step; gives that, and who takes it.
    async fn follow<'p>(
        &self,
        permit: &Permit,
        way: Way<'p>,
        now: Timestamp,
        is_live: &impl Fn() -> bool,
    ) -> Result<(Step<'p>, Option<Minted>), MintError> {
        let mut from = None;
        for step in way.steps() {
            let Some(next) = step.next else {
                return Ok((step, from));
            };
            let policy = SessionPolicy::of_step(permit, next).map_err(MintError::SessionPolicy)?;
            let ask = Ask { permit, from, now };
            from = match &self.ask(&ask, &step, &policy, is_live).await?.answer {
                Answer::Session(minted) => Some(minted.clone()),
                Answer::TooLarge(said) => return Err(MintError::TooLarge(said.clone())),
            };
        }
        Err(MintError::Nonsense)
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

    /// What STS makes of `policy` for a step, from the cache where it was asked before.
    async fn ask(
        &self,
        ask: &Ask<'_>,
        step: &Step<'_>,
        policy: &SessionPolicy,
        is_live: &impl Fn() -> bool,
    ) -> Asked {
        let now = ask.now;
        let key: Key = (*policy.cache_key(), step.key.clone());
        let is_over = |asked: &Asked| asked.as_ref().map_or(true, |kept| kept.until <= now);
        let kept = self.sessions.get(&key).await;
        let asked = match kept.filter(|asked| !is_over(asked)) {
            Some(asked) => asked,
            // Of calls that need the same session at once one asks and the others wait for it,
            // also where one is there that has ended: only to insert after the look above would
            // let two ask. Boxed, since hardly any call comes here and asking is large.
            None => {
                let assuming = Box::pin(self.assume(ask, step, policy));
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

    async fn assume(&self, ask: &Ask<'_>, step: &Step<'_>, policy: &SessionPolicy) -> Asked {
        let now = ask.now;
        let answer = match self.send(ask, step, policy).await {
            Ok(answer) => {
                Answer::Session(minted(answer.credentials.ok_or(MintError::Nonsense)?, now)?)
            }
            Err(MintError::TooLarge(said)) => Answer::TooLarge(said),
            Err(error) => return Err(error),
        };
        let assessed = ask.permit.assessed();
        let could_change = assessed.call().mutates() || assessed.is_question();
        let life = match could_change && step.next.is_none() {
            true => CHANGE_LIFE,
            false => SignedDuration::from_secs(LIFE.into()) - MARGIN,
        };
        let session = assessed.session();
        let until = later(now, life).min(answer.end()).min(session.ends());
        Ok(Arc::new(Kept {
            task: session.task.id().clone(),
            answer,
            until,
        }))
    }

    /// Asks STS for a session of a step's role.
    async fn send(
        &self,
        ask: &Ask<'_>,
        step: &Step<'_>,
        policy: &SessionPolicy,
    ) -> Result<AssumeRoleOutput, MintError> {
        let region = ask.permit.assessed().call().region().as_str();
        let client = match &ask.from {
            None => self.sts.client(region, ask.now),
            Some(minted) => self.sts.client_as(region, ask.now, minted),
        };
        let source_identity = step.source_identity();
        let answered = client
            .assume_role()
            .role_arn(step.role)
            .role_session_name(step.name().as_str())
            .set_source_identity(source_identity.map(|it| it.as_str().to_owned()))
            .set_external_id(step.external_id.map(str::to_owned))
            .duration_seconds(LIFE)
            .policy(policy.text())
            .send()
            .await;
        let (role, length) = (step.role, policy.length());
        tracing::debug!(role, length, "STS was asked for a session");
        answered.map_err(
            |error| match (MintError::of_answer(role, &error), &ask.from) {
                (MintError::NotTrusted { role, message }, Some(_)) => {
                    MintError::RoleNotTrusted { role, message }
                }
                (error, _) => error,
            },
        )
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
