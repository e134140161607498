//! Lists of calls that are proposed, looked at and decided about as one.

use crate::harness::*;
use cordon_aws::sigv4::SecretKey;
use cordon_core::decide::Outcome;
use cordon_core::hold::{Hold, StateDigest, Terms};
use cordon_core::record::{CallRecord, RecordedOutcome};
use cordon_core::session::SessionState;
use cordon_core::task::Mode;
use cordon_store::{Budget, StoredSession, StoredTask, TaskState};
use jiff::SignedDuration;
use serde_json::{Value, json};

/// What one previewed call of a session would be held by.
#[derive(Clone, Copy)]
struct Call {
    /// Of its digest.
    digit: char,
    needs: &'static [&'static str],
    /// Whether how things stood was read.
    read: bool,
}

fn senior(digit: char) -> Call {
    Call {
        digit,
        needs: &["senior"],
        read: true,
    }
}

fn digest(digit: char) -> String {
    format!("sha256:{}", digit.to_string().repeat(64))
}

impl Stage {
    /// A task of mei.
    async fn task(&self) {
        let known = self.store.put_task(StoredTask {
            id: "T-1".parse().unwrap(),
            text: "title = \"Fix the rounding bug\"\n".into(),
            lock: "".into(),
            sponsor: "mei".parse().unwrap(),
            mode: Mode::Preview,
            state: TaskState::Active,
            created: self.now(),
            expires: self.now() + SignedDuration::from_hours(8),
        });
        known.await.unwrap();
    }

    /// A session of that task that previewed these calls.
    async fn session(&self, id: &str, calls: &[Call]) {
        let session = StoredSession {
            id: id.parse().unwrap(),
            task: "T-1".parse().unwrap(),
            key_id: format!("CORDON{}", id.replace('-', "")).parse().unwrap(),
            secret: SecretKey::new(format!("placeholder of {id}")),
            agent: "kiro".into(),
            account: "111122223333".parse().unwrap(),
            started: self.now(),
            state: SessionState::Live,
            child: None,
        };
        self.store.put_session(session).await.unwrap();
        for (made, number) in calls.iter().zip(1..) {
            let reference = format!("R{}-{number}", id.replace('-', ""));
            let terms = Terms {
                state: StateDigest::from_written(STATE),
                quorum: 1,
                timeout: SignedDuration::from_mins(30),
            };
            let record = CallRecord {
                session: id.into(),
                outcome: RecordedOutcome::Decided(Outcome::Preview),
                needs: made.needs.iter().map(|need| (*need).into()).collect(),
                held_as: made.read.then(|| Box::new(terms)),
                digest: digest(made.digit).into(),
                policy_version: BUNDLE.version().into(),
                policies: ["preview-first", "production-change-needs-senior"]
                    .map(|id| (id.into(), id.into(), "".into()))
                    .into(),
                ..call(&reference, "T-1", "mei", self.now())
            };
            let _previewed = self.store.record(record, Budget::default()).await.unwrap();
        }
    }

    async fn propose(&self, token: &str, session: &str) -> Answer {
        let body = json!({ "session": session, "message": "more time" });
        self.post("/batches", token, &body.to_string()).await
    }

    /// What mei has proposed of a session with these calls.
    async fn proposed(&self, id: &str, calls: &[Call]) -> Value {
        self.session(id, calls).await;
        let token = self.token("mei").await;
        let answer = self.propose(&token, id).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body
    }

    async fn decide(&self, batch: &Value, what: &str, person: &str, body: Value) -> Answer {
        let token = self.token(person).await;
        let path = format!("/batches/{}/{what}", batch["id"].as_str().unwrap());
        self.post(&path, &token, &body.to_string()).await
    }

    async fn yes(&self, batch: &Value, person: &str) -> Answer {
        let body = json!({ "digest": batch["digest"] });
        self.decide(batch, "approve", person, body).await
    }
}

fn states(batch: &Value) -> Vec<&str> {
    let calls = batch["calls"].as_array().unwrap().iter();
    calls
        .map(|call| call["hold"]["state"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn who_answers_for_the_task_proposes_and_nobody_else() {
    let stage = Stage::new().await;
    stage.task().await;
    stage.session("S-7", &[senior('a')]).await;
    for (person, status, code) in [
        ("ola", 404, "not-found"),
        ("vic", 403, "not-permitted"),
        ("ica", 403, "not-permitted"),
    ] {
        let token = stage.token(person).await;
        stage.propose(&token, "S-7").await.refuses(status, code);
    }
    let machine = stage.machine("mei", cordon_store::PassKind::Read).await;
    stage
        .propose(&machine, "S-7")
        .await
        .refuses(403, "token-scope");
    let mei = stage.token("mei").await;
    for session in ["S-8", "", "../x"] {
        stage.propose(&mei, session).await.refuses(404, "not-found");
    }
    let task = "T-1".parse().unwrap();
    let proposed = stage.propose(&mei, "S-7").await;
    assert_eq!(proposed.status, 200, "{proposed:?}");
    let stopped = stage.store.set_task_state(&task, TaskState::Stopped);
    stopped.await.unwrap();
    stage.propose(&mei, "S-7").await.refuses(409, "task-over");
}

#[tokio::test]
async fn a_yes_is_to_the_list_that_was_shown_by_who_is_asked() {
    let stage = Stage::new().await;
    stage.task().await;
    let first = stage.proposed("S-1", &[senior('a'), senior('b')]).await;
    let second = stage
        .proposed("S-2", &[senior('b'), senior('a'), senior('c')])
        .await;
    let (first, differs) = (&first["batch"], &second["differs"]);
    let second = &second["batch"];
    let words: Vec<String> = differs
        .as_array()
        .unwrap()
        .iter()
        .map(|it| format!("{} {} {}", it["what"], it["from"], it["to"]))
        .collect();
    assert_eq!(words, ["\"added\" null 3", "\"moved\" 2 1"], "{differs}");
    stage.yes(first, "ola").await.refuses(409, "hold-over");
    let other = json!({ "id": second["id"], "digest": first["digest"] });
    let refused = stage.yes(&other, "ola").await;
    refused.refuses(409, "digest-differs");
    let told = refused.body["message"].as_str().unwrap();
    assert!(told.contains("added 3: Destroy 2 resources"), "{told}");
    let cut = json!({ "id": second["id"], "digest": "sha256:00" });
    stage
        .yes(&cut, "ola")
        .await
        .refuses(400, "digest-not-whole");
    let one = json!({ "id": second["id"], "digest": digest('a') });
    stage.yes(&one, "ola").await.refuses(409, "digest-differs");
    stage
        .yes(second, "mei")
        .await
        .refuses(403, "never-your-own-task");
    stage.yes(second, "kim").await.refuses(404, "not-found");
    stage.yes(second, "vic").await.refuses(403, "not-permitted");
    // A call of a list is not decided about by itself.
    let hold = second["calls"][0]["hold"]["id"].as_str().unwrap();
    let ola = stage.token("ola").await;
    // That it was previewed first asks nothing of her.
    let shown = stage.get(&format!("/holds/{hold}"), &ola).await;
    let asking = shown.body["policies"].as_array().unwrap().iter();
    let asking: Vec<&str> = asking.map(|it| it["id"].as_str().unwrap()).collect();
    assert_eq!(asking, ["production-change-needs-senior"]);
    let alone = stage.approve(hold, &ola, &digest('b')).await;
    alone.refuses(409, "in-batch");
    let yes = stage.yes(second, "ola").await;
    assert_eq!(yes.body["state"], "approved", "{yes:?}");
    assert_eq!(states(&yes.body), ["approved"; 3]);
    stage
        .yes(second, "ola")
        .await
        .refuses(409, "decided-already");
    stage.pass(16);
    let late = stage.yes(second, "sam").await;
    late.refuses(409, "hold-over");
}

#[tokio::test]
async fn the_same_list_keeps_what_was_said_of_it() {
    let stage = Stage::new().await;
    stage.task().await;
    let first = stage.proposed("S-1", &[senior('a'), senior('b')]).await;
    assert_eq!(
        (&first["new"], &first["differs"]),
        (&json!(true), &json!([]))
    );
    let yes = stage.yes(&first["batch"], "ola").await;
    assert_eq!(yes.status, 200, "{yes:?}");
    let again = stage.proposed("S-2", &[senior('a'), senior('b')]).await;
    assert_eq!(again["new"], false);
    assert_eq!(again["batch"]["id"], first["batch"]["id"]);
    assert_eq!(again["batch"]["state"], "approved");
    // Whoever it is that is asked makes it another one.
    let owner = Call {
        needs: &["senior", "owner"],
        ..senior('b')
    };
    let other = stage.proposed("S-3", &[senior('a'), owner]).await;
    assert_eq!(other["new"], true);
    let differs = &other["differs"];
    assert_eq!(
        (&differs[0]["what"], &differs[0]["to"]),
        (&json!("changed"), &json!(2))
    );
    assert_eq!(other["batch"]["state"], "waiting");
    let yes = stage.yes(&other["batch"], "ola").await;
    assert_eq!(yes.body["waits_for"], "1 approval of owner", "{yes:?}");
    assert_eq!(
        states(&yes.body),
        ["waiting"; 2],
        "none goes before all are approved"
    );
    let yes = stage.yes(&other["batch"], "kim").await;
    assert_eq!(yes.body["state"], "approved", "{yes:?}");
}

#[tokio::test]
async fn what_cannot_be_decided_about_is_left_out_and_named() {
    let stage = Stage::new().await;
    stage.task().await;
    let free = Call {
        needs: &[],
        read: false,
        ..senior('d')
    };
    let unread = Call {
        read: false,
        ..senior('c')
    };
    let calls = [senior('a'), free, senior('b'), senior('a'), unread];
    let proposed = stage.proposed("S-1", &calls).await;
    assert_eq!(proposed["batch"]["length"], 2);
    let left = proposed["left_out"].as_array().unwrap();
    let said: Vec<&str> = left.iter().map(|it| it["why"].as_str().unwrap()).collect();
    assert_eq!(left.len(), 2, "{left:#?}");
    assert!(said[0].contains("the same call as number 1"), "{said:?}");
    assert!(said[1].contains("could not be read"), "{said:?}");

    let nothing = [free, unread];
    stage.session("S-2", &nothing).await;
    let mei = stage.token("mei").await;
    let refused = stage.propose(&mei, "S-2").await;
    refused.refuses(409, "nothing-to-approve");
}

#[tokio::test]
async fn a_no_to_one_call_leaves_the_others_to_be_proposed_again() {
    let stage = Stage::new().await;
    stage.task().await;
    let batch = stage
        .proposed("S-1", &[senior('a'), senior('b'), senior('c')])
        .await["batch"]
        .clone();
    let no = |call: u32| json!({ "reason": "wrong-target", "note": "not that one", "call": call });
    let refused = stage.decide(&batch, "reject", "ola", no(4)).await;
    refused.refuses(404, "not-found");
    let refused = stage.decide(&batch, "reject", "mei", no(2)).await;
    refused.refuses(403, "never-your-own-task");
    let said = stage.decide(&batch, "reject", "ola", no(2)).await;
    assert_eq!(said.body["state"], "rejected", "{said:?}");
    assert_eq!(said.body["why"], "call 2: wrong-target");
    assert_eq!(states(&said.body), ["broken", "rejected", "broken"]);
    stage.yes(&batch, "sam").await.refuses(409, "hold-over");
    let mei = stage.token("mei").await;
    let refused = stage.propose(&mei, "S-1").await;
    refused.refuses(409, "declined-before");
    let rest = stage.proposed("S-2", &[senior('a'), senior('c')]).await;
    assert_eq!(rest["differs"][0]["what"], "removed");
    assert_eq!(rest["batch"]["state"], "waiting");
    let all = json!({ "reason": "not-needed" });
    let said = stage.decide(&rest["batch"], "reject", "ola", all).await;
    assert_eq!(states(&said.body), ["rejected"; 2]);
}

#[tokio::test]
async fn a_list_is_one_thing_in_the_lists_and_is_seen_by_who_may() {
    let stage = Stage::new().await;
    stage.task().await;
    let calls = [senior('a'), senior('b')];
    let batch = stage.proposed("S-1", &calls).await["batch"].clone();
    let path = format!("/batches/{}", batch["id"].as_str().unwrap());
    for (person, sees) in [("ola", true), ("mei", true), ("vic", true), ("kim", false)] {
        let token = stage.token(person).await;
        let list = stage.get("/batches?state=open", &token).await;
        let count = list.body["batches"].as_array().unwrap().len();
        assert_eq!(count, usize::from(sees), "{person}");
        let alone = stage.get("/holds?state=open", &token).await;
        assert_eq!(alone.body["holds"], json!([]), "{person}");
        let shown = stage.get(&path, &token).await;
        assert_eq!(shown.status, if sees { 200 } else { 404 }, "{person}");
    }
    let ola = stage.token("ola").await;
    let call = &batch["calls"][1];
    assert_eq!(
        (&call["number"], &call["confirm"]),
        (&json!(2), &json!("ce-web-prod"))
    );
    let hold = call["hold"]["id"].as_str().unwrap();
    let one = stage.get(&format!("/holds/{hold}"), &ola).await;
    assert_eq!(one.body["batch"], batch["id"], "{one:?}");
    let stored: Hold = {
        let id = hold.parse().unwrap();
        stage.store.hold(&id).await.unwrap().unwrap()
    };
    assert_eq!(stored.place.unwrap().number, 2);
    for path in [
        "/batches?state=odd",
        "/batches?task=../x",
        "/batches?cursor=%20",
    ] {
        stage.get(path, &ola).await.refuses(400, "malformed");
    }
}
