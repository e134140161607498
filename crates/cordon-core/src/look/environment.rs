//! Elastic Beanstalk: which environments a call means, and what goes with them.
//!
//! A call names an environment by name or id; its ARN has the application as well, so that only a
//! look tells what a task names by it. What AWS makes for an environment (instances,
//! groups, load balancers, generated queues) is a part of it. A database is coupled to it and goes
//! with it unless its policy keeps it; which one it is, no read of this service tells.
//!
//! For about an hour AWS lists environments that were terminated, whoever did it: making one of such
//! a name is looked into, since it may be the second half of a replacement.
//!
//! Sources: the API reference of `DescribeEnvironments` and `DescribeEnvironmentResources`, and the
//! options of the namespace `aws:rds:dbinstance`.

use super::{Asked, End, Implied, LookError, Progress, Read, Vanished, arn_beside, text_value};
use cordon_aws::answer::Answer;
use cordon_aws::call::Call;
use cordon_aws::value::Value;

const ENVIRONMENTS: &str = "DescribeEnvironments";
const RESOURCES: &str = "DescribeEnvironmentResources";
const SETTINGS: &str = "DescribeConfigurationSettings";

/// The type of an environment in accesses.
const KIND: &str = "elasticbeanstalk:environment";

/// An environment as it was found.
struct Found<'a> {
    id: &'a str,
    name: &'a str,
    application: &'a str,
}

/// How a call names one environment: the parameters for its id and its name.
const ONE: [(&str, &str); 1] = [("EnvironmentId", "EnvironmentName")];
const TWO: [(&str, &str); 2] = [
    ("SourceEnvironmentId", "SourceEnvironmentName"),
    ("DestinationEnvironmentId", "DestinationEnvironmentName"),
];

/// The first read of the look that a call needs.
pub(super) fn begin(call: &Call) -> Option<Read> {
    let named = match call.operation().name() {
        "TerminateEnvironment" | "RebuildEnvironment" | "UpdateEnvironment" => &ONE[..],
        "CreateEnvironment" => {
            let name = text(call, "EnvironmentName")?.to_owned();
            let read = Read::new(ENVIRONMENTS, []).listing("EnvironmentNames", [name]);
            return Some(read.with("IncludeDeleted", Value::Bool(true)));
        }
        "SwapEnvironmentCNAMEs" => &TWO[..],
        "DeleteApplication" => {
            let forced = call.parameters().get("TerminateEnvByForce")?.as_bool()?;
            let application = text(call, "ApplicationName")?;
            let of = [("ApplicationName", application.to_owned())];
            return forced.then(|| Read::new(ENVIRONMENTS, of));
        }
        _ => return None,
    };
    let read = Read::new(ENVIRONMENTS, []);
    let ids: Vec<_> = named.iter().filter_map(|(id, _)| text(call, id)).collect();
    let names: Vec<_> = named.iter().filter_map(|(_, it)| text(call, it)).collect();
    // Both at once are no question that AWS answers with either.
    let owned = |texts: Vec<&str>| texts.into_iter().map(str::to_owned).collect::<Vec<_>>();
    match (ids.len(), names.len()) {
        (known, _) if known == named.len() => Some(read.listing("EnvironmentIds", owned(ids))),
        (_, known) if known == named.len() => Some(read.listing("EnvironmentNames", owned(names))),
        // One by its name and one by its id: nobody needs that.
        _ => None,
    }
}

/// Takes in the answer of `asked`.
pub(super) fn learn(
    asked: Asked<'_>,
    answer: &Answer,
    progress: &mut Progress,
) -> Result<(), LookError> {
    match asked.read.operation {
        ENVIRONMENTS => environments(asked, answer, progress),
        RESOURCES => {
            let resources = answer
                .get("EnvironmentResources")
                .ok_or(LookError::Silent("what is in the environment"))?;
            let lists = [
                "AutoScalingGroups",
                "Instances",
                "LaunchConfigurations",
                "LaunchTemplates",
                "LoadBalancers",
                "Queues",
                "Triggers",
            ];
            let parts = lists.map(|list| resources.items(list).count());
            progress.seen.parts += parts.iter().sum::<usize>();
            Ok(())
        }
        _ => settings(asked, answer, progress),
    }
}

fn environments(
    asked: Asked<'_>,
    answer: &Answer,
    progress: &mut Progress,
) -> Result<(), LookError> {
    if asked.call.operation().name() == "CreateEnvironment" {
        progress.seen.vanished = vanished(answer);
        return Ok(());
    }
    let mut found = Vec::new();
    for environment in answer.items("Environments") {
        if environment.text("Status") != Some("Terminated") {
            let told = |name| environment.text(name).ok_or(WHICH);
            found.push(Found {
                id: told("EnvironmentId")?,
                name: told("EnvironmentName")?,
                application: told("ApplicationName")?,
            });
        }
    }
    match asked.call.operation().name() {
        "SwapEnvironmentCNAMEs" => aim(asked.call, &TWO, &found, progress),
        "UpdateEnvironment" => aim(asked.call, &ONE, &found, progress),
        "DeleteApplication" => {
            for environment in &found {
                let arn = environment.arn(asked.call);
                let implied = Implied {
                    own: asked.ledger.owns(&arn),
                    action: "elasticbeanstalk:TerminateEnvironment",
                    arn,
                    kind: "AWS::ElasticBeanstalk::Environment".to_owned(),
                    source: "an environment of the application".to_owned(),
                    end: End::Removed,
                    place: (String::new(), String::new()),
                };
                progress.seen.implied.push(implied);
                progress.todo.push_back(environment.settings());
            }
            Ok(())
        }
        operation => {
            aim(asked.call, &ONE, &found, progress)?;
            if operation == "RebuildEnvironment" {
                progress.seen.rebuilt = found.iter().map(|it| it.arn(asked.call)).collect();
            }
            for environment in &found {
                let of = [("EnvironmentId", environment.id.to_owned())];
                progress.todo.push_back(Read::new(RESOURCES, of));
                progress.todo.push_back(environment.settings());
            }
            Ok(())
        }
    }
}

/// Environments of the asked name that are no more.
fn vanished(answer: &Answer) -> Vec<Vanished> {
    let environments = answer.items("Environments");
    let gone = environments.filter(|it| {
        let status = it.text("Status");
        status.is_none_or(|status| matches!(status, "Terminated" | "Terminating"))
    });
    let made_at = |it: &Answer| it.text("DateCreated")?.parse().ok();
    gone.map(|it| Vanished {
        made_at: made_at(it),
        // Only those of the last hour are listed.
        gone_at: None,
    })
    .collect()
}

const WHICH: LookError = LookError::Silent("which environment it is");

/// Holds the call to the environments that were found for its names.
fn aim(
    call: &Call,
    named: &[(&'static str, &'static str)],
    found: &[Found<'_>],
    progress: &mut Progress,
) -> Result<(), LookError> {
    let absent = || LookError::NotReady("there is no such environment, or more than one".into());
    if found.len() != named.len() {
        return Err(absent());
    }
    let mut arns = Vec::new();
    for (id, name) in named {
        let fits = |it: &&Found<'_>| {
            text(call, id).is_none_or(|id| id == it.id)
                && text(call, name).is_none_or(|name| name == it.name)
        };
        let found = found.iter().find(fits).ok_or_else(absent)?;
        progress.seen.pins.push((id, text_value(found.id)));
        arns.push(found.arn(call));
    }
    progress.seen.targets = Some((KIND, arns));
    Ok(())
}

fn settings(asked: Asked<'_>, answer: &Answer, progress: &mut Progress) -> Result<(), LookError> {
    let settings = answer
        .items("ConfigurationSettings")
        .next()
        .ok_or(LookError::Silent("how the environment is set up"))?;
    let options: Vec<_> = settings
        .items("OptionSettings")
        .filter(|option| option.text("Namespace") == Some("aws:rds:dbinstance"))
        .collect();
    let value = |name: &str| {
        let option = options
            .iter()
            .find(|it| it.text("OptionName") == Some(name));
        option.and_then(|option| option.text("Value"))
    };
    // Environments that are older than the option have a database where it is described.
    let coupled = match value("HasCoupledDatabase") {
        Some(coupled) => coupled != "false",
        None => value("DBInstanceClass").or(value("DBEngine")).is_some(),
    };
    if !coupled || value("DBDeletionPolicy") == Some("Retain") {
        return Ok(());
    }
    let found = Found {
        id: "",
        name: asked.read.text("EnvironmentName"),
        application: asked.read.text("ApplicationName"),
    };
    if asked.ledger.owns(&found.arn(asked.call)) {
        progress.seen.parts += 1;
        return Ok(());
    }
    progress.seen.implied.push(Implied {
        action: "rds:DeleteDBInstance",
        arn: "*".to_owned(),
        kind: "AWS::RDS::DBInstance".to_owned(),
        source: "the database of the environment".to_owned(),
        end: End::Removed,
        place: (String::new(), String::new()),
        own: false,
    });
    Ok(())
}

impl Found<'_> {
    fn arn(&self, call: &Call) -> String {
        let resource = format!("environment/{}/{}", self.application, self.name);
        arn_beside(call, "elasticbeanstalk", &resource)
    }

    fn settings(&self) -> Read {
        let of = [
            ("ApplicationName", self.application.to_owned()),
            ("EnvironmentName", self.name.to_owned()),
        ];
        Read::new(SETTINGS, of)
    }
}

fn text<'c>(call: &'c Call, name: &str) -> Option<&'c str> {
    let text = call.parameters().get(name)?.as_str()?;
    (!text.is_empty()).then_some(text)
}
