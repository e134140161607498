//! Actions, what operations need and touch, and what it means, as records.

use super::Fault;
use super::authorize::Authorization;
use super::classes::Classes;
use super::models::{OperationModel, ServiceModel};
use super::parameters::{self, Parameter};
use super::tables::EffectRow;
use super::templates::{self, Template};
use super::write::{Input, Writer};
use cordon_aws::call::Class;
use cordon_aws::catalog::Test;
use cordon_aws::catalog::layout::{
    self, NO_CLASS, action_flag, operation_flag, template_flag, type_flag,
};
use std::collections::{BTreeMap, BTreeSet, HashMap};

impl Writer {
    /// Every action of the reference, and every guess.
    pub(super) fn actions(
        &mut self,
        input: &Input<'_>,
        authorizations: &[Authorization],
    ) -> Result<(), Fault> {
        let mut types = HashMap::new();
        for entry in input.reference.types.values() {
            let mut pattern = entry.arn.clone();
            for variable in templates::variables(&entry.arn) {
                pattern = pattern.replace(&format!("${{{variable}}}"), "*");
            }
            let stateful = &input.tables.stateful;
            let stateful = stateful.iter().any(|(_, kind)| *kind == entry.kind);
            types.insert(
                entry.kind.to_ascii_lowercase(),
                (entry.kind.clone(), pattern, stateful),
            );
        }
        let mut sorted: Vec<_> = types.values().cloned().collect();
        sorted.sort();
        let numbers: HashMap<String, u16> = sorted
            .iter()
            .enumerate()
            .map(|(number, (kind, _, _))| Ok((kind.to_ascii_lowercase(), u16::try_from(number)?)))
            .collect::<Result<_, Fault>>()?;
        for (kind, pattern, stateful) in &sorted {
            self.resource_types.push(layout::ResourceType {
                kind: self.strings.number(kind)?,
                pattern: self.strings.number(pattern)?,
                flags: if *stateful { type_flag::STATEFUL } else { 0 },
            });
        }
        let mut faults = Faults::default();
        for (line, kind) in &input.tables.stateful {
            let known = || sorted.iter().map(|(known, ..)| known.as_str());
            if !known().any(|known| known == kind) {
                faults.unknown("stateful.tsv", *line, "resource type", kind, known());
            }
        }

        let mut names: BTreeMap<String, String> = input
            .reference
            .actions
            .iter()
            .map(|(lower, action)| (lower.clone(), action.name.clone()))
            .collect();
        for rule in authorizations
            .iter()
            .flat_map(|authorization| &authorization.rules)
        {
            names
                .entry(rule.action.to_ascii_lowercase())
                .or_insert_with(|| rule.action.clone());
        }
        let tables: BTreeSet<String> = authorizations
            .iter()
            .filter(|authorization| !authorization.assumed)
            .flat_map(|authorization| &authorization.rules)
            .map(|rule| rule.action.to_ascii_lowercase())
            .collect();
        let classes = Classes::new(&input.tables.classes, &input.tables.grades);
        for row in &input.tables.classes {
            let known =
                row.name.starts_with("verb:") || names.contains_key(&row.name.to_ascii_lowercase());
            if !known {
                let all = names.values().map(String::as_str);
                faults.unknown("classes.tsv", row.line, "action", &row.name, all);
            }
        }
        faults.check()?;
        for (lower, name) in names {
            let entry = input.reference.actions.get(&lower);
            let current = entry.map_or_else(|| guessed_level(&name), |entry| entry.level);
            let level = current.max(input.tables.levels.get(&lower).copied().unwrap_or_default());
            let (class, classed) = classes.of(&name, level);
            let first = self.action_types.len();
            let prefix = name.split(':').next().unwrap_or_default();
            for (kind, required) in entry.into_iter().flat_map(|entry| &entry.types) {
                let kind = format!("{prefix}:{kind}").to_ascii_lowercase();
                let Some(number) = numbers.get(&kind) else {
                    continue;
                };
                self.action_types.push(layout::ActionType {
                    resource_type: *number,
                    required: u8::from(*required),
                });
            }
            let number = u32::try_from(self.actions.len())?;
            self.actions.push(layout::Action {
                name: self.strings.number(&name)?,
                types: u32::try_from(first)?,
                type_count: u8::try_from(self.action_types.len() - first)?,
                level,
                class: class as u8,
                flags: if entry.is_some() || tables.contains(&lower) {
                    action_flag::KNOWN
                } else {
                    0
                } | if classed { action_flag::CLASSED } else { 0 },
            });
            self.action_numbers.insert(lower, number);
        }
        Ok(())
    }

    /// Rules and templates of one operation.
    pub(super) fn authorization(
        &mut self,
        record: &mut layout::Operation,
        authorization: &Authorization,
    ) -> Result<(), Fault> {
        record.account_member = self.strings.number(&authorization.account)?;
        record.rules = u32::try_from(self.action_rules.len())?;
        record.rule_count = u8::try_from(authorization.rules.len())?;
        record.templates = u32::try_from(self.templates.len())?;
        record.template_count = u8::try_from(authorization.templates.len())?;
        record.flags |= if authorization.assumed {
            operation_flag::ASSUMED_ACTION
        } else {
            0
        };
        record.flags |= if authorization.none {
            operation_flag::NO_ACTION
        } else {
            0
        };
        for rule in &authorization.rules {
            let rule = layout::ActionRule {
                action: self.action_number(&rule.action)?,
                path: self.strings.number(&rule.path)?,
                value: self.strings.number(&rule.value)?,
                condition: rule.condition,
            };
            self.action_rules.push(rule);
        }
        for named in &authorization.templates {
            let (segments, segment_count) = self.segments(&named.template)?;
            let template = layout::Template {
                action: self.action_number(&named.action)?,
                kind: self.strings.number(&named.kind)?,
                text: self.strings.number(&named.template.text)?,
                segments,
                segment_count,
                flags: if named.required {
                    template_flag::REQUIRED
                } else {
                    0
                },
            };
            self.templates.push(template);
        }
        Ok(())
    }

    /// Effects and grades, which need classes and parameters.
    pub(super) fn judge(&mut self, input: &Input<'_>) -> Result<(), Fault> {
        let classes = Classes::new(&input.tables.classes, &input.tables.grades);
        let mut rows: BTreeMap<(&str, &str), Vec<&EffectRow>> = BTreeMap::new();
        for row in &input.tables.effects {
            rows.entry((row.service.as_str(), row.operation.as_str()))
                .or_default()
                .push(row);
        }
        let general = rows.remove(&("*", "*")).unwrap_or_default();
        let credentials: BTreeSet<&str> = input
            .tables
            .credentials
            .iter()
            .map(|row| row.name.as_str())
            .collect();
        let mut faults = named_operations(input);
        let mut number = 0;
        for service in input.models {
            for (name, operation) in &service.model.operations {
                let own = rows
                    .remove(&(service.name.as_str(), name.as_str()))
                    .unwrap_or_default();
                let known = parameters::all(service, operation)?;
                for row in &own {
                    check_path(&mut faults, row, &known);
                    check_words(&mut faults, row, &known);
                }
                self.judge_one(
                    (number, service, name, operation),
                    &known,
                    &classes,
                    &own,
                    &general,
                )?;
                let key = format!("{}:{name}", service.name);
                if let (true, Some(record)) = (
                    credentials.contains(key.as_str()),
                    self.operations.get_mut(number),
                ) {
                    record.flags |= operation_flag::CREDENTIALS;
                }
                number += 1;
            }
        }
        faults.check()
    }

    fn judge_one(
        &mut self,
        (number, service, name, operation): (usize, &ServiceModel, &str, &OperationModel),
        known: &[Parameter],
        classes: &Classes,
        own: &[&EffectRow],
        general: &[&EffectRow],
    ) -> Result<(), Fault> {
        let first = self.effects.len();
        for row in own {
            self.effect(row, &row.path)?;
        }
        for row in general {
            let wanted = templates::plain(&row.path);
            let found = known.iter().filter(|parameter| {
                !parameter.path.contains('.') && templates::plain(&parameter.name) == wanted
            });
            let paths: Vec<String> = found.map(|parameter| parameter.path.clone()).collect();
            for path in paths {
                self.effect(row, &path)?;
            }
        }
        let (mut class, mut level) = (Class::Observe, 0);
        let record = self
            .operations
            .get(number)
            .copied()
            .ok_or("an operation went missing")?;
        for rule in 0..u32::from(record.rule_count) {
            let rule = self.action_rules.get((record.rules + rule) as usize);
            let action = rule.and_then(|rule| self.actions.get(rule.action as usize));
            let Some(action) = action else { continue };
            level = level.max(action.level);
            class = class.max(
                Class::ALL
                    .get(usize::from(action.class))
                    .copied()
                    .unwrap_or(Class::Destroy),
            );
        }
        let method = operation.http.method.as_str();
        let count = u8::try_from(self.effects.len() - first)?;
        if let Some(record) = self.operations.get_mut(number) {
            record.effects = u32::try_from(first)?;
            record.effect_count = count;
            record.destruction = classes.grade(&service.name, name, method, class, level);
        }
        Ok(())
    }

    fn effect(&mut self, row: &EffectRow, path: &str) -> Result<(), Fault> {
        let record = layout::Effect {
            path: self.strings.number(path)?,
            value: self.strings.number(&row.value)?,
            test: row.test,
            class: row.class.map_or(NO_CLASS, |class| class as u8),
            effect: row.effect,
        };
        self.effects.push(record);
        Ok(())
    }

    /// Segments, each list of them kept once.
    fn segments(&mut self, template: &Template) -> Result<(u32, u8), Fault> {
        let count = u8::try_from(template.segments.len())?;
        if let Some(first) = self.segment_lists.get(&template.text) {
            return Ok((*first, count));
        }
        let first = u32::try_from(self.segments.len())?;
        for piece in &template.segments {
            let segment = layout::Segment {
                text: self.strings.number(&piece.text)?,
                argument: self.strings.number(&piece.argument)?,
                kind: piece.kind,
                transform: piece.transform,
            };
            self.segments.push(segment);
        }
        self.segment_lists.insert(template.text.clone(), first);
        Ok((first, count))
    }

    fn action_number(&self, name: &str) -> Result<u32, Fault> {
        let number = self.action_numbers.get(&name.to_ascii_lowercase());
        number
            .copied()
            .ok_or_else(|| format!("no action `{name}`").into())
    }
}

/// Rows that name operations which no model has.
fn named_operations(input: &Input<'_>) -> Faults {
    let tables = input.tables;
    let mut faults = Faults::default();
    let all: BTreeSet<String> = input
        .models
        .iter()
        .flat_map(|service| {
            let name = &service.name;
            let operations = service.model.operations.keys();
            operations.map(move |operation| format!("{name}:{operation}"))
        })
        .collect();
    let effects = tables.effects.iter().filter(|row| row.service != "*");
    let effects = effects.map(|row| (row.line, format!("{}:{}", row.service, row.operation)));
    let grades = tables.grades.iter();
    let grades = grades.map(|row| (row.line, format!("{}:{}", row.service, row.operation)));
    let credentials = tables.credentials.iter();
    let credentials = credentials.map(|row| (row.line, row.name.clone()));
    let rows = effects
        .map(|row| ("effects.tsv", row))
        .chain(grades.map(|row| ("grades.tsv", row)))
        .chain(credentials.map(|row| ("credentials.tsv", row)));
    for (file, (line, name)) in rows {
        if !all.contains(&name) {
            let known = all.iter().map(String::as_str);
            faults.unknown(file, line, "operation", &name, known);
        }
    }
    faults
}

/// A row whose path leads to no parameter of its operation.
fn check_path(faults: &mut Faults, row: &EffectRow, known: &[Parameter]) {
    let path = row.path.as_str();
    let paths = || known.iter().map(|parameter| parameter.path.as_str());
    if !path.is_empty() && !paths().any(|known| same_path(known, path)) {
        let what = format!("parameter of {}:{}", row.service, row.operation);
        faults.unknown("effects.tsv", row.line, &what, path, paths());
    }
}

/// A row whose words its parameter never has: it would hold for no call, or for every one.
fn check_words(faults: &mut Faults, row: &EffectRow, known: &[Parameter]) {
    let compares = [Test::Equals, Test::Differs];
    let test = Test::ALL.get(usize::from(row.test));
    let path = row.path.as_str();
    let parameter = known.iter().find(|it| same_path(&it.path, path));
    let (true, Some(parameter)) = (test.is_some_and(|it| compares.contains(it)), parameter) else {
        return;
    };
    let may_be = |word: &str| match parameter.kind.as_str() {
        "boolean" => ["true", "false"].contains(&word),
        "integer" | "long" | "float" | "double" => word.parse::<f64>().is_ok(),
        "structure" | "map" | "blob" => false,
        _ => {
            let words = &parameter.words;
            words.is_empty() || words.iter().any(|known| known.eq_ignore_ascii_case(word))
        }
    };
    for word in row.value.split('|').filter(|word| !may_be(word)) {
        let (line, kind) = (row.line, &parameter.kind);
        faults.0.push(format!(
            "effects.tsv:{line}: `{path}` of {}:{} is never `{word}`: its type is {kind}{}",
            row.service,
            row.operation,
            match parameter.words.is_empty() {
                true => String::new(),
                false => format!(" of {}", parameter.words.join(", ")),
            }
        ));
    }
}

/// What is wrong with the rows of the tables, all of it, so that one run tells everything.
#[derive(Default)]
struct Faults(Vec<String>);

impl Faults {
    /// A name that is not known, with the one that was perhaps meant.
    fn unknown<'k>(
        &mut self,
        file: &str,
        line: usize,
        what: &str,
        name: &str,
        known: impl Iterator<Item = &'k str>,
    ) {
        let nearest = known.max_by(|left, right| {
            strsim::jaro_winkler(left, name).total_cmp(&strsim::jaro_winkler(right, name))
        });
        let hint = nearest.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        self.0
            .push(format!("{file}:{line}: no {what} `{name}`{hint}"));
    }

    fn check(self) -> Result<(), Fault> {
        match self.0.is_empty() {
            true => Ok(()),
            false => Err(self.0.join("\n").into()),
        }
    }
}

/// Whether two paths lead to the same parameter; a row may leave out the marks of a last list, and
/// name one key of a map.
fn same_path(known: &str, written: &str) -> bool {
    let key_of_map = known
        .strip_suffix("{}")
        .and_then(|map| written.strip_prefix(map));
    known == written
        || known.trim_end_matches("[]").trim_end_matches("{}") == written
        || key_of_map.is_some_and(|key| key.starts_with('.'))
}

/// The level of an action that no reference names: what its name says, else a change.
fn guessed_level(name: &str) -> u8 {
    let operation = name.split(':').nth(1).unwrap_or_default();
    let begins = |words: &[&str]| words.iter().any(|word| operation.starts_with(word));
    match () {
        () if begins(&["List"]) => 0,
        () if begins(&["Get", "Describe", "BatchGet", "Search", "Lookup"]) => 1,
        () if begins(&["TagResource", "UntagResource"]) => 2,
        () => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unknown_name_is_reported_with_its_line_and_what_was_perhaps_meant() {
        let mut faults = Faults::default();
        let known = ["ecs:UpdateService", "ecs:DeleteService"];
        for (line, name) in [(3, "ecs:UpdatService"), (9, "ecs:DeletService")] {
            faults.unknown("effects.tsv", line, "operation", name, known.into_iter());
        }
        assert_eq!(
            faults.check().map_err(|fault| fault.to_string()),
            Err(
                "effects.tsv:3: no operation `ecs:UpdatService`; did you mean `ecs:UpdateService`?\n\
                 effects.tsv:9: no operation `ecs:DeletService`; did you mean `ecs:DeleteService`?"
                    .to_owned()
            )
        );
    }

    #[test]
    fn a_word_that_a_parameter_never_has_is_reported() {
        let parameter = |path: &str, kind: &str, words: &[&str]| Parameter {
            path: path.to_owned(),
            name: path.to_owned(),
            kind: kind.to_owned(),
            words: words.iter().map(|word| (*word).to_owned()).collect(),
        };
        let known = [
            parameter("enabled", "boolean", &[]),
            parameter("count", "integer", &[]),
            parameter("state", "string", &["ENABLED", "DISABLED"]),
            parameter("name", "string", &[]),
            parameter("dns", "structure", &[]),
        ];
        let row = |path: &str, value: &str| EffectRow {
            line: 7,
            service: "batch".to_owned(),
            operation: "Update".to_owned(),
            path: path.to_owned(),
            test: Test::ALL
                .iter()
                .position(|test| *test == Test::Equals)
                .unwrap() as u8,
            value: value.to_owned(),
            effect: 0,
            class: None,
        };
        for (path, value, expected) in [
            ("enabled", "false", ""),
            ("count", "0", ""),
            ("state", "Disabled", ""),
            ("name", "all", ""),
            (
                "enabled",
                "DISABLED",
                "effects.tsv:7: `enabled` of batch:Update is never `DISABLED`: its type is boolean",
            ),
            (
                "count",
                "none",
                "effects.tsv:7: `count` of batch:Update is never `none`: its type is integer",
            ),
            (
                "state",
                "DISABLED|0",
                "effects.tsv:7: `state` of batch:Update is never `0`: its type is string of ENABLED, DISABLED",
            ),
            (
                "dns",
                "false",
                "effects.tsv:7: `dns` of batch:Update is never `false`: its type is structure",
            ),
        ] {
            let mut faults = Faults::default();
            check_words(&mut faults, &row(path, value), &known);
            assert_eq!(faults.0.join("\n"), expected);
        }
    }

    #[test]
    fn a_path_may_name_one_key_of_a_map() {
        assert!(same_path("Attributes{}", "Attributes.Policy"));
        assert!(same_path("Rules[]", "Rules"));
        assert!(!same_path("Attributes{}", "AttributesPolicy"));
        assert!(!same_path("Attributes", "Attributes.Policy"));
    }
}
