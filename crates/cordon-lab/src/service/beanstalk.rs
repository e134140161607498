//! Elastic Beanstalk: applications and environments, with the two calls that destroy one.
//!
//! `TerminateEnvironment` deletes every resource of an environment; `RebuildEnvironment` deletes
//! and makes them anew, under the same name, with all that was on them gone. Both leave traces in
//! the estate that a test can look at: instance ids change, the database of the environment goes.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Call, Operation, Routing, Service, iso, on_everything};
use crate::estate::Estate;
use crate::identity::{Access, hexadecimal};
use crate::reply::{Answer, Fault, Protocol};
use crate::request::Input;

/// Elastic Beanstalk.
pub(crate) const SERVICE: Service = Service {
    name: "elasticbeanstalk",
    protocol: Protocol::Query,
    namespace: "http://elasticbeanstalk.amazonaws.com/docs/2010-12-01/",
    routing: Routing::Action,
    operations: &[
        Operation::new("DescribeApplications", on_everything, applications),
        Operation::new("CreateApplication", on_application, create_application),
        Operation::new("DescribeEnvironments", on_everything, environments),
        Operation::new("DescribeEnvironmentResources", on_environment, resources),
        Operation::new("DescribeConfigurationSettings", on_environment, settings),
        Operation::new("DescribeEvents", on_everything, events),
        Operation::new("ListTagsForResource", on_arn, no_tags),
        Operation::new("CreateEnvironment", on_new_environment, create_environment),
        Operation::new("UpdateEnvironment", on_environment, update_environment),
        Operation::new(
            "TerminateEnvironment",
            on_environment,
            terminate_environment,
        ),
        Operation::new("RebuildEnvironment", on_environment, rebuild_environment),
    ],
};

const PLATFORM: &str = "64bit Amazon Linux 2023 v6.6.0 running Node.js 22";

/// The applications of one account in one region.
#[derive(Clone, Default)]
pub(crate) struct Beanstalk {
    applications: BTreeMap<String, Application>,
    environments: Vec<Environment>,
    events: Vec<Event>,
}

#[derive(Clone)]
struct Application {
    description: String,
    created: Timestamp,
}

/// An environment; terminated ones stay to be looked at, as on AWS for an hour.
#[derive(Clone)]
struct Environment {
    application: String,
    name: String,
    id: String,
    platform: String,
    description: String,
    version: String,
    status: Status,
    created: Timestamp,
    updated: Timestamp,
    instances: Vec<String>,
    /// Namespace and option to value.
    options: BTreeMap<(String, String), String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Ready,
    Terminated,
}

#[derive(Clone)]
struct Event {
    at: Timestamp,
    application: String,
    environment: String,
    message: String,
}

impl Beanstalk {
    /// Makes an application, for seeds and stacks.
    pub(crate) fn create_application(
        &mut self,
        name: &str,
        description: &str,
        now: Timestamp,
    ) -> Result<(), Fault> {
        if self.applications.contains_key(name) {
            return Err(Fault::invalid_value(format!(
                "Application {name} already exists."
            )));
        }
        let application = Application {
            description: description.to_owned(),
            created: now,
        };
        self.applications.insert(name.to_owned(), application);
        Ok(())
    }

    /// Describes an application anew, for stacks.
    pub(crate) fn describe_application(
        &mut self,
        name: &str,
        description: &str,
    ) -> Result<(), Fault> {
        let application = self
            .applications
            .get_mut(name)
            .ok_or_else(|| no_application(name))?;
        description.clone_into(&mut application.description);
        Ok(())
    }

    /// Deletes an application that has no environment, for stacks.
    pub(crate) fn delete_application(&mut self, name: &str) -> Result<(), Fault> {
        let is_used = self
            .environments
            .iter()
            .any(|known| known.status == Status::Ready && known.application == name);
        if is_used {
            return Err(Fault::new(
                400,
                "OperationInProgressFailure",
                "Unable to delete application because it has a running environment.",
            ));
        }
        self.applications
            .remove(name)
            .map(|_| ())
            .ok_or_else(|| no_application(name))
    }

    /// Makes an environment, for seeds and stacks.
    pub(crate) fn create_environment(
        &mut self,
        application: &str,
        name: &str,
        options: BTreeMap<(String, String), String>,
        now: Timestamp,
    ) -> Result<(), Fault> {
        if !self.applications.contains_key(application) {
            return Err(no_application(application));
        }
        if self.live(application, name).is_some() {
            return Err(Fault::invalid_value(format!(
                "Environment {name} already exists."
            )));
        }
        self.environments.push(Environment {
            application: application.to_owned(),
            name: name.to_owned(),
            id: format!("e-{}", hexadecimal(10)),
            platform: PLATFORM.to_owned(),
            description: String::new(),
            version: "Sample Application".to_owned(),
            status: Status::Ready,
            created: now,
            updated: now,
            instances: vec![instance_id(), instance_id()],
            options,
        });
        self.note(
            application,
            name,
            "createEnvironment completed successfully.",
            now,
        );
        Ok(())
    }

    /// Ends an environment, for stacks and for the operation.
    pub(crate) fn terminate(
        &mut self,
        application: &str,
        name: &str,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let environment = self.live_mut(application, name)?;
        environment.status = Status::Terminated;
        environment.instances.clear();
        environment.updated = now;
        self.note(
            application,
            name,
            "terminateEnvironment completed successfully.",
            now,
        );
        Ok(())
    }

    /// Changes option settings in place.
    pub(crate) fn set_options(
        &mut self,
        application: &str,
        name: &str,
        options: BTreeMap<(String, String), String>,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let environment = self.live_mut(application, name)?;
        environment.options.extend(options);
        environment.updated = now;
        self.note(
            application,
            name,
            "Environment update completed successfully.",
            now,
        );
        Ok(())
    }

    fn live(&self, application: &str, name: &str) -> Option<&Environment> {
        self.environments.iter().find(|known| {
            known.status == Status::Ready && known.application == application && known.name == name
        })
    }

    fn live_mut(&mut self, application: &str, name: &str) -> Result<&mut Environment, Fault> {
        self.environments
            .iter_mut()
            .find(|known| {
                known.status == Status::Ready
                    && known.application == application
                    && known.name == name
            })
            .ok_or_else(|| absent(name))
    }

    /// A live environment by id or name; both must fit where both are given.
    fn named(&self, input: Input<'_>) -> Result<&Environment, Fault> {
        let (id, name) = (input.text("EnvironmentId"), input.text("EnvironmentName"));
        if id.is_none() && name.is_none() {
            return Err(Fault::new(
                400,
                "MissingParameter",
                "Missing required parameter. You must specify an environment id or name.",
            ));
        }
        let fits = |known: &&Environment| {
            known.status == Status::Ready
                && id.is_none_or(|id| known.id == id)
                && name.is_none_or(|name| known.name == name)
        };
        self.environments
            .iter()
            .find(fits)
            .ok_or_else(|| absent(name.or(id).unwrap_or_default()))
    }

    fn note(&mut self, application: &str, environment: &str, message: &str, at: Timestamp) {
        self.events.push(Event {
            at,
            application: application.to_owned(),
            environment: environment.to_owned(),
            message: message.to_owned(),
        });
    }

    pub(crate) fn to_json(&self) -> Value {
        let environments: Vec<Value> = self
            .environments
            .iter()
            .map(|environment| {
                let options: BTreeMap<String, &String> = environment
                    .options
                    .iter()
                    .map(|((namespace, option), value)| (format!("{namespace}:{option}"), value))
                    .collect();
                json!({
                    "application": environment.application,
                    "name": environment.name,
                    "id": environment.id,
                    "status": environment.status.name(),
                    "instances": environment.instances,
                    "options": options,
                })
            })
            .collect();
        let applications: Vec<&String> = self.applications.keys().collect();
        json!({"applications": applications, "environments": environments})
    }
}

impl Status {
    fn name(self) -> &'static str {
        match self {
            Self::Ready => "Ready",
            Self::Terminated => "Terminated",
        }
    }
}

impl Environment {
    fn to_json(&self, call: &Call<'_>) -> Value {
        json!({
            "ApplicationName": self.application,
            "EnvironmentName": self.name,
            "EnvironmentId": self.id,
            "EnvironmentArn": environment_arn(call, &self.application, &self.name),
            "SolutionStackName": self.platform,
            "Description": self.description,
            "VersionLabel": self.version,
            "Status": self.status.name(),
            "Health": if self.status == Status::Ready { "Green" } else { "Grey" },
            "HealthStatus": if self.status == Status::Ready { "Ok" } else { "NoData" },
            "CNAME": format!("{}.{}.elasticbeanstalk.{}", self.name, call.region, domain(call.partition)),
            "DateCreated": iso(self.created),
            "DateUpdated": iso(self.updated),
            "AbortableOperationInProgress": false,
            "Tier": {"Name": "WebServer", "Type": "Standard", "Version": "1.0"},
        })
    }
}

fn no_application(name: &str) -> Fault {
    Fault::invalid_value(format!("No Application named '{name}' found."))
}

fn domain(partition: &str) -> &'static str {
    if partition == "aws-cn" {
        "com.cn"
    } else {
        "com"
    }
}

fn instance_id() -> String {
    format!("i-{}", hexadecimal(17))
}

fn absent(name: &str) -> Fault {
    Fault::invalid_value(format!(
        "No Environment found for EnvironmentName = '{name}'."
    ))
}

fn environment_arn(call: &Call<'_>, application: &str, name: &str) -> String {
    call.arn(&format!("environment/{application}/{name}"))
}

fn on_application(call: &Call<'_>, _: &Estate) -> Result<Vec<Access>, Fault> {
    let name = call.input().required("ApplicationName")?;
    Ok(vec![call.access(call.arn(&format!("application/{name}")))])
}

fn on_arn(call: &Call<'_>, _: &Estate) -> Result<Vec<Access>, Fault> {
    Ok(vec![call.access(call.input().required("ResourceArn")?)])
}

/// Nothing of the lab's Beanstalk has tags.
fn no_tags(call: &Call<'_>, _: &mut Estate) -> Result<Answer, Fault> {
    Ok(Answer::fields(json!({
        "ResourceArn": call.input().text("ResourceArn"),
        "ResourceTags": {},
    })))
}

fn on_new_environment(call: &Call<'_>, _: &Estate) -> Result<Vec<Access>, Fault> {
    let input = call.input();
    let (application, name) = (
        input.required("ApplicationName")?,
        input.required("EnvironmentName")?,
    );
    Ok(vec![call.access(environment_arn(call, application, name))])
}

/// The environment that the parameters name. One that does not exist is asked for under the name
/// given, so that permission, not existence, decides first.
fn on_environment(call: &Call<'_>, estate: &Estate) -> Result<Vec<Access>, Fault> {
    let input = call.input();
    let known = call
        .place_if_any(estate)
        .and_then(|place| place.beanstalk.named(input).ok());
    let arn = match known {
        Some(environment) => environment_arn(call, &environment.application, &environment.name),
        None => environment_arn(
            call,
            input.text("ApplicationName").unwrap_or("*"),
            input
                .text("EnvironmentName")
                .or(input.text("EnvironmentId"))
                .ok_or_else(|| Fault::missing("EnvironmentName"))?,
        ),
    };
    Ok(vec![call.access(arn)])
}

fn applications(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let names = call.input().texts("ApplicationNames.member");
    let members: Vec<Value> = call
        .place(estate)
        .beanstalk
        .applications
        .iter()
        .filter(|(name, _)| names.is_empty() || names.contains(&name.as_str()))
        .map(|(name, application)| application.to_json(call, name))
        .collect();
    Ok(Answer::fields(json!({"Applications": {"member": members}})))
}

impl Application {
    fn to_json(&self, call: &Call<'_>, name: &str) -> Value {
        json!({
            "ApplicationName": name,
            "ApplicationArn": call.arn(&format!("application/{name}")),
            "Description": self.description,
            "DateCreated": iso(self.created),
            "DateUpdated": iso(self.created),
        })
    }
}

fn create_application(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let name = call.input().required("ApplicationName")?;
    let description = call.input().text("Description").unwrap_or_default();
    let beanstalk = &mut call.place(estate).beanstalk;
    beanstalk.create_application(name, description, call.now)?;
    let application = beanstalk
        .applications
        .get(name)
        .map(|application| application.to_json(call, name));
    Ok(Answer::fields(json!({"Application": application})))
}

fn environments(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let input = call.input();
    let names = input.texts("EnvironmentNames.member");
    let ids = input.texts("EnvironmentIds.member");
    let with_deleted = input.boolean("IncludeDeleted")?.unwrap_or(false);
    let members: Vec<Value> = call
        .place(estate)
        .beanstalk
        .environments
        .iter()
        .filter(|known| with_deleted || known.status == Status::Ready)
        .filter(|known| {
            input
                .text("ApplicationName")
                .is_none_or(|name| known.application == name)
        })
        .filter(|known| names.is_empty() || names.contains(&known.name.as_str()))
        .filter(|known| ids.is_empty() || ids.contains(&known.id.as_str()))
        .map(|known| known.to_json(call))
        .collect();
    Ok(Answer::fields(json!({"Environments": {"member": members}})))
}

fn resources(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let environment = call.place(estate).beanstalk.named(call.input())?;
    let instances: Vec<Value> = environment
        .instances
        .iter()
        .map(|id| json!({"Id": id}))
        .collect();
    Ok(Answer::fields(json!({
        "EnvironmentResources": {
            "EnvironmentName": environment.name,
            "Instances": {"member": instances},
            "AutoScalingGroups": {"member": [{"Name": format!("awseb-{}-stack-AWSEBAutoScalingGroup", environment.id)}]},
        },
    })))
}

fn settings(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let environment = call.place(estate).beanstalk.named(call.input())?;
    let options: Vec<Value> = environment
        .options
        .iter()
        .map(|((namespace, name), value)| json!({"Namespace": namespace, "OptionName": name, "Value": value}))
        .collect();
    Ok(Answer::fields(json!({
        "ConfigurationSettings": {"member": [{
            "ApplicationName": environment.application,
            "EnvironmentName": environment.name,
            "SolutionStackName": environment.platform,
            "DeploymentStatus": "deployed",
            "DateCreated": iso(environment.created),
            "DateUpdated": iso(environment.updated),
            "OptionSettings": {"member": options},
        }]},
    })))
}

/// The newest first. All events of the lab are `INFO`, so a caller that asks for worse gets none.
fn events(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let input = call.input();
    let is_wanted = match input.text("Severity") {
        None | Some("TRACE" | "DEBUG" | "INFO") => true,
        Some("WARN" | "ERROR" | "FATAL") => false,
        Some(_) => return Err(Fault::invalid("Severity is not one of its values")),
    };
    let (start, end) = (time(input, "StartTime")?, time(input, "EndTime")?);
    let beanstalk = &call.place(estate).beanstalk;
    let by_id = input.text("EnvironmentId").map(|id| {
        let known = beanstalk.environments.iter().find(|known| known.id == id);
        known.map(|known| known.name.as_str()).unwrap_or_default()
    });
    let members: Vec<Value> = beanstalk
        .events
        .iter()
        .rev()
        .filter(|event| is_wanted && start.is_none_or(|start| event.at >= start))
        .filter(|event| end.is_none_or(|end| event.at < end))
        .filter(|event| by_id.is_none_or(|name| event.environment == name))
        .filter(|event| {
            let application = input.text("ApplicationName");
            application.is_none_or(|name| event.application == name)
        })
        .filter(|event| {
            let environment = input.text("EnvironmentName");
            environment.is_none_or(|name| event.environment == name)
        })
        .map(Event::to_json)
        .collect();
    Ok(Answer::fields(json!({"Events": {"member": members}})))
}

fn time(input: Input<'_>, parameter: &str) -> Result<Option<Timestamp>, Fault> {
    let read = |text: &str| {
        text.parse()
            .map_err(|_| Fault::invalid(format!("{parameter} is not a time")))
    };
    input.text(parameter).map(read).transpose()
}

impl Event {
    fn to_json(&self) -> Value {
        json!({
            "EventDate": iso(self.at),
            "ApplicationName": self.application,
            "EnvironmentName": self.environment,
            "Message": self.message,
            "Severity": "INFO",
        })
    }
}

fn read_options(input: Input<'_>) -> Result<BTreeMap<(String, String), String>, Fault> {
    let mut options = BTreeMap::new();
    for member in input.list("OptionSettings.member") {
        let key = (
            member.required("Namespace")?.to_owned(),
            member.required("OptionName")?.to_owned(),
        );
        let value = member.text("Value").unwrap_or_default().to_owned();
        if options.insert(key, value).is_some() {
            return Err(Fault::invalid_value("An option setting is given twice."));
        }
    }
    Ok(options)
}

fn create_environment(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let input = call.input();
    let (application, name) = (
        input.required("ApplicationName")?,
        input.required("EnvironmentName")?,
    );
    let options = read_options(input)?;
    let beanstalk = &mut call.place(estate).beanstalk;
    beanstalk.create_environment(application, name, options, call.now)?;
    answer_with(call, beanstalk, application, name)
}

fn answer_with(
    call: &Call<'_>,
    beanstalk: &Beanstalk,
    application: &str,
    name: &str,
) -> Result<Answer, Fault> {
    let environment = beanstalk
        .environments
        .iter()
        .rev()
        .find(|known| known.application == application && known.name == name)
        .ok_or_else(|| absent(name))?;
    Ok(Answer::fields(environment.to_json(call)))
}

/// Application and name of the environment that the parameters name.
fn target(call: &Call<'_>, beanstalk: &Beanstalk) -> Result<(String, String), Fault> {
    let environment = beanstalk.named(call.input())?;
    Ok((environment.application.clone(), environment.name.clone()))
}

fn update_environment(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let input = call.input();
    let beanstalk = &mut call.place(estate).beanstalk;
    let (application, name) = target(call, beanstalk)?;
    beanstalk.set_options(&application, &name, read_options(input)?, call.now)?;
    let environment = beanstalk.live_mut(&application, &name)?;
    for removed in input.list("OptionsToRemove.member") {
        let key = (
            removed.required("Namespace")?.to_owned(),
            removed.required("OptionName")?.to_owned(),
        );
        environment.options.remove(&key);
    }
    for (field, parameter) in [
        (&mut environment.version, "VersionLabel"),
        (&mut environment.description, "Description"),
        (&mut environment.platform, "SolutionStackName"),
    ] {
        if let Some(value) = input.text(parameter) {
            value.clone_into(field);
        }
    }
    answer_with(call, beanstalk, &application, &name)
}

fn terminate_environment(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let beanstalk = &mut call.place(estate).beanstalk;
    let (application, name) = target(call, beanstalk)?;
    beanstalk.terminate(&application, &name, call.now)?;
    answer_with(call, beanstalk, &application, &name)
}

fn rebuild_environment(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let beanstalk = &mut call.place(estate).beanstalk;
    let (application, name) = target(call, beanstalk)?;
    let environment = beanstalk.live_mut(&application, &name)?;
    environment.instances = vec![instance_id(), instance_id()];
    environment.updated = call.now;
    beanstalk.note(
        &application,
        &name,
        "rebuildEnvironment completed successfully.",
        call.now,
    );
    Ok(Answer::nothing())
}
