//! Statements inside of parameters: queries, and resource policies.

use jiter::JsonValue;

/// Words that a statement which only reads begins with.
const READS: [&str; 8] = [
    "SELECT", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "MATCH", "WITH", "VALUES",
];

/// Words that change something wherever they stand outside of quotes.
const CHANGES: [&str; 19] = [
    "INSERT", "UPDATE", "DELETE", "DROP", "CREATE", "ALTER", "TRUNCATE", "MERGE", "SET", "REMOVE",
    "REPLACE", "GRANT", "REVOKE", "MSCK", "VACUUM", "UNLOAD", "COPY", "INTO", "CALL",
];

/// Steps of Gremlin that change something.
const GREMLIN_CHANGES: [&str; 6] = ["drop(", "addv(", "adde(", "property(", "mergev(", "mergee("];

/// Whether a query may do more than read. SQL, PartiQL, openCypher and Gremlin are told by their
/// words. Quotes and comments are not looked at: what ends them differs from engine to engine, so
/// that skipping them would let a word hide. A word of change inside of a text therefore counts,
/// and what is not understood counts too.
pub(super) fn writes(statement: &str) -> bool {
    let lower = statement.to_ascii_lowercase();
    if lower.trim_start().starts_with("g.") {
        return GREMLIN_CHANGES.iter().any(|step| lower.contains(step));
    }
    let upper = statement.to_ascii_uppercase();
    let mut words = upper
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty());
    let Some(first) = words.next() else {
        return true;
    };
    !READS.contains(&first) || words.any(|word| CHANGES.contains(&word))
}

/// Whether a policy document allows everyone something without naming who.
pub(super) fn is_public(policy: &str) -> bool {
    let Ok(document) = JsonValue::parse(policy.as_bytes(), false) else {
        return false;
    };
    let Some(statements) = member(&document, "Statement") else {
        return false;
    };
    each(statements).any(|statement| {
        let allows = member(statement, "Effect").is_some_and(|effect| is(effect, "Allow"));
        let principal = member(statement, "Principal");
        let everyone = principal.is_some_and(|principal| match principal {
            JsonValue::Object(kinds) => kinds
                .iter()
                .any(|(_, names)| each(names).any(|name| is(name, "*"))),
            name => is(name, "*"),
        });
        // `NotPrincipal` with `Allow` means everyone but a few.
        allows && (everyone || member(statement, "NotPrincipal").is_some())
    })
}

fn member<'j, 'd>(value: &'j JsonValue<'d>, name: &str) -> Option<&'j JsonValue<'d>> {
    match value {
        JsonValue::Object(members) => members
            .iter()
            .find(|(key, _)| key.as_ref() == name)
            .map(|(_, value)| value),
        _ => None,
    }
}

/// The items of an array, or the value itself: policies write one for the other.
fn each<'j, 'd>(value: &'j JsonValue<'d>) -> impl Iterator<Item = &'j JsonValue<'d>> {
    match value {
        JsonValue::Array(items) => items.as_slice(),
        other => std::slice::from_ref(other),
    }
    .iter()
}

fn is(value: &JsonValue<'_>, text: &str) -> bool {
    matches!(value, JsonValue::Str(found) if found == text)
}
