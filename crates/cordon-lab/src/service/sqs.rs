//! SQS: queues and their messages, in both of its protocols.

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::{Call, Operation, Routing, Service, on_everything};
use crate::digest::Algorithm;
use crate::estate::Estate;
use crate::host;
use crate::identity::{Access, hexadecimal};
use crate::reply::{Answer, Fault, Protocol};
use crate::request::Input;

/// SQS.
pub(crate) const SERVICE: Service = Service {
    name: "sqs",
    protocol: Protocol::Json10,
    namespace: "http://queue.amazonaws.com/doc/2012-11-05/",
    routing: Routing::TargetOrAction("AmazonSQS"),
    operations: &[
        Operation::new("ListQueues", on_everything, list),
        Operation::new("CreateQueue", on_named, create),
        Operation::new("GetQueueUrl", on_named, url),
        Operation::new("GetQueueAttributes", on_queue, attributes),
        Operation::new("SetQueueAttributes", on_queue, set_attributes),
        Operation::new("ListQueueTags", on_queue, tags),
        Operation::new("SendMessage", on_queue, send),
        Operation::new("ReceiveMessage", on_queue, receive),
        Operation::new("DeleteMessage", on_queue, delete_message),
        Operation::new("PurgeQueue", on_queue, purge),
        Operation::new("DeleteQueue", on_queue, delete),
    ],
};

const MESSAGE_LIMIT: usize = 1_024 * 1_024;
const DEFAULTS: [(&str, &str); 5] = [
    ("DelaySeconds", "0"),
    ("MaximumMessageSize", "1048576"),
    ("MessageRetentionPeriod", "345600"),
    ("ReceiveMessageWaitTimeSeconds", "0"),
    ("VisibilityTimeout", "30"),
];

/// The queues of one account in one region.
#[derive(Clone, Default)]
pub(crate) struct Queues(BTreeMap<String, Queue>);

#[derive(Clone)]
struct Queue {
    created: Timestamp,
    attributes: BTreeMap<String, String>,
    messages: VecDeque<Message>,
}

#[derive(Clone)]
struct Message {
    id: String,
    body: String,
    receipt: Option<String>,
    visible_from: Timestamp,
}

impl Queues {
    /// Makes a queue, or finds one with the same attributes.
    pub(crate) fn create(
        &mut self,
        name: &str,
        given: &BTreeMap<String, String>,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        let stem = name.strip_suffix(".fifo").unwrap_or(name);
        if !(1..=80).contains(&name.len()) || !stem.chars().all(is_allowed) {
            return Err(Fault::invalid_value(
                "Can only include alphanumeric characters, hyphens, or \
                 underscores. 1 to 80 in length",
            ));
        }
        if name.ends_with(".fifo") != (given.get("FifoQueue").map(String::as_str) == Some("true")) {
            return Err(Fault::invalid_value(
                "The name of a FIFO queue can only include alphanumeric \
                 characters, hyphens, or underscores, must end with .fifo suffix",
            ));
        }
        if let Some(known) = self.0.get(name) {
            let fits = given
                .iter()
                .all(|(key, value)| known.attributes.get(key) == Some(value));
            return match fits {
                true => Ok(()),
                false => Err(Fault::new(
                    400,
                    "QueueNameExists",
                    "A queue already exists with the same name and a different value \
                     for an attribute",
                )
                .query_code("QueueAlreadyExists")),
            };
        }
        let mut attributes: BTreeMap<String, String> = DEFAULTS
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        attributes.extend(given.clone());
        self.0.insert(
            name.to_owned(),
            Queue {
                created: now,
                attributes,
                messages: VecDeque::new(),
            },
        );
        Ok(())
    }

    /// Changes attributes in place.
    pub(crate) fn set(&mut self, name: &str, given: BTreeMap<String, String>) -> Result<(), Fault> {
        self.find(name)?.attributes.extend(given);
        Ok(())
    }

    /// Deletes a queue with all its messages.
    pub(crate) fn delete(&mut self, name: &str) -> Result<(), Fault> {
        self.0.remove(name).map(|_| ()).ok_or_else(absent)
    }

    fn find(&mut self, name: &str) -> Result<&mut Queue, Fault> {
        self.0.get_mut(name).ok_or_else(absent)
    }

    pub(crate) fn to_json(&self) -> Value {
        let queues: BTreeMap<&String, Value> = self
            .0
            .iter()
            .map(|(name, queue)| {
                (
                    name,
                    json!({"messages": queue.messages.len(), "attributes": queue.attributes}),
                )
            })
            .collect();
        json!(queues)
    }
}

fn absent() -> Fault {
    Fault::new(
        400,
        "QueueDoesNotExist",
        "The specified queue does not exist.",
    )
    .query_code("AWS.SimpleQueueService.NonExistentQueue")
}

/// The queue that the URL names. Only its last two parts count: the host may be any that leads here.
fn queue_name<'a>(call: &'a Call<'_>) -> Result<&'a str, Fault> {
    let url = call.input().required("QueueUrl")?;
    let mut parts = url.rsplit('/');
    match (parts.next(), parts.next()) {
        (Some(name), Some(account)) if account == call.caller.account && !name.is_empty() => {
            Ok(name)
        }
        _ => Err(absent()),
    }
}

fn queue_url(call: &Call<'_>, name: &str) -> String {
    let host = &call.head.host;
    let scheme = if host::read(host).is_some() {
        "https"
    } else {
        "http"
    };
    format!("{scheme}://{host}/{}/{name}", call.caller.account)
}

fn on_queue(call: &Call<'_>, _: &Estate) -> Result<Vec<Access>, Fault> {
    Ok(vec![call.access(call.arn(queue_name(call)?))])
}

fn on_named(call: &Call<'_>, _: &Estate) -> Result<Vec<Access>, Fault> {
    Ok(vec![
        call.access(call.arn(call.input().required("QueueName")?)),
    ])
}

/// `Attributes` as a JSON object, or `Attribute.1.Name` and `Attribute.1.Value` in a form.
fn given_attributes(call: &Call<'_>) -> Result<BTreeMap<String, String>, Fault> {
    let input = call.input();
    if call.protocol == Protocol::Json10 {
        return input
            .entries("Attributes")
            .into_iter()
            .map(|(name, value)| {
                let value = value
                    .0
                    .as_str()
                    .ok_or_else(|| Fault::invalid("an attribute must be text"))?;
                Ok((name.to_owned(), value.to_owned()))
            })
            .collect();
    }
    input
        .list("Attribute")
        .into_iter()
        .map(|member| {
            Ok((
                member.required("Name")?.to_owned(),
                member.text("Value").unwrap_or_default().to_owned(),
            ))
        })
        .collect()
}

fn list(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let prefix = call.input().text("QueueNamePrefix").unwrap_or_default();
    let urls: Vec<String> = call
        .place(estate)
        .sqs
        .0
        .keys()
        .filter(|name| name.starts_with(prefix))
        .map(|name| queue_url(call, name))
        .collect();
    let member = if call.protocol == Protocol::Json10 {
        "QueueUrls"
    } else {
        "QueueUrl"
    };
    Ok(Answer::fields(json!({member: urls})))
}

fn create(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let name = call.input().required("QueueName")?;
    call.place(estate)
        .sqs
        .create(name, &given_attributes(call)?, call.now)?;
    Ok(Answer::fields(json!({"QueueUrl": queue_url(call, name)})))
}

fn url(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let name = call.input().required("QueueName")?;
    call.place(estate).sqs.find(name)?;
    Ok(Answer::fields(json!({"QueueUrl": queue_url(call, name)})))
}

fn attributes(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let name = queue_name(call)?;
    let input = call.input();
    let wanted = match call.protocol {
        Protocol::Json10 => input.texts("AttributeNames"),
        _ => input.texts("AttributeName"),
    };
    let queue = call.place(estate).sqs.find(name)?;
    let mut all = queue.attributes.clone();
    let hidden = queue
        .messages
        .iter()
        .filter(|message| message.visible_from > call.now)
        .count();
    for (attribute, value) in [
        ("QueueArn", call.arn(name)),
        (
            "ApproximateNumberOfMessages",
            (queue.messages.len() - hidden).to_string(),
        ),
        ("ApproximateNumberOfMessagesNotVisible", hidden.to_string()),
        ("ApproximateNumberOfMessagesDelayed", "0".to_owned()),
        ("CreatedTimestamp", queue.created.as_second().to_string()),
        (
            "LastModifiedTimestamp",
            queue.created.as_second().to_string(),
        ),
    ] {
        all.insert(attribute.to_owned(), value);
    }
    all.retain(|name, _| wanted.contains(&"All") || wanted.contains(&name.as_str()));
    Ok(Answer::fields(match call.protocol {
        Protocol::Json10 => json!({"Attributes": all}),
        _ => {
            let rows: Vec<Value> = all
                .iter()
                .map(|(name, value)| json!({"Name": name, "Value": value}))
                .collect();
            json!({"Attribute": rows})
        }
    }))
}

fn set_attributes(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let given = given_attributes(call)?;
    call.place(estate).sqs.set(queue_name(call)?, given)?;
    Ok(Answer::nothing())
}

fn tags(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    call.place(estate).sqs.find(queue_name(call)?)?;
    Ok(Answer::nothing())
}

fn send(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let body = call.input().required("MessageBody")?;
    if body.len() > MESSAGE_LIMIT {
        return Err(Fault::invalid_value(
            "One or more parameters are invalid. Reason: Message must be \
             shorter than 1048576 bytes.",
        ));
    }
    let delay = call.input().integer("DelaySeconds")?.unwrap_or(0);
    let visible_from = later(call.now, delay)?;
    let id = hexadecimal(32);
    let message = Message {
        id: id.clone(),
        body: body.to_owned(),
        receipt: None,
        visible_from,
    };
    call.place(estate)
        .sqs
        .find(queue_name(call)?)?
        .messages
        .push_back(message);
    Ok(Answer::fields(
        json!({"MessageId": id, "MD5OfMessageBody": md5(body)}),
    ))
}

fn md5(body: &str) -> String {
    hex::encode(Algorithm::Md5.of(body.as_bytes()))
}

fn later(now: Timestamp, seconds: i64) -> Result<Timestamp, Fault> {
    match seconds {
        0..=43_200 => now
            .checked_add(SignedDuration::from_secs(seconds))
            .map_err(|_| Fault::invalid("the time is out of range")),
        _ => Err(Fault::invalid_value(
            "a number of seconds must be between 0 and 43200",
        )),
    }
}

fn receive(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let input = call.input();
    let name = queue_name(call)?;
    let count = input.integer("MaxNumberOfMessages")?.unwrap_or(1);
    let count = usize::try_from(count)
        .ok()
        .filter(|count| (1..=10).contains(count))
        .ok_or_else(|| {
            Fault::invalid_value("MaxNumberOfMessages must be between 1 and 10, if provided.")
        })?;
    let queue = call.place(estate).sqs.find(name)?;
    let default: i64 = queue
        .attributes
        .get("VisibilityTimeout")
        .and_then(|text| text.parse().ok())
        .unwrap_or(30);
    let hidden_until = later(
        call.now,
        input.integer("VisibilityTimeout")?.unwrap_or(default),
    )?;
    let messages: Vec<Value> = queue
        .messages
        .iter_mut()
        .filter(|message| message.visible_from <= call.now)
        .take(count)
        .map(|message| {
            let receipt = hexadecimal(48);
            message.receipt = Some(receipt.clone());
            message.visible_from = hidden_until;
            json!({"MessageId": message.id, "ReceiptHandle": receipt, "Body": message.body, "MD5OfBody": md5(&message.body)})
        })
        .collect();
    let member = if call.protocol == Protocol::Json10 {
        "Messages"
    } else {
        "Message"
    };
    let mut answer = Map::new();
    if !messages.is_empty() {
        answer.insert(member.to_owned(), Value::Array(messages));
    }
    Ok(Answer::fields(Value::Object(answer)))
}

fn delete_message(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let receipt = Input(&call.parameters).required("ReceiptHandle")?;
    let queue = call.place(estate).sqs.find(queue_name(call)?)?;
    queue
        .messages
        .retain(|message| message.receipt.as_deref() != Some(receipt));
    Ok(Answer::nothing())
}

fn purge(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    call.place(estate)
        .sqs
        .find(queue_name(call)?)?
        .messages
        .clear();
    Ok(Answer::nothing())
}

fn delete(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    call.place(estate).sqs.delete(queue_name(call)?)?;
    Ok(Answer::nothing())
}
