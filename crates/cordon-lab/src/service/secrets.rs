//! Secrets Manager: reading and replacing secret values.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Call, Operation, Routing, Service};
use crate::estate::Estate;
use crate::identity::{Access, hexadecimal};
use crate::reply::{Answer, Fault, Protocol};

/// Secrets Manager.
pub(crate) const SERVICE: Service = Service {
    name: "secretsmanager",
    protocol: Protocol::Json11,
    namespace: "",
    routing: Routing::Target("secretsmanager"),
    operations: &[
        Operation::new("DescribeSecret", on_secret, describe),
        Operation::new("GetSecretValue", on_secret, read),
        Operation::new("PutSecretValue", on_secret, put),
    ],
};

/// The secrets of one account in one region.
#[derive(Clone, Default)]
pub(crate) struct Secrets(BTreeMap<String, Secret>);

#[derive(Clone)]
struct Secret {
    /// The six characters that Secrets Manager puts behind the name in the ARN.
    suffix: String,
    created: Timestamp,
    /// Version ids and values, oldest first; the last is `AWSCURRENT`, the one before it
    /// `AWSPREVIOUS`.
    versions: Vec<(String, String)>,
}

impl Secrets {
    /// Makes a secret, for seeds.
    pub(crate) fn create(&mut self, name: &str, value: &str, now: Timestamp) {
        let secret = Secret {
            suffix: hexadecimal(6),
            created: now,
            versions: vec![(hexadecimal(32), value.to_owned())],
        };
        self.0.insert(name.to_owned(), secret);
    }

    /// A secret by name, by ARN, or by ARN without the suffix.
    fn find(&self, call: &Call<'_>) -> Result<(&String, &Secret), Fault> {
        let given = call.input().required("SecretId")?;
        self.0
            .iter()
            .find(|(name, secret)| {
                *name == given
                    || arn(call, name, secret) == given
                    || call.arn(&format!("secret:{name}")) == given
            })
            .ok_or_else(absent)
    }

    pub(crate) fn to_json(&self) -> Value {
        let secrets: BTreeMap<&String, usize> = self
            .0
            .iter()
            .map(|(name, secret)| (name, secret.versions.len()))
            .collect();
        json!(secrets)
    }
}

fn absent() -> Fault {
    Fault::new(
        400,
        "ResourceNotFoundException",
        "Secrets Manager can't find the specified secret.",
    )
}

fn arn(call: &Call<'_>, name: &str, secret: &Secret) -> String {
    call.arn(&format!("secret:{name}-{}", secret.suffix))
}

/// The policy is asked about the full ARN of a secret that exists, and about the name otherwise.
fn on_secret(call: &Call<'_>, estate: &Estate) -> Result<Vec<Access>, Fault> {
    let given = call.input().required("SecretId")?;
    let known = call
        .place_if_any(estate)
        .and_then(|place| place.secrets.find(call).ok());
    let resource = match known {
        Some((name, secret)) => arn(call, name, secret),
        None if given.starts_with("arn:") => given.to_owned(),
        None => call.arn(&format!("secret:{given}")),
    };
    Ok(vec![call.access(resource)])
}

fn describe(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let (name, secret) = call.place(estate).secrets.find(call)?;
    let stages: BTreeMap<&String, Vec<&str>> = ["AWSCURRENT", "AWSPREVIOUS"]
        .into_iter()
        .zip(secret.versions.iter().rev())
        .map(|(stage, (id, _))| (id, vec![stage]))
        .collect();
    Ok(Answer::fields(json!({
        "ARN": arn(call, name, secret),
        "Name": name,
        "CreatedDate": secret.created.as_second(),
        "VersionIdsToStages": stages,
    })))
}

fn read(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let input = call.input();
    let (name, secret) = call.place(estate).secrets.find(call)?;
    let stage = input.text("VersionStage").unwrap_or("AWSCURRENT");
    let found = match (input.text("VersionId"), stage) {
        (Some(wanted), _) => secret.versions.iter().find(|(id, _)| id == wanted),
        (None, "AWSCURRENT") => secret.versions.last(),
        (None, "AWSPREVIOUS") => secret.versions.iter().rev().nth(1),
        (None, _) => None,
    };
    let (id, value) = found.ok_or_else(absent)?;
    Ok(Answer::fields(json!({
        "ARN": arn(call, name, secret),
        "Name": name,
        "VersionId": id,
        "SecretString": value,
        "VersionStages": [stage],
        "CreatedDate": secret.created.as_second(),
    })))
}

fn put(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let value = call.input().required("SecretString")?;
    let secrets = &mut call.place(estate).secrets;
    let (name, secret) = secrets.find(call)?;
    let (name, arn) = (name.clone(), arn(call, name, secret));
    let id = call
        .input()
        .text("ClientRequestToken")
        .map_or_else(|| hexadecimal(32), str::to_owned);
    let secret = secrets.0.get_mut(&name).ok_or_else(absent)?;
    secret.versions.push((id.clone(), value.to_owned()));
    Ok(Answer::fields(
        json!({"ARN": arn, "Name": name, "VersionId": id, "VersionStages": ["AWSCURRENT"]}),
    ))
}
