//! EC2: instances and VPCs, with termination protection and a dry run that is one.
//!
//! `DryRun` is answered in [`super::perform`], after the policies and before the operation, so
//! that no operation here can forget it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Call, Operation, Routing, Service, iso, on_everything};
use crate::estate::Estate;
use crate::identity::{Access, hexadecimal};
use crate::reply::{Answer, Fault, Protocol};
use crate::request::Input;

/// EC2.
pub(crate) const SERVICE: Service = Service {
    name: "ec2",
    protocol: Protocol::Ec2,
    namespace: "http://ec2.amazonaws.com/doc/2016-11-15/",
    routing: Routing::Action,
    operations: &[
        Operation::new("DescribeInstances", on_everything, describe_instances),
        Operation::new("RunInstances", run_accesses, run_instances),
        Operation::new("StartInstances", on_instances, start),
        Operation::new("StopInstances", on_instances, stop),
        Operation::new("RebootInstances", on_instances, reboot),
        Operation::new("TerminateInstances", on_instances, terminate),
        Operation::new("ModifyInstanceAttribute", on_instance, modify),
        Operation::new("CreateTags", on_tagged, create_tags),
        Operation::new("DescribeVpcs", on_everything, describe_vpcs),
        Operation::new("DescribeVpcAttribute", on_vpc, vpc_attribute),
        Operation::new("DescribeNetworkAcls", on_everything, no_parts),
        Operation::new("DescribeRouteTables", on_everything, no_parts),
        Operation::new("DescribeSecurityGroups", on_everything, no_parts),
        Operation::new("CreateVpc", on_any_vpc, create_vpc),
        Operation::new("DeleteVpc", on_vpc, delete_vpc),
    ],
};

/// The instances and networks of one account in one region.
#[derive(Clone, Default)]
pub(crate) struct Ec2 {
    instances: BTreeMap<String, Instance>,
    vpcs: BTreeMap<String, Vpc>,
}

#[derive(Clone)]
struct Instance {
    image: String,
    kind: String,
    launched: Timestamp,
    state: State,
    protected: bool,
    tags: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Running,
    Stopped,
    Terminated,
}

#[derive(Clone)]
struct Vpc {
    block: String,
    tenancy: String,
    tags: BTreeMap<String, String>,
}

impl State {
    fn to_json(self) -> Value {
        let (code, name) = match self {
            Self::Running => (16, "running"),
            Self::Stopped => (80, "stopped"),
            Self::Terminated => (48, "terminated"),
        };
        json!({"code": code, "name": name})
    }

    fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Stopped => "stopped",
            Self::Terminated => "terminated",
        }
    }
}

impl Instance {
    fn to_json(&self, id: &str) -> Value {
        json!({
            "instanceId": id,
            "imageId": self.image,
            "instanceType": self.kind,
            "launchTime": iso(self.launched),
            "instanceState": self.state.to_json(),
            "tagSet": tag_set(&self.tags),
        })
    }
}

impl Ec2 {
    fn instance(&mut self, id: &str) -> Result<&mut Instance, Fault> {
        self.instances.get_mut(id).ok_or_else(|| {
            Fault::new(
                400,
                "InvalidInstanceID.NotFound",
                format!("The instance ID '{id}' does not exist"),
            )
        })
    }

    /// The tags of an instance.
    pub(crate) fn tags_of(&self, call: &Call<'_>, arn: &str) -> Vec<(String, String)> {
        let instances = self.instances.iter();
        let mut named =
            instances.filter(|(id, _)| call.arn_of("ec2", &format!("instance/{id}")) == arn);
        let tags = named.next().map(|(_, instance)| instance.tags.clone());
        tags.into_iter().flatten().collect()
    }

    pub(crate) fn to_json(&self) -> Value {
        let instances: BTreeMap<&String, &str> = self
            .instances
            .iter()
            .map(|(id, instance)| (id, instance.state.name()))
            .collect();
        let vpcs: Vec<&String> = self.vpcs.keys().collect();
        json!({"instances": instances, "vpcs": vpcs})
    }
}

fn tag_set(tags: &BTreeMap<String, String>) -> Value {
    let items: Vec<Value> = tags
        .iter()
        .map(|(key, value)| json!({"key": key, "value": value}))
        .collect();
    json!({"item": items})
}

fn read_tags(input: Input<'_>, path: &str) -> Result<BTreeMap<String, String>, Fault> {
    input
        .list(path)
        .into_iter()
        .map(|tag| {
            Ok((
                tag.required("Key")?.to_owned(),
                tag.text("Value").unwrap_or_default().to_owned(),
            ))
        })
        .collect()
}

/// The tags that a creation gives to one type of resource.
fn specified_tags(input: Input<'_>, kind: &str) -> Result<BTreeMap<String, String>, Fault> {
    let mut tags = BTreeMap::new();
    for specification in input.list("TagSpecification") {
        match specification.required("ResourceType")? == kind {
            true => tags.extend(read_tags(specification, "Tag")?),
            false => {
                return Err(Fault::invalid(format!(
                    "the lab tags only the {kind} of this call"
                )));
            }
        }
    }
    Ok(tags)
}

fn instance_ids<'a>(call: &'a Call<'_>) -> Result<Vec<&'a str>, Fault> {
    let ids = call.input().texts("InstanceId");
    match ids.is_empty() {
        true => Err(Fault::missing("InstanceId")),
        false => Ok(ids),
    }
}

fn on_instances(call: &Call<'_>, _: &Estate) -> Result<Vec<Access>, Fault> {
    let access = |id: &str| call.access(call.arn(&format!("instance/{id}")));
    Ok(instance_ids(call)?.into_iter().map(access).collect())
}

fn on_instance(call: &Call<'_>, _: &Estate) -> Result<Vec<Access>, Fault> {
    let id = call.input().required("InstanceId")?;
    Ok(vec![call.access(call.arn(&format!("instance/{id}")))])
}

/// A launch touches more than instances: AWS asks for each of these.
fn run_accesses(call: &Call<'_>, _: &Estate) -> Result<Vec<Access>, Fault> {
    let input = call.input();
    let image = format!(
        "arn:{}:ec2:{}::image/{}",
        call.partition,
        call.region,
        input.required("ImageId")?
    );
    let subnet = format!("subnet/{}", input.text("SubnetId").unwrap_or("*"));
    let groups = match input.texts("SecurityGroupId") {
        groups if groups.is_empty() => vec!["*"],
        groups => groups,
    };
    let mut resources = vec![
        image,
        call.arn("instance/*"),
        call.arn("network-interface/*"),
        call.arn("volume/*"),
        call.arn(&subnet),
    ];
    resources.extend(
        groups
            .into_iter()
            .map(|group| call.arn(&format!("security-group/{group}"))),
    );
    let mut accesses: Vec<Access> = resources
        .into_iter()
        .map(|resource| call.access(resource))
        .collect();
    if !input.list("TagSpecification").is_empty() {
        accesses.push(Access::new("ec2:CreateTags", call.arn("instance/*")));
    }
    Ok(accesses)
}

fn on_tagged(call: &Call<'_>, _: &Estate) -> Result<Vec<Access>, Fault> {
    let ids = call.input().texts("ResourceId");
    if ids.is_empty() {
        return Err(Fault::missing("ResourceId"));
    }
    ids.into_iter()
        .map(|id| {
            let kind = match id.split_once('-') {
                Some(("i", _)) => "instance",
                Some(("vpc", _)) => "vpc",
                _ => {
                    return Err(Fault::new(
                        400,
                        "InvalidID",
                        format!("The ID '{id}' is not valid"),
                    ));
                }
            };
            Ok(call.access(call.arn(&format!("{kind}/{id}"))))
        })
        .collect()
}

fn on_any_vpc(call: &Call<'_>, _: &Estate) -> Result<Vec<Access>, Fault> {
    let mut accesses = vec![call.access(call.arn("vpc/*"))];
    if !call.input().list("TagSpecification").is_empty() {
        accesses.push(Access::new("ec2:CreateTags", call.arn("vpc/*")));
    }
    Ok(accesses)
}

fn on_vpc(call: &Call<'_>, _: &Estate) -> Result<Vec<Access>, Fault> {
    let id = call.input().required("VpcId")?;
    Ok(vec![call.access(call.arn(&format!("vpc/{id}")))])
}

/// One filter: a name and the values of which one must fit.
fn check_filters(
    call: &Call<'_>,
    fields: &BTreeMap<&str, String>,
    tags: &BTreeMap<String, String>,
) -> Result<bool, Fault> {
    for filter in call.input().list("Filter") {
        let name = filter.required("Name")?;
        let actual = match name.strip_prefix("tag:") {
            Some(key) => tags.get(key),
            None => Some(fields.get(name).ok_or_else(|| {
                Fault::new(
                    400,
                    "InvalidParameterValue",
                    format!("The filter '{name}' is invalid"),
                )
            })?),
        };
        let fits = actual.is_some_and(|actual| {
            filter
                .texts("Value")
                .iter()
                .any(|value| crate::policy::glob(value, actual))
        });
        if !fits {
            return Ok(false);
        }
    }
    Ok(true)
}

fn describe_instances(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let wanted = call.input().texts("InstanceId");
    let account = &call.caller.account;
    let ec2 = &mut call.place(estate).ec2;
    for id in &wanted {
        ec2.instance(id)?;
    }
    let mut reservations = Vec::new();
    for (id, instance) in &ec2.instances {
        let fields = BTreeMap::from([
            ("instance-id", id.clone()),
            ("instance-state-name", instance.state.name().to_owned()),
            ("instance-type", instance.kind.clone()),
            ("image-id", instance.image.clone()),
        ]);
        let is_wanted = wanted.is_empty() || wanted.contains(&id.as_str());
        if is_wanted && check_filters(call, &fields, &instance.tags)? {
            reservations.push(json!({
                "reservationId": format!("r-{}", id.trim_start_matches("i-")),
                "ownerId": account,
                "instancesSet": {"item": [instance.to_json(id)]},
            }));
        }
    }
    Ok(Answer::fields(
        json!({"reservationSet": {"item": reservations}}),
    ))
}

fn run_instances(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let input = call.input();
    let image = input.required("ImageId")?;
    let count = |name: &str| match input.integer(name) {
        Ok(Some(count @ 1..=50)) => Ok(count),
        Ok(_) => Err(Fault::missing(name)),
        Err(fault) => Err(fault),
    };
    let (minimum, maximum) = (count("MinCount")?, count("MaxCount")?);
    if minimum > maximum {
        return Err(Fault::invalid("MinCount must not be greater than MaxCount"));
    }
    if input.at("IamInstanceProfile").is_some() {
        return Err(Fault::invalid(
            "Invalid IAM Instance Profile: the lab has none",
        ));
    }
    let instance = Instance {
        image: image.to_owned(),
        kind: input.text("InstanceType").unwrap_or("m1.small").to_owned(),
        launched: call.now,
        state: State::Running,
        protected: input.boolean("DisableApiTermination")?.unwrap_or(false),
        tags: specified_tags(input, "instance")?,
    };
    let ec2 = &mut call.place(estate).ec2;
    let mut items = Vec::new();
    for _ in 0..maximum {
        let id = format!("i-{}", hexadecimal(17));
        items.push(instance.to_json(&id));
        ec2.instances.insert(id, instance.clone());
    }
    Ok(Answer::fields(json!({
        "reservationId": format!("r-{}", hexadecimal(17)),
        "ownerId": call.caller.account,
        "instancesSet": {"item": items},
    })))
}

/// Moves all instances of a call, or none of them.
fn change(call: &Call<'_>, estate: &mut Estate, next: State) -> Result<Answer, Fault> {
    let ids = instance_ids(call)?;
    let ec2 = &mut call.place(estate).ec2;
    for id in &ids {
        let instance = ec2.instance(id)?;
        if instance.state == State::Terminated && next != State::Terminated {
            return Err(Fault::new(
                400,
                "IncorrectInstanceState",
                format!("The instance '{id}' is not in a state from which it can be changed."),
            ));
        }
        if instance.protected && next == State::Terminated {
            return Err(Fault::new(
                400,
                "OperationNotPermitted",
                format!(
                    "The instance '{id}' may not be terminated. Modify its \
                     'disableApiTermination' instance attribute and try again."
                ),
            ));
        }
    }
    let mut items = Vec::new();
    for id in &ids {
        let instance = ec2.instance(id)?;
        let previous = std::mem::replace(&mut instance.state, next);
        items.push(json!({"instanceId": id, "currentState": next.to_json(), "previousState": previous.to_json()}));
    }
    Ok(Answer::fields(json!({"instancesSet": {"item": items}})))
}

fn start(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    change(call, estate, State::Running)
}

fn stop(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    change(call, estate, State::Stopped)
}

fn terminate(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    change(call, estate, State::Terminated)
}

fn reboot(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let ec2 = &mut call.place(estate).ec2;
    for id in instance_ids(call)? {
        ec2.instance(id)?;
    }
    Ok(done())
}

fn done() -> Answer {
    Answer::fields(json!({"return": true}))
}

fn modify(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let input = call.input();
    let protected = input
        .boolean("DisableApiTermination.Value")?
        .ok_or_else(|| Fault::invalid("the lab changes only DisableApiTermination"))?;
    call.place(estate)
        .ec2
        .instance(input.required("InstanceId")?)?
        .protected = protected;
    Ok(done())
}

fn create_tags(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let tags = read_tags(call.input(), "Tag")?;
    let ec2 = &mut call.place(estate).ec2;
    for id in call.input().texts("ResourceId") {
        match ec2.vpcs.get_mut(id) {
            Some(vpc) => vpc.tags.extend(tags.clone()),
            None => ec2.instance(id)?.tags.extend(tags.clone()),
        }
    }
    Ok(done())
}

impl Vpc {
    fn to_json(&self, id: &str, account: &str) -> Value {
        json!({
            "vpcId": id,
            "ownerId": account,
            "state": "available",
            "cidrBlock": self.block,
            "instanceTenancy": self.tenancy,
            "dhcpOptionsId": "default",
            "isDefault": false,
            "tagSet": tag_set(&self.tags),
        })
    }
}

fn describe_vpcs(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let wanted = call.input().texts("VpcId");
    let ec2 = &mut call.place(estate).ec2;
    if let Some(id) = wanted.iter().find(|id| !ec2.vpcs.contains_key(**id)) {
        return Err(no_vpc(id));
    }
    let mut items = Vec::new();
    for (id, vpc) in &ec2.vpcs {
        let fields = BTreeMap::from([
            ("vpc-id", id.clone()),
            ("cidr", vpc.block.clone()),
            ("state", "available".to_owned()),
        ]);
        if (wanted.is_empty() || wanted.contains(&id.as_str()))
            && check_filters(call, &fields, &vpc.tags)?
        {
            items.push(vpc.to_json(id, &call.caller.account));
        }
    }
    Ok(Answer::fields(json!({"vpcSet": {"item": items}})))
}

/// A network of the lab has the settings of a new one, which nobody can change.
fn vpc_attribute(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let id = call.input().required("VpcId")?;
    if !call.place(estate).ec2.vpcs.contains_key(id) {
        return Err(no_vpc(id));
    }
    let (name, value) = match call.input().required("Attribute")? {
        "enableDnsSupport" => ("enableDnsSupport", true),
        "enableDnsHostnames" => ("enableDnsHostnames", false),
        "enableNetworkAddressUsageMetrics" => ("enableNetworkAddressUsageMetrics", false),
        other => {
            return Err(Fault::invalid(format!(
                "the lab does not know the attribute {other}"
            )));
        }
    };
    Ok(Answer::fields(json!({"vpcId": id, name: {"value": value}})))
}

/// The networks of the lab have no parts: Terraform asks for them after each creation.
fn no_parts(call: &Call<'_>, _: &mut Estate) -> Result<Answer, Fault> {
    let set = match call.operation {
        "DescribeNetworkAcls" => "networkAclSet",
        "DescribeRouteTables" => "routeTableSet",
        _ => "securityGroupInfo",
    };
    Ok(Answer::fields(json!({set: {}})))
}

fn no_vpc(id: &str) -> Fault {
    Fault::new(
        400,
        "InvalidVpcID.NotFound",
        format!("The vpc ID '{id}' does not exist"),
    )
}

fn create_vpc(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let vpc = Vpc {
        block: call.input().required("CidrBlock")?.to_owned(),
        tenancy: call
            .input()
            .text("InstanceTenancy")
            .unwrap_or("default")
            .to_owned(),
        tags: specified_tags(call.input(), "vpc")?,
    };
    let id = format!("vpc-{}", hexadecimal(17));
    let mut answer = Map::new();
    answer.insert("vpc".to_owned(), vpc.to_json(&id, &call.caller.account));
    call.place(estate).ec2.vpcs.insert(id, vpc);
    Ok(Answer::fields(Value::Object(answer)))
}

fn delete_vpc(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let id = call.input().required("VpcId")?;
    match call.place(estate).ec2.vpcs.remove(id) {
        Some(_) => Ok(done()),
        None => Err(no_vpc(id)),
    }
}
