//! The session policy that an agent asks for when it assumes a role.
//!
//! Takes the JSON document; gives [`AskedPolicy`], which says of an action on an ARN whether the
//! document allows it. AWS unites all session policies of one session, so the document cannot be
//! passed on beside Cordon's own: it would add to that one what the decision leaves out. Cordon
//! holds each call to it instead, before the second lock is made.
//!
//! What cannot be weighed for certain is no policy at all: conditions, variables, unknown elements,
//! an element that comes twice. Everything else is read in the one way that allows least: an ARN
//! that a request leaves open (`table/*`) is allowed only where all of it is, and denied where some
//! of it is.

use cordon_aws::answer::Answer;
use cordon_aws::call::Protocol;

/// The most characters that STS takes.
const LONGEST: usize = 2_048;

/// A session policy that can only take away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedPolicy(Vec<Statement>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Statement {
    effect: Effect,
    actions: Named,
    resources: Named,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    Allow,
    Deny,
}

/// What a statement is about: these, or everything but these.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Named {
    These(Vec<Box<str>>),
    AllBut(Vec<Box<str>>),
}

/// Why a document is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AskedPolicyError {
    /// Longer than STS takes, or empty.
    #[error("it has no 1 to 2048 characters")]
    Length,
    /// No policy document, or one that can be read in two ways.
    #[error("it is no policy document that can be read in exactly one way")]
    Form,
    /// An element that Cordon does not weigh.
    #[error("it has a `Condition`, a variable or another element that Cordon does not weigh")]
    Element,
}

impl AskedPolicy {
    /// Reads a document.
    ///
    /// # Errors
    /// [`AskedPolicyError`].
    pub fn parse(text: &str) -> Result<Self, AskedPolicyError> {
        if text.is_empty() || text.chars().count() > LONGEST {
            return Err(AskedPolicyError::Length);
        }
        // Where a name comes twice, the tree of an answer has it twice.
        let document = Answer::read(Protocol::Json10, text.as_bytes());
        let document = members(document.as_ref(), &["Version", "Id", "Statement"])?;
        if let Some(Answer::Text(version)) = one(document, "Version")?
            && !matches!(version.as_str(), "2012-10-17" | "2008-10-17")
        {
            return Err(AskedPolicyError::Form);
        }
        let statements = match one(document, "Statement")? {
            Some(Answer::List(statements)) => statements.iter().map(statement).collect(),
            Some(single @ Answer::Members(_)) => statement(single).map(|single| vec![single]),
            Some(Answer::Text(_)) | None => Err(AskedPolicyError::Form),
        };
        statements.map(Self)
    }

    /// Whether it allows `action` on everything that `arn` may stand for.
    #[must_use]
    pub fn allows(&self, action: &str, arn: &str) -> bool {
        let mut of = self
            .0
            .iter()
            .filter(|it| it.actions.cover(action, Case::Any));
        let mut allowed = false;
        for statement in of.by_ref() {
            match statement.effect {
                Effect::Allow => allowed |= statement.resources.cover(arn, Case::Same),
                Effect::Deny if statement.resources.touch(arn) => return false,
                Effect::Deny => {}
            }
        }
        allowed
    }
}

fn statement(value: &Answer) -> Result<Statement, AskedPolicyError> {
    const ELEMENTS: [&str; 6] = [
        "Sid",
        "Effect",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
    ];
    let members = members(Some(value), &ELEMENTS)?;
    let effect = match one(members, "Effect")? {
        Some(Answer::Text(word)) if word == "Allow" => Effect::Allow,
        Some(Answer::Text(word)) if word == "Deny" => Effect::Deny,
        _ => return Err(AskedPolicyError::Form),
    };
    Ok(Statement {
        effect,
        actions: named(members, "Action", "NotAction")?,
        resources: named(members, "Resource", "NotResource")?,
    })
}

fn named(
    members: &[(String, Answer)],
    these: &str,
    all_but: &str,
) -> Result<Named, AskedPolicyError> {
    match (one(members, these)?, one(members, all_but)?) {
        (Some(list), None) => Ok(Named::These(patterns(list)?)),
        (None, Some(list)) => Ok(Named::AllBut(patterns(list)?)),
        _ => Err(AskedPolicyError::Form),
    }
}

fn patterns(value: &Answer) -> Result<Vec<Box<str>>, AskedPolicyError> {
    let texts = match value {
        Answer::List(items) => items.as_slice(),
        single => std::slice::from_ref(single),
    };
    let pattern = |item: &Answer| match item {
        Answer::Text(text) if text.contains("${") => Err(AskedPolicyError::Element),
        Answer::Text(text) if !text.is_empty() => Ok(text.as_str().into()),
        _ => Err(AskedPolicyError::Form),
    };
    match texts.is_empty() {
        true => Err(AskedPolicyError::Form),
        false => texts.iter().map(pattern).collect(),
    }
}

/// The members of an object that has none but these.
fn members<'a>(
    value: Option<&'a Answer>,
    known: &[&str],
) -> Result<&'a [(String, Answer)], AskedPolicyError> {
    let Some(Answer::Members(members)) = value else {
        return Err(AskedPolicyError::Form);
    };
    match members
        .iter()
        .all(|(name, _)| known.contains(&name.as_str()))
    {
        true => Ok(members),
        false => Err(AskedPolicyError::Element),
    }
}

/// The one member of this name.
fn one<'a>(
    members: &'a [(String, Answer)],
    name: &str,
) -> Result<Option<&'a Answer>, AskedPolicyError> {
    let mut found = members.iter().filter(|(named, _)| named == name);
    match (found.next(), found.next()) {
        (found, None) => Ok(found.map(|(_, value)| value)),
        (_, Some(_)) => Err(AskedPolicyError::Form),
    }
}

/// Whether upper and lower case are told apart: IAM does for ARNs, and not for actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Case {
    Same,
    Any,
}

impl Named {
    /// Whether it is about all that `text` stands for.
    fn cover(&self, text: &str, case: Case) -> bool {
        match self {
            Self::These(patterns) => patterns.iter().any(|pattern| covers(pattern, text, case)),
            // Of a text that is open, some part may be among those that are left out.
            Self::AllBut(patterns) => {
                !is_open(text) && !patterns.iter().any(|pattern| covers(pattern, text, case))
            }
        }
    }

    /// Whether it is about some of what an ARN stands for.
    fn touch(&self, arn: &str) -> bool {
        match self {
            Self::These(_) => is_open(arn) || self.cover(arn, Case::Same),
            Self::AllBut(patterns) => !patterns.iter().any(|it| covers(it, arn, Case::Same)),
        }
    }
}

/// Whether the request leaves open what exactly is meant.
fn is_open(arn: &str) -> bool {
    arn.contains('*')
}

/// Whether `pattern`, in which `*` stands for any run of characters and `?` for one, matches all
/// that `text` stands for: a `*` of the text is met by one of the pattern alone.
fn covers(pattern: &str, text: &str, case: Case) -> bool {
    let folded = |text: &str| -> Vec<char> {
        match case {
            Case::Same => text.chars().collect(),
            Case::Any => text.chars().map(|c| c.to_ascii_lowercase()).collect(),
        }
    };
    let (pattern, text) = (folded(pattern), folded(text));
    let (mut at, mut place) = (0, 0);
    let mut again: Option<(usize, usize)> = None;
    while let Some(here) = text.get(place) {
        match pattern.get(at) {
            Some('*') => {
                again = Some((at + 1, place));
                at += 1;
            }
            Some('?') if *here != '*' => (at, place) = (at + 1, place + 1),
            Some(wanted) if wanted == here => (at, place) = (at + 1, place + 1),
            // The last star takes one character more.
            _ => match again {
                Some((after, taken)) => {
                    again = Some((after, taken + 1));
                    (at, place) = (after, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(at).all(|left| *left == '*')
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ORDERS: &str = "arn:aws:dynamodb:eu-central-1:111122223333:table/orders";

    fn policy(statements: &str) -> AskedPolicy {
        let text = format!(r#"{{"Version":"2012-10-17","Statement":{statements}}}"#);
        AskedPolicy::parse(&text).unwrap()
    }

    fn check(policy: &AskedPolicy, action: &str, arn: &str, expected: bool) {
        assert_eq!(policy.allows(action, arn), expected, "{action} on {arn}");
    }

    #[test]
    fn what_no_statement_allows_is_not_allowed() {
        let reads = policy(
            r#"{"Effect":"Allow","Action":["dynamodb:get*","s3:GetObjec?"],"Resource":"arn:aws:dynamodb:*:*:table/o*"}"#,
        );
        check(&reads, "dynamodb:GetItem", ORDERS, true);
        check(&reads, "dynamodb:PutItem", ORDERS, false);
        check(
            &reads,
            "dynamodb:GetItem",
            "arn:aws:dynamodb:r:1:table/x",
            false,
        );
        check(&reads, "dynamodb:GetItem", "*", false);
        // A part of the open table/* is not table/o*.
        check(
            &reads,
            "dynamodb:GetItem",
            "arn:aws:dynamodb:r:1:table/*",
            false,
        );
        check(
            &reads,
            "dynamodb:GetItem",
            "arn:aws:dynamodb:r:1:table/o*",
            true,
        );
    }

    #[test]
    fn a_deny_wins_wherever_it_stands_and_on_what_is_left_open() {
        let allow = r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#;
        let deny = format!(r#"{{"Effect":"Deny","Action":"dynamodb:*","Resource":"{ORDERS}"}}"#);
        for both in [format!("[{allow},{deny}]"), format!("[{deny},{allow}]")] {
            let policy = policy(&both);
            check(&policy, "dynamodb:GetItem", ORDERS, false);
            check(
                &policy,
                "dynamodb:GetItem",
                &ORDERS.replace("orders", "*"),
                false,
            );
            check(
                &policy,
                "dynamodb:GetItem",
                &ORDERS.replace("orders", "x"),
                true,
            );
            check(&policy, "s3:GetObject", ORDERS, true);
        }
    }

    #[test]
    fn everything_but_is_read_so_that_it_allows_least() {
        let allow = policy(r#"{"Effect":"Allow","NotAction":"iam:*","NotResource":["arn:a:b"]}"#);
        check(&allow, "s3:GetObject", "arn:a:c", true);
        check(&allow, "s3:GetObject", "arn:a:b", false);
        check(&allow, "s3:GetObject", "arn:a:*", false);
        check(&allow, "IAM:GetRole", "arn:a:c", false);
        let deny = policy(
            r#"[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"*","NotResource":"arn:a:b*"}]"#,
        );
        check(&deny, "s3:GetObject", "arn:a:b*", true);
        check(&deny, "s3:GetObject", "arn:a:*", false);
    }

    #[test]
    fn what_cannot_be_weighed_is_no_policy() {
        let of = |statement: &str| format!(r#"{{"Statement":[{statement}]}}"#);
        let star = r#""Effect":"Allow","Action":"*","Resource":"*""#;
        for (text, error) in [
            (String::new(), AskedPolicyError::Length),
            (" ".repeat(2_049), AskedPolicyError::Length),
            ("[]".to_owned(), AskedPolicyError::Form),
            ("{".to_owned(), AskedPolicyError::Form),
            (
                r#"{"Version":"2012-10-17"}"#.to_owned(),
                AskedPolicyError::Form,
            ),
            (
                r#"{"Version":"2099-01-01","Statement":[]}"#.to_owned(),
                AskedPolicyError::Form,
            ),
            (
                of(&format!(r#"{{{star},"Condition":{{}}}}"#)),
                AskedPolicyError::Element,
            ),
            (
                of(&format!(r#"{{{star},"Principal":"*"}}"#)),
                AskedPolicyError::Element,
            ),
            (
                of(&format!(r#"{{{star},"Effect":"Deny"}}"#)),
                AskedPolicyError::Form,
            ),
            (
                of(&format!(r#"{{{star},"NotAction":"x"}}"#)),
                AskedPolicyError::Form,
            ),
            (
                of(r#"{"Effect":"Allow","Action":[],"Resource":"*"}"#),
                AskedPolicyError::Form,
            ),
            (
                of(r#"{"Effect":"allow","Action":"*","Resource":"*"}"#),
                AskedPolicyError::Form,
            ),
            (
                of(r#"{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::${aws:username}"}"#),
                AskedPolicyError::Element,
            ),
        ] {
            assert_eq!(AskedPolicy::parse(&text), Err(error), "{text:.80}");
        }
    }

    #[test]
    fn a_pattern_of_many_stars_is_matched_in_time() {
        let pattern = "*a".repeat(500);
        assert!(!covers(&pattern, &"a".repeat(499), Case::Same));
        assert!(covers(&pattern, &"a".repeat(2_000), Case::Same));
    }

    proptest! {
        /// What a pattern covers with the stars of a text in place, it covers whatever they are.
        #[test]
        fn covering_an_open_text_is_covering_all_of_it(
            pattern in "[ab*?]{0,6}",
            text in "[ab*]{0,6}",
            filled in "[ab]{0,3}",
        ) {
            if covers(&pattern, &text, Case::Same) {
                prop_assert!(covers(&pattern, &text.replace('*', &filled), Case::Same));
            }
        }

        #[test]
        fn no_text_is_too_strange(text in ".{0,60}") {
            let _ = AskedPolicy::parse(&text);
        }
    }
}
