//! The services: which there are, which operations they have, and the one way into them.
//!
//! Takes an authenticated request; gives the answer of the operation. An operation is a row of
//! its service's table: its name, the accesses it needs, and what it does. [`perform`] asks for
//! every access before it lets the operation run, so that no service can forget to.

pub(crate) mod beanstalk;
pub(crate) mod cloudformation;
pub(crate) mod dynamodb;
pub(crate) mod ec2;
mod iam;
pub(crate) mod lambda;
pub(crate) mod logs;
pub(crate) mod rds;
pub(crate) mod s3;
pub(crate) mod secrets;
pub(crate) mod sqs;
pub(crate) mod sts;
mod tagging;

use std::borrow::Cow;
use std::cell::RefCell;

use jiff::Timestamp;
use serde_json::Value;

use crate::estate::{Estate, Place};
use crate::identity::{Access, Principal, denial};
use crate::intake::Body;
use crate::json;
use crate::policy::condition::Context;
use crate::policy::{Effect, Question};
use crate::reply::{Answer, Fault, Protocol};
use crate::request::{self, Head, Input, Plus};

/// A service that the lab has.
pub(crate) struct Service {
    /// The name in the credential scope, which is also the prefix of its actions.
    pub(crate) name: &'static str,
    pub(crate) protocol: Protocol,
    /// The XML namespace of its answers, or empty.
    pub(crate) namespace: &'static str,
    /// How a request names its operation.
    pub(crate) routing: Routing,
    pub(crate) operations: &'static [Operation],
}

/// How a request names its operation.
pub(crate) enum Routing {
    /// `Action=Name` in a form.
    Action,
    /// `X-Amz-Target: Prefix.Name`.
    Target(&'static str),
    /// Either of the two, as SQS.
    TargetOrAction(&'static str),
    /// Method and path; gives the name and the labels of the path.
    Path(fn(&Head) -> Result<(&'static str, Value), Fault>),
}

/// An operation: what it needs and what it does.
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    accesses: fn(&Call<'_>, &Estate) -> Result<Vec<Access>, Fault>,
    run: fn(&Call<'_>, &mut Estate) -> Result<Answer, Fault>,
}

impl Operation {
    pub(crate) const fn new(
        name: &'static str,
        accesses: fn(&Call<'_>, &Estate) -> Result<Vec<Access>, Fault>,
        run: fn(&Call<'_>, &mut Estate) -> Result<Answer, Fault>,
    ) -> Self {
        Self {
            name,
            accesses,
            run,
        }
    }
}

/// All services of the lab.
pub(crate) const SERVICES: [&Service; 13] = [
    &sts::SERVICE,
    &s3::SERVICE,
    &lambda::SERVICE,
    &beanstalk::SERVICE,
    &cloudformation::SERVICE,
    &dynamodb::SERVICE,
    &ec2::SERVICE,
    &iam::SERVICE,
    &logs::SERVICE,
    &rds::SERVICE,
    &secrets::SERVICE,
    &sqs::SERVICE,
    &tagging::SERVICE,
];

/// A service by the name in a credential scope. S3 has a second one, for directory buckets.
pub(crate) fn named(name: &str) -> Option<&'static Service> {
    let name = match name {
        s3::EXPRESS => s3::SERVICE.name,
        name => name,
    };
    SERVICES.into_iter().find(|service| service.name == name)
}

impl Service {
    /// The protocol of one request: SQS speaks two.
    pub(crate) fn protocol_of(&self, head: &Head) -> Protocol {
        match self.routing {
            Routing::TargetOrAction(_) if head.header("x-amz-target").is_none() => Protocol::Query,
            _ => self.protocol,
        }
    }

    /// Names the operation and reads the parameters.
    pub(crate) fn identify(
        &self,
        head: &Head,
        body: &Body,
    ) -> Result<(&'static str, Value), Fault> {
        match self.routing {
            Routing::Action => read_action(head, body),
            Routing::Target(prefix) => read_target(prefix, head, body),
            Routing::TargetOrAction(prefix) if head.header("x-amz-target").is_some() => {
                read_target(prefix, head, body)
            }
            Routing::TargetOrAction(_) => read_action(head, body),
            Routing::Path(route) => {
                let (name, labels) = route(head)?;
                Ok((name.into(), labels))
            }
        }
        .and_then(|(name, parameters)| match self.operation(&name) {
            Some(operation) => Ok((operation.name, parameters)),
            None => Err(Fault::unknown_operation(format!(
                "The lab's {} has no operation {name}.",
                self.name
            ))),
        })
    }

    fn operation(&self, name: &str) -> Option<&'static Operation> {
        self.operations
            .iter()
            .find(|operation| operation.name == name)
    }
}

fn read_action(head: &Head, body: &Body) -> Result<(Cow<'static, str>, Value), Fault> {
    let text =
        std::str::from_utf8(body.bytes()).map_err(|_| Fault::malformed("the form is not UTF-8"))?;
    let mut pairs = request::pairs(text, Plus::Space).map_err(Fault::malformed)?;
    pairs.extend(
        head.query
            .iter()
            .filter(|(name, _)| !name.starts_with("X-Amz-"))
            .cloned(),
    );
    let parameters = request::tree(&pairs).map_err(Fault::malformed)?;
    let action = Input(&parameters).required("Action")?.to_owned();
    Ok((action.into(), parameters))
}

fn read_target(
    prefix: &str,
    head: &Head,
    body: &Body,
) -> Result<(Cow<'static, str>, Value), Fault> {
    let name = head
        .header("x-amz-target")
        .and_then(|target| target.strip_prefix(prefix)?.strip_prefix('.'))
        .ok_or_else(|| {
            Fault::unknown_operation(format!("X-Amz-Target must be {prefix}.OPERATION"))
        })?
        .to_owned();
    Ok((name.into(), read_json(body)?))
}

/// The body as a JSON object; no body is an empty one.
pub(crate) fn read_json(body: &Body) -> Result<Value, Fault> {
    if body.length == 0 {
        return Ok(Value::Object(Default::default()));
    }
    match json::parse(body.bytes()) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err(Fault::malformed("the body is not a JSON object")),
        Err(error) => Err(Fault::malformed(error.to_string())),
    }
}

/// One authenticated, identified request.
pub(crate) struct Call<'a> {
    pub(crate) service: &'static Service,
    pub(crate) protocol: Protocol,
    pub(crate) operation: &'static str,
    pub(crate) head: &'a Head,
    pub(crate) body: &'a Body,
    pub(crate) parameters: Value,
    pub(crate) caller: &'a Principal,
    pub(crate) partition: &'a str,
    pub(crate) region: &'a str,
    pub(crate) now: Timestamp,
    /// Every access that was asked for, for the log.
    pub(crate) asked: RefCell<Vec<(String, String)>>,
}

impl<'a> Call<'a> {
    pub(crate) fn input(&self) -> Input<'_> {
        Input(&self.parameters)
    }

    /// An ARN of this call's service, in its region and the caller's account.
    pub(crate) fn arn(&self, resource: &str) -> String {
        self.arn_of(self.service.name, resource)
    }

    /// The same for another service.
    pub(crate) fn arn_of(&self, service: &str, resource: &str) -> String {
        format!(
            "arn:{}:{service}:{}:{}:{resource}",
            self.partition, self.region, self.caller.account
        )
    }

    /// The action of this call's own operation, on a resource. Where the policies know an operation
    /// by another name, or ask for a second action beside it, the action is written out.
    pub(crate) fn access(&self, resource: impl Into<String>) -> Access {
        Access::new(
            format!("{}:{}", self.service.name, self.operation),
            resource,
        )
    }

    /// Asks the caller's policies.
    pub(crate) fn authorize(&self, estate: &Estate, access: &Access) -> Result<(), Fault> {
        self.authorize_as(self.caller, estate, access)
    }

    /// Asks the policies of whoever the call acts as: the caller, or the role of a stack.
    pub(crate) fn authorize_as(
        &self,
        principal: &Principal,
        estate: &Estate,
        access: &Access,
    ) -> Result<(), Fault> {
        self.asked
            .borrow_mut()
            .push((access.action.clone(), access.resource.clone()));
        let mut context = principal.context();
        context.set("aws:RequestedRegion", self.region);
        // The lab speaks plain HTTP on loopback, and says so.
        context.set("aws:SecureTransport", "false");
        for (key, value) in &access.keys {
            context.set(key, value.as_str());
        }
        estate
            .identity
            .authorize(principal, access, &context, self.protocol)?;
        self.check_bucket_policy(principal, estate, access, &context)
    }

    /// A bucket's policy can take away what the caller's own policies allow. What it would grant
    /// beyond them the lab does not grant: within one account that needs neither.
    fn check_bucket_policy(
        &self,
        principal: &Principal,
        estate: &Estate,
        access: &Access,
        context: &Context,
    ) -> Result<(), Fault> {
        let Some(policy) = estate.s3.policy_for(&access.resource) else {
            return Ok(());
        };
        let names = principal.names(self.partition);
        let question = Question {
            action: &access.action,
            resource: &access.resource,
            principals: &names.iter().map(String::as_str).collect::<Vec<_>>(),
            context,
        };
        match policy.effect(&question) {
            Some(Effect::Deny) => Err(denial(
                principal,
                access,
                "with an explicit deny in a resource-based policy",
                self.protocol,
            )),
            Some(Effect::Allow) | None => Ok(()),
        }
    }

    pub(crate) fn place<'e>(&self, estate: &'e mut Estate) -> &'e mut Place {
        estate.place(&self.caller.account, self.region)
    }

    pub(crate) fn place_if_any<'e>(&self, estate: &'e Estate) -> Option<&'e Place> {
        estate.place_if_any(&self.caller.account, self.region)
    }
}

/// `2026-07-29T10:00:00Z`.
pub(crate) fn iso(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Asks for every access that the operation needs and only then runs it.
pub(crate) fn perform(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let Some(operation) = call.service.operation(call.operation) else {
        return Err(Fault::unknown_operation(call.operation));
    };
    for access in (operation.accesses)(call, estate)? {
        call.authorize(estate, &access)?;
    }
    // A dry run is answered here, so that no operation can forget that it is one.
    if call.protocol == Protocol::Ec2 && call.input().boolean("DryRun")? == Some(true) {
        return Err(Fault::new(
            412,
            "DryRunOperation",
            "Request would have succeeded, but DryRun flag is set.",
        ));
    }
    (operation.run)(call, estate)
}

/// For operations that need no permission, or that ask for it themselves, item by item.
pub(crate) fn nothing(_: &Call<'_>, _: &Estate) -> Result<Vec<Access>, Fault> {
    Ok(Vec::new())
}

/// `service:Operation` on everything, for operations without a resource of their own.
pub(crate) fn on_everything(call: &Call<'_>, _: &Estate) -> Result<Vec<Access>, Fault> {
    Ok(vec![call.access("*")])
}
