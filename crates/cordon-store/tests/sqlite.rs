//! What the embedded store does when its file, its folder or its process is not well.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "tests"
)]

mod fixture;

use cordon_core::record::{CallRecord, CallResult};
use cordon_store::{
    CallFilter, Deed, NewPass, PassKind, Purpose, RecordError, SecretHash, SignInLink, Sqlite,
    SqliteOptions, Store, StoreError, StoredCall, open_sqlite,
};
use fixture::*;
use std::collections::BTreeSet;
use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::task::{Context, Waker};

const SERVE: SqliteOptions = SqliteOptions {
    purpose: Purpose::Serve,
    max_pages: None,
};

async fn refusal(folder: &Path) -> StoreError {
    open_sqlite(folder, SERVE).await.err().unwrap()
}

async fn references(store: &dyn Store) -> BTreeSet<String> {
    let everything = CallFilter {
        limit: Some(10_000),
        ..CallFilter::default()
    };
    let calls = store.search(&everything).await.unwrap();
    calls
        .iter()
        .map(|call| call.record.reference.to_string())
        .collect()
}

async fn call(store: &dyn Store, reference: &str) -> StoredCall {
    let reference = reference.parse().unwrap();
    store.call(&reference).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_second_cordon_on_the_same_folder_is_refused_and_told_who_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let first = serve(folder.path()).await;
    let refused = refusal(folder.path()).await;
    let StoreError::InUse { process, .. } = &refused else {
        panic!("{refused}")
    };
    assert_eq!(*process, Some(std::process::id()));
    assert!(refused.to_string().contains("--state"), "{refused}");

    let _kept = recorded(&first, change("R1", "T-1")).await;
    first.shut_down().await.unwrap();
    // The lock goes with the store, not with its last handle.
    let second = serve(folder.path()).await;
    assert_eq!(references(&second).await.len(), 1);
}

#[tokio::test]
async fn a_visitor_steers_tasks_and_records_no_calls() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path()).await;
    let visitor = visit(folder.path()).await;
    let refused = visitor.record(read("R1", "T-1"), unlimited()).await;
    assert!(matches!(
        refused,
        Err(RecordError::Store(StoreError::Visiting))
    ));

    let mut changes = server.changes();
    changes.mark_unchanged();
    visitor.put_task(task("T-1")).await.unwrap();
    changes.changed().await.unwrap();
    let id = "T-1".parse().unwrap();
    assert_eq!(server.task(&id).await.unwrap(), Some(task("T-1")));

    done(&server, creation("R2", "T-1", TABLE), 200).await;
    assert!(visitor.ledger(&id).await.unwrap().owns(TABLE));
    assert_eq!(visitor.last_minute(&id, at(20)).await.unwrap(), 1);
    assert_eq!(references(&visitor).await.len(), 1);
}

#[tokio::test]
async fn who_stops_from_beside_it_learns_what_the_server_goes_by() {
    let folder = tempfile::tempdir().unwrap();
    let visitor = visit(folder.path()).await;
    visitor.put_task(task("T-1")).await.unwrap();
    assert_eq!(visitor.heeded().await.unwrap(), None, "none serves");

    let server = serve(folder.path()).await;
    let id = "T-1".parse().unwrap();
    let stop = visitor.set_task_state(&id, cordon_store::TaskState::Stopped);
    stop.await.unwrap();
    let change = *visitor.changes().borrow();
    let heeded = visitor.heeded().await.unwrap().unwrap();
    assert!(heeded < change, "it did not say so: {heeded}, {change}");
    let mut changes = server.changes();
    changes.wait_for(|number| *number >= change).await.unwrap();
    changes.mark_unchanged();
    server.heed(change).await.unwrap();
    assert_eq!(visitor.heeded().await.unwrap(), Some(change));
    // To heed is no change, and nothing that was heeded is taken back.
    server.heed(change - 1).await.unwrap();
    assert_eq!(visitor.heeded().await.unwrap(), Some(change));
    assert!(!changes.has_changed().unwrap());

    server.shut_down().await.unwrap();
    assert_eq!(visitor.heeded().await.unwrap(), None, "it is gone");
}

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let store = serve(folder.path()).await;
    store.put_task(task("T-1")).await.unwrap();
    store.put_session(session("S-1", "T-1")).await.unwrap();
    done(&store, creation("R1", "T-1", TABLE), 200).await;
    done(&store, read("R2", "T-1"), 200).await;
    let open = recorded(&store, change("R4", "T-2")).await;
    let machine = "arn:aws:ec2:eu-west-1:111122223333:instance/i-0abc";
    let open = open.made(vec![machine.parse().unwrap()]);
    store.close(open, answered(200), TOOK).await.unwrap();
    store.shut_down().await.unwrap();

    let store = serve(folder.path()).await;
    let id = "T-1".parse().unwrap();
    let ledger = store.ledger(&id).await.unwrap();
    assert!(ledger.owns(TABLE) && !ledger.owns(machine));
    let other = store.ledger(&"T-2".parse().unwrap()).await.unwrap();
    assert!(other.owns(machine));
    assert_eq!((ledger.used.mutations, ledger.used.creates), (1, 1));
    assert_eq!(store.last_minute(&id, at(20)).await.unwrap(), 1);
    assert_eq!(store.live_sessions().await.unwrap().len(), 1);
    assert!(call(&store, "R2").await.closed.is_some());
    assert!(store.interrupted().is_empty());
    let _kept = recorded(&store, change("R3", "T-1")).await;
    assert!(call(&store, "R3").await.sequence > call(&store, "R2").await.sequence);
}

#[tokio::test]
async fn a_read_that_was_let_go_while_the_store_ends_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let store = serve(folder.path()).await;
    // On one thread, the end is asked for first and the writer runs only after both.
    let (ended, (let_go, refused)) = tokio::join!(store.shut_down(), async {
        tokio::join!(
            store.record(read("R1", "T-1"), unlimited()),
            store.record(change("R2", "T-1"), unlimited()),
        )
    });
    ended.unwrap();
    let _open = let_go.unwrap();
    assert!(matches!(
        refused,
        Err(RecordError::Store(StoreError::ShutDown))
    ));
    let store = serve(folder.path()).await;
    assert_eq!(references(&store).await, BTreeSet::from(["R1".to_owned()]));
}

#[tokio::test]
async fn a_call_that_was_under_way_is_reported_and_stays_charged() {
    let folder = tempfile::tempdir().unwrap();
    let store = serve(folder.path()).await;
    let _under_way = recorded(&store, destruction("R1", "T-1", TABLE)).await;
    done(&store, change("R2", "T-1"), 200).await;
    let _never_left = recorded(&store, denial("R3", "T-1")).await;
    store.shut_down().await.unwrap();

    let store = serve(folder.path()).await;
    let [interrupted] = store.interrupted() else {
        panic!("{:?}", store.interrupted())
    };
    assert_eq!(&*interrupted.record.reference, "R1");
    let closed = call(&store, "R1").await.closed.unwrap();
    assert!(matches!(closed.result, CallResult::Indeterminate { .. }));
    let ledger = store.ledger(&"T-1".parse().unwrap()).await.unwrap();
    assert_eq!((ledger.used.mutations, ledger.used.destroys), (2, 1));
    assert!(ledger.recreates(TABLE));
    store.shut_down().await.unwrap();
    assert!(serve(folder.path()).await.interrupted().is_empty());
}

/// Records changes until the store refuses; gives those that it kept, and the refusal.
async fn fill(store: &Sqlite) -> (BTreeSet<String>, RecordError) {
    let mut kept = BTreeSet::new();
    loop {
        let reference = format!("R{}", kept.len());
        match store.record(change(&reference, "T-1"), unlimited()).await {
            Ok(_) => kept.insert(reference),
            Err(error) => return (kept, error),
        };
    }
}

#[tokio::test]
async fn a_full_disk_stops_calls_loses_nothing_and_heals_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let empty = serve(folder.path()).await;
    empty.put_task(task("T-1")).await.unwrap();
    empty.shut_down().await.unwrap();
    // SQLite itself refuses to grow beyond this, exactly as where the disk is full.
    let options = SqliteOptions {
        max_pages: Some(120),
        ..SERVE
    };
    let mut stranger = stranger(folder.path()).await;
    execute(
        &mut stranger,
        "CREATE TABLE ballast AS SELECT zeroblob(100000) AS weight",
    )
    .await;
    let store = open_sqlite(folder.path(), options).await.unwrap();
    let (mut kept, error) = fill(&store).await;
    let changes = kept.len();
    assert!(changes > 10, "{changes}");
    assert!(
        matches!(&error, RecordError::Store(StoreError::Full(_))),
        "{error:?}"
    );

    // Where a change has no room, something smaller may have some: until nothing has.
    loop {
        let small = CallRecord {
            parameters: "".into(),
            prediction: None,
            ..denial(&format!("D{}", kept.len()), "T-1")
        };
        let reference = small.reference.to_string();
        match store.record(small, unlimited()).await {
            Ok(_) => kept.insert(reference),
            Err(RecordError::Store(StoreError::Full(_))) => break,
            Err(other) => panic!("{other}"),
        };
    }
    // Not even a read leaves unrecorded now.
    let refused = store.record(read("READ", "T-1"), unlimited()).await;
    assert!(matches!(
        refused,
        Err(RecordError::Store(StoreError::Full(_)))
    ));
    assert_eq!(references(&store).await, kept);
    let used = store.ledger(&"T-1".parse().unwrap()).await.unwrap().used;
    assert_eq!(used.mutations as usize, changes);

    execute(&mut stranger, "DROP TABLE ballast").await;
    let _kept = recorded(&store, change("AFTER", "T-1")).await;
    done(&store, read("READ", "T-1"), 200).await;
    store.shut_down().await.unwrap();
    let after = references(&serve(folder.path()).await).await;
    assert_eq!(after.len(), kept.len() + 2);
}

#[tokio::test]
async fn reads_that_were_answered_before_the_disk_filled_are_written_once_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let store = serve(folder.path()).await;
    let mut stranger = stranger(folder.path()).await;
    execute(&mut stranger, "BEGIN IMMEDIATE").await;
    done(&store, read("R1", "T-1"), 200).await;
    let refused = store.record(change("R2", "T-1"), unlimited()).await;
    assert!(matches!(
        refused,
        Err(RecordError::Store(StoreError::Locked(_)))
    ));
    execute(&mut stranger, "COMMIT").await;
    store.shut_down().await.unwrap();
    let store = visit(folder.path()).await;
    assert_eq!(references(&store).await.len(), 1);
    assert!(call(&store, "R1").await.closed.is_some());
}

#[tokio::test]
async fn a_database_that_another_program_holds_is_said_so_and_used_again_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let store = serve(folder.path()).await;
    let mut stranger = stranger(folder.path()).await;
    execute(&mut stranger, "BEGIN IMMEDIATE").await;
    let refused = store.put_task(task("T-1")).await.unwrap_err();
    assert!(matches!(refused, StoreError::Locked(_)), "{refused:?}");
    assert!(refused.to_string().contains("fuser"), "{refused}");
    assert!(store.tasks().await.unwrap().is_empty());
    execute(&mut stranger, "COMMIT").await;
    store.put_task(task("T-1")).await.unwrap();
}

#[tokio::test]
async fn a_damaged_database_is_not_served() {
    let folder = tempfile::tempdir().unwrap();
    make_private(folder.path());
    std::fs::write(folder.path().join("cordon.db"), [7; 8_192]).unwrap();
    let refused = refusal(folder.path()).await;
    assert!(
        matches!(refused, StoreError::Corrupted { .. }),
        "{refused:?}"
    );
    assert!(refused.to_string().contains("backup"), "{refused}");
}

#[tokio::test]
async fn damage_in_the_middle_is_found_by_a_check() {
    let folder = tempfile::tempdir().unwrap();
    let store = serve(folder.path()).await;
    for number in 0..50 {
        let _kept = recorded(&store, change(&format!("R{number}"), "T-1")).await;
    }
    store.shut_down().await.unwrap();
    let path = folder.path().join("cordon.db");
    let mut bytes = std::fs::read(&path).unwrap();
    let page = bytes.len() / 4_096 - 2;
    bytes[page * 4_096..(page + 1) * 4_096].fill(0xff);
    std::fs::write(&path, bytes).unwrap();
    let store = visit(folder.path()).await;
    let found = store.check().await.unwrap_err();
    assert!(matches!(found, StoreError::Corrupted { .. }), "{found:?}");
}

#[tokio::test]
async fn a_database_of_a_newer_cordon_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    serve(folder.path()).await.shut_down().await.unwrap();
    let mut stranger = stranger(folder.path()).await;
    execute(
        &mut stranger,
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (99, 'later', 1, x'00', 0)",
    )
    .await;
    let refused = refusal(folder.path()).await;
    let StoreError::Newer { found, known, .. } = refused else {
        panic!("{refused}")
    };
    let steps = std::fs::read_dir("migrations/sqlite").unwrap();
    let names = steps.map(|step| step.unwrap().file_name().into_string().unwrap());
    let last = names.map(|name| name[..4].parse().unwrap()).max();
    assert_eq!((found, Some(known)), (99, last));
}

#[tokio::test]
async fn a_caller_that_goes_away_before_its_call_left_leaves_no_open_call() {
    let folder = tempfile::tempdir().unwrap();
    let store = serve(folder.path()).await;
    {
        let mut recording = pin!(store.record(creation("R1", "T-1", TABLE), unlimited()));
        // The one poll hands the job over; the writer has had no turn yet.
        let pending = recording
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
        assert!(pending.is_pending());
    }
    // Behind it in the queue.
    let _kept = recorded(&store, change("R2", "T-2")).await;
    store.shut_down().await.unwrap();
    let store = serve(folder.path()).await;
    let closed = call(&store, "R1").await.closed.unwrap();
    assert!(matches!(closed.result, CallResult::NotSent { .. }));
    let used = store.ledger(&"T-1".parse().unwrap()).await.unwrap().used;
    assert_eq!((used.mutations, used.creates), (0, 0));
    assert_eq!(store.interrupted().len(), 1);
}

#[cfg(unix)]
fn make_private(folder: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700)).unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn the_state_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("state/cordon");
    let store = serve(&folder).await;
    done(&store, change("R1", "T-1"), 200).await;
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    for file in std::fs::read_dir(&folder).unwrap() {
        let path = file.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    store.shut_down().await.unwrap();

    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o770)).unwrap();
    let refused = refusal(&folder).await;
    assert!(matches!(refused, StoreError::Exposed(_)), "{refused:?}");
}

#[tokio::test]
async fn no_secret_of_a_person_is_in_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let store = serve(folder.path()).await;
    let link = SignInLink {
        secret: SecretHash::of("the-secret-of-the-link"),
        person: "mei".parse().unwrap(),
        made: at(0),
        expires: at(600),
        claim: None,
    };
    let pass = NewPass {
        secret: SecretHash::of("the-secret-of-the-pass"),
        kind: PassKind::Browser,
        signed_in: at(10),
        expires: at(600),
    };
    store.put_sign_in_link(link.clone()).await.unwrap();
    store.sign_in(&link.secret, pass.clone()).await.unwrap();
    let mut bytes = Vec::new();
    for file in std::fs::read_dir(folder.path()).unwrap() {
        bytes.extend(std::fs::read(file.unwrap().path()).unwrap());
    }
    let holds = |text: &str| {
        bytes
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    };
    assert!(holds(pass.secret.as_str()) && holds(link.secret.as_str()));
    assert!(!holds("the-secret-of"));
}

#[tokio::test]
async fn what_people_did_is_neither_changed_nor_removed() {
    let folder = tempfile::tempdir().unwrap();
    let store = serve(folder.path()).await;
    let deed = Deed {
        at: at(0),
        person: "mei".into(),
        what: "approve".into(),
        thing: "H-1".into(),
        detail: "".into(),
    };
    store.put_deed(deed.clone()).await.unwrap();
    let mut connection = stranger(folder.path()).await;
    for statement in ["UPDATE deed SET person = 'ola'", "DELETE FROM deed"] {
        let done = sqlx::query(statement).execute(&mut connection).await;
        assert!(done.is_err(), "{statement}");
    }
    assert_eq!(store.deeds(None, 10).await.unwrap()[0].deed, deed);
}

#[tokio::test]
async fn a_folder_that_is_a_file_is_said_so() {
    let file = tempfile::NamedTempFile::new().unwrap();
    for path in [file.path().to_owned(), file.path().join("below")] {
        let refused = refusal(&path).await;
        assert!(matches!(refused, StoreError::Folder { .. }), "{refused:?}");
    }
}
