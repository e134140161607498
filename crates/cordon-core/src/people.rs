//! People: who may decide, and for which groups. Takes `people.toml` as an administrator wrote it;
//! gives [`People`], which answers whether someone counts for a group at this moment.
//!
//! ```toml
//! schema = "cordon.people/v1"
//!
//! [[person]]
//! name   = "mei"                     # as `--sponsor` and sign-in know her
//! email  = "mei@example.com"         # another name of the same person
//! groups = ["senior", "cn-operators"]
//! roles  = ["incident-commander"]
//! ```
//!
//! A provider of identities may tell more of those who sign in by it: a [`Claim`], which counts as long
//! as their sign-in does.
//!
//! Who counts is asked when a decision is used, never remembered from when it was made: someone who
//! left a group in between no longer lifts anything.

use crate::document::{Document, Placed, Section};
use crate::fault::{Faults, did_you_mean};
use crate::names::{ApproverGroup, Person, Sponsor};
use std::collections::{BTreeMap, BTreeSet};

/// Everyone who may sign in, with what each may do. Without any, nobody lifts a hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct People(BTreeMap<Person, Membership>);

/// What is known of one person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Membership {
    /// Another name of the same person.
    pub email: Option<Person>,
    /// The groups whose holds this person may lift.
    pub groups: BTreeSet<ApproverGroup>,
    /// What else this person may do.
    pub roles: BTreeSet<Role>,
}

/// What a provider of identities told of a person at their sign-in. It counts beside what the file
/// says, until the sign-in ends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claim {
    /// The groups whose holds this person may lift.
    pub groups: BTreeSet<ApproverGroup>,
    /// What else this person may do.
    pub roles: BTreeSet<Role>,
}

/// What a person may do beside lifting holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Look at everything.
    Viewer,
    /// Launch and steer tasks.
    Sponsor,
    /// Write and publish policy.
    PolicyAuthor,
    /// Lower the posture again.
    IncidentCommander,
    /// Everything but deciding holds of groups that this person is not in.
    Admin,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 5] = [
        Self::Viewer,
        Self::Sponsor,
        Self::PolicyAuthor,
        Self::IncidentCommander,
        Self::Admin,
    ];

    /// `viewer`, `sponsor`, `policy-author`, `incident-commander`, `admin`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Sponsor => "sponsor",
            Self::PolicyAuthor => "policy-author",
            Self::IncidentCommander => "incident-commander",
            Self::Admin => "admin",
        }
    }

    /// The role that [`Role::as_str`] gives `word` for.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }
}

impl People {
    /// Reads `people.toml`; `file` is its name in messages.
    ///
    /// # Errors
    /// Every fault of the text.
    pub fn parse(file: &str, text: &str) -> Result<Self, Faults> {
        let (mut document, mut top) = Document::parse(file, text);
        let schema = document.required_string(&mut top, "schema", "cordon.people/v1");
        if let Some(schema) = schema.filter(|schema| schema.value != "cordon.people/v1") {
            let message = format!("unknown schema `{}`", schema.value);
            let help = "this version reads `cordon.people/v1`";
            document.fault(schema.offset, message, help);
        }
        let mut people = Self::default();
        for section in document.sections(&mut top, "person") {
            people.read_person(&mut document, section);
        }
        document.finish(top);
        Faults::or(document.into_faults(), people)
    }

    /// People as a provider of identities told of them.
    #[must_use]
    pub fn new(people: impl IntoIterator<Item = (Person, Membership)>) -> Self {
        Self(people.into_iter().collect())
    }

    /// The same people, and what a provider told of those who are signed in by it. Who is an entry of
    /// the file keeps what it gives; who goes by another name there is not made a second person, and
    /// of whom nothing is told is not made one at all.
    #[must_use]
    pub fn with_claims<'c>(
        &self,
        claims: impl IntoIterator<Item = (&'c Person, &'c Claim)>,
    ) -> Self {
        let mut all = self.clone();
        for (person, claim) in claims {
            let known = self.find(person.as_str()).map(|(known, _)| known);
            let empty = claim.groups.is_empty() && claim.roles.is_empty();
            let counts = known.map_or(!empty, |known| known == person);
            if !counts {
                continue;
            }
            let membership = all.0.entry(person.clone()).or_default();
            membership.groups.extend(claim.groups.iter().cloned());
            membership.roles.extend(&claim.roles);
        }
        all
    }

    fn read_person<'t>(&mut self, document: &mut Document<'t>, mut section: Section<'t>) {
        let written = document.required_string(&mut section, "name", "mei");
        let email = document.string(&mut section, "email");
        let groups = document.strings(&mut section, "groups");
        let roles = document.strings(&mut section, "roles");
        document.finish(section);
        let email = email
            .and_then(|email| name::<Person>(document, &email).map(|name| (name, email.offset)));
        let membership = Membership {
            groups: groups
                .iter()
                .filter_map(|group| name(document, group))
                .collect(),
            roles: roles
                .iter()
                .filter_map(|role| role_named(document, role))
                .collect(),
            email: email.as_ref().map(|(name, _)| name.clone()),
        };
        let Some(written) = written else { return };
        let Some(person) = name::<Person>(document, &written) else {
            return;
        };
        let email = email.as_ref().map(|(name, offset)| (name, *offset));
        for (name, offset) in [(&person, written.offset)].into_iter().chain(email) {
            if self.find(name.as_str()).is_some() {
                let message = format!("`{name}` is the name of another person too");
                document.fault(
                    offset,
                    message,
                    "one person, one entry; letters' case does not count",
                );
            }
        }
        self.0.insert(person, membership);
    }

    /// The one person who goes by `name`, be it a user name or an address, in any case of ASCII
    /// letters.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<(&Person, &Membership)> {
        self.0.iter().find(|(person, membership)| {
            let own = Some(*person).into_iter().chain(&membership.email);
            own.map(Person::as_str)
                .any(|own| own.eq_ignore_ascii_case(name))
        })
    }

    /// Whether `person` is known and in `group` now.
    #[must_use]
    pub fn is_member(&self, person: &Person, group: &ApproverGroup) -> bool {
        self.0
            .get(person)
            .is_some_and(|membership| membership.groups.contains(group))
    }

    /// Whether `person` is known and has `role` now.
    #[must_use]
    pub fn has_role(&self, person: &Person, role: Role) -> bool {
        self.0
            .get(person)
            .is_some_and(|membership| membership.roles.contains(&role))
    }

    /// Whether `sponsor` is `person`, by whichever name. A user name and an address that begins with
    /// it are taken for the same person: a provider knows people by their address alone, and launches
    /// are known by the user name.
    #[must_use]
    pub fn is_sponsor(&self, person: &Person, sponsor: &Sponsor) -> bool {
        let (one, other) = (person.as_str(), sponsor.as_str());
        let user = |name: &str, address: &str| {
            let part = address.split_once('@').map(|(user, _)| user);
            part.is_some_and(|part| part.eq_ignore_ascii_case(name))
        };
        let same = one.eq_ignore_ascii_case(other) || user(one, other) || user(other, one);
        same || self
            .find(sponsor.as_str())
            .is_some_and(|(found, _)| found == person)
    }

    /// How many people are in `group`.
    #[must_use]
    pub fn count(&self, group: &ApproverGroup) -> usize {
        let members = self.0.values();
        members
            .filter(|membership| membership.groups.contains(group))
            .count()
    }

    /// Everyone.
    pub fn iter(&self) -> impl Iterator<Item = (&Person, &Membership)> {
        self.0.iter()
    }
}

fn name<T: std::str::FromStr<Err = crate::names::NameError>>(
    document: &mut Document<'_>,
    written: &Placed<String>,
) -> Option<T> {
    written
        .value
        .parse()
        .map_err(|error: crate::names::NameError| {
            document.fault(written.offset, error.to_string(), "");
        })
        .ok()
}

fn role_named(document: &mut Document<'_>, written: &Placed<String>) -> Option<Role> {
    let role = Role::named(&written.value);
    if role.is_none() {
        let words = Role::ALL.map(Role::as_str);
        let help = did_you_mean(&written.value, words)
            .unwrap_or_else(|| format!("roles: {}", words.join(", ")));
        let message = format!("`{}` is not a role", written.value);
        document.fault(written.offset, message, help);
    }
    role
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
schema = "cordon.people/v1"

[[person]]
name = "mei"
email = "mei@example.com"
groups = ["senior", "cn-operators"]

[[person]]
name = "ola"
groups = ["senior"]
roles = ["incident-commander"]
"#;

    fn group(name: &str) -> ApproverGroup {
        name.parse().unwrap()
    }

    #[test]
    fn people_are_known_by_each_of_their_names() {
        let people = People::parse("people.toml", TEXT).unwrap();
        let mei: Person = "mei".parse().unwrap();
        assert!(people.is_member(&mei, &group("cn-operators")));
        assert_eq!(people.count(&group("senior")), 2);
        assert_eq!(people.find("MEI@example.com").unwrap().0, &mei);
        assert!(people.is_sponsor(&mei, &"Mei".parse().unwrap()));
        assert!(people.is_sponsor(&mei, &"mei@EXAMPLE.com".parse().unwrap()));
        assert!(!people.is_sponsor(&mei, &"ola".parse().unwrap()));
        assert!(people.find("nobody").is_none());
    }

    fn claim(groups: &[&str]) -> Claim {
        Claim {
            groups: groups.iter().map(|name| group(name)).collect(),
            roles: [Role::Viewer].into(),
        }
    }

    #[test]
    fn who_launched_a_task_by_a_user_name_is_known_by_an_address_too() {
        let people = People::default();
        let address: Person = "Mei@example.com".parse().unwrap();
        let name: Person = "mei".parse().unwrap();
        assert!(people.is_sponsor(&address, &"mei".parse().unwrap()));
        assert!(people.is_sponsor(&name, &"mei@example.com".parse().unwrap()));
        for other in ["me", "meib", "ola", "mei@other.example.com"] {
            assert!(!people.is_sponsor(&address, &other.parse().unwrap()));
        }
    }

    #[test]
    fn a_claim_adds_to_the_file_and_makes_nobody_twice() {
        let file = People::parse("people.toml", TEXT).unwrap();
        let names = ["ola", "kim@example.com", "mei@example.com", "OLA"];
        let names = names.map(|name| name.parse::<Person>().unwrap());
        let [ola, kim, second_mei, second_ola] = &names;
        let told = claim(&["owner"]);
        let people = file.with_claims(names.iter().map(|name| (name, &told)));
        assert!(people.is_member(ola, &group("owner")) && people.is_member(ola, &group("senior")));
        assert!(
            people.has_role(ola, Role::IncidentCommander) && people.has_role(kim, Role::Viewer)
        );
        assert!(people.is_member(kim, &group("owner")) && !people.is_member(kim, &group("senior")));
        assert!(!people.is_member(second_mei, &group("owner")));
        assert!(!people.is_member(second_ola, &group("owner")));
        assert_eq!(people.iter().count(), 3);
        assert!(!file.is_member(ola, &group("owner")));
        let nothing = Claim::default();
        let people = file.with_claims([(kim, &nothing), (ola, &nothing)]);
        assert_eq!(people, file);
    }

    #[test]
    fn every_fault_is_told_with_its_line() {
        let faulty = TEXT
            .replace("\"ola\"", "\"MEI@example.com\"")
            .replace("incident-commander", "incident-comander")
            .replace("cn-operators", "cn operators");
        let faults = People::parse("people.toml", &faulty)
            .unwrap_err()
            .to_string();
        for part in [
            "people.toml:10:8: `MEI@example.com` is the name of another person too",
            "people.toml:12:10: `incident-comander` is not a role",
            "did you mean `incident-commander`?",
            "people.toml:7:21: `cn operators` is not an approver group",
        ] {
            assert!(faults.contains(part), "{faults}");
        }
    }
}
