//! Tags: what is written on the targets of a change, asked before people or policies rely on it.
//!
//! Takes a call; gives the reads that tell the tags of what it is on, and from their answers
//! [`Tags`]. Pure: who sends the reads is the proxy, and each is decided as a call of the agent's own
//! would be. One operation tells the tags of nearly every service, a hundred resources at a time.
//!
//! Two things rest on tags. An approval is of targets that were tagged so: retagged, they are others
//! ([`crate::hold::StateDigest`]). And tags tell that a resource belongs to a stack, whose next
//! update would undo what is done to it directly ([`crate::guard`]). Neither opens anything: an agent
//! that may write tags can only make its calls stricter.
//!
//! What the operation does not list has no tags here: it knows no `iam` roles and no Auto Scaling
//! groups. Its index follows a change within seconds.
//!
//! Source: the API reference of `GetResources` of the Resource Groups Tagging API: 100 ARNs at the
//! most, and no pages where ARNs are given.

use crate::digest::quote;
use crate::guard::managed;
use crate::ledger::Ledger;
use crate::look::{Read, Seen};
use cordon_aws::answer::Answer;
use cordon_aws::arn::Arn;
use cordon_aws::call::{Access, Call, Class};
use std::collections::{BTreeMap, BTreeSet};

/// The service that tells tags, and the operation and action by which it does.
const SERVICE: &str = "resourcegroupstaggingapi";
const OPERATION: &str = "GetResources";
/// The action that a task has to have for it.
pub const ACTION: &str = "tag:GetResources";

/// ARNs that one read asks about.
const AT_ONCE: usize = 100;
/// Reads for one call at the most: a look sees no more targets either.
const READS: usize = 5;

/// The tags of one resource.
pub type TagSet = BTreeMap<Box<str>, Box<str>>;

/// What is known of the tags of a call's targets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Tags {
    /// Nobody asked: no policy rests on them, or none of the targets has any.
    #[default]
    Unasked,
    /// They were asked for and not told.
    Unknown,
    /// Told, by ARN; what has none is not there.
    Known(BTreeMap<Box<str>, TagSet>),
}

/// Tags that are being asked for.
#[derive(Debug)]
pub struct Asking {
    wanted: BTreeSet<Box<str>>,
    todo: Vec<Read>,
    told: BTreeMap<Box<str>, TagSet>,
}

/// Why tags are not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TagsError {
    /// The answer is not one to this question, or not whole.
    #[error("the answer does not tell the tags of what was asked about")]
    Silent,
}

impl Asking {
    /// The tags that matter for a call, with what was seen behind it; nothing where none do.
    #[must_use]
    pub fn of(call: &Call, seen: Option<&Seen>) -> Option<Self> {
        Self::for_those(call, seen, |_| true)
    }

    /// Those on which the decision itself may rest: whether a stack has what the call sets up anew.
    #[must_use]
    pub fn of_managed(call: &Call, seen: Option<&Seen>, ledger: &Ledger) -> Option<Self> {
        if !managed::sets_up(call) {
            return None;
        }
        Self::for_those(call, seen, |access| managed::concerns(access, ledger))
    }

    fn for_those(
        call: &Call,
        seen: Option<&Seen>,
        matters: impl Fn(&Access) -> bool,
    ) -> Option<Self> {
        let wanted = targets(call, seen, matters);
        let fits = !wanted.is_empty() && wanted.len() <= AT_ONCE * READS;
        fits.then(|| Self::for_open(wanted, BTreeMap::new()))
    }

    /// The same, without asking again for what is `known`.
    #[must_use]
    pub fn knowing(self, known: BTreeMap<Box<str>, TagSet>) -> Self {
        Self::for_open(self.wanted, known)
    }

    fn for_open(wanted: BTreeSet<Box<str>>, told: BTreeMap<Box<str>, TagSet>) -> Self {
        let open = wanted.iter().filter(|it| !told.contains_key(*it));
        let open: Vec<&Box<str>> = open.collect();
        let todo = open.chunks(AT_ONCE).map(|arns| {
            let arns = arns.iter().map(|arn| arn.to_string());
            let read = Read::of(OPERATION).at(SERVICE);
            read.listing("ResourceARNList", arns)
        });
        Self {
            todo: todo.collect(),
            told,
            wanted,
        }
    }

    /// What it is about.
    pub fn wanted(&self) -> impl Iterator<Item = &str> {
        self.wanted.iter().map(|arn| &**arn)
    }

    /// The reads that are still to be made, the next first; none when everything was told. They may be asked
    /// at once.
    pub fn due(&self) -> impl Iterator<Item = &Read> {
        self.todo.iter().rev()
    }

    /// Takes in the answer of the read that was next.
    ///
    /// # Errors
    /// [`TagsError`]: what is not whole tells nothing.
    pub fn learn(&mut self, answer: &Answer) -> Result<(), TagsError> {
        let _ = self.todo.pop();
        if answer.get("ResourceTagMappingList").is_none()
            || answer
                .text("PaginationToken")
                .is_some_and(|token| !token.is_empty())
        {
            return Err(TagsError::Silent);
        }
        for resource in answer.items("ResourceTagMappingList") {
            let arn = resource.text("ResourceARN").ok_or(TagsError::Silent)?;
            // What was not asked for tells nothing of this call.
            if self.wanted.contains(arn) {
                let tags = resource.items("Tags").map(tag).collect::<Option<TagSet>>();
                let _ = self.told.insert(arn.into(), tags.ok_or(TagsError::Silent)?);
            }
        }
        Ok(())
    }

    /// What was told, once nothing is next: everything that was asked about, without tags where none
    /// were listed.
    #[must_use]
    pub fn finish(self) -> BTreeMap<Box<str>, TagSet> {
        let mut told = self.told;
        self.wanted
            .into_iter()
            .map(|arn| {
                let tags = told.remove(&arn).unwrap_or_default();
                (arn, tags)
            })
            .collect()
    }
}

impl Tags {
    /// The tags of one resource; nothing where they are not known.
    #[must_use]
    pub fn of(&self, arn: &str) -> Option<&TagSet> {
        match self {
            Self::Unasked | Self::Unknown => None,
            Self::Known(known) => known.get(asked_as(arn)),
        }
    }

    /// Writes them in one form, a line for each resource. That they could not be had is a state of its
    /// own: what is known later differs from it.
    pub(crate) fn write(&self, text: &mut String) {
        let known = match self {
            Self::Unasked => return,
            Self::Unknown => return text.push_str("tags unknown\n"),
            Self::Known(known) => known,
        };
        for (arn, tags) in known {
            quote(text, arn);
            for (key, value) in tags {
                quote(text, key);
                quote(text, value);
            }
            text.push('\n');
        }
    }
}

fn tag(tag: &Answer) -> Option<(Box<str>, Box<str>)> {
    Some((
        tag.text("Key")?.into(),
        tag.text("Value").unwrap_or_default().into(),
    ))
}

/// What a call changes that is there before it and has tags of its own.
fn targets(
    call: &Call,
    seen: Option<&Seen>,
    matters: impl Fn(&Access) -> bool,
) -> BTreeSet<Box<str>> {
    let told = seen.and_then(|seen| seen.told(call));
    let call = told.as_ref().map_or(call, |(call, _)| call);
    let changes = |access: &&Access| access.class.mutates() && access.class != Class::Create;
    let accesses = call
        .accesses()
        .iter()
        .filter(changes)
        .filter(|it| matters(it));
    accesses
        .filter_map(|access| target(&access.resource.arn, call))
        .collect()
}

fn target(arn: &str, call: &Call) -> Option<Box<str>> {
    let arn = asked_as(arn);
    let parsed: Arn = arn.parse().ok()?;
    let here = call
        .account()
        .is_some_and(|account| account.as_str() == parsed.account());
    // Buckets and APIs have no account in their ARN, and an object of a bucket has other tags.
    let is_whole = match parsed.service() {
        "s3" => !parsed.resource().contains('/'),
        "apigateway" | "route53" => true,
        _ => here,
    };
    let regions = ["", call.region().as_str()];
    let fits = is_whole && !parsed.has_wildcard() && regions.contains(&parsed.region());
    (fits && parsed.service() != "iam").then(|| arn.into())
}

/// The ARN that tags are asked for by: log groups have `:*` behind theirs only in policies.
fn asked_as(arn: &str) -> &str {
    arn.strip_suffix(":*").unwrap_or(arn)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use cordon_aws::call::Protocol;
    use cordon_aws::catalog::Catalog;
    use cordon_aws::value::Value;

    const FUNCTION: &str = "arn:aws:lambda:eu-west-1:111122223333:function:shop";

    fn call(service: &str, operation: &str, name: &str, value: &str) -> Call {
        let service = Catalog::embedded().service(service).unwrap();
        let operation = service.operation(operation).unwrap();
        let parameters = Value::Structure([(name.into(), Value::String(value.into()))].into());
        let account = "111122223333".parse().ok();
        Call::planned(operation, parameters, "eu-west-1".parse().unwrap(), account).unwrap()
    }

    fn update() -> Call {
        call(
            "lambda",
            "UpdateFunctionConfiguration",
            "FunctionName",
            "shop",
        )
    }

    fn asking(call: &Call) -> Option<Asking> {
        Asking::of(call, None)
    }

    fn learned(body: &str) -> Result<BTreeMap<Box<str>, TagSet>, TagsError> {
        let mut asking = asking(&update()).unwrap();
        assert_eq!(asking.due().next().unwrap().operation, OPERATION);
        let answer = Answer::read(Protocol::Json11, body.as_bytes()).unwrap();
        asking.learn(&answer)?;
        assert_eq!(asking.due().next(), None);
        Ok(asking.finish())
    }

    #[test]
    fn only_an_answer_to_the_question_tells_anything() {
        assert_eq!(learned("{}"), Err(TagsError::Silent));
        let more = r#"{"ResourceTagMappingList":[],"PaginationToken":"x"}"#;
        assert_eq!(learned(more), Err(TagsError::Silent));
        let nameless = r#"{"ResourceTagMappingList":[{"Tags":[]}]}"#;
        assert_eq!(learned(nameless), Err(TagsError::Silent));
        let other = FUNCTION.replace("shop", "other");
        let other = format!(
            r#"{{"ResourceTagMappingList":[{{"ResourceARN":"{other}","Tags":[{{"Key":"a","Value":"b"}}]}}]}}"#
        );
        assert_eq!(
            learned(&other),
            Ok([(FUNCTION.into(), TagSet::new())].into())
        );
    }

    #[test]
    fn tags_are_told_by_arn() {
        let body = format!(
            r#"{{"PaginationToken":"","ResourceTagMappingList":[{{"ResourceARN":"{FUNCTION}",
                "Tags":[{{"Key":"env","Value":"dev"}},{{"Key":"bare"}}]}}]}}"#
        );
        let tags = Tags::Known(learned(&body).unwrap());
        let expected: TagSet = [("env".into(), "dev".into()), ("bare".into(), "".into())].into();
        assert_eq!(tags.of(FUNCTION), Some(&expected));
        assert_eq!(tags.of("arn:aws:s3:::other"), None);
    }

    #[test]
    fn what_is_read_made_or_not_one_thing_is_not_asked_about() {
        for (service, operation, name, value) in [
            ("lambda", "GetFunction", "FunctionName", "shop"),
            ("dynamodb", "CreateTable", "TableName", "shop"),
            ("s3", "DeleteObject", "Bucket", "shop"),
            ("iam", "DeleteRole", "RoleName", "shop"),
            (
                "elasticbeanstalk",
                "TerminateEnvironment",
                "EnvironmentName",
                "shop",
            ),
            (
                "lambda",
                "UpdateFunctionConfiguration",
                "FunctionName",
                "arn:aws:lambda:eu-west-1:222222222222:function:shop",
            ),
        ] {
            let asking = asking(&call(service, operation, name, value));
            assert!(asking.is_none(), "{operation}: {asking:?}");
        }
        let wanted = |call: &Call| asking(call).map(|it| it.wanted().collect::<String>());
        assert_eq!(wanted(&update()).unwrap(), FUNCTION);
        let bucket = call("s3", "PutBucketVersioning", "Bucket", "shop");
        assert_eq!(wanted(&bucket).unwrap(), "arn:aws:s3:::shop");
        let group = call("logs", "DeleteLogGroup", "logGroupName", "shop");
        let group = wanted(&group).unwrap();
        assert_eq!(group, "arn:aws:logs:eu-west-1:111122223333:log-group:shop");
    }

    #[test]
    fn no_two_states_of_tags_share_a_form() {
        let known = |tags: &[(&str, &str)]| {
            let tags = tags
                .iter()
                .map(|(key, value)| ((*key).into(), (*value).into()));
            Tags::Known([(FUNCTION.into(), tags.collect())].into())
        };
        let states = [
            Tags::Unasked,
            Tags::Unknown,
            known(&[]),
            known(&[("env", "dev")]),
            known(&[("env", "prod")]),
            known(&[("env", "dev\"\"a\"\"b")]),
            known(&[("env", "dev"), ("a", "b")]),
        ];
        let form = |tags: &Tags| {
            let mut text = String::new();
            tags.write(&mut text);
            text
        };
        let forms: BTreeSet<String> = states.iter().map(form).collect();
        assert_eq!(forms.len(), states.len());
    }

    #[test]
    fn what_is_known_already_is_not_asked_for_again() {
        let known: BTreeMap<Box<str>, TagSet> = [(FUNCTION.into(), TagSet::new())].into();
        let asking = Asking::of(&update(), None).unwrap().knowing(known.clone());
        assert_eq!(asking.due().next(), None);
        assert_eq!(asking.finish(), known);
    }
}
