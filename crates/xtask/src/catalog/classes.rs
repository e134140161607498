//! What an action does, from its level, its verb and our table; and how much an operation destroys.

use super::Fault;
use super::tables::{ClassRow, GradeRow};
use cordon_aws::call::Class;
use cordon_aws::catalog::layout::destruction;
use std::collections::BTreeMap;

/// Verbs and exceptions.
pub(super) struct Classes {
    verbs: BTreeMap<String, Class>,
    actions: BTreeMap<String, Class>,
    grades: BTreeMap<(String, String), u8>,
}

impl Classes {
    pub(super) fn new(rows: &[ClassRow], grades: &[GradeRow]) -> Self {
        let (mut verbs, mut actions) = (BTreeMap::new(), BTreeMap::new());
        for row in rows {
            match row.name.strip_prefix("verb:") {
                Some(verb) => verbs.insert(verb.to_owned(), row.class),
                None => actions.insert(row.name.to_ascii_lowercase(), row.class),
            };
        }
        let grades = grades
            .iter()
            .map(|row| ((row.service.clone(), row.operation.clone()), row.grade))
            .collect();
        Self {
            verbs,
            actions,
            grades,
        }
    }

    /// The class of an action, and whether anything decided it. What changes something in a way
    /// that no verb tells counts as destroying until somebody has looked at it.
    pub(super) fn of(&self, action: &str, level: u8) -> (Class, bool) {
        if let Some(class) = self.actions.get(&action.to_ascii_lowercase()) {
            return (*class, true);
        }
        let name = action.split(':').nth(1).unwrap_or_default();
        let verb = self.verbs.get(verb(name)).copied();
        match (level, verb) {
            (0, _) => (Class::Observe, true),
            (1, _) => (Class::Observe, true),
            (2, _) => (Class::Update, true),
            _ if is_about_tags(name) => (Class::Update, true),
            (4, Some(Class::Destroy)) => (Class::Destroy, true),
            (4, _) => (Class::Identity, true),
            (_, Some(class)) => (class, true),
            (_, None) => (Class::Destroy, false),
        }
    }

    /// How much an operation destroys.
    pub(super) fn grade(
        &self,
        service: &str,
        operation: &str,
        method: &str,
        class: Class,
        level: u8,
    ) -> u8 {
        if let Some(grade) = self.grades.get(&(service.to_owned(), operation.to_owned())) {
            return *grade;
        }
        if level < 2 {
            return destruction::NONE;
        }
        match class {
            _ if is_about_tags(operation) && takes_away(operation) => destruction::MINOR,
            Class::Destroy => destruction::LOSS,
            Class::Disrupt | Class::Weaken => destruction::DISRUPTS,
            Class::Identity if method == "DELETE" => destruction::DISRUPTS,
            _ if method == "DELETE" && level != 2 => destruction::LOSS,
            Class::Update | Class::Identity => destruction::REPLACES,
            _ => destruction::NONE,
        }
    }
}

/// Whether an action is about tags alone: `TagResource`, `DeleteTags`, `RemoveTagsFromResource`.
fn is_about_tags(name: &str) -> bool {
    let verb = verb(name);
    let about = name
        .split_once(verb)
        .is_some_and(|(_, rest)| rest.starts_with("Tags"));
    matches!(verb, "Tag" | "Untag") || about
}

fn takes_away(name: &str) -> bool {
    matches!(verb(name), "Untag" | "Delete" | "Remove")
}

/// The first word of a name that says what is done.
fn verb(name: &str) -> &str {
    let mut rest = name;
    loop {
        let end = rest
            .char_indices()
            .skip(1)
            .find(|(_, c)| c.is_ascii_uppercase());
        let (word, after) = rest.split_at(end.map_or(rest.len(), |(at, _)| at));
        match word {
            "Batch" | "Admin" | "Force" | "Bulk" if !after.is_empty() => rest = after,
            _ => return word,
        }
    }
}

/// A class by the word of the tables.
pub(super) fn class(word: &str) -> Result<Class, Fault> {
    let found = Class::ALL.into_iter().find(|class| class.as_str() == word);
    found.ok_or_else(|| format!("no class `{word}`").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, class: Class) -> ClassRow {
        ClassRow {
            line: 0,
            name: name.to_owned(),
            class,
        }
    }

    #[test]
    fn a_change_that_nobody_classified_counts_as_destroying() {
        let rows = [
            row("verb:Update", Class::Update),
            row("thing:UpdateAll", Class::Weaken),
        ];
        let classes = Classes::new(&rows, &[]);
        assert_eq!(classes.of("thing:Frobnicate", 3), (Class::Destroy, false));
        assert_eq!(classes.of("thing:BatchUpdateOne", 3), (Class::Update, true));
        assert_eq!(classes.of("thing:UpdateAll", 3), (Class::Weaken, true));
        assert_eq!(classes.of("thing:Frobnicate", 1), (Class::Observe, true));
    }
}
