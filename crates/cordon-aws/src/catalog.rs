//! The catalog: every operation of every AWS service, as data.
//!
//! Takes the committed file that `cargo xtask catalog` builds from botocore's models, the
//! service authorization reference and our curated tables; gives handles that are two words
//! wide, cost nothing to make and read the file in place.
//!
//! What is here answers "what could this be?". What a call does with its parameters is asked of
//! [`crate::resource`] and [`crate::classify`].

mod action;
mod effect;
mod host;
pub mod layout;
mod operation;
mod service;
mod shape;

pub use action::{Action, ActionRule, Condition, ResourceType};
pub use effect::{Effect, EffectRule, Test};
pub use host::{Endpoint, HostMatch, HostPattern, PartitionEntry};
pub use operation::{
    Destruction, Operation, Part, ResourceTemplate, Segment, TRANSFORMS, Transform,
};
pub use service::Service;
pub use shape::{Location, Member, Shape, ShapeKind, TimestampFormat};

use crate::call::Protocol;
use layout::{MAGIC, Section, Table, Text, name_kind};
use std::sync::LazyLock;

/// The lists of protocols that services declare, in their own order of preference. A service
/// holds the number of its list; the generator stops at a list that is not here.
pub const PROTOCOL_LISTS: &[&[Protocol]] = &[
    &[Protocol::Query],
    &[Protocol::Ec2],
    &[Protocol::Json10],
    &[Protocol::Json11],
    &[Protocol::RestJson],
    &[Protocol::RestXml],
    &[Protocol::RpcV2Cbor],
    &[Protocol::RpcV2Cbor, Protocol::Json10],
    &[Protocol::RpcV2Cbor, Protocol::Json11],
    &[Protocol::RpcV2Cbor, Protocol::Json10, Protocol::Query],
    &[Protocol::Json10, Protocol::Query],
];

/// The whole catalog, used in place.
#[derive(Debug)]
pub struct Catalog {
    version: &'static str,
    strings: &'static str,
    offsets: &'static [u8],
    services: Table<layout::Service>,
    service_names: Table<layout::ServiceName>,
    operations: Table<layout::Operation>,
    shapes: Table<layout::Shape>,
    members: Table<layout::Member>,
    query_names: Table<layout::QueryName>,
    namespaces: Table<layout::Namespace>,
    partitions: Table<layout::Partition>,
    regions: Table<layout::Region>,
    endpoints: Table<layout::Endpoint>,
    hosts: Table<layout::Host>,
    host_services: Table<layout::ServiceRef>,
    actions: Table<layout::Action>,
    action_rules: Table<layout::ActionRule>,
    resource_types: Table<layout::ResourceType>,
    action_types: Table<layout::ActionType>,
    templates: Table<layout::Template>,
    segments: Table<layout::Segment>,
    effects: Table<layout::Effect>,
}

/// Why bytes are not a catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CatalogError {
    /// The first bytes are not those of this layout.
    #[error("not a catalog of this version: run `cargo xtask catalog`")]
    Magic,
    /// A section lies outside the file.
    #[error("the catalog is cut short")]
    Truncated,
    /// The strings are not UTF-8.
    #[error("the strings of the catalog are not UTF-8")]
    Strings,
}

static EMBEDDED: &[u8] = include_bytes!("../data/catalog.bin");

static CATALOG: LazyLock<Catalog> = LazyLock::new(|| {
    #[expect(
        clippy::expect_used,
        reason = "the file is part of the build, and a test reads it"
    )]
    Catalog::read(EMBEDDED).expect("the embedded catalog is whole")
});

/// A catalog equals itself alone, so that a handle equals the one of the same place in the same
/// catalog.
impl PartialEq for Catalog {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Eq for Catalog {}

impl Catalog {
    /// The catalog that this build carries.
    #[must_use]
    pub fn embedded() -> &'static Self {
        &CATALOG
    }

    /// Reads a catalog in place. Only the frame and the strings are looked at; numbers inside
    /// are checked where they are used.
    ///
    /// # Errors
    /// [`CatalogError`] for bytes that are not a catalog of this layout.
    pub fn read(bytes: &'static [u8]) -> Result<Self, CatalogError> {
        let text =
            |section| std::str::from_utf8(part(bytes, section)?).map_err(|_| CatalogError::Strings);
        if !bytes.starts_with(&MAGIC) {
            return Err(CatalogError::Magic);
        }
        Ok(Self {
            version: text(Section::Version)?,
            strings: text(Section::Strings)?,
            offsets: part(bytes, Section::StringOffsets)?,
            services: Table::new(part(bytes, Section::Services)?),
            service_names: Table::new(part(bytes, Section::ServiceNames)?),
            operations: Table::new(part(bytes, Section::Operations)?),
            shapes: Table::new(part(bytes, Section::Shapes)?),
            members: Table::new(part(bytes, Section::Members)?),
            query_names: Table::new(part(bytes, Section::QueryNames)?),
            namespaces: Table::new(part(bytes, Section::Namespaces)?),
            partitions: Table::new(part(bytes, Section::Partitions)?),
            regions: Table::new(part(bytes, Section::Regions)?),
            endpoints: Table::new(part(bytes, Section::Endpoints)?),
            hosts: Table::new(part(bytes, Section::Hosts)?),
            host_services: Table::new(part(bytes, Section::HostServices)?),
            actions: Table::new(part(bytes, Section::Actions)?),
            action_rules: Table::new(part(bytes, Section::ActionRules)?),
            resource_types: Table::new(part(bytes, Section::ResourceTypes)?),
            action_types: Table::new(part(bytes, Section::ActionTypes)?),
            templates: Table::new(part(bytes, Section::Templates)?),
            segments: Table::new(part(bytes, Section::Segments)?),
            effects: Table::new(part(bytes, Section::Effects)?),
        })
    }

    /// Versions of the sources and a digest of the content, one line.
    #[must_use]
    pub fn version(&self) -> &'static str {
        self.version
    }

    /// Every service, by name.
    pub fn services(&'static self) -> impl Iterator<Item = Service> {
        (0..self.services.len()).map(move |index| Service {
            catalog: self,
            index,
        })
    }

    /// The service with botocore's name `name`.
    #[must_use]
    pub fn service(&'static self, name: &str) -> Option<Service> {
        let index = self
            .services
            .partition_point(|service| self.text(service.name) < name);
        let found = index < self.services.len() && self.text(self.services.at(index).name) == name;
        found.then_some(Service {
            catalog: self,
            index,
        })
    }

    /// Every service that signs with `name` in the credential scope.
    pub fn signed_as(&'static self, name: &str) -> impl Iterator<Item = Service> {
        self.named(name_kind::SIGNING, name)
    }

    /// Every service whose `X-Amz-Target` begins with `prefix` and a dot.
    pub fn targeted_as(&'static self, prefix: &str) -> impl Iterator<Item = Service> {
        self.named(name_kind::TARGET, prefix)
    }

    /// Every service whose query or ec2 requests carry this `Version`.
    pub fn versioned_as(&'static self, version: &str) -> impl Iterator<Item = Service> {
        self.named(name_kind::VERSION, version)
    }

    /// Every service with this shape name in RPC v2 paths.
    pub fn rpc_named(&'static self, name: &str) -> impl Iterator<Item = Service> {
        self.named(name_kind::RPC, name)
    }

    /// Every operation that `target` (`DynamoDB_20120810.GetItem`) may mean: one, or several where
    /// services share a prefix.
    pub fn target(&'static self, target: &str) -> impl Iterator<Item = Operation> {
        let (prefix, name) = target.rsplit_once('.').unwrap_or(("", ""));
        self.targeted_as(prefix)
            .filter_map(move |service| service.operation(name))
    }

    /// Every operation that `Action` and `Version` may mean.
    pub fn query_action(
        &'static self,
        action: &str,
        version: &str,
    ) -> impl Iterator<Item = Operation> {
        self.versioned_as(version)
            .filter_map(move |service| service.operation(action))
    }

    fn named(&'static self, kind: u8, name: &str) -> impl Iterator<Item = Service> {
        let start = self
            .service_names
            .partition_point(|entry| (entry.kind, self.text(entry.name)) < (kind, name));
        let text = self.service_names.at(start).name;
        let found = self.text(text) == name && !name.is_empty();
        self.service_names
            .run(start, move |entry| {
                found && entry.kind == kind && entry.name == text
            })
            .map(move |entry| Service {
                catalog: self,
                index: u32::from(entry.service),
            })
    }

    /// String number `text`; empty for a number that names none.
    #[inline]
    fn text(&self, text: Text) -> &'static str {
        let start = text as usize * 4;
        let Some((from, rest)) = self
            .offsets
            .get(start..)
            .and_then(<[u8]>::split_first_chunk)
        else {
            return "";
        };
        let Some(to) = rest.first_chunk() else {
            return "";
        };
        let range = u32::from_le_bytes(*from) as usize..u32::from_le_bytes(*to) as usize;
        self.strings.get(range).unwrap_or_default()
    }
}

/// The bytes of a section.
fn part(bytes: &'static [u8], section: Section) -> Result<&'static [u8], CatalogError> {
    let entry = MAGIC.len() + section as usize * 8;
    let number = |at: usize| {
        let four = bytes
            .get(at..)
            .and_then(<[u8]>::first_chunk)
            .ok_or(CatalogError::Truncated)?;
        Ok(u32::from_le_bytes(*four) as usize)
    };
    let (offset, length) = (number(entry)?, number(entry + 4)?);
    bytes
        .get(offset..offset.saturating_add(length))
        .ok_or(CatalogError::Truncated)
}
