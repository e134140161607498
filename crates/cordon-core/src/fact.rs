//! Facts: what guards notice about a call, from a closed list that the Cedar schema enumerates,
//! so that a misspelt fact in a policy is an error and not a rule that never matches.

use std::fmt;

macro_rules! facts {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal;)*) => {
        /// Something a guard noticed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Fact {
            $($(#[doc = $doc])+ $name,)*
        }

        impl Fact {
            /// Every fact, in the order of the schema.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The word that policies use.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }

            /// What it says, for people.
            #[must_use]
            pub fn means(self) -> &'static str {
                match self {
                    $(Self::$name => concat!($($doc),+).trim_ascii(),)*
                }
            }

            /// The fact that [`Fact::as_str`] gives `word` for.
            #[must_use]
            pub fn named(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|fact| fact.as_str() == word)
            }
        }
    };
}

facts! {
    /// The request names no single resource.
    WildcardTarget = "wildcard-target";
    /// The bytes could not be mapped to an operation.
    Unidentified = "unidentified";
    /// A read that a guard needed failed, so a fact may be missing.
    Unverified = "unverified";
    /// Same type and name as something that this task destroyed.
    RecreatesDeleted = "recreates-deleted";
    /// An update known to be carried out as delete and create, or that frees a name for another to take.
    ReplacesResource = "replaces-resource";
    /// A deletion without a last snapshot.
    SkipsFinalSnapshot = "skips-final-snapshot";
    /// A force flag is set.
    Force = "force";
    /// Switches deletion protection, versioning, backup or termination protection off.
    DisablesProtection = "disables-protection";
    /// Makes something reachable by everyone.
    OpensPublicAccess = "opens-public-access";
    /// A resource of an account that the task does not declare.
    CrossAccount = "cross-account";
    /// A resource of another partition.
    CrossPartition = "cross-partition";
    /// Buys something that cannot be given back, or sets a size that no limit of the task covers.
    CommitsSpend = "commits-spend";
    /// Holds data that cannot be derived again.
    Stateful = "stateful";
    /// The last restore point of a stateful resource.
    LastBackup = "last-backup";
    /// Owned by a stack, which the next update of it would put back; changed directly.
    IacManaged = "iac-managed";
    /// Tagged by people as managed by Terraform or its like; changed directly, as those do it too.
    IacTagged = "iac-tagged";
    /// Whether a stack owns it could not be read.
    IacUnknown = "iac-unknown";
    /// Carries a parameter, or a value, that the task's `only_params` or `limits` leave out.
    OutsideParameters = "outside-parameters";
    /// Puts a whole in the place of another and leaves out settings that are there now.
    DropsSettings = "drops-settings";
    /// Puts a whole in the place of another, and what it leaves out could not be read.
    DropsUnknown = "drops-unknown";
    /// Keeps data, backups or logs for a shorter time.
    ShortensRetention = "shortens-retention";
    /// Deletes later, without a further call.
    DelayedDelete = "delayed-delete";
    /// Sets a capacity to zero.
    ScalesToZero = "scales-to-zero";
    /// Sends data to a place of the caller's choice.
    SendsDataOut = "sends-data-out";
    /// Acts as a role that the task does not name.
    ActsAsRole = "acts-as-role";
    /// AWS takes the operation without a signature: a token in the request guards it, or nothing.
    NeedsNoSignature = "needs-no-signature";
    /// Hands out AWS credentials.
    ReturnsCredentials = "returns-credentials";
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
