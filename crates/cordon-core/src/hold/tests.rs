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
        checks: BTreeSet::new(),
        opened: at(0),
        decide_by: at(30),
        asked: 1,
        follows: None,
        place: None,
        votes: Vec::new(),
        reports: Vec::new(),
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

/// People, and `ci`, for which a machine reports.
fn with_machine() -> People {
    let ci = "schema = \"cordon.people/v1\"\n[[person]]\nname = \"ci\"\n";
    let machine = People::parse("people.toml", ci).unwrap();
    let (people, commanders) = (people(), commanders());
    let all = people.iter().chain(commanders.iter()).chain(machine.iter());
    People::new(all.map(|(name, membership)| (name.clone(), membership.clone())))
}

fn checked(checks: &[&str], votes: &[(&str, &str, i64)], reports: &[(&str, &str, i64)]) -> Hold {
    let votes = votes.iter();
    let reports = reports.iter();
    Hold {
        checks: checks.iter().map(|name| name.parse().unwrap()).collect(),
        votes: votes
            .map(|(person, word, minute)| vote(person, word, *minute))
            .collect(),
        reports: reports
            .map(|(check, word, minute)| report(check, word, *minute, "ci"))
            .collect(),
        ..hold(&["senior"], 1)
    }
}

fn report(check: &str, word: &str, minute: i64, person: &str) -> Report {
    Report {
        check: check.parse().unwrap(),
        result: CheckResult::named(word).unwrap(),
        link: "https://ci.example.com/7".into(),
        person: person.parse().unwrap(),
        token: "t".into(),
        at: at(minute),
    }
}

const OLA: &[(&str, &str, i64)] = &[("ola", "approve", 1)];

#[test]
fn nothing_goes_before_every_check_passed_and_none_by_checks_alone() {
    let check = |votes: &[_], reports: &[(&str, &str, i64)], now: i64, expected: &str| {
        let held = checked(&["canary", "load"], votes, reports);
        let standing = held.standing(&with_machine(), at(now));
        assert_eq!(standing.as_str(), expected, "{reports:?} at {now}");
    };
    let (canary, load) = (("canary", "passed", 2), ("load", "passed", 3));
    check(OLA, &[], 4, "waiting");
    check(OLA, &[canary], 4, "waiting");
    check(&[], &[canary, load], 4, "waiting");
    check(OLA, &[canary, load], 4, "approved");
    check(OLA, &[canary, load, ("other", "failed", 4)], 5, "approved");
    check(OLA, &[canary, load, ("load", "failed", 4)], 5, "waiting");
    let mended = [canary, load, ("load", "failed", 4), ("load", "passed", 6)];
    check(OLA, &mended, 7, "approved");
    check(OLA, &[canary, ("load", "passed", 31)], 32, "unanswered");
    check(&[("ola", "too-risky", 1)], &[canary, load], 4, "rejected");
    let nobody = Hold {
        needs: BTreeSet::new(),
        ..checked(&["canary"], OLA, &[canary])
    };
    let standing = nobody.standing(&with_machine(), at(4));
    assert_eq!(standing.as_str(), "waiting", "nobody is asked");
}

#[test]
fn a_failure_stops_what_was_approved_also_when_the_time_to_decide_is_over() {
    let people = with_machine();
    let late = &[("ola", "approve", 29)];
    let passed = ("canary", "passed", 29);
    let held = checked(&["canary"], late, &[passed]);
    assert_eq!(held.standing(&people, at(35)).as_str(), "approved");
    let seen = (&*held.digest, held.state.as_str());
    let failure = report("canary", "failed", 35, "ci");
    assert_eq!(held.admits_report(&failure, seen, &people), Ok(()));
    let failed = checked(&["canary"], late, &[passed, ("canary", "failed", 35)]);
    assert_eq!(failed.standing(&people, at(36)).as_str(), "unanswered");
    let pass = report("canary", "passed", 35, "ci");
    let refused = held.admits_report(&pass, seen, &people);
    assert_eq!(refused, Err(ReportError::Over("its time is over")));
}

#[test]
fn an_approval_lives_no_longer_because_a_check_is_reported_again() {
    let people = with_machine();
    let again = [("canary", "passed", 2), ("canary", "passed", 14)];
    let held = checked(&["canary"], OLA, &again);
    assert_eq!(held.standing(&people, at(16)).as_str(), "approved");
    assert_eq!(held.standing(&people, at(17)).as_str(), "lapsed");
    // What lapsed is not brought back either.
    let seen = (&*held.digest, held.state.as_str());
    let pass = report("canary", "passed", 18, "ci");
    let refused = held.admits_report(&pass, seen, &people);
    assert_eq!(refused, Err(ReportError::Over("lapsed")));
}

#[test]
fn an_emergency_stands_for_what_was_not_checked_and_not_against_what_failed() {
    let people = with_machine();
    let glass = [("ica", "break-glass", 1), ("ivo", "break-glass", 2)];
    let open = checked(&["canary"], &glass, &[]);
    assert_eq!(open.standing(&people, at(3)).as_str(), "approved");
    let failed = checked(&["canary"], &glass, &[("canary", "failed", 1)]);
    assert_eq!(failed.standing(&people, at(3)).as_str(), "waiting");
}

#[test]
fn a_pass_counts_of_those_who_are_known_and_never_of_the_sponsor() {
    let people = with_machine();
    let mut held = checked(&["canary"], OLA, &[]);
    for (person, expected) in [("ci", "approved"), ("sam", "waiting"), ("gone", "waiting")] {
        held.reports = vec![report("canary", "passed", 2, person)];
        assert_eq!(held.standing(&people, at(3)).as_str(), expected, "{person}");
    }
    let own = Hold {
        sponsor: "CI".parse().unwrap(),
        ..checked(&["canary"], OLA, &[("canary", "passed", 2)])
    };
    assert_eq!(own.standing(&people, at(3)).as_str(), "waiting");
    let seen = (&*own.digest, own.state.as_str());
    let pass = report("canary", "passed", 2, "ci");
    let refused = own.admits_report(&pass, seen, &people);
    assert_eq!(refused, Err(ReportError::Sponsor));
}

#[test]
fn a_report_is_about_what_was_checked_and_what_is_asked() {
    let people = with_machine();
    let held = checked(&["canary"], &[], &[]);
    let pass = report("canary", "passed", 2, "ci");
    let admits = |held: &Hold, report: &Report, seen| held.admits_report(report, seen, &people);
    let seen = ("sha256:d", "sha256:s");
    assert_eq!(admits(&held, &pass, seen), Ok(()));
    for stale in [("sha256:x", "sha256:s"), ("sha256:d", "sha256:x"), ("", "")] {
        assert_eq!(admits(&held, &pass, stale), Err(ReportError::Digest));
    }
    let other = report("load", "passed", 2, "ci");
    let refused = admits(&held, &other, seen);
    assert_eq!(refused, Err(ReportError::NotAsked("canary".to_owned())));
    let flood: Vec<(&str, &str, i64)> = vec![("canary", "failed", 2); REPORTS];
    let flooded = checked(&["canary"], &[], &flood);
    assert_eq!(admits(&flooded, &pass, seen), Err(ReportError::TooMany));
    let failure = report("canary", "failed", 2, "ci");
    assert_eq!(admits(&flooded, &failure, seen), Ok(()));
}

#[test]
fn what_is_missing_is_said_in_words() {
    let words = |held: &Hold| match held.standing(&with_machine(), at(2)) {
        Standing::Waiting { missing } => missing.to_string(),
        other => panic!("{other:?}"),
    };
    let one = checked(&["canary"], &[], &[]);
    assert_eq!(words(&one), "1 approval of senior and check canary");
    let failed = checked(&["canary", "load"], OLA, &[("load", "failed", 1)]);
    assert_eq!(words(&failed), "check canary and check load (failed)");
    let two = hold(&["owner", "senior"], 2);
    assert_eq!(
        words(&two),
        "2 approvals of owner and 2 approvals of senior"
    );
}

#[test]
fn a_call_that_other_checks_are_asked_of_is_another_matter() {
    let held = checked(&["canary"], OLA, &[("canary", "passed", 1)]);
    let serves = |asked: &[&str]| {
        let asked = checked(asked, &[], &[]);
        held.serves(&asked, &with_machine(), at(2))
    };
    assert!(matches!(serves(&["canary"]), Serves::Approved(_)));
    for asked in [&[][..], &["load"], &["canary", "load"]] {
        assert_eq!(serves(asked), Serves::Over(Closing::Changed), "{asked:?}");
    }
}
