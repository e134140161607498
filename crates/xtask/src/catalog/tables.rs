//! Our reviewed tables: tab-separated text with a header line, `#` for comments, and a reason in
//! the last column of every row.

use super::classes::class;
use super::{Fault, reference};
use cordon_aws::call::Class;
use cordon_aws::catalog::layout::{condition, destruction, host_prefix};
use cordon_aws::catalog::{Effect, Test};
use std::collections::BTreeMap;
use std::path::Path;

/// All tables.
pub(super) struct Tables {
    pub hosts: Vec<HostRow>,
    /// IAM prefixes by service.
    pub services: BTreeMap<String, String>,
    pub operations: Vec<OperationRow>,
    pub conditions: Vec<ConditionRow>,
    pub resources: Vec<ResourceRow>,
    /// Access levels by action in lower case.
    pub levels: BTreeMap<String, u8>,
    pub classes: Vec<ClassRow>,
    pub grades: Vec<GradeRow>,
    pub effects: Vec<EffectRow>,
    /// Resource types that hold data, by line.
    pub stateful: Vec<(usize, String)>,
    /// `service:Operation` that hands out credentials.
    pub credentials: Vec<CredentialRow>,
    pub accounts: Vec<AccountRow>,
    /// EC2's id prefixes as one list `i-=instance,...`, longest prefix first.
    pub id_prefixes: String,
}

/// A row of `operations.tsv`.
pub(super) struct OperationRow {
    pub service: String,
    pub operation: String,
    pub actions: String,
}

/// A row of `conditions.tsv`.
pub(super) struct ConditionRow {
    pub service: String,
    pub operation: String,
    pub action: String,
    pub condition: u8,
    pub path: String,
    pub value: String,
}

/// A row of `resources.tsv`.
pub(super) struct ResourceRow {
    pub service: String,
    pub operation: String,
    pub action: String,
    pub kind: String,
    pub names: String,
}

/// A row of `classes.tsv`.
pub(super) struct ClassRow {
    pub line: usize,
    pub name: String,
    pub class: Class,
}

/// A row of `grades.tsv`.
pub(super) struct GradeRow {
    pub line: usize,
    pub service: String,
    pub operation: String,
    pub grade: u8,
}

/// A row of `effects.tsv`.
pub(super) struct EffectRow {
    pub line: usize,
    pub service: String,
    pub operation: String,
    pub path: String,
    pub test: u8,
    pub value: String,
    pub effect: u8,
    pub class: Option<Class>,
}

/// A row of `credentials.tsv`.
pub(super) struct CredentialRow {
    pub line: usize,
    /// `service:Operation`.
    pub name: String,
}

/// A row of `accounts.tsv`.
pub(super) struct AccountRow {
    pub service: String,
    /// `*` for every operation that has the member.
    pub operation: String,
    pub member: String,
}

/// A row of `hosts.tsv`.
pub(super) struct HostRow {
    pub services: String,
    pub host: String,
    pub partitions: String,
    pub form: u8,
    pub prefix_kind: u8,
    pub region: String,
}

impl Tables {
    pub(super) fn read(folder: &Path) -> Result<Self, Fault> {
        let services = rows(folder, "services.tsv", |[service, prefix, _]| {
            Ok((service.to_owned(), prefix.to_owned()))
        })?;
        let levels = rows(folder, "levels.tsv", |[action, level, _]| {
            Ok((action.to_ascii_lowercase(), reference::level(level)?))
        })?;
        let mut prefixes = rows(folder, "id_prefixes.tsv", |[prefix, kind, _]| {
            Ok((prefix.to_owned(), kind.to_owned()))
        })?;
        prefixes.sort_by_key(|(prefix, _)| (std::cmp::Reverse(prefix.len()), prefix.clone()));
        let prefixes: Vec<String> = prefixes
            .iter()
            .map(|(prefix, kind)| format!("{prefix}={kind}"))
            .collect();
        Ok(Self {
            hosts: rows(folder, "hosts.tsv", host_row)?,
            services: services.into_iter().collect(),
            operations: rows(folder, "operations.tsv", operation_row)?,
            conditions: rows(folder, "conditions.tsv", condition_row)?,
            resources: rows(folder, "resources.tsv", resource_row)?,
            levels: levels.into_iter().collect(),
            classes: numbered(folder, "classes.tsv", class_row)?,
            grades: numbered(folder, "grades.tsv", grade_row)?,
            effects: numbered(folder, "effects.tsv", effect_row)?,
            stateful: numbered(folder, "stateful.tsv", |line, [kind, _]| {
                Ok((line, kind.to_owned()))
            })?,
            credentials: numbered(folder, "credentials.tsv", |line, [name, _]| {
                Ok(CredentialRow {
                    line,
                    name: name.to_owned(),
                })
            })?,
            accounts: rows(folder, "accounts.tsv", account_row)?,
            id_prefixes: prefixes.join(","),
        })
    }
}

fn operation_row([service, operation, actions, _]: [&str; 4]) -> Result<OperationRow, Fault> {
    Ok(OperationRow {
        service: service.to_owned(),
        operation: operation.to_owned(),
        actions: actions.to_owned(),
    })
}

fn condition_row(
    [service, operation, action, test, path, value, _]: [&str; 7],
) -> Result<ConditionRow, Fault> {
    Ok(ConditionRow {
        service: service.to_owned(),
        operation: operation.to_owned(),
        action: action.to_owned(),
        condition: match test {
            "present" => condition::PRESENT,
            "absent" => condition::ABSENT,
            "equals" => condition::EQUALS,
            "contains" => condition::CONTAINS,
            "lacks" => condition::LACKS,
            "differs" => condition::DIFFERS,
            "begins" => condition::BEGINS,
            other => return Err(format!("no test `{other}`").into()),
        },
        path: path.to_owned(),
        value: value.to_owned(),
    })
}

fn resource_row(
    [service, operation, action, kind, names, _]: [&str; 6],
) -> Result<ResourceRow, Fault> {
    Ok(ResourceRow {
        service: service.to_owned(),
        operation: operation.to_owned(),
        action: action.to_owned(),
        kind: kind.to_owned(),
        names: names.to_owned(),
    })
}

fn class_row(line: usize, [name, word, _]: [&str; 3]) -> Result<ClassRow, Fault> {
    Ok(ClassRow {
        line,
        name: name.to_owned(),
        class: class(word)?,
    })
}

fn grade_row(line: usize, [service, operation, grade, _]: [&str; 4]) -> Result<GradeRow, Fault> {
    Ok(GradeRow {
        line,
        service: service.to_owned(),
        operation: operation.to_owned(),
        grade: match grade {
            "none" => destruction::NONE,
            "minor" => destruction::MINOR,
            "replaces" => destruction::REPLACES,
            "disrupts" => destruction::DISRUPTS,
            "loss" => destruction::LOSS,
            other => return Err(format!("no grade `{other}`").into()),
        },
    })
}

fn effect_row(
    line: usize,
    [service, operation, path, test, value, effect, word, _]: [&str; 8],
) -> Result<EffectRow, Fault> {
    let number = |place: Option<usize>, what: &str| {
        u8::try_from(place.ok_or_else(|| format!("no {what}"))?).map_err(Fault::from)
    };
    Ok(EffectRow {
        line,
        service: service.to_owned(),
        operation: operation.to_owned(),
        path: path.to_owned(),
        test: number(
            Test::ALL.iter().position(|known| known.as_str() == test),
            test,
        )?,
        value: value.to_owned(),
        effect: number(
            Effect::ALL
                .iter()
                .position(|known| known.as_str() == effect),
            effect,
        )?,
        class: match word {
            "-" => None,
            word => Some(class(word)?),
        },
    })
}

fn account_row([service, operation, member, _]: [&str; 4]) -> Result<AccountRow, Fault> {
    Ok(AccountRow {
        service: service.to_owned(),
        operation: operation.to_owned(),
        member: member.to_owned(),
    })
}

fn host_row(
    [services, host, partitions, form, prefix, region, _]: [&str; 7],
) -> Result<HostRow, Fault> {
    Ok(HostRow {
        services: services.to_owned(),
        host: host.to_owned(),
        partitions: partitions.to_owned(),
        form: match form {
            "standard" => 0,
            "fips" => 1,
            "dual-stack" => 2,
            "fips-dual-stack" => 3,
            other => return Err(format!("no form `{other}`").into()),
        },
        prefix_kind: match prefix {
            "none" => host_prefix::NONE,
            "account" => host_prefix::ACCOUNT,
            "label" => host_prefix::LABEL,
            "bucket" => host_prefix::BUCKET,
            other => return Err(format!("no prefix `{other}`").into()),
        },
        region: region.to_owned(),
    })
}

/// Reads a table whose rows have exactly `N` cells, none without a reason.
fn rows<const N: usize, T>(
    folder: &Path,
    file: &str,
    row: impl Fn([&str; N]) -> Result<T, Fault>,
) -> Result<Vec<T>, Fault> {
    numbered(folder, file, |_, cells| row(cells))
}

/// As [`rows`], for rows that are blamed later and must know their line.
fn numbered<const N: usize, T>(
    folder: &Path,
    file: &str,
    row: impl Fn(usize, [&str; N]) -> Result<T, Fault>,
) -> Result<Vec<T>, Fault> {
    let text =
        std::fs::read_to_string(folder.join(file)).map_err(|error| format!("`{file}`: {error}"))?;
    let mut rows = Vec::new();
    let lines = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.starts_with('#'));
    for (number, line) in lines.skip(1) {
        let cells: Vec<&str> = line.split('\t').collect();
        let count = cells.len();
        let cells = <[&str; N]>::try_from(cells)
            .map_err(|_| format!("{file}:{}: {count} cells, expected {N}", number + 1))?;
        if cells.last().is_none_or(|reason| reason.trim().is_empty()) {
            return Err(format!("{file}:{}: no reason is given", number + 1).into());
        }
        rows.push(
            row(number + 1, cells).map_err(|error| format!("{file}:{}: {error}", number + 1))?,
        );
    }
    Ok(rows)
}
