//! Looks: what AWS tells of a call before it is decided. The cloud of these stories answers what it
//! is given; what it is not asked for, or does not know, is not seen.

mod backups;
mod change_sets;
mod vanished;

use crate::harness::{Sent, json, judge, now, query, rest, session, told};
use cordon_aws::answer::Answer;
use cordon_aws::call::Protocol;
use cordon_aws::value::Value;
use cordon_core::decide::Outcome;
use cordon_core::fact::Fact;
use cordon_core::judge::{Judge, Judgement};
use cordon_core::ledger::Ledger;
use cordon_core::look::Read;
use std::fmt::Write as _;

const REGION: &str = "eu-west-1";

const TASK: &str = r#"
schema = "cordon.task/v1"
title  = "Tidy up what is not used"
ticket = "OPS-3"
team   = "ops"
mode   = "live"
ttl    = "1h"

[where]
accounts     = ["111122223333"]
regions      = ["eu-west-1"]
environments = ["dev"]

[[allow]]
do = ["observe"]

[[allow]]
do = ["create", "update", "disrupt"]
on = [
  "arn:aws:cloudformation:eu-west-1:111122223333:stack/shop/*",
  "arn:aws:dynamodb:eu-west-1:111122223333:table/*",
  "arn:aws:elasticbeanstalk:eu-west-1:111122223333:environment/*",
]

[[allow]]
do = ["cloudformation:UpdateResource"]
on = ["arn:aws:dynamodb:eu-west-1:111122223333:table/*"]

[[allow]]
do = ["autoscaling:DeleteAutoScalingGroup", "cloudformation:DeleteStack", "dynamodb:DeleteTable", "ec2:TerminateInstances", "elasticbeanstalk:TerminateEnvironment"]
on = ["own"]

[destroy]
DESTROY

[budget]
mutations = 20
creates   = 10
destroys  = 20
"#;

fn arn(rest: &str) -> String {
    let (service, rest) = rest.split_once(' ').unwrap();
    format!("arn:aws:{service}:{REGION}:111122223333:{rest}")
}

/// A judge of a task that names these resources, each with actions, under `[destroy]`.
fn naming(named: &[(&str, &str)]) -> Judge<'static> {
    let mut lines = String::new();
    for (resource, actions) in named {
        let actions = actions.split(' ').map(|action| format!("\"{action}\""));
        let actions = actions.collect::<Vec<_>>().join(", ");
        writeln!(lines, "\"{}\" = [{actions}]", arn(resource)).unwrap();
    }
    judge(session(&TASK.replace("DESTROY", &lines)))
}

/// A cloud: what it answers to each read, by the operation and a text that the read has.
type Cloud<'c> = &'c [(&'c str, &'c str, &'c str)];

fn answer(cloud: Cloud<'_>, read: &Read) -> Option<Answer> {
    let asked = format!("{:?}", read.parameters);
    let known = cloud
        .iter()
        .find(|(operation, with, _)| *operation == read.operation && asked.contains(with))?;
    let (operation, _, body) = known;
    let whole = format!(
        "<{operation}Response><{operation}Result>{body}</{operation}Result></{operation}Response>"
    );
    Answer::read(Protocol::Query, whole.as_bytes())
}

fn ask(judge: &mut Judge<'_>, cloud: Cloud<'_>, sent: Sent) -> Judgement {
    let mut sees = |read: &Read| answer(cloud, read);
    judge.judge_seeing(sent.signed(), now(), &mut sees).unwrap()
}

fn check(judge: &mut Judge<'_>, cloud: Cloud<'_>, sent: Sent, outcome: Outcome) -> Judgement {
    let what = format!("{:?}", sent.body);
    let judgement = ask(judge, cloud, sent);
    let said = told(&judgement);
    assert_eq!(
        judgement.verdict.outcome, outcome,
        "{what} {said:?} {:#?} {:?}",
        judgement.accesses, judgement.facts
    );
    judgement
}

fn beanstalk(form: &str) -> Sent {
    query(
        "elasticbeanstalk",
        REGION,
        &format!("Version=2010-12-01&Action={form}"),
    )
}

fn cloudformation(form: &str) -> Sent {
    query(
        "cloudformation",
        REGION,
        &format!("Version=2010-05-15&Action={form}"),
    )
}

const ENVIRONMENT: &str = "<Environments><member><EnvironmentId>e-1</EnvironmentId>\
    <EnvironmentName>web</EnvironmentName><ApplicationName>shop</ApplicationName>\
    <Status>Ready</Status></member></Environments>";
const PARTS: &str = "<EnvironmentResources><Instances><member><Id>i-1</Id></member><member>\
    <Id>i-2</Id></member></Instances><AutoScalingGroups><member><Name>awseb-1</Name></member>\
    </AutoScalingGroups></EnvironmentResources>";
const PLAIN: &str = "<ConfigurationSettings><member><OptionSettings><member><Namespace>\
    aws:autoscaling:asg</Namespace><OptionName>MinSize</OptionName><Value>1</Value></member>\
    </OptionSettings></member></ConfigurationSettings>";

fn database(coupled: &str, policy: &str) -> String {
    let option = |name: &str, value: &str| {
        format!(
            "<member><Namespace>aws:rds:dbinstance</Namespace><OptionName>{name}</OptionName>\
             <Value>{value}</Value></member>"
        )
    };
    format!(
        "<ConfigurationSettings><member><OptionSettings>{}{}</OptionSettings></member>\
         </ConfigurationSettings>",
        option("HasCoupledDatabase", coupled),
        option("DBDeletionPolicy", policy)
    )
}

const WEB: (&str, &str) = (
    "elasticbeanstalk environment/shop/web",
    "elasticbeanstalk:TerminateEnvironment",
);

#[test]
fn an_environment_that_the_task_names_is_known_by_its_name_and_by_its_id() {
    let cloud: Cloud<'_> = &[
        ("DescribeEnvironments", "web", ENVIRONMENT),
        ("DescribeEnvironments", "e-1", ENVIRONMENT),
        ("DescribeEnvironmentResources", "e-1", PARTS),
        ("DescribeConfigurationSettings", "shop", PLAIN),
    ];
    for by in ["EnvironmentName=web", "EnvironmentId=e-1"] {
        let terminate = || beanstalk(&format!("TerminateEnvironment&{by}"));
        let judgement = check(&mut naming(&[WEB]), cloud, terminate(), Outcome::Allow);
        let sent = judgement.call.parameters().get("EnvironmentId").unwrap();
        assert_eq!(
            sent.as_str(),
            Some("e-1"),
            "it is the one that was looked at"
        );
        check(&mut naming(&[]), cloud, terminate(), Outcome::Deny);
        // Whom nobody answers does not guess.
        check(&mut naming(&[WEB]), &[], terminate(), Outcome::Deny);
        check(&mut naming(&[WEB]), &cloud[..2], terminate(), Outcome::Deny);
    }
}

#[test]
fn an_environment_of_another_application_or_none_is_not_the_one_that_is_named() {
    let other = ENVIRONMENT.replace("shop", "bank");
    let none = "<Environments/>";
    let two = ENVIRONMENT.replace("</Environments>", "").to_owned()
        + ENVIRONMENT.trim_start_matches("<Environments>");
    for environments in [&*other, none, &*two] {
        let cloud: Cloud<'_> = &[
            ("DescribeEnvironments", "web", environments),
            ("DescribeEnvironmentResources", "e-1", PARTS),
            ("DescribeConfigurationSettings", "", PLAIN),
        ];
        let terminate = beanstalk("TerminateEnvironment&EnvironmentName=web");
        check(&mut naming(&[WEB]), cloud, terminate, Outcome::Deny);
    }
}

#[test]
fn an_update_is_on_the_environment_that_its_name_stands_for() {
    let exact = arn("elasticbeanstalk environment/shop/web");
    let written = TASK
        .replace("DESTROY", "")
        .replace(&arn("elasticbeanstalk environment/*"), &exact);
    let update = || beanstalk("UpdateEnvironment&EnvironmentName=web&VersionLabel=2");
    let mut exactly = judge(session(&written));
    let cloud: Cloud<'_> = &[("DescribeEnvironments", "web", ENVIRONMENT)];
    let judgement = check(&mut exactly, cloud, update(), Outcome::Allow);
    assert_eq!(&*judgement.call.accesses()[0].resource.arn, exact);
    let sent = judgement.call.parameters().get("EnvironmentId").unwrap();
    assert_eq!(sent.as_str(), Some("e-1"));

    // One of another application of that name, and one that nobody looked at, are not named.
    let other = ENVIRONMENT.replace("shop", "bank");
    for cloud in [&[("DescribeEnvironments", "web", &*other)][..], &[]] {
        check(&mut exactly, cloud, update(), Outcome::Deny);
    }
    // Neither is one that is said to be of the application that the task names.
    let lie = beanstalk("UpdateEnvironment&ApplicationName=shop&EnvironmentName=web");
    let cloud: Cloud<'_> = &[("DescribeEnvironments", "web", &other)];
    check(&mut exactly, cloud, lie, Outcome::Deny);
}

#[test]
fn what_vanished_from_beside_the_task_is_not_made_anew_by_it() {
    let create = || beanstalk("CreateEnvironment&ApplicationName=shop&EnvironmentName=web");
    let gone = |status: &str, made: &str| {
        let status = format!("{status}</Status>{made}");
        ENVIRONMENT.replace("Ready</Status>", &status)
    };
    let made = |at: &str| format!("<DateCreated>{at}</DateCreated>");
    let [before, since] = ["2020-01-01T00:00:00.000Z", "2099-01-01T00:00:00.000Z"].map(made);
    for (environments, outcome) in [
        (gone("Terminated", &before), Outcome::Deny),
        (gone("Terminating", &before), Outcome::Deny),
        (gone("Terminated", ""), Outcome::Deny),
        // Made and ended while the task ran: nothing of before is replaced.
        (gone("Terminated", &since), Outcome::Allow),
        // Whatever is there makes AWS refuse.
        (gone("Ready", &before), Outcome::Allow),
        ("<Environments/>".to_owned(), Outcome::Allow),
    ] {
        let cloud: Cloud<'_> = &[("DescribeEnvironments", "IncludeDeleted", &environments)];
        let judgement = check(&mut naming(&[]), cloud, create(), outcome);
        let again = judgement.facts.contains(&Fact::RecreatesDeleted);
        assert_eq!(again, outcome == Outcome::Deny, "{environments}");
    }
}

#[test]
fn the_database_of_an_environment_goes_only_with_one_that_the_task_made() {
    for (settings, outcome) in [
        (database("true", "Delete"), Outcome::Deny),
        (database("true", "Snapshot"), Outcome::Deny),
        (database("true", "Retain"), Outcome::Allow),
        (database("false", "Delete"), Outcome::Allow),
    ] {
        let cloud: Cloud<'_> = &[
            ("DescribeEnvironments", "web", ENVIRONMENT),
            ("DescribeEnvironmentResources", "e-1", PARTS),
            ("DescribeConfigurationSettings", "shop", &settings),
        ];
        let terminate = || beanstalk("TerminateEnvironment&EnvironmentName=web");
        check(&mut naming(&[WEB]), cloud, terminate(), outcome);

        let mut own = naming(&[]);
        let create = beanstalk("CreateEnvironment&ApplicationName=shop&EnvironmentName=web");
        check(&mut own, cloud, create, Outcome::Allow);
        check(&mut own, cloud, terminate(), Outcome::Allow);
    }
}

#[test]
fn rebuilding_is_replacing() {
    let cloud: Cloud<'_> = &[
        ("DescribeEnvironments", "web", ENVIRONMENT),
        ("DescribeEnvironmentResources", "e-1", PARTS),
        ("DescribeConfigurationSettings", "shop", PLAIN),
    ];
    let rebuild = || beanstalk("RebuildEnvironment&EnvironmentId=e-1");
    let by_id: Cloud<'_> = &[
        ("DescribeEnvironments", "e-1", ENVIRONMENT),
        cloud[1],
        cloud[2],
    ];
    let named = (WEB.0, "elasticbeanstalk:RebuildEnvironment");
    let judgement = check(&mut naming(&[named]), by_id, rebuild(), Outcome::Deny);
    assert!(judgement.facts.contains(&Fact::ReplacesResource));
}

#[test]
fn an_application_goes_by_force_only_with_every_environment_of_it() {
    let settings = database("false", "Delete");
    let cloud: Cloud<'_> = &[
        ("DescribeEnvironments", "shop", ENVIRONMENT),
        ("DescribeConfigurationSettings", "web", &settings),
    ];
    let application = (
        "elasticbeanstalk application/shop",
        "elasticbeanstalk:DeleteApplication",
    );
    let delete = || beanstalk("DeleteApplication&ApplicationName=shop&TerminateEnvByForce=true");
    check(&mut naming(&[application]), cloud, delete(), Outcome::Deny);
    let both = ask(&mut naming(&[application, WEB]), cloud, delete());
    assert_eq!(both.verdict.outcome, Outcome::Allow);
    let actions: Vec<_> = both.accesses.iter().map(|it| &*it.access.action).collect();
    assert_eq!(
        actions,
        [
            "elasticbeanstalk:DeleteApplication",
            "elasticbeanstalk:TerminateEnvironment"
        ]
    );
}

#[test]
fn a_swap_is_of_two_environments_that_are_known() {
    let blue = ENVIRONMENT.replace("web", "blue").replace("e-1", "e-2");
    let both = ENVIRONMENT.replace("</Environments>", "").to_owned()
        + blue.trim_start_matches("<Environments>");
    let cloud: Cloud<'_> = &[("DescribeEnvironments", "blue", &both)];
    let swap = beanstalk(
        "SwapEnvironmentCNAMEs&SourceEnvironmentName=web&DestinationEnvironmentName=blue",
    );
    let judgement = check(&mut naming(&[]), cloud, swap, Outcome::Allow);
    let mut arns: Vec<_> = judgement
        .accesses
        .iter()
        .map(|it| &*it.access.resource.arn)
        .collect();
    arns.sort_unstable();
    let known =
        ["blue", "web"].map(|name| arn(&format!("elasticbeanstalk environment/shop/{name}")));
    assert_eq!(arns, known);
}

#[test]
fn a_group_is_deleted_by_force_only_with_the_instances_in_it() {
    let group = "<AutoScalingGroups><member><AutoScalingGroupName>web</AutoScalingGroupName>\
        <WarmPoolConfiguration><MinSize>1</MinSize></WarmPoolConfiguration><Instances><member>\
        <InstanceId>i-1</InstanceId></member></Instances></member></AutoScalingGroups>";
    let pool = "<Instances><member><InstanceId>i-2</InstanceId></member></Instances>";
    let cloud: Cloud<'_> = &[
        ("DescribeAutoScalingGroups", "web", group),
        ("DescribeWarmPool", "web", pool),
    ];
    let form = "Version=2011-01-01&Action=DeleteAutoScalingGroup&AutoScalingGroupName=web";
    let delete = |force: &str| query("autoscaling", REGION, &format!("{form}{force}"));
    let mut own = naming(&[]);
    let create = query(
        "autoscaling",
        REGION,
        "Version=2011-01-01&Action=CreateAutoScalingGroup&AutoScalingGroupName=web&MinSize=0&MaxSize=1",
    );
    let judgement = ask(&mut own, &[], create);
    assert!(
        judgement
            .accesses
            .iter()
            .any(|it| it.access.action.ends_with("AutoScalingGroup"))
    );
    let forced = ask(&mut own, cloud, delete("&ForceDelete=true"));
    let instances: Vec<_> = forced
        .accesses
        .iter()
        .filter(|it| &*it.access.action == "ec2:TerminateInstances")
        .map(|it| it.access.resource.arn.to_string())
        .collect();
    assert_eq!(
        instances,
        [arn("ec2 instance/i-1"), arn("ec2 instance/i-2")]
    );
    assert_eq!(forced.verdict.outcome, Outcome::Deny);
    let alone = ask(&mut own, &[], delete(""));
    assert_eq!(
        alone.accesses.len(),
        1,
        "AWS refuses while there are instances"
    );
}

#[test]
fn a_cluster_goes_only_with_its_members() {
    let cluster = "<DBClusters><DBCluster><DBClusterMembers><DBClusterMember>\
        <DBInstanceIdentifier>orders-1</DBInstanceIdentifier></DBClusterMember></DBClusterMembers>\
        </DBCluster></DBClusters>";
    let cloud: Cloud<'_> = &[("DescribeDBClusters", "orders", cluster)];
    let delete = || {
        query(
            "rds",
            REGION,
            "Version=2014-10-31&Action=DeleteDBCluster&DBClusterIdentifier=orders\
             &FinalDBSnapshotIdentifier=last",
        )
    };
    let named = [
        ("rds cluster:orders", "rds:DeleteDBCluster"),
        ("rds cluster-snapshot:last", "rds:DeleteDBCluster"),
        ("rds db:orders-1", "rds:DeleteDBInstance"),
    ];
    check(&mut naming(&named[..2]), cloud, delete(), Outcome::Deny);
    check(&mut naming(&named), cloud, delete(), Outcome::Allow);
    check(&mut naming(&named), &[], delete(), Outcome::Hold);
    let cut: Cloud<'_> = &[("DescribeDBClusters", "orders", "<DBClusters/>")];
    check(&mut naming(&named), cut, delete(), Outcome::Hold);
}

const STACK: &str = "cloudformation stack/shop/1a";
const NESTED: &str = "cloudformation stack/shop-data/2b";

fn resources(of: &[(&str, &str, &str)]) -> String {
    let one = |(logical, kind, physical): &(&str, &str, &str)| {
        format!(
            "<member><LogicalResourceId>{logical}</LogicalResourceId><ResourceType>{kind}\
             </ResourceType><PhysicalResourceId>{physical}</PhysicalResourceId><ResourceStatus>\
             CREATE_COMPLETE</ResourceStatus></member>"
        )
    };
    let all: String = of.iter().map(one).collect();
    format!("<StackResourceSummaries>{all}</StackResourceSummaries>")
}

fn template(text: &str) -> String {
    format!(
        "<TemplateBody>{}</TemplateBody>",
        text.replace('&', "&amp;")
    )
}

fn stack_id() -> String {
    format!(
        "<Stacks><member><StackId>{}</StackId></member></Stacks>",
        arn(STACK)
    )
}

const DELETE: &str = "DeleteStack&StackName=shop";
const OF_STACK: (&str, &str) = (STACK, "cloudformation:DeleteStack");
const OF_TABLE: (&str, &str) = ("dynamodb table/orders", "dynamodb:DeleteTable");

#[test]
fn what_a_template_retains_is_not_destroyed_with_its_stack() {
    let table = resources(&[("Orders", "AWS::DynamoDB::Table", "orders")]);
    let (id, delete) = (stack_id(), || cloudformation(DELETE));
    for (text, outcome) in [
        (
            "Resources:\n  Orders:\n    DeletionPolicy: Retain\n",
            Outcome::Allow,
        ),
        (
            "Resources:\n  Orders:\n    DeletionPolicy: Snapshot\n",
            Outcome::Deny,
        ),
        (
            "Resources:\n  Orders:\n    UpdateReplacePolicy: Retain\n",
            Outcome::Deny,
        ),
        (
            "Resources:\n  Other:\n    DeletionPolicy: Retain\n",
            Outcome::Deny,
        ),
        (
            "Resources: &a\n  Orders: {DeletionPolicy: Retain}\nOther: *a\n",
            Outcome::Deny,
        ),
        ("", Outcome::Deny),
    ] {
        let text = template(text);
        let cloud: Cloud<'_> = &[
            ("DescribeStacks", "shop", &id),
            ("GetTemplate", "Processed", &text),
            ("ListStackResources", "stack/shop/1a", &table),
        ];
        check(&mut naming(&[OF_STACK]), cloud, delete(), outcome);
        check(
            &mut naming(&[OF_STACK, OF_TABLE]),
            cloud,
            delete(),
            Outcome::Allow,
        );
    }
}

#[test]
fn the_stacks_within_a_stack_are_looked_into() {
    let id = stack_id();
    let outer = resources(&[("Data", "AWS::CloudFormation::Stack", &arn(NESTED))]);
    let inner = resources(&[("Orders", "AWS::DynamoDB::Table", "orders")]);
    let text = template("Resources: {}\n");
    let cloud: Cloud<'_> = &[
        ("DescribeStacks", "shop", &id),
        ("GetTemplate", "", &text),
        ("ListStackResources", "stack/shop/1a", &outer),
        ("ListStackResources", "stack/shop-data/2b", &inner),
    ];
    let nested = (NESTED, "cloudformation:DeleteStack");
    let delete = || cloudformation(DELETE);
    check(
        &mut naming(&[OF_STACK, nested]),
        cloud,
        delete(),
        Outcome::Deny,
    );
    check(
        &mut naming(&[OF_STACK, nested, OF_TABLE]),
        cloud,
        delete(),
        Outcome::Allow,
    );
    check(
        &mut naming(&[OF_STACK, nested, OF_TABLE]),
        &cloud[..3],
        delete(),
        Outcome::Deny,
    );
}

#[test]
fn a_stack_that_the_task_made_takes_along_what_was_created_in_it_and_nothing_else() {
    let (id, text) = (stack_id(), template("Resources: {}\n"));
    let table = resources(&[("Orders", "AWS::DynamoDB::Table", "orders")]);
    let event = |status: &str| {
        format!(
            "<member><PhysicalResourceId>orders</PhysicalResourceId><ResourceStatus>{status}\
             </ResourceStatus></member>"
        )
    };
    let events = |statuses: &[&str]| {
        let all: String = statuses.iter().map(|status| event(status)).collect();
        format!("<StackEvents>{all}</StackEvents>")
    };
    for (statuses, outcome) in [
        (
            &["CREATE_COMPLETE", "CREATE_IN_PROGRESS"][..],
            Outcome::Allow,
        ),
        (&["UPDATE_COMPLETE", "IMPORT_COMPLETE"][..], Outcome::Deny),
        (&["CREATE_COMPLETE", "IMPORT_COMPLETE"][..], Outcome::Deny),
        (&[][..], Outcome::Deny),
    ] {
        let events = events(statuses);
        let cloud: Cloud<'_> = &[
            ("DescribeStacks", "shop", &id),
            ("GetTemplate", "", &text),
            ("ListStackResources", "stack/shop/1a", &table),
            ("DescribeStackEvents", "stack/shop/1a", &events),
        ];
        let mut judge = naming(&[]);
        let mut ledger = Ledger::default();
        ledger.created.insert(arn(STACK).parse().unwrap());
        judge.set_ledger(ledger);
        // Without its events nobody knows what came into it from elsewhere.
        check(
            &mut judge,
            &cloud[..3],
            cloudformation(DELETE),
            Outcome::Deny,
        );
        check(&mut judge, cloud, cloudformation(DELETE), outcome);
    }
}

#[test]
fn a_stack_that_a_change_set_makes_is_the_tasks_own() {
    let set = |action: &str| {
        format!(
            "<ChangeSetId>{}</ChangeSetId><StackId>{}</StackId><ExecutionStatus>AVAILABLE\
             </ExecutionStatus><Changes><member><ResourceChange><Action>{action}</Action>\
             <LogicalResourceId>Data</LogicalResourceId><ResourceType>AWS::SQS::Queue\
             </ResourceType></ResourceChange></member></Changes>",
            arn("cloudformation changeSet/first/8y"),
            arn(STACK),
        )
    };
    let stacks = |status: &str| {
        stack_id().replace(
            "</StackId>",
            &format!("</StackId><StackStatus>{status}</StackStatus>"),
        )
    };
    for (action, status, own) in [
        ("Add", "REVIEW_IN_PROGRESS", true),
        ("Add", "CREATE_COMPLETE", false),
        // What was there before does not become the task's by that.
        ("Import", "REVIEW_IN_PROGRESS", false),
    ] {
        let (set, stacks) = (set(action), stacks(status));
        let cloud: Cloud<'_> = &[
            ("DescribeChangeSet", "first", &set),
            ("DescribeStacks", "stack/shop/1a", &stacks),
        ];
        let mut judge = naming(&[]);
        let execute = cloudformation("ExecuteChangeSet&StackName=shop&ChangeSetName=first");
        check(&mut judge, cloud, execute, Outcome::Allow);
        assert_eq!(judge.ledger().owns(&arn(STACK)), own, "{action} {status}");
    }
}

#[test]
fn a_change_of_a_stack_within_a_stack_is_looked_into_or_closes() {
    let nested = arn("cloudformation changeSet/inner/9z");
    let change = |id: &str| {
        format!(
            "<ChangeSetId>{}</ChangeSetId><StackId>{}</StackId><ExecutionStatus>AVAILABLE\
             </ExecutionStatus><Changes><member><ResourceChange><Action>Modify</Action>\
             <LogicalResourceId>Data</LogicalResourceId><PhysicalResourceId>{}\
             </PhysicalResourceId><ResourceType>AWS::CloudFormation::Stack</ResourceType>\
             <Replacement>False</Replacement>{id}</ResourceChange></member></Changes>",
            arn("cloudformation changeSet/outer/8y"),
            arn(STACK),
            arn(NESTED)
        )
    };
    let inner = |action: &str| {
        format!(
            "<ChangeSetId>{nested}</ChangeSetId><StackId>{}</StackId><ExecutionStatus>UNAVAILABLE\
             </ExecutionStatus><Changes><member><ResourceChange><Action>{action}</Action>\
             <LogicalResourceId>Orders</LogicalResourceId><PhysicalResourceId>orders\
             </PhysicalResourceId><ResourceType>AWS::DynamoDB::Table</ResourceType><Replacement>\
             False</Replacement></ResourceChange></member></Changes>",
            arn(NESTED)
        )
    };
    let execute = || cloudformation("ExecuteChangeSet&StackName=shop&ChangeSetName=outer");
    let told = change(&format!("<ChangeSetId>{nested}</ChangeSetId>"));
    let (silent, modify, remove) = (change(""), inner("Modify"), inner("Remove"));
    for (outer, inner, outcome) in [
        (&told, &modify, Outcome::Allow),
        (&told, &remove, Outcome::Deny),
        (&silent, &modify, Outcome::Deny),
    ] {
        let cloud: Cloud<'_> = &[
            ("DescribeChangeSet", "\"outer\"", outer),
            ("DescribeChangeSet", "inner/9z", inner),
        ];
        check(&mut naming(&[]), cloud, execute(), outcome);
    }
}

#[test]
fn a_change_set_tells_of_the_stacks_within_whoever_makes_it() {
    let made = |form: &str| {
        let create = cloudformation(&format!(
            "CreateChangeSet&StackName=shop&ChangeSetName=cdk&TemplateURL=https://b.s3.amazonaws.com/t{form}"
        ));
        let judgement = ask(&mut naming(&[]), &[], create);
        let tells = judgement.call.parameters().get("IncludeNestedStacks");
        tells.and_then(Value::as_bool)
    };
    assert_eq!(made(""), Some(true), "as CDK makes them");
    assert_eq!(made("&ChangeSetType=UPDATE"), Some(true));
    for form in ["&ChangeSetType=CREATE", "&ChangeSetType=IMPORT"] {
        assert_eq!(made(form), None, "{form}");
    }
    // Whoever says that they are to be left out means it, and then it is not executed.
    assert_eq!(made("&IncludeNestedStacks=false"), Some(false));
}

fn cloud_control(operation: &str, body: &str) -> Sent {
    let target = format!("CloudApiService.{operation}");
    let mut sent = json("cloudcontrolapi", REGION, &target, body);
    let kind = sent
        .headers
        .iter_mut()
        .find(|(name, _)| *name == "content-type");
    kind.unwrap().1 = "application/x-amz-json-1.0".to_owned();
    sent
}

#[test]
fn cloud_control_is_decided_as_the_call_of_the_resource_itself() {
    let delete = || {
        let body = r#"{"TypeName":"AWS::DynamoDB::Table","Identifier":"orders"}"#;
        cloud_control("DeleteResource", body)
    };
    let judgement = check(&mut naming(&[]), &[], delete(), Outcome::Deny);
    let behind = judgement.accesses.last().unwrap();
    assert_eq!(&*behind.access.action, "dynamodb:DeleteTable");
    assert_eq!(*behind.access.resource.arn, *arn("dynamodb table/orders"));
    check(&mut naming(&[OF_TABLE]), &[], delete(), Outcome::Deny);
    let named = (
        OF_TABLE.0,
        "dynamodb:DeleteTable cloudformation:DeleteResource",
    );
    check(&mut naming(&[named]), &[], delete(), Outcome::Allow);
    for (kind, id) in [
        ("AWS::RDS::DBCluster", "orders"),
        ("AWS::CloudFormation::Stack", "shop"),
        ("AWS::Unheard::Of", "orders"),
        ("AWS::DynamoDB::Table", "*"),
    ] {
        let body = format!(r#"{{"TypeName":"{kind}","Identifier":"{id}"}}"#);
        let delete = cloud_control("DeleteResource", &body);
        check(&mut naming(&[named]), &[], delete, Outcome::Deny);
    }
}

#[test]
fn a_patch_passes_when_it_touches_what_guards_nothing() {
    for (patch, outcome) in [
        (
            r#"[{\"op\":\"replace\",\"path\":\"/Tags/0\",\"value\":{}}]"#,
            Outcome::Allow,
        ),
        (
            r#"[{\"op\":\"replace\",\"path\":\"/DeletionProtectionEnabled\",\"value\":false}]"#,
            Outcome::Deny,
        ),
        (
            r#"[{\"op\":\"remove\",\"path\":\"/Tags\"},{\"op\":\"remove\",\"path\":\"/TimeToLiveSpecification\"}]"#,
            Outcome::Deny,
        ),
        ("opaque", Outcome::Deny),
    ] {
        let body = format!(
            r#"{{"TypeName":"AWS::DynamoDB::Table","Identifier":"orders","PatchDocument":"{patch}"}}"#
        );
        let update = || cloud_control("UpdateResource", &body);
        check(&mut naming(&[]), &[], update(), outcome);
    }
}

#[test]
fn what_was_destroyed_is_not_made_again_behind_another_call() {
    let mut judge = naming(&[OF_TABLE]);
    let delete = json(
        "dynamodb",
        REGION,
        "DynamoDB_20120810.DeleteTable",
        r#"{"TableName":"orders"}"#,
    );
    let create = |name: &str| {
        let body = format!(
            r#"{{"TypeName":"AWS::DynamoDB::Table","DesiredState":"{{\"TableName\":\"{name}\"}}"}}"#
        );
        cloud_control("CreateResource", &body)
    };
    let stack = |name: &str| {
        let template = "%7B%22Resources%22%3A%7B%22T%22%3A%7B%22Type%22%3A%22AWS%3A%3ADynamoDB%3A%3A\
                        Table%22%2C%22Properties%22%3A%7B%22TableName%22%3A%22NAME%22%7D%7D%7D%7D";
        let template = template.replace("NAME", name);
        cloudformation(&format!(
            "CreateStack&StackName=shop&TemplateBody={template}"
        ))
    };
    check(&mut judge, &[], delete, Outcome::Allow);
    for (name, again) in [("orders", true), ("invoices", false)] {
        let created = ask(&mut judge, &[], create(name));
        assert_eq!(created.facts.contains(&Fact::RecreatesDeleted), again);
        let outcome = if again { Outcome::Deny } else { Outcome::Allow };
        check(&mut judge, &[], stack(name), outcome);
    }
}

#[test]
fn what_cloud_control_makes_is_on_the_resource_that_its_state_names() {
    let on = |kind: &str, state: &str| {
        let state = serde_json::Value::from(state);
        let body = format!(r#"{{"TypeName":"{kind}","DesiredState":{state}}}"#);
        let judgement = ask(
            &mut naming(&[]),
            &[],
            cloud_control("CreateResource", &body),
        );
        judgement.call.accesses()[0].resource.arn.to_string()
    };
    let table = "AWS::DynamoDB::Table";
    assert_eq!(
        on(
            table,
            r#"{"TableName":"orders","BillingMode":"PAY_PER_REQUEST"}"#
        ),
        arn("dynamodb table/orders")
    );
    for (kind, state) in [
        (table, "{}"),
        (table, r#"{"TableName":"*"}"#),
        (table, r#"{"TableName":"orders","Name":"invoices"}"#),
        // Who may do what with it is another question than what it is called.
        (table, r#"{"TableName":"orders","ResourcePolicy":{}}"#),
        (
            "AWS::S3::Bucket",
            r#"{"BucketName":"reports","AccessControl":"PublicRead"}"#,
        ),
        ("AWS::New::Thing", r#"{"ThingName":"orders"}"#),
        (table, "not a document: ["),
    ] {
        assert_eq!(on(kind, state), "*", "{kind} {state}");
    }
}

#[test]
fn what_is_made_by_a_call_that_names_no_resource_is_known_again() {
    let secret = |operation: &str, body: &str| {
        let target = format!("secretsmanager.{operation}");
        json("secretsmanager", REGION, &target, body)
    };
    let cluster =
        |method: http::Method, path: &str, body: &str| rest(method, "eks", REGION, path, body);
    let create_secret = |name: &str| secret("CreateSecret", &format!(r#"{{"Name":"{name}"}}"#));
    let create_cluster = |name: &str| {
        let body = format!(
            r#"{{"name":"{name}","roleArn":"arn:aws:iam::111122223333:role/eks","resourcesVpcConfig":{{}}}}"#
        );
        cluster(http::Method::POST, "/clusters", &body)
    };
    let again = |judge: &mut Judge<'_>, sent: Sent| {
        ask(judge, &[], sent)
            .facts
            .contains(&Fact::RecreatesDeleted)
    };
    for gone in ["secret:db-AbCdEf", "secret:db"] {
        let mut judge = naming(&[]);
        let mut ledger = Ledger::default();
        let destroyed = [
            arn(&format!("secretsmanager {gone}")),
            arn("eks cluster/web"),
        ];
        ledger
            .destroyed
            .extend(destroyed.map(|arn| arn.parse().unwrap()));
        judge.set_ledger(ledger);
        assert!(again(&mut judge, create_secret("db")), "{gone}");
        assert!(!again(&mut judge, create_secret("db2")));
        assert!(again(&mut judge, create_cluster("web")));
        assert!(!again(&mut judge, create_cluster("web2")));
    }
}

#[test]
fn what_no_look_lists_is_open() {
    let mut judge = naming(&[("glue database/shop", "glue:DeleteDatabase")]);
    let delete = json(
        "glue",
        REGION,
        "AWSGlue.DeleteDatabase",
        r#"{"Name":"shop"}"#,
    );
    let judgement = ask(&mut judge, &[], delete);
    assert!(
        judgement.facts.contains(&Fact::WildcardTarget),
        "{:?}",
        judgement.facts
    );
    assert_ne!(judgement.verdict.outcome, Outcome::Allow);
}
