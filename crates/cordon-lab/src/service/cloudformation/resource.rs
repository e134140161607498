//! The types of resources that a stack can have, and how each is made, changed and deleted.
//!
//! Which properties force a replacement is from the resource schemas of CloudFormation
//! (`createOnlyProperties`) and the "Update requires" notes of its user guide.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::template::plain;
use crate::estate::Estate;
use crate::identity::{Access, letters};
use crate::reply::Fault;
use crate::request::Input;
use crate::service::{Call, lambda};

/// A type of resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Function,
    Table,
    Queue,
    Bucket,
    Application,
    Environment,
}

/// Whether a change of a property makes the resource anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Recreation {
    Never,
    Always,
    Conditionally,
}

const KINDS: [(Kind, &str); 6] = [
    (Kind::Function, "AWS::Lambda::Function"),
    (Kind::Table, "AWS::DynamoDB::Table"),
    (Kind::Queue, "AWS::SQS::Queue"),
    (Kind::Bucket, "AWS::S3::Bucket"),
    (Kind::Application, "AWS::ElasticBeanstalk::Application"),
    (Kind::Environment, "AWS::ElasticBeanstalk::Environment"),
];

/// What is done to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Create,
    Update,
    Delete,
}

impl Kind {
    pub(super) fn named(name: &str) -> Option<Self> {
        KINDS
            .into_iter()
            .find(|(_, known)| *known == name)
            .map(|(kind, _)| kind)
    }

    pub(super) fn name(self) -> &'static str {
        KINDS
            .into_iter()
            .find(|(kind, _)| *kind == self)
            .map_or("", |(_, name)| name)
    }

    /// The property that names the resource.
    fn name_property(self) -> &'static str {
        match self {
            Self::Function => "FunctionName",
            Self::Table => "TableName",
            Self::Queue => "QueueName",
            Self::Bucket => "BucketName",
            Self::Application => "ApplicationName",
            Self::Environment => "EnvironmentName",
        }
    }

    /// What a change of this property does.
    pub(super) fn recreation(self, property: &str) -> Recreation {
        let always: &[&str] = match self {
            Self::Function => &["FunctionName", "PackageType"],
            Self::Table => &["KeySchema", "LocalSecondaryIndexes", "TableName"],
            Self::Queue => &["FifoQueue", "QueueName"],
            Self::Bucket => &["BucketName"],
            Self::Application => &["ApplicationName"],
            Self::Environment => &[
                "ApplicationName",
                "CNAMEPrefix",
                "EnvironmentName",
                "SolutionStackName",
            ],
        };
        match (self, property) {
            // A new attribute can be added in place; a known one cannot change its type.
            (Self::Table, "AttributeDefinitions") => Recreation::Conditionally,
            (_, property) if always.contains(&property) => Recreation::Always,
            _ => Recreation::Never,
        }
    }

    /// Whether the change from `old` to `new`, all values known, makes the resource anew.
    pub(super) fn must_replace(self, old: &Value, new: &Value) -> bool {
        let empty = serde_json::Map::new();
        let (before, after) = (
            old.as_object().unwrap_or(&empty),
            new.as_object().unwrap_or(&empty),
        );
        before
            .keys()
            .chain(after.keys())
            .filter(|name| before.get(*name) != after.get(*name))
            .any(|name| match self.recreation(name) {
                Recreation::Always => true,
                Recreation::Never => false,
                Recreation::Conditionally => attribute_type_changed(old, new),
            })
    }

    /// The physical name: the one the template gives, or one made of stack and logical id.
    pub(super) fn physical(self, stack: &str, logical: &str, properties: &Value) -> String {
        if let Some(name) = properties.get(self.name_property()).and_then(Value::as_str) {
            return name.to_owned();
        }
        let name = format!("{stack}-{logical}-{}", letters(12));
        match self {
            Self::Bucket => name.to_ascii_lowercase(),
            _ => name,
        }
    }

    pub(super) fn arn(self, call: &Call<'_>, physical: &str, properties: &Value) -> String {
        match self {
            Self::Function => call.arn_of("lambda", &format!("function:{physical}")),
            Self::Table => call.arn_of("dynamodb", &format!("table/{physical}")),
            Self::Queue => call.arn_of("sqs", physical),
            Self::Bucket => format!("arn:{}:s3:::{physical}", call.partition),
            Self::Application => {
                call.arn_of("elasticbeanstalk", &format!("application/{physical}"))
            }
            Self::Environment => call.arn_of(
                "elasticbeanstalk",
                &format!("environment/{}/{physical}", application(properties)),
            ),
        }
    }

    /// What the one for whom the stack acts must be allowed.
    pub(super) fn accesses(
        self,
        call: &Call<'_>,
        step: Step,
        physical: &str,
        properties: &Value,
    ) -> Vec<Access> {
        let actions: &[&str] = match (self, step) {
            (Self::Function, Step::Create) => &["lambda:CreateFunction"],
            (Self::Function, Step::Update) => &[
                "lambda:UpdateFunctionConfiguration",
                "lambda:UpdateFunctionCode",
            ],
            (Self::Function, Step::Delete) => &["lambda:DeleteFunction"],
            (Self::Table, Step::Create) => &["dynamodb:CreateTable"],
            (Self::Table, Step::Update) => &["dynamodb:UpdateTable"],
            (Self::Table, Step::Delete) => &["dynamodb:DeleteTable"],
            (Self::Queue, Step::Create) => &["sqs:CreateQueue"],
            (Self::Queue, Step::Update) => &["sqs:SetQueueAttributes"],
            (Self::Queue, Step::Delete) => &["sqs:DeleteQueue"],
            (Self::Bucket, Step::Create) => &["s3:CreateBucket"],
            (Self::Bucket, Step::Update) => &["s3:PutBucketVersioning"],
            (Self::Bucket, Step::Delete) => &["s3:DeleteBucket"],
            (Self::Application, Step::Create) => &["elasticbeanstalk:CreateApplication"],
            (Self::Application, Step::Update) => &["elasticbeanstalk:UpdateApplication"],
            (Self::Application, Step::Delete) => &["elasticbeanstalk:DeleteApplication"],
            (Self::Environment, Step::Create) => &["elasticbeanstalk:CreateEnvironment"],
            (Self::Environment, Step::Update) => &["elasticbeanstalk:UpdateEnvironment"],
            (Self::Environment, Step::Delete) => &["elasticbeanstalk:TerminateEnvironment"],
        };
        let arn = self.arn(call, physical, properties);
        let mut accesses: Vec<Access> = actions
            .iter()
            .map(|action| Access::new(*action, arn.as_str()))
            .collect();
        if self == Self::Function && step != Step::Delete {
            let input = Input(properties);
            accesses.extend(input.text("Role").map(lambda::pass_role));
            accesses.extend(lambda::code_access(call, input.at("Code")));
        }
        accesses
    }

    /// Takes a step: makes the resource, changes it in place, or deletes it with all that is in it.
    pub(super) fn take(
        self,
        step: Step,
        call: &Call<'_>,
        estate: &mut Estate,
        physical: &str,
        properties: &Value,
    ) -> Result<(), Fault> {
        match (self, step) {
            (Self::Function, Step::Create) => {
                let code = code(estate, properties)?;
                let functions = &mut call.place(estate).lambda;
                functions.create(physical, properties, &code, lambda::modified(call))
            }
            (Self::Function, Step::Update) => {
                let code = code(estate, properties)?;
                let functions = &mut call.place(estate).lambda;
                functions.configure(physical, properties, lambda::modified(call))?;
                functions.replace_code(physical, &code, lambda::modified(call))
            }
            (Self::Function, Step::Delete) => call.place(estate).lambda.delete(physical),
            (Self::Table, Step::Create) => {
                let tables = &mut call.place(estate).dynamodb;
                tables.create(physical, properties, call.now)
            }
            (Self::Table, Step::Update) => call.place(estate).dynamodb.update(physical, properties),
            (Self::Table, Step::Delete) => call.place(estate).dynamodb.delete(physical),
            (Self::Queue, Step::Create) => {
                let queues = &mut call.place(estate).sqs;
                queues.create(physical, &queue_attributes(properties), call.now)
            }
            (Self::Queue, Step::Update) => {
                let queues = &mut call.place(estate).sqs;
                queues.set(physical, queue_attributes(properties))
            }
            (Self::Queue, Step::Delete) => call.place(estate).sqs.delete(physical),
            (Self::Bucket, Step::Create) => {
                let account = &call.caller.account;
                estate.s3.create(physical, account, call.region, call.now)?;
                self.take(Step::Update, call, estate, physical, properties)
            }
            (Self::Bucket, Step::Update) => {
                let status = properties
                    .pointer("/VersioningConfiguration/Status")
                    .and_then(Value::as_str);
                estate.s3.set_versioning(physical, status)
            }
            (Self::Bucket, Step::Delete) => estate.s3.delete(physical),
            (Self::Application, Step::Create) => {
                let beanstalk = &mut call.place(estate).beanstalk;
                beanstalk.create_application(physical, description(properties), call.now)
            }
            (Self::Application, Step::Update) => {
                let beanstalk = &mut call.place(estate).beanstalk;
                beanstalk.describe_application(physical, description(properties))
            }
            (Self::Application, Step::Delete) => {
                call.place(estate).beanstalk.delete_application(physical)
            }
            (Self::Environment, Step::Create) => {
                let (application, options) = (application(properties), options(properties));
                let beanstalk = &mut call.place(estate).beanstalk;
                beanstalk.create_environment(application, physical, options, call.now)
            }
            (Self::Environment, Step::Update) => {
                let (application, options) = (application(properties), options(properties));
                let beanstalk = &mut call.place(estate).beanstalk;
                beanstalk.set_options(application, physical, options, call.now)
            }
            (Self::Environment, Step::Delete) => {
                let beanstalk = &mut call.place(estate).beanstalk;
                beanstalk.terminate(application(properties), physical, call.now)
            }
        }
    }

    /// What `Ref` gives.
    pub(super) fn reference(self, call: &Call<'_>, physical: &str) -> Value {
        match self {
            Self::Queue => json!(format!(
                "https://sqs.{}.amazonaws.com/{}/{physical}",
                call.region, call.caller.account
            )),
            _ => json!(physical),
        }
    }
}

fn attribute_type_changed(old: &Value, new: &Value) -> bool {
    let types = |properties| -> BTreeMap<String, String> {
        Input(properties)
            .list("AttributeDefinitions")
            .into_iter()
            .filter_map(|definition| {
                Some((
                    definition.text("AttributeName")?.to_owned(),
                    definition.text("AttributeType")?.to_owned(),
                ))
            })
            .collect()
    };
    let (old, new) = (types(old), types(new));
    old.iter()
        .any(|(name, kind)| new.get(name).is_some_and(|now| now != kind))
}

fn application(properties: &Value) -> &str {
    properties
        .get("ApplicationName")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn description(properties: &Value) -> &str {
    properties
        .get("Description")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn options(properties: &Value) -> BTreeMap<(String, String), String> {
    Input(properties)
        .list("OptionSettings")
        .into_iter()
        .filter_map(|option| {
            let key = (
                option.text("Namespace")?.to_owned(),
                option.text("OptionName")?.to_owned(),
            );
            Some((key, option.text("Value").unwrap_or_default().to_owned()))
        })
        .collect()
}

fn queue_attributes(properties: &Value) -> BTreeMap<String, String> {
    let is_attribute = |name: &&String| !["QueueName", "Tags"].contains(&name.as_str());
    properties
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, _)| is_attribute(name))
        .map(|(name, value)| (name.clone(), plain(value)))
        .collect()
}

/// A function's code: in the template as text, or in S3.
fn code(estate: &Estate, properties: &Value) -> Result<Vec<u8>, Fault> {
    let part = |name: &str| {
        properties
            .pointer(&format!("/Code/{name}"))
            .and_then(Value::as_str)
    };
    match (part("ZipFile"), part("S3Bucket"), part("S3Key")) {
        (Some(text), None, None) => Ok(text.as_bytes().to_vec()),
        (None, Some(bucket), Some(key)) => estate
            .s3
            .content(bucket, key)
            .map(|content| content.to_vec())
            .ok_or_else(|| {
                Fault::invalid("Error occurred while GetObject. S3 Error Code: NoSuchKey.")
            }),
        _ => Err(Fault::invalid("Please provide a source for function code.")),
    }
}
