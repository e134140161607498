//! The policy bundle: the folder that is configured, or the baseline that is built in.

use crate::config::{Config, EnvironmentRule};
use crate::failure::{Failure, USAGE};
use cordon_aws::catalog::Catalog;
use cordon_core::action::Actions;
use cordon_core::control::ControlPolicies;
use cordon_core::policy::{BundleFile, Policies};
use include_dir::{Dir, include_dir};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, LazyLock};

static BASELINE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../policies");

/// The name of the built-in bundle in messages.
const BASELINE_NAME: &str = "(built in)";

/// The largest file of a bundle that is read, in bytes.
const LARGEST: u64 = 4 << 20;

/// The actions of the catalog, read once.
pub(crate) static ACTIONS: LazyLock<Arc<Actions>> =
    LazyLock::new(|| Arc::new(Actions::of(Catalog::embedded())));

/// The folder within a bundle's that says who may decide, stop and change the posture.
const CONTROL: &str = "control";

/// A bundle's files and the folder's name for messages.
#[derive(Debug, Clone)]
pub(crate) struct Bundle {
    pub(crate) folder: String,
    pub(crate) files: Vec<BundleFile>,
    /// Those of its folder `control`; those that are built in where it has none.
    pub(crate) control: Vec<BundleFile>,
}

impl Bundle {
    /// The bundle that `config` names, with the configuration's own environment rules, which
    /// replace the bundle's map.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub(crate) fn of(config: &Config) -> Result<Self, Failure> {
        let mut bundle = match &config.policies {
            Some(folder) => Self::read(folder)?,
            None => Self::baseline(),
        };
        if !config.environments.is_empty() {
            bundle.files.retain(|file| file.name != "environments.toml");
            let text = environments(&config.environments);
            bundle.files.push(BundleFile {
                name: "environments.toml".to_owned(),
                text,
            });
        }
        Ok(bundle)
    }

    /// The bundle that is built in.
    pub(crate) fn baseline() -> Self {
        Self {
            folder: BASELINE_NAME.to_owned(),
            files: embedded(&BASELINE),
            control: BASELINE.get_dir(CONTROL).map(embedded).unwrap_or_default(),
        }
    }

    /// The files of a folder, and of the one below it for the control plane; other folders and
    /// hidden files are no part of a bundle.
    ///
    /// # Errors
    /// When the folder or a file cannot be read.
    pub(crate) fn read(folder: &Path) -> Result<Self, Failure> {
        let control = folder.join(CONTROL);
        Ok(Self {
            folder: folder.display().to_string(),
            files: files_of(folder)?,
            control: match control.is_dir() {
                true => files_of(&control)?,
                false => Self::baseline().control,
            },
        })
    }

    /// Validates the policies of the control plane.
    ///
    /// # Errors
    /// Every finding.
    pub(crate) fn load_control(&self) -> Result<ControlPolicies, Failure> {
        let folder = format!("{}/{CONTROL}", self.folder.trim_end_matches('/'));
        ControlPolicies::load(&folder, &self.control).map_err(|faults| {
            Failure::new(format!(
                "the policies of the control plane do not validate\n{faults}"
            ))
            .help("correct these places, or take the folder away to use those that are built in")
            .code(USAGE)
        })
    }

    /// Validates the bundle.
    ///
    /// # Errors
    /// Every finding.
    pub(crate) fn load(&self) -> Result<Policies, Failure> {
        Policies::load(&self.folder, &self.files, Arc::clone(&ACTIONS)).map_err(|faults| {
            Failure::new(format!("the policy bundle does not validate\n{faults}")).help(
                "correct these places; the last good bundle stays in force where one is served",
            )
        })
    }
}

/// The files of a folder that is built in.
fn embedded(folder: &Dir<'_>) -> Vec<BundleFile> {
    let file = |file: &include_dir::File<'_>| {
        Some(BundleFile {
            name: file.path().file_name()?.to_str()?.to_owned(),
            text: file.contents_utf8()?.to_owned(),
        })
    };
    folder.files().filter_map(file).collect()
}

fn files_of(folder: &Path) -> Result<Vec<BundleFile>, Failure> {
    let unreadable = |what: &Path, error: &std::io::Error| {
        Failure::because(format!("`{}` could not be read", what.display()), error)
            .help("name a policy bundle's folder; `policies/` of the source tree is one")
            .code(USAGE)
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| unreadable(folder, &error))? {
        let path = entry.map_err(|error| unreadable(folder, &error))?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let details = path.metadata().map_err(|error| unreadable(&path, &error))?;
        if details.is_dir() || name.starts_with('.') {
            continue;
        }
        if details.len() > LARGEST {
            return Err(Failure::new(format!(
                "`{}` is larger than a policy file may be",
                path.display()
            ))
            .code(USAGE));
        }
        let text = std::fs::read_to_string(&path).map_err(|error| unreadable(&path, &error))?;
        files.push(BundleFile { name, text });
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

/// The environment map that the configuration's rules write.
fn environments(rules: &[EnvironmentRule]) -> String {
    let mut text = String::from("schema = \"cordon.environments/v1\"\n[environment.prod]\n");
    let mut named = vec!["prod"];
    for rule in rules.iter().filter(|rule| rule.name.as_str() != "prod") {
        if named.contains(&rule.name.as_str()) {
            continue;
        }
        named.push(rule.name.as_str());
        let within = if rule.production {
            "in = [\"prod\"]\n"
        } else {
            ""
        };
        let _ = write!(text, "[environment.{}]\n{within}", rule.name);
    }
    for rule in rules {
        let _ = writeln!(text, "[[rule]]\nenvironment = \"{}\"", rule.name);
        for (key, values) in [
            ("accounts", &rule.accounts),
            ("regions", &rule.regions),
            ("arns", &rule.arns),
        ] {
            if !values.is_empty() {
                let list = toml::Value::from(values.clone());
                let _ = writeln!(text, "{key} = {list}");
            }
        }
    }
    text
}
