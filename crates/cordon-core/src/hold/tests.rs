use super::*;

fn at(minutes: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes)
}

fn people() -> People {
    let text = r#"
        schema = "cordon.people/v1"
        [[person]]
        name = "mei"
        email = "mei@example.com"
        groups = ["senior", "owner"]
        [[person]]
        name = "ola"
        groups = ["senior"]
        [[person]]
        name = "kim"
        groups = ["owner"]
    "#;
    People::parse("people.toml", text).unwrap()
}

fn hold(needs: &[&str], quorum: u32) -> Hold {
    Hold {
        id: "H-1".parse().unwrap(),
        task: "T-1".parse().unwrap(),
        sponsor: "sam".parse().unwrap(),
        reference: "R1".parse().unwrap(),
        digest: "sha256:d".into(),
        state: StateDigest::from_written("sha256:s"),
        policy_version: "sha256:p".into(),
        needs: needs.iter().map(|name| name.parse().unwrap()).collect(),
        quorum,
        opened: at(0),
        decide_by: at(30),
        asked: 1,
        follows: None,
        votes: Vec::new(),
        ended: None,
    }
}

fn vote(person: &str, word: &str, minute: i64) -> Vote {
    Vote {
        person: person.parse().unwrap(),
        answer: Answer::named(word).unwrap(),
        at: at(minute),
        note: "".into(),
    }
}

fn check(hold: &Hold, votes: &[(&str, &str, i64)], now: i64, expected: &str) {
    let mut hold = hold.clone();
    hold.votes = votes
        .iter()
        .map(|(person, word, minute)| vote(person, word, *minute))
        .collect();
    assert_eq!(
        hold.standing(&people(), at(now)).as_str(),
        expected,
        "{votes:?} at {now}"
    );
}

#[test]
fn nothing_but_a_yes_of_those_who_are_asked_lifts_a_hold() {
    let senior = hold(&["senior"], 1);
    check(&senior, &[], 1, "waiting");
    check(&senior, &[("kim", "approve", 1)], 2, "waiting");
    check(&senior, &[("eve", "approve", 1)], 2, "waiting");
    check(&senior, &[("ola", "approve", 1)], 2, "approved");
    check(&senior, &[("ola", "approve", 1)], 16, "lapsed");
    check(&senior, &[], 30, "unanswered");
    check(&senior, &[("ola", "approve", 31)], 32, "unanswered");
    check(&hold(&[], 1), &[("ola", "approve", 1)], 2, "waiting");
}

#[test]
fn the_sponsor_lifts_nothing_by_any_name() {
    for name in ["mei", "MEI", "mei@example.com"] {
        let own = Hold {
            sponsor: name.parse().unwrap(),
            ..hold(&["senior"], 1)
        };
        check(&own, &[("mei", "approve", 1)], 2, "waiting");
        let mei = "mei".parse().unwrap();
        let refused = own.admits(&mei, Answer::Approve, &own.digest, &people(), at(1));
        assert!(matches!(refused, Err(VoteError::Sponsor(_))), "{refused:?}");
    }
}

#[test]
fn every_group_and_its_whole_quorum_must_agree() {
    let both = hold(&["senior", "owner"], 1);
    check(&both, &[("ola", "approve", 1)], 2, "waiting");
    check(
        &both,
        &[("ola", "approve", 1), ("kim", "approve", 2)],
        3,
        "approved",
    );
    let two = hold(&["senior"], 2);
    check(
        &two,
        &[("ola", "approve", 1), ("ola", "approve", 2)],
        3,
        "waiting",
    );
    check(
        &two,
        &[("ola", "approve", 1), ("mei", "approve", 2)],
        3,
        "approved",
    );
    check(
        &two,
        &[("ola", "approve", 1), ("mei", "approve", 12)],
        17,
        "approved",
    );
}

#[test]
fn one_no_is_a_no() {
    let both = hold(&["senior", "owner"], 1);
    let votes = [("ola", "approve", 1), ("kim", "too-broad", 2)];
    check(&both, &votes, 3, "rejected");
    check(&both, &[("eve", "too-broad", 1)], 3, "waiting");
    check(
        &both,
        &[("ola", "approve", 1), ("ola", "wrong-time", 2)],
        3,
        "rejected",
    );
}

#[test]
fn who_left_the_group_no_longer_counts() {
    let mut held = hold(&["senior"], 1);
    held.votes = vec![vote("ola", "approve", 1)];
    let without = People::new(
        people()
            .iter()
            .filter(|(name, _)| name.as_str() != "ola")
            .map(|(name, membership)| (name.clone(), membership.clone())),
    );
    assert_eq!(held.standing(&people(), at(2)).as_str(), "approved");
    assert_eq!(held.standing(&without, at(2)).as_str(), "waiting");
}

#[test]
fn a_vote_is_about_what_was_seen_and_said_once() {
    let mut held = hold(&["senior"], 2);
    let ola: Person = "ola".parse().unwrap();
    let kim: Person = "kim".parse().unwrap();
    let people = people();
    let admits = |held: &Hold, person, answer, seen: &str, now| {
        held.admits(person, answer, seen, &people, at(now))
    };
    let no = Answer::Reject(Reason::TooRisky);
    assert_eq!(
        admits(&held, &ola, Answer::Approve, "sha256:other", 1),
        Err(VoteError::Digest)
    );
    assert!(matches!(
        admits(&held, &kim, Answer::Approve, "sha256:d", 1),
        Err(VoteError::NotAsked(_))
    ));
    assert_eq!(admits(&held, &ola, Answer::Approve, "sha256:d", 1), Ok(()));
    held.votes = vec![vote("ola", "approve", 1)];
    assert_eq!(
        admits(&held, &ola, Answer::Approve, "sha256:d", 2),
        Err(VoteError::Again)
    );
    assert_eq!(admits(&held, &ola, no, "sha256:d", 2), Ok(()));
    held.votes.push(vote("ola", "too-risky", 2));
    let mei: Person = "mei".parse().unwrap();
    assert_eq!(
        admits(&held, &mei, Answer::Approve, "sha256:d", 3),
        Err(VoteError::Over("rejected"))
    );
    assert_eq!(
        admits(&hold(&["senior"], 1), &ola, no, "sha256:d", 30),
        Err(VoteError::Over("unanswered"))
    );
}

fn commanders() -> People {
    let text = r#"
        schema = "cordon.people/v1"
        [[person]]
        name = "ola"
        groups = ["senior"]
        [[person]]
        name = "ica"
        email = "ica@example.com"
        roles = ["incident-commander"]
        [[person]]
        name = "ivo"
        roles = ["incident-commander"]
        [[person]]
        name = "ada"
        roles = ["admin"]
    "#;
    People::parse("people.toml", text).unwrap()
}

#[test]
fn two_incident_commanders_break_the_glass_and_one_does_not() {
    let people = commanders();
    let check = |hold: &Hold, votes: &[(&str, &str, i64)], now: i64, expected: &str| {
        let votes = votes.iter();
        let votes = votes.map(|(person, word, minute)| vote(person, word, *minute));
        let held = Hold {
            votes: votes.collect(),
            ..hold.clone()
        };
        let standing = held.standing(&people, at(now));
        assert_eq!(standing.as_str(), expected, "{:?}", held.votes);
    };
    let (ica, ivo) = (("ica", "break-glass", 1), ("ivo", "break-glass", 2));
    let both = hold(&["senior", "owner"], 2);
    check(&both, &[ica], 3, "waiting");
    check(&both, &[ica, ("ica", "break-glass", 2)], 3, "waiting");
    check(&both, &[ica, ("ada", "break-glass", 2)], 3, "waiting");
    check(&both, &[ica, ("ola", "break-glass", 2)], 3, "waiting");
    check(&both, &[ica, ("ola", "approve", 2)], 3, "waiting");
    check(&both, &[ica, ("ivo", "approve", 2)], 3, "waiting");
    check(&both, &[ica, ivo], 3, "approved");
    check(&both, &[ica, ivo], 17, "lapsed");
    check(&both, &[ica, ivo, ("ola", "too-risky", 3)], 4, "rejected");
    check(&both, &[ica, ivo, ("ica", "too-risky", 3)], 4, "rejected");
    check(&both, &[ica, ("ivo", "break-glass", 31)], 32, "unanswered");
    check(&hold(&[], 1), &[ica, ivo], 3, "waiting");
    let own = Hold {
        sponsor: "ICA@example.com".parse().unwrap(),
        ..hold(&["senior"], 1)
    };
    check(&own, &[ica, ivo], 3, "waiting");
}

#[test]
fn breaking_the_glass_is_for_incident_commanders_and_is_done_once() {
    let people = commanders();
    let person = |name: &str| -> Person { name.parse().unwrap() };
    let mut held = hold(&["senior"], 1);
    let admits = |held: &Hold, name: &str, answer, seen: &str| {
        held.admits(&person(name), answer, seen, &people, at(1))
    };
    let glass = Answer::BreakGlass;
    assert_eq!(admits(&held, "ica", glass, "sha256:d"), Ok(()));
    assert_eq!(
        admits(&held, "ica", glass, "sha256:x"),
        Err(VoteError::Digest)
    );
    for name in ["ola", "ada", "eve"] {
        assert_eq!(
            admits(&held, name, glass, "sha256:d"),
            Err(VoteError::NotCommander)
        );
    }
    let approve = admits(&held, "ica", Answer::Approve, "sha256:d");
    assert!(matches!(approve, Err(VoteError::NotAsked(_))));
    held.votes = vec![vote("ica", "break-glass", 1)];
    assert_eq!(
        admits(&held, "ica", glass, "sha256:d"),
        Err(VoteError::Again)
    );
    let no = Answer::Reject(Reason::TooRisky);
    assert_eq!(admits(&held, "ica", no, "sha256:d"), Ok(()));
    assert_eq!(admits(&held, "ivo", glass, "sha256:d"), Ok(()));
}

#[test]
fn an_ended_hold_stays_ended() {
    for how in Closing::ALL {
        let over = Hold {
            ended: Some(Ended {
                how,
                at: at(1),
                by: None,
            }),
            ..hold(&["senior"], 1)
        };
        check(&over, &[("ola", "approve", 1)], 2, how.as_str());
    }
}
