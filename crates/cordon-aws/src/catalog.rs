//! The catalog: every operation of every AWS service, as data.
//!
//! Takes the committed file that `cargo xtask catalog` builds from botocore's models, the
//! service authorization reference and our curated tables; gives handles that are two words
//! wide, cost nothing to make and read the file in place.

use crate::call::{AccessLevel, Class, Protocol};

/// The whole catalog, used in place.
#[derive(Debug)]
pub struct Catalog {}

/// One service, by botocore's name (`elbv2`, `logs`).
#[derive(Debug, Clone, Copy)]
pub struct Service {
    catalog: &'static Catalog,
    index: u32,
}

/// One operation of one service.
#[derive(Debug, Clone, Copy)]
pub struct Operation {
    catalog: &'static Catalog,
    index: u32,
}

/// One shape of the models: what a value may be.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    catalog: &'static Catalog,
    index: u32,
}

/// One member of a structure, or the item of a list, or the key or value of a map: a shape and
/// how it is written.
#[derive(Debug, Clone, Copy)]
pub struct Member {
    catalog: &'static Catalog,
    index: u32,
}

/// One action that an operation needs, and when.
#[derive(Debug, Clone, Copy)]
pub struct ActionRule {
    /// `s3:GetObjectVersion`.
    pub action: &'static str,
    /// When it is needed.
    pub when: Condition,
    /// IAM's level, the stricter of the current and the previous reference.
    pub level: AccessLevel,
    /// What the action does by itself, before parameters are looked at.
    pub class: Class,
}

/// When an [`ActionRule`] applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// Always.
    Always,
    /// When the parameter at this path is present.
    Present(&'static str),
    /// When the parameter at this path is absent.
    Absent(&'static str),
    /// When some value at the path equals the text.
    Equals(&'static str, &'static str),
}

/// How an ARN is made from parameters. Syntax in `data/README.md`.
#[derive(Debug, Clone, Copy)]
pub struct ResourceTemplate {
    /// The action whose resource this is.
    pub action: &'static str,
    /// `lambda:function`.
    pub kind: &'static str,
    /// `arn:${Partition}:lambda:${Region}:${Account}:function:{FunctionName}`.
    pub template: &'static str,
    /// Whether the reference marks the type as required for the action.
    pub required: bool,
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

/// How a timestamp is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
#[expect(missing_docs, reason = "the names are the models' own")]
pub enum TimestampFormat {
    Epoch,
    Iso8601,
    Rfc822,
}

impl Catalog {
    /// The catalog that this build carries.
    #[must_use]
    pub fn embedded() -> &'static Self {
        todo!()
    }
    /// Versions of the sources and a digest of the content, one line.
    #[must_use]
    pub fn version(&self) -> &'static str {
        todo!()
    }
    /// Every service, by name.
    pub fn services(&'static self) -> impl Iterator<Item = Service> {
        std::iter::empty()
    }
    /// The service with botocore's name `name`.
    #[must_use]
    pub fn service(&'static self, name: &str) -> Option<Service> {
        let _ = name;
        todo!()
    }
    /// Every service that signs with `name` in the credential scope.
    pub fn signed_as(&'static self, name: &str) -> impl Iterator<Item = Service> {
        let _ = name;
        std::iter::empty()
    }
    /// Every action that the reference knows under an IAM prefix, for wildcards and the schema.
    pub fn actions(&'static self) -> impl Iterator<Item = ActionRule> {
        std::iter::empty()
    }
}

impl Service {
    /// botocore's name: `elbv2`.
    #[must_use]
    pub fn name(self) -> &'static str {
        todo!()
    }
    /// The name in credential scopes (the service's default one).
    #[must_use]
    pub fn signing_name(self) -> &'static str {
        todo!()
    }
    /// The first label(s) of its hosts: `elasticloadbalancing`, `api.ecr`.
    #[must_use]
    pub fn endpoint_prefix(self) -> &'static str {
        todo!()
    }
    /// The prefix of its IAM actions.
    #[must_use]
    pub fn iam_prefix(self) -> &'static str {
        todo!()
    }
    /// Protocols it declares, its own order of preference.
    #[must_use]
    pub fn protocols(self) -> &'static [Protocol] {
        todo!()
    }
    /// `AmazonSQS` of `X-Amz-Target: AmazonSQS.SendMessage`; empty where it has none.
    #[must_use]
    pub fn target_prefix(self) -> &'static str {
        todo!()
    }
    /// The `Version` of query requests.
    #[must_use]
    pub fn api_version(self) -> &'static str {
        todo!()
    }
    /// The namespace of XML bodies; empty where it has none.
    #[must_use]
    pub fn xml_namespace(self) -> &'static str {
        todo!()
    }
    /// The Smithy service shape name in RPC v2 paths; empty where it has none.
    #[must_use]
    pub fn rpc_name(self) -> &'static str {
        todo!()
    }
    /// Its place among [`Catalog::services`], from 0: an index for tables made once a process.
    #[must_use]
    pub fn index(self) -> usize {
        todo!()
    }
    /// The host of its standard endpoint in `region`, without any host prefix: the name that an
    /// SDK would use without options (`iam.amazonaws.com`, `sts.cn-north-1.amazonaws.com.cn`).
    /// `None` only for services whose host is not a function of the region.
    #[must_use]
    pub fn standard_host(self, partition: &str, region: &str) -> Option<String> {
        let _ = (partition, region);
        todo!()
    }
    /// Every operation, by name.
    pub fn operations(self) -> impl Iterator<Item = Operation> {
        std::iter::empty()
    }
    /// The operation called `name`, exact case.
    #[must_use]
    pub fn operation(self, name: &str) -> Option<Operation> {
        let _ = name;
        todo!()
    }
    /// The region that this service signs with in `partition` although it is global (`iam`:
    /// `us-east-1`); `None` for regional services.
    #[must_use]
    pub fn global_region(self, partition: &str) -> Option<&'static str> {
        let _ = partition;
        todo!()
    }
}

impl Operation {
    /// The service it belongs to.
    #[must_use]
    pub fn service(self) -> Service {
        todo!()
    }
    /// `TerminateEnvironment`.
    #[must_use]
    pub fn name(self) -> &'static str {
        todo!()
    }
    /// The HTTP method of REST protocols; `POST` elsewhere.
    #[must_use]
    pub fn method(self) -> &'static str {
        todo!()
    }
    /// The path template of REST protocols, static query included:
    /// `/{Bucket}/{Key+}?uploads`; `/` elsewhere.
    #[must_use]
    pub fn uri(self) -> &'static str {
        todo!()
    }
    /// The host prefix template: `{AccountId}.`, `api.`; empty for none.
    #[must_use]
    pub fn host_prefix(self) -> &'static str {
        todo!()
    }
    /// The input structure; `None` where the operation takes nothing.
    #[must_use]
    pub fn input(self) -> Option<Shape> {
        todo!()
    }
    /// The element that wraps a rest-xml body built from body members (`locationName` of the
    /// input), and its namespace.
    #[must_use]
    pub fn input_wrapper(self) -> Option<(&'static str, &'static str)> {
        todo!()
    }
    /// The actions it needs.
    pub fn actions(self) -> impl Iterator<Item = ActionRule> {
        std::iter::empty()
    }
    /// The ARNs it touches.
    pub fn resources(self) -> impl Iterator<Item = ResourceTemplate> {
        std::iter::empty()
    }
    /// Whether the model lets it go unsigned (`auth: none`).
    #[must_use]
    pub fn unsigned(self) -> bool {
        todo!()
    }
    /// Whether the model lets its payload be unsigned.
    #[must_use]
    pub fn unsigned_payload(self) -> bool {
        todo!()
    }
    /// Whether the service demands a checksum of the body (`httpChecksumRequired`, or
    /// `requestChecksumRequired` of `httpChecksum`).
    #[must_use]
    pub fn checksum_required(self) -> bool {
        todo!()
    }
    /// The input member that names the checksum algorithm (`requestAlgorithmMember` of
    /// `httpChecksum`); empty for none.
    #[must_use]
    pub fn checksum_algorithm_member(self) -> &'static str {
        todo!()
    }
    /// Whether the service accepts a gzip-compressed body (`requestcompression`).
    #[must_use]
    pub fn accepts_gzip(self) -> bool {
        todo!()
    }
    /// Whether its request body is a stream (an S3 object).
    #[must_use]
    pub fn streams_input(self) -> bool {
        todo!()
    }
    /// Whether its request or response is an event stream.
    #[must_use]
    pub fn event_stream(self) -> bool {
        todo!()
    }
    /// Whether its output holds AWS credentials.
    #[must_use]
    pub fn returns_credentials(self) -> bool {
        todo!()
    }
    /// The curated verdict that the call destroys for certain, whatever its parameters (grade D3
    /// of the tables, or a delete-class action).
    #[must_use]
    pub fn certainly_destroys(self) -> bool {
        todo!()
    }
}

impl Shape {
    /// The shape's name in the model.
    #[must_use]
    pub fn name(self) -> &'static str {
        todo!()
    }
    /// What it is.
    #[must_use]
    pub fn kind(self) -> ShapeKind {
        todo!()
    }
    /// The members of a structure or union, in model order.
    pub fn members(self) -> impl Iterator<Item = Member> {
        std::iter::empty()
    }
    /// The member called `name` (its model name, not its wire name).
    #[must_use]
    pub fn member(self, name: &str) -> Option<Member> {
        let _ = name;
        todo!()
    }
    /// The item of a list.
    #[must_use]
    pub fn item(self) -> Option<Member> {
        todo!()
    }
    /// Key and value of a map.
    #[must_use]
    pub fn entry(self) -> Option<(Member, Member)> {
        todo!()
    }
    /// Whether a list or map is written without its wrapping element.
    #[must_use]
    pub fn flattened(self) -> bool {
        todo!()
    }
}

impl Member {
    /// The member's name in the model.
    #[must_use]
    pub fn name(self) -> &'static str {
        todo!()
    }
    /// Its shape.
    #[must_use]
    pub fn shape(self) -> Shape {
        todo!()
    }
    /// Where it travels.
    #[must_use]
    pub fn location(self) -> Location {
        todo!()
    }
    /// Its name on the wire (`locationName`), or `name` where the model gives none.
    #[must_use]
    pub fn wire_name(self) -> &'static str {
        todo!()
    }
    /// Whether the model gives a `locationName` of its own.
    #[must_use]
    pub fn has_wire_name(self) -> bool {
        todo!()
    }
    /// Its name in the ec2 protocol (`queryName`); empty for none.
    #[must_use]
    pub fn ec2_name(self) -> &'static str {
        todo!()
    }
    /// Whether this use of a list or map is written without its wrapping element (a `flattened`
    /// on the member or on its shape).
    #[must_use]
    pub fn flattened(self) -> bool {
        todo!()
    }
    /// Whether the model requires it.
    #[must_use]
    pub fn required(self) -> bool {
        todo!()
    }
    /// Whether it is an attribute of its parent's element in XML.
    #[must_use]
    pub fn xml_attribute(self) -> bool {
        todo!()
    }
    /// The namespace of its element in XML, prefix and uri; `None` for none.
    #[must_use]
    pub fn xml_namespace(self) -> Option<(&'static str, &'static str)> {
        todo!()
    }
    /// Whether SDKs fill it anew for each attempt; left out of the digest.
    #[must_use]
    pub fn idempotency_token(self) -> bool {
        todo!()
    }
    /// Whether the model marks it or its shape as sensitive.
    #[must_use]
    pub fn sensitive(self) -> bool {
        todo!()
    }
    /// Whether it is JSON text in base64 in a header (`jsonvalue`).
    #[must_use]
    pub fn json_value(self) -> bool {
        todo!()
    }
    /// Whether it fills a label of the host prefix (`hostLabel`).
    #[must_use]
    pub fn host_label(self) -> bool {
        todo!()
    }
    /// Whether its blob streams.
    #[must_use]
    pub fn streaming(self) -> bool {
        todo!()
    }
    /// The timestamp format that the model gives for this use; `None` for the protocol's own.
    #[must_use]
    pub fn timestamp_format(self) -> Option<TimestampFormat> {
        todo!()
    }
}
