//! The layout of `data/catalog.bin`, shared by its reader and by `cargo xtask catalog`, its writer.
//!
//! The file is a header and a row of sections, each a table of records of one fixed width, or the
//! text that they point into. All numbers are little-endian. A [`Text`] is the number of a string;
//! no string is there twice, so that equal text has one number.
//!
//! ```text
//! magic 8 │ sections × (offset u32, length u32) │ section 0 │ section 1 │ ...
//! ```
//!
//! Every read is checked. A number that points outside its table reads as the default record (an
//! empty name, an empty list): a damaged file can make the catalog say less, never panic, and what
//! the catalog does not name is refused.

use std::marker::PhantomData;

/// The first eight bytes; the last two are the version of this layout.
pub const MAGIC: [u8; 8] = *b"CORDON01";

/// The number of a string in the string table. Zero is the empty string.
pub type Text = u32;

/// The sections, in the order in which they lie in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
#[expect(missing_docs, reason = "each is the table of the record of that name")]
pub enum Section {
    /// One string: versions of the sources.
    Version,
    /// All strings, one after the other.
    Strings,
    /// Where each string begins, and where the last one ends.
    StringOffsets,
    Services,
    ServiceNames,
    Operations,
    Shapes,
    Members,
    QueryNames,
    Namespaces,
    Partitions,
    Regions,
    Endpoints,
    Hosts,
    HostServices,
    Actions,
    ActionRules,
    ResourceTypes,
    ActionTypes,
    Templates,
    Segments,
    Effects,
    Classes,
}

impl Section {
    /// How many sections there are.
    pub const COUNT: usize = Self::Classes as usize + 1;
}

/// A record of fixed width.
pub trait Record: Sized + Default {
    /// Width in bytes.
    const SIZE: usize;
    /// Reads one record; nothing if there are too few bytes.
    fn read(bytes: &[u8]) -> Option<Self>;
    /// Appends the record.
    fn write(&self, out: &mut Vec<u8>);
}

macro_rules! record {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident : $kind:ident),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, PartialOrd, Ord, Hash)]
        pub struct $name { $($(#[$field_doc])* pub $field: $kind),* }

        impl Record for $name {
            const SIZE: usize = 0 $(+ size_of::<$kind>())*;

            #[inline]
            fn read(bytes: &[u8]) -> Option<Self> {
                let rest = bytes;
                $(let (head, rest) = rest.split_first_chunk()?; let $field = $kind::from_le_bytes(*head);)*
                let _ = rest;
                Some(Self { $($field),* })
            }

            fn write(&self, out: &mut Vec<u8>) {
                $(out.extend_from_slice(&self.$field.to_le_bytes());)*
            }
        }
    };
}

record! {
    /// One service.
    Service {
        /// botocore's name.
        name: Text,
        /// The name in credential scopes.
        signing_name: Text,
        /// First label(s) of its hosts.
        endpoint_prefix: Text,
        /// Prefix of its IAM actions.
        iam_prefix: Text,
        /// Before the dot in `X-Amz-Target`.
        target_prefix: Text,
        /// `Version` of query requests.
        api_version: Text,
        /// Namespace of XML bodies.
        xml_namespace: Text,
        /// Service shape in RPC v2 paths.
        rpc_name: Text,
        /// `serviceId` of the model.
        service_id: Text,
        /// First operation.
        operations: u32,
        /// Number of operations.
        operation_count: u16,
        /// Which of [`super::PROTOCOL_LISTS`].
        protocols: u8,
        /// [`service_flag`].
        flags: u8,
        /// The endpoint set of operations that have none of their own.
        endpoint_set: u16,
    }
}

/// Bits of [`Service::flags`].
pub mod service_flag {
    /// Speaks JSON or CBOR with the error names of query (`awsQueryCompatible`).
    pub const QUERY_COMPATIBLE: u8 = 1;
    /// Signs with a bearer token, not with SigV4.
    pub const BEARER: u8 = 2;
    /// May sign with SigV4A.
    pub const SIGV4A: u8 = 4;
}

record! {
    /// One entry of an index from a name to services: signing names, target prefixes, versions,
    /// RPC names. Sorted by kind, then name.
    ServiceName {
        /// [`name_kind`].
        kind: u8,
        /// The name.
        name: Text,
        /// The service.
        service: u16,
    }
}

/// Values of [`ServiceName::kind`].
pub mod name_kind {
    /// A name in credential scopes.
    pub const SIGNING: u8 = 0;
    /// The prefix of `X-Amz-Target`.
    pub const TARGET: u8 = 1;
    /// The `Version` of query and ec2 requests.
    pub const VERSION: u8 = 3;
    /// The service shape of RPC v2 paths.
    pub const RPC: u8 = 3;
}

record! {
    /// One operation. The operations of a service lie together, sorted by name.
    Operation {
        /// Its name.
        name: Text,
        /// `GET`, `POST`, ...
        method: Text,
        /// Path template with static query.
        uri: Text,
        /// Host prefix template.
        host_prefix: Text,
        /// Input shape plus one; zero for none.
        input: u32,
        /// `locationName` of the input.
        wrapper: Text,
        /// Namespace of the wrapper.
        wrapper_namespace: Text,
        /// The member that names the checksum algorithm.
        checksum_member: Text,
        /// The member that names the account in which it acts.
        account_member: Text,
        /// First action rule.
        rules: u32,
        /// First resource template.
        templates: u32,
        /// First effect rule.
        effects: u32,
        /// [`operation_flag`].
        flags: u32,
        /// The service.
        service: u16,
        /// Where its requests go.
        endpoint_set: u16,
        /// Number of action rules.
        rule_count: u8,
        /// Number of resource templates.
        template_count: u8,
        /// Number of effect rules.
        effect_count: u8,
        /// Grade of [`destruction`].
        destruction: u8,
    }
}

/// Bits of [`Operation::flags`].
pub mod operation_flag {
    /// The model lets it go unsigned.
    pub const UNSIGNED: u32 = 1;
    /// The model lets its payload be unsigned.
    pub const UNSIGNED_PAYLOAD: u32 = 1 << 1;
    /// Its request body streams.
    pub const STREAMS_INPUT: u32 = 1 << 2;
    /// Its request is an event stream.
    pub const EVENTS_IN: u32 = 1 << 3;
    /// Its response is an event stream.
    pub const EVENTS_OUT: u32 = 1 << 4;
    /// Its output holds AWS credentials or a token that stands for them.
    pub const CREDENTIALS: u32 = 1 << 5;
    /// Its action is a guess: no reference names one.
    pub const ASSUMED_ACTION: u32 = 1 << 6;
    /// No IAM action guards it: a token or nobody does.
    pub const NO_ACTION: u32 = 1 << 7;
    /// A checksum of the body is required.
    pub const CHECKSUM_REQUIRED: u32 = 1 << 8;
    /// The request body may be compressed.
    pub const COMPRESSION: u32 = 1 << 9;
    /// Clients ask for the endpoint first.
    pub const ENDPOINT_DISCOVERY: u32 = 1 << 10;
    /// The model calls it read-only.
    pub const READ_ONLY: u32 = 1 << 11;
    /// It carries a flexible checksum (`httpChecksum`), so trailers are legal.
    pub const FLEXIBLE_CHECKSUM: u32 = 1 << 12;
    /// The class that the tables give applies instead of the action's own.
    pub const CLASSED: u32 = 1 << 13;
}

/// Values of [`Operation::destruction`].
pub mod destruction {
    /// Destroys nothing.
    pub const NONE: u8 = 0;
    /// Minor: tags go, an overwrite is possible, something leaves the account.
    pub const MINOR: u8 = 1;
    /// Replaces state.
    pub const REPLACES: u8 = 2;
    /// Disrupts, or a parameter decides.
    pub const DISRUPTS: u8 = 3;
    /// Irreversible loss.
    pub const LOSS: u8 = 4;
}

record! {
    /// One shape.
    Shape {
        /// Its name; for scalars the name of the kind.
        name: Text,
        /// First member.
        members: u32,
        /// Number of members: those of a structure, one for a list, two for a map.
        member_count: u16,
        /// A [`super::ShapeKind`].
        kind: u8,
        /// [`shape_flag`].
        flags: u8,
    }
}

/// Bits of [`Shape::flags`].
pub mod shape_flag {
    /// Written without a wrapping element.
    pub const FLATTENED: u8 = 1;
    /// Its values are events.
    pub const EVENT_STREAM: u8 = 2;
    /// Null items are kept.
    pub const SPARSE: u8 = 4;
}

record! {
    /// One member of a structure, the item of a list, the key or value of a map.
    Member {
        /// Its name in the model.
        name: Text,
        /// Its name on the wire.
        wire_name: Text,
        /// Its shape.
        shape: u32,
        /// [`member_flag`].
        flags: u16,
        /// A [`super::Location`].
        location: u8,
        /// A [`super::TimestampFormat`] plus one; zero for the protocol's own.
        timestamp: u8,
    }
}

/// Bits of [`Member::flags`].
pub mod member_flag {
    /// The model gives a `locationName`.
    pub const NAMED: u16 = 1;
    /// Required.
    pub const REQUIRED: u16 = 1 << 1;
    /// An attribute in XML.
    pub const ATTRIBUTE: u16 = 1 << 2;
    /// SDKs fill it anew.
    pub const IDEMPOTENCY_TOKEN: u16 = 1 << 3;
    /// Sensitive.
    pub const SENSITIVE: u16 = 1 << 4;
    /// JSON text in base64.
    pub const JSON_VALUE: u16 = 1 << 5;
    /// Fills a label of the host prefix.
    pub const HOST_LABEL: u16 = 1 << 6;
    /// Streams.
    pub const STREAMING: u16 = 1 << 7;
    /// Written without a wrapping element here.
    pub const FLATTENED: u16 = 1 << 8;
    /// Has a row in the namespaces.
    pub const NAMESPACE: u16 = 1 << 9;
    /// Has a row in the query names.
    pub const QUERY_NAME: u16 = 1 << 10;
    /// A structure that is the payload of an event.
    pub const EVENT_PAYLOAD: u16 = 1 << 11;
}

record! {
    /// The `queryName` of a member. Sorted by member.
    QueryName { /// The member.
        member: u32, /// Its name in the ec2 protocol.
        name: Text }
}

record! {
    /// The namespace of a member. Sorted by member.
    Namespace { /// The member.
        member: u32, /// Prefix.
        prefix: Text, /// URI.
        uri: Text }
}

record! {
    /// One partition.
    Partition {
        /// `aws-cn`.
        name: Text,
        /// `amazonaws.com.cn`.
        dns_suffix: Text,
        /// `api.amazonwebservices.com.cn`.
        dual_stack_suffix: Text,
        /// Where global services sign unless their own rules say otherwise.
        global_region: Text,
    }
}

record! {
    /// One region. Sorted by name.
    Region {
        /// Its name.
        name: Text,
        /// The partition.
        partition: u16,
    }
}

record! {
    /// Where the requests of one endpoint set go. Sorted by set, partition, region; the row with
    /// the empty region serves every region without a row of its own.
    Endpoint {
        /// The set.
        set: u16,
        /// The partition.
        partition: u16,
        /// The region, or empty.
        region: Text,
        /// Host, with `{region}` where the region goes.
        host: Text,
        /// Region to sign with; empty for the region itself.
        signing_region: Text,
        /// Name to sign with; empty for the service's own.
        signing_name: Text,
    }
}

record! {
    /// One host that AWS answers an API on. Sorted by host.
    Host {
        /// The host after the labels of `prefix`, `{region}` for the region.
        host: Text,
        /// A fixed prefix (`api`, `sync-`), for `host_prefix::FIXED`.
        prefix: Text,
        /// The endpoint label(s): `s3`, `api.ecr`.
        endpoint: Text,
        /// The region it serves where the host names none; empty for the partition's own.
        region: Text,
        /// First service.
        services: u32,
        /// Number of services.
        service_count: u16,
        /// The partition.
        partition: u8,
        /// A [`crate::endpoint::HostForm`].
        form: u8,
        /// [`host_prefix`].
        prefix_kind: u8,
    }
}

/// Values of [`Host::prefix_kind`].
pub mod host_prefix {
    /// The host stands alone.
    pub const NONE: u8 = 0;
    /// A fixed text stands before it.
    pub const FIXED: u8 = 1;
    /// An account id stands before it.
    pub const ACCOUNT: u8 = 2;
    /// One label stands before it.
    pub const LABEL: u8 = 3;
    /// A bucket name, dots included, stands before it.
    pub const BUCKET: u8 = 4;
}

record! {
    /// A service in a list.
    ServiceRef { /// The service.
        service: u16 }
}

record! {
    /// One IAM action. Sorted by lower-case name.
    Action {
        /// `s3:GetObject`.
        name: Text,
        /// First resource type.
        types: u32,
        /// Number of resource types.
        type_count: u8,
        /// A [`crate::call::AccessLevel`].
        level: u8,
        /// A [`crate::call::Class`].
        class: u8,
        /// [`action_flag`].
        flags: u8,
    }
}

/// Bits of [`Action::flags`].
pub mod action_flag {
    /// The service authorization reference names it, or our own table; otherwise it is a guess
    /// from the name of an operation.
    pub const KNOWN: u8 = 1;
    /// The class was decided by hand or by a verb of the table, not by default.
    pub const CLASSED: u8 = 2;
}

record! {
    /// One action that an operation needs, and when.
    ActionRule {
        /// The action.
        action: u32,
        /// Path of the condition.
        path: Text,
        /// Value of the condition.
        value: Text,
        /// [`condition`].
        condition: u8,
    }
}

/// Values of [`ActionRule::condition`].
pub mod condition {
    /// Always.
    pub const ALWAYS: u8 = 0;
    /// When the path is present.
    pub const PRESENT: u8 = 1;
    /// When it is absent.
    pub const ABSENT: u8 = 2;
    /// When some value equals.
    pub const EQUALS: u8 = 3;
    /// When some value contains the text.
    pub const CONTAINS: u8 = 4;
    /// When some value begins with the text, letter case aside.
    pub const BEGINS: u8 = 5;
    /// When no value contains the text.
    pub const LACKS: u8 = 6;
    /// When some value is another text.
    pub const DIFFERS: u8 = 7;
}

record! {
    /// One resource type. Sorted by kind.
    ResourceType {
        /// `lambda:function`.
        kind: Text,
        /// Its ARN as the reference writes it, variables as `*`, partition, region and account as
        /// `${Partition}`, `${Region}`, `${Account}`.
        pattern: Text,
        /// [`type_flag`].
        flags: u8,
    }
}

/// Bits of [`ResourceType::flags`].
pub mod type_flag {
    /// Holds data that its deletion loses.
    pub const STATEFUL: u8 = 1;
}

record! {
    /// A resource type of an action.
    ActionType {
        /// The type.
        resource_type: u16,
        /// Whether the reference marks it as required.
        required: u8,
    }
}

record! {
    /// One way in which parameters name a resource.
    Template {
        /// The action.
        action: u32,
        /// `lambda:function`.
        kind: Text,
        /// The template as written in the tables.
        text: Text,
        /// First segment.
        segments: u32,
        /// Number of segments.
        segment_count: u8,
        /// [`template_flag`].
        flags: u8,
    }
}

/// Bits of [`Template::flags`].
pub mod template_flag {
    /// The reference marks the type as required.
    pub const REQUIRED: u8 = 1;
}

record! {
    /// One piece of a template.
    Segment {
        /// Literal text, or the path of a parameter.
        text: Text,
        /// Argument of the transformation.
        argument: Text,
        /// [`segment`].
        kind: u8,
        /// [`transform`].
        transform: u8,
    }
}

/// Values of [`Segment::kind`].
pub mod segment {
    /// Text as it is.
    pub const LITERAL: u8 = 0;
    /// The partition.
    pub const PARTITION: u8 = 1;
    /// The region.
    pub const REGION: u8 = 2;
    /// The account.
    pub const ACCOUNT: u8 = 3;
    /// The value of a parameter.
    pub const PARAMETER: u8 = 4;
    /// The value of a parameter that is a whole ARN.
    pub const WHOLE: u8 = 5;
    /// The value of a parameter beside that of the segment before.
    pub const BESIDE: u8 = 6;
}

/// Values of [`Segment::transform`]: places in [`super::operation::TRANSFORMS`].
pub mod transform {
    /// As it is.
    pub const NONE: u8 = 0;
}

record! {
    /// A parameter fact and what it means.
    Effect {
        /// Path.
        path: Text,
        /// Value.
        value: Text,
        /// [`super::Test`].
        test: u8,
        /// Class it raises the call to; [`NO_CLASS`] for none.
        class: u8,
        /// A [`super::Effect`].
        effect: u8,
    }
}

/// An effect that leaves the class as it is.
pub const NO_CLASS: u8 = 0xff;

/// A table of records, read in place.
#[derive(Debug)]
pub struct Table<R> {
    bytes: &'static [u8],
    record: PhantomData<fn() -> R>,
}

impl<R: Record> Table<R> {
    /// The table in these bytes; bytes past the last whole record are ignored.
    #[must_use]
    pub fn new(bytes: &'static [u8]) -> Self {
        Self {
            bytes,
            record: PhantomData,
        }
    }

    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> u32 {
        u32::try_from(self.bytes.len() / R::SIZE).unwrap_or(u32::MAX)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Record `index`, or the default record.
    #[inline]
    #[must_use]
    pub fn at(&self, index: u32) -> R {
        let start = index as usize * R::SIZE;
        self.bytes
            .get(start..)
            .and_then(R::read)
            .unwrap_or_default()
    }

    /// The first index whose record is not `before`, in a table sorted by it.
    pub fn partition_point(&self, before: impl Fn(&R) -> bool) -> u32 {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            match before(&self.at(middle)) {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        low
    }

    /// The records from `start`, while `same` holds.
    pub fn run(&'static self, start: u32, same: impl Fn(&R) -> bool) -> impl Iterator<Item = R> {
        (start..self.len())
            .map(|index| self.at(index))
            .take_while(same)
    }
}
