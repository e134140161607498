//! What arrived: the head of a request, its body, and its parameters as one tree.
//!
//! Takes bytes; gives [`Head`], and an [`Input`] that reads the same for a form, for JSON and for
//! XML. Written for the lab alone: the proxy's readers are what the lab judges, so none of them
//! is used here. Text that could be read in two ways is refused.

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use crate::reply::Fault;

/// How many parameters one form may carry.
const FORM_LIMIT: usize = 4_000;
/// How deep `A.member.1.B...` may go.
const FORM_DEPTH: usize = 16;

/// The request line and the headers.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub(crate) method: String,
    /// Path and query exactly as on the wire.
    pub(crate) target: String,
    /// The path as on the wire, still encoded.
    pub(crate) raw_path: String,
    /// Query pairs, decoded, in order.
    pub(crate) query: Vec<(String, String)>,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) host: String,
}

impl Head {
    /// Reads the head; the error says in plain words what cannot be read in exactly one way.
    pub(crate) fn read(parts: &http::request::Parts) -> Result<Self, String> {
        let target = parts
            .uri
            .path_and_query()
            .map_or("/", http::uri::PathAndQuery::as_str);
        let (raw_path, raw_query) = target.split_once('?').unwrap_or((target, ""));
        let mut headers = Vec::new();
        for (name, value) in &parts.headers {
            let text = std::str::from_utf8(value.as_bytes())
                .map_err(|_| format!("header `{name}` is not UTF-8"))?;
            headers.push((name.as_str().to_owned(), text.to_owned()));
        }
        let mut hosts = headers.iter().filter(|(name, _)| name == "host");
        let host = match (hosts.next(), hosts.next(), parts.uri.authority()) {
            (Some((_, host)), None, None) => host.to_ascii_lowercase(),
            (Some((_, host)), None, Some(authority)) if host == authority.as_str() => {
                host.to_ascii_lowercase()
            }
            (Some(_), _, _) => return Err("the request names two hosts".to_owned()),
            (None, _, _) => return Err("the request names no host".to_owned()),
        };
        Ok(Self {
            method: parts.method.as_str().to_owned(),
            target: target.to_owned(),
            raw_path: raw_path.to_owned(),
            query: pairs(raw_query, Plus::Literal)?,
            headers,
            host,
        })
    }

    /// The value of a header that must not repeat; `None` when absent or repeated.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(key, _)| key == name);
        match (values.next(), values.next()) {
            (Some((_, value)), None) => Some(value),
            _ => None,
        }
    }

    pub(crate) fn headers_named<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.headers
            .iter()
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn has_query(&self, name: &str) -> bool {
        self.query(name).is_some()
    }

    /// The path, decoded once.
    pub(crate) fn path(&self) -> Result<String, String> {
        decode(&self.raw_path)
    }
}

/// What `+` means: a space in a form, itself in a query string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plus {
    Literal,
    Space,
}

/// Splits `a=1&b=2` and decodes both sides.
pub(crate) fn pairs(text: &str, plus: Plus) -> Result<Vec<(String, String)>, String> {
    let mut pairs = Vec::new();
    for piece in text.split('&').filter(|piece| !piece.is_empty()) {
        if pairs.len() == FORM_LIMIT {
            return Err(format!("more than {FORM_LIMIT} parameters"));
        }
        let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
        let spaced = |part: &str| match plus {
            Plus::Space => decode(&part.replace('+', " ")),
            Plus::Literal => decode(part),
        };
        pairs.push((spaced(name)?, spaced(value)?));
    }
    Ok(pairs)
}

/// Percent-decodes once; a stray `%` or bytes that are not UTF-8 are refused.
pub(crate) fn decode(text: &str) -> Result<String, String> {
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let two_digits = |bytes: &mut std::str::Bytes<'_>| {
            bytes.next().is_some_and(|b| b.is_ascii_hexdigit())
                && bytes.next().is_some_and(|b| b.is_ascii_hexdigit())
        };
        if byte == b'%' && !two_digits(&mut rest) {
            return Err(format!("`{text}` has a stray percent sign"));
        }
    }
    percent_decode_str(text)
        .decode_utf8()
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| format!("`{text}` does not decode to UTF-8"))
}

/// Folds `Tags.member.1.Key` into a tree of objects.
pub(crate) fn tree(pairs: &[(String, String)]) -> Result<Value, String> {
    let mut root = Map::new();
    for (name, value) in pairs {
        let parts: Vec<&str> = name.split('.').collect();
        if parts.len() > FORM_DEPTH {
            return Err(format!("parameter `{name}` is nested too deep"));
        }
        let Some((leaf, branches)) = parts.split_last() else {
            continue;
        };
        let mut node = &mut root;
        for branch in branches {
            let next = node
                .entry((*branch).to_owned())
                .or_insert_with(|| Value::Object(Map::new()));
            let Value::Object(map) = next else {
                return Err(format!(
                    "parameter `{name}` is both a value and a structure"
                ));
            };
            node = map;
        }
        if node
            .insert((*leaf).to_owned(), Value::String(value.clone()))
            .is_some()
        {
            return Err(format!("parameter `{name}` is given twice"));
        }
    }
    Ok(Value::Object(root))
}

/// A view of the parameters of a call, or of a part of them. A form writes every value as text
/// and every list as numbered members; JSON has its own. Both read the same here.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Input<'a>(pub(crate) &'a Value);

impl<'a> Input<'a> {
    /// The part under a dotted path, such as `Tags.member`.
    pub(crate) fn at(self, path: &str) -> Option<Input<'a>> {
        let mut node = self.0;
        for part in path.split('.') {
            node = node.get(part)?;
        }
        Some(Input(node))
    }

    pub(crate) fn text(self, path: &str) -> Option<&'a str> {
        self.at(path)?.0.as_str()
    }

    pub(crate) fn required(self, path: &str) -> Result<&'a str, Fault> {
        match self.text(path) {
            Some(text) if !text.is_empty() => Ok(text),
            _ => Err(Fault::missing(path)),
        }
    }

    pub(crate) fn integer(self, path: &str) -> Result<Option<i64>, Fault> {
        let Some(Input(value)) = self.at(path) else {
            return Ok(None);
        };
        let number = match value {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        number
            .map(Some)
            .ok_or_else(|| Fault::invalid(format!("`{path}` must be an integer")))
    }

    pub(crate) fn boolean(self, path: &str) -> Result<Option<bool>, Fault> {
        match self.at(path).map(|input| input.0) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(*value)),
            Some(Value::String(text)) if text == "true" => Ok(Some(true)),
            Some(Value::String(text)) if text == "false" => Ok(Some(false)),
            Some(_) => Err(Fault::invalid(format!("`{path}` must be true or false"))),
        }
    }

    /// The members of a list: of a JSON array, or of `path.1`, `path.2`, ... in a form.
    pub(crate) fn list(self, path: &str) -> Vec<Input<'a>> {
        match self.at(path).map(|input| input.0) {
            Some(Value::Array(members)) => members.iter().map(Input).collect(),
            Some(Value::Object(members)) => {
                let mut numbered: Vec<(u32, Input<'a>)> = members
                    .iter()
                    .filter_map(|(number, member)| Some((number.parse().ok()?, Input(member))))
                    .collect();
                numbered.sort_by_key(|(number, _)| *number);
                numbered.into_iter().map(|(_, member)| member).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The members of a list of text.
    pub(crate) fn texts(self, path: &str) -> Vec<&'a str> {
        self.list(path)
            .into_iter()
            .filter_map(|member| member.0.as_str())
            .collect()
    }

    /// The entries of a JSON object.
    pub(crate) fn entries(self, path: &str) -> Vec<(&'a str, Input<'a>)> {
        let Some(Input(Value::Object(map))) = self.at(path) else {
            return Vec::new();
        };
        map.iter()
            .map(|(key, value)| (key.as_str(), Input(value)))
            .collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_given_twice_is_refused() {
        let twice = pairs("A=1&A=2", Plus::Space).unwrap();
        assert!(tree(&twice).is_err());
        let both = pairs("A=1&A.B=2", Plus::Space).unwrap();
        assert!(tree(&both).is_err());
        assert!(pairs("A=%zz", Plus::Space).is_err());
        assert!(pairs("A=%ff", Plus::Space).is_err());
    }

    #[test]
    fn a_form_and_json_read_the_same() {
        let form = tree(&pairs("T.member.2=b&T.member.1=a+x&N=3", Plus::Space).unwrap()).unwrap();
        assert_eq!(Input(&form).texts("T.member"), ["a x", "b"]);
        assert_eq!(Input(&form).integer("N").unwrap(), Some(3));
        let json = serde_json::json!({"T": ["a x", "b"], "N": 3});
        assert_eq!(Input(&json).texts("T"), ["a x", "b"]);
        assert_eq!(Input(&json).integer("N").unwrap(), Some(3));
    }
}
