//! The rules of `data/predict.txt`, whose head says how they are written. Read once; a test holds each
//! of them to the catalog.

use super::whole::Depth;
use super::{Reading, tree};
use crate::look::Read;
use crate::plan::converted;
use cordon_aws::call::Call;
use cordon_aws::catalog::{Shape, ShapeKind};
use cordon_aws::value::Value;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::sync::LazyLock;

static TEXT: &str = include_str!("../../data/predict.txt");

static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| read(TEXT).unwrap_or_default());

/// What one operation changes.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) service: &'static str,
    pub(super) operation: &'static str,
    pub(super) sections: Vec<Section>,
    pub(super) undo: Option<UndoRule>,
    pub(super) note: Option<&'static str>,
    /// Why it is a whole that is put in the place of another.
    pub(super) why: Option<&'static str>,
}

/// One read, and what its answer tells.
#[derive(Debug)]
pub(super) struct Section {
    operation: &'static str,
    template: Json,
    /// Where in the answer it is.
    pub(super) subject: &'static str,
    /// The name of the key of an item and the parameter that has its values.
    pub(super) key: Option<(&'static str, &'static str)>,
    pub(super) lines: Vec<Line>,
    /// What every answer has: one without tells nothing.
    pub(super) has: Vec<&'static str>,
}

/// What is said of one property. Two texts are a parameter and a path of the answer.
#[derive(Debug)]
pub(super) enum Line {
    Set(&'static str, &'static str),
    Put(&'static str, &'static str),
    Is(&'static str, Option<String>),
    Add(&'static str, &'static str),
    Cut(&'static str, &'static str),
    Each(&'static str, &'static str),
    Drop(&'static str, &'static str),
    /// Keys of the map that the call does not name are gone.
    Whole(&'static str, &'static str),
    /// What the call does not say of it is gone; the key by which items of it are the same.
    All(&'static str, &'static str, Option<&'static str>, Depth),
    /// Where the call leaves the parameter out, this is what it falls back to.
    Default(&'static str, &'static str, Json),
    Allow(&'static str, &'static str),
    Revoke(&'static str, &'static str),
    Records(&'static str, &'static str),
    /// A truth that the answer writes in words.
    Switch(&'static str, &'static str, [&'static str; 2]),
    /// The parameter that names the property, the one that has its value, and the map.
    Named(&'static str, &'static str, &'static str),
    Gone(Vec<&'static str>),
    Open(&'static str),
    Needs(&'static str),
    Keep(&'static str),
}

/// How a call is undone.
#[derive(Debug)]
pub(super) enum UndoRule {
    Same,
    By(&'static str, Vec<Given>),
    Never(&'static str),
}

/// A parameter of the call that undoes, and where its value comes from.
#[derive(Debug)]
pub(super) struct Given {
    pub(super) name: &'static str,
    pub(super) from: From,
}

#[derive(Debug)]
pub(super) enum From {
    Parameter(&'static str),
    Observed(&'static str),
}

pub(super) fn find(service: &str, operation: &str) -> Option<&'static Rule> {
    let named = |rule: &&Rule| rule.service == service && rule.operation == operation;
    RULES.iter().find(named)
}

pub(super) fn all() -> impl Iterator<Item = &'static Rule> {
    RULES.iter()
}

/// Reads the rules.
///
/// # Errors
/// The first line that is none.
fn read(text: &'static str) -> Result<Vec<Rule>, String> {
    let mut rules: Vec<Rule> = Vec::new();
    for line in text.lines() {
        let (head, rest) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
        let said = match (line.starts_with(' '), rules.last_mut()) {
            _ if head.is_empty() || head.starts_with('#') => Some(()),
            (true, Some(rule)) => rule.take(head, rest),
            (true, None) => None,
            (false, _) => {
                rules.push(Rule {
                    service: head,
                    operation: rest,
                    sections: Vec::new(),
                    undo: None,
                    note: None,
                    why: None,
                });
                Some(())
            }
        };
        said.ok_or_else(|| format!("`{line}` is no line of a rule"))?;
    }
    Ok(rules)
}

fn pair(word: &'static str) -> (&'static str, &'static str) {
    word.split_once('=').unwrap_or((word, word))
}

impl Rule {
    fn take(&mut self, head: &'static str, rest: &'static str) -> Option<()> {
        match head {
            "read" => {
                let (operation, template) = rest.split_once(' ')?;
                self.sections.push(Section {
                    operation,
                    template: serde_json::from_str(template).ok()?,
                    subject: "",
                    key: None,
                    lines: Vec::new(),
                    has: Vec::new(),
                });
            }
            "undo" => self.undo = Some(undo(rest)),
            "note" => self.note = Some(rest),
            "why" => self.why = Some(rest),
            "has" => {
                let paths = rest.split(' ').filter(|word| !word.is_empty());
                self.sections.last_mut()?.has.extend(paths);
            }
            "in" => {
                let section = self.sections.last_mut()?;
                let (path, key) = rest.split_once(' ').unwrap_or((rest, ""));
                section.subject = path;
                section.key = key.split_once('=');
            }
            head => {
                let section = self.sections.last_mut()?;
                section.lines.extend(lines(head, rest)?);
            }
        }
        Some(())
    }
}

fn undo(text: &'static str) -> UndoRule {
    let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
    match first {
        "same" => UndoRule::Same,
        "none" => UndoRule::Never(rest),
        operation => {
            let given = rest.split(' ').filter(|word| !word.is_empty());
            let given = given.map(|word| match word.split_once('@') {
                Some((name, path)) => Given {
                    name,
                    from: From::Observed(path),
                },
                None => {
                    let (name, parameter) = pair(word);
                    Given {
                        name,
                        from: From::Parameter(parameter),
                    }
                }
            });
            UndoRule::By(operation, given.collect())
        }
    }
}

fn lines(head: &str, rest: &'static str) -> Option<Vec<Line>> {
    let words = || rest.split(' ').filter(|word| !word.is_empty());
    let pairs = |make: fn(&'static str, &'static str) -> Line| {
        let pairs = words().map(pair);
        pairs
            .map(|(parameter, path)| make(parameter, path))
            .collect()
    };
    Some(match head {
        "set" => pairs(Line::Set),
        "put" => pairs(Line::Put),
        "add" => pairs(Line::Add),
        "cut" => pairs(Line::Cut),
        "each" => pairs(Line::Each),
        "drop" => pairs(Line::Drop),
        "whole" => pairs(Line::Whole),
        "reset" => pairs(|parameter, path| Line::Default(parameter, path, Json::Null)),
        "default" => {
            let (of, value) = rest.split_once(' ')?;
            let (parameter, path) = pair(of);
            vec![Line::Default(
                parameter,
                path,
                serde_json::from_str(value).ok()?,
            )]
        }
        "all" | "names" => match words().collect::<Vec<_>>().as_slice() {
            [of, key @ ..] if key.len() <= 1 => {
                let (parameter, path) = pair(of);
                let depth = match head {
                    "names" => Depth::Names,
                    _ => Depth::Whole,
                };
                vec![Line::All(parameter, path, key.first().copied(), depth)]
            }
            _ => return None,
        },
        "allow" => pairs(Line::Allow),
        "revoke" => pairs(Line::Revoke),
        "records" => pairs(Line::Records),
        "open" => words().map(Line::Open).collect(),
        "needs" => words().map(Line::Needs).collect(),
        "keep" => words().map(Line::Keep).collect(),
        "gone" => vec![Line::Gone(words().collect())],
        "is" => words()
            .map(|word| {
                let (path, text) = word.split_once('=')?;
                let text = (text != "~").then(|| text.replace('_', " "));
                Some(Line::Is(path, text))
            })
            .collect::<Option<_>>()?,
        "switch" => match words().collect::<Vec<_>>().as_slice() {
            [of, on, off] => {
                let (parameter, path) = of.split_once('=')?;
                vec![Line::Switch(parameter, path, [on, off])]
            }
            _ => return None,
        },
        "named" => match words().collect::<Vec<_>>().as_slice() {
            [name, of] => {
                let (value, path) = of.split_once('=')?;
                vec![Line::Named(name, value, path)]
            }
            _ => return None,
        },
        _ => return None,
    })
}

impl Section {
    /// Whether the call says anything that this tells of.
    pub(super) fn concerns(&self, call: &Call) -> bool {
        let has = |path: &str| !call.parameters().at(&listed(call, path)).is_empty();
        self.lines.iter().any(|line| match line {
            Line::Set(parameter, _)
            | Line::Add(parameter, _)
            | Line::Cut(parameter, _)
            | Line::Each(parameter, _)
            | Line::Drop(parameter, _)
            | Line::Records(parameter, _)
            | Line::Switch(parameter, _, _) => has(parameter),
            Line::Whole(parameter, _) | Line::All(parameter, _, _, _) => says(call, parameter),
            _ => true,
        })
    }

    /// Whether the call may leave something out of what this tells of.
    pub(super) fn may_omit(&self, call: &Call) -> bool {
        self.lines.iter().any(|line| match line {
            Line::Whole(parameter, _) | Line::All(parameter, _, _, _) => says(call, parameter),
            Line::Default(parameter, _, _) => !gives(call, parameter),
            Line::Put(..) => true,
            Line::Records(parameter, _) => {
                let actions = call.parameters().at(&format!("{parameter}[].Action"));
                let mut actions = actions.into_iter().filter_map(Value::as_str);
                actions.any(|action| action == "UPSERT")
            }
            _ => false,
        })
    }

    /// Whether its read needs what the one before answered.
    pub(super) fn follows(&self) -> bool {
        fn names_it(template: &Json) -> bool {
            match template {
                Json::String(text) => text.starts_with('@'),
                Json::Array(items) => items.iter().any(names_it),
                Json::Object(members) => members.values().any(names_it),
                _ => false,
            }
        }
        names_it(&self.template)
    }

    /// Its read for a call; nothing where that cannot be asked for.
    pub(super) fn read(&self, call: &Call, before: Option<&Reading>) -> Option<Read> {
        let operation = call.service().operation(self.operation)?;
        let before = match before {
            Some(Reading::Answered(answer, _)) => tree::of_answer(answer),
            _ => Json::Null,
        };
        let filling = Filling {
            call,
            before: &before,
        };
        let parameters = match operation.input() {
            Some(shape) => filling.fill(&self.template, shape)?,
            None => Value::Structure(BTreeMap::new()),
        };
        Some(Read {
            service: None,
            operation: operation.name(),
            parameters,
        })
    }
}

/// Whether a call says what there is of a parameter: what it leaves out of a document that it puts is
/// not there either.
pub(super) fn says(call: &Call, parameter: &str) -> bool {
    let (document, _) = parameter.split_once('.').unwrap_or((parameter, ""));
    let mut said = call.parameters().at(document).into_iter();
    said.any(|value| *value != Value::Null)
}

/// Whether a call has a parameter itself.
pub(super) fn gives(call: &Call, parameter: &str) -> bool {
    let mut given = call.parameters().at(parameter).into_iter();
    given.any(|value| *value != Value::Null)
}

/// A path of the table with `[]` where the operation has a list.
pub(super) fn listed(call: &Call, path: &str) -> String {
    let mut shape = call.operation().input();
    let mut steps = Vec::new();
    for step in path.split('.') {
        let of_step = shape
            .and_then(|shape| shape.member(step))
            .map(|it| it.shape());
        let item = of_step.and_then(Shape::item).map(|item| item.shape());
        steps.push(match item {
            Some(_) => format!("{step}[]"),
            None => step.to_owned(),
        });
        shape = item.or(of_step);
    }
    steps.join(".")
}

/// A template being filled for a call.
struct Filling<'f> {
    call: &'f Call,
    /// What the read before answered.
    before: &'f Json,
}

impl Filling<'_> {
    fn fill(&self, template: &Json, shape: Shape) -> Option<Value> {
        match template {
            Json::String(text) => match text.split_at_checked(1) {
                Some(("$", path)) => self.parameter(path, shape),
                Some(("@", path)) => converted(shape, &tree::one(self.before, path)?),
                _ => converted(shape, template),
            },
            Json::Array(items) => {
                let item = shape.item()?.shape();
                let items = items.iter().map(|template| self.fill(template, item));
                items.collect::<Option<_>>().map(Value::List)
            }
            Json::Object(members) => {
                let mut filled = BTreeMap::new();
                for (name, template) in members {
                    let plain = name.strip_suffix('?').unwrap_or(name);
                    let member = shape.member(plain)?;
                    match self.fill(template, member.shape()) {
                        Some(value) => drop(filled.insert(member.name().into(), value)),
                        None if name.ends_with('?') => {}
                        None => return None,
                    }
                }
                Some(Value::Structure(filled))
            }
            scalar => converted(shape, scalar),
        }
    }

    fn parameter(&self, paths: &str, shape: Shape) -> Option<Value> {
        for path in paths.split('|') {
            let found = self.call.parameters().at(&listed(self.call, path));
            let texts = found.iter().filter(|value| value.as_str().is_some());
            match shape.kind() {
                ShapeKind::List => {
                    let items: Vec<Value> = texts.map(|value| (**value).clone()).collect();
                    if !items.is_empty() {
                        return Some(Value::List(items));
                    }
                }
                ShapeKind::String => {
                    if let [one] = texts.collect::<Vec<_>>().as_slice() {
                        return Some((**one).clone());
                    }
                }
                _ => return None,
            }
        }
        None
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use cordon_aws::catalog::{Catalog, Operation};

    /// The shape at a path of parameters, lists gone through.
    fn shape_at(operation: Operation, path: &str) -> Option<Shape> {
        let mut shape = operation.input()?;
        for step in path.split('.') {
            shape = shape.member(step)?.shape();
            while let Some(item) = shape.item() {
                shape = item.shape();
            }
        }
        Some(shape)
    }

    fn check_template(template: &Json, operation: Operation, read: Shape, rule: &str) {
        match template {
            Json::String(text) if text.starts_with('$') => {
                for path in text.trim_start_matches('$').split('|') {
                    assert!(shape_at(operation, path).is_some(), "{rule}: {path}");
                }
            }
            Json::Array(items) => {
                let item = read.item().expect(rule).shape();
                items
                    .iter()
                    .for_each(|it| check_template(it, operation, item, rule));
            }
            Json::Object(members) => members.iter().for_each(|(name, it)| {
                let member = read.member(name.trim_end_matches('?'));
                let shape = member.unwrap_or_else(|| panic!("{rule}: {name}")).shape();
                check_template(it, operation, shape, rule);
            }),
            _ => {}
        }
    }

    /// What tells what is left out is a read of configuration, has a reason, and says how a whole answer
    /// is known.
    fn check_omissions(rule: &Rule, named: &str) {
        let puts = |line: &&Line| {
            let puts = matches!(line, Line::Whole(..) | Line::All(..) | Line::Default(..));
            puts || matches!(line, Line::Put(..) | Line::Records(..))
        };
        let sections = rule.sections.iter();
        let mut put = sections.filter(|section| section.lines.iter().any(|line| puts(&line)));
        assert_eq!(
            put.clone().next().is_some(),
            rule.why.is_some(),
            "{named}: why"
        );
        assert!(put.all(|section| !section.has.is_empty()), "{named}: has");
    }

    #[test]
    fn every_line_is_read_and_names_what_the_catalog_has() {
        let rules = read(TEXT).unwrap();
        assert!(rules.len() >= 100, "{}", rules.len());
        for rule in &rules {
            let named = format!("{} {}", rule.service, rule.operation);
            let service = Catalog::embedded().service(rule.service).expect(&named);
            let operation = service.operation(rule.operation).expect(&named);
            let has = |path: &str| {
                assert!(shape_at(operation, path).is_some(), "{named}: {path}");
            };
            assert!((1..=3).contains(&rule.sections.len()), "{named}");
            for section in &rule.sections {
                let read = service.operation(section.operation);
                let read = read.unwrap_or_else(|| panic!("{named}: {}", section.operation));
                let input = read.input().expect(&named);
                check_template(&section.template, operation, input, &named);
                section.key.iter().for_each(|(_, parameter)| has(parameter));
                for line in &section.lines {
                    match line {
                        Line::Set(parameter, _)
                        | Line::Put(parameter, _)
                        | Line::Add(parameter, _)
                        | Line::Cut(parameter, _)
                        | Line::Each(parameter, _)
                        | Line::Drop(parameter, _)
                        | Line::Allow(parameter, _)
                        | Line::Revoke(parameter, _)
                        | Line::Records(parameter, _)
                        | Line::Whole(parameter, _)
                        | Line::Default(parameter, _, _)
                        | Line::Switch(parameter, _, _) => has(parameter),
                        // What follows the text of a document is in no model.
                        Line::All(parameter, _, _, _) => {
                            let (document, inside) =
                                parameter.split_once('.').unwrap_or((parameter, ""));
                            let shape = shape_at(operation, document).expect(&named);
                            if !inside.is_empty() && shape.kind() != ShapeKind::String {
                                has(parameter);
                            }
                        }
                        Line::Named(name, value, _) => {
                            [name, value].into_iter().for_each(|it| has(it))
                        }
                        _ => {}
                    }
                }
            }
            check_omissions(rule, &named);
            if let Some(UndoRule::By(by, given)) = &rule.undo {
                let undone = service.operation(by);
                let undone = undone.unwrap_or_else(|| panic!("{named}: {by}"));
                for given in given {
                    assert!(
                        shape_at(undone, given.name).is_some(),
                        "{named}: {}",
                        given.name
                    );
                    if let From::Parameter(parameter) = given.from {
                        has(parameter);
                    }
                }
            }
        }
        let mut names: Vec<_> = rules.iter().map(|it| (it.service, it.operation)).collect();
        names.sort_unstable();
        let before = names.len();
        names.dedup();
        assert_eq!(names.len(), before, "an operation has two rules");
    }

    #[test]
    fn what_is_no_rule_is_named() {
        for text in [
            "  set A",
            "s3 X\n  read Y {",
            "s3 X\n  read Y {}\n  paint Z",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
