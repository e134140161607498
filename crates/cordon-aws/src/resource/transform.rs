//! What is done with a parameter's value before it goes into an ARN.

use crate::arn::AccountId;
use crate::catalog::Transform;
use percent_encoding::percent_decode_str;
use std::borrow::Cow;

/// The text that goes into the ARN; nothing where the value names no such resource.
pub(super) fn apply(transform: Transform, text: &str) -> Option<Cow<'_, str>> {
    let after = |mark| text.rsplit(mark).next().unwrap_or_default();
    let taken = match transform {
        Transform::None => text,
        Transform::AfterSlash | Transform::Queue => after('/'),
        Transform::AfterColon => after(':'),
        Transform::Family => after('/').split(':').next()?,
        Transform::Function => function(text).name,
        Transform::Qualifier => return Some(qualifier(text)),
        Transform::Path => text.trim_start_matches('/'),
        Transform::Bus => return Some(bus(text)),
        Transform::Catalog => catalog(text)?,
        Transform::Key => key(text),
        Transform::CopyBucket => return copy_source(text).map(|(bucket, _)| bucket),
        Transform::CopyKey => return copy_source(text).map(|(_, key)| key),
        Transform::UrlBucket => return object_url(text).map(|(bucket, _)| bucket.into()),
        Transform::UrlKey => return object_url(text).map(|(_, key)| key),
        // One statement of several that hides its table must not go under in the others' ones.
        Transform::Table => table(text).unwrap_or("*"),
        Transform::IdType(list) => id_type(list, text),
        Transform::Begins(beginning) => Some(text).filter(|text| text.starts_with(beginning))?,
        Transform::Drop(beginning) => text.strip_prefix(beginning).unwrap_or(text),
        Transform::Map(list) => looked_up(list, text)?,
        Transform::Any => "*",
    };
    Some(Cow::Borrowed(taken))
}

/// Where a value itself says that the resource lies, which no other parameter tells.
#[derive(Debug, Default)]
pub(super) struct Site<'t> {
    pub(super) region: Option<&'t str>,
    pub(super) account: Option<&'t str>,
}

/// The site that a value names beside the resource.
pub(super) fn site(transform: Transform, text: &str) -> Site<'_> {
    match transform {
        Transform::Queue => Site {
            region: None,
            account: text.rsplit('/').nth(1).filter(|it| AccountId::accepts(it)),
        },
        Transform::Function => function(text).site,
        _ => Site::default(),
    }
}

/// A function as calls name it.
#[derive(Debug)]
struct Function<'t> {
    site: Site<'t>,
    name: &'t str,
}

/// `name`, `name:alias`, `function:name`, `111122223333:function:name`, and what Lambda's own
/// pattern takes beside these; a qualifier in the name stays, since it belongs to the resource.
/// The pattern: <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>.
fn function(text: &str) -> Function<'_> {
    if text.starts_with("arn:") {
        let name = text.split_once(":function:").map_or(text, |(_, name)| name);
        let site = Site::default();
        return Function { site, name };
    }
    let (region, rest) = match text.split_once(':') {
        // Without an account a name may look like a region: `ce-api-1:live`.
        Some((region, rest)) if account_first(rest).is_some() => (Some(region), rest),
        _ => (None, text),
    };
    let (account, rest) = match account_first(rest) {
        Some((account, rest)) => (Some(account), rest),
        None => (None, rest),
    };
    Function {
        site: Site { region, account },
        name: rest.strip_prefix("function:").unwrap_or(rest),
    }
}

/// An account and what follows it.
fn account_first(text: &str) -> Option<(&str, &str)> {
    text.split_once(':')
        .filter(|(account, _)| AccountId::accepts(account))
}

/// `$LATEST` is the function itself.
fn qualifier(text: &str) -> Cow<'_, str> {
    match text {
        "" | "$LATEST" => Cow::Borrowed(""),
        text => Cow::Owned(format!(":{text}")),
    }
}

/// A rule of the default bus has no bus in its name. A bus may be given as its ARN.
fn bus(text: &str) -> Cow<'_, str> {
    let name = match text.starts_with("arn:") {
        true => text.split_once(":event-bus/").map_or("*", |(_, name)| name),
        false => text,
    };
    match name {
        "" | "default" => Cow::Borrowed(""),
        name => Cow::Owned(format!("{name}/")),
    }
}

/// `111122223333` is the root catalog, `111122223333:sales` and `sales` one below it.
fn catalog(text: &str) -> Option<&str> {
    let name = match text.split_once(':') {
        Some((account, name)) if AccountId::accepts(account) => name,
        _ => text,
    };
    (!AccountId::accepts(name)).then_some(name)
}

/// Bucket and key of `https://bucket.s3.eu-central-1.amazonaws.com/key`, or with the bucket in the path. What may
/// follow a question mark tells a version.
fn object_url(text: &str) -> Option<(&str, Cow<'_, str>)> {
    let (host, rest) = text.strip_prefix("https://")?.split_once('/')?;
    let is_aws = host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn");
    let path = rest.split('?').next()?;
    // A bucket may have either mark in its name: the last one ends it.
    let in_host = [".s3.", ".s3-"].into_iter();
    let in_host = in_host.filter_map(|mark| host.rsplit_once(mark));
    let in_host = in_host.max_by_key(|(bucket, _)| bucket.len());
    let (bucket, key) = match in_host {
        Some((bucket, _)) => (bucket, path),
        None if host.starts_with("s3.") || host.starts_with("s3-") => path.split_once('/')?,
        None => return None,
    };
    let key = percent_decode_str(key).decode_utf8().ok()?;
    (is_aws && !bucket.is_empty() && !key.is_empty()).then_some((bucket, key))
}

/// The id of a key. Which key an alias points at, only KMS knows.
fn key(text: &str) -> &str {
    match text.starts_with("alias/") {
        true => "*",
        false => text.rsplit('/').next().unwrap_or_default(),
    }
}

/// Bucket and key of `x-amz-copy-source`: `/bucket/key?versionId=id`, percent-encoded, or an ARN
/// of an access point with `/object/` before the key.
fn copy_source(text: &str) -> Option<(Cow<'_, str>, Cow<'_, str>)> {
    let path = text
        .split_once("?versionId=")
        .map_or(text, |(path, _)| path);
    let decoded = percent_decode_str(path).decode_utf8().ok()?;
    let (bucket, key) = match decoded.strip_prefix('/').unwrap_or(&decoded) {
        arn if arn.starts_with("arn:") => arn.split_once("/object/")?,
        path => path.split_once('/')?,
    };
    Some((Cow::Owned(bucket.to_owned()), Cow::Owned(key.to_owned())))
}

/// The table of a PartiQL statement: what follows `UPDATE` or `INSERT INTO` at its beginning, or
/// else the first `FROM` outside of quotes. A text or a comment before it could hold another one
/// for a reader that cuts words differently: such a statement has no table that is known.
fn table(statement: &str) -> Option<&str> {
    let mut words = statement.split_whitespace();
    let is = |word: &str, expected: &str| word.eq_ignore_ascii_case(expected);
    match words.next()? {
        first if is(first, "UPDATE") => {}
        first if is(first, "INSERT") => words.next().filter(|word| is(word, "INTO")).map(drop)?,
        first => {
            let mut word = first;
            let mut quotes = 0;
            while quotes % 2 != 0 || !is(word, "FROM") {
                if word.contains(['\'', '`']) || word.contains("--") || word.contains("/*") {
                    return None;
                }
                quotes += word.matches('"').count();
                word = words.next()?;
            }
        }
    }
    let name = words.next()?;
    let name = match name.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next()?,
        None => name.split(['.', ';', '(', ',']).next()?,
    };
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b':' | b'/');
    (!name.is_empty() && name.bytes().all(fits)).then_some(name)
}

/// The resource type of an id by its prefix; any type for an id of a prefix that is not known.
fn id_type(list: &'static str, id: &str) -> &'static str {
    let mut pairs = list.split(',').filter_map(|pair| pair.split_once('='));
    let fits = |prefix: &str| {
        let tail = id.strip_prefix(prefix);
        tail.is_some_and(|tail| tail.bytes().all(|byte| byte.is_ascii_alphanumeric()))
    };
    pairs
        .find(|(prefix, _)| fits(prefix))
        .map_or("*", |(_, kind)| kind)
}

fn looked_up(list: &'static str, text: &str) -> Option<&'static str> {
    let mut pairs = list.split(',').filter_map(|pair| pair.split_once('='));
    pairs.find(|(from, _)| *from == text).map(|(_, to)| to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_a_statement_is_the_one_that_dynamodb_reads() {
        for (statement, expected) in [
            ("SELECT * FROM orders WHERE pk = 'a'", Some("orders")),
            (
                r#"select "pk","from" from "orders"."by-day""#,
                Some("orders"),
            ),
            (r#"SELECT "a FROM decoy " FROM orders"#, Some("orders")),
            (
                "EXISTS(SELECT * FROM orders WHERE pk = 'a')",
                Some("orders"),
            ),
            (
                "DELETE FROM orders WHERE pk = ' FROM decoy '",
                Some("orders"),
            ),
            ("UPDATE orders SET note = ' FROM decoy '", Some("orders")),
            (
                "INSERT INTO \"orders\" VALUE {'pk': ' FROM decoy '}",
                Some("orders"),
            ),
            ("SELECT ' FROM decoy ' FROM orders", None),
            ("/* FROM decoy */ DELETE FROM orders", None),
            ("-- FROM decoy \n DELETE FROM orders", None),
            ("DELETE ` FROM decoy ` FROM orders", None),
            ("INSERT UPDATE decoy INTO orders", None),
            ("DELETE FROM", None),
            ("DELETE FROM or*ers", None),
            ("", None),
        ] {
            assert_eq!(table(statement), expected, "{statement}");
        }
    }

    #[test]
    fn the_url_of_an_object_tells_bucket_and_key() {
        for (url, expected) in [
            (
                "https://s3.eu-central-1.amazonaws.com/b/a/t.json",
                Some(("b", "a/t.json")),
            ),
            (
                "https://s3.amazonaws.com/b/t%20x.json?versionId=3",
                Some(("b", "t x.json")),
            ),
            (
                "https://b.s3.cn-north-1.amazonaws.com.cn/a/t.json",
                Some(("b", "a/t.json")),
            ),
            (
                "https://b.s3.c.s3-eu-west-1.amazonaws.com/t.json",
                Some(("b.s3.c", "t.json")),
            ),
            // Of what is no object of S3 nothing is told.
            ("https://s3.amazonaws.com/b", None),
            ("https://s3.amazonaws.com.example.com/b/t.json", None),
            ("https://example.com/b/t.json", None),
            (
                "ssm-doc://arn:aws:ssm:eu-central-1:111122223333:document/t",
                None,
            ),
        ] {
            let of = |transform| apply(transform, url).map(Cow::into_owned);
            let told = of(Transform::UrlBucket).zip(of(Transform::UrlKey));
            let expected = expected.map(|(bucket, key)| (bucket.to_owned(), key.to_owned()));
            assert_eq!(told, expected, "{url}");
        }
    }
}
