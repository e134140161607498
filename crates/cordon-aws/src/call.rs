//! One identified request: what is called, with what, on what.
//!
//! Only [`crate::identify::identify`] makes a [`Call`] of a request; [`Call::planned`] makes one that
//! nobody sent, to be judged. Policy, approval digest, record and
//! emission all read this one value; there is no second parser anywhere.

use crate::arn::{AccountId, Partition, Region};
use crate::catalog::{Effect, Operation, Service};
use crate::value::Value;
use std::fmt;

/// An identified AWS call. Fields are private to this crate's making and readable by all.
#[derive(Debug, Clone)]
pub struct Call {
    pub(crate) operation: Operation,
    pub(crate) protocol: Protocol,
    pub(crate) region: Region,
    pub(crate) partition: Partition,
    pub(crate) account: Option<AccountId>,
    pub(crate) parameters: Value,
    pub(crate) accesses: Vec<Access>,
    /// The effects that the parameters tell, without what the accesses add.
    pub(crate) told: Vec<Effect>,
    pub(crate) route: Route,
}

/// What emission needs beside the parameters: which of several equal ways to write the request
/// the caller chose. Policy never reads it and the digest does not cover it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The host to send to when the upstream is AWS itself; never the raw `Host` header, always
    /// a name that the catalog's patterns made or accepted.
    pub host: String,
    /// Whether an S3 bucket travels in the host name rather than in the path.
    pub bucket_in_host: bool,
    /// The operation was called by GET with its parameters in the query (query protocol).
    pub query_by_get: bool,
    /// The path of an SQS request in the query protocol that was posted to the queue itself.
    pub queue_path: Option<Box<str>>,
}

impl Call {
    /// The operation that is called.
    #[must_use]
    pub fn operation(&self) -> Operation {
        self.operation
    }
    /// The service that is called, by botocore's name.
    #[must_use]
    pub fn service(&self) -> Service {
        self.operation.service()
    }
    /// The protocol that this request spoke; refusals answer in it.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }
    /// The region that the call acts in.
    #[must_use]
    pub fn region(&self) -> &Region {
        &self.region
    }
    /// The partition that the call acts in.
    #[must_use]
    pub fn partition(&self) -> &Partition {
        &self.partition
    }
    /// The account whose credentials the call will use, if the caller of identify knew it.
    #[must_use]
    pub fn account(&self) -> Option<&AccountId> {
        self.account.as_ref()
    }
    /// All parameters, a [`Value::Structure`] of the operation's input.
    #[must_use]
    pub fn parameters(&self) -> &Value {
        &self.parameters
    }
    /// Every action x resource the call needs; never empty. One failing access fails the call.
    #[must_use]
    pub fn accesses(&self) -> &[Access] {
        &self.accesses
    }
    /// The call of `operation` that a plan foresees: what it would need is known as if it had come by
    /// the wire. It has no host, so that it cannot be sent.
    ///
    /// # Errors
    /// Why it names no resources that one call could.
    pub fn planned(
        operation: Operation,
        parameters: Value,
        region: Region,
        account: Option<AccountId>,
    ) -> Result<Self, &'static str> {
        let partition = Partition::of_region(&region);
        let (accesses, told) = crate::resource::accesses(
            operation,
            &parameters,
            &partition,
            &region,
            account.as_ref(),
        )?;
        let protocols = operation.service().protocols();
        Ok(Self {
            protocol: protocols.first().copied().unwrap_or(Protocol::Query),
            operation,
            region,
            partition,
            account,
            parameters,
            accesses,
            told,
            route: Route {
                host: String::new(),
                bucket_in_host: false,
                query_by_get: false,
                queue_path: None,
            },
        })
    }

    /// A call of another operation of the same service, at the same place, in the same protocol:
    /// what Cordon asks itself to know what this call does. Nothing where there is no such
    /// operation, or where it would go to another host.
    #[must_use]
    pub fn beside(&self, operation: &str, parameters: Value) -> Option<Self> {
        let operation = self.service().operation(operation)?;
        let prefixed = |operation: Operation| !operation.host_prefix().is_empty();
        if prefixed(operation) || prefixed(self.operation) {
            return None;
        }
        // A host that has the bucket is that of this bucket alone.
        let bucket = |parameters: &Value| Some(parameters.get("Bucket")?.as_str()?.to_owned());
        let bucket_in_host = self.route.bucket_in_host;
        if bucket_in_host && bucket(&parameters) != bucket(&self.parameters) {
            return None;
        }
        let account = self.account.as_ref();
        let (accesses, told) = crate::resource::accesses(
            operation,
            &parameters,
            &self.partition,
            &self.region,
            account,
        )
        .ok()?;
        Some(Self {
            operation,
            accesses,
            told,
            parameters,
            route: Route {
                host: self.route.host.clone(),
                bucket_in_host,
                query_by_get: false,
                queue_path: None,
            },
            protocol: self.readable_protocol()?,
            region: self.region.clone(),
            partition: self.partition.clone(),
            account: account.cloned(),
        })
    }

    /// A call of an operation of another service, in the same region, for the same account, at the
    /// host where that service is. Nothing where there is none, or where answers are not read.
    #[must_use]
    pub fn elsewhere(&self, operation: Operation, parameters: Value) -> Option<Self> {
        let (region, account) = (self.region.clone(), self.account.clone());
        let mut call = Self::planned(operation, parameters, region, account).ok()?;
        if !operation.host_prefix().is_empty() {
            return None;
        }
        let (partition, region) = (self.partition.as_str(), self.region.as_str());
        call.route.host = operation.service().standard_host(partition, region)?;
        call.protocol = call.readable_protocol()?;
        Some(call)
    }

    /// The call's own protocol, or another of its service where answers in that one are not read.
    fn readable_protocol(&self) -> Option<Protocol> {
        let of_service = self.service().protocols().iter().copied();
        let mut readable = std::iter::once(self.protocol).chain(of_service);
        readable.find(|protocol| *protocol != Protocol::RpcV2Cbor)
    }

    /// The call as it was seen to be: its own accesses of the class `itself` where that is less
    /// than its parameters made them, and one more access for each resource behind it.
    #[must_use]
    pub fn seen(
        mut self,
        itself: Option<Class>,
        implied: impl IntoIterator<Item = Access>,
    ) -> Self {
        if let Some(itself) = itself {
            for access in &mut self.accesses {
                access.class = access.class.min(itself);
            }
        }
        self.accesses.extend(implied);
        self
    }

    /// The call on exactly these resources of a type, in the place of the patterns that its names
    /// make. Nothing where it is on none of that type.
    #[must_use]
    pub fn aimed(mut self, kind: &str, arns: &[String]) -> Option<Self> {
        let of_kind = |access: &Access| &*access.resource.kind == kind;
        let one = self.accesses.iter().find(|it| of_kind(it))?.clone();
        self.accesses.retain(|access| !of_kind(access));
        self.accesses.extend(arns.iter().map(|arn| Access {
            resource: Resource {
                arn: arn.as_str().into(),
                ..one.resource.clone()
            },
            ..one.clone()
        }));
        Some(self)
    }

    /// The call with ids in the place of names that could come to mean something else, or with what
    /// makes it tell more, and with the resources that it has by them. Nothing where that is no call
    /// of the operation.
    #[must_use]
    pub fn pinned(mut self, pins: &[(&'static str, Value)]) -> Option<Self> {
        let Value::Structure(members) = &mut self.parameters else {
            return None;
        };
        let shape = self.operation.input()?;
        for (name, value) in pins {
            shape.members().find(|member| member.name() == *name)?;
            members.insert((*name).into(), value.clone());
        }
        (self.accesses, self.told) = crate::resource::accesses(
            self.operation,
            &self.parameters,
            &self.partition,
            &self.region,
            self.account.as_ref(),
        )
        .ok()?;
        Some(self)
    }

    /// How to write the request again.
    #[must_use]
    pub fn route(&self) -> &Route {
        &self.route
    }
    /// The most severe class among the accesses.
    #[must_use]
    pub fn class(&self) -> Class {
        self.accesses
            .iter()
            .map(|access| access.class)
            .max()
            .unwrap_or(Class::Destroy)
    }
    /// Whether any access changes something.
    #[must_use]
    pub fn mutates(&self) -> bool {
        self.class().mutates()
    }
}

/// One action on one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// The IAM action: `lambda:UpdateFunctionCode`.
    pub action: Box<str>,
    /// What it acts on.
    pub resource: Resource,
    /// IAM's access level of the action.
    pub level: AccessLevel,
    /// What it does, with the parameters of this call taken into account.
    pub class: Class,
}

/// One resource, by ARN.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Resource {
    /// The ARN as far as the request tells, with `*` where it does not; the single character `*`
    /// only where the action has no resource type or the request names none.
    pub arn: Box<str>,
    /// IAM prefix and resource type: `lambda:function`; the prefix alone where there is no type.
    pub kind: Box<str>,
    /// The parameter that named it: `Delete.Objects[].Key`; empty where nothing did.
    pub source: Box<str>,
}

/// How a request is written. One service may speak several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Protocol {
    /// Form-encoded `Action=...&Version=...`, answers in XML.
    Query = 0,
    /// EC2's variant of query.
    Ec2 = 1,
    /// `X-Amz-Target`, `application/x-amz-json-1.0`.
    Json10 = 2,
    /// `X-Amz-Target`, `application/x-amz-json-1.1`.
    Json11 = 3,
    /// Method, path and JSON body.
    RestJson = 4,
    /// Method, path and XML body.
    RestXml = 5,
    /// `POST /service/X/operation/Y` with a CBOR body.
    RpcV2Cbor = 6,
}

impl Protocol {
    /// Every protocol.
    pub const ALL: [Self; 7] = [
        Self::Query,
        Self::Ec2,
        Self::Json10,
        Self::Json11,
        Self::RestJson,
        Self::RestXml,
        Self::RpcV2Cbor,
    ];

    /// The protocol's name as botocore and `cordon classify` write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Ec2 => "ec2",
            Self::Json10 | Self::Json11 => "json",
            Self::RestJson => "rest-json",
            Self::RestXml => "rest-xml",
            Self::RpcV2Cbor => "smithy-rpc-v2-cbor",
        }
    }
}

/// IAM's access levels, from the service authorization reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[expect(missing_docs, reason = "the names are IAM's own")]
pub enum AccessLevel {
    List = 0,
    Read = 1,
    Tagging = 2,
    Write = 3,
    PermissionsManagement = 4,
}

impl AccessLevel {
    /// Every level, least first.
    pub const ALL: [Self; 5] = [
        Self::List,
        Self::Read,
        Self::Tagging,
        Self::Write,
        Self::PermissionsManagement,
    ];

    /// As the service authorization reference writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::List => "List",
            Self::Read => "Read",
            Self::Tagging => "Tagging",
            Self::Write => "Write",
            Self::PermissionsManagement => "Permissions management",
        }
    }
}

/// What a call does, least to most severe. All but the first two change something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Class {
    /// Returns configuration or metadata only.
    Observe = 0,
    /// Returns customer data or secrets.
    Data = 1,
    /// Makes something new.
    Create = 2,
    /// Changes something in place.
    Update = 3,
    /// Stops, reboots or scales down: an outage that can be undone.
    Disrupt = 4,
    /// Changes who may do what, or hands out credentials.
    Identity = 5,
    /// Switches a safeguard off.
    Weaken = 6,
    /// Removes something that may not come back.
    Destroy = 7,
}

impl Class {
    /// Every class, least severe first.
    pub const ALL: [Self; 8] = [
        Self::Observe,
        Self::Data,
        Self::Create,
        Self::Update,
        Self::Disrupt,
        Self::Identity,
        Self::Weaken,
        Self::Destroy,
    ];

    /// The word that tasks and policies use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Data => "data",
            Self::Create => "create",
            Self::Update => "update",
            Self::Disrupt => "disrupt",
            Self::Identity => "identity",
            Self::Weaken => "weaken",
            Self::Destroy => "destroy",
        }
    }

    /// Whether the class changes anything.
    #[must_use]
    pub fn mutates(self) -> bool {
        self > Self::Data
    }
}

macro_rules! display_as_str {
    ($($name:ty),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    )*};
}
display_as_str!(Protocol, AccessLevel, Class);
