//! Templates in YAML, as CloudFormation reads them, into the form that they have in JSON.
//!
//! Takes text; gives a value, or what is wrong and in which line. Short forms become long ones: `!Ref x`
//! is `{"Ref": "x"}`. Aliases and merges are refused, which CloudFormation does not read either: so a
//! few lines never become many. A key that comes twice, a second document, a tag that is none of
//! CloudFormation's, and what is too deep or too long are refused too.

use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput, Tag};
use serde_json::{Map, Value};

/// As much as AWS accepts of a template.
const LONGEST: usize = 1024 * 1024;
const DEEPEST: usize = 64;

/// The functions that have a short form, by their name without `Fn::`.
const FUNCTIONS: [&str; 22] = [
    "And",
    "Base64",
    "Cidr",
    "Equals",
    "FindInMap",
    "ForEach",
    "GetAtt",
    "GetAZs",
    "GetStackOutput",
    "If",
    "ImportValue",
    "Join",
    "Length",
    "Not",
    "Or",
    "Select",
    "Split",
    "Sub",
    "ToJsonString",
    "Transform",
    "Contains",
    "ValueOf",
];

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct YamlError {
    /// The line, the first of which is 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

/// Reads one document.
///
/// # Errors
/// [`YamlError`].
pub(super) fn read(text: &str) -> Result<Value, YamlError> {
    if text.len() > LONGEST {
        let what = format!("the template is longer than the {LONGEST} bytes that AWS takes");
        return Err(YamlError { line: 1, what });
    }
    let mut reading = Reading {
        parser: Parser::new_from_str(text),
        line: 1,
    };
    let mut root = None;
    loop {
        match reading.next()? {
            Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd => {}
            Event::StreamEnd => return root.ok_or_else(|| reading.fault("there is nothing in it")),
            event if root.is_none() => root = Some(reading.node(event, DEEPEST)?),
            _ => return Err(reading.fault("a second document begins: a template is one")),
        }
    }
}

struct Reading<'t> {
    parser: Parser<'t, StrInput<'t>>,
    /// Where the latest event began.
    line: usize,
}

impl<'t> Reading<'t> {
    fn fault(&self, what: impl Into<String>) -> YamlError {
        YamlError {
            line: self.line,
            what: what.into(),
        }
    }

    fn next(&mut self) -> Result<Event<'t>, YamlError> {
        let cut = "it ends in the middle";
        let (event, span): (Event<'t>, Span) = match self.parser.next_event() {
            Some(Ok(next)) => next,
            Some(Err(error)) => {
                return Err(YamlError {
                    line: error.marker().line(),
                    // Nothing of the text is repeated.
                    what: error
                        .info()
                        .chars()
                        .filter(|c| !c.is_control())
                        .take(120)
                        .collect(),
                });
            }
            None => return Err(self.fault(cut)),
        };
        self.line = span.start.line();
        Ok(event)
    }

    /// The node that begins with `event`.
    fn node(&mut self, event: Event<'t>, depth: usize) -> Result<Value, YamlError> {
        let Some(depth) = depth.checked_sub(1) else {
            return Err(self.fault(format!("it is nested deeper than {DEEPEST}")));
        };
        match event {
            Event::Scalar(text, style, _, tag) => {
                let value = match &tag {
                    Some(_) => Value::String(text.into_owned()),
                    None => scalar(&text, style),
                };
                self.tagged(tag.as_deref(), value)
            }
            Event::SequenceStart(_, tag) => {
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        Event::SequenceEnd => break,
                        event => items.push(self.node(event, depth)?),
                    }
                }
                self.tagged(tag.as_deref(), Value::Array(items))
            }
            Event::MappingStart(_, tag) => {
                let members = self.members(depth)?;
                self.tagged(tag.as_deref(), Value::Object(members))
            }
            Event::Alias(_) => Err(self.fault("an alias: CloudFormation reads none, write it out")),
            _ => Err(self.fault("a value is missing")),
        }
    }

    fn members(&mut self, depth: usize) -> Result<Map<String, Value>, YamlError> {
        let mut members = Map::new();
        loop {
            let key = match self.next()? {
                Event::MappingEnd => return Ok(members),
                Event::Scalar(key, ..) => key.into_owned(),
                _ => return Err(self.fault("a key is no text")),
            };
            if key == "<<" {
                return Err(self.fault("a merge: CloudFormation reads none, write it out"));
            }
            if members.contains_key(&key) {
                let key: String = key.chars().take(80).collect();
                return Err(self.fault(format!("the key `{key}` comes twice")));
            }
            let event = self.next()?;
            let value = self.node(event, depth)?;
            members.insert(key, value);
        }
    }

    /// The long form of what has a tag.
    fn tagged(&self, tag: Option<&Tag>, value: Value) -> Result<Value, YamlError> {
        let Some(tag) = tag else {
            return Ok(value);
        };
        let (name, value) = match (&*tag.handle, &*tag.suffix, value) {
            ("!", "Ref", value) => ("Ref".to_owned(), value),
            ("!", "Condition", value) => ("Condition".to_owned(), value),
            // `!GetAtt A.B.C` is the attribute `B.C` of `A`.
            ("!", "GetAtt", Value::String(text)) => {
                let (of, attribute) = text.split_once('.').unwrap_or((&text, ""));
                ("Fn::GetAtt".to_owned(), Value::from(vec![of, attribute]))
            }
            ("!", name, value) if FUNCTIONS.contains(&name) => (format!("Fn::{name}"), value),
            ("tag:yaml.org,2002:", "str" | "int" | "float" | "bool" | "map" | "seq", value) => {
                return Ok(value);
            }
            (_, name, _) => {
                let name: String = name.chars().take(80).collect();
                return Err(self.fault(format!("`!{name}` is no function of CloudFormation")));
            }
        };
        Ok(Value::Object([(name, value)].into_iter().collect()))
    }
}

/// A scalar without a tag. What is quoted is a text; what is not may be a truth or a number.
fn scalar(text: &str, style: ScalarStyle) -> Value {
    if style != ScalarStyle::Plain {
        return text.into();
    }
    match text {
        "" | "~" | "null" => Value::Null,
        "true" => true.into(),
        "false" => false.into(),
        // An account id with a zero before it is a text.
        _ => match text.parse::<i64>() {
            Ok(number) if number.to_string() == text => number.into(),
            _ => text.into(),
        },
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn short_forms_become_long_ones() {
        let text = "Resources:\n  Q:\n    Type: AWS::SQS::Queue\n    Properties:\n      \
            QueueName: !Sub '${A}-jobs'\n      Delay: 5\n      Fifo: true\n      Account: 012345678901\n      \
            Target: !GetAtt Other.Arn.Name\n      Of: !Ref Other\n      \
            Joined: !Join ['-', [a, !Ref B]]\n      When: !If [Big, !Ref A, !Ref 'AWS::NoValue']\n";
        let expected = json!({ "Resources": { "Q": { "Type": "AWS::SQS::Queue", "Properties": {
            "QueueName": { "Fn::Sub": "${A}-jobs" }, "Delay": 5, "Fifo": true, "Account": "012345678901",
            "Target": { "Fn::GetAtt": ["Other", "Arn.Name"] }, "Of": { "Ref": "Other" },
            "Joined": { "Fn::Join": ["-", ["a", { "Ref": "B" }]] },
            "When": { "Fn::If": ["Big", { "Ref": "A" }, { "Ref": "AWS::NoValue" }] },
        } } } });
        assert_eq!(read(text).unwrap(), expected);
    }

    #[test]
    fn what_is_refused_names_its_line() {
        let deep = format!("a: {}", "[".repeat(200));
        let long = "x".repeat(LONGEST + 1);
        for (text, line, what) in [
            ("a: 1\nb: 2\na: 3\n", 3, "comes twice"),
            ("a: &x [1]\nb: *x\n", 2, "an alias"),
            ("a: 1\nb:\n  <<: {c: 1}\n", 3, "a merge"),
            ("a: 1\n---\nb: 2\n", 3, "a second document"),
            ("a: 1\nb: !Rf x\n", 2, "`!Rf` is no function"),
            ("a: !!python/object x\n", 1, "is no function"),
            ("? [a]\n: b\n", 1, "a key is no text"),
            ("", 1, "nothing in it"),
            (&deep, 1, "nested deeper"),
            (&long, 1, "longer than"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.what.contains(what), "{error}");
            assert_eq!(error.line, line, "{error}");
        }
        assert!(read("a: [1\n").is_err());
        // A few lines that mean a billion.
        let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned();
        for n in 1..10 {
            bomb.push_str(&format!(
                "a{n}: &a{n} [{}]\n",
                format!("*a{},", n - 1).repeat(9)
            ));
        }
        assert_eq!(read(&bomb).unwrap_err().line, 2);
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(text in "[a-z!&*:<>{}\\[\\]\\-?|'\" \n#%@,0-9\u{80}]{0,120}") {
            let _ = read(&text);
        }
    }
}
