//! What a parameter can mean beyond the action that it belongs to: the rules of
//! `data/effects.tsv`.

use super::{Catalog, layout::NO_CLASS};
use crate::call::Class;

/// One rule: when the test holds, the call has the effect and at least the class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EffectRule {
    /// The parameter.
    pub path: &'static str,
    /// What is asked of it.
    pub test: Test,
    /// What the test compares with.
    pub value: &'static str,
    /// What it means.
    pub effect: Effect,
    /// The class that the call has at least; `None` leaves the class alone.
    pub class: Option<Class>,
}

macro_rules! closed {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant),* }

        impl $name {
            /// Every variant, in the order of its number in the catalog.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The word that tables, facts and output use.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }
        }
    };
}

closed! {
    /// What is asked of the values at a path. A path that leads nowhere has no values.
    Test {
        /// Nothing: the rule always holds.
        Always = "always",
        /// There is a value.
        Present = "present",
        /// There is no value.
        Absent = "absent",
        /// Some value is one of the texts between `|`, letter case aside.
        Equals = "equals",
        /// There is a value, and none is one of the texts.
        Differs = "differs",
        /// Some value is a number below this one.
        Below = "below",
        /// Some value contains one of the texts, letter case aside.
        Contains = "contains",
        /// Some value is empty: a list, a map, a text.
        Empty = "empty",
        /// Some value is a graph query that may do more than read.
        Writes = "writes",
        /// Some value is a policy that allows everyone (`"Principal": "*"`).
        Public = "public",
        /// Some value is a pattern that names more than one thing (`*`).
        Wildcard = "wildcard",
        /// Some value is SQL that does more than read.
        SqlChanges = "sql-changes",
        /// Some value is SQL that removes something, or that is not understood.
        SqlDestroys = "sql-destroys",
        /// Some value is a program that makes a destroying call, or that is not understood.
        ProgramDestroys = "program-destroys",
        /// Some value is a template that makes principals or runs code, or is not understood.
        TemplateGrants = "template-grants",
        /// Some value is a network of addresses that stands for everyone, or is none.
        Everyone = "everyone",
    }
}

closed! {
    /// What a call with such a parameter does or lets happen. A closed list, for guards.
    Effect {
        /// Removes something, now or on a schedule.
        Deletes = "deletes",
        /// Replaces what was there, without a way back.
        Overwrites = "overwrites",
        /// Makes something unavailable.
        Outage = "outage",
        /// Switches off what protects from deletion, loss or being unseen.
        DisablesProtection = "disables-protection",
        /// Deletes without a last copy.
        SkipsFinalSnapshot = "skips-final-snapshot",
        /// Overrides a safeguard of the service.
        Force = "force",
        /// Lets everyone, or another account, in.
        OpensPublicAccess = "opens-public-access",
        /// Names more than one thing by a pattern.
        WildcardTarget = "wildcard-target",
        /// Deletes or replaces something that holds data.
        Stateful = "stateful",
        /// Changes who may do what.
        GrantsPrivilege = "grants-privilege",
        /// Runs code or commands somewhere.
        RunsCode = "runs-code",
        /// Sends data somewhere else.
        Exfiltrates = "exfiltrates",
        /// Cannot be undone.
        Irreversible = "irreversible",
        /// May replace resources, which only the service can tell.
        MayReplace = "may-replace",
        /// Spends money.
        Cost = "cost",
        /// Asks the service only whether the call would succeed.
        DryRun = "dry-run",
        /// Keeps data, backups or logs for a shorter time.
        ShortensRetention = "shortens-retention",
        /// Lets something be deleted later, without a further call.
        DelayedDelete = "delayed-delete",
        /// Sets a capacity to zero.
        ScalesToZero = "scales-to-zero",
        /// Points to content that the request does not carry.
        Unread = "unread",
    }
}

impl EffectRule {
    pub(super) fn read(catalog: &'static Catalog, index: u32) -> Self {
        let record = catalog.effects.at(index);
        let class = usize::from(record.class);
        Self {
            path: catalog.text(record.path),
            value: catalog.text(record.value),
            test: Test::ALL
                .get(usize::from(record.test))
                .copied()
                .unwrap_or(Test::Always),
            effect: Effect::ALL
                .get(usize::from(record.effect))
                .copied()
                .unwrap_or(Effect::Deletes),
            class: match record.class {
                NO_CLASS => None,
                _ => Some(Class::ALL.get(class).copied().unwrap_or(Class::Destroy)),
            },
        }
    }
}
