//! IAM policy documents: reading them strictly and asking them one question.
//!
//! Takes the text of a policy; gives a [`Policy`] that answers, for one [`Question`], whether it
//! allows, denies or says nothing. Written after the IAM User Guide ("Grammar of the IAM JSON
//! policy language", "Policy evaluation logic").
//!
//! What the lab does not understand it does not guess: an unknown operator, an unknown condition
//! key or a policy variable keeps an Allow from matching and makes a Deny match.

pub(crate) mod condition;
mod grammar;

use self::condition::{Condition, Context};

pub(crate) use grammar::{Kind, PolicyFault, parse};

/// A policy, read.
#[derive(Debug, Clone)]
pub(crate) struct Policy {
    /// As it was written.
    pub(crate) text: String,
    statements: Vec<Statement>,
}

#[derive(Debug, Clone)]
struct Statement {
    effect: Effect,
    principals: Option<Matcher>,
    actions: Matcher,
    resources: Option<Matcher>,
    conditions: Vec<Condition>,
}

/// What a policy says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    Allow,
    Deny,
}

/// Three values, because what is not understood is neither true nor false.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Truth {
    Yes,
    No,
    Unknown,
}

impl Truth {
    pub(crate) fn of(value: bool) -> Self {
        if value { Self::Yes } else { Self::No }
    }

    pub(crate) fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            Self::Unknown => Self::Unknown,
        }
    }

    pub(crate) fn all(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut answer = Self::Yes;
        for part in parts {
            match part {
                Self::No => return Self::No,
                Self::Unknown => answer = Self::Unknown,
                Self::Yes => {}
            }
        }
        answer
    }

    pub(crate) fn any(parts: impl IntoIterator<Item = Self>) -> Self {
        Self::all(parts.into_iter().map(Self::not)).not()
    }
}

/// A list of patterns, or its opposite.
#[derive(Debug, Clone)]
struct Matcher {
    patterns: Vec<String>,
    negated: bool,
    case: Case,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Case {
    Sensitive,
    Insensitive,
}

impl Matcher {
    fn matches(&self, texts: &[&str]) -> Truth {
        let one = |pattern: &String| match pattern.contains("${") {
            true => Truth::Unknown,
            false => Truth::of(texts.iter().any(|text| match self.case {
                Case::Sensitive => glob(pattern, text),
                Case::Insensitive => {
                    glob(&pattern.to_ascii_lowercase(), &text.to_ascii_lowercase())
                }
            })),
        };
        let any = Truth::any(self.patterns.iter().map(one));
        if self.negated { any.not() } else { any }
    }
}

/// What is asked of a policy: may this be done to that.
#[derive(Debug)]
pub(crate) struct Question<'a> {
    pub(crate) action: &'a str,
    pub(crate) resource: &'a str,
    /// The names by which a policy with principals may know the caller.
    pub(crate) principals: &'a [&'a str],
    pub(crate) context: &'a Context,
}

impl Policy {
    /// The policy's answer; `None` when it says nothing. A Deny wins over any Allow.
    pub(crate) fn effect(&self, question: &Question<'_>) -> Option<Effect> {
        let mut answer = None;
        for statement in &self.statements {
            match (statement.matches(question), statement.effect) {
                (Truth::Yes | Truth::Unknown, Effect::Deny) => return Some(Effect::Deny),
                (Truth::Yes, Effect::Allow) => answer = Some(Effect::Allow),
                _ => {}
            }
        }
        answer
    }
}

/// What several policies of one kind say together.
pub(crate) fn effect<'a>(
    policies: impl IntoIterator<Item = &'a Policy>,
    question: &Question<'_>,
) -> Option<Effect> {
    let mut answer = None;
    for policy in policies {
        match policy.effect(question) {
            Some(Effect::Deny) => return Some(Effect::Deny),
            Some(Effect::Allow) => answer = Some(Effect::Allow),
            None => {}
        }
    }
    answer
}

impl Statement {
    fn matches(&self, question: &Question<'_>) -> Truth {
        let principals = match &self.principals {
            Some(principals) => principals.matches(question.principals),
            None => Truth::Yes,
        };
        let resources = match &self.resources {
            Some(resources) => resources.matches(&[question.resource]),
            None => Truth::Yes,
        };
        let conditions = self
            .conditions
            .iter()
            .map(|condition| condition.holds(question.context));
        Truth::all(
            [
                principals,
                self.actions.matches(&[question.action]),
                resources,
            ]
            .into_iter()
            .chain(conditions),
        )
    }
}

/// Whether `*` and `?` in the pattern can stand for what the text has there.
pub(crate) fn glob(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || text.get(t) == Some(c) => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((star_p, star_t)) = star else {
                    return false;
                };
                star = Some((star_p, star_t + 1));
                p = star_p + 1;
                t = star_t + 1;
            }
        }
    }
    pattern.iter().skip(p).all(|c| *c == '*')
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn ask(policy: &str, action: &str, resource: &str, context: &[(&str, &str)]) -> Option<Effect> {
        let policy = parse(policy, Kind::Identity).unwrap();
        let context = Context::from_pairs(context);
        policy.effect(&Question {
            action,
            resource,
            principals: &[],
            context: &context,
        })
    }

    const BUCKET: &str = "arn:aws-cn:s3:::reports/a";

    #[test]
    fn a_deny_wins_wherever_it_stands() {
        let policy = r#"{"Version":"2012-10-17","Statement":[
            {"Effect":"Allow","Action":"s3:*","Resource":"*"},
            {"Effect":"Deny","Action":"s3:Delete*","Resource":"arn:aws-cn:s3:::reports/*"},
            {"Effect":"Allow","Action":"s3:DeleteObject","Resource":"*"}]}"#;
        assert_eq!(
            ask(policy, "s3:DeleteObject", BUCKET, &[]),
            Some(Effect::Deny)
        );
        assert_eq!(
            ask(policy, "s3:GetObject", BUCKET, &[]),
            Some(Effect::Allow)
        );
        assert_eq!(ask(policy, "ec2:RunInstances", "*", &[]), None);
    }

    #[test]
    fn what_is_not_understood_neither_allows_nor_lets_pass() {
        for condition in [
            r#"{"NumericLessThan":{"s3:max-keys":"10"}}"#,
            r#"{"StringEquals":{"made:Up":"x"}}"#,
            r#"{"StringEquals":{"aws:PrincipalArn":"${aws:PrincipalArn}"}}"#,
        ] {
            let with = |effect: &str| {
                format!(
                    r#"{{"Version":"2012-10-17","Statement":{{"Effect":"{effect}","Action":"s3:GetObject","Resource":"*","Condition":{condition}}}}}"#
                )
            };
            let context = [("aws:PrincipalArn", "a")];
            assert_eq!(
                ask(&with("Allow"), "s3:GetObject", BUCKET, &context),
                None,
                "{condition}"
            );
            assert_eq!(
                ask(&with("Deny"), "s3:GetObject", BUCKET, &context),
                Some(Effect::Deny),
                "{condition}"
            );
        }
    }

    #[test]
    fn not_action_and_not_resource_turn_the_match_round() {
        let policy = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","NotAction":"iam:*","NotResource":"arn:aws-cn:s3:::secret/*"}}"#;
        assert_eq!(
            ask(policy, "s3:GetObject", BUCKET, &[]),
            Some(Effect::Allow)
        );
        assert_eq!(ask(policy, "iam:GetRole", BUCKET, &[]), None);
        assert_eq!(
            ask(policy, "s3:GetObject", "arn:aws-cn:s3:::secret/x", &[]),
            None
        );
    }

    #[test]
    fn actions_ignore_case_and_resources_do_not() {
        let policy = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"S3:getobject","Resource":"arn:aws-cn:s3:::Reports/*"}}"#;
        assert_eq!(
            ask(policy, "s3:GetObject", "arn:aws-cn:s3:::Reports/a", &[]),
            Some(Effect::Allow)
        );
        assert_eq!(ask(policy, "s3:GetObject", BUCKET, &[]), None);
    }

    #[test]
    fn globs_match_as_iam_says() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abbcd", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            (
                "*:function:ce-*",
                "arn:aws:lambda:x:1:function:ce-web",
                true,
            ),
            ("**a", "bba", true),
        ] {
            assert_eq!(glob(pattern, text), expected, "{pattern} {text}");
        }
    }
}
