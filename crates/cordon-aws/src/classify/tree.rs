//! Documents inside of parameters, JSON or YAML, as one tree.
//!
//! Takes text; gives a tree, or nothing for what is not understood in exactly one way: a key that
//! comes twice, an alias (which another reader multiplies), a second document, too deep or too
//! long. What is not understood is opaque to whoever asked.

use jiter::JsonValue;
use saphyr_parser::{Event, Parser};

/// A node. Scalars are text; what kind they are does not matter here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tree {
    /// A scalar.
    Text(String),
    /// A list.
    List(Vec<Tree>),
    /// A map, in order.
    Map(Vec<(String, Tree)>),
}

/// As much as AWS accepts of a template.
const LONGEST: usize = 1024 * 1024;
const DEEPEST: usize = 64;

impl Tree {
    /// Reads JSON where the text begins with a brace, YAML otherwise.
    pub(super) fn read(text: &str) -> Option<Self> {
        match text.len() <= LONGEST {
            true if text.trim_start().starts_with('{') => Self::json(text),
            true => yaml(text),
            false => None,
        }
    }

    /// Reads JSON alone.
    pub(super) fn json(text: &str) -> Option<Self> {
        let value = match text.len() <= LONGEST {
            true => JsonValue::parse(text.as_bytes(), false).ok()?,
            false => return None,
        };
        Self::of_json(&value, DEEPEST)
    }

    /// The member of a map.
    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Map(members) => members
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value),
            _ => None,
        }
    }

    /// The text of a scalar.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Every member of every map in it, itself included.
    pub(super) fn members<'t>(&'t self, visit: &mut impl FnMut(&'t str, &'t Self)) {
        match self {
            Self::Text(_) => {}
            Self::List(items) => items.iter().for_each(|item| item.members(visit)),
            Self::Map(members) => {
                for (key, value) in members {
                    visit(key, value);
                    value.members(visit);
                }
            }
        }
    }

    fn of_json(value: &JsonValue<'_>, depth: usize) -> Option<Self> {
        let depth = depth.checked_sub(1)?;
        Some(match value {
            JsonValue::Null => Self::Text("null".to_owned()),
            JsonValue::Bool(set) => Self::Text(set.to_string()),
            JsonValue::Int(number) => Self::Text(number.to_string()),
            JsonValue::Float(number) => Self::Text(number.to_string()),
            JsonValue::Str(text) => Self::Text(text.to_string()),
            JsonValue::Array(items) => Self::List(
                items
                    .iter()
                    .map(|item| Self::of_json(item, depth))
                    .collect::<Option<_>>()?,
            ),
            JsonValue::Object(members) => Self::map(
                members
                    .iter()
                    .map(|(key, value)| Some((key.to_string(), Self::of_json(value, depth)?)))
                    .collect::<Option<_>>()?,
            )?,
        })
    }

    /// A map none of whose keys comes twice.
    fn map(members: Vec<(String, Self)>) -> Option<Self> {
        let mut keys: Vec<&str> = members.iter().map(|(key, _)| key.as_str()).collect();
        keys.sort_unstable();
        let twice = keys.windows(2).any(|pair| pair.first() == pair.last());
        (!twice).then_some(Self::Map(members))
    }
}

fn yaml(text: &str) -> Option<Tree> {
    let mut events = Events {
        parser: Parser::new_from_str(text),
    };
    let mut root = None;
    loop {
        match events.next()? {
            Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd => {}
            Event::StreamEnd => return root,
            event if root.is_none() => root = Some(events.node(event, DEEPEST)?),
            _ => return None,
        }
    }
}

struct Events<'t> {
    parser: Parser<'t, saphyr_parser::StrInput<'t>>,
}

impl<'t> Events<'t> {
    fn next(&mut self) -> Option<Event<'t>> {
        match self.parser.next_event()? {
            Ok((event, _)) => Some(event),
            Err(_) => None,
        }
    }

    /// The node that begins with `event`. A tag (`!Ref x`) becomes part of nothing: what it would
    /// put there is not known, so the text stands for it.
    fn node(&mut self, event: Event<'t>, depth: usize) -> Option<Tree> {
        let depth = depth.checked_sub(1)?;
        match event {
            Event::Scalar(text, ..) => Some(Tree::Text(text.into_owned())),
            Event::SequenceStart(..) => {
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        Event::SequenceEnd => return Some(Tree::List(items)),
                        event => items.push(self.node(event, depth)?),
                    }
                }
            }
            Event::MappingStart(..) => {
                let mut members = Vec::new();
                loop {
                    let key = match self.next()? {
                        Event::MappingEnd => return Tree::map(members),
                        Event::Scalar(key, ..) => key.into_owned(),
                        _ => return None,
                    };
                    let event = self.next()?;
                    members.push((key, self.node(event, depth)?));
                }
            }
            _ => None,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn json_and_yaml_of_one_meaning_are_one_tree() {
        let json = r#"{"Resources": {"A": {"Type": "AWS::S3::Bucket"}}, "N": [1, true]}"#;
        let yaml = "Resources:\n  A:\n    Type: AWS::S3::Bucket\nN: [1, true]\n";
        assert_eq!(Tree::read(json), Tree::read(yaml));
        assert!(Tree::read(json).is_some());
    }

    #[test]
    fn what_two_readers_could_read_differently_is_not_understood() {
        for text in [
            r#"{"a": 1, "a": 2}"#,
            "a: 1\na: 2\n",
            "a: &x 1\nb: *x\n",
            "base: &b {a: 1}\nc:\n  <<: *b\n",
            "a: 1\n---\nb: 2\n",
            "a: [1\n",
            "",
        ] {
            assert_eq!(Tree::read(text), None, "{text}");
        }
        assert_eq!(Tree::read(&"[".repeat(100_000)), None);
        assert_eq!(Tree::read(&"{\"a\":".repeat(100_000)), None);
    }

    #[test]
    fn tags_are_passed_over() {
        let tree = Tree::read("Name: !Sub '${A}-x'\nList: !Split [',', 'a,b']\n").unwrap();
        assert_eq!(tree.get("Name").and_then(Tree::text), Some("${A}-x"));
    }
}
