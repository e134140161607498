//! Resource templates: from the tables' notation, or from equal names, to segments.
//!
//! A row names the parameters of a type's variables (`FunctionName=FunctionName|function`), one
//! parameter that is a whole ARN (`@RoleArn`), or an ARN with parameters in braces. Where there is
//! no row, parameters are matched with the type's variables by name.

use super::Fault;
use super::reference::TypeEntry;
use cordon_aws::catalog::TRANSFORMS;
use cordon_aws::catalog::layout::segment;

/// A template ready to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template {
    /// The whole text, for people.
    pub text: String,
    pub segments: Vec<Piece>,
}

/// One segment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Piece {
    pub kind: u8,
    pub text: String,
    pub transform: u8,
    pub argument: String,
}

/// Parses a row's notation.
pub(super) fn parse(
    names: &str,
    resource_type: Option<&TypeEntry>,
    ids: &str,
) -> Result<Template, Fault> {
    if names.starts_with("arn:") {
        return fill(names, |_| None, ids);
    }
    if let Some(path) = names.strip_prefix('@') {
        let piece = Piece {
            kind: segment::WHOLE,
            text: path.to_owned(),
            ..Piece::default()
        };
        return Ok(Template {
            text: format!("{{{names}}}"),
            segments: vec![piece],
        });
    }
    let format = resource_type.ok_or("names of variables need a known resource type")?;
    let mut given = Vec::new();
    for pair in names.split(';').filter(|pair| !pair.is_empty()) {
        let (variable, parameter) = pair
            .split_once('=')
            .ok_or_else(|| format!("`{pair}` names no variable"))?;
        if !format.arn.contains(&format!("${{{variable}}}")) {
            return Err(format!("`{}` has no variable `{variable}`", format.kind).into());
        }
        given.push((variable, parameter));
    }
    let lookup = |variable: &str| {
        let found = given.iter().find(|(name, _)| *name == variable);
        Some(found.map_or_else(
            || "*".to_owned(),
            |(_, parameter)| format!("{{{parameter}}}"),
        ))
    };
    fill(&format.arn, lookup, ids)
}

/// The template of a type whose variables `lookup` names.
fn fill(
    format: &str,
    lookup: impl Fn(&str) -> Option<String>,
    ids: &str,
) -> Result<Template, Fault> {
    let mut text = String::new();
    let mut rest = format;
    while let Some((before, after)) = rest.split_once("${") {
        let (variable, tail) = after.split_once('}').ok_or("a brace is not closed")?;
        text.push_str(before);
        match variable {
            "Partition" | "Region" | "Account" => text.push_str(&format!("${{{variable}}}")),
            _ => text.push_str(&lookup(variable).unwrap_or_else(|| "*".to_owned())),
        }
        rest = tail;
    }
    text.push_str(rest);
    let segments = segments(&text, ids)?;
    Ok(Template { text, segments })
}

/// Takes a text with `${Partition}` and `{Parameter}` apart.
fn segments(text: &str, ids: &str) -> Result<Vec<Piece>, Fault> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '$']) {
        let (before, tail) = rest.split_at(at);
        literal(&mut pieces, before);
        let (inside, after) = braced(tail)?;
        match tail.starts_with('$') {
            true => pieces.push(Piece {
                kind: match inside {
                    "Partition" => segment::PARTITION,
                    "Region" => segment::REGION,
                    _ => segment::ACCOUNT,
                },
                ..Piece::default()
            }),
            false => pieces.extend(parameters(inside, ids)?),
        }
        rest = after;
    }
    literal(&mut pieces, rest);
    Ok(pieces)
}

fn literal(pieces: &mut Vec<Piece>, text: &str) {
    if !text.is_empty() {
        pieces.push(Piece {
            text: text.to_owned(),
            ..Piece::default()
        });
    }
}

/// What stands in the braces at the start, and what follows them. A path may hold `{}` itself.
fn braced(text: &str) -> Result<(&str, &str), Fault> {
    let open = text.find('{').ok_or("a dollar sign without braces")?;
    let mut depth = 0;
    for (at, character) in text.char_indices().skip(open) {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            let inside = text.get(open + 1..at).unwrap_or_default();
            return Ok((inside, text.get(at + 1..).unwrap_or_default()));
        }
    }
    Err("a brace is not closed".into())
}

/// `A||B|transform:argument`: one or several parameters, each treated alike.
fn parameters(inside: &str, ids: &str) -> Result<Vec<Piece>, Fault> {
    let joined = inside.replace("||", "\u{0}");
    let (paths, transform) = joined.split_once('|').unwrap_or((&joined, "none"));
    let (name, argument) = transform.split_once(':').unwrap_or((transform, ""));
    let number = TRANSFORMS
        .iter()
        .position(|(known, _)| *known == name)
        .ok_or_else(|| format!("no transform `{name}`"))?;
    let argument = if name == "id-type" { ids } else { argument };
    let pieces = paths.split('\u{0}').enumerate().map(|(place, path)| {
        Ok(Piece {
            kind: if place == 0 {
                segment::PARAMETER
            } else {
                segment::BESIDE
            },
            text: path.to_owned(),
            transform: u8::try_from(number)?,
            argument: argument.to_owned(),
        })
    });
    pieces.collect()
}

/// What the members of an input are worth as names: `members` are (name, is a list).
pub(super) fn derive(
    resource_type: &TypeEntry,
    members: &[(String, bool)],
    names_type: impl Fn(&str) -> bool,
) -> Option<String> {
    let kind = plain(resource_type.kind.split(':').nth(1)?);
    let find = |wanted: &[String]| {
        let found = members.iter().find(|(name, list)| {
            let name = plain(name);
            wanted.iter().any(|wanted| {
                name == *wanted || (*list && name.strip_suffix('s') == Some(wanted.as_str()))
            })
        });
        found.map(|(name, list)| {
            if *list {
                format!("{name}[]")
            } else {
                name.clone()
            }
        })
    };
    if let Some(path) = find(&[format!("{kind}arn")]) {
        return Some(format!("@{path}"));
    }
    let mut pairs = Vec::new();
    let mut filled_last = false;
    for variable in variables(&resource_type.arn) {
        let name = plain(variable);
        let stem = ["name", "id", "identifier"]
            .iter()
            .find_map(|end| name.strip_suffix(end));
        let mut wanted = vec![name.clone()];
        // The type's own variable may be called by any of its names; and `Name` or `Id` alone,
        // where the operation is about the type.
        let own = stem.is_some_and(|stem| stem == kind)
            || matches!(name.as_str(), "resourceid" | "name" | "id");
        if own {
            wanted.extend(["name", "id", "identifier", ""].map(|end| format!("{kind}{end}")));
            if names_type(&kind) {
                wanted.extend(["name", "id", "identifier"].map(str::to_owned));
            }
        }
        let found = find(&wanted);
        filled_last = found.is_some();
        pairs.extend(found.map(|path| format!("{variable}={path}")));
    }
    filled_last.then(|| pairs.join(";"))
}

/// The variables of a format, without those that every ARN has.
pub(super) fn variables(format: &str) -> impl Iterator<Item = &str> {
    format
        .split("${")
        .skip(1)
        .filter_map(|part| part.split('}').next())
        .filter(|name| !matches!(*name, "Partition" | "Region" | "Account"))
}

/// A name without marks and letter case.
pub(super) fn plain(name: &str) -> String {
    name.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect()
}
