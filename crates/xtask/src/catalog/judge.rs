//! Actions, what operations need and touch, and what it means, as records.

use super::Fault;
use super::authorize::Authorization;
use super::classes::Classes;
use super::models::{OperationModel, ServiceModel};
use super::parameters;
use super::tables::EffectRow;
use super::templates::{self, Template};
use super::write::{Input, Writer};
use cordon_aws::call::Class;
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
            let stateful = input.tables.stateful.contains(&entry.kind);
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
        if let Some(kind) = input
            .tables
            .stateful
            .iter()
            .find(|kind| !sorted.iter().any(|(known, ..)| known == *kind))
        {
            return Err(format!("stateful.tsv: no resource type `{kind}`").into());
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
        if let Some(name) = classes.named().find(|name| !names.contains_key(*name)) {
            return Err(format!("classes.tsv: no action `{name}`").into());
        }
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
        let mut number = 0;
        for service in input.models {
            for (name, operation) in &service.model.operations {
                let own = rows
                    .remove(&(service.name.as_str(), name.as_str()))
                    .unwrap_or_default();
                self.judge_one(number, service, (name, operation), &classes, &own, &general)?;
                let key = format!("{}:{name}", service.name);
                if let (true, Some(record)) = (
                    input.tables.credentials.contains(&key),
                    self.operations.get_mut(number),
                ) {
                    record.flags |= operation_flag::CREDENTIALS;
                }
                number += 1;
            }
        }
        match rows.keys().next() {
            Some((service, operation)) => {
                Err(format!("effects.tsv: no operation `{service}:{operation}`").into())
            }
            None => Ok(()),
        }
    }

    fn judge_one(
        &mut self,
        number: usize,
        service: &ServiceModel,
        (name, operation): (&str, &OperationModel),
        classes: &Classes,
        own: &[&EffectRow],
        general: &[&EffectRow],
    ) -> Result<(), Fault> {
        let first = self.effects.len();
        let known = parameters::all(service, operation)?;
        for row in own {
            let path = row.path.as_str();
            if !path.is_empty()
                && !known
                    .iter()
                    .any(|parameter| same_path(&parameter.path, path))
            {
                return Err(format!(
                    "effects.tsv: `{}:{name}` has no parameter `{path}`",
                    service.name
                )
                .into());
            }
            self.effect(row, path)?;
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

/// Whether two paths lead to the same parameter; a row may leave out the marks of a last list.
fn same_path(known: &str, written: &str) -> bool {
    known == written || known.trim_end_matches("[]").trim_end_matches("{}") == written
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
