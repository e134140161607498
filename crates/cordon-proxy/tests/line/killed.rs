//! `kill -9` between every two steps of a held call: asked, approved, asked again, let go. Whatever
//! the moment, nothing goes twice, nothing that was acknowledged is lost, and what may or may not
//! have gone is listed as such.
//!
//! The test starts itself as a second process that holds the data plane and dies at one step: before
//! or after one thing that it asks of its store, or while STS or the service has its request. Then
//! another process opens the same folder, and the agent does what agents do: it tries again.

use crate::agent::Answer;
use crate::holds::{people_are, said};
use crate::stage::{Set, Stage, assumed};
use crate::upstream::{Act, Manner, Upstream, answer};
use cordon_core::hold::{Closing, Hold};
use cordon_core::record::CallResult;
use cordon_proxy::Deadlines;
use cordon_store::{
    CallFilter, HoldFilter, Purpose, SqliteOptions, Store, StoredCall, open_sqlite,
};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const FOLDER: &str = "CORDON_TEST_KILLED_FOLDER";
const UPSTREAM: &str = "CORDON_TEST_KILLED_UPSTREAM";
const STS: &str = "CORDON_TEST_KILLED_STS";
const STEP: &str = "CORDON_TEST_KILLED_STEP";

/// What the second process says of its progress.
const APPROVED: &str = "approved";
const DONE: &str = "done";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_between_any_two_steps_nothing_is_double_and_nothing_lost() {
    let mut step = 1;
    loop {
        let place = Place::new().await;
        let said = place.live(step);
        let ended = said.iter().any(|line| line == DONE);
        let seen = place.try_again(&said).await;
        assert!(seen.closed || !ended, "step {step}");
        if ended {
            break;
        }
        step += 1;
    }
    // Both sides of: what is looked up, two records, a hold, a vote, what closes the call.
    assert!(step > 12, "there were only {step} steps");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_a_service_has_the_request_it_is_not_sent_again() {
    for at_sts in [true, false] {
        let place = Place::new().await;
        let service = match at_sts {
            true => &place.sts,
            false => &place.upstream,
        };
        service.behave(Manner::acts([Act::Stall]));
        let mut child = place.start(0);
        service.has_seen(1).await;
        child.kill().unwrap();
        let said = last_words(child);
        assert!(said.iter().any(|line| line == APPROVED));
        place.behaves();
        let seen = place.try_again(&said).await;
        assert_eq!(seen.unclear, 1, "at STS: {at_sts}");
        assert_eq!(place.upstream.whole().len(), usize::from(!at_sts));
    }
}

/// What both processes share: the folder of the store, and the services outside.
struct Place {
    folder: tempfile::TempDir,
    upstream: Upstream,
    sts: Upstream,
}

/// What was found after the death of the first process.
struct Seen {
    /// Whether what became of its second request is known.
    closed: bool,
    /// How many calls may or may not have gone.
    unclear: usize,
}

impl Place {
    async fn new() -> Self {
        let place = Self {
            folder: tempfile::tempdir().unwrap(),
            upstream: Upstream::start(Manner::acts([])).await,
            sts: Upstream::start(Manner::acts([])).await,
        };
        place.behaves();
        place
    }

    fn behaves(&self) {
        self.upstream.behave(Manner::answers(answer(200, "", "{}")));
        self.sts.behave(Manner::answers(assumed()));
    }

    fn start(&self, step: u32) -> Child {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "killed::lives_until_it_is_killed"])
            .args(["--ignored", "--nocapture"])
            .env(FOLDER, self.folder.path())
            .env(UPSTREAM, self.upstream.url())
            .env(STS, self.sts.url())
            .env(STEP, step.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// Lets a process live until it is killed at `step`, or to its end; gives what it said.
    fn live(&self, step: u32) -> Vec<String> {
        last_words(self.start(step))
    }

    /// Opens what the dead process left, and lets the agent try again, twice.
    async fn try_again(&self, said: &[String]) -> Seen {
        let sent = self.upstream.whole().len();
        let before = Left::of(self.folder.path()).await;
        let used = |holds: &[Hold]| {
            let ended = holds.iter().filter_map(|hold| hold.ended.as_ref());
            ended.filter(|ended| ended.how == Closing::Used).count()
        };
        let went = before
            .calls
            .iter()
            .filter(|call| call.record.outcome.allowed());
        let went: Vec<&StoredCall> = went.collect();
        // Nothing left without its record, and a record of it used the approval up.
        assert!(sent <= went.len(), "{sent} sent, {went:?}");
        assert_eq!(went.len(), used(&before.holds), "{:?}", before.holds);
        let approved = said.iter().any(|line| line == APPROVED);
        let votes = before
            .holds
            .iter()
            .map(|hold| hold.votes.len())
            .sum::<usize>();
        assert!(
            !approved || votes == 1,
            "a lost approval: {:?}",
            before.holds
        );

        let stage = stage(self).await;
        let first = stage.agent.send(&stage.agent.put_item("1")).await;
        let second = stage.agent.send(&stage.agent.put_item("1")).await;
        let now = self.upstream.whole().len();
        // One yes, one call: the one before the death, or the first try after it.
        let may_go = votes == 1 && went.is_empty();
        assert_eq!(first.status == 200, may_go, "{}", first.text());
        assert!(asks(&second), "{}", second.text());
        assert_eq!(now, sent + usize::from(may_go));
        stage.close(Duration::ZERO).await;
        Seen {
            closed: went.iter().any(|call| is_clear(call)),
            unclear: went.iter().filter(|call| !is_clear(call)).count(),
        }
    }
}

fn asks(answer: &Answer) -> bool {
    answer.status == 400 && answer.text().contains("CordonApprovalRequired")
}

fn is_clear(call: &StoredCall) -> bool {
    let closed = call.closed.as_ref();
    closed.is_some_and(|closed| !matches!(closed.result, CallResult::Indeterminate { .. }))
}

/// What a store holds.
struct Left {
    holds: Vec<Hold>,
    calls: Vec<StoredCall>,
}

impl Left {
    /// Opening it closes what was open as unclear, and says so.
    async fn of(folder: &Path) -> Self {
        let options = SqliteOptions {
            purpose: Purpose::Serve,
            max_pages: None,
        };
        let store = open_sqlite(folder, options).await.unwrap();
        store.check().await.unwrap();
        let left = Self {
            holds: store.holds(&HoldFilter::default()).await.unwrap(),
            calls: store.search(&CallFilter::default()).await.unwrap(),
        };
        let went = left
            .calls
            .iter()
            .filter(|call| call.record.outcome.allowed());
        let unclear = went.filter(|call| !is_clear(call)).count();
        assert_eq!(store.interrupted().len(), unclear);
        store.shut_down().await.unwrap();
        left
    }
}

fn last_words(mut child: Child) -> Vec<String> {
    let out = BufReader::new(child.stdout.take().unwrap());
    let said = out.lines().map_while(Result::ok).collect();
    child.wait().unwrap();
    said
}

async fn stage(place: &Place) -> Stage {
    let folder = place.folder.path().to_owned();
    staged(folder, place.upstream.url(), place.sts.url()).await
}

async fn staged(folder: std::path::PathBuf, upstream: String, sts: String) -> Stage {
    let stage = Stage::set(Set {
        approvals: &["senior"],
        // Every request that leaves is the agent's.
        observes: false,
        deadlines: Deadlines {
            park: Duration::ZERO,
            ..Deadlines::default()
        },
        elsewhere: Some(upstream),
        sts: Some(sts),
        folder: Some(folder),
        ..Set::default()
    });
    let stage = stage.await;
    people_are(&stage, crate::holds::PEOPLE);
    stage
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the second process of the stories above"]
async fn lives_until_it_is_killed() {
    let (Some(folder), Ok(upstream)) = (std::env::var_os(FOLDER), std::env::var(UPSTREAM)) else {
        return;
    };
    let stage = staged(folder.into(), upstream, std::env::var(STS).unwrap()).await;
    let step = std::env::var(STEP).unwrap().parse().unwrap();
    stage.store.dies_at(step);
    let held = stage.agent.send(&stage.agent.put_item("1")).await;
    assert!(asks(&held), "{}", held.text());
    let hold = stage
        .store
        .holds(&HoldFilter::default())
        .await
        .unwrap()
        .remove(0);
    said(&stage, &hold, "ola", "approve").await.unwrap();
    say(APPROVED);
    let went = stage.agent.send(&stage.agent.put_item("1")).await;
    assert_eq!(went.status, 200, "{}", went.text());
    stage.last().await;
    say(DONE);
}

fn say(word: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{word}").unwrap();
    out.flush().unwrap();
}
