//! The service authorization reference: actions, their levels and resource types.

use super::Fault;
use super::models::read_json;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// All of it.
pub(super) struct Reference {
    /// Actions by lower-case `prefix:name`.
    pub actions: BTreeMap<String, ActionEntry>,
    /// ARN formats by `prefix:type`, the type in lower case.
    pub types: BTreeMap<String, TypeEntry>,
}

/// One action.
pub(super) struct ActionEntry {
    /// `s3:GetObject`.
    pub name: String,
    /// The strictest of its levels, a number of [`cordon_aws::call::AccessLevel`].
    pub level: u8,
    /// Resource types by name, and whether the reference marks them as required.
    pub types: Vec<(String, bool)>,
    /// Actions of which the caller may need permission too.
    pub dependents: Vec<String>,
}

/// One resource type.
pub(super) struct TypeEntry {
    /// `lambda:function`.
    pub kind: String,
    /// `arn:${Partition}:lambda:${Region}:${Account}:function:${FunctionName}`.
    pub arn: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WrittenAction {
    name: String,
    access_level: String,
    #[serde(default)]
    resource_types: Vec<WrittenType>,
    #[serde(default)]
    dependent_actions: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WrittenType {
    name: String,
    #[serde(default)]
    required: bool,
    #[serde(default)]
    dependent_actions: Vec<String>,
}

#[derive(Deserialize)]
struct WrittenFormat {
    key: String,
    arn: String,
}

impl Reference {
    /// Reads the package's data folder.
    pub(super) fn read(data: &Path) -> Result<Self, Fault> {
        let mut actions = BTreeMap::new();
        for (prefix, path) in files(&data.join("actions"))? {
            for (_, written) in read_json::<BTreeMap<String, WrittenAction>>(&path)? {
                let name = format!("{prefix}:{}", written.name);
                let mut dependents = written.dependent_actions;
                for resource in &written.resource_types {
                    dependents.extend(resource.dependent_actions.iter().cloned());
                }
                let types = written.resource_types.into_iter();
                let entry = ActionEntry {
                    level: strictest(&written.name, &written.access_level)?,
                    types: types.map(|entry| (entry.name, entry.required)).collect(),
                    dependents,
                    name: name.clone(),
                };
                actions.insert(name.to_ascii_lowercase(), entry);
            }
        }
        let mut types = BTreeMap::new();
        for (prefix, path) in files(&data.join("resourceTypes"))? {
            for (_, written) in read_json::<BTreeMap<String, WrittenFormat>>(&path)? {
                let kind = format!("{prefix}:{}", written.key);
                types.insert(
                    kind.to_ascii_lowercase(),
                    TypeEntry {
                        kind,
                        arn: written.arn,
                    },
                );
            }
        }
        Ok(Self { actions, types })
    }

    /// The action called `name`, letter case aside.
    pub(super) fn action(&self, name: &str) -> Option<&ActionEntry> {
        self.actions.get(&name.to_ascii_lowercase())
    }

    /// The resource type called `kind` (`lambda:function`), letter case aside.
    pub(super) fn resource_type(&self, kind: &str) -> Option<&TypeEntry> {
        self.types.get(&kind.to_ascii_lowercase())
    }
}

/// The number of a level by the reference's name.
pub(super) fn level(name: &str) -> Result<u8, Fault> {
    match name.trim() {
        "List" => Ok(0),
        "Read" => Ok(1),
        "Tagging" => Ok(2),
        "Write" => Ok(3),
        "Permissions management" => Ok(4),
        other => Err(format!("no access level `{other}`").into()),
    }
}

/// The level of an action that may carry several. The reference writes `Tagging, Write` for
/// actions on tags alone, which is the older `Tagging`; of others the strictest counts.
fn strictest(name: &str, levels: &str) -> Result<u8, Fault> {
    let mut strictest = 0;
    for name in levels.split(',') {
        strictest = strictest.max(level(name)?);
    }
    let tags = levels.contains("Tagging") && name.to_ascii_lowercase().contains("tag");
    Ok(if tags { level("Tagging")? } else { strictest })
}

fn files(folder: &Path) -> Result<BTreeMap<String, std::path::PathBuf>, Fault> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let stem = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        files.insert(stem, path);
    }
    Ok(files)
}
