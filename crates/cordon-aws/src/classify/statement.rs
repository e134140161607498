//! Statements inside of parameters: queries, and resource policies.

use super::tree::Tree;

/// Words that a statement which only reads begins with.
const READS: [&str; 8] = [
    "SELECT", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "MATCH", "WITH", "VALUES",
];

/// Words that change something wherever they stand outside of quotes.
const CHANGES: [&str; 19] = [
    "INSERT", "UPDATE", "DELETE", "DROP", "CREATE", "ALTER", "TRUNCATE", "MERGE", "SET", "REMOVE",
    "REPLACE", "GRANT", "REVOKE", "MSCK", "VACUUM", "UNLOAD", "COPY", "INTO", "CALL",
];

/// Steps of Gremlin that change something, or do what a service of the graph does.
const GREMLIN_CHANGES: [&str; 7] = [
    "DROP", "ADDV", "ADDE", "PROPERTY", "MERGEV", "MERGEE", "CALL",
];

/// Whether a query may do more than read. SQL, PartiQL, openCypher and Gremlin are told by their
/// words. Quotes and comments are not looked at: what ends them differs from engine to engine, so
/// that skipping them would let a word hide. A word of change inside of a text therefore counts,
/// and what is not understood counts too.
pub(super) fn writes(statement: &str) -> bool {
    // Cypher and Groovy may write any letter as an escape.
    if statement.contains('\\') {
        return true;
    }
    let upper = statement.to_ascii_uppercase();
    let mut words = upper
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty());
    if upper.trim_start().starts_with("G.") {
        // A closure of Groovy is a program.
        return upper.contains('{') || words.any(|word| GREMLIN_CHANGES.contains(&word));
    }
    let Some(first) = words.next() else {
        return true;
    };
    !READS.contains(&first) || words.any(|word| CHANGES.contains(&word))
}

/// Whether a policy document allows everyone something without naming who, or is not understood in
/// exactly one way. The letter case of its words is looked over: what a service makes of another
/// one than its grammar has is not known.
pub(super) fn is_public(policy: &str) -> bool {
    // An empty one takes a policy away; and a mode or a name is none.
    if !policy.contains('{') && !policy.to_ascii_lowercase().contains("%7b") {
        return false;
    }
    let Some(document) = Tree::json(policy) else {
        return true;
    };
    let mut statements = members(&document, "Statement").flat_map(each);
    statements.any(|statement| {
        let allows = members(statement, "Effect").any(|effect| is(effect, "Allow"));
        let everyone = members(statement, "Principal").any(|principal| match principal {
            Tree::Map(kinds) => kinds.iter().flat_map(|(_, names)| each(names)).any(is_all),
            names => each(names).any(is_all),
        });
        // `NotPrincipal` with `Allow` means everyone but a few.
        allows && (everyone || members(statement, "NotPrincipal").next().is_some())
    })
}

fn members<'t>(tree: &'t Tree, name: &str) -> impl Iterator<Item = &'t Tree> {
    let all = match tree {
        Tree::Map(members) => members.as_slice(),
        _ => &[],
    };
    let named = |(key, _): &&(String, Tree)| key.eq_ignore_ascii_case(name);
    all.iter().filter(named).map(|(_, value)| value)
}

/// The items of an array, or the value itself: policies write one for the other.
fn each(tree: &Tree) -> impl Iterator<Item = &Tree> {
    match tree {
        Tree::List(items) => items.as_slice(),
        other => std::slice::from_ref(other),
    }
    .iter()
}

fn is_all(tree: &Tree) -> bool {
    is(tree, "*")
}

fn is(tree: &Tree, text: &str) -> bool {
    let found = tree.text();
    found.is_some_and(|found| found.trim().eq_ignore_ascii_case(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_public_that_allows_everyone_or_that_nobody_understands() {
        let statement = |members: &str| format!(r#"{{"Statement":[{{{members}}}]}}"#);
        for (policy, expected) in [
            (statement(r#""Effect":"Allow","Principal":"*""#), true),
            (
                statement(r#""Effect":"Allow","Principal":{"AWS":"*"}"#),
                true,
            ),
            (
                statement(r#""Effect":"Allow","Principal":{"AWS":["arn:aws:iam::1:root","*"]}"#),
                true,
            ),
            (
                statement(r#""Effect":"Allow","NotPrincipal":{"AWS":"1"}"#),
                true,
            ),
            (statement(r#""effect":"allow","principal":"*""#), true),
            (statement(r#""Effect":"Deny","Principal":"*""#), false),
            (
                statement(r#""Effect":"Allow","Principal":{"AWS":"111122223333"}"#),
                false,
            ),
            // Which of two a service takes is not known.
            (
                statement(r#""Effect":"Deny","Effect":"Allow","Principal":"*""#),
                true,
            ),
            (
                r#"{"Statement":{"Effect":"Allow","Principal":"*"}}"#.to_owned(),
                true,
            ),
            (
                r#"{"Statement":[{"Effect":"Allow","Principal":"*"}"#.to_owned(),
                true,
            ),
            ("%7B%22Statement%22%3A%5B%5D%7D".to_owned(), true),
            (r#"{"Statement":[]}"#.to_owned(), false),
            (
                r#"{"deadLetterTargetArn":"arn:aws:sqs:eu-west-1:1:q"}"#.to_owned(),
                false,
            ),
            (String::new(), false),
            ("30".to_owned(), false),
        ] {
            assert_eq!(is_public(&policy), expected, "{policy}");
        }
    }

    #[test]
    fn a_query_of_a_graph_reads_by_words_that_do_nothing_else() {
        for (query, expected) in [
            ("g.V().hasLabel('order').properties('state')", false),
            ("MATCH (n:Order) RETURN n", false),
            ("g.V().drop()", true),
            ("g.V().drop ()", true),
            ("g.V().drop/**/()", true),
            ("g.V().\\u0064rop()", true),
            ("g.V().map{it.get().remove()}", true),
            ("g.addV('order')", true),
            ("g.V('1').property('state', 'gone')", true),
            ("x = g.V()", true),
            ("MATCH (n) DETACH DELETE n", true),
            ("MATCH (n) DETACH \\u0044ELETE n", true),
            ("CALL neptune.algo.pageRank()", true),
            ("", true),
        ] {
            assert_eq!(writes(query), expected, "{query}");
        }
    }
}
