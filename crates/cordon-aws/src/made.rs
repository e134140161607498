//! What the answer of a creating call names as made: ids that AWS chose, so that the request could
//! not know them.
//!
//! Takes a call before it leaves and the whole body of its good answer; gives the ARNs of what it
//! made. What is learned here belongs to the task, which may then destroy it: so only reviewed
//! operations are read (`data/made.tsv`), and an answer that is cut, foreign, too large or in any
//! part not as expected names nothing at all.
//!
//! Many operations give what was there before when they are called again, by a token or because
//! they are asked for the same. An agent that reads such a token could call for somebody else's
//! instance and be answered with its id. So what an answer of theirs names must also have been made
//! since the call was decided.

use crate::answer::Answer;
use crate::arn::Arn;
use crate::call::{Call, Protocol};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::sync::LazyLock;

const TABLE: &str = include_str!("../data/made.tsv");

/// How far the clock of AWS may be behind ours, and how much of a second its answers leave out.
const CLOCKS: SignedDuration = SignedDuration::from_secs(15);

/// Resources that one call makes at the most: `RunInstances` makes up to a few thousand.
const MOST: usize = 5_000;

/// A row of the table.
#[derive(Debug, Clone, Copy)]
struct Rule {
    /// The elements that stand for one resource each.
    of: &'static str,
    id: &'static str,
    made_at: Option<&'static str>,
    arn: &'static str,
}

/// By service and operation.
static RULES: LazyLock<BTreeMap<(&'static str, &'static str), Rule>> = LazyLock::new(|| {
    let rows = TABLE.lines().filter(|line| !line.starts_with('#')).skip(1);
    rows.filter_map(rule).collect()
});

fn rule(row: &'static str) -> Option<((&'static str, &'static str), Rule)> {
    let mut columns = row.split('\t');
    let (operation, id, made_at, arn) = (
        columns.next()?,
        columns.next()?,
        columns.next()?,
        columns.next()?,
    );
    let (of, id) = id.rsplit_once('/').unwrap_or(("", id));
    let made_at = match made_at.rsplit_once('/').unwrap_or(("", made_at)) {
        (_, "-") => None,
        (parent, leaf) if parent == of => Some(leaf),
        _ => return None,
    };
    let rule = Rule {
        of,
        id,
        made_at,
        arn,
    };
    Some((operation.split_once(':')?, rule))
}

/// Reads what one call made.
#[derive(Debug)]
pub struct Maker {
    rule: Rule,
    protocol: Protocol,
    partition: String,
    region: String,
    account: String,
    since: Timestamp,
}

impl Maker {
    /// The reader for a call that was decided at `since`; nothing where its answer names nothing
    /// that the request does not.
    #[must_use]
    pub fn of(call: &Call, since: Timestamp) -> Option<Self> {
        let operation = call.operation();
        let name = (operation.service().name(), operation.name());
        Some(Self {
            rule: *RULES.get(&name)?,
            protocol: call.protocol(),
            partition: call.partition().as_str().to_owned(),
            region: call.region().as_str().to_owned(),
            account: call.account()?.as_str().to_owned(),
            since,
        })
    }

    /// What a good answer names: all of it, or nothing.
    #[must_use]
    pub fn made(&self, body: &[u8]) -> Vec<Arn> {
        Answer::read(self.protocol, body)
            .and_then(|answer| self.named(&answer))
            .unwrap_or_default()
    }

    fn named(&self, answer: &Answer) -> Option<Vec<Arn>> {
        let elements = answer.all(self.rule.of);
        if elements.len() > MOST {
            return None;
        }
        elements.iter().map(|element| self.one(element)).collect()
    }

    fn one(&self, element: &Answer) -> Option<Arn> {
        if let Some(made_at) = self.rule.made_at {
            let made_at = time(element.text(made_at)?)?;
            if made_at.checked_add(CLOCKS).ok()? < self.since {
                return None;
            }
        }
        let id = element.text(self.rule.id)?;
        // Route 53 writes `/hostedzone/ID`.
        let id = match id.strip_prefix('/') {
            Some(path) => path.rsplit('/').next()?,
            None => id,
        };
        let arn = self
            .rule
            .arn
            .replace("${Partition}", &self.partition)
            .replace("${Region}", &self.region)
            .replace("${Account}", &self.account)
            .replace("{}", id);
        let arn: Arn = arn.parse().ok()?;
        // What is elsewhere was not made by this call.
        let here = arn.partition() == self.partition
            && ["", &*self.account].contains(&arn.account())
            && ["", &*self.region].contains(&arn.region());
        (here && !arn.has_wildcard()).then_some(arn)
    }
}

/// A time as answers write it: text in XML, seconds since the epoch or text in JSON.
fn time(text: &str) -> Option<Timestamp> {
    if let Ok(time) = text.parse() {
        return Some(time);
    }
    let seconds: f64 = text.parse().ok()?;
    let duration = SignedDuration::try_from_secs_f64(seconds).ok()?;
    Timestamp::from_duration(duration).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::*;
    use crate::arn::{Partition, Region};
    use crate::catalog::Catalog;
    use crate::resource::accesses;
    use crate::value::Value;

    fn maker(operation: &str, protocol: Protocol) -> Maker {
        Maker {
            rule: RULES[&operation.split_once(':').unwrap()],
            protocol,
            partition: "aws".to_owned(),
            region: "eu-west-1".to_owned(),
            account: "111122223333".to_owned(),
            since: "2026-05-01T12:00:00.25Z".parse().unwrap(),
        }
    }

    fn check(operation: &str, protocol: Protocol, body: &str, expected: &[&str]) {
        let made = maker(operation, protocol).made(body.as_bytes());
        let made: Vec<String> = made.iter().map(ToString::to_string).collect();
        assert_eq!(made, expected, "{operation} {body}");
    }

    fn instances(of: &[(&str, &str)]) -> String {
        let item = |(id, time): &(&str, &str)| {
            format!(
                "<item><instanceId>{id}</instanceId><launchTime>{time}</launchTime>\
                 <networkInterfaceSet><item><networkInterfaceId>eni-1</networkInterfaceId></item>\
                 </networkInterfaceSet></item>"
            )
        };
        let items: String = of.iter().map(item).collect();
        format!(
            "<RunInstancesResponse xmlns=\"u\"><reservationId>r-1</reservationId><instancesSet>\
             {items}</instancesSet></RunInstancesResponse>"
        )
    }

    const NOW: &str = "2026-05-01T12:00:00.000Z";

    #[test]
    fn every_instance_that_was_started_is_named() {
        let body = instances(&[("i-1", NOW), ("i-2", NOW)]);
        let arn = |id| format!("arn:aws:ec2:eu-west-1:111122223333:instance/{id}");
        let expected = [arn("i-1"), arn("i-2")];
        check(
            "ec2:RunInstances",
            Protocol::Ec2,
            &body,
            &[&expected[0], &expected[1]],
        );
    }

    #[test]
    fn what_was_there_before_is_not_named() {
        for times in [
            ["2026-05-01T11:59:00.000Z", NOW],
            [NOW, "2024-01-01T00:00:00.000Z"],
            [NOW, "yesterday"],
            [NOW, ""],
        ] {
            let body = instances(&[("i-1", times[0]), ("i-2", times[1])]);
            check("ec2:RunInstances", Protocol::Ec2, &body, &[]);
        }
        let machine = r#"{"stateMachineArn":"arn:aws:states:eu-west-1:111122223333:stateMachine:m","creationDate":TIME}"#;
        let body = |time: &str| machine.replace("TIME", time);
        let named = ["arn:aws:states:eu-west-1:111122223333:stateMachine:m"];
        let operation = "stepfunctions:CreateStateMachine";
        check(operation, Protocol::Json10, &body("1777636800.5"), &named);
        check(operation, Protocol::Json10, &body("1777636800"), &named);
        check(operation, Protocol::Json10, &body("1777636700"), &[]);
        check(operation, Protocol::Json10, &body("null"), &[]);
        check(operation, Protocol::Json10, &body("1e999"), &[]);
    }

    #[test]
    fn an_answer_that_is_not_whole_names_nothing() {
        let whole = instances(&[("i-1", NOW), ("i-2", NOW)]);
        for cut in [0, 1, whole.len() / 2, whole.len() - 1] {
            let cut = whole.get(..cut).unwrap();
            check("ec2:RunInstances", Protocol::Ec2, cut, &[]);
        }
        for body in [
            "{}",
            "<RunInstancesResponse><instancesSet/></RunInstancesResponse>",
            "<RunInstancesResponse><instancesSet><item/></instancesSet></RunInstancesResponse>",
            &instances(&[("i-1", NOW), ("i-*", NOW)]),
        ] {
            check("ec2:RunInstances", Protocol::Ec2, body, &[]);
        }
    }

    #[test]
    fn an_arn_of_another_place_is_not_named() {
        let body = |arn: &str| {
            format!(
                "<CreateStackResponse><CreateStackResult><StackId>{arn}</StackId>\
                 </CreateStackResult></CreateStackResponse>"
            )
        };
        let own = "arn:aws:cloudformation:eu-west-1:111122223333:stack/web/0a1b";
        check(
            "cloudformation:CreateStack",
            Protocol::Query,
            &body(own),
            &[own],
        );
        for other in [
            own.replace("111122223333", "444455556666"),
            own.replace("eu-west-1", "eu-west-2"),
            own.replace("arn:aws:", "arn:aws-cn:"),
            "web".to_owned(),
        ] {
            check(
                "cloudformation:CreateStack",
                Protocol::Query,
                &body(&other),
                &[],
            );
        }
    }

    #[test]
    fn ids_become_the_arns_of_their_service() {
        check(
            "apigateway:CreateRestApi",
            Protocol::RestJson,
            r#"{"id":"a1b2","createdDate":1777636801}"#,
            &["arn:aws:apigateway:eu-west-1::/restapis/a1b2"],
        );
        check(
            "route53:CreateHostedZone",
            Protocol::RestXml,
            "<CreateHostedZoneResponse><HostedZone><Id>/hostedzone/Z1</Id></HostedZone>\
             </CreateHostedZoneResponse>",
            &["arn:aws:route53:::hostedzone/Z1"],
        );
    }

    #[test]
    fn every_row_is_of_a_creating_operation_and_says_why() {
        let rows: Vec<&str> = TABLE
            .lines()
            .filter(|line| !line.starts_with('#'))
            .collect();
        assert_eq!(
            rows.len() - 1,
            RULES.len(),
            "a row is written wrongly or twice"
        );
        assert!(
            rows[1..].is_sorted(),
            "the rows are in the order of their names"
        );
        let catalog = Catalog::embedded();
        for row in &rows[1..] {
            let columns: Vec<&str> = row.split('\t').collect();
            let [operation, _, made_at, arn, why] = columns[..] else {
                panic!("{row}");
            };
            let (service, name) = operation.split_once(':').unwrap();
            let found = catalog.service(service).unwrap().operation(name);
            let found = found.unwrap_or_else(|| panic!("there is no {operation}"));
            let answers = |protocol: &Protocol| *protocol != Protocol::RpcV2Cbor;
            assert!(
                found.service().protocols().iter().all(answers),
                "{operation}"
            );
            assert!(!why.is_empty() && arn.contains("{}"), "{row}");
            let is_token = |name: &str| {
                let name = name.to_ascii_lowercase();
                name.ends_with("token") || name == "callerreference" || name == "creatorrequestid"
            };
            let repeats = found
                .input()
                .unwrap()
                .members()
                .any(|member| is_token(member.name()));
            // Both refuse a token that was used, as their rows say.
            let refuses = ["cloudformation:CreateStack", "route53:CreateHostedZone"];
            assert!(
                !repeats || made_at != "-" || refuses.contains(&operation),
                "{operation} can be repeated"
            );
        }
    }

    /// The call that removes what a creating call made, the parameter that names it, what it says,
    /// and the ARN that the service gives where it gives one.
    const REMOVALS: [[&str; 5]; 39] = [
        [
            "amplify:CreateApp",
            "DeleteApp",
            "appId",
            "d1",
            "arn:aws:amplify:eu-west-1:111122223333:apps/d1",
        ],
        [
            "apigateway:CreateRestApi",
            "DeleteRestApi",
            "restApiId",
            "d1",
            "",
        ],
        [
            "apigateway:ImportRestApi",
            "DeleteRestApi",
            "restApiId",
            "d1",
            "",
        ],
        ["apigatewayv2:CreateApi", "DeleteApi", "ApiId", "d1", ""],
        ["apigatewayv2:ImportApi", "DeleteApi", "ApiId", "d1", ""],
        [
            "appsync:CreateGraphqlApi",
            "DeleteGraphqlApi",
            "apiId",
            "d1",
            "arn:aws:appsync:eu-west-1:111122223333:apis/d1",
        ],
        [
            "backup:CreateBackupPlan",
            "DeleteBackupPlan",
            "BackupPlanId",
            "d1",
            "arn:aws:backup:eu-west-1:111122223333:backup-plan:d1",
        ],
        [
            "cloudformation:CreateStack",
            "DeleteStack",
            "StackName",
            "arn:aws:cloudformation:eu-west-1:111122223333:stack/web/d1",
            "arn:aws:cloudformation:eu-west-1:111122223333:stack/web/d1",
        ],
        [
            "cloudfront:CreateDistribution",
            "DeleteDistribution",
            "Id",
            "d1",
            "arn:aws:cloudfront::111122223333:distribution/d1",
        ],
        [
            "cognito-idp:CreateUserPool",
            "DeleteUserPool",
            "UserPoolId",
            "d1",
            "arn:aws:cognito-idp:eu-west-1:111122223333:userpool/d1",
        ],
        [
            "ec2:AllocateAddress",
            "ReleaseAddress",
            "AllocationId",
            "d1",
            "",
        ],
        ["ec2:CopySnapshot", "DeleteSnapshot", "SnapshotId", "d1", ""],
        [
            "ec2:CreateCustomerGateway",
            "DeleteCustomerGateway",
            "CustomerGatewayId",
            "d1",
            "",
        ],
        [
            "ec2:CreateDhcpOptions",
            "DeleteDhcpOptions",
            "DhcpOptionsId",
            "d1",
            "",
        ],
        ["ec2:CreateImage", "DeregisterImage", "ImageId", "d1", ""],
        [
            "ec2:CreateInternetGateway",
            "DeleteInternetGateway",
            "InternetGatewayId",
            "d1",
            "",
        ],
        [
            "ec2:CreateLaunchTemplate",
            "DeleteLaunchTemplate",
            "LaunchTemplateId",
            "d1",
            "",
        ],
        [
            "ec2:CreateNatGateway",
            "DeleteNatGateway",
            "NatGatewayId",
            "d1",
            "",
        ],
        [
            "ec2:CreateSecurityGroup",
            "DeleteSecurityGroup",
            "GroupId",
            "d1",
            "",
        ],
        [
            "ec2:CreateSnapshot",
            "DeleteSnapshot",
            "SnapshotId",
            "d1",
            "",
        ],
        [
            "ec2:CreateSnapshots",
            "DeleteSnapshot",
            "SnapshotId",
            "d1",
            "",
        ],
        ["ec2:CreateSubnet", "DeleteSubnet", "SubnetId", "d1", ""],
        ["ec2:CreateVolume", "DeleteVolume", "VolumeId", "d1", ""],
        ["ec2:CreateVpc", "DeleteVpc", "VpcId", "d1", ""],
        [
            "ec2:CreateVpcEndpoint",
            "DeleteVpcEndpoints",
            "VpcEndpointIds",
            "d1",
            "",
        ],
        [
            "ec2:CreateVpnGateway",
            "DeleteVpnGateway",
            "VpnGatewayId",
            "d1",
            "",
        ],
        [
            "ec2:RunInstances",
            "TerminateInstances",
            "InstanceIds",
            "d1",
            "",
        ],
        [
            "ecs:CreateService",
            "DeleteService",
            "service",
            "arn:aws:ecs:eu-west-1:111122223333:service/c/web",
            "arn:aws:ecs:eu-west-1:111122223333:service/c/web",
        ],
        [
            "efs:CreateFileSystem",
            "DeleteFileSystem",
            "FileSystemId",
            "d1",
            "arn:aws:elasticfilesystem:eu-west-1:111122223333:file-system/d1",
        ],
        [
            "eks:CreateCluster",
            "DeleteCluster",
            "name",
            "d1",
            "arn:aws:eks:eu-west-1:111122223333:cluster/d1",
        ],
        [
            "elbv2:CreateLoadBalancer",
            "DeleteLoadBalancer",
            "LoadBalancerArn",
            "arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/app/web/d1",
            "arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/app/web/d1",
        ],
        [
            "fsx:CreateFileSystem",
            "DeleteFileSystem",
            "FileSystemId",
            "d1",
            "arn:aws:fsx:eu-west-1:111122223333:file-system/d1",
        ],
        [
            "globalaccelerator:CreateAccelerator",
            "DeleteAccelerator",
            "AcceleratorArn",
            "arn:aws:globalaccelerator::111122223333:accelerator/d1",
            "arn:aws:globalaccelerator::111122223333:accelerator/d1",
        ],
        [
            "kafka:CreateCluster",
            "DeleteCluster",
            "ClusterArn",
            "arn:aws:kafka:eu-west-1:111122223333:cluster/web/d1",
            "arn:aws:kafka:eu-west-1:111122223333:cluster/web/d1",
        ],
        [
            "kafka:CreateClusterV2",
            "DeleteCluster",
            "ClusterArn",
            "arn:aws:kafka:eu-west-1:111122223333:cluster/web/d1",
            "arn:aws:kafka:eu-west-1:111122223333:cluster/web/d1",
        ],
        [
            "kms:CreateKey",
            "ScheduleKeyDeletion",
            "KeyId",
            "d1",
            "arn:aws:kms:eu-west-1:111122223333:key/d1",
        ],
        [
            "lambda:CreateEventSourceMapping",
            "DeleteEventSourceMapping",
            "UUID",
            "d1",
            "",
        ],
        [
            "route53:CreateHostedZone",
            "DeleteHostedZone",
            "Id",
            "d1",
            "",
        ],
        [
            "stepfunctions:CreateStateMachine",
            "DeleteStateMachine",
            "stateMachineArn",
            "arn:aws:states:eu-west-1:111122223333:stateMachine:web",
            "arn:aws:states:eu-west-1:111122223333:stateMachine:web",
        ],
    ];

    /// Those that are removed by a name that does not tell their ARN.
    const UNNAMED: [(&str, &str); 4] = [
        (
            "eks:CreateFargateProfile",
            "its ARN ends in an id that the deletion does not have",
        ),
        (
            "eks:CreateNodegroup",
            "its ARN ends in an id that the deletion does not have",
        ),
        (
            "elasticbeanstalk:CreateEnvironment",
            "by its name and a look",
        ),
        ("wafv2:CreateWebACL", "its ARN is made of name and id"),
    ];

    #[test]
    fn a_deletion_names_what_was_made_as_it_was_learned() {
        let mut names: Vec<&str> = REMOVALS.iter().map(|[create, ..]| *create).collect();
        names.extend(UNNAMED.map(|(create, _)| create));
        names.sort_unstable();
        let rows = RULES
            .keys()
            .map(|(service, name)| format!("{service}:{name}"));
        assert_eq!(names, rows.collect::<Vec<_>>());
        let catalog = Catalog::embedded();
        let account = "111122223333".parse().unwrap();
        let region: Region = "eu-west-1".parse().unwrap();
        let mut wrong = Vec::new();
        for [create, removal, parameter, says, arn] in REMOVALS {
            let service = catalog.service(create.split(':').next().unwrap()).unwrap();
            let operation = service.operation(removal).unwrap();
            let form = match arn {
                "" => RULES[&create.split_once(':').unwrap()].arn,
                arn => arn,
            };
            let expected = form
                .replace("${Partition}", "aws")
                .replace("${Region}", "eu-west-1")
                .replace("${Account}", "111122223333")
                .replace("{}", says);
            let value = match parameter.ends_with("Ids") {
                true => Value::List(vec![Value::String(says.into())]),
                false => Value::String(says.into()),
            };
            let parameters = Value::Structure([(parameter.into(), value)].into());
            let partition = Partition::of_region(&region);
            let named = accesses(operation, &parameters, &partition, &region, Some(&account));
            let named: Vec<_> = named
                .unwrap()
                .0
                .into_iter()
                .map(|it| it.resource.arn)
                .collect();
            if !named.iter().any(|arn| **arn == *expected) {
                wrong.push(format!("{create}: {named:?} for {expected}"));
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}
