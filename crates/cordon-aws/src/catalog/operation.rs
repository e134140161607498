//! One operation: how it is written, what it needs, what it touches.

use super::{
    Action, ActionRule, Catalog, EffectRule, Service, Shape, layout,
    layout::{destruction, operation_flag, segment, template_flag},
};
use std::fmt;

/// One operation of one service.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Operation {
    pub(super) catalog: &'static Catalog,
    pub(super) index: u32,
}

/// How much an operation destroys, by the curated grade of its name alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Destruction {
    /// Nothing: it reads or adds.
    None,
    /// Tags go, an overwrite is possible, something leaves the account.
    Minor,
    /// It replaces state.
    Replaces,
    /// It disrupts, or a parameter decides.
    Disrupts,
    /// Irreversible loss.
    Loss,
}

/// How an ARN is made from parameters. Syntax in `data/README.md`.
#[derive(Debug, Clone, Copy)]
pub struct ResourceTemplate {
    /// The action whose resource this is.
    pub action: Action,
    /// `lambda:function`.
    pub kind: &'static str,
    /// `arn:${Partition}:lambda:${Region}:${Account}:function:{FunctionName}`.
    pub template: &'static str,
    /// Whether the reference marks the type as required for the action.
    pub required: bool,
    segments: u32,
    segment_count: u8,
}

/// One piece of a [`ResourceTemplate`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Where its text comes from.
    pub part: Part,
    /// What is done with a parameter's value.
    pub transform: Transform,
}

/// Where the text of a [`Segment`] comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Text as it is.
    Literal(&'static str),
    /// The partition.
    Partition,
    /// The region.
    Region,
    /// The account.
    Account,
    /// The value of the parameter at this path.
    Parameter(&'static str),
    /// The value of the parameter at this path, which is a whole ARN.
    Whole(&'static str),
    /// The value of the parameter at this path, beside that of the segment before: both name
    /// a resource of this type.
    Beside(&'static str),
}

/// What is done with a parameter's value before it goes into an ARN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transform {
    /// Nothing.
    None,
    /// Only what follows the last slash.
    AfterSlash,
    /// Only what follows the last colon.
    AfterColon,
    /// What stands between the last slash and the last colon: the family of a task definition.
    Family,
    /// The function's name: without account, `function:` and qualifier.
    Function,
    /// A colon and the qualifier; nothing where it is absent or `$LATEST`.
    Qualifier,
    /// An IAM path without its leading slash; nothing where it is absent.
    Path,
    /// The name of an event bus and a slash; nothing where it is absent or the default one.
    Bus,
    /// The name of a catalog after its account; nothing for an account alone.
    Catalog,
    /// The id of a key; `*` for an alias, whose key the request does not tell.
    Key,
    /// The name at the end of a queue URL.
    Queue,
    /// The bucket of an S3 copy source.
    CopyBucket,
    /// The decoded key of an S3 copy source.
    CopyKey,
    /// The bucket of an S3 object's URL.
    UrlBucket,
    /// The decoded key of an S3 object's URL.
    UrlKey,
    /// The table that a PartiQL statement names.
    Table,
    /// The resource type that the prefix of an EC2 id stands for, by a list `i-=instance,...`.
    IdType(&'static str),
    /// Only if it begins so: ids of one parameter may be of several types.
    Begins(&'static str),
    /// Without this beginning.
    Drop(&'static str),
    /// Looked up in a list `A=x,B=y`; values outside of it give nothing.
    Map(&'static str),
    /// `*`: a name that stands for an id, which only the service knows.
    Any,
}

/// The transforms in the order of their numbers, with the names that the tables use.
pub const TRANSFORMS: &[(&str, Transform)] = &[
    ("none", Transform::None),
    ("after-slash", Transform::AfterSlash),
    ("after-colon", Transform::AfterColon),
    ("family", Transform::Family),
    ("function", Transform::Function),
    ("qualifier", Transform::Qualifier),
    ("path", Transform::Path),
    ("key", Transform::Key),
    ("queue", Transform::Queue),
    ("copy-bucket", Transform::CopyBucket),
    ("copy-key", Transform::CopyKey),
    ("table", Transform::Table),
    ("id-type", Transform::IdType("")),
    ("begins", Transform::Begins("")),
    ("drop", Transform::Drop("")),
    ("map", Transform::Map("")),
    ("bus", Transform::Bus),
    ("catalog", Transform::Catalog),
    ("any", Transform::Any),
    ("url-bucket", Transform::UrlBucket),
    ("url-key", Transform::UrlKey),
];

impl Operation {
    /// Its place among all operations, a number for arrays and tables of the user's own.
    #[must_use]
    pub fn index(self) -> usize {
        self.index as usize
    }
    /// The service it belongs to.
    #[must_use]
    pub fn service(self) -> Service {
        Service {
            catalog: self.catalog,
            index: u32::from(self.record().service),
        }
    }
    /// `TerminateEnvironment`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.catalog.text(self.record().name)
    }
    /// The HTTP method of REST protocols; `POST` elsewhere.
    #[must_use]
    pub fn method(self) -> &'static str {
        self.catalog.text(self.record().method)
    }
    /// The path template of REST protocols, static query included:
    /// `/{Bucket}/{Key+}?uploads`; `/` elsewhere.
    #[must_use]
    pub fn uri(self) -> &'static str {
        self.catalog.text(self.record().uri)
    }
    /// The template of the path alone: `/{Bucket}/{Key+}`.
    #[must_use]
    pub(crate) fn path(self) -> &'static str {
        self.uri()
            .split_once('?')
            .map_or(self.uri(), |(path, _)| path)
    }

    /// The keys of the template's own query, without `x-id`, which services ignore.
    #[must_use]
    pub(crate) fn static_query(self) -> Vec<(&'static str, Option<&'static str>)> {
        self.uri()
            .split_once('?')
            .map_or("", |(_, query)| query)
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| match pair.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (pair, None),
            })
            .filter(|(name, _)| *name != "x-id")
            .collect()
    }

    /// The host prefix template: `{AccountId}.`, `api.`; empty for none.
    #[must_use]
    pub fn host_prefix(self) -> &'static str {
        self.catalog.text(self.record().host_prefix)
    }
    /// The input structure; `None` where the operation takes nothing.
    #[must_use]
    pub fn input(self) -> Option<Shape> {
        let index = self.record().input.checked_sub(1)?;
        Some(Shape {
            catalog: self.catalog,
            index,
        })
    }
    /// The element that wraps a rest-xml body built from body members (`locationName` of the
    /// input), and its namespace.
    #[must_use]
    pub fn input_wrapper(self) -> Option<(&'static str, &'static str)> {
        let record = self.record();
        let name = self.catalog.text(record.wrapper);
        (!name.is_empty()).then(|| (name, self.catalog.text(record.wrapper_namespace)))
    }
    /// The actions it needs; empty only where [`Operation::no_action`] holds.
    pub fn actions(self) -> impl Iterator<Item = ActionRule> {
        let record = self.record();
        let catalog = self.catalog;
        (record.rules..record.rules + u32::from(record.rule_count))
            .map(move |index| ActionRule::read(catalog, index))
    }
    /// The ARNs it touches.
    pub fn resources(self) -> impl Iterator<Item = ResourceTemplate> {
        let record = self.record();
        let catalog = self.catalog;
        (record.templates..record.templates + u32::from(record.template_count))
            .map(move |index| ResourceTemplate::read(catalog, catalog.templates.at(index)))
    }
    /// What its parameters can mean beyond its actions.
    pub fn effects(self) -> impl Iterator<Item = EffectRule> {
        let record = self.record();
        let catalog = self.catalog;
        (record.effects..record.effects + u32::from(record.effect_count))
            .map(move |index| EffectRule::read(catalog, index))
    }
    /// Whether the model lets it go unsigned (`auth: none`).
    #[must_use]
    pub fn unsigned(self) -> bool {
        self.is(operation_flag::UNSIGNED)
    }
    /// Whether the model lets its payload be unsigned.
    #[must_use]
    pub fn unsigned_payload(self) -> bool {
        self.is(operation_flag::UNSIGNED_PAYLOAD)
    }
    /// Whether its request body is a stream (an S3 object).
    #[must_use]
    pub fn streams_input(self) -> bool {
        self.is(operation_flag::STREAMS_INPUT)
    }
    /// Whether its request or response is an event stream.
    #[must_use]
    pub fn event_stream(self) -> bool {
        self.is(operation_flag::EVENTS_IN | operation_flag::EVENTS_OUT)
    }
    /// Whether its request is an event stream.
    #[must_use]
    pub fn event_stream_input(self) -> bool {
        self.is(operation_flag::EVENTS_IN)
    }
    /// Whether its output holds AWS credentials, or a token that stands for them.
    #[must_use]
    pub fn returns_credentials(self) -> bool {
        self.is(operation_flag::CREDENTIALS)
    }
    /// Whether no reference names its IAM action, so that the one given is a guess. A call that
    /// rests on a guess is refused.
    #[must_use]
    pub fn assumed_action(self) -> bool {
        self.is(operation_flag::ASSUMED_ACTION)
    }
    /// Whether IAM does not guard it at all: it is guarded by a token, or by nothing.
    #[must_use]
    pub fn no_action(self) -> bool {
        self.is(operation_flag::NO_ACTION)
    }
    /// Whether the service accepts a gzip-compressed body (`requestcompression`).
    #[must_use]
    pub fn accepts_gzip(self) -> bool {
        self.is(operation_flag::COMPRESSION)
    }
    /// The input member that names the checksum algorithm (`requestAlgorithmMember` of
    /// `httpChecksum`); empty for none.
    #[must_use]
    pub fn checksum_algorithm_member(self) -> &'static str {
        self.catalog.text(self.record().checksum_member)
    }
    /// The input member that names the account in which the call acts, where that may be another
    /// than the caller's own; empty for none.
    #[must_use]
    pub fn account_member(self) -> &'static str {
        self.catalog.text(self.record().account_member)
    }
    /// Whether the service demands a checksum of the body (`httpChecksumRequired`, or
    /// `requestChecksumRequired` of `httpChecksum`).
    #[must_use]
    pub fn checksum_required(self) -> bool {
        self.is(operation_flag::CHECKSUM_REQUIRED)
    }
    /// Whether it takes a flexible checksum, so that trailers are legal.
    #[must_use]
    pub fn flexible_checksum(self) -> bool {
        self.is(operation_flag::FLEXIBLE_CHECKSUM)
    }
    /// Whether clients ask the service for its endpoint first.
    #[must_use]
    pub fn endpoint_discovery(self) -> bool {
        self.is(operation_flag::ENDPOINT_DISCOVERY)
    }
    /// Whether the model itself calls it read-only.
    #[must_use]
    pub fn read_only(self) -> bool {
        self.is(operation_flag::READ_ONLY)
    }
    /// The curated grade of its name alone.
    #[must_use]
    pub fn destruction(self) -> Destruction {
        match self.record().destruction {
            destruction::NONE => Destruction::None,
            destruction::MINOR => Destruction::Minor,
            destruction::REPLACES => Destruction::Replaces,
            destruction::DISRUPTS => Destruction::Disrupts,
            _ => Destruction::Loss,
        }
    }
    /// The curated verdict that the call destroys for certain, whatever its parameters (grade D3
    /// of the tables, or a delete-class action).
    #[must_use]
    pub fn certainly_destroys(self) -> bool {
        self.destruction() == Destruction::Loss
    }

    fn is(self, flags: u32) -> bool {
        self.record().flags & flags != 0
    }

    pub(super) fn record(self) -> layout::Operation {
        self.catalog.operations.at(self.index)
    }

    pub(crate) fn catalog(self) -> &'static Catalog {
        self.catalog
    }
}

impl ResourceTemplate {
    /// The template taken apart.
    pub fn segments(self) -> impl Iterator<Item = Segment> {
        let catalog = self.action.catalog;
        (self.segments..self.segments + u32::from(self.segment_count))
            .map(move |index| Segment::read(catalog, catalog.segments.at(index)))
    }

    fn read(catalog: &'static Catalog, record: layout::Template) -> Self {
        Self {
            action: Action {
                catalog,
                index: record.action,
            },
            kind: catalog.text(record.kind),
            template: catalog.text(record.text),
            required: record.flags & template_flag::REQUIRED != 0,
            segments: record.segments,
            segment_count: record.segment_count,
        }
    }
}

impl Segment {
    fn read(catalog: &'static Catalog, record: layout::Segment) -> Self {
        let text = catalog.text(record.text);
        let part = match record.kind {
            segment::PARTITION => Part::Partition,
            segment::REGION => Part::Region,
            segment::ACCOUNT => Part::Account,
            segment::PARAMETER => Part::Parameter(text),
            segment::WHOLE => Part::Whole(text),
            segment::BESIDE => Part::Beside(text),
            _ => Part::Literal(text),
        };
        let argument = catalog.text(record.argument);
        let transform = match TRANSFORMS.get(usize::from(record.transform)) {
            Some((_, Transform::IdType(_))) => Transform::IdType(argument),
            Some((_, Transform::Begins(_))) => Transform::Begins(argument),
            Some((_, Transform::Drop(_))) => Transform::Drop(argument),
            Some((_, Transform::Map(_))) => Transform::Map(argument),
            Some((_, other)) => *other,
            None => Transform::None,
        };
        Self { part, transform }
    }
}

impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Operation({}:{})", self.service().name(), self.name())
    }
}
