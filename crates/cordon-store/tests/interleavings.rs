//! Requests, votes, reports of checks, changes, expiry, revocation, crashes and restarts in every order that chance
//! makes of them, against the real store: what was approved goes once, and only that.
//!
//! An interleaving is one task with a sponsor and four other people, driven by its own seed. Many
//! run at once on one store, which is dropped in the middle with everything in flight, opened anew
//! and used on; a second process votes. Everything that is asked of the store is noted before, and
//! every answer after, so that the end can be judged from the notes: not one of them rests on what
//! the code under test concludes. In the words of the project's invariants:
//!
//! - an approval lets go the very call and state that it was given for, with every check passed, and the
//!   calls of a batch in its order, each once those before it were answered well (I6);
//! - once, in its time, for its task, whatever crashed meanwhile (I7);
//! - by people who count at that moment, never by the sponsor (I8);
//! - and nothing of a task after its stop was acknowledged (I13).

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests"
)]

mod fixture;
mod judge;

use cordon_core::hold::{Answer, Batch, CheckResult, Hold, Reason, Report, StateDigest, Vote};
use cordon_core::names::{ApproverGroup, BatchId, CheckName, HoldId, Person, TaskId};
use cordon_core::people::{Membership, People};
use cordon_core::record::CallRecord;
use cordon_store::{
    Budget, HoldBounds, HoldFilter, Proposal, Proposed, RecordError, Sought, Store, StoreError,
    TaskState, propose, seek,
};
use fixture::*;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::runtime::Runtime;
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// How many interleavings, unless this variable says otherwise. CI runs 100,000.
const INTERLEAVINGS: &str = "CORDON_INTERLEAVINGS";
/// How many races, unless this variable says otherwise. CI runs 10,000.
const RACES: &str = "CORDON_RACES";

/// How many share a store, and a crash.
const TOGETHER: usize = 500;
/// Steps of one interleaving.
const STEPS: u32 = 14;

const PEOPLE: [&str; 5] = ["mia@example.com", "mei", "ola", "kim", "eve"];
const SPONSOR: &str = PEOPLE[0];
/// For whom the machine reports, and who is one of the people without any group.
const MACHINE: &str = "ci";

fn wanted(variable: &str, usual: usize) -> usize {
    let text = std::env::var(variable).ok();
    text.map_or(usual, |text| text.parse().unwrap())
}

#[test]
fn whatever_happens_in_whatever_order_an_approval_lets_one_call_go() {
    let wanted = wanted(INTERLEAVINGS, 2_000);
    let mut sum = Sum::default();
    let mut chance = Chance(1);
    for first in (0..wanted).step_by(TOGETHER) {
        let seeds = first..wanted.min(first + TOGETHER);
        sum.add(&round(seeds.map(|seed| seed as u64), &mut chance));
    }
    println!("{wanted} interleavings: {sum:?}");
    // What never happened was not tried.
    let Sum {
        went,
        gone,
        crashes,
        opened,
        rejected,
        changed,
        lapsed,
        unanswered,
        withdrawn,
        checked,
        failed,
        stopped_at_once,
        proposed,
        in_order,
        out_of_turn,
        broken,
    } = sum;
    for (what, count) in [
        ("calls let go", went),
        ("approvals that were gone", gone),
        ("crashes", crashes),
        ("holds", opened),
        ("rejections", rejected),
        ("changed", changed),
        ("lapsed", lapsed),
        ("unanswered", unanswered),
        ("withdrawn", withdrawn),
        ("calls let go after a check", checked),
        ("failed checks", failed),
        ("stops of everything", stopped_at_once),
        ("batches", proposed),
        ("calls let go behind another of their batch", in_order),
        ("calls out of turn", out_of_turn),
        ("broken", broken),
    ] {
        assert!(count > 0, "no {what} in {wanted} interleavings");
    }
}

#[test]
fn of_64_retries_on_one_approval_one_goes_every_time() {
    let races = wanted(RACES, 200);
    runtime().block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = Arc::new(serve(folder.path()).await);
        for race in 0..races {
            let [task, id, digest] = ["T-", "H-", "sha256:"].map(|kind| format!("{kind}{race}"));
            let held = hold(&id, &task, &digest);
            store.open_hold(held.clone(), unbounded()).await.unwrap();
            store.vote(&held.id, 0, yes("mei", 20)).await.unwrap();
            let mut retries = JoinSet::new();
            for retry in 0..64 {
                let store = Arc::clone(&store);
                let record = CallRecord {
                    digest: digest.as_str().into(),
                    ..approved(&format!("R{race}-{retry}"), &task, &id, 1)
                };
                retries.spawn(async move {
                    match store.record(record, Budget::default()).await {
                        Ok(_) => 1,
                        Err(RecordError::ApprovalGone) => 0,
                        Err(other) => panic!("{other}"),
                    }
                });
            }
            let went: u32 = retries.join_all().await.into_iter().sum();
            assert_eq!(went, 1, "race {race}");
            let used = store.ledger(&task.parse().unwrap()).await.unwrap().used;
            assert_eq!(used.mutations, 1, "race {race}");
        }
        store.shut_down().await.unwrap();
    });
    println!("{races} races of 64");
}

/// What came of interleavings.
#[derive(Debug, Default)]
struct Sum {
    went: usize,
    gone: usize,
    crashes: usize,
    opened: usize,
    rejected: usize,
    changed: usize,
    lapsed: usize,
    unanswered: usize,
    withdrawn: usize,
    checked: usize,
    failed: usize,
    stopped_at_once: usize,
    proposed: usize,
    in_order: usize,
    out_of_turn: usize,
    broken: usize,
}

impl Sum {
    fn add(&mut self, other: &Self) {
        self.went += other.went;
        self.gone += other.gone;
        self.crashes += other.crashes;
        self.opened += other.opened;
        self.rejected += other.rejected;
        self.changed += other.changed;
        self.lapsed += other.lapsed;
        self.unanswered += other.unanswered;
        self.withdrawn += other.withdrawn;
        self.checked += other.checked;
        self.failed += other.failed;
        self.stopped_at_once += other.stopped_at_once;
        self.proposed += other.proposed;
        self.in_order += other.in_order;
        self.out_of_turn += other.out_of_turn;
        self.broken += other.broken;
    }
}

/// Runs interleavings on one store through some crashes to their end, and judges them.
fn round(seeds: impl Iterator<Item = u64>, chance: &mut Chance) -> Sum {
    let folder = tempfile::tempdir().unwrap();
    let cases: Vec<Arc<Case>> = seeds.map(|seed| Arc::new(Case::new(seed))).collect();
    let crashes = chance.below(4);
    let all = cases.len() * STEPS as usize;
    let switch = Arc::new(Switch {
        cases: cases.clone(),
        // Late, since nothing happens to any task after it, and in every other round not at all.
        steps_left: AtomicUsize::new(all / 2 + chance.below(all)),
        used: AtomicUsize::new(0),
    });
    let mut sum = Sum::default();
    for life in 0..=crashes {
        // A life ends after so many steps of all: the last one when nothing is left to do.
        let until = match life < crashes {
            true => 1 + chance.below(all.max(2) - 1),
            false => usize::MAX,
        };
        live(folder.path(), &switch, until);
        sum.crashes += usize::from(life < crashes);
    }
    runtime().block_on(async {
        let store = serve(folder.path()).await;
        store.check().await.unwrap();
        for case in &cases {
            sum.add(&case.judge(&store).await);
        }
        store.shut_down().await.unwrap();
    });
    sum.stopped_at_once = switch.used.load(Ordering::Relaxed);
    sum
}

fn runtime() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().unwrap()
}

/// What stops everything at once, in the middle of all cases of a round.
struct Switch {
    cases: Vec<Arc<Case>>,
    steps_left: AtomicUsize,
    used: AtomicUsize,
}

impl Switch {
    /// Counts a step of any case, and after the last stops every task.
    async fn stepped(&self, place: &Place) {
        if self.steps_left.fetch_sub(1, Ordering::Relaxed) != 1 {
            return;
        }
        let now = self.cases.iter().map(|case| case.notes.lock().unwrap().now);
        let now = now.max().unwrap();
        match place.visitor.stop_tasks(now).await {
            Ok(_) => {
                for case in &self.cases {
                    case.notes.lock().unwrap().stop();
                }
                self.used.fetch_add(1, Ordering::Relaxed);
            }
            Err(StoreError::Locked(_)) => {}
            Err(error) => place.end(error).await,
        }
    }
}

/// One life of a serving process: all cases go on until so many steps were taken, and everything is
/// dropped where it stands.
fn live(folder: &Path, switch: &Arc<Switch>, until: usize) {
    let runtime = runtime();
    runtime.block_on(async {
        let store: Arc<dyn Store> = Arc::new(reopened(folder).await);
        let visitor: Arc<dyn Store> = Arc::new(visit(folder).await);
        let (taken, crash) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let dying = Arc::new(AtomicBool::new(false));
        let mut running = JoinSet::new();
        for case in &switch.cases {
            let (case, taken, crash) = (Arc::clone(case), Arc::clone(&taken), Arc::clone(&crash));
            let switch = Arc::clone(switch);
            let at = Place {
                store: Arc::clone(&store),
                visitor: Arc::clone(&visitor),
                dying: Arc::clone(&dying),
            };
            running.spawn(async move {
                case.begin(&at).await;
                while case.step(&at).await {
                    if taken.fetch_add(1, Ordering::Relaxed) + 1 == until {
                        at.dying.store(true, Ordering::SeqCst);
                        crash.notify_one();
                    }
                    switch.stepped(&at).await;
                }
            });
        }
        tokio::select! {
            () = crash.notified() => {}
            () = async { while let Some(ended) = running.join_next().await { ended.unwrap(); } } => {
                store.shut_down().await.unwrap();
                visitor.shut_down().await.unwrap();
            }
        }
    });
    runtime.shutdown_background();
}

/// The store, as soon as the process before has let go of it.
async fn reopened(folder: &Path) -> cordon_store::Sqlite {
    let options = || cordon_store::SqliteOptions {
        purpose: cordon_store::Purpose::Serve,
        max_pages: None,
    };
    loop {
        match cordon_store::open_sqlite(folder, options()).await {
            Ok(store) => return store,
            Err(StoreError::InUse { .. } | StoreError::Locked(_)) => {
                tokio::task::yield_now().await;
            }
            Err(error) => panic!("{error}: {error:?}"),
        }
    }
}

fn unbounded() -> HoldBounds {
    HoldBounds {
        of_task: u32::MAX,
        all: u32::MAX,
    }
}

/// The two processes that a case uses.
#[derive(Clone)]
struct Place {
    store: Arc<dyn Store>,
    visitor: Arc<dyn Store>,
    dying: Arc<AtomicBool>,
}

impl Place {
    /// What became of something that nothing explains but the end of the process that it was asked
    /// of: whoever asked ends with it, and never learns.
    async fn end<T>(&self, error: impl std::fmt::Display) -> T {
        if self.dying.load(Ordering::SeqCst) {
            return std::future::pending().await;
        }
        panic!("{error}");
    }
}

/// One interleaving: what it does, and what it saw.
struct Case {
    seed: u64,
    task: TaskId,
    needs: BTreeSet<ApproverGroup>,
    quorum: u32,
    checks: BTreeSet<CheckName>,
    notes: Mutex<Notes>,
}

struct Notes {
    chance: Chance,
    left: u32,
    begun: bool,
    /// Grows with every note: which of two things was first.
    number: u64,
    now: Timestamp,
    members: BTreeMap<&'static str, BTreeSet<&'static str>>,
    state: u8,
    calls: u32,
    /// Votes that were asked to be kept, with when that was acknowledged.
    votes: Vec<(HoldId, Vote, Option<u64>)>,
    /// Reports likewise.
    reports: Vec<(HoldId, Report, Option<u64>)>,
    went: Vec<Went>,
    gone: usize,
    proposals: u32,
    out_of_turn: usize,
    stopped: Option<u64>,
}

/// A call that was asked to be recorded as let go by an approval.
#[derive(Debug, Clone)]
struct Went {
    reference: String,
    hold: HoldId,
    digest: String,
    state: String,
    began: u64,
    now: Timestamp,
    members: BTreeMap<&'static str, BTreeSet<&'static str>>,
    acknowledged: bool,
    /// When its end was asked to be kept.
    closed: Option<u64>,
}

/// Small and reproducible: <https://prng.di.unimi.it/splitmix64.c>, by Sebastiano Vigna.
#[derive(Clone)]
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn one_of<T: Copy>(&mut self, choice: &[T]) -> T {
        choice[self.below(choice.len())]
    }
}

impl Case {
    fn new(seed: u64) -> Self {
        let mut chance = Chance(seed.wrapping_mul(0x1234_5678_9abc_def1));
        let needs: &[&str] = chance.one_of(&[&["senior"][..], &["senior", "owner"], &["owner"]]);
        let quorum = chance.one_of(&[1, 1, 1, 2]);
        let checks: &[&str] = chance.one_of(&[&[][..], &[], &["canary-tests"]]);
        let groups = |names: &[&'static str]| names.iter().copied().collect();
        let members = BTreeMap::from([
            (SPONSOR, groups(&["senior", "owner"])),
            ("mei", groups(&["senior"])),
            ("ola", groups(&["senior", "owner"])),
            ("kim", groups(&["owner"])),
            ("eve", groups(&[])),
            (MACHINE, groups(&[])),
        ]);
        Self {
            seed,
            task: format!("T-{seed}").parse().unwrap(),
            needs: needs.iter().map(|name| name.parse().unwrap()).collect(),
            quorum,
            checks: checks.iter().map(|name| name.parse().unwrap()).collect(),
            notes: Mutex::new(Notes {
                chance,
                left: STEPS,
                begun: false,
                number: 0,
                now: at(10),
                members,
                state: 0,
                calls: 0,
                votes: Vec::new(),
                reports: Vec::new(),
                went: Vec::new(),
                gone: 0,
                proposals: 0,
                out_of_turn: 0,
                stopped: None,
            }),
        }
    }

    /// Declares the task; in a later life it may be there already.
    async fn begin(&self, place: &Place) {
        if self.notes.lock().unwrap().begun {
            return;
        }
        match place.store.put_task(task(self.task.as_str())).await {
            Ok(()) | Err(StoreError::Exists { .. }) => self.notes.lock().unwrap().begun = true,
            Err(error) => place.end(error).await,
        }
    }

    /// Takes one step; false where none is left.
    async fn step(self: &Arc<Self>, place: &Place) -> bool {
        let kind = {
            let mut notes = self.notes.lock().unwrap();
            if notes.left == 0 {
                return false;
            }
            notes.left -= 1;
            notes.chance.below(100)
        };
        match kind {
            0..=37 => self.request(place, 1).await,
            38..=42 => self.request(place, 4).await,
            43..=72 => self.vote(place).await,
            73..=76 => self.forge(place).await,
            77..=83 => self.propose(place).await,
            84..=90 => self.wait(),
            91..=93 => self.notes.lock().unwrap().alter(),
            94..=97 => self.notes.lock().unwrap().regroup(),
            _ => self.stop(place).await,
        }
        true
    }

    fn wait(&self) {
        let mut notes = self.notes.lock().unwrap();
        let minutes = notes.chance.one_of(&[1, 5, 14, 16, 31, 45]);
        notes.now += SignedDuration::from_mins(minutes);
    }

    /// The sponsor proposes a list.
    async fn propose(&self, place: &Place) {
        let (proposal, people, now, by_visitor) = {
            let mut notes = self.notes.lock().unwrap();
            let (a, b, c) = ("sha256:a", "sha256:b", "sha256:c");
            let lists = [vec![a, b], vec![a, b], vec![b, a], vec![a], vec![a, b, c]];
            let list = &lists[notes.chance.below(lists.len())];
            notes.proposals += 1;
            let name = format!("{}-{}", self.seed, notes.proposals);
            let holds = list.iter().enumerate().map(|(number, digest)| {
                let asked = self.asked(&notes, &format!("P{name}-{number}"), digest);
                Hold { asked: 0, ..asked }
            });
            let proposal = Proposal {
                id: format!("B-{name}").parse().unwrap(),
                message: "".into(),
                holds: holds.collect(),
                ends: at(1_000_000),
            };
            let by_visitor = notes.chance.one_of(&[true, false]);
            (proposal, notes.people(), notes.now, by_visitor)
        };
        let store = match by_visitor {
            true => &*place.visitor,
            false => &*place.store,
        };
        match propose(store, &proposal, unbounded(), &people, now).await {
            Ok(Proposed::Opened(..) | Proposed::Same(_) | Proposed::Rejected(..)) => {}
            Ok(other) => panic!("{other:?}"),
            Err(StoreError::Outdated { .. } | StoreError::Locked(_)) => {}
            Err(error) => place.end(error).await,
        }
    }

    /// The hold that a call of this digest would open now.
    fn asked(&self, notes: &Notes, name: &str, digest: &str) -> Hold {
        Hold {
            reference: format!("R{name}").parse().unwrap(),
            state: StateDigest::from_written(&format!("sha256:{}", notes.state)),
            needs: self.needs.clone(),
            quorum: self.quorum,
            checks: self.checks.clone(),
            opened: notes.now,
            decide_by: notes.now + SignedDuration::from_mins(30),
            ..hold(&format!("H-{name}"), self.task.as_str(), digest)
        }
    }

    /// The agent asks for one of two calls, `times` at once.
    async fn request(self: &Arc<Self>, place: &Place, times: u32) {
        let digest = self
            .notes
            .lock()
            .unwrap()
            .chance
            .one_of(&["sha256:a", "sha256:a", "sha256:b"]);
        let mut running = JoinSet::new();
        for _ in 0..times {
            let (case, place) = (Arc::clone(self), place.clone());
            running.spawn(async move { case.ask(&place, digest).await });
        }
        while let Some(ended) = running.join_next().await {
            if let Err(error) = ended {
                place.end(error).await
            }
        }
    }

    async fn ask(&self, place: &Place, digest: &'static str) {
        let (reference, asked, people, now) = {
            let mut notes = self.notes.lock().unwrap();
            notes.calls += 1;
            let name = format!("{}-{}", self.seed, notes.calls);
            let asked = self.asked(&notes, &name, digest);
            (format!("R{name}"), asked, notes.people(), notes.now)
        };
        let store = &*place.store;
        let sought = seek(store, &asked, unbounded(), None, &people, now).await;
        let (approval, revision) = match sought {
            Ok(Sought::Approved(hold, _, revision)) => (*hold, revision),
            Ok(Sought::OutOfTurn(..)) => {
                self.notes.lock().unwrap().out_of_turn += 1;
                return;
            }
            Ok(_) | Err(StoreError::Outdated { .. }) => return,
            Err(error) => return place.end(error).await,
        };
        let noted = {
            let mut notes = self.notes.lock().unwrap();
            let (began, members) = (notes.next(), notes.members.clone());
            notes.went.push(Went {
                reference: reference.clone(),
                hold: approval.id.clone(),
                digest: digest.to_owned(),
                state: asked.state.as_str().to_owned(),
                began,
                now,
                members,
                acknowledged: false,
                closed: None,
            });
            notes.went.len() - 1
        };
        let record = CallRecord {
            at: now,
            digest: digest.into(),
            ..approved(
                &reference,
                self.task.as_str(),
                approval.id.as_str(),
                revision,
            )
        };
        let outcome = store.record(record, Budget::default()).await;
        match outcome {
            Ok(recorded) => {
                let status = {
                    let mut notes = self.notes.lock().unwrap();
                    let number = notes.next();
                    notes.went[noted].acknowledged = true;
                    notes.went[noted].closed = Some(number);
                    notes.chance.one_of(&[200, 200, 200, 200, 400, 503])
                };
                if let Err(error) = store.close(recorded, answered(status), TOOK).await {
                    place.end(error).await
                }
            }
            Err(RecordError::ApprovalGone | RecordError::TaskOver) => {
                self.notes.lock().unwrap().gone += 1;
            }
            Err(error) => place.end(error).await,
        }
    }

    /// Someone says something of a hold of this task.
    async fn vote(&self, place: &Place) {
        let Some((hold, mut chance)) = self.some_hold(place).await else {
            return;
        };
        if !hold.checks.is_empty() && chance.below(3) == 0 {
            return self.check(place, &hold, &mut chance).await;
        }
        let person: Person = chance.one_of(&PEOPLE).parse().unwrap();
        let no = Answer::Reject(Reason::TooRisky);
        let yes = Answer::Approve;
        let answer = chance.one_of(&[yes, yes, yes, yes, yes, yes, yes, no]);
        let seen = match chance.below(10) {
            0 => "sha256:other",
            _ => &*hold.digest,
        };
        let (people, now) = {
            let notes = self.notes.lock().unwrap();
            (notes.people(), notes.now)
        };
        if let Some(listed) = &hold.place {
            let Some(batch) = self.batch(place, &listed.batch).await else {
                return;
            };
            let digest = batch.digest();
            let seen = match seen == &*hold.digest {
                true => &digest,
                false => seen,
            };
            if batch.admits(&person, answer, seen, &people, now).is_ok() {
                self.say_all(place, &batch, person, answer, now).await;
            }
            return;
        }
        if hold.admits(&person, answer, seen, &people, now).is_ok() {
            let by_visitor = chance.one_of(&[true, false]);
            self.say(place, by_visitor, &hold, person, answer, now)
                .await;
        }
    }

    /// A vote that nobody admitted stands in the store all the same, as after a fault elsewhere.
    async fn forge(&self, place: &Place) {
        let Some((hold, mut chance)) = self.some_hold(place).await else {
            return;
        };
        let person = chance.one_of(&[SPONSOR, "eve"]).parse().unwrap();
        let now = self.notes.lock().unwrap().now;
        if !hold.checks.is_empty() && chance.below(2) == 0 {
            let person = chance.one_of(&[SPONSOR, "nobody"]);
            let forged = report_of(person, CheckResult::Passed, now);
            return self.tell(place, &hold, forged).await;
        }
        self.say(place, true, &hold, person, Answer::Approve, now)
            .await;
    }

    /// The machine reports of a hold.
    async fn check(&self, place: &Place, hold: &Hold, chance: &mut Chance) {
        let (passed, failed) = (CheckResult::Passed, CheckResult::Failed);
        let result = chance.one_of(&[passed, passed, passed, failed]);
        let (people, now) = {
            let notes = self.notes.lock().unwrap();
            (notes.people(), notes.now)
        };
        let state = match chance.below(10) {
            0 => "sha256:other",
            _ => hold.state.as_str(),
        };
        let report = report_of(MACHINE, result, now);
        if hold
            .admits_report(&report, (&hold.digest, state), &people)
            .is_ok()
        {
            self.tell(place, hold, report).await;
        }
    }

    async fn tell(&self, place: &Place, hold: &Hold, report: Report) {
        let noted = {
            let mut notes = self.notes.lock().unwrap();
            notes.reports.push((hold.id.clone(), report.clone(), None));
            notes.reports.len() - 1
        };
        match place
            .visitor
            .report(&hold.id, hold.revision(), report)
            .await
        {
            Ok(()) => {
                let mut notes = self.notes.lock().unwrap();
                notes.reports[noted].2 = Some(notes.next());
            }
            Err(StoreError::Outdated { .. } | StoreError::Locked(_)) => {}
            Err(error) => place.end(error).await,
        }
    }

    async fn batch(&self, place: &Place, id: &BatchId) -> Option<Batch> {
        match place.visitor.batch(id).await {
            Ok(batch) => batch,
            Err(error) => place.end(error).await,
        }
    }

    /// Says something of all calls of a batch.
    async fn say_all(
        &self,
        place: &Place,
        batch: &Batch,
        person: Person,
        answer: Answer,
        at: Timestamp,
    ) {
        let vote = Vote {
            person,
            answer,
            at,
            note: "".into(),
        };
        let noted = {
            let mut notes = self.notes.lock().unwrap();
            let first = notes.votes.len();
            let open = batch.holds().filter(|hold| hold.ended.is_none());
            let votes = open.map(|hold| (hold.id.clone(), vote.clone(), None));
            notes.votes.extend(votes);
            first..notes.votes.len()
        };
        let revision = batch.revision();
        let said = place.visitor.vote_on_batch(&batch.id, None, revision, vote);
        match said.await {
            Ok(()) => {
                let mut notes = self.notes.lock().unwrap();
                let number = notes.next();
                for (_, _, acknowledged) in &mut notes.votes[noted] {
                    *acknowledged = Some(number);
                }
            }
            Err(StoreError::Outdated { .. } | StoreError::Locked(_)) => {}
            Err(error) => place.end(error).await,
        }
    }

    async fn some_hold(&self, place: &Place) -> Option<(Hold, Chance)> {
        let of_this = HoldFilter {
            task: Some(self.task.clone()),
            ..HoldFilter::default()
        };
        let mut holds = match place.visitor.holds(&of_this).await {
            Ok(holds) => holds,
            Err(error) => place.end(error).await,
        };
        let mut notes = self.notes.lock().unwrap();
        // Mostly the newest: an older one is over.
        let which = notes.chance.below(holds.len().clamp(1, 2));
        let chance = Chance(notes.chance.next());
        (which < holds.len()).then(|| (holds.swap_remove(which), chance))
    }

    async fn say(
        &self,
        place: &Place,
        by_visitor: bool,
        hold: &Hold,
        person: Person,
        answer: Answer,
        at: Timestamp,
    ) {
        let vote = Vote {
            person,
            answer,
            at,
            note: "".into(),
        };
        let noted = {
            let mut notes = self.notes.lock().unwrap();
            notes.votes.push((hold.id.clone(), vote.clone(), None));
            notes.votes.len() - 1
        };
        let store = match by_visitor {
            true => &place.visitor,
            false => &place.store,
        };
        match store.vote(&hold.id, hold.revision(), vote).await {
            Ok(()) => {
                let mut notes = self.notes.lock().unwrap();
                notes.votes[noted].2 = Some(notes.next());
            }
            Err(StoreError::Outdated { .. } | StoreError::Locked(_)) => {}
            Err(error) => place.end(error).await,
        }
    }

    async fn stop(&self, place: &Place) {
        let stopped = TaskState::Stopped;
        match place.visitor.set_task_state(&self.task, stopped).await {
            Ok(()) => self.notes.lock().unwrap().stop(),
            Err(StoreError::Locked(_)) => {}
            Err(error) => place.end(error).await,
        }
    }
}

fn report_of(person: &str, result: CheckResult, now: Timestamp) -> Report {
    Report {
        person: person.parse().unwrap(),
        at: now,
        ..report("canary-tests", result, 0)
    }
}

impl Notes {
    fn next(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    /// The store said that the task is stopped.
    fn stop(&mut self) {
        let number = self.next();
        self.stopped.get_or_insert(number);
    }

    /// What the agent's call would change looks different now.
    fn alter(&mut self) {
        self.state = (self.state + 1) % 2;
    }

    /// Someone leaves a group, or comes to it.
    fn regroup(&mut self) {
        let person = self.chance.one_of(&PEOPLE[1..]);
        let group = self.chance.one_of(&["senior", "owner"]);
        let groups = self.members.get_mut(person).unwrap();
        if !groups.remove(group) {
            groups.insert(group);
        }
    }

    fn people(&self) -> People {
        People::new(self.members.iter().map(|(name, groups)| {
            let membership = Membership {
                groups: groups.iter().map(|name| name.parse().unwrap()).collect(),
                ..Membership::default()
            };
            (name.parse().unwrap(), membership)
        }))
    }
}
