//! The lists of `tests/corpus/`: what is known to be otherwise than asked for, each with a reason.
//!
//! A row names where (the makings, or `any`), the service, its operations one by one, and what is
//! found (`*` in it is the operation's own name). What is not listed fails the lane, and so does a listed operation that is as it should
//! be again: the lists only become shorter.

use std::collections::{BTreeMap, BTreeSet};

use cordon_tests::file;

/// Making or `any`, service, operation.
type Key = (String, String, String);

/// One list.
pub(crate) struct Exceptions {
    pub(crate) name: &'static str,
    rows: BTreeMap<Key, BTreeSet<String>>,
    used: BTreeSet<Key>,
}

impl Exceptions {
    pub(crate) fn read(name: &'static str) -> Self {
        let text = std::fs::read_to_string(file("corpus").join(name)).expect("a list");
        let mut rows = BTreeMap::<Key, BTreeSet<String>>::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let cells: Vec<&str> = line.split('\t').collect();
            let [places, service, operations, found, why] = cells[..] else {
                panic!("{name}: five cells, not `{line}`");
            };
            assert!(
                !why.is_empty() && !operations.contains('*'),
                "{name}: {line}"
            );
            for place in places.split(',') {
                for operation in operations.split(',') {
                    let key = (place.into(), service.into(), operation.into());
                    let known = rows.entry(key).or_default();
                    assert!(
                        known.insert(found.replace('*', operation)),
                        "{name}: twice: {line}"
                    );
                }
            }
        }
        let used = BTreeSet::new();
        Self { name, rows, used }
    }

    /// Whether the list has `found` for an operation.
    pub(crate) fn has(&mut self, making: &str, id: &str, found: &str) -> bool {
        let (service, operation) = id.split_once(':').expect("service and operation");
        for place in [making, "any"] {
            let key = (place.into(), service.into(), operation.into());
            if self
                .rows
                .get(&key)
                .is_some_and(|known| known.contains(found))
            {
                self.used.insert(key);
                return true;
            }
        }
        false
    }

    /// How many operations are listed.
    pub(crate) fn len(&self) -> usize {
        let operations = self.rows.keys().map(|(_, service, name)| (service, name));
        operations.collect::<BTreeSet<_>>().len()
    }

    /// What the list holds though nothing needs it.
    pub(crate) fn unneeded(&self) -> Vec<String> {
        let unused = self.rows.keys().filter(|key| !self.used.contains(*key));
        unused
            .map(|(place, service, operation)| {
                format!("{}: {place} {service}:{operation} is not needed", self.name)
            })
            .collect()
    }
}
