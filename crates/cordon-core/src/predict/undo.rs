//! The call that undoes another one, as far as what was read allows it.

use super::effect::{Effects, Set, entries};
use super::rule::{From, Rule, UndoRule};
use super::{Undo, tree};
use crate::plan::converted;
use cordon_aws::catalog::Shape;
use serde_json::{Map, Value as Json};

/// How the call of `effects` is undone.
pub(super) fn of(rule: &Rule, effects: &Effects<'_>) -> Undo {
    match &rule.undo {
        None => Undo::Unknown,
        Some(UndoRule::Never(why)) => Undo::Never((*why).into()),
        Some(UndoRule::Same) => same(effects).unwrap_or_default(),
        Some(UndoRule::By(operation, given)) => {
            let mut parameters = Map::new();
            for given in given {
                let value = match given.from {
                    From::Parameter(path) => effects.parameter(path),
                    // What was not read cannot be put back.
                    From::Observed(path) => match observed(effects, operation, given.name, path) {
                        Some(value) => Some(value),
                        None => return Undo::Unknown,
                    },
                };
                if let Some(value) = value {
                    parameters.insert(given.name.to_owned(), value);
                }
            }
            shareable(operation, parameters.into())
        }
    }
}

fn observed(effects: &Effects<'_>, operation: &str, name: &str, path: &str) -> Option<Json> {
    let before = tree::one(effects.subject.as_ref()?, path)?;
    let service = effects.call.service();
    let shape = service.operation(operation)?.input()?.member(name)?.shape();
    Some(typed(&before, Some(shape)))
}

/// The same call with what was there before.
fn same(effects: &Effects<'_>) -> Option<Undo> {
    let was_there = effects.set.iter().any(|set| set.before.is_some());
    if effects.unread || !was_there {
        return None;
    }
    let mut parameters = effects.masked.clone();
    for set in &effects.set {
        restore(&mut parameters, effects, set)?;
    }
    Some(shareable(effects.call.operation().name(), parameters))
}

/// Puts one value back into the parameters; what was not there is left out.
fn restore(parameters: &mut Json, effects: &Effects<'_>, set: &Set) -> Option<()> {
    let path = effects.listed(set.parameter);
    let Some(key) = &set.key else {
        // A value in one of several items is not told apart.
        if path.contains("[]") && set.parameter.contains('.') {
            return None;
        }
        let shape = shape_at(effects.call.operation().input()?, set.parameter);
        let before = set.before.as_ref().map(|before| typed(before, shape));
        return place(parameters, set.parameter, before);
    };
    let list = at_mut(parameters, set.parameter)?;
    match list {
        Json::Object(members) => {
            members.remove(key);
            if let Some(before) = &set.before {
                members.insert(key.clone(), before.clone());
            }
        }
        Json::Array(items) => {
            let is_it = |item: &Json| entries(item, "").iter().any(|(name, _)| name == key);
            match &set.before {
                None => items.retain(|item| !is_it(item)),
                Some(before) => {
                    let item = items.iter_mut().find(|item| is_it(item))?;
                    let value = item.as_object_mut()?.iter_mut();
                    let mut value = value.filter(|(name, _)| name.ends_with("alue"));
                    *value.next()?.1 = before.clone();
                }
            }
        }
        _ => return None,
    }
    Some(())
}

/// A value that was read, as the parameter has it. Where its members have other names, nothing is
/// changed: whoever runs it sees the difference.
fn typed(before: &Json, shape: Option<Shape>) -> Json {
    let document = tree::document(before);
    let is_text = shape.is_some_and(|shape| shape.kind().as_str() == "string");
    if is_text && !document.is_string() && before.is_string() {
        return document.to_string().into();
    }
    let listed = match (shape.map(|shape| shape.kind().as_str()), before) {
        (Some("list"), Json::Array(_)) => before.clone(),
        (Some("list"), one) => Json::Array(vec![one.clone()]),
        _ => before.clone(),
    };
    let value = shape.and_then(|shape| converted(shape, &listed));
    value.map_or(listed, |value| tree::of_value(&value, shape, true))
}

fn shape_at(shape: Shape, path: &str) -> Option<Shape> {
    path.split('.').try_fold(shape, |shape, step| {
        shape.member(step).map(|member| member.shape())
    })
}

fn at_mut<'j>(tree: &'j mut Json, path: &str) -> Option<&'j mut Json> {
    path.split('.')
        .try_fold(tree, |tree, step| tree.get_mut(step))
}

fn place(tree: &mut Json, path: &str, value: Option<Json>) -> Option<()> {
    let (holder, name) = match path.rsplit_once('.') {
        Some((holder, name)) => (at_mut(tree, holder), name),
        None => (Some(tree), path),
    };
    // A structure that the call left out has nothing to be put back into.
    let Some(members) = holder.and_then(Json::as_object_mut) else {
        return value.is_none().then_some(());
    };
    match value {
        Some(value) => drop(members.insert(name.to_owned(), value)),
        None => drop(members.remove(name)),
    }
    Some(())
}

/// The call, where nothing in it is hidden: with marks in the place of values it would be another one.
fn shareable(operation: &str, parameters: Json) -> Undo {
    let shown = crate::plan::property::masked("", &parameters, None);
    match tree::is_masked(&shown) {
        true => Undo::Unknown,
        false => Undo::By {
            operation: operation.into(),
            parameters,
        },
    }
}
