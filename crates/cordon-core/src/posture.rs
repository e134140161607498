//! Posture: how careful agents are to be, where and when.
//!
//! Takes what leaders declared; gives what is in force for a call at a moment: the strictest of all
//! declarations that speak of it. No declaration makes another one weaker, so that whoever adds one
//! never lowers anything.
//!
//! ```text
//! everything                at once, until it is lowered      ┐
//! environment:cn-prod       Fri 18:00 - Mon 08:00, weekly     ├─► a call of team `billing` in cn-prod:
//! team:billing              from one moment until another     ┘   the strictest of the three
//! ```

use crate::assess::Assessed;
use crate::decide::Posture;
use crate::environment::EnvironmentMap;
use crate::names::{Environment, NameError, Team};
use jiff::Timestamp;
use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// What a declaration speaks of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Every call.
    Everything,
    /// Calls that touch something of this environment, or of one below it.
    Environment(Environment),
    /// Calls of tasks of this team.
    Team(Team),
}

/// When a declaration holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum When {
    /// At once, until this moment where one is named.
    Now {
        /// Its end.
        until: Option<Timestamp>,
    },
    /// From one moment until another.
    Between {
        /// Its first moment.
        from: Timestamp,
        /// The moment after its last.
        until: Timestamp,
    },
    /// Every week.
    Weekly(Weekly),
}

/// A part of every week: `Fri 18:00 - Mon 08:00`, as the clocks of its zone go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weekly {
    /// Minutes since Monday began.
    from: u32,
    until: u32,
    zone: TimeZone,
}

/// Text that is no part of a week.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a part of a week such as `Fri 18:00 - Mon 08:00`")]
pub struct WeeklyError(String);

/// Text that is no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// It says of nothing what it is.
    #[error("`{0}` is neither `everything`, `environment:NAME` nor `team:NAME`")]
    Kind(String),
    /// What it names has no such name.
    #[error(transparent)]
    Name(#[from] NameError),
}

/// One declaration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// What people name it by. Of those that hold at once there is one a scope, named by it.
    pub id: Box<str>,
    /// What it speaks of.
    pub scope: Scope,
    /// How careful.
    pub posture: Posture,
    /// What people and agents are told.
    pub message: Box<str>,
    /// Who declared it.
    pub by: Box<str>,
    /// When it was declared.
    pub since: Timestamp,
    /// When it holds.
    pub when: When,
}

/// Everything that is declared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Postures(Arc<[Declared]>);

/// What declarations may speak of in one call: its team, and the environments that it touches with
/// those above them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Concerned {
    team: Team,
    environments: BTreeSet<Environment>,
}

/// What an agent is told of the declaration that holds its call up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announced {
    /// What it speaks of.
    pub scope: Scope,
    /// How careful.
    pub posture: Posture,
    /// What leaders say with it.
    pub message: Box<str>,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everything => f.write_str("everything"),
            Self::Environment(name) => write!(f, "environment:{name}"),
            Self::Team(name) => write!(f, "team:{name}"),
        }
    }
}

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        match text.split_once(':') {
            None if text == "everything" => Ok(Self::Everything),
            Some(("environment", name)) => Ok(Self::Environment(name.parse()?)),
            Some(("team", name)) => Ok(Self::Team(name.parse()?)),
            _ => Err(ScopeError::Kind(text.to_owned())),
        }
    }
}

impl When {
    /// Whether it holds at `now`.
    #[must_use]
    pub fn holds(&self, now: Timestamp) -> bool {
        match self {
            Self::Now { until } => until.is_none_or(|until| now < until),
            Self::Between { from, until } => *from <= now && now < *until,
            Self::Weekly(weekly) => weekly.holds(now),
        }
    }

    /// Whether it holds at no later moment.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        match self {
            Self::Now { until } => until.is_some_and(|until| until <= now),
            Self::Between { until, .. } => *until <= now,
            Self::Weekly(_) => false,
        }
    }
}

const DAYS: [(&str, Weekday); 7] = [
    ("Mon", Weekday::Monday),
    ("Tue", Weekday::Tuesday),
    ("Wed", Weekday::Wednesday),
    ("Thu", Weekday::Thursday),
    ("Fri", Weekday::Friday),
    ("Sat", Weekday::Saturday),
    ("Sun", Weekday::Sunday),
];
const DAY: u32 = 24 * 60;

impl Weekly {
    /// Reads `Fri 18:00 - Mon 08:00`, as the clocks of `zone` go.
    ///
    /// # Errors
    /// [`WeeklyError`].
    pub fn parse(text: &str, zone: TimeZone) -> Result<Self, WeeklyError> {
        let wrong = || WeeklyError(text.to_owned());
        let (from, until) = text.split_once('-').ok_or_else(wrong)?;
        let (from, until) = (minute(from), minute(until));
        let (from, until) = (from.ok_or_else(wrong)?, until.ok_or_else(wrong)?);
        // From a moment to itself may be never or always.
        match from == until {
            true => Err(wrong()),
            false => Ok(Self { from, until, zone }),
        }
    }

    /// The zone that its times are of.
    #[must_use]
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    fn holds(&self, now: Timestamp) -> bool {
        let here = self.zone.to_datetime(now);
        let day = u32::from(here.weekday().to_monday_zero_offset().unsigned_abs());
        let minute = day * DAY + of_day(here.time());
        match self.from < self.until {
            true => self.from <= minute && minute < self.until,
            false => self.from <= minute || minute < self.until,
        }
    }
}

impl fmt::Display for Weekly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = |f: &mut fmt::Formatter<'_>, minute: u32| {
            let day = usize::try_from(minute / DAY).unwrap_or_default();
            let name = DAYS.get(day).map_or("", |(name, _)| name);
            write!(f, "{name} {:02}:{:02}", minute % DAY / 60, minute % 60)
        };
        moment(f, self.from)?;
        f.write_str(" - ")?;
        moment(f, self.until)
    }
}

/// `Fri 18:00` as minutes since Monday began.
fn minute(text: &str) -> Option<u32> {
    let (day, time) = text.trim().split_once(' ')?;
    let known = |(name, _): &(&str, Weekday)| name.eq_ignore_ascii_case(day);
    let (_, day) = DAYS.iter().find(|day| known(day))?;
    let (hour, minute) = time.trim().split_once(':')?;
    let two = |text: &str| match text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit()) {
        true => text.parse::<i8>().ok(),
        false => None,
    };
    let time = Time::new(two(hour)?, two(minute)?, 0, 0).ok()?;
    let day = u32::from(day.to_monday_zero_offset().unsigned_abs());
    Some(day * DAY + of_day(time))
}

fn of_day(time: Time) -> u32 {
    u32::from(time.hour().unsigned_abs()) * 60 + u32::from(time.minute().unsigned_abs())
}

impl Declared {
    /// How careful it asks to be at `now`.
    #[must_use]
    pub fn at(&self, now: Timestamp) -> Posture {
        match self.when.holds(now) {
            true => self.posture,
            false => Posture::Normal,
        }
    }

    /// What agents are told of it.
    #[must_use]
    pub fn announced(&self) -> Announced {
        Announced {
            scope: self.scope.clone(),
            posture: self.posture,
            message: self.message.clone(),
        }
    }
}

impl Postures {
    /// Of these declarations.
    #[must_use]
    pub fn new(declared: Vec<Declared>) -> Self {
        Self(declared.into())
    }

    /// Whether nothing is declared.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every declaration.
    pub fn iter(&self) -> impl Iterator<Item = &Declared> {
        self.0.iter()
    }

    /// The strictest declaration that speaks of what is `concerned` at `now`; nothing where everything
    /// is as the policies say.
    #[must_use]
    pub fn in_force(&self, concerned: &Concerned, now: Timestamp) -> Option<&Declared> {
        let speaking = self.0.iter().filter(|one| concerned.is_of(&one.scope));
        strictest(speaking, now)
    }

    /// How careful a call is to be that is `concerned`.
    #[must_use]
    pub fn posture(&self, concerned: &Concerned, now: Timestamp) -> Posture {
        let in_force = self.in_force(concerned, now);
        in_force.map_or(Posture::Normal, |declared| declared.posture)
    }
}

/// The strictest of some declarations at `now`; nothing where none asks for anything.
pub fn strictest<'a>(
    declared: impl Iterator<Item = &'a Declared>,
    now: Timestamp,
) -> Option<&'a Declared> {
    let asking = declared.filter(|one| one.at(now) > Posture::Normal);
    // Of two that are as strict, the first: the order of the store is a fixed one.
    asking.reduce(|best, one| match one.posture > best.posture {
        true => one,
        false => best,
    })
}

/// For everything, at once, with nothing said.
impl From<Posture> for Postures {
    fn from(posture: Posture) -> Self {
        if posture == Posture::Normal {
            return Self::default();
        }
        Self::new(vec![Declared {
            id: Scope::Everything.to_string().into(),
            scope: Scope::Everything,
            posture,
            message: "".into(),
            by: "".into(),
            since: Timestamp::UNIX_EPOCH,
            when: When::Now { until: None },
        }])
    }
}

impl Concerned {
    pub(crate) fn of(assessed: &Assessed, map: &EnvironmentMap) -> Self {
        let own = assessed.accesses().iter().map(|access| &access.environment);
        let environments = own.flat_map(|own| [own].into_iter().chain(map.parents_of(own)));
        Self {
            team: assessed.session().task.team().clone(),
            environments: environments.cloned().collect(),
        }
    }

    fn is_of(&self, scope: &Scope) -> bool {
        match scope {
            Scope::Everything => true,
            Scope::Environment(name) => self.environments.contains(name),
            Scope::Team(name) => self.team == *name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::offset;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn declared(scope: &str, posture: Posture, when: When) -> Declared {
        Declared {
            id: scope.into(),
            scope: scope.parse().unwrap(),
            posture,
            message: "Sale".into(),
            by: "mei".into(),
            since: at("2026-11-01T00:00:00Z"),
            when,
        }
    }

    const ALWAYS: When = When::Now { until: None };

    fn concerned(team: &str, environments: &[&str]) -> Concerned {
        Concerned {
            team: team.parse().unwrap(),
            environments: environments
                .iter()
                .map(|name| name.parse().unwrap())
                .collect(),
        }
    }

    #[test]
    fn the_strictest_of_those_that_speak_of_a_call_counts() {
        use Posture::{Elevated, Freeze, Normal};
        let postures = Postures::new(vec![
            declared("everything", Normal, ALWAYS),
            declared("team:billing", Elevated, ALWAYS),
            declared("environment:cn-prod", Freeze, ALWAYS),
        ]);
        let now = at("2026-11-28T12:00:00Z");
        let check = |team: &str, environments: &[&str], expected: Posture| {
            let found = postures.posture(&concerned(team, environments), now);
            assert_eq!(found, expected, "{team} in {environments:?}");
        };
        check("reports", &["dev"], Normal);
        check("billing", &["dev"], Elevated);
        check("billing", &["cn-prod"], Freeze);
        check("reports", &["dev", "cn-prod"], Freeze);
        check("reports", &[], Normal);
        // A team is no environment.
        check("cn-prod", &["billing"], Normal);
        let found = postures.in_force(&concerned("billing", &["cn-prod"]), now);
        assert_eq!(
            found.unwrap().announced().scope.to_string(),
            "environment:cn-prod"
        );
    }

    #[test]
    fn a_declaration_holds_in_its_time() {
        let (from, until) = (at("2026-11-28T00:00:00Z"), at("2026-11-29T00:00:00Z"));
        let between = When::Between { from, until };
        let check = |now: &str, expected: bool| {
            assert_eq!(between.holds(at(now)), expected, "{now}");
        };
        check("2026-11-27T23:59:59Z", false);
        check("2026-11-28T00:00:00Z", true);
        check("2026-11-28T23:59:59Z", true);
        check("2026-11-29T00:00:00Z", false);
        assert!(between.is_over(until) && !between.is_over(from));
        let ends = When::Now { until: Some(until) };
        assert!(ends.holds(from) && !ends.holds(until) && ends.is_over(until));
        assert!(ALWAYS.holds(until) && !ALWAYS.is_over(until));
    }

    #[test]
    fn a_part_of_a_week_goes_by_the_clocks_of_its_zone() {
        let check = |text: &str, hours: i8, now: &str, expected: bool| {
            let weekly = Weekly::parse(text, TimeZone::fixed(offset(hours))).unwrap();
            assert_eq!(weekly.holds(at(now)), expected, "{text} at {hours}: {now}");
        };
        // 2026-11-27 is a Friday.
        let weekend = "Fri 18:00 - Mon 08:00";
        check(weekend, 0, "2026-11-27T17:59:59Z", false);
        check(weekend, 0, "2026-11-27T18:00:00Z", true);
        check(weekend, 0, "2026-11-29T12:00:00Z", true);
        check(weekend, 0, "2026-11-30T07:59:59Z", true);
        check(weekend, 0, "2026-11-30T08:00:00Z", false);
        check(weekend, 8, "2026-11-27T09:59:59Z", false);
        check(weekend, 8, "2026-11-27T10:00:00Z", true);
        check(weekend, 8, "2026-11-30T00:00:00Z", false);
        check("Tue 09:00 - Tue 17:00", 0, "2026-11-24T12:00:00Z", true);
        check("Tue 09:00 - Tue 17:00", 0, "2026-11-25T12:00:00Z", false);
        // All of the week but those hours.
        check("Tue 17:00 - Tue 09:00", 0, "2026-11-24T12:00:00Z", false);
        check("Tue 17:00 - Tue 09:00", 0, "2026-11-25T12:00:00Z", true);
    }

    #[test]
    fn what_is_written_is_read_again_and_nothing_else_is() {
        for text in ["Fri 18:00 - Mon 08:00", "Mon 00:00 - Sun 23:59"] {
            let weekly = Weekly::parse(text, TimeZone::UTC).unwrap();
            assert_eq!(weekly.to_string(), text);
        }
        let spoken = Weekly::parse("fri 18:00-mon 08:00", TimeZone::UTC).unwrap();
        assert_eq!(spoken.to_string(), "Fri 18:00 - Mon 08:00");
        for text in [
            "",
            "Fri - Mon",
            "Fri 18:00",
            "Fri 18:00 - Fri 18:00",
            "Fri 24:00 - Mon 08:00",
            "Fri 18:60 - Mon 08:00",
            "Fri 1:00 - Mon 08:00",
            "Fri +1:00 - Mon 08:00",
            "Someday 18:00 - Mon 08:00",
            "Fri 18:00 - Mon 08:00 - Tue 08:00",
        ] {
            assert!(Weekly::parse(text, TimeZone::UTC).is_err(), "{text}");
        }
        for text in ["everything", "environment:cn-prod", "team:billing"] {
            assert_eq!(text.parse::<Scope>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "Everything",
            "environment",
            "environment:",
            "team:a b",
            "tag:x",
        ] {
            assert!(text.parse::<Scope>().is_err(), "{text}");
        }
    }
}
