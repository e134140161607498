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

    /// Whether `sponsor` is `person`, by whichever name.
    #[must_use]
    pub fn is_sponsor(&self, person: &Person, sponsor: &Sponsor) -> bool {
        let same = person.as_str().eq_ignore_ascii_case(sponsor.as_str());
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
