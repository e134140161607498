//! The table from Terraform's resource types to AWS calls: `data/terraform.txt`, whose head says how
//! it is written. Read once; a test holds every row to the catalog.

use cordon_aws::catalog::{Catalog, Operation};
use std::collections::BTreeMap;
use std::sync::LazyLock;

static TEXT: &str = include_str!("../../../data/terraform.txt");

static TABLE: LazyLock<Table> = LazyLock::new(|| read(TEXT, Catalog::embedded()));

/// The rows by resource type.
type Table = BTreeMap<&'static str, Vec<Row>>;

/// One call that the provider makes.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) phase: Phase,
    pub(super) operation: Operation,
    /// Parameter and attribute.
    pub(super) fill: Vec<(&'static str, &'static str)>,
    /// The attributes that it depends on; empty for none.
    pub(super) when: Vec<&'static str>,
}

/// When a call is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Create,
    Update,
    Delete,
    /// Where tags are put on.
    Tag,
    /// Where tags are taken away.
    Untag,
    /// A read of data, whenever the resource is looked at.
    Read,
}

/// The rows of a type; nothing for one that the table does not cover.
pub(super) fn rows(kind: &str) -> Option<&'static [Row]> {
    TABLE.get(kind).map(Vec::as_slice)
}

fn read(text: &'static str, catalog: &'static Catalog) -> Table {
    let mut table = Table::new();
    let mut kind = "";
    for line in text.lines().filter(|line| !is_remark(line)) {
        match line.split_once(' ') {
            None => {
                kind = line;
                table.entry(kind).or_default();
            }
            // A test holds every row to be one that can be read.
            Some((sign, rest)) => {
                let rows = read_row(sign, rest, catalog).into_iter().flatten();
                table.entry(kind).or_default().extend(rows);
            }
        }
    }
    table
}

fn is_remark(line: &str) -> bool {
    line.is_empty() || line.starts_with('#')
}

/// The calls of one row: two for tags.
fn read_row(sign: &str, rest: &'static str, catalog: &'static Catalog) -> Option<Vec<Row>> {
    let phases: &[Phase] = match sign {
        "+" => &[Phase::Create],
        "~" => &[Phase::Update],
        "-" => &[Phase::Delete],
        "=" => &[Phase::Read],
        "@" => &[Phase::Tag, Phase::Untag],
        _ => return None,
    };
    let (call, when) = rest.split_once('?').unwrap_or((rest, ""));
    let mut words = call.split_ascii_whitespace();
    let mut operations = Vec::new();
    for phase in phases {
        let (service, operation) = words.next()?.split_once(':')?;
        operations.push((*phase, catalog.service(service)?.operation(operation)?));
    }
    let fill: Option<Vec<_>> = words.map(|word| word.split_once('=')).collect();
    let (fill, when) = (fill?, when.split_ascii_whitespace().collect::<Vec<_>>());
    let rows = operations.into_iter().map(|(phase, operation)| Row {
        phase,
        operation,
        fill: fill.clone(),
        when: when.clone(),
    });
    Some(rows.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::terraform::fill;

    #[test]
    fn every_row_names_operations_and_parameters_of_the_catalog() {
        let rows = TEXT.lines().filter(|line| !is_remark(line));
        for (sign, rest) in rows.filter_map(|line| line.split_once(' ')) {
            let row = read_row(sign, rest, Catalog::embedded());
            assert!(row.is_some(), "{sign} {rest} cannot be read");
        }
        let mut wrong = Vec::new();
        for (kind, rows) in &*TABLE {
            for row in rows {
                for (path, _) in &row.fill {
                    if !fill::is_path(row.operation, path) {
                        wrong.push(format!("{kind} {} {path}", row.operation.name()));
                    }
                }
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    #[test]
    fn at_least_150_types_are_covered_in_order_and_can_be_created() {
        let types: Vec<&str> = TABLE.keys().copied().collect();
        assert!(types.len() >= 150, "{}", types.len());
        let written: Vec<&str> = TEXT
            .lines()
            .filter(|line| line.starts_with("aws_"))
            .collect();
        assert_eq!(
            written, types,
            "each type once, in the order of the alphabet"
        );
        for (kind, rows) in &*TABLE {
            let has = |phase| rows.iter().any(|row| row.phase == phase);
            assert!(has(Phase::Create), "{kind}");
            // What has no row stays as it is when Terraform forgets it.
            assert!(has(Phase::Delete) || LEFT.contains(kind), "{kind}");
        }
    }

    /// Types whose resources Terraform only forgets.
    const LEFT: [&str; 2] = ["aws_default_security_group", "aws_s3_bucket_acl"];
}
