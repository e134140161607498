//! Shapes and members: what a value may be, and how it is written.

use super::{Catalog, layout, layout::member_flag, layout::shape_flag};
use std::fmt;

/// One shape of the models: what a value may be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    pub(super) catalog: &'static Catalog,
    pub(super) index: u32,
}

/// One member of a structure, or the item of a list, or the key or value of a map: a shape and
/// how it is written.
#[derive(Clone, Copy)]
pub struct Member {
    catalog: &'static Catalog,
    index: u32,
}

/// What a shape is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
#[expect(missing_docs, reason = "the names are the models' own")]
pub enum ShapeKind {
    Structure,
    Union,
    List,
    Map,
    String,
    Boolean,
    /// `integer`, `long`, `short`, `byte`, `bigInteger`.
    Integer,
    /// `float`, `double`, `bigDecimal`.
    Float,
    Blob,
    Timestamp,
    Document,
}

impl ShapeKind {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Self; 11] = [
        Self::Structure,
        Self::Union,
        Self::List,
        Self::Map,
        Self::String,
        Self::Boolean,
        Self::Integer,
        Self::Float,
        Self::Blob,
        Self::Timestamp,
        Self::Document,
    ];

    /// The kind in lower case: `structure`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Structure => "structure",
            Self::Union => "union",
            Self::List => "list",
            Self::Map => "map",
            Self::String => "string",
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Float => "float",
            Self::Blob => "blob",
            Self::Timestamp => "timestamp",
            Self::Document => "document",
        }
    }
}

/// Where a member travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
#[expect(missing_docs, reason = "the names are the models' own")]
pub enum Location {
    Body,
    Uri,
    QueryString,
    Header,
    /// A map whose keys are header names after a prefix.
    Headers,
    /// The member is the whole body (`payload` of the structure).
    Payload,
}

impl Location {
    const ALL: [Self; 6] = [
        Self::Body,
        Self::Uri,
        Self::QueryString,
        Self::Header,
        Self::Headers,
        Self::Payload,
    ];
}

/// How a timestamp is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
#[expect(missing_docs, reason = "the names are the models' own")]
pub enum TimestampFormat {
    Epoch,
    Iso8601,
    Rfc822,
}

impl Shape {
    /// A number that is the same for the same shape and no other: for caches and recursion checks.
    #[must_use]
    pub fn index(self) -> usize {
        self.index as usize
    }
    /// The shape's name in the model; for scalars, which all services share, the kind.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.catalog.text(self.record().name)
    }
    /// What it is.
    #[must_use]
    pub fn kind(self) -> ShapeKind {
        let kind = usize::from(self.record().kind);
        ShapeKind::ALL
            .get(kind)
            .copied()
            .unwrap_or(ShapeKind::Structure)
    }
    /// The members of a structure or union, in model order.
    pub fn members(self) -> impl Iterator<Item = Member> {
        let record = self.record();
        let count = match self.kind() {
            ShapeKind::Structure | ShapeKind::Union => u32::from(record.member_count),
            _ => 0,
        };
        let catalog = self.catalog;
        (record.members..record.members + count).map(move |index| Member { catalog, index })
    }
    /// The member called `name` (its model name, not its wire name).
    #[must_use]
    pub fn member(self, name: &str) -> Option<Member> {
        self.members().find(|member| member.name() == name)
    }
    /// The item of a list.
    #[must_use]
    pub fn item(self) -> Option<Member> {
        (self.kind() == ShapeKind::List).then(|| self.nth(0))
    }
    /// Key and value of a map.
    #[must_use]
    pub fn entry(self) -> Option<(Member, Member)> {
        (self.kind() == ShapeKind::Map).then(|| (self.nth(0), self.nth(1)))
    }
    /// Whether a list or map is written without its wrapping element wherever it is used. One use
    /// may say so by itself: ask [`Member::flattened`] where there is a member.
    #[must_use]
    pub fn flattened(self) -> bool {
        self.record().flags & shape_flag::FLATTENED != 0
    }
    /// Whether a list or map keeps null items (`sparse`).
    #[must_use]
    pub fn sparse(self) -> bool {
        self.record().flags & shape_flag::SPARSE != 0
    }
    /// Whether its values are the events of a stream.
    #[must_use]
    pub fn event_stream(self) -> bool {
        self.record().flags & shape_flag::EVENT_STREAM != 0
    }

    fn nth(self, place: u32) -> Member {
        Member {
            catalog: self.catalog,
            index: self.record().members + place,
        }
    }

    fn record(self) -> layout::Shape {
        self.catalog.shapes.at(self.index)
    }
}

impl Member {
    /// The member's name in the model.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.catalog.text(self.record().name)
    }
    /// Its shape.
    #[must_use]
    pub fn shape(self) -> Shape {
        Shape {
            catalog: self.catalog,
            index: self.record().shape,
        }
    }
    /// Where it travels.
    #[must_use]
    pub fn location(self) -> Location {
        let location = usize::from(self.record().location);
        Location::ALL
            .get(location)
            .copied()
            .unwrap_or(Location::Body)
    }
    /// Its name on the wire (`locationName`), or `name` where the model gives none.
    #[must_use]
    pub fn wire_name(self) -> &'static str {
        self.catalog.text(self.record().wire_name)
    }
    /// Its `locationName`, or `default` where the model gives none.
    pub(crate) fn wire_name_or(self, default: &'static str) -> &'static str {
        match self.has_wire_name() {
            true => self.wire_name(),
            false => default,
        }
    }
    /// Whether the model gives a `locationName` of its own.
    #[must_use]
    pub fn has_wire_name(self) -> bool {
        self.is(member_flag::NAMED)
    }
    /// Its name in the ec2 protocol (`queryName`); empty for none. Where it is empty the ec2
    /// protocol writes the wire name with its first letter in upper case.
    #[must_use]
    pub fn ec2_name(self) -> &'static str {
        if !self.is(member_flag::QUERY_NAME) {
            return "";
        }
        let names = &self.catalog.query_names;
        let row = names.at(names.partition_point(|row| row.member < self.index));
        self.catalog.text(row.name)
    }
    /// Whether the model requires it.
    #[must_use]
    pub fn required(self) -> bool {
        self.is(member_flag::REQUIRED)
    }
    /// Whether it is a list or map that is written without its wrapping element here.
    #[must_use]
    pub fn flattened(self) -> bool {
        self.is(member_flag::FLATTENED) || self.shape().flattened()
    }
    /// Whether it is an attribute of its parent's element in XML.
    #[must_use]
    pub fn xml_attribute(self) -> bool {
        self.is(member_flag::ATTRIBUTE)
    }
    /// The namespace of its element in XML, prefix and uri; `None` for none.
    #[must_use]
    pub fn xml_namespace(self) -> Option<(&'static str, &'static str)> {
        if !self.is(member_flag::NAMESPACE) {
            return None;
        }
        let names = &self.catalog.namespaces;
        let row = names.at(names.partition_point(|row| row.member < self.index));
        Some((self.catalog.text(row.prefix), self.catalog.text(row.uri)))
    }
    /// Whether SDKs fill it anew for each attempt; left out of the digest.
    #[must_use]
    pub fn idempotency_token(self) -> bool {
        self.is(member_flag::IDEMPOTENCY_TOKEN)
    }
    /// Whether the model marks it or its shape as sensitive.
    #[must_use]
    pub fn sensitive(self) -> bool {
        self.is(member_flag::SENSITIVE)
    }
    /// Whether it is JSON text in base64 in a header (`jsonvalue`).
    #[must_use]
    pub fn json_value(self) -> bool {
        self.is(member_flag::JSON_VALUE)
    }
    /// Whether it fills a label of the host prefix (`hostLabel`).
    #[must_use]
    pub fn host_label(self) -> bool {
        self.is(member_flag::HOST_LABEL)
    }
    /// Whether its blob streams.
    #[must_use]
    pub fn streaming(self) -> bool {
        self.is(member_flag::STREAMING)
    }
    /// The timestamp format that the model gives for this use; `None` for the protocol's own.
    #[must_use]
    pub fn timestamp_format(self) -> Option<TimestampFormat> {
        match self.record().timestamp {
            1 => Some(TimestampFormat::Epoch),
            2 => Some(TimestampFormat::Iso8601),
            3 => Some(TimestampFormat::Rfc822),
            _ => None,
        }
    }

    fn is(self, flag: u16) -> bool {
        self.record().flags & flag != 0
    }

    fn record(self) -> layout::Member {
        self.catalog.members.at(self.index)
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shape({} {})", self.kind().as_str(), self.name())
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Member({}: {:?})", self.name(), self.shape())
    }
}
