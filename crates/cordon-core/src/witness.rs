//! Witnesses: EC2 asked whether it would make a call, without making it (`DryRun`).
//!
//! Takes a call that waits for people or is only previewed; gives the same call with `DryRun`, as a
//! question of Cordon's own, and reads what EC2 says to it. Policies decide on the question as on a
//! read: the same actions on the same resources, of class observe.
//!
//! What must never happen is that the call itself leaves. IAM has no condition for a dry run, so the
//! credentials of the question could make the change, and the second lock is none here. Instead:
//!
//! 1. only [`question`] makes one, of a call that was refused, and it is of [`Call::pinned`]: parameters
//!    are a map, so that `DryRun` is in it once and true, whatever the agent sent;
//! 2. [`crate::sign`] lets it out only where [`is_dry`] finds that in the very text that is written;
//! 3. a good answer to it means that the upstream took it for the call: [`Heard::Made`], after which
//!    nobody asks that upstream again.

use crate::assess::Assessed;
use crate::authenticate::Ingress;
use crate::decide::{Outcome, Refused};
use crate::identify::{Identified, Origin};
use crate::names::Reference;
use cordon_aws::answer::Answer;
use cordon_aws::call::Protocol;
use cordon_aws::emit::{Emission, EmittedBody};
use cordon_aws::value::Value;
use jiff::Timestamp;
use std::sync::Arc;

/// The parameter that makes a call of EC2 a question.
const DRY_RUN: &str = "DryRun";
/// The longest sentence of EC2 that is kept.
const LONGEST: usize = 300;

/// What EC2 said of a call that it was asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// In a word.
    pub says: Says,
    /// Why, where it would be refused or nothing is known: somebody else's text, or ours.
    pub why: Box<str>,
    /// When.
    pub at: Timestamp,
}

/// What a witness says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Says {
    /// EC2 would make the call.
    WouldSucceed,
    /// EC2 would refuse it.
    WouldBeRefused,
    /// Nothing that can be relied on.
    Unknown,
}

/// What came back of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// An answer to a question.
    Told(Witness),
    /// The upstream did not see that it was asked: it may have made the call.
    Made,
}

impl Says {
    /// Everything that a witness can say.
    pub const ALL: [Self; 3] = [Self::WouldSucceed, Self::WouldBeRefused, Self::Unknown];

    /// `would succeed`, `would be refused`, `unknown`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WouldSucceed => "would succeed",
            Self::WouldBeRefused => "would be refused",
            Self::Unknown => "unknown",
        }
    }

    /// What [`Says::as_str`] gives `word` for.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == word)
    }
}

impl Witness {
    /// A witness that could not be heard, and why.
    #[must_use]
    pub fn unheard(why: &str, at: Timestamp) -> Self {
        Self {
            says: Says::Unknown,
            why: why.into(),
            at,
        }
    }
}

impl Heard {
    /// Reads an answer. Only the two words that EC2 has for it count; a good status is none of them.
    #[must_use]
    pub fn of(status: u16, body: &[u8], at: Timestamp) -> Self {
        if (200..300).contains(&status) {
            return Self::Made;
        }
        let answer = Answer::read_fault(body);
        let error = answer.as_ref().and_then(|answer| answer.get("Errors"));
        let error = error.and_then(|errors| errors.get("Error"));
        let text = |name: &str| error.and_then(|error| error.text(name)).unwrap_or_default();
        let code = match (400..500).contains(&status) {
            true => text("Code"),
            false => "",
        };
        let (says, why) = match code {
            "DryRunOperation" => (Says::WouldSucceed, String::new()),
            "UnauthorizedOperation" => (Says::WouldBeRefused, sentence(text("Message"))),
            "" => (Says::Unknown, format!("it was answered with {status}")),
            other => (Says::Unknown, format!("EC2 answered {}", sentence(other))),
        };
        Self::Told(Witness {
            says,
            why: why.into(),
            at,
        })
    }
}

/// What EC2 says, without the part that only its own tool can read, cut.
fn sentence(text: &str) -> String {
    let plain = text.split("Encoded authorization failure message").next();
    plain
        .unwrap_or_default()
        .trim()
        .chars()
        .take(LONGEST)
        .collect()
}

/// The question whether EC2 would make a call that was refused. Nothing where the operation has no dry
/// run, and for a call that was denied: nothing is asked for those.
#[must_use]
pub fn question(refused: &Refused, reference: Reference, now: Timestamp) -> Option<Identified> {
    if !matches!(refused.verdict().outcome, Outcome::Preview | Outcome::Hold) {
        return None;
    }
    let identified = refused.assessed().identified();
    // As it came: what was seen of it is added anew when the question is assessed.
    let call = identified.asked.as_ref().unwrap_or(&identified.call);
    if call.service().name() != "ec2" || call.protocol() != Protocol::Ec2 {
        return None;
    }
    let call = call.clone().pinned(&[(DRY_RUN, Value::Bool(true))])?;
    Some(Identified {
        call,
        asked: None,
        session: Arc::clone(&identified.session),
        reference,
        ingress: Ingress::DryRun,
        arrived: now,
        origin: Origin::Witness,
    })
}

impl Assessed {
    /// Whether it is a question to EC2: its credentials could make the change.
    #[must_use]
    pub fn is_question(&self) -> bool {
        self.identified.is_question()
    }
}

impl Identified {
    pub(crate) fn is_question(&self) -> bool {
        matches!(self.origin, Origin::Witness)
    }
}

/// Whether what is written is a question: one parameter of that name, however it is spelt, and it is
/// `true`. A name that could be read in two ways is none.
pub(crate) fn is_dry(emission: &Emission) -> bool {
    let EmittedBody::Whole(body) = &emission.body else {
        return false;
    };
    let Ok(body) = std::str::from_utf8(body) else {
        return false;
    };
    let query = emission.query.as_deref().unwrap_or_default();
    let mut asked = 0;
    let pairs = query.split('&').chain(body.split('&'));
    for (name, value) in pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))) {
        if name.contains(['%', '+']) || value.contains(';') || name.contains(';') {
            return false;
        }
        if name.eq_ignore_ascii_case(DRY_RUN) {
            asked += 1;
            if (name, value) != (DRY_RUN, "true") {
                return false;
            }
        }
    }
    asked == 1
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use http::{HeaderMap, Method};

    fn written(query: Option<&str>, body: &str) -> bool {
        is_dry(&Emission {
            method: Method::POST,
            path: "/".to_owned(),
            query: query.map(str::to_owned),
            headers: HeaderMap::new(),
            host: String::new(),
            body: EmittedBody::Whole(body.to_owned().into()),
        })
    }

    #[test]
    fn only_one_true_dry_run_is_a_question() {
        assert!(written(
            None,
            "Action=StopInstances&DryRun=true&InstanceId.1=i-1"
        ));
        assert!(written(Some("Action=StopInstances&DryRun=true"), ""));
        for body in [
            "",
            "Action=StopInstances",
            "Action=StopInstances&DryRun=false",
            "Action=StopInstances&DryRun=",
            "Action=StopInstances&DryRun",
            "Action=StopInstances&DryRun=true&DryRun=true",
            "Action=StopInstances&DryRun=true&DryRun=false",
            "Action=StopInstances&dryRun=true",
            "Action=StopInstances&DryRun=true&dryrun=false",
            "Action=StopInstances&DryRun=true&Dry%52un=false",
            "Action=StopInstances&Filter.DryRun=true",
            "Action=StopInstances&DryRun=true;DryRun=false",
            "Action=StopInstances;DryRun=false&DryRun=true",
        ] {
            assert!(!written(None, body), "{body}");
        }
        assert!(!written(Some("DryRun=true"), "DryRun=true"));
    }

    fn heard(status: u16, code: &str, message: &str) -> Heard {
        let body = format!(
            "<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>\
             <RequestID>r</RequestID></Response>"
        );
        Heard::of(status, body.as_bytes(), Timestamp::UNIX_EPOCH)
    }

    fn told(says: Says, why: &str) -> Heard {
        Heard::Told(Witness {
            says,
            why: why.into(),
            at: Timestamp::UNIX_EPOCH,
        })
    }

    #[test]
    fn a_good_answer_is_no_answer_to_a_question() {
        for body in ["", "<RunInstancesResponse/>", "<html>"] {
            let heard = Heard::of(200, body.as_bytes(), Timestamp::UNIX_EPOCH);
            assert_eq!(heard, Heard::Made, "{body}");
        }
        assert_eq!(heard(200, "DryRunOperation", "x"), Heard::Made);
        assert_eq!(heard(204, "DryRunOperation", "x"), Heard::Made);
    }

    #[test]
    fn only_the_words_of_ec2_count() {
        assert_eq!(
            heard(412, "DryRunOperation", "Request would have succeeded."),
            told(Says::WouldSucceed, "")
        );
        let denied = "You are not authorized. Encoded authorization failure message: abc";
        assert_eq!(
            heard(403, "UnauthorizedOperation", denied),
            told(Says::WouldBeRefused, "You are not authorized.")
        );
        let unknown =
            |status, code, why| assert_eq!(heard(status, code, "m"), told(Says::Unknown, why));
        unknown(
            400,
            "InvalidInstanceID.NotFound",
            "EC2 answered InvalidInstanceID.NotFound",
        );
        unknown(503, "DryRunOperation", "it was answered with 503");
        unknown(302, "DryRunOperation", "it was answered with 302");
        let page = Heard::of(
            403,
            b"<html>UnauthorizedOperation</html>",
            Timestamp::UNIX_EPOCH,
        );
        assert_eq!(page, told(Says::Unknown, "it was answered with 403"));
    }

    #[test]
    fn every_word_is_read_again() {
        for says in Says::ALL {
            assert_eq!(Says::named(says.as_str()), Some(says));
        }
    }
}
