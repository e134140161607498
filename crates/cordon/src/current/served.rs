//! The sessions that are served, as the store has them: takes the store and the policies, gives what the data plane
//! takes calls of.

use crate::failure::Failure;
use crate::launch::{begun, descended, recompile};
use crate::wiring::store_failed;
use cordon_core::names::{SessionId, TaskId};
use cordon_core::policy::Policies;
use cordon_core::session::{Session, SessionState, Sessions, Terms};
use cordon_core::task::Task;
use cordon_store::{Store, StoredSession, StoredTask, TaskState};
use jiff::Timestamp;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// The tasks that are under way, as they compiled against one version of the policies: compiling one takes long, and
/// so does telling from its compiled form whether it is still the stored one.
#[derive(Debug, Default)]
pub(super) struct Compiled(HashMap<TaskId, (StoredTask, Option<Arc<Task>>)>);

impl Compiled {
    /// Lets go of tasks that are over, and of those that are not what they were.
    fn keep(&mut self, tasks: &HashMap<TaskId, StoredTask>) {
        self.0.retain(|id, (stored, _)| {
            // Whether it is paused is not part of what it compiles to.
            tasks.get(id).is_some_and(|now| {
                stored.state = now.state;
                stored == now
            })
        });
    }

    fn task(&mut self, stored: &StoredTask, policies: &Policies) -> Option<Arc<Task>> {
        let entry = self.0.entry(stored.id.clone());
        let (_, task) = entry.or_insert_with(|| (stored.clone(), compiled_task(stored, policies)));
        task.clone()
    }
}

/// The sessions whose calls are taken: live ones of tasks that are under way and still mean what
/// they meant when they were launched. What did not change since `before` is taken from there: a session's keys
/// remember what was derived from them. `compiled` is of the same policies.
pub(super) async fn sessions(
    store: &dyn Store,
    policies: &Policies,
    before: &Sessions,
    compiled: &mut Compiled,
) -> Result<Sessions, Failure> {
    let tasks = store.tasks_under_way().await.map_err(store_failed)?;
    let tasks: HashMap<TaskId, StoredTask> = tasks
        .into_iter()
        .map(|task| (task.id.clone(), task))
        .collect();
    let known: HashMap<&SessionId, &Arc<Session>> = before
        .iter()
        .map(|session| (&session.id, session))
        .collect();
    compiled.keep(&tasks);
    let mut live: Vec<Arc<Session>> = Vec::new();
    let mut children = Vec::new();
    for session in store.live_sessions().await.map_err(store_failed)? {
        if let Some(terms) = session.child.clone() {
            children.push((session, terms));
            continue;
        }
        let Some(stored) = tasks.get(&session.task) else {
            continue;
        };
        let Some(task) = compiled.task(stored, policies) else {
            continue;
        };
        let state = match stored.state {
            TaskState::Paused => SessionState::Paused,
            _ => session.state,
        };
        let session = match known.get(&session.id) {
            Some(known) if known.state == state && Arc::ptr_eq(&known.task, &task) => {
                Arc::clone(known)
            }
            _ => Arc::new(begun(StoredSession { state, ..session }, task)),
        };
        live.push(session);
    }
    let now = Timestamp::now();
    children.retain(|(_, terms)| terms.ends > now);
    descend(&mut live, children, &known);
    Ok(Sessions::new(live))
}

/// Adds to `live` the sessions that descend from those in it, generation by generation. What its
/// parent does not have any more no child has, so one whose parent is not served is not either.
fn descend(
    live: &mut Vec<Arc<Session>>,
    mut children: Vec<(StoredSession, Terms)>,
    known: &HashMap<&SessionId, &Arc<Session>>,
) {
    let mut begins = 0;
    while begins < live.len() {
        let ends = live.len();
        for place in begins..ends {
            let Some(parent) = live.get(place).map(Arc::clone) else {
                continue;
            };
            for (stored, terms) in children.extract_if(.., |(_, terms)| terms.parent == parent.id) {
                let state = stored.state.max(parent.state);
                let unchanged = known
                    .get(&stored.id)
                    .filter(|known| known.state == state && Arc::ptr_eq(&known.task, &parent.task));
                match unchanged {
                    Some(unchanged) => live.push(Arc::clone(unchanged)),
                    None => live.extend(child(stored, terms, &parent)),
                }
            }
        }
        begins = ends;
    }
}

/// A child that no longer is one of its parent is not served; its calls are refused.
fn child(stored: StoredSession, terms: Terms, parent: &Session) -> Option<Arc<Session>> {
    let id = stored.id.clone();
    match descended(stored, terms, parent) {
        Ok(child) => Some(Arc::new(child)),
        Err(error) => {
            tracing::error!(session = %id, %error, "a child session is not served");
            None
        }
    }
}

/// The tasks that had a session before and have none now: stopped, or no longer what was launched.
pub(super) fn ended(before: &Sessions, now: &Sessions) -> HashSet<TaskId> {
    let tasks = |sessions: &Sessions| -> HashSet<TaskId> {
        let tasks = sessions.iter().map(|session| session.task.id().clone());
        tasks.collect()
    };
    &tasks(before) - &tasks(now)
}

/// A task that no longer compiles to what was launched is not served; its calls are refused.
fn compiled_task(stored: &StoredTask, policies: &Policies) -> Option<Arc<Task>> {
    match recompile(stored, policies) {
        Ok(task) => Some(Arc::new(task)),
        Err(failure) => {
            tracing::error!(task = %stored.id, "{failure}");
            None
        }
    }
}
