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
    fill(alternative(&format.arn, &given), lookup, ids)
}

/// Some types have two forms, of two generations of a service, with a comma between them: the one
/// that the parameters fill most of.
fn alternative<'f>(format: &'f str, given: &[(&str, &str)]) -> &'f str {
    let filled = |form: &str| {
        let own = variables(form).filter(|variable| given.iter().any(|(name, _)| name == variable));
        own.count()
    };
    let mut best = "";
    for form in format.split(", ") {
        if best.is_empty() || filled(form) > filled(best) {
            best = form;
        }
    }
    best
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

/// How the members of an operation's input name a resource of this type: by its ARN, or by its
/// variables, of which the last must be there. `members` are (name, is a list).
pub(super) fn derive(
    resource_type: &TypeEntry,
    members: &[(String, bool)],
    operation: &str,
) -> Option<String> {
    let kind = plain(resource_type.kind.split(':').nth(1)?);
    if let Some(path) = find(members, &[format!("{kind}arn")]) {
        return Some(format!("@{path}"));
    }
    let mut pairs: Vec<(&str, String)> = Vec::new();
    let mut filled_last = false;
    for variable in variables(&resource_type.arn) {
        let found = find(members, &names(variable, &kind, operation));
        // One parameter fills one variable: a name does not also serve as the id.
        let found = found.filter(|path| !pairs.iter().any(|(_, other)| other == path));
        filled_last = found.is_some();
        pairs.extend(found.map(|path| (variable, path)));
    }
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(variable, path)| format!("{variable}={path}"))
        .collect();
    filled_last.then(|| pairs.join(";"))
}

/// The names that a parameter may have that fills `variable` of the type `kind`.
fn names(variable: &str, kind: &str, operation: &str) -> Vec<String> {
    let name = plain(variable);
    let name = name.strip_suffix("withpath").unwrap_or(&name).to_owned();
    let stem = ["name", "identifier", "id"]
        .iter()
        .find_map(|end| name.strip_suffix(end));
    let own = stem.is_some_and(|stem| stem == kind || stem.is_empty() || stem == "resource");
    let mut wanted = vec![name.clone()];
    if !own {
        return wanted;
    }
    // What is created gets its id from the service; a name that the caller gives is no id.
    let creates = ["Create", "Import", "Copy", "Register"]
        .iter()
        .any(|verb| operation.starts_with(verb));
    let ends: &[&str] = match creates && !name.ends_with("name") {
        true => &["id", "identifier"],
        false => &["name", "id", "identifier", ""],
    };
    wanted.extend(ends.iter().map(|end| format!("{kind}{end}")));
    // A bare `name` is the type's where the operation is about the type; a list only filters by it.
    if plain(operation).contains(kind) && !operation.starts_with("List") {
        wanted.extend(
            ends.iter()
                .filter(|end| !end.is_empty())
                .map(|end| (*end).to_owned()),
        );
    }
    wanted
}

/// The path of the first member that has one of the names, in the plural if it is a list.
fn find(members: &[(String, bool)], wanted: &[String]) -> Option<String> {
    let (name, list) = members.iter().find(|(name, list)| {
        let name = plain(name);
        wanted.iter().any(|wanted| {
            name == *wanted || (*list && name.strip_suffix('s') == Some(wanted.as_str()))
        })
    })?;
    Some(if *list {
        format!("{name}[]")
    } else {
        name.clone()
    })
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
