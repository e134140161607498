//! SQL and PartiQL inside of parameters.
//!
//! Takes a statement; gives whether it reads, changes, or destroys. Which engine will read it is
//! not in the request (a data API serves MySQL and PostgreSQL), and what ends a quote or a comment
//! differs from engine to engine. So each dialect reads it: at least one must understand the
//! whole, and the worst of what any of them sees counts. What none understands is opaque, and
//! counts as destroying.
//!
//! Most statements are plain: nothing in them ends a quote or a comment in one engine alone, and
//! their first word tells what they are in every engine. The first dialect that understands such a
//! one says what all would.

use sqlparser::ast::Statement;
use sqlparser::dialect::{Dialect, GenericDialect, HiveDialect, MySqlDialect, PostgreSqlDialect};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

/// What a statement does, least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sql {
    /// Reads.
    Reads,
    /// Adds or changes.
    Changes,
    /// Removes, or does what is not understood.
    Destroys,
}

/// Longer statements, and such of more words, are not read: each word may be a level of depth.
const LONGEST: usize = 64 * 1024;
const MOST_TOKENS: usize = 4_000;
const DEEPEST: usize = 24;

/// Words that remove something wherever they stand outside of quotes.
const DESTROYS: [&str; 17] = [
    "DELETE",
    "DROP",
    "TRUNCATE",
    "PURGE",
    "OVERWRITE",
    "MERGE",
    "REMOVE",
    "REPLACE",
    "VACUUM",
    "MSCK",
    "UNLOAD",
    "COPY",
    "CALL",
    "EXEC",
    "EXECUTE",
    "GRANT",
    "REVOKE",
];

/// Words that change something wherever they stand outside of quotes.
const CHANGES: [&str; 7] = [
    "INSERT", "UPDATE", "CREATE", "ALTER", "INTO", "SET", "UPSERT",
];

/// What may stand before a bracket in a mere read: words of the grammar, and functions that every
/// engine has and that change nothing. Other functions may do anything.
const HARMLESS: &[&str] = &[
    "ABS",
    "ALL",
    "AND",
    "ANY",
    "APPROX_DISTINCT",
    "ARRAY",
    "ARRAY_AGG",
    "AS",
    "ATTRIBUTE_TYPE",
    "AVG",
    "BEGINS_WITH",
    "BETWEEN",
    "BIN",
    "BOOL_AND",
    "BOOL_OR",
    "BY",
    "CARDINALITY",
    "CAST",
    "CEIL",
    "CEILING",
    "CHAR",
    "CHAR_LENGTH",
    "CHECK",
    "COALESCE",
    "CONCAT",
    "CONCAT_WS",
    "CONTAINS",
    "COUNT",
    "CUME_DIST",
    "DATE",
    "DATEDIFF",
    "DATE_ADD",
    "DATE_DIFF",
    "DATE_FORMAT",
    "DATE_PARSE",
    "DATE_PART",
    "DATE_SUB",
    "DATE_TRUNC",
    "DAY",
    "DECIMAL",
    "DENSE_RANK",
    "DISTINCT",
    "ELSE",
    "EXCEPT",
    "EXISTS",
    "EXP",
    "EXTRACT",
    "FILTER",
    "FIRST_VALUE",
    "FLOOR",
    "FROM",
    "FROM_UNIXTIME",
    "GREATEST",
    "GROUPING",
    "GROUP_CONCAT",
    "HAVING",
    "HOUR",
    "IF",
    "IFNULL",
    "IN",
    "INTERSECT",
    "INTERVAL",
    "ISNULL",
    "JOIN",
    "JSON_AGG",
    "JSON_EXTRACT",
    "JSON_EXTRACT_SCALAR",
    "KEY",
    "LAG",
    "LAST_VALUE",
    "LATERAL",
    "LEAD",
    "LEAST",
    "LEFT",
    "LENGTH",
    "LIKE",
    "LIMIT",
    "LISTAGG",
    "LN",
    "LOG",
    "LOWER",
    "LPAD",
    "LTRIM",
    "MAX",
    "MEDIAN",
    "MIN",
    "MINUTE",
    "MISSING",
    "MOD",
    "MONTH",
    "NOT",
    "NOW",
    "NTILE",
    "NULLIF",
    "NUMERIC",
    "NVL",
    "ON",
    "OR",
    "OVER",
    "PARTITION",
    "PERCENTILE_CONT",
    "POSITION",
    "POW",
    "POWER",
    "QUARTER",
    "RANK",
    "REGEXP_EXTRACT",
    "REGEXP_LIKE",
    "REVERSE",
    "RIGHT",
    "ROUND",
    "ROW",
    "ROW_NUMBER",
    "RPAD",
    "RTRIM",
    "SECOND",
    "SELECT",
    "SHOW",
    "SIGN",
    "SIZE",
    "SOME",
    "SPLIT",
    "SPLIT_PART",
    "SQRT",
    "STDDEV",
    "STRING_AGG",
    "STRPOS",
    "SUBSTR",
    "SUBSTRING",
    "SUM",
    "THEN",
    "TIME",
    "TIMESTAMP",
    "TO_CHAR",
    "TO_DATE",
    "TO_TIMESTAMP",
    "TRIM",
    "TRUNC",
    "UNION",
    "UNIQUE",
    "UNNEST",
    "UPPER",
    "USING",
    "VALUE",
    "VALUES",
    "VARCHAR",
    "VARIANCE",
    "WEEK",
    "WHEN",
    "WHERE",
    "WITHIN",
    "YEAR",
];

/// What the statements in `text` do, the worst of them.
pub(super) fn read(text: &str) -> Sql {
    // MySQL carries out what stands in a comment of this form.
    if text.len() > LONGEST || text.contains("/*!") {
        return Sql::Destroys;
    }
    read_by(is_plain(text), text)
}

/// What the dialects see: up to the first that understands the whole where they see `alike`.
fn read_by(alike: bool, text: &str) -> Sql {
    let mut understood = None;
    let mut worst = Sql::Reads;
    for dialect in DIALECTS {
        let Ok(tokens) = Tokenizer::new(dialect, text).tokenize_with_location() else {
            return Sql::Destroys;
        };
        if tokens.len() > MOST_TOKENS {
            return Sql::Destroys;
        }
        worst = worst.max(words(&tokens));
        understood = understood.max(parse(dialect, tokens, text));
        if alike && understood.is_some() {
            break;
        }
    }
    understood.map_or(Sql::Destroys, |understood| understood.max(worst))
}

/// Every dialect that some service's engine speaks, or comes near.
const DIALECTS: [&dyn Dialect; 4] = [
    &GenericDialect {},
    &PostgreSqlDialect {},
    &MySqlDialect {},
    &HiveDialect {},
];

/// Whether all dialects cut the statement into the same words, and its first word tells what it
/// is. Engines differ in escapes (`\\`), comments (`#`, `--`, `/*`), quotes of their own (`` ` ``,
/// `$$`, `[`), a letter before a quote (`E'`, `q'`), and a number with letters (`0x`, `1day`).
fn is_plain(text: &str) -> bool {
    let begins = text.split(' ').next().unwrap_or_default();
    let known = ["SELECT", "INSERT", "UPDATE", "DELETE"];
    if !known.iter().any(|word| word.eq_ignore_ascii_case(begins)) {
        return false;
    }
    let mut quote = None;
    let mut before = b' ';
    let mut in_number = false;
    for byte in text.bytes() {
        let plain = match (quote, byte) {
            (_, b'\\') => false,
            (Some(open), _) => {
                quote = (byte != open).then_some(open);
                true
            }
            (None, b'\'' | b'"') => {
                quote = Some(byte);
                !is_of_word(before)
            }
            (None, b'-') => before != b'-',
            (None, _) if is_of_word(byte) => {
                in_number &= is_of_word(before);
                in_number |= byte.is_ascii_digit() && !is_of_word(before);
                byte.is_ascii_digit() || !in_number
            }
            (None, _) => b" \n.,()=<>*?:".contains(&byte),
        };
        if !plain {
            return false;
        }
        before = byte;
    }
    true
}

fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// What one dialect makes of the whole; nothing if it does not understand it.
fn parse(dialect: &dyn Dialect, tokens: Vec<TokenWithSpan>, text: &str) -> Option<Sql> {
    let parser = || Parser::new(dialect).with_recursion_limit(DEEPEST);
    let mut whole = parser().with_tokens_with_locations(tokens);
    match whole.parse_statements() {
        Ok(statements) => statements.iter().map(kind).max(),
        Err(_) => partiql_insert(parser().try_with_sql(text).ok()?).ok(),
    }
}

fn kind(statement: &Statement) -> Sql {
    match statement {
        Statement::Query(_)
        | Statement::Explain { .. }
        | Statement::ExplainTable { .. }
        | Statement::ShowTables { .. }
        | Statement::ShowColumns { .. }
        | Statement::ShowDatabases { .. }
        | Statement::ShowSchemas { .. }
        | Statement::ShowViews { .. }
        | Statement::ShowCreate { .. }
        | Statement::ShowVariables { .. }
        | Statement::ShowVariable { .. } => Sql::Reads,
        Statement::Insert(_)
        | Statement::Update(_)
        | Statement::CreateTable(_)
        | Statement::CreateView(_)
        | Statement::CreateIndex(_)
        | Statement::CreateSchema { .. }
        | Statement::CreateDatabase { .. }
        | Statement::AlterTable(_)
        | Statement::StartTransaction { .. }
        | Statement::Commit { .. }
        | Statement::Analyze(_) => Sql::Changes,
        _ => Sql::Destroys,
    }
}

/// `INSERT INTO "table" VALUE {...}`, which is PartiQL alone.
fn partiql_insert(mut parser: Parser<'_>) -> Result<Sql, ParserError> {
    parser.expect_keywords(&[Keyword::INSERT, Keyword::INTO])?;
    parser.parse_object_name(false)?;
    parser.expect_keyword_is(Keyword::VALUE)?;
    parser.parse_expr()?;
    match parser.peek_token().token {
        Token::EOF => Ok(Sql::Changes),
        _ => Err(ParserError::ParserError("more follows".to_owned())),
    }
}

/// What the words outside of quotes say, wherever they stand.
fn words(tokens: &[TokenWithSpan]) -> Sql {
    let mut worst = Sql::Reads;
    let mut before = None;
    // The list of columns after the name of a table looks like a call of a function.
    let mut columns = false;
    for token in tokens {
        match &token.token {
            Token::Whitespace(_) => {}
            Token::Word(word) => {
                let upper = word.value.to_ascii_uppercase();
                if word.quote_style.is_none() {
                    worst = worst.max(weight(&upper));
                    columns = match upper.as_str() {
                        "INTO" | "TABLE" | "REFERENCES" | "ON" => true,
                        "SELECT" | "SET" | "VALUES" | "WHERE" => false,
                        _ => columns,
                    };
                }
                before = Some(upper);
            }
            Token::LParen => {
                let called = before.take();
                let harmless = |word: String| HARMLESS.binary_search(&&*word).is_ok();
                if !called.is_none_or(harmless) && !std::mem::take(&mut columns) {
                    worst = Sql::Destroys;
                }
            }
            _ => before = None,
        }
    }
    worst
}

fn weight(word: &str) -> Sql {
    match word {
        word if DESTROYS.contains(&word) => Sql::Destroys,
        word if CHANGES.contains(&word) => Sql::Changes,
        _ => Sql::Reads,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn statements_are_told_apart() {
        for (text, expected) in [
            (
                "SELECT id, count(*) FROM orders WHERE state = 'delete' GROUP BY id",
                Sql::Reads,
            ),
            (
                "select * from \"orders\".\"by-day\" where pk = ?",
                Sql::Reads,
            ),
            (
                "SELECT * FROM orders WHERE begins_with(\"pk\", 'a')",
                Sql::Reads,
            ),
            ("EXPLAIN SELECT 1", Sql::Reads),
            ("SHOW TABLES", Sql::Reads),
            (
                "INSERT INTO orders (id, note) VALUES (1, 'drop it')",
                Sql::Changes,
            ),
            (
                "INSERT INTO \"orders\" VALUE {'pk': 'a', 'n': 1}",
                Sql::Changes,
            ),
            ("UPDATE orders SET state = 'x' WHERE id = 1", Sql::Changes),
            ("CREATE TABLE t (id int)", Sql::Changes),
            ("DELETE FROM orders", Sql::Destroys),
            ("DROP TABLE orders", Sql::Destroys),
            ("TRUNCATE orders", Sql::Destroys),
            ("SELECT 1; DROP TABLE orders", Sql::Destroys),
            (
                "WITH gone AS (DELETE FROM orders RETURNING *) SELECT * FROM gone",
                Sql::Destroys,
            ),
            ("EXPLAIN ANALYZE DELETE FROM orders", Sql::Destroys),
            (
                "INSERT OVERWRITE TABLE orders SELECT * FROM other",
                Sql::Destroys,
            ),
            ("ALTER TABLE orders DROP COLUMN id", Sql::Destroys),
            ("ALTER TABLE orders ADD COLUMN note text", Sql::Changes),
            ("SELECT lo_unlink(1)", Sql::Destroys),
            ("INSERT INTO t SELECT dblink_exec('x')", Sql::Destroys),
            ("SELECT 1 /*!50000 INTO OUTFILE 'x' */", Sql::Destroys),
            ("whatever this is", Sql::Destroys),
            ("", Sql::Destroys),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn what_one_engine_reads_as_text_and_another_does_not_is_no_hiding_place() {
        for text in [
            r"SELECT 'a\'' ; DELETE FROM t -- '",
            r"SELECT 'a\' ; DELETE FROM t -- '",
            "SELECT 1 # ' \n ; DELETE FROM t -- '",
            "SELECT $$ ' $$ ; DELETE FROM t -- '",
        ] {
            assert_eq!(read(text), Sql::Destroys, "{text}");
        }
    }

    #[test]
    fn depth_and_length_are_bounded() {
        let small_stack = std::thread::Builder::new().stack_size(2 << 20);
        let thread = small_stack.spawn(|| {
            for text in [
                format!("SELECT {}1{}", "(".repeat(1_900), ")".repeat(1_900)),
                format!("SELECT {}1", "1+".repeat(1_900)),
                format!("SELECT {}1", "NOT ".repeat(1_900)),
                format!("SELECT {}1", "-".repeat(30_000)),
                format!("SELECT 1{}", " UNION SELECT 1".repeat(900)),
                "SELECT ".repeat(100_000),
            ] {
                read(&text);
            }
        });
        thread.unwrap().join().unwrap();
    }

    proptest! {
        /// Bits of statements, some of which only one engine takes for quotes, comments or words.
        #[test]
        fn a_plain_statement_is_what_every_dialect_says(
            first in prop::sample::select(vec!["SELECT", "insert", "UPDATE", "DELETE"]),
            bits in prop::collection::vec(prop::sample::select(BITS.to_vec()), 0..12),
        ) {
            let text = format!("{first} {}", bits.concat());
            prop_assert_eq!(read(&text), read_by(false, &text), "{}", text);
        }
    }

    const BITS: [&str; 58] = [
        " ",
        " ",
        " ",
        " ",
        " ",
        " ",
        "\n",
        "'",
        "'",
        "\"",
        "\"",
        "''",
        "`",
        "\\",
        "#",
        "-",
        "--",
        "/*",
        "*/",
        "$$",
        "[",
        "]",
        "(",
        ")",
        "=",
        "?",
        ":",
        ".",
        ",",
        ";",
        "E",
        "q",
        "1",
        "0x",
        "_utf8",
        "a",
        "orders",
        "*",
        "FROM ",
        " WHERE ",
        "SELECT ",
        "DELETE ",
        " DELETE FROM ",
        "INTO ",
        " VALUES ",
        " VALUE ",
        " SET ",
        " AND ",
        "DROP TABLE ",
        "'a'",
        "\"pk\"",
        "a = 'b'",
        "* FROM orders",
        "FROM \"orders\" WHERE pk = ?",
        "INTO t VALUES (1)",
        "orders SET a = 1",
        "count(",
        "lo_unlink(",
    ];

    #[test]
    fn what_most_clients_send_is_plain() {
        for text in [
            "SELECT * FROM \"orders\" WHERE pk = 'a-b#c'",
            "DELETE FROM \"orders\" WHERE pk = ? AND sk = -1",
            "update orders set note = 'it''s' where id = :id",
        ] {
            assert!(is_plain(text), "{text}");
        }
    }

    #[test]
    fn the_list_of_harmless_words_is_sorted() {
        assert!(HARMLESS.is_sorted());
    }
}
