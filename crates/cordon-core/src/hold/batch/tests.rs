use super::*;
use crate::hold::{Ended, Vote};
use jiff::SignedDuration;
use std::collections::BTreeSet;

fn at(minutes: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes)
}

fn people() -> People {
    let text = r#"
        schema = "cordon.people/v1"
        [[person]]
        name = "mei"
        groups = ["senior", "owner"]
        [[person]]
        name = "ola"
        groups = ["senior"]
        [[person]]
        name = "kim"
        groups = ["owner"]
        [[person]]
        name = "sam"
        groups = ["senior", "owner"]
        [[person]]
        name = "ica"
        roles = ["incident-commander"]
        [[person]]
        name = "icb"
        roles = ["incident-commander"]
    "#;
    People::parse("people.toml", text).unwrap()
}

fn hold(digest: &str, needs: &[&str]) -> Hold {
    Hold {
        id: format!("H-{digest}").parse().unwrap(),
        task: "T-1".parse().unwrap(),
        sponsor: "sam".parse().unwrap(),
        reference: "R1".parse().unwrap(),
        digest: digest.into(),
        state: StateDigest::from_written("sha256:s"),
        policy_version: "sha256:p".into(),
        needs: needs.iter().map(|name| name.parse().unwrap()).collect(),
        quorum: 1,
        checks: BTreeSet::new(),
        opened: at(0),
        decide_by: at(30),
        asked: 0,
        follows: None,
        place: None,
        votes: Vec::new(),
        reports: Vec::new(),
        ended: None,
    }
}

fn batch(holds: &[(&str, &[&str])]) -> Batch {
    let holds = holds.iter().map(|(digest, needs)| hold(digest, needs));
    let id = "B-1".parse().unwrap();
    Batch::of(id, "".into(), holds.collect(), at(60)).unwrap()
}

/// Three calls for seniors.
fn three() -> Batch {
    batch(&[("a", &["senior"]), ("b", &["senior"]), ("c", &["senior"])])
}

impl Batch {
    fn say(mut self, person: &str, answer: Answer, minute: i64) -> Self {
        for call in &mut self.calls {
            call.hold.votes.push(Vote {
                person: person.parse().unwrap(),
                answer,
                at: at(minute),
                note: "".into(),
            });
        }
        self
    }

    fn end(mut self, number: usize, how: Closing, answered: Option<Answered>) -> Self {
        let call = &mut self.calls[number - 1];
        call.answered = answered;
        call.hold.ended = Some(Ended {
            how,
            at: at(2),
            by: None,
        });
        self
    }

    fn went(self, number: usize) -> Self {
        self.end(number, Closing::Used, Some(Answered::Well))
    }
}

fn check(batch: &Batch, minute: i64, expected: &str, turns: [&str; 3]) {
    let (people, now) = (people(), at(minute));
    let standing = batch.standing(&people, now);
    let said = match &standing {
        BatchStanding::Broken { number, why } => format!("{number} {}", why.as_str()),
        standing => standing.as_str().to_owned(),
    };
    assert_eq!(said, expected, "{standing:?}");
    for (hold, expected) in batch.holds().zip(turns) {
        let turn = match batch.turn(&hold.id, &people, now) {
            Turn::Now => "now".to_owned(),
            Turn::After(number) => format!("after {number}"),
            Turn::Waits(missing) => missing.to_string(),
            Turn::Over => "over".to_owned(),
        };
        assert_eq!(turn, expected, "{} in {batch:#?}", hold.id);
    }
}

#[test]
fn no_call_goes_before_those_that_come_first_were_answered_well() {
    let yes = Answer::Approve;
    let one = "1 approval of senior";
    check(&three(), 1, "waiting", [one, one, one]);
    let batch = three().say("ola", yes, 1);
    check(&batch, 2, "approved", ["now", "after 1", "after 1"]);
    let under_way = batch.clone().end(1, Closing::Used, None);
    check(&under_way, 2, "approved", ["after 1", "after 1", "after 1"]);
    let batch = batch.went(1);
    check(&batch, 2, "approved", ["after 2", "now", "after 2"]);
    let batch = batch.went(2).end(3, Closing::Used, None);
    check(&batch, 2, "approved", ["after 3", "after 3", "after 3"]);
    check(&batch.went(3), 2, "done", ["over", "over", "over"]);
}

#[test]
fn what_becomes_of_one_call_ends_the_others() {
    let over = ["over", "over", "over"];
    let approved = || three().say("ola", Answer::Approve, 1);
    check(&approved(), 16, "1 lapsed", over);
    check(&three(), 30, "1 unanswered", over);
    let badly = approved().end(1, Closing::Used, Some(Answered::Badly));
    check(&badly, 2, "1 failed", over);
    for closing in [Closing::Changed, Closing::Withdrawn, Closing::Unanswered] {
        let ended = approved().end(2, closing, None);
        check(&ended, 2, &format!("2 {}", closing.as_str()), over);
        // Whatever followed from it.
        let ended = ended.end(1, Closing::Broken, None);
        check(&ended, 2, &format!("2 {}", closing.as_str()), over);
    }
    let no = Answer::Reject(Reason::TooBroad);
    check(&approved().say("mei", no, 2), 3, "1 too-broad", over);
    let mut one = approved();
    one.calls[2].hold.votes.push(Vote {
        person: "mei".parse().unwrap(),
        answer: no,
        at: at(2),
        note: "".into(),
    });
    check(&one, 3, "3 too-broad", over);
}

#[test]
fn everyone_who_is_asked_about_any_call_says_yes_before_one_goes() {
    let yes = Answer::Approve;
    let batch = batch(&[("a", &["senior"]), ("b", &["owner"]), ("c", &["senior"])]);
    let owner = "1 approval of owner";
    let half = batch.say("ola", yes, 1);
    check(&half, 2, "waiting", [owner, owner, owner]);
    // Of who may not: the one who launched the task, and who is in no group.
    for person in ["sam", "ica", "eve"] {
        let batch = half.clone().say(person, yes, 1);
        check(&batch, 2, "waiting", [owner, owner, owner]);
    }
    let whole = half.clone().say("kim", yes, 1);
    check(&whole, 2, "approved", ["now", "after 1", "after 1"]);
    let mut checked = half;
    checked.calls[2].hold.checks = ["canary".parse().unwrap()].into();
    let checked = checked.say("kim", yes, 1);
    let missing = "check canary";
    check(&checked, 2, "waiting", [missing, missing, missing]);
}

#[test]
fn in_an_emergency_the_list_is_lifted_as_one() {
    let glass = Answer::BreakGlass;
    let batch = three().say("ica", glass, 1);
    let one = "1 approval of senior";
    check(&batch, 2, "waiting", [one, one, one]);
    let batch = batch.say("icb", glass, 1);
    check(&batch, 2, "approved", ["now", "after 1", "after 1"]);
}

#[test]
fn a_vote_is_of_the_whole_list_by_who_is_asked_about_a_part_of_it() {
    let batch = batch(&[("a", &["senior"]), ("b", &["owner"])]);
    let digest = batch.digest();
    let (yes, no) = (Answer::Approve, Answer::Reject(Reason::Unclear));
    let check = |batch: &Batch, person: &str, answer, seen: &str, minute| {
        let person = person.parse().unwrap();
        batch.admits(&person, answer, seen, &people(), at(minute))
    };
    for person in ["mei", "ola", "kim"] {
        assert_eq!(check(&batch, person, yes, &digest, 1), Ok(()), "{person}");
    }
    assert_eq!(check(&batch, "kim", no, &digest, 1), Ok(()));
    let other = three().digest();
    for seen in ["", "sha256:", &other, "sha256:a"] {
        let refused = check(&batch, "ola", yes, seen, 1);
        assert_eq!(refused, Err(VoteError::Digest), "{seen}");
    }
    let refused = |person, answer, minute| check(&batch, person, answer, &digest, minute);
    assert!(matches!(refused("sam", yes, 1), Err(VoteError::Sponsor(_))));
    assert!(matches!(refused("sam", no, 1), Err(VoteError::Sponsor(_))));
    assert!(matches!(
        refused("eve", yes, 1),
        Err(VoteError::NotAsked(_))
    ));
    assert_eq!(
        refused("ola", Answer::BreakGlass, 1),
        Err(VoteError::NotCommander)
    );
    assert_eq!(refused("ola", yes, 30), Err(VoteError::Over("broken")));
    let said = batch.clone().say("ola", yes, 1);
    assert_eq!(check(&said, "ola", yes, &digest, 2), Err(VoteError::Again));
    assert_eq!(check(&said, "ola", no, &digest, 2), Ok(()));
    // What is left can still be stopped once some went.
    let gone = said.say("kim", yes, 1).went(1);
    assert_eq!(check(&gone, "kim", no, &digest, 2), Ok(()));
    assert!(check(&gone.went(2), "kim", no, &digest, 2).is_err());
}

#[test]
fn a_call_of_a_list_is_not_decided_about_by_itself() {
    let batch = three();
    let hold = &batch.calls[0].hold;
    for answer in [
        Answer::Approve,
        Answer::BreakGlass,
        Answer::Reject(Reason::Unclear),
    ] {
        let said = hold.admits(&"ola".parse().unwrap(), answer, "a", &people(), at(1));
        assert_eq!(said, Err(VoteError::InBatch("B-1".parse().unwrap())));
    }
    let one = |number, person: &str| {
        let person = person.parse().unwrap();
        batch.admits_no(number, &person, Reason::WrongTarget, &people(), at(1))
    };
    assert_eq!(one(2, "ola").unwrap().unwrap().id.as_str(), "H-b");
    assert!(one(2, "sam").unwrap().is_err());
    assert!(one(2, "kim").unwrap().is_err());
    assert!(one(0, "ola").is_none() && one(4, "ola").is_none());
}

#[test]
fn a_list_is_bounded_has_each_call_once_and_one_time_to_decide() {
    let of = |holds: Vec<Hold>| Batch::of("B-1".parse().unwrap(), "".into(), holds, at(20));
    assert_eq!(of(Vec::new()), None);
    assert_eq!(
        of(vec![hold("a", &["senior"]), hold("a", &["owner"])]),
        None
    );
    let many = |count: usize| (0..count).map(|it| hold(&it.to_string(), &["senior"]));
    assert_eq!(of(many(LONGEST + 1).collect()), None);
    assert!(of(many(LONGEST).collect()).is_some());
    let sooner = Hold {
        decide_by: at(10),
        ..hold("b", &["senior"])
    };
    let batch = of(vec![hold("a", &["senior"]), sooner]).unwrap();
    assert!(batch.holds().all(|hold| hold.decide_by == at(10)));
    let batch = of(vec![hold("a", &["senior"])]).unwrap();
    assert_eq!(batch.calls[0].hold.decide_by, at(20));
}

#[test]
fn lists_that_differ_have_other_digests_and_say_where() {
    let one = |digest: &str| hold(digest, &["senior"]);
    let before = ["a", "b", "c"].map(one);
    let check = |after: &[Hold], expected: &[Difference]| {
        let (before, after): (Vec<&Hold>, Vec<&Hold>) =
            (before.iter().collect(), after.iter().collect());
        assert_eq!(differences(&before, &after), expected);
        let same = list_digest(before) == list_digest(after);
        assert_eq!(same, expected.is_empty());
    };
    use Difference::{Added, Changed, Moved, Removed};
    check(&["a", "b", "c"].map(one), &[]);
    check(&["x", "a", "b", "c"].map(one), &[Added(1)]);
    check(&["a", "c"].map(one), &[Removed(2)]);
    check(&["a", "x", "c"].map(one), &[Removed(2), Added(2)]);
    check(&["c", "a", "b"].map(one), &[Moved { from: 3, to: 1 }]);
    check(&[], &[Removed(1), Removed(2), Removed(3)]);
    for other in [
        Hold {
            state: StateDigest::from_written("sha256:t"),
            ..one("b")
        },
        Hold {
            policy_version: "sha256:q".into(),
            ..one("b")
        },
        hold("b", &["owner"]),
        Hold {
            quorum: 2,
            ..one("b")
        },
        Hold {
            checks: ["canary".parse().unwrap()].into(),
            ..one("b")
        },
        Hold {
            needs: BTreeSet::new(),
            checks: ["senior".parse().unwrap()].into(),
            ..one("b")
        },
    ] {
        check(&[one("a"), other, one("c")], &[Changed { from: 2, to: 2 }]);
    }
    // What people say later is no difference.
    let mut said = three();
    let digest = said.digest();
    said = said.say("ola", Answer::Approve, 1).went(1);
    assert_eq!(said.digest(), digest);
}
