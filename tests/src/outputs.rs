//! What commands write for programs, held to the published schemas.
//!
//! Takes the arguments of a command and what it wrote; every line is one object of the schema that
//! `docs/outputs.md` names for the command. Every run of the program in every story comes by here.

use std::path::Path;
use std::sync::LazyLock;

use boon::{Compiler, Schemas};
use serde_json::Value;

/// Commands, and the schema of what each writes.
static TABLE: LazyLock<Vec<(Vec<&str>, &str)>> = LazyLock::new(|| {
    let text = include_str!("../../docs/outputs.md");
    let rows = text.lines().filter_map(|line| {
        let (command, schema) = line.strip_prefix("| `cordon ")?.split_once("` | ")?;
        Some((
            command.split(' ').collect(),
            schema.trim_end_matches(['|', ' ']),
        ))
    });
    rows.collect()
});

/// Commands that write JSON Lines always.
const ALWAYS: [&str; 2] = ["classify", "decide"];

/// Every command of the table, as it is typed.
pub fn commands() -> impl Iterator<Item = String> {
    TABLE.iter().map(|(words, _)| words.join(" "))
}

/// The command that arguments are of, as it is typed; nothing where it does not write for programs.
#[must_use]
pub fn command(arguments: &[&str]) -> Option<String> {
    let asked = arguments.windows(2).any(|two| two == ["--format", "json"]);
    let always = arguments.first().is_some_and(|word| ALWAYS.contains(word));
    let (words, _) = (asked || always).then(|| row(arguments)).flatten()?;
    Some(words.join(" "))
}

fn row(arguments: &[&str]) -> Option<&'static (Vec<&'static str>, &'static str)> {
    TABLE.iter().find(|(words, _)| arguments.starts_with(words))
}

/// Holds what a command wrote to its schema.
///
/// # Panics
/// When it does not meet it, and when there is none.
pub fn check(arguments: &[&str], out: &str) {
    let Some(command) = command(arguments) else {
        let json = arguments.windows(2).any(|two| two == ["--format", "json"]);
        assert!(!json, "docs/outputs.md names no schema for {arguments:?}");
        return;
    };
    let (_, schema) = row(arguments).expect("it was found");
    // What a command that was run says goes before.
    let before = match arguments.contains(&"--") {
        true => out.lines().count().saturating_sub(1),
        false => 0,
    };
    for line in out.lines().skip(before) {
        let value: Value = serde_json::from_str(line)
            .unwrap_or_else(|error| panic!("cordon {command}: {error}: {line}"));
        if let Err(error) = meets(schema, &value) {
            panic!("cordon {command}: {error}: {line}");
        }
    }
}

/// Whether a value is what a published schema says.
///
/// # Errors
/// Where it is not.
pub fn meets(schema: &str, value: &Value) -> Result<(), String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/cordon/schemas");
    let location = folder.join(schema).display().to_string();
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    let compiled = compiler
        .compile(&location, &mut schemas)
        .unwrap_or_else(|error| panic!("{schema}: {error}"));
    let valid = schemas.validate(value, compiled);
    valid.map_err(|error| error.to_string())
}
