//! What is in force: sessions, policies, people and posture, kept up with the store, the bundle's
//! folder, the file of people and what providers of identities told of those who are signed in.
//!
//! Takes store, configuration and the first policies; keeps the data plane's [`Live`] values as
//! the store and the folder have them. Everything that sets sessions or policies goes through
//! [`Current`], one reading at a time, so that no slower reading ever overwrites a newer one and
//! tasks are always those compiled against the policies in force. A bundle that does not validate
//! is reported and the last good one stays in force.

mod served;

use crate::bundle::Bundle;
use crate::config::Config;
use crate::failure::Failure;
use crate::people;
use crate::wiring::store_failed;
use cordon_broker::Broker;
use cordon_core::names::{SessionId, TaskId};
use cordon_core::people::People;
use cordon_core::policy::Policies;
use cordon_core::posture::Postures;
use cordon_core::session::Sessions;
use cordon_proxy::{Live, Snapshot};
use cordon_store::Store;
use jiff::Timestamp;
use served::{Compiled, ended, sessions};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::sync::Mutex;
use tokio::time::Interval;

/// How often the bundle's folder is looked at.
const BEAT: Duration = Duration::from_millis(500);

/// The live values and where they come from.
#[derive(Debug)]
pub(crate) struct Current {
    store: Arc<dyn Store>,
    live: Arc<Live>,
    /// As the file names them, without what providers told. Held until they are in force.
    people: Mutex<Arc<People>>,
    /// Loses the credentials of tasks that are no longer served.
    broker: Arc<Broker>,
    /// Held from the first read of the store to the setting of what it gave.
    reading: Mutex<Compiled>,
    /// Sessions that ended while a reading may have been under way that still saw them: it is set
    /// without them. Locked wherever sessions are set.
    gone: std::sync::Mutex<HashSet<SessionId>>,
}

impl Current {
    /// Reads everything a first time.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn read(
        store: Arc<dyn Store>,
        policies: Arc<Policies>,
        people: Arc<People>,
        broker: Arc<Broker>,
    ) -> Result<Self, Failure> {
        let mut compiled = Compiled::default();
        let none = Sessions::default();
        let live = Arc::new(Live::new(Snapshot {
            sessions: Arc::new(sessions(&*store, &policies, &none, &mut compiled).await?),
            policies,
            posture: Postures::new(store.postures().await.map_err(store_failed)?),
            people: Arc::clone(&people),
        }));
        let current = Self {
            store,
            live,
            people: Mutex::new(people),
            broker,
            reading: Mutex::new(compiled),
            gone: std::sync::Mutex::default(),
        };
        current.take_people(None).await?;
        Ok(current)
    }

    /// For the data plane.
    pub(crate) fn live(&self) -> &Arc<Live> {
        &self.live
    }

    /// The policies in force.
    pub(crate) fn policies(&self) -> Arc<Policies> {
        Arc::clone(&self.live.snapshot().policies)
    }

    /// Reads the sessions again now.
    ///
    /// # Errors
    /// When the store fails; the sessions stay as they were.
    pub(crate) async fn refresh(&self) -> Result<(), Failure> {
        let mut compiled = self.reading.lock().await;
        let gone = self.gone().clone();
        let before = self.live.snapshot();
        let read = sessions(
            &*self.store,
            &before.policies,
            &before.sessions,
            &mut compiled,
        );
        let sessions = read.await?;
        let ended = ended(&before.sessions, &sessions);
        self.serve(sessions, &gone, |sessions| self.live.set_sessions(sessions));
        self.forget(ended).await;
        Ok(())
    }

    /// Ends what the store says is stopped, before and beside any reading of the rest, which takes longer.
    async fn end_what_is_stopped(&self) -> Result<(), Failure> {
        // First, so that a session that begins meanwhile is none of them.
        let before = self.live.snapshot();
        let standing = self.store.standing().await.map_err(store_failed)?;
        let standing: HashSet<SessionId> = standing.into_iter().collect();
        let stopped = before.sessions.iter().map(|session| &session.id);
        let stopped: Vec<&SessionId> = stopped.filter(|id| !standing.contains(*id)).collect();
        if stopped.is_empty() {
            return Ok(());
        }
        let after = {
            let mut gone = self.gone();
            gone.extend(stopped.into_iter().cloned());
            let after = Arc::new(self.live.snapshot().sessions.without(&gone));
            self.live.set_sessions(Arc::clone(&after));
            after
        };
        self.forget(ended(&before.sessions, &after)).await;
        Ok(())
    }

    /// Sets what a reading gave, without what ended since; `gone_before` is what had ended before it began.
    fn serve(
        &self,
        sessions: Sessions,
        gone_before: &HashSet<SessionId>,
        set: impl FnOnce(Arc<Sessions>),
    ) {
        let mut gone = self.gone();
        gone.retain(|id| !gone_before.contains(id));
        set(Arc::new(match gone.is_empty() {
            true => sessions,
            false => sessions.without(&gone),
        }));
    }

    fn gone(&self) -> MutexGuard<'_, HashSet<SessionId>> {
        self.gone.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drops the credentials of tasks that are no longer served. Only after their sessions are out
    /// of the live ones: whoever mints for one at this moment looks there after STS has answered.
    async fn forget(&self, ended: HashSet<TaskId>) {
        for task in ended {
            self.broker.forget(&task).await;
        }
    }

    /// Puts other policies in force, and the tasks as they compile against them.
    async fn replace(&self, policies: Arc<Policies>) -> Result<(), Failure> {
        let mut compiled = self.reading.lock().await;
        let gone = self.gone().clone();
        let before = self.live.snapshot();
        let (none, mut anew) = (Sessions::default(), Compiled::default());
        let sessions = sessions(&*self.store, &policies, &none, &mut anew).await?;
        *compiled = anew;
        let ended = ended(&before.sessions, &sessions);
        self.serve(sessions, &gone, |sessions| {
            self.live.set_policies(policies, sessions);
        });
        self.forget(ended).await;
        Ok(())
    }

    /// Reads sessions and posture again whenever the store changes.
    pub(crate) async fn follow_store(self: Arc<Self>) {
        let mut changes = self.store.changes();
        let mut claimed = self.claims_end().await;
        // What was read when it started may be older than the store is by now.
        changes.mark_changed();
        loop {
            tokio::select! {
                changed = changes.changed() => {
                    if changed.is_err() {
                        return;
                    }
                }
                () = over(claimed) => {}
            }
            // Before it is read what changed, which may then be newer than this number, and never older.
            let number = *changes.borrow_and_update();
            let in_force = self.put_in_force().await;
            let heeded = match in_force {
                Ok(()) => self.store.heed(number).await.map_err(store_failed),
                Err(failure) => Err(failure),
            };
            if let Err(failure) = heeded {
                tracing::error!("{failure}");
            }
            claimed = self.claims_end().await;
        }
    }

    /// Puts posture, tasks and sessions in force as the store has them now, what stops before what is
    /// read for longer. Nothing is sent any more by what was before once this answers.
    ///
    /// # Errors
    /// When the store fails: what could not be read stays as it was.
    pub(crate) async fn put_in_force(&self) -> Result<(), Failure> {
        let ended = self.end_what_is_stopped().await;
        let postures = self.take_postures().await;
        let refreshed = self.refresh().await;
        self.live.settled().await;
        ended.and(refreshed).and(postures)
    }

    /// Puts what providers tell of people in force; gives when the next of it ends.
    async fn claims_end(&self) -> Option<Timestamp> {
        match self.take_people(None).await {
            Ok(end) => end,
            Err(failure) => {
                tracing::error!(
                    "what was told of people who are signed in does not count: {failure}"
                );
                None
            }
        }
    }

    /// Puts people in force: those of the file, which may have been `replaced`, with what providers
    /// tell of those who are signed in now. Gives when the first of that ends.
    /// Where it cannot be read nothing that they told counts.
    async fn take_people(&self, replaced: Option<People>) -> Result<Option<Timestamp>, Failure> {
        let mut people = self.people.lock().await;
        if let Some(replaced) = replaced {
            *people = Arc::new(replaced);
        }
        let now = Timestamp::now();
        let claims = match self.store.claims(now).await {
            Ok(claims) => claims,
            Err(error) => {
                self.live.set_people(Arc::clone(&people));
                return Err(store_failed(error));
            }
        };
        let in_force = match claims.as_slice() {
            [] => Arc::clone(&people),
            claims => {
                let claims = claims.iter().map(|one| (&one.person, &one.claim));
                Arc::new(people.with_claims(claims))
            }
        };
        if self.live.snapshot().people != in_force {
            self.live.set_people(in_force);
        }
        Ok(claims.iter().map(|one| one.until).min())
    }

    /// Puts what leaders declared in force. When each of it holds is asked for every call, so that nothing
    /// need happen here when its time comes or is over.
    async fn take_postures(&self) -> Result<(), Failure> {
        let declared = self.store.postures().await.map_err(store_failed)?;
        let postures = Postures::new(declared);
        if self.live.snapshot().posture != postures {
            self.live.set_posture(postures);
        }
        Ok(())
    }

    /// Loads the bundle again whenever a file of its folder changes.
    pub(crate) async fn follow_bundle(self: Arc<Self>, config: Config) {
        let Some(folder) = config.policies.clone() else {
            return;
        };
        let mut changes = Changes::of(|| files_of(&folder));
        loop {
            changes.next().await;
            let loaded = Bundle::of(&config).and_then(|bundle| bundle.load());
            let policies = match loaded {
                Ok(policies) => Arc::new(policies),
                Err(failure) => {
                    tracing::error!(
                        "the changed policies are not used, the last good ones stay in force: {failure}"
                    );
                    continue;
                }
            };
            match self.replace(Arc::clone(&policies)).await {
                Ok(()) => tracing::info!(version = policies.version(), "policies reloaded"),
                Err(failure) => tracing::error!("{failure}"),
            }
        }
    }

    /// Reads the people again whenever their file changes. A file with faults is reported, and who
    /// counted before goes on to count.
    pub(crate) async fn follow_people(self: Arc<Self>, config: Config) {
        let Some(file) = config.people.clone() else {
            return;
        };
        let mut changes = Changes::of(|| vec![file.clone()]);
        loop {
            changes.next().await;
            match people::read(&config) {
                Ok(people) => {
                    people::compare(&config, &self.policies(), &people);
                    match self.take_people(Some(people)).await {
                        Ok(_) => tracing::info!("people read again"),
                        Err(failure) => tracing::error!("{failure}"),
                    }
                }
                Err(failure) => tracing::error!(
                    "the changed file of people is not used, who counted before goes on to count: {failure}"
                ),
            }
        }
    }
}

/// Waits until `until`; for ever where there is no such moment. In short steps, because a machine
/// may sleep and its clock may be set.
async fn over(until: Option<Timestamp>) {
    let Some(until) = until else {
        return std::future::pending().await;
    };
    loop {
        let left = until.duration_since(Timestamp::now());
        match Duration::try_from(left) {
            Ok(left) if !left.is_zero() => tokio::time::sleep(left.min(BEAT)).await,
            _ => return,
        }
    }
}

/// Files that are looked at beat by beat: those that `files` names at each.
struct Changes<F> {
    files: F,
    seen: Stamp,
    beat: Interval,
}

/// Size and time of each file, as itself and as what it links to; nothing where it cannot be read.
type Stamp = Vec<(PathBuf, [Option<(u64, Option<SystemTime>)>; 2])>;

impl<F: Fn() -> Vec<PathBuf>> Changes<F> {
    fn of(files: F) -> Self {
        Self {
            seen: stamp(files()),
            beat: tokio::time::interval(BEAT),
            files,
        }
    }

    /// Waits until one of them is not what it was.
    async fn next(&mut self) {
        loop {
            self.beat.tick().await;
            let now = stamp((self.files)());
            if now != self.seen {
                self.seen = now;
                return;
            }
        }
    }
}

fn stamp(files: Vec<PathBuf>) -> Stamp {
    let stamps = files.into_iter().map(|file| {
        let details = [file.symlink_metadata(), file.metadata()].map(|details| {
            let details = details.ok()?;
            Some((details.len(), details.modified().ok()))
        });
        (file, details)
    });
    let mut stamps: Stamp = stamps.collect();
    stamps.sort();
    stamps
}

/// What is in a folder; nothing where it cannot be read.
fn files_of(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::launch::{LaunchOptions, begun, launch};
    use cordon_broker::BrokerConfig;
    use cordon_core::decide::Posture;
    use cordon_core::people::Claim;
    use cordon_core::posture::{Declared, Scope, When};
    use cordon_core::session::{
        AssumedRole, Placeholder, PlaceholderKind, Session, SessionState, Terms,
    };
    use cordon_core::task::Mode;
    use cordon_store::{
        Pass, PassKind, SecretHash, SqliteOptions, StoredSession, TaskState, open_sqlite,
    };
    use std::collections::BTreeSet;

    /// A store with one session on the example's task, and what is in force over it.
    struct Stage {
        _folder: tempfile::TempDir,
        current: Current,
        session: SessionId,
        task: TaskId,
    }

    async fn stage() -> Stage {
        let folder = tempfile::tempdir().unwrap();
        let store = open_sqlite(folder.path(), SqliteOptions::default()).await;
        let store: Arc<dyn Store> = Arc::new(store.unwrap());
        let policies = Arc::new(Bundle::baseline().load().unwrap());
        let options = LaunchOptions {
            task: Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/start.toml"),
            sponsor: Some("tester".to_owned()),
            agent: None,
            account: None,
            mode: None,
        };
        let session = launch(&*store, &policies, &options).await.unwrap();
        let broker = Arc::new(Broker::new(BrokerConfig::default()).await);
        Stage {
            _folder: folder,
            current: Current::read(store, policies, Arc::default(), broker)
                .await
                .unwrap(),
            session: session.id.clone(),
            task: session.task.id().clone(),
        }
    }

    impl Stage {
        fn session(&self) -> Option<Arc<Session>> {
            let sessions = &self.current.live.snapshot().sessions;
            let mine = sessions.iter().find(|session| session.id == self.session);
            mine.cloned()
        }

        async fn refreshed(&self) -> Option<Arc<Session>> {
            self.current.refresh().await.unwrap();
            self.session()
        }
    }

    #[tokio::test]
    async fn a_session_that_was_stopped_is_gone_and_so_are_those_of_a_stopped_task() {
        let stage = stage().await;
        let store = &stage.current.store;
        let stopped = SessionState::Stopped;
        store
            .set_session_state(&stage.session, stopped)
            .await
            .unwrap();
        assert!(stage.refreshed().await.is_none());

        let stage = self::stage().await;
        let store = &stage.current.store;
        store
            .set_task_state(&stage.task, TaskState::Stopped)
            .await
            .unwrap();
        assert!(stage.refreshed().await.is_none());
    }

    impl Stage {
        /// Keeps a session that `parent` began as a role of the task's account.
        async fn begin(&self, seed: u8, parent: &SessionId, ends: Timestamp) -> SessionId {
            let random = [seed; Placeholder::RANDOM];
            let keys = Placeholder::of(PlaceholderKind::Lent, &random);
            let child = StoredSession {
                id: keys.session.clone(),
                task: self.task.clone(),
                key_id: keys.key_id,
                secret: keys.secret,
                agent: "tester".into(),
                account: "111122223333".parse().unwrap(),
                started: Timestamp::now(),
                state: SessionState::Live,
                child: Some(Terms {
                    parent: parent.clone(),
                    ends,
                    role: Some(AssumedRole {
                        arn: "arn:aws:iam::111122223333:role/deploy".parse().unwrap(),
                        external_id: None,
                    }),
                    policy: None,
                    express: None,
                }),
            };
            self.current.store.put_session(child).await.unwrap();
            keys.session
        }

        /// The states of these sessions, of those that are served.
        fn states(&self, ids: &[&SessionId]) -> Vec<Option<SessionState>> {
            let sessions = &self.current.live.snapshot().sessions;
            let state = |id: &&SessionId| {
                let mut found = sessions.iter().filter(|session| session.id == **id);
                found.next().map(|session| session.state)
            };
            ids.iter().map(state).collect()
        }
    }

    #[tokio::test]
    async fn children_are_served_as_their_parents_are_and_after_a_restart() {
        use SessionState::{Live, Paused, Stopped};
        let stage = stage().await;
        let later = Timestamp::now() + jiff::SignedDuration::from_mins(30);
        let child = stage.begin(1, &stage.session, later).await;
        let grandchild = stage.begin(2, &child, later).await;
        let ended = stage.begin(3, &stage.session, Timestamp::now()).await;
        let launched = stage.session.clone();
        let all = [&launched, &child, &grandchild, &ended];
        let before = stage.refreshed().await.unwrap();
        assert_eq!(
            stage.states(&all),
            [Some(Live), Some(Live), Some(Live), None]
        );

        let store = Arc::clone(&stage.current.store);
        let broker = Arc::clone(&stage.current.broker);
        let again = Current::read(store, stage.current.policies(), Arc::default(), broker).await;
        let again = Stage {
            current: again.unwrap(),
            ..stage
        };
        assert_eq!(
            again.states(&all),
            [Some(Live), Some(Live), Some(Live), None]
        );
        let sessions = Arc::clone(&again.current.live.snapshot().sessions);
        let restored = sessions
            .iter()
            .find(|session| session.id == grandchild)
            .unwrap();
        let descent = restored.descent.as_ref().unwrap();
        assert_eq!(descent.roles().len(), 2);
        assert!(restored.ends() <= later && restored.ends() <= before.ends());

        let store = &again.current.store;
        store
            .set_task_state(&again.task, TaskState::Paused)
            .await
            .unwrap();
        again.current.refresh().await.unwrap();
        assert_eq!(
            again.states(&all),
            [Some(Paused), Some(Paused), Some(Paused), None]
        );
        store
            .set_task_state(&again.task, TaskState::Active)
            .await
            .unwrap();
        store.set_session_state(&child, Paused).await.unwrap();
        again.current.refresh().await.unwrap();
        assert_eq!(
            again.states(&all),
            [Some(Live), Some(Paused), Some(Paused), None]
        );
        store
            .set_session_state(&again.session, Stopped)
            .await
            .unwrap();
        again.current.refresh().await.unwrap();
        assert_eq!(again.states(&all), [None; 4]);
    }

    #[tokio::test]
    async fn a_reading_that_began_before_a_stop_brings_nobody_back() {
        let stage = stage().await;
        let current = &stage.current;
        // As it is read before the stop, and set after it.
        let read = Sessions::clone(&current.live.snapshot().sessions);
        let gone = current.gone().clone();
        let stopped = current.store.stop_tasks(Timestamp::now()).await;
        assert_eq!(stopped.unwrap(), std::slice::from_ref(&stage.task));
        current.end_what_is_stopped().await.unwrap();
        assert!(stage.session().is_none());
        current.serve(read, &gone, |sessions| current.live.set_sessions(sessions));
        assert!(stage.session().is_none());
        current.put_in_force().await.unwrap();
        assert!(current.gone().is_empty(), "no reading is left that saw it");
    }

    #[tokio::test]
    async fn a_session_that_begins_while_it_is_looked_what_stopped_is_none_of_that() {
        let stage = stage().await;
        let later = Timestamp::now() + jiff::SignedDuration::from_mins(30);
        let child = stage.begin(1, &stage.session, later).await;
        // It is in the store and not yet served.
        stage.current.end_what_is_stopped().await.unwrap();
        assert!(stage.current.gone().is_empty());
        stage.refreshed().await.unwrap();
        assert_eq!(stage.states(&[&child]), [Some(SessionState::Live)]);
    }

    #[tokio::test]
    async fn after_a_stop_of_everything_nobody_is_served_before_it_is_told() {
        let stage = stage().await;
        let later = Timestamp::now() + jiff::SignedDuration::from_mins(30);
        let child = stage.begin(1, &stage.session, later).await;
        stage.refreshed().await.unwrap();
        assert_eq!(
            stage.states(&[&stage.session, &child]),
            [Some(SessionState::Live); 2]
        );
        let stopped = stage.current.store.stop_tasks(Timestamp::now()).await;
        assert_eq!(stopped.unwrap(), std::slice::from_ref(&stage.task));
        stage.current.put_in_force().await.unwrap();
        assert_eq!(stage.states(&[&stage.session, &child]), [None; 2]);
        // What cannot be read is not in force, and whoever asked is told so.
        stage.current.store.shut_down().await.unwrap();
        assert!(stage.current.put_in_force().await.is_err());
    }

    #[tokio::test]
    async fn a_task_has_ended_when_its_last_session_is_gone() {
        let stage = stage().await;
        let before = Arc::clone(&stage.current.live.snapshot().sessions);
        let mut other = StoredSession {
            id: "S-2".parse().unwrap(),
            task: stage.task.clone(),
            key_id: "AKIACRDN000000000002".parse().unwrap(),
            secret: cordon_aws::sigv4::SecretKey::new("placeholder".to_owned()),
            agent: "tester".into(),
            account: "111122223333".parse().unwrap(),
            started: Timestamp::UNIX_EPOCH,
            state: SessionState::Live,
            child: None,
        };
        let task = Arc::clone(&stage.session().unwrap().task);
        other.state = SessionState::Paused;
        let one_left = Sessions::new([Arc::new(begun(other, task))]);
        assert!(ended(&before, &one_left).is_empty());
        let gone = ended(&one_left, &Sessions::default());
        assert_eq!(gone, HashSet::from([stage.task.clone()]));
    }

    #[tokio::test]
    async fn what_is_steered_is_read_again() {
        let stage = stage().await;
        let store = &stage.current.store;
        let before = stage.session().unwrap();
        assert_eq!(before.task.mode(), Mode::Preview);

        store
            .set_task_state(&stage.task, TaskState::Paused)
            .await
            .unwrap();
        let paused = stage.refreshed().await.unwrap();
        assert_eq!(paused.state, SessionState::Paused);
        assert!(Arc::ptr_eq(&paused.task, &before.task));

        store.set_task_mode(&stage.task, Mode::Live).await.unwrap();
        let live = stage.refreshed().await.unwrap();
        assert_eq!(live.task.mode(), Mode::Live);

        let end = before.task.expires_at() + jiff::SignedDuration::from_mins(1);
        store.extend_task(&stage.task, end).await.unwrap();
        let longer = stage.refreshed().await.unwrap();
        assert_eq!(longer.task.expires_at(), end);
    }

    #[tokio::test]
    async fn what_a_provider_told_counts_until_the_sign_in_ends() {
        let stage = stage().await;
        let store = &stage.current.store;
        let person: cordon_core::names::Person = "kim@example.com".parse().unwrap();
        let senior = "senior".parse().unwrap();
        let counts = || {
            let people = Arc::clone(&stage.current.live.snapshot().people);
            people.is_member(&person, &senior)
        };
        let now = Timestamp::now();
        let pass = |secret: &str, expires| Pass {
            secret: SecretHash::of(secret),
            kind: PassKind::Terminal,
            checks: BTreeSet::new(),
            person: person.clone(),
            signed_in: now,
            expires,
            revoked: None,
            claim: Some(Claim {
                groups: ["senior".parse().unwrap()].into(),
                ..Claim::default()
            }),
        };
        let later = now + jiff::SignedDuration::from_hours(1);
        let kept = pass("one", later);
        store.put_pass(kept.clone()).await.unwrap();
        assert!(!counts());
        let end = stage.current.claims_end().await;
        assert_eq!(
            end.map(Timestamp::as_microsecond),
            Some(later.as_microsecond())
        );
        assert!(counts());
        // Another file takes away nothing that the provider told.
        let file = stage.current.take_people(Some(People::default())).await;
        assert!(file.is_ok() && counts());
        store.revoke_pass(kept.secret.id(), now).await.unwrap();
        assert_eq!(stage.current.claims_end().await, None);
        assert!(!counts());
        // One whose time is over counts for nothing, without anybody saying so.
        store.put_pass(pass("two", now)).await.unwrap();
        assert_eq!(stage.current.claims_end().await, None);
        assert!(!counts());
    }

    #[tokio::test]
    async fn what_leaders_declare_is_in_force_once_it_is_told() {
        let stage = stage().await;
        let store = &stage.current.store;
        let declared = Declared {
            id: "everything".into(),
            scope: Scope::Everything,
            posture: Posture::Freeze,
            message: "Sale".into(),
            by: "mei".into(),
            since: Timestamp::from_second(1_795_600_000).unwrap(),
            when: When::Now { until: None },
        };
        store.declare_posture(declared.clone()).await.unwrap();
        stage.current.put_in_force().await.unwrap();
        let live = &stage.current.live;
        assert_eq!(
            live.snapshot().posture.iter().collect::<Vec<_>>(),
            [&declared]
        );
        store.lift_posture("everything").await.unwrap();
        stage.current.put_in_force().await.unwrap();
        assert!(live.snapshot().posture.is_empty());
    }

    #[tokio::test]
    async fn a_session_that_nothing_changed_stays_the_same_one() {
        let stage = stage().await;
        let before = stage.session().unwrap();
        let after = stage.refreshed().await.unwrap();
        assert!(Arc::ptr_eq(&before, &after));
    }

    #[tokio::test]
    async fn other_policies_compile_every_task_again() {
        let stage = stage().await;
        let before = stage.session().unwrap();
        let other = Arc::new(Bundle::baseline().load().unwrap());
        stage.current.replace(Arc::clone(&other)).await.unwrap();
        assert!(Arc::ptr_eq(&stage.current.policies(), &other));
        assert!(!Arc::ptr_eq(&before.task, &stage.session().unwrap().task));
    }
}
