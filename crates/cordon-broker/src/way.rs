//! The way to the role that signs: which roles are assumed, one after the other.
//!
//! Takes a permit and the configured role; gives the steps. A launched session has one: to the
//! configured role. The session of a role that an agent assumed goes on from there, since that is who
//! it is: what the configured role may not assume, nobody behind it may.

use cordon_core::decide::Permit;
use cordon_core::names::SessionId;
use cordon_core::session::{AssumedRole, Descent};
use cordon_core::session_policy::{SessionName, SourceIdentity};

/// Roles, and whose session of them it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Way<'p> {
    permit: &'p Permit,
    configured: &'p str,
    on: &'p [AssumedRole],
    /// The role that a permitted call assumes for a child that is begun with it.
    lent: Option<(&'p AssumedRole, &'p SessionId)>,
}

/// One role that is assumed.
#[derive(Debug, Clone)]
pub(crate) struct Step<'p> {
    way: Way<'p>,
    /// The role.
    pub(crate) role: &'p str,
    pub(crate) external_id: Option<&'p str>,
    /// The role that is assumed from it, where it is not the last one.
    pub(crate) next: Option<&'p AssumedRole>,
    /// What tells its session from others with the same policy.
    pub(crate) key: Box<str>,
}

impl<'p> Way<'p> {
    /// For a call that leaves.
    pub(crate) fn of(permit: &'p Permit, configured: &'p str) -> Self {
        let descent = permit.assessed().session().descent.as_ref();
        Self {
            permit,
            configured,
            on: descent.map_or(&[], Descent::roles),
            lent: None,
        }
    }

    /// For a call that begins `child` as a role.
    pub(crate) fn to(
        permit: &'p Permit,
        configured: &'p str,
        role: &'p AssumedRole,
        child: &'p SessionId,
    ) -> Self {
        Self {
            lent: Some((role, child)),
            ..Self::of(permit, configured)
        }
    }

    /// The steps, the first one first.
    pub(crate) fn steps(self) -> impl Iterator<Item = Step<'p>> {
        let lent = self.lent.map(|(role, _)| role);
        let on = move || self.on.iter().chain(lent);
        let is_long = on().next().is_some();
        let mut key = String::new();
        (0..=on().count()).map(move |place| {
            let role = place.checked_sub(1).and_then(|before| on().nth(before));
            let next = on().nth(place);
            let arn = role.map_or(self.configured, |role| role.arn.as_str());
            let external_id = role.and_then(|role| role.external_id.as_deref());
            key.push_str(arn);
            key.push(' ');
            key.push_str(external_id.unwrap_or_default());
            key.push(' ');
            Step {
                way: self,
                role: arn,
                external_id,
                next,
                key: match is_long {
                    false => key.as_str().into(),
                    // Launched sessions of a task share theirs. A child has its own, which AWS's
                    // records tell by its name.
                    true => format!("{key}{}", self.permit.assessed().session().id).into(),
                },
            }
        })
    }
}

impl Step<'_> {
    /// What the session is called.
    pub(crate) fn name(&self) -> SessionName {
        match self.way.lent {
            Some((_, child)) if self.next.is_none() => {
                SessionName::of_child(self.way.permit, child)
            }
            _ => SessionName::of(self.way.permit),
        }
    }

    /// The source identity, where no role is assumed from another one. AWS passes it on along a
    /// chain, and each role's trust policy must then allow that, which those of other tools' roles do
    /// not. There the name alone leads back to the task.
    pub(crate) fn source_identity(&self) -> Option<SourceIdentity> {
        let is_alone = self.way.on.is_empty() && self.way.lent.is_none();
        is_alone.then(|| SourceIdentity::of(self.way.permit))
    }
}
