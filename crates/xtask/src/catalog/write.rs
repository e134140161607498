//! From models, reference, rules and tables to records.

use super::authorize::{Authorization, Authorizer};
use super::file::{File, Strings};
use super::hosts::{Hosts, fixed_parameters, parameters_key};
use super::models::{MemberModel, OperationModel, ServiceModel, ShapeModel};
use super::reference::Reference;
use super::rules::Partitions;
use super::tables::Tables;
use super::{Fault, models};
use cordon_aws::call::Protocol;
use cordon_aws::catalog::layout::{
    self, Section, member_flag, name_kind, operation_flag, service_flag, shape_flag,
};
use cordon_aws::catalog::{Location, PROTOCOL_LISTS, ShapeKind};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

/// What the catalog is built from.
pub(super) struct Input<'a> {
    pub version: String,
    pub models: &'a [ServiceModel],
    pub reference: &'a Reference,
    pub partitions: &'a Partitions,
    pub tables: &'a Tables,
    pub botocore: &'a Path,
}

/// Builds the file.
pub(super) fn build(input: &Input<'_>) -> Result<Vec<u8>, Fault> {
    let hosts = Hosts::gather(
        input.models,
        input.partitions,
        input.botocore,
        &input.tables.hosts,
    )?;
    let authorizer = Authorizer::new(input.reference, input.tables);
    authorizer.check_accounts(input.models)?;
    let mut authorizations = Vec::new();
    for service in input.models {
        let prefix = authorizer.prefix(service);
        for (name, operation) in &service.model.operations {
            authorizations.push(authorizer.of(service, prefix, name, operation)?);
        }
    }
    let mut writer = Writer::default();
    writer.partitions(input.partitions)?;
    writer.actions(input, &authorizations)?;
    let mut rest = authorizations.iter();
    for (index, service) in input.models.iter().enumerate() {
        writer.service(
            index,
            service,
            authorizer.prefix(service),
            &hosts,
            &mut rest,
        )?;
    }
    writer.judge(input)?;
    writer.service_names(input.models, &hosts)?;
    writer.hosts(&hosts)?;
    writer.finish(input)
}

/// Tables under construction.
#[derive(Default)]
pub(super) struct Writer {
    pub(super) strings: Strings,
    pub(super) services: Vec<layout::Service>,
    pub(super) service_names: Vec<layout::ServiceName>,
    pub(super) operations: Vec<layout::Operation>,
    pub(super) shapes: Vec<layout::Shape>,
    pub(super) members: Vec<layout::Member>,
    pub(super) query_names: Vec<layout::QueryName>,
    pub(super) namespaces: Vec<layout::Namespace>,
    pub(super) partitions: Vec<layout::Partition>,
    pub(super) regions: Vec<layout::Region>,
    pub(super) endpoints: Vec<layout::Endpoint>,
    pub(super) hosts: Vec<layout::Host>,
    pub(super) host_services: Vec<layout::ServiceRef>,
    pub(super) actions: Vec<layout::Action>,
    pub(super) action_rules: Vec<layout::ActionRule>,
    pub(super) resource_types: Vec<layout::ResourceType>,
    pub(super) action_types: Vec<layout::ActionType>,
    pub(super) templates: Vec<layout::Template>,
    pub(super) segments: Vec<layout::Segment>,
    pub(super) effects: Vec<layout::Effect>,
    /// Numbers of actions by lower-case name.
    pub(super) action_numbers: HashMap<String, u32>,
    /// First segment of each template by its text.
    pub(super) segment_lists: HashMap<String, u32>,
    /// Shapes of scalars, which all services share.
    pub(super) scalars: HashMap<u8, u32>,
}

impl Writer {
    fn partitions(&mut self, partitions: &Partitions) -> Result<(), Fault> {
        let mut regions = BTreeMap::new();
        for (number, partition) in partitions.0.iter().enumerate() {
            self.partitions.push(layout::Partition {
                name: self.strings.number(&partition.id)?,
                dns_suffix: self.strings.number(&partition.outputs.dns_suffix)?,
                dual_stack_suffix: self
                    .strings
                    .number(&partition.outputs.dual_stack_dns_suffix)?,
                global_region: self
                    .strings
                    .number(&partition.outputs.implicit_global_region)?,
            });
            let real = partition
                .regions
                .keys()
                .filter(|name| !name.ends_with("-global"));
            regions.extend(real.map(|name| (name, number)));
        }
        for (name, number) in regions {
            self.regions.push(layout::Region {
                name: self.strings.number(name)?,
                partition: u16::try_from(number)?,
            });
        }
        Ok(())
    }

    fn service<'m>(
        &mut self,
        index: usize,
        service: &ServiceModel,
        prefix: &str,
        hosts: &Hosts,
        authorizations: &mut impl Iterator<Item = &'m Authorization>,
    ) -> Result<(), Fault> {
        let metadata = &service.model.metadata;
        let mut flags = 0;
        for (name, flag) in [
            ("aws.auth#sigv4a", service_flag::SIGV4A),
            ("smithy.api#httpBearerAuth", service_flag::BEARER),
        ] {
            // A service that takes both a signature and a token is no bearer service.
            let only = flag == service_flag::SIGV4A || metadata.auth.len() < 2;
            if only && metadata.auth.iter().any(|scheme| scheme == name) {
                flags |= flag;
            }
        }
        if metadata.signature_version == "bearer" {
            flags |= service_flag::BEARER;
        }
        if metadata.aws_query_compatible.is_some() {
            flags |= service_flag::QUERY_COMPATIBLE;
        }
        let first = u32::try_from(self.operations.len())?;
        let mut shapes = HashMap::new();
        for (name, operation) in &service.model.operations {
            let mut record = self.operation(index, service, name, operation, hosts, &mut shapes)?;
            let authorization = authorizations.next().ok_or("an operation went missing")?;
            self.authorization(&mut record, authorization)?;
            self.operations.push(record);
        }
        let rpc_name = match metadata
            .protocols
            .iter()
            .any(|name| name == "smithy-rpc-v2-cbor")
        {
            true => metadata.target_prefix.as_str(),
            false => "",
        };
        let set = hosts
            .service_sets
            .get(index)
            .ok_or("a service has no endpoint set")?;
        let record = layout::Service {
            name: self.strings.number(&service.name)?,
            signing_name: self.strings.number(service.signing_name())?,
            endpoint_prefix: self.strings.number(&metadata.endpoint_prefix)?,
            iam_prefix: self.strings.number(prefix)?,
            target_prefix: self.strings.number(&metadata.target_prefix)?,
            api_version: self.strings.number(&metadata.api_version)?,
            xml_namespace: self.strings.number(&metadata.xml_namespace.uri)?,
            rpc_name: self.strings.number(rpc_name)?,
            service_id: self.strings.number(&metadata.service_id)?,
            operations: first,
            operation_count: u16::try_from(service.model.operations.len())?,
            protocols: protocol_list(service)?,
            flags,
            endpoint_set: u16::try_from(*set)?,
        };
        self.services.push(record);
        Ok(())
    }

    fn operation(
        &mut self,
        index: usize,
        service: &ServiceModel,
        name: &str,
        operation: &OperationModel,
        hosts: &Hosts,
        shapes: &mut HashMap<String, u32>,
    ) -> Result<layout::Operation, Fault> {
        let input = match &operation.input {
            Some(input) => self.shape(service, &input.shape, shapes)? + 1,
            None => 0,
        };
        let wrapper = operation.input.as_ref();
        let key = (index, parameters_key(&fixed_parameters(operation)));
        let set = hosts
            .operation_sets
            .get(&key)
            .ok_or("an operation has no endpoint set")?;
        let prefix = operation
            .endpoint
            .as_ref()
            .map_or("", |endpoint| &endpoint.host_prefix);
        let checksum = operation.http_checksum.as_ref();
        let member = checksum.map_or("", |checksum| &checksum.request_algorithm_member);
        Ok(layout::Operation {
            name: self.strings.number(name)?,
            method: self.strings.number(&operation.http.method)?,
            uri: self.strings.number(&operation.http.request_uri)?,
            host_prefix: self.strings.number(prefix)?,
            input,
            wrapper: self
                .strings
                .number(wrapper.map_or("", |input| &input.location_name))?,
            wrapper_namespace: self
                .strings
                .number(wrapper.map_or("", |input| &input.xml_namespace.uri))?,
            checksum_member: self.strings.number(member)?,
            flags: operation_flags(service, operation)?,
            service: u16::try_from(index)?,
            endpoint_set: u16::try_from(*set)?,
            ..layout::Operation::default()
        })
    }

    /// The number of a shape, which is written when it is first met. A shape may hold itself, so
    /// its number is given before its members are looked at.
    fn shape(
        &mut self,
        service: &ServiceModel,
        name: &str,
        known: &mut HashMap<String, u32>,
    ) -> Result<u32, Fault> {
        if let Some(number) = known.get(name) {
            return Ok(*number);
        }
        let model = service.shape(name)?;
        let kind = shape_kind(model)?;
        let Some(written) = member_models(model, kind) else {
            return self.scalar(kind);
        };
        let number = u32::try_from(self.shapes.len())?;
        known.insert(name.to_owned(), number);
        let first = self.members.len();
        let mut flags = 0;
        for (set, flag) in [
            (model.flattened, shape_flag::FLATTENED),
            (model.eventstream, shape_flag::EVENT_STREAM),
            (model.sparse, shape_flag::SPARSE),
        ] {
            flags |= if set { flag } else { 0 };
        }
        self.shapes.push(layout::Shape {
            name: self.strings.number(name)?,
            members: u32::try_from(first)?,
            member_count: u16::try_from(written.len())?,
            kind: kind as u8,
            flags,
        });
        self.members
            .resize(first + written.len(), layout::Member::default());
        for (place, (member_name, member)) in written.into_iter().enumerate() {
            let record = self.member(service, model, member_name, member, first + place, known)?;
            if let Some(slot) = self.members.get_mut(first + place) {
                *slot = record;
            }
        }
        Ok(number)
    }

    fn scalar(&mut self, kind: ShapeKind) -> Result<u32, Fault> {
        if let Some(number) = self.scalars.get(&(kind as u8)) {
            return Ok(*number);
        }
        let number = u32::try_from(self.shapes.len())?;
        self.shapes.push(layout::Shape {
            name: self.strings.number(kind.as_str())?,
            kind: kind as u8,
            ..layout::Shape::default()
        });
        self.scalars.insert(kind as u8, number);
        Ok(number)
    }

    fn member(
        &mut self,
        service: &ServiceModel,
        parent: &ShapeModel,
        name: &str,
        member: &MemberModel,
        place: usize,
        known: &mut HashMap<String, u32>,
    ) -> Result<layout::Member, Fault> {
        let target = service.shape(&member.shape)?;
        let place = u32::try_from(place)?;
        let namespace = match member.xml_namespace.uri.is_empty() {
            true => &target.xml_namespace,
            false => &member.xml_namespace,
        };
        let mut flags = 0;
        for (set, flag) in [
            (member.location_name.is_some(), member_flag::NAMED),
            (
                parent.required.iter().any(|required| required == name),
                member_flag::REQUIRED,
            ),
            (member.xml_attribute, member_flag::ATTRIBUTE),
            (member.idempotency_token, member_flag::IDEMPOTENCY_TOKEN),
            (target.sensitive, member_flag::SENSITIVE),
            (member.jsonvalue, member_flag::JSON_VALUE),
            (member.host_label, member_flag::HOST_LABEL),
            (member.streaming || target.streaming, member_flag::STREAMING),
            (member.flattened, member_flag::FLATTENED),
            (!namespace.uri.is_empty(), member_flag::NAMESPACE),
            (!member.query_name.is_empty(), member_flag::QUERY_NAME),
            (member.eventpayload, member_flag::EVENT_PAYLOAD),
        ] {
            flags |= if set { flag } else { 0 };
        }
        if !namespace.uri.is_empty() {
            let (prefix, uri) = (
                self.strings.number(&namespace.prefix)?,
                self.strings.number(&namespace.uri)?,
            );
            self.namespaces.push(layout::Namespace {
                member: place,
                prefix,
                uri,
            });
        }
        if !member.query_name.is_empty() {
            let name = self.strings.number(&member.query_name)?;
            self.query_names.push(layout::QueryName {
                member: place,
                name,
            });
        }
        let timestamp = match member.timestamp_format.is_empty() {
            true => &target.timestamp_format,
            false => &member.timestamp_format,
        };
        Ok(layout::Member {
            name: self.strings.number(name)?,
            wire_name: self
                .strings
                .number(member.location_name.as_deref().unwrap_or(name))?,
            shape: self.shape(service, &member.shape, known)?,
            flags,
            location: location(parent, name, member)? as u8,
            timestamp: match timestamp.as_str() {
                "" => 0,
                "unixTimestamp" => 1,
                "iso8601" => 2,
                "rfc822" => 3,
                other => return Err(format!("no timestamp format `{other}`").into()),
            },
        })
    }

    fn service_names(&mut self, models: &[ServiceModel], hosts: &Hosts) -> Result<(), Fault> {
        let mut names = BTreeSet::new();
        for (index, service) in models.iter().enumerate() {
            let index = u16::try_from(index)?;
            let record = self
                .services
                .get(usize::from(index))
                .ok_or("a service went missing")?;
            let list = PROTOCOL_LISTS
                .get(usize::from(record.protocols))
                .copied()
                .unwrap_or_default();
            let speaks = |wanted: &[Protocol]| list.iter().any(|one| wanted.contains(one));
            let metadata = &service.model.metadata;
            let signing = hosts
                .signing_names
                .get(usize::from(index))
                .into_iter()
                .flatten();
            names.extend(signing.map(|name| (name_kind::SIGNING, name.clone(), index)));
            if speaks(&[Protocol::Json10, Protocol::Json11]) {
                names.insert((name_kind::TARGET, metadata.target_prefix.clone(), index));
            }
            if speaks(&[Protocol::Query, Protocol::Ec2]) {
                names.insert((name_kind::VERSION, metadata.api_version.clone(), index));
            }
            if speaks(&[Protocol::RpcV2Cbor]) {
                names.insert((name_kind::RPC, metadata.target_prefix.clone(), index));
            }
        }
        for (kind, name, service) in names {
            let name = self.strings.number(&name)?;
            self.service_names.push(layout::ServiceName {
                kind,
                name,
                service,
            });
        }
        Ok(())
    }

    fn hosts(&mut self, hosts: &Hosts) -> Result<(), Fault> {
        for (set, rows) in hosts.sets.iter().enumerate() {
            for ((partition, region), resolved) in rows {
                self.endpoints.push(layout::Endpoint {
                    set: u16::try_from(set)?,
                    partition: u16::try_from(*partition)?,
                    region: self.strings.number(region)?,
                    host: self.strings.number(&resolved.host)?,
                    signing_region: self
                        .strings
                        .number(resolved.signing_region.as_deref().unwrap_or_default())?,
                    signing_name: self
                        .strings
                        .number(resolved.signing_name.as_deref().unwrap_or_default())?,
                });
            }
        }
        let mut lists: HashMap<Vec<u16>, u32> = HashMap::new();
        for (key, entry) in &hosts.hosts {
            let list: Vec<u16> = entry
                .services
                .iter()
                .map(|service| u16::try_from(*service))
                .collect::<Result<_, _>>()?;
            let first = match lists.get(&list) {
                Some(first) => *first,
                None => {
                    let first = u32::try_from(self.host_services.len())?;
                    self.host_services.extend(
                        list.iter()
                            .map(|service| layout::ServiceRef { service: *service }),
                    );
                    lists.insert(list.clone(), first);
                    first
                }
            };
            self.hosts.push(layout::Host {
                host: self.strings.number(&key.host)?,
                prefix: self.strings.number(&key.prefix)?,
                endpoint: self.strings.number(&entry.endpoint)?,
                region: self.strings.number(&entry.region)?,
                services: first,
                service_count: u16::try_from(list.len())?,
                partition: u8::try_from(key.partition)?,
                form: entry.form,
                prefix_kind: key.prefix_kind,
            });
        }
        Ok(())
    }

    fn finish(mut self, input: &Input<'_>) -> Result<Vec<u8>, Fault> {
        self.namespaces.sort();
        self.query_names.sort();
        let content = self.file(&input.version)?.finish()?;
        let digest = hex::encode(Sha256::digest(&content));
        let short = digest.get(..12).unwrap_or_default();
        let version = format!(
            "catalog {short} ({}; {} services, {} operations)",
            input.version,
            self.services.len(),
            self.operations.len()
        );
        self.file(&version)?.finish()
    }

    fn file(&self, version: &str) -> Result<File, Fault> {
        let mut file = File::new(version, &self.strings)?;
        file.put(Section::Services, &self.services);
        file.put(Section::ServiceNames, &self.service_names);
        file.put(Section::Operations, &self.operations);
        file.put(Section::Shapes, &self.shapes);
        file.put(Section::Members, &self.members);
        file.put(Section::QueryNames, &self.query_names);
        file.put(Section::Namespaces, &self.namespaces);
        file.put(Section::Partitions, &self.partitions);
        file.put(Section::Regions, &self.regions);
        file.put(Section::Endpoints, &self.endpoints);
        file.put(Section::Hosts, &self.hosts);
        file.put(Section::HostServices, &self.host_services);
        file.put(Section::Actions, &self.actions);
        file.put(Section::ActionRules, &self.action_rules);
        file.put(Section::ResourceTypes, &self.resource_types);
        file.put(Section::ActionTypes, &self.action_types);
        file.put(Section::Templates, &self.templates);
        file.put(Section::Segments, &self.segments);
        file.put(Section::Effects, &self.effects);
        Ok(file)
    }
}

/// The number of the service's list of protocols, its own order kept.
fn protocol_list(service: &ServiceModel) -> Result<u8, Fault> {
    let metadata = &service.model.metadata;
    let mut names: Vec<&str> = metadata.protocols.iter().map(String::as_str).collect();
    if names.is_empty() {
        names.push(&metadata.protocol);
    }
    // SQS left the query protocol in 2023; its older clients still speak it.
    if service.name == "sqs" {
        names.push("query");
    }
    let list = names
        .iter()
        .map(|name| match (*name, metadata.json_version.as_deref()) {
            ("query", _) => Ok(Protocol::Query),
            ("ec2", _) => Ok(Protocol::Ec2),
            ("json", Some("1.0")) => Ok(Protocol::Json10),
            ("json", _) => Ok(Protocol::Json11),
            ("rest-json", _) => Ok(Protocol::RestJson),
            ("rest-xml", _) => Ok(Protocol::RestXml),
            ("smithy-rpc-v2-cbor", _) => Ok(Protocol::RpcV2Cbor),
            (other, _) => Err(format!("`{}` speaks `{other}`", service.name)),
        })
        .collect::<Result<Vec<_>, _>>()?;
    let place = PROTOCOL_LISTS
        .iter()
        .position(|known| *known == list.as_slice());
    let place = place.ok_or_else(|| {
        format!(
            "PROTOCOL_LISTS lacks {list:?}, which `{}` declares",
            service.name
        )
    })?;
    Ok(u8::try_from(place)?)
}

fn operation_flags(service: &ServiceModel, operation: &OperationModel) -> Result<u32, Fault> {
    let auth = |name: &str| operation.auth.iter().any(|scheme| scheme == name);
    let checksum = operation.http_checksum.as_ref();
    let mut flags = 0;
    for (set, flag) in [
        (
            auth("smithy.api#noAuth") || operation.authtype.as_deref() == Some("none"),
            operation_flag::UNSIGNED,
        ),
        (
            operation.unsigned_payload || operation.authtype.as_deref() == Some("v4-unsigned-body"),
            operation_flag::UNSIGNED_PAYLOAD,
        ),
        (
            operation.http_checksum_required
                || checksum.is_some_and(|checksum| checksum.request_checksum_required),
            operation_flag::CHECKSUM_REQUIRED,
        ),
        (
            checksum.is_some_and(|checksum| !checksum.request_algorithm_member.is_empty()),
            operation_flag::FLEXIBLE_CHECKSUM,
        ),
        (
            operation.requestcompression.is_some(),
            operation_flag::COMPRESSION,
        ),
        (
            operation.endpointdiscovery.is_some(),
            operation_flag::ENDPOINT_DISCOVERY,
        ),
        (operation.readonly, operation_flag::READ_ONLY),
        (
            streams(service, &operation.input)?,
            operation_flag::STREAMS_INPUT,
        ),
        (
            events(service, &operation.input)?,
            operation_flag::EVENTS_IN,
        ),
        (
            events(service, &operation.output)?,
            operation_flag::EVENTS_OUT,
        ),
    ] {
        flags |= if set { flag } else { 0 };
    }
    Ok(flags)
}

/// Whether the payload of the structure is a blob that streams.
fn streams(service: &ServiceModel, input: &Option<models::Input>) -> Result<bool, Fault> {
    let Some(input) = input else { return Ok(false) };
    let shape = service.shape(&input.shape)?;
    for (name, member) in &shape.members.0 {
        let target = service.shape(&member.shape)?;
        if *name == shape.payload && (member.streaming || target.streaming) && target.kind == "blob"
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a member of the structure is an event stream.
fn events(service: &ServiceModel, input: &Option<models::Input>) -> Result<bool, Fault> {
    let Some(input) = input else { return Ok(false) };
    for (_, member) in &service.shape(&input.shape)?.members.0 {
        if service.shape(&member.shape)?.eventstream {
            return Ok(true);
        }
    }
    Ok(false)
}

fn shape_kind(model: &ShapeModel) -> Result<ShapeKind, Fault> {
    Ok(match model.kind.as_str() {
        _ if model.document => ShapeKind::Document,
        "structure" if model.union => ShapeKind::Union,
        "structure" => ShapeKind::Structure,
        "list" => ShapeKind::List,
        "map" => ShapeKind::Map,
        "string" | "character" => ShapeKind::String,
        "boolean" => ShapeKind::Boolean,
        "integer" | "long" | "short" | "byte" | "bigInteger" => ShapeKind::Integer,
        "float" | "double" | "bigDecimal" => ShapeKind::Float,
        "blob" => ShapeKind::Blob,
        "timestamp" => ShapeKind::Timestamp,
        other => return Err(format!("no kind of shape `{other}`").into()),
    })
}

/// The members of a structure, the item of a list, key and value of a map; nothing for scalars.
fn member_models(model: &ShapeModel, kind: ShapeKind) -> Option<Vec<(&str, &MemberModel)>> {
    match kind {
        ShapeKind::Structure | ShapeKind::Union => Some(
            model
                .members
                .0
                .iter()
                .map(|(name, member)| (name.as_str(), member))
                .collect(),
        ),
        ShapeKind::List => Some(vec![("member", model.member.as_ref()?)]),
        ShapeKind::Map => Some(vec![
            ("key", model.key.as_ref()?),
            ("value", model.value.as_ref()?),
        ]),
        _ => None,
    }
}

fn location(parent: &ShapeModel, name: &str, member: &MemberModel) -> Result<Location, Fault> {
    Ok(match member.location.as_str() {
        "" if parent.payload == name => Location::Payload,
        "" => Location::Body,
        "uri" => Location::Uri,
        "querystring" => Location::QueryString,
        "header" => Location::Header,
        "headers" => Location::Headers,
        // Only answers have a status code.
        "statusCode" => Location::Body,
        other => return Err(format!("no location `{other}`").into()),
    })
}
