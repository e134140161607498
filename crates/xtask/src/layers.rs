//! `cargo xtask layers`: takes what cargo knows about the workspace, gives the faults in how
//! its crates depend on each other and on the world.
//!
//! The house stands on a few edges not being there: the pure crates reach no runtime, one crate
//! holds the credentials, one the database, and the two planes do not know each other. Nobody
//! sees such an edge appear in a review of a hundred lines, so this chore refuses it.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use serde::Deserialize;

/// Which of our crates each of our crates may use. A crate that is not listed is a fault: a new
/// crate is a new boundary, and is written down here and in ARCHITECTURE.md first.
const EDGES: &[(&str, &[&str])] = &[
    ("cordon-aws", &[]),
    ("cordon-core", &["cordon-aws"]),
    ("cordon-store", &["cordon-aws", "cordon-core"]),
    ("cordon-broker", &["cordon-aws", "cordon-core"]),
    (
        "cordon-proxy",
        &["cordon-aws", "cordon-broker", "cordon-core", "cordon-store"],
    ),
    (
        "cordon-control",
        &["cordon-aws", "cordon-core", "cordon-store"],
    ),
    ("cordon-runner", &["cordon-core"]),
    ("cordon-lab", &["cordon-aws"]),
    ("cordon", ANY),
    ("cordon-tests", ANY),
    ("xtask", &["cordon-aws"]),
];

/// The marker for the crates that wire the others together.
const ANY: &[&str] = &["*"];

/// What every crate may use in its own tests, beside the edges above: a cloud to talk to.
const IN_TESTS: &[&str] = &["cordon-lab"];

/// The crates that take values and give values, and what must not be below them.
const PURE: &[&str] = &["cordon-aws", "cordon-core"];
const IMPURE: &[&str] = &["hyper", "mio", "rustls", "socket2", "tokio"];

/// Crates of the world that only one crate of ours may name.
const EXCLUSIVE: &[(&str, &str)] = &[
    ("aws-config", "cordon-broker"),
    ("aws-sdk-elasticbeanstalk", "cordon"),
    ("aws-sdk-lambda", "cordon"),
    ("aws-sdk-sts", "cordon-broker"),
    ("sqlx", "cordon-store"),
];

/// What is nowhere in the tree: one TLS stack (aws-lc-rs), so that one has to be kept current.
const NOWHERE: &[&str] = &["native-tls", "openssl-sys", "ring"];

/// The longest Rust file. A longer one holds more than one thing.
const MOST_LINES: usize = 900;

/// Runs every check and prints each fault.
pub(crate) fn run() -> Result<ExitCode, Box<dyn Error>> {
    let workspace = Workspace::read()?;
    let mut faults = workspace.edge_faults();
    faults.extend(workspace.exclusive_faults());
    faults.extend(purity_faults()?);
    faults.extend(nowhere_faults()?);
    for member in &workspace.members {
        faults.extend(lint_fault(member)?);
        faults.extend(length_faults(member.folder())?);
    }
    if faults.is_empty() {
        println!("layers: {} crates, as agreed", workspace.members.len());
        return Ok(ExitCode::SUCCESS);
    }
    Err(Box::new(Faults(faults)))
}

/// Everything found wrong, each with what to do about it.
#[derive(Debug)]
struct Faults(Vec<String>);

impl fmt::Display for Faults {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} faults in the layers", self.0.len())?;
        for fault in &self.0 {
            write!(out, "\n  - {fault}")?;
        }
        Ok(())
    }
}

impl Error for Faults {}

/// The part of `cargo metadata` that is read here.
#[derive(Debug, Deserialize)]
struct Workspace {
    #[serde(rename = "packages")]
    members: Vec<Package>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    dependencies: Vec<Declared>,
}

/// A dependency as a manifest declares it.
#[derive(Debug, Deserialize)]
struct Declared {
    name: String,
    kind: Option<Kind>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Build,
    Dev,
}

impl Package {
    fn folder(&self) -> &Path {
        self.manifest_path.parent().unwrap_or(&self.manifest_path)
    }
}

impl Workspace {
    fn read() -> Result<Self, Box<dyn Error>> {
        let answer = cargo(&["metadata", "--format-version", "1", "--no-deps", "--locked"])?;
        Ok(serde_json::from_str(&answer)?)
    }

    fn is_ours(&self, name: &str) -> bool {
        self.members.iter().any(|member| member.name == name)
    }

    /// Our crates use each other only along [`EDGES`].
    fn edge_faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for member in &self.members {
            let Some((_, may_use)) = EDGES.iter().find(|(name, _)| *name == member.name) else {
                faults.push(format!(
                    "`{}` is not in the table of crates: add it to `EDGES` in \
                     crates/xtask/src/layers.rs and to ARCHITECTURE.md",
                    member.name
                ));
                continue;
            };
            let allowed = |dependency: &Declared| {
                let name = dependency.name.as_str();
                *may_use == ANY
                    || may_use.contains(&name)
                    || (dependency.kind == Some(Kind::Dev) && IN_TESTS.contains(&name))
            };
            let ours = |dependency: &&Declared| self.is_ours(&dependency.name);
            for dependency in member.dependencies.iter().filter(ours) {
                if !allowed(dependency) {
                    faults.push(format!(
                        "`{}` must not use `{}`: move what is shared to a crate below both",
                        member.name, dependency.name
                    ));
                }
            }
        }
        faults
    }

    /// What is in [`EXCLUSIVE`] is named by its one owner.
    fn exclusive_faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for member in &self.members {
            for dependency in &member.dependencies {
                let owner = EXCLUSIVE.iter().find(|(name, _)| *name == dependency.name);
                if let Some((name, owner)) = owner
                    && member.name != *owner
                {
                    faults.push(format!(
                        "`{}` must not use `{name}`: only `{owner}` does",
                        member.name
                    ));
                }
            }
        }
        faults
    }
}

/// Nothing of [`IMPURE`] is below a crate of [`PURE`].
fn purity_faults() -> Result<Vec<String>, Box<dyn Error>> {
    let mut faults = Vec::new();
    for name in PURE {
        let tree = Tree::read(&["--package", name, "--edges", "normal"])?;
        let paths = tree.paths_to(IMPURE).into_iter();
        faults.extend(paths.map(|path| format!("a pure crate pulls in a runtime: {path}")));
    }
    Ok(faults)
}

/// Nothing of [`NOWHERE`] is below any crate of ours, in tests either.
fn nowhere_faults() -> Result<Vec<String>, Box<dyn Error>> {
    let tree = Tree::read(&["--workspace", "--edges", "normal,build,dev"])?;
    let paths = tree.paths_to(NOWHERE).into_iter();
    Ok(paths
        .map(|path| format!("the last of these must not be in the tree: {path}"))
        .collect())
}

/// The crates below some of ours, depth first: how deep, and which.
///
/// It is read from `cargo tree` and not from `cargo metadata`, because only the former leaves
/// out what a feature like `ring?/std` mentions without turning it on.
struct Tree(Vec<(usize, String)>);

impl Tree {
    fn read(which: &[&str]) -> Result<Self, Box<dyn Error>> {
        let shape = [
            "--locked", "--target", "all", "--prefix", "depth", "--format", " {p}",
        ];
        let answer = cargo(&[&["tree"], which, &shape].concat())?;
        Self::parse(&answer)
    }

    /// Reads lines like `2 bytes v1.2.3 (*)`; an empty line stands between two crates of ours.
    fn parse(text: &str) -> Result<Self, Box<dyn Error>> {
        let mut crates = Vec::new();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let mut words = line.split_whitespace();
            let depth = words.next().and_then(|depth| depth.parse().ok());
            let (Some(depth), Some(name)) = (depth, words.next()) else {
                return Err(format!("`cargo tree` said `{line}`, which is no crate").into());
            };
            crates.push((depth, name.to_owned()));
        }
        Ok(Self(crates))
    }

    /// One way to each crate with one of the `names`, written `a` → `b` → `c`.
    fn paths_to(&self, names: &[&str]) -> Vec<String> {
        let mut way: Vec<&str> = Vec::new();
        let mut found = BTreeMap::new();
        for (depth, name) in &self.0 {
            way.truncate(*depth);
            way.push(name);
            if names.contains(&name.as_str()) {
                found
                    .entry(name)
                    .or_insert_with(|| format!("`{}`", way.join("` → `")));
            }
        }
        found.into_values().collect()
    }
}

/// What cargo answers, run at the root of the repository.
fn cargo(arguments: &[&str]) -> Result<String, Box<dyn Error>> {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let answer = Command::new(program)
        .args(arguments)
        .current_dir(crate::repository())
        .output()?;
    if !answer.status.success() {
        let said = String::from_utf8_lossy(&answer.stderr);
        return Err(format!("`cargo {}` failed: {}", arguments.join(" "), said.trim()).into());
    }
    Ok(String::from_utf8(answer.stdout)?)
}

/// Every crate lives under the workspace's lints: the panic set holds only where it is asked for.
fn lint_fault(member: &Package) -> Result<Option<String>, Box<dyn Error>> {
    let manifest: toml::Table = std::fs::read_to_string(&member.manifest_path)?.parse()?;
    let inherited = manifest
        .get("lints")
        .and_then(|lints| lints.get("workspace"));
    let inherits = inherited.and_then(toml::Value::as_bool) == Some(true);
    Ok((!inherits).then(|| {
        format!(
            "`{}` is outside the lints: write `[lints]` with `workspace = true`",
            member.name
        )
    }))
}

/// No Rust file is longer than [`MOST_LINES`].
fn length_faults(folder: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let mut faults = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default();
        if path.is_dir() && name != "target" && name != "node_modules" {
            faults.extend(length_faults(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let lines = std::fs::read_to_string(&path)?.lines().count();
            if lines > MOST_LINES {
                faults.push(format!(
                    "{} has {lines} lines, {MOST_LINES} at most: split it by what it holds",
                    path.display()
                ));
            }
        }
    }
    Ok(faults)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::*;

    /// What a crate uses, and for what: `dev`, `build`, or nothing for what it ships with.
    type Uses<'a> = &'a [(&'a str, Option<&'a str>)];

    /// A workspace of the given crates, each with what it declares.
    fn workspace(members: &[(&str, Uses<'_>)]) -> Workspace {
        let packages = members.iter().map(|(name, uses)| {
            let declared = uses
                .iter()
                .map(|(name, kind)| json!({"name": name, "kind": kind}));
            let declared: Vec<_> = declared.collect();
            json!({"name": name, "manifest_path": "/w/Cargo.toml", "dependencies": declared})
        });
        let packages: Vec<_> = packages.collect();
        serde_json::from_value(json!({ "packages": packages })).unwrap()
    }

    #[test]
    fn the_planes_do_not_know_each_other() {
        let house = workspace(&[
            ("cordon-control", &[]),
            ("cordon-proxy", &[("cordon-control", None)]),
        ]);
        let faults = house.edge_faults();
        assert_eq!(faults.len(), 1);
        assert!(
            faults
                .concat()
                .contains("`cordon-proxy` must not use `cordon-control`")
        );
    }

    #[test]
    fn an_edge_that_points_down_is_fine() {
        let house = workspace(&[
            ("cordon-aws", &[]),
            ("cordon-core", &[("cordon-aws", None)]),
        ]);
        assert_eq!(house.edge_faults(), Vec::<String>::new());
    }

    #[test]
    fn the_lab_is_for_tests_alone() {
        let lab = ("cordon-lab", &[] as &[_]);
        let tested = workspace(&[lab, ("cordon-broker", &[("cordon-lab", Some("dev"))])]);
        assert_eq!(tested.edge_faults(), Vec::<String>::new());
        let shipped = workspace(&[lab, ("cordon-broker", &[("cordon-lab", None)])]);
        assert_eq!(shipped.edge_faults().len(), 1);
    }

    #[test]
    fn a_crate_outside_the_table_is_a_fault() {
        let house = workspace(&[("cordon-extra", &[])]);
        assert!(
            house
                .edge_faults()
                .concat()
                .contains("`cordon-extra` is not in the table")
        );
    }

    #[test]
    fn only_the_broker_names_the_token_service() {
        let uses: &[_] = &[("aws-sdk-sts", None)];
        assert_eq!(
            workspace(&[("cordon-broker", uses)])
                .exclusive_faults()
                .len(),
            0
        );
        assert_eq!(
            workspace(&[("cordon-proxy", uses)])
                .exclusive_faults()
                .len(),
            1
        );
    }

    #[test]
    fn a_crate_far_below_is_found_once_with_its_way() {
        let tree = "0 cordon-core v0.1.0 (/w)\n1 cedar-policy v4.14.1\n2 helper v1.0.0\n\
                    3 tokio v1.54.1\n1 serde v1.0.0\n\n0 cordon-aws v0.1.0 (/w)\n1 tokio v1.54.1 (*)\n";
        let paths = Tree::parse(tree).unwrap().paths_to(&["tokio"]);
        assert_eq!(
            paths,
            ["`cordon-core` → `cedar-policy` → `helper` → `tokio`"]
        );
    }

    #[test]
    fn a_crate_whose_name_only_begins_alike_is_not_found() {
        let tree = Tree::parse("0 cordon-aws v0.1.0 (/w)\n1 tokio-helper v1.0.0\n").unwrap();
        assert_eq!(tree.paths_to(&["tokio"]), Vec::<String>::new());
    }

    #[test]
    fn an_answer_that_is_no_tree_is_an_error() {
        assert!(Tree::parse("├── bytes v1.2.3").is_err());
    }
}
