//! Judging without serving: what `cordon decide` and `cordon preview` put requests to.

use crate::failure::{Failure, USAGE};
use crate::machine::{LineError, Reader, RequestLine};
use crate::output;
use cordon_aws::arn::AccountId;
use cordon_aws::sigv4::{AccessKeyId, SecretKey, SigningKeys};
use cordon_core::authenticate::{Ingress, Received};
use cordon_core::judge::{Judge, Judgement};
use cordon_core::session::{Session, SessionState};
use cordon_core::task::Task;
use jiff::Timestamp;
use std::sync::Arc;

/// A session on `task` that nobody works in: in `account`, else in the first of the task.
///
/// # Errors
/// When the task names no account.
pub(crate) fn session(
    task: Task,
    account: Option<&AccountId>,
    key_id: AccessKeyId,
    secret: SecretKey,
) -> Result<Session, Failure> {
    let account = match (account, task.accounts()) {
        (Some(account), _) => account.clone(),
        (None, [first, ..]) => first.clone(),
        (None, []) => return Err(Failure::new("the task names no account").code(USAGE)),
    };
    Ok(Session {
        id: "S-decide"
            .parse()
            .map_err(|error| Failure::because("the session's id cannot be used", &error))?,
        agent: task
            .agents()
            .first()
            .cloned()
            .unwrap_or_else(|| "agent".into()),
        started: task.launched_at(),
        task: Arc::new(task),
        key_id,
        keys: SigningKeys::new(secret),
        account,
        state: SessionState::Live,
        descent: None,
    })
}

/// A key pair that no request has to be signed with.
///
/// # Errors
/// Never, as long as the id has the form of one.
pub(crate) fn keys() -> Result<(AccessKeyId, SecretKey), Failure> {
    let key_id = "AKIACORDONDECIDE0001"
        .parse()
        .map_err(|error| Failure::because("the key id cannot be used", &error))?;
    Ok((key_id, SecretKey::new("never signed with".to_owned())))
}

/// Judges the request of a line.
///
/// # Errors
/// When it is no request, or has no single meaning.
pub(crate) fn judge_line(
    judge: &mut Judge<'_>,
    reader: &Reader,
    line: &RequestLine,
    now: Timestamp,
) -> Result<Judgement, LineError> {
    let received = Received {
        request: reader.request(line)?,
        reference: "OFFLINE"
            .parse()
            .map_err(|error| LineError::new("internal", error))?,
        ingress: Ingress::Offline,
        arrived: now,
    };
    judge
        .judge(received, now)
        .map_err(|error| LineError::new(error.code(), output::chain(&error)))
}
