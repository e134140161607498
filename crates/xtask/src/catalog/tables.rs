//! Our reviewed tables: tab-separated text with a header line, `#` for comments, and a reason in
//! the last column of every row.

use super::Fault;
use cordon_aws::catalog::layout::host_prefix;
use std::path::Path;

/// All tables.
pub(super) struct Tables {
    pub hosts: Vec<HostRow>,
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
        Ok(Self {
            hosts: rows(folder, "hosts.tsv", host_row)?,
        })
    }
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
        rows.push(row(cells).map_err(|error| format!("{file}:{}: {error}", number + 1))?);
    }
    Ok(rows)
}
