//! The ways in which AWS services write parameters, each read strictly and written back.
//!
//! Takes bytes and the model's shape for them; gives a [`Value`](crate::value::Value), or a
//! [`ParseError`] that says where they part. Every parser holds to the same rules: what the model
//! does not name is refused, what may occur once occurs once, numbers keep their exact text, and
//! depth and size are bounded before anything is built. The writers are the parsers' inverse, so
//! that `parse(write(parse(x)))` is `parse(x)`.

pub(crate) mod cbor;
pub(crate) mod form;
pub(crate) mod json;
pub(crate) mod query;
pub(crate) mod rest;
pub(crate) mod scalar;
pub(crate) mod timestamp;
pub(crate) mod xml;

use crate::catalog::{Location, Member, Shape, ShapeKind, TimestampFormat};

/// How deep structures, lists and maps may nest. The deepest real requests (DynamoDB attribute
/// values, state machine definitions as documents) stay below thirty.
pub(crate) const MAX_DEPTH: usize = 64;

/// How many values one request may hold. The largest real batch calls stay below ten thousand.
pub(crate) const MAX_VALUES: usize = 200_000;

/// How many of its values may hold others. One that holds a single value takes a node of a tree
/// nevertheless, which has room for eleven: six hundred bytes for the ten of `{"a":{}},`. A batch
/// of 25 DynamoDB items, each a vector of 1,536 numbers, has 38,000.
pub(crate) const MAX_HOLDERS: usize = 50_000;

/// Why a body, query or header does not say what the model lets it say.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// A name that the operation's input does not have.
    #[error("unknown parameter `{0}`: not in the model of this operation")]
    Unknown(Name),
    /// A parameter, key or element given twice.
    #[error("parameter `{0}` is given more than once")]
    Duplicate(Name),
    /// A value of another type than the model's.
    #[error("parameter `{at}` is not {expected}")]
    Type {
        /// The parameter.
        at: Name,
        /// What the model says it is, with an article.
        expected: &'static str,
    },
    /// Bytes that are not well-formed.
    #[error("the {format} is not well-formed: {reason}")]
    Malformed {
        /// `JSON body`, `query string`, ...
        format: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Nested deeper than [`MAX_DEPTH`].
    #[error("the parameters are nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// More values than [`MAX_VALUES`], or more that hold others than [`MAX_HOLDERS`].
    #[error("the request holds more than {MAX_VALUES} values, or {MAX_HOLDERS} that hold others")]
    TooMany,
    /// A body for an operation that takes none.
    #[error("the operation takes no body, but the request has one")]
    UnexpectedBody,
    /// A list whose indices have gaps, repeat or do not start at one.
    #[error("the list `{0}` is not numbered 1, 2, 3, ...")]
    Sparse(Name),
    /// A parameter that decides the path or is demanded by the protocol is missing.
    #[error("parameter `{0}` is missing")]
    Missing(Name),
}

impl ParseError {
    /// The stable code of the refusal.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unknown(_) => "unknown-parameter",
            Self::Duplicate(_) => "duplicate-parameter",
            Self::Type { .. } => "wrong-type",
            Self::Malformed { .. } => "malformed-body",
            Self::TooDeep => "body-too-deep",
            Self::TooMany => "body-too-large",
            Self::UnexpectedBody => "unexpected-body",
            Self::Sparse(_) => "sparse-list",
            Self::Missing(_) => "missing-parameter",
        }
    }

    pub(crate) fn malformed(format: &'static str, reason: &'static str) -> Self {
        Self::Malformed { format, reason }
    }

    /// What stands at `at` is not of this kind.
    pub(crate) fn wrong_type(kind: ShapeKind, at: &str) -> Self {
        Self::Type {
            at: Name::new(at),
            expected: kind_name(kind),
        }
    }
}

/// A parameter's name as a request wrote it, cut to a length and rid of control characters so
/// that it can stand in a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(Box<str>);

impl Name {
    pub(crate) fn new(name: &str) -> Self {
        let shown: String = name
            .chars()
            .take(80)
            .map(|c| if c.is_control() || c == '`' { '?' } else { c })
            .collect();
        Self(shown.into())
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is left of a request's allowance of values, of values that hold others, and of depth.
#[derive(Debug)]
pub(crate) struct Budget {
    values: usize,
    holders: usize,
    depth: usize,
}

impl Budget {
    pub(crate) fn new() -> Self {
        Self {
            values: MAX_VALUES,
            holders: MAX_HOLDERS,
            depth: MAX_DEPTH,
        }
    }

    /// Accounts for one value.
    pub(crate) fn spend(&mut self) -> Result<(), ParseError> {
        self.values = self.values.checked_sub(1).ok_or(ParseError::TooMany)?;
        Ok(())
    }

    /// Accounts for one value that holds others.
    pub(crate) fn hold(&mut self) -> Result<(), ParseError> {
        self.holders = self.holders.checked_sub(1).ok_or(ParseError::TooMany)?;
        Ok(())
    }

    /// Goes one level down, into a value that holds others; [`Budget::leave`] comes back.
    pub(crate) fn enter(&mut self) -> Result<(), ParseError> {
        self.hold()?;
        self.depth = self.depth.checked_sub(1).ok_or(ParseError::TooDeep)?;
        Ok(())
    }

    pub(crate) fn leave(&mut self) {
        self.depth += 1;
    }
}

/// Which members of an operation's input a body may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placement {
    /// All of them: the RPC protocols put everything into the body, whatever the model says
    /// about locations, and so do structures below the top.
    All,
    /// Those that travel neither in the path nor in the query nor in a header (REST).
    BodyOnly,
}

impl Placement {
    pub(crate) fn admits(self, member: Member) -> bool {
        self == Self::All || member.location() == Location::Body
    }
}

/// The member of `shape` that is called `name` on the wire, and may stand where `placement` says.
pub(crate) fn member_on_wire(shape: Shape, name: &str, placement: Placement) -> Option<Member> {
    let fits = |member: &Member| member.wire_name() == name && placement.admits(*member);
    // Nearly always the wire name is the model's name, which the catalog finds without a search.
    shape
        .member(name)
        .filter(fits)
        .or_else(|| shape.members().find(fits))
}

/// The timestamp format for one use of a shape: the model's own, else the protocol's.
pub(crate) fn timestamp_format(member: Member, default: TimestampFormat) -> TimestampFormat {
    member.timestamp_format().unwrap_or(default)
}

/// What a value of a kind is called in a message.
fn kind_name(kind: ShapeKind) -> &'static str {
    match kind {
        ShapeKind::Structure => "a structure",
        ShapeKind::Union => "a union with exactly one member",
        ShapeKind::List => "a list",
        ShapeKind::Map => "a map",
        ShapeKind::String => "a string",
        ShapeKind::Boolean => "a boolean",
        ShapeKind::Integer => "a whole number",
        ShapeKind::Float => "a number",
        ShapeKind::Blob => "bytes in base64",
        ShapeKind::Timestamp => "a time in the format that the model demands",
        ShapeKind::Document => "a document",
    }
}
