//! DynamoDB: tables and their items.
//!
//! Of the expression language the lab reads only what is needed to find an item by its key:
//! `name = :value`, a second such term or `begins_with`, and `attribute_exists` or
//! `attribute_not_exists` as a condition. Any other expression is refused, never ignored.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Call, Operation, Routing, Service, on_everything};
use crate::estate::Estate;
use crate::identity::{Access, hexadecimal};
use crate::reply::{Answer, Fault, Protocol};
use crate::request::Input;

/// DynamoDB.
pub(crate) const SERVICE: Service = Service {
    name: "dynamodb",
    protocol: Protocol::Json10,
    namespace: "",
    routing: Routing::Target("DynamoDB_20120810"),
    operations: &[
        Operation::new("ListTables", on_everything, list),
        Operation::new("CreateTable", create_accesses, create),
        Operation::new("DescribeTable", on_table, describe),
        Operation::new("DescribeTimeToLive", on_table, time_to_live),
        Operation::new("DescribeContinuousBackups", on_table, backups),
        Operation::new("ListTagsOfResource", on_arn, tags),
        Operation::new("ListBackups", on_everything, no_backups),
        Operation::new("UpdateTable", on_table, update),
        Operation::new("DeleteTable", on_table, delete),
        Operation::new("PutItem", on_table, put),
        Operation::new("GetItem", on_table, read),
        Operation::new("DeleteItem", on_table, delete_item),
        Operation::new("Query", on_table, query),
        Operation::new("Scan", on_table, query),
        Operation::new("BatchWriteItem", batch_accesses, batch_write),
    ],
};

const BATCH: usize = 25;

/// Parameters that no operation of the lab honours, and which would change what one does.
const REFUSED: [&str; 9] = [
    "AttributeUpdates",
    "ConditionalOperator",
    "Expected",
    "FilterExpression",
    "IndexName",
    "KeyConditions",
    "QueryFilter",
    "ScanFilter",
    "TransactItems",
];

/// The tables of one account in one region.
#[derive(Clone, Default)]
pub(crate) struct Tables(BTreeMap<String, Table>);

#[derive(Clone)]
struct Table {
    id: String,
    created: Timestamp,
    attributes: Value,
    keys: Vec<Key>,
    billing: String,
    protected: bool,
    items: BTreeMap<String, Value>,
    tags: Value,
}

#[derive(Clone)]
struct Key {
    name: String,
    kind: &'static str,
    data_type: String,
}

impl Tables {
    /// The tags of a table.
    pub(crate) fn tags_of(&self, call: &Call<'_>, arn: &str) -> Vec<(String, String)> {
        let name = arn.strip_prefix(&call.arn_of("dynamodb", "table/"));
        let table = name.and_then(|name| self.0.get(name));
        let tags = table.and_then(|table| table.tags.as_array());
        let text = |tag: &Value, name: &str| Some(tag.get(name)?.as_str()?.to_owned());
        tags.into_iter()
            .flatten()
            .filter_map(|tag| Some((text(tag, "Key")?, text(tag, "Value")?)))
            .collect()
    }

    /// Makes a table, for the operation, seeds and stacks.
    pub(crate) fn create(
        &mut self,
        name: &str,
        parameters: &Value,
        now: Timestamp,
    ) -> Result<(), Fault> {
        if self.0.contains_key(name) {
            return Err(Fault::new(
                400,
                "ResourceInUseException",
                format!("Table already exists: {name}"),
            ));
        }
        let input = Input(parameters);
        let attributes = parameters
            .get("AttributeDefinitions")
            .cloned()
            .ok_or_else(|| Fault::missing("AttributeDefinitions"))?;
        let table = Table {
            id: hexadecimal(32),
            created: now,
            keys: read_keys(input)?,
            attributes,
            billing: input
                .text("BillingMode")
                .unwrap_or("PROVISIONED")
                .to_owned(),
            protected: input.boolean("DeletionProtectionEnabled")?.unwrap_or(false),
            items: BTreeMap::new(),
            tags: parameters.get("Tags").cloned().unwrap_or_else(|| json!([])),
        };
        self.0.insert(name.to_owned(), table);
        Ok(())
    }

    /// Changes what can change in place.
    pub(crate) fn update(&mut self, name: &str, parameters: &Value) -> Result<(), Fault> {
        let input = Input(parameters);
        let protected = input.boolean("DeletionProtectionEnabled")?;
        let table = self.find_mut(name)?;
        table.protected = protected.unwrap_or(table.protected);
        if let Some(billing) = input.text("BillingMode") {
            billing.clone_into(&mut table.billing);
        }
        Ok(())
    }

    /// Deletes a table with all its items, unless it is protected.
    pub(crate) fn delete(&mut self, name: &str) -> Result<(), Fault> {
        if self.find(name)?.protected {
            return Err(Fault::new(
                400,
                "ValidationException",
                format!(
                    "Resource cannot be deleted as it is currently protected against \
                     deletion. Disable deletion protection first. Table: {name}"
                ),
            ));
        }
        self.0.remove(name);
        Ok(())
    }

    /// Puts an item, for seeds.
    pub(crate) fn put(&mut self, table: &str, item: &Value) -> Result<(), Fault> {
        let table = self.find_mut(table)?;
        let key = table.key_of(item)?;
        table.items.insert(key, item.clone());
        Ok(())
    }

    fn find(&self, name: &str) -> Result<&Table, Fault> {
        self.0.get(name).ok_or_else(absent)
    }

    fn find_mut(&mut self, name: &str) -> Result<&mut Table, Fault> {
        self.0.get_mut(name).ok_or_else(absent)
    }

    pub(crate) fn to_json(&self) -> Value {
        let tables: BTreeMap<&String, Value> = self
            .0
            .iter()
            .map(|(name, table)| (name, json!({"id": table.id, "items": table.items.len(), "protected": table.protected})))
            .collect();
        json!(tables)
    }
}

fn absent() -> Fault {
    Fault::new(
        400,
        "ResourceNotFoundException",
        "Requested resource not found",
    )
}

fn read_keys(input: Input<'_>) -> Result<Vec<Key>, Fault> {
    let mut keys = Vec::new();
    for (member, expected) in input.list("KeySchema").into_iter().zip(["HASH", "RANGE"]) {
        let name = member.required("AttributeName")?;
        if member.required("KeyType")? != expected {
            return Err(Fault::invalid(
                "Invalid KeySchema: the first key must be HASH, the second RANGE",
            ));
        }
        let data_type = input
            .list("AttributeDefinitions")
            .into_iter()
            .find(|definition| definition.text("AttributeName") == Some(name))
            .and_then(|definition| definition.text("AttributeType"))
            .ok_or_else(|| {
                Fault::invalid(
                    "One or more parameter values were invalid: Some index key \
                     attributes are not defined in AttributeDefinitions",
                )
            })?;
        keys.push(Key {
            name: name.to_owned(),
            kind: expected,
            data_type: data_type.to_owned(),
        });
    }
    match keys.len() == input.list("KeySchema").len() && !keys.is_empty() {
        true => Ok(keys),
        false => Err(Fault::invalid("KeySchema must have one or two elements")),
    }
}

impl Table {
    /// The key of an item, as text that sorts by hash key and then by range key.
    fn key_of(&self, item: &Value) -> Result<String, Fault> {
        let mut parts = Vec::new();
        for key in &self.keys {
            let value = item
                .get(&key.name)
                .and_then(|value| value.get(&key.data_type))
                .ok_or_else(|| {
                    Fault::invalid(format!(
                        "One or more parameter values were invalid: Missing the key {} \
                         in the item, or type mismatch",
                        key.name
                    ))
                })?;
            parts.push(value.to_string());
        }
        Ok(parts.join("\u{0}"))
    }

    /// The key that a `Key` parameter gives, with exactly the attributes of the schema.
    fn exact_key(&self, key: Option<&Value>) -> Result<String, Fault> {
        let key = key.ok_or_else(|| Fault::missing("Key"))?;
        match key
            .as_object()
            .is_some_and(|map| map.len() == self.keys.len())
        {
            true => self.key_of(key),
            false => Err(Fault::invalid(
                "The provided key element does not match the schema",
            )),
        }
    }

    fn key_attributes(&self, item: &Value) -> Value {
        let attributes: Map<String, Value> = self
            .keys
            .iter()
            .filter_map(|key| Some((key.name.clone(), item.get(&key.name)?.clone())))
            .collect();
        Value::Object(attributes)
    }

    fn to_json(&self, arn: &str, name: &str, status: &str) -> Value {
        let keys: Vec<Value> = self
            .keys
            .iter()
            .map(|key| json!({"AttributeName": key.name, "KeyType": key.kind}))
            .collect();
        json!({
            "TableName": name,
            "TableArn": arn,
            "TableId": self.id,
            "TableStatus": status,
            "AttributeDefinitions": self.attributes,
            "KeySchema": keys,
            "BillingModeSummary": {"BillingMode": self.billing},
            "ProvisionedThroughput": {"ReadCapacityUnits": 0, "WriteCapacityUnits": 0, "NumberOfDecreasesToday": 0},
            "DeletionProtectionEnabled": self.protected,
            "ItemCount": self.items.len(),
            "TableSizeBytes": 0,
            "CreationDateTime": self.created.as_second(),
        })
    }
}

fn table_name<'a>(call: &'a Call<'_>) -> Result<&'a str, Fault> {
    name_in(call, call.input().required("TableName")?)
}

/// A table by name or by ARN; another account's or region's does not exist here.
fn name_in<'a>(call: &Call<'_>, given: &'a str) -> Result<&'a str, Fault> {
    let own = call.arn("table/");
    let name = given.strip_prefix(&own).unwrap_or(given);
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    match (3..=255).contains(&name.len()) && name.chars().all(is_allowed) {
        true => Ok(name),
        false => Err(Fault::invalid(format!(
            "1 validation error detected: Value '{given}' at 'tableName' \
             failed to satisfy constraint"
        ))),
    }
}

fn table_arn(call: &Call<'_>, name: &str) -> String {
    call.arn(&format!("table/{name}"))
}

fn on_table(call: &Call<'_>, _: &Estate) -> Result<Vec<Access>, Fault> {
    Ok(vec![call.access(table_arn(call, table_name(call)?))])
}

fn on_arn(call: &Call<'_>, _: &Estate) -> Result<Vec<Access>, Fault> {
    let arn = call.input().required("ResourceArn")?;
    Ok(vec![call.access(arn)])
}

fn create_accesses(call: &Call<'_>, estate: &Estate) -> Result<Vec<Access>, Fault> {
    let mut accesses = on_table(call, estate)?;
    if !call.input().list("Tags").is_empty() {
        accesses.push(Access::new(
            "dynamodb:TagResource",
            table_arn(call, table_name(call)?),
        ));
    }
    Ok(accesses)
}

fn batch_accesses(call: &Call<'_>, _: &Estate) -> Result<Vec<Access>, Fault> {
    call.input()
        .entries("RequestItems")
        .into_iter()
        .map(|(table, _)| Ok(call.access(table_arn(call, name_in(call, table)?))))
        .collect()
}

fn list(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let names: Vec<&String> = call.place(estate).dynamodb.0.keys().collect();
    Ok(Answer::fields(json!({"TableNames": names})))
}

fn create(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let name = table_name(call)?;
    call.place(estate)
        .dynamodb
        .create(name, &call.parameters, call.now)?;
    let table = call.place(estate).dynamodb.find(name)?;
    Ok(Answer::fields(
        json!({"TableDescription": table.to_json(&table_arn(call, name), name, "ACTIVE")}),
    ))
}

fn describe(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let name = table_name(call)?;
    let table = call.place(estate).dynamodb.find(name)?;
    Ok(Answer::fields(
        json!({"Table": table.to_json(&table_arn(call, name), name, "ACTIVE")}),
    ))
}

fn tags(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let name = name_in(call, call.input().required("ResourceArn")?)?;
    let table = call.place(estate).dynamodb.find(name)?;
    Ok(Answer::fields(json!({"Tags": table.tags})))
}

fn time_to_live(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    call.place(estate).dynamodb.find(table_name(call)?)?;
    Ok(Answer::fields(
        json!({"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}}),
    ))
}

fn backups(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    call.place(estate).dynamodb.find(table_name(call)?)?;
    Ok(Answer::fields(json!({
        "ContinuousBackupsDescription": {
            "ContinuousBackupsStatus": "DISABLED",
            "PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": "DISABLED"},
        },
    })))
}

/// No table of the lab has point-in-time recovery, or leaves a backup behind.
fn no_backups(_: &Call<'_>, _: &mut Estate) -> Result<Answer, Fault> {
    Ok(Answer::fields(json!({"BackupSummaries": []})))
}

fn update(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let name = table_name(call)?;
    call.place(estate).dynamodb.update(name, &call.parameters)?;
    let table = call.place(estate).dynamodb.find(name)?;
    Ok(Answer::fields(
        json!({"TableDescription": table.to_json(&table_arn(call, name), name, "ACTIVE")}),
    ))
}

fn delete(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let name = table_name(call)?;
    let description =
        call.place(estate)
            .dynamodb
            .find(name)?
            .to_json(&table_arn(call, name), name, "DELETING");
    call.place(estate).dynamodb.delete(name)?;
    Ok(Answer::fields(json!({"TableDescription": description})))
}

/// Refuses what the lab would otherwise have to ignore.
fn check_parameters(call: &Call<'_>) -> Result<(), Fault> {
    match REFUSED
        .iter()
        .find(|name| call.parameters.get(**name).is_some())
    {
        Some(name) => Err(Fault::invalid(format!("the lab does not evaluate {name}"))),
        None => Ok(()),
    }
}

/// A name or a placeholder alone, without operators or parentheses.
fn is_plain(part: &str) -> bool {
    part.chars()
        .all(|c| c.is_ascii_alphanumeric() || "#:_-.".contains(c))
}

/// `#name` stands for what `ExpressionAttributeNames` says.
fn attribute_name<'a>(input: Input<'a>, name: &'a str) -> Result<&'a str, Fault> {
    match name.starts_with('#') {
        false => Ok(name),
        true => input
            .at("ExpressionAttributeNames")
            .and_then(|names| names.0.get(name)?.as_str())
            .ok_or_else(|| {
                Fault::invalid(format!(
                    "An expression attribute name used in the document path is not \
                     defined; attribute name: {name}"
                ))
            }),
    }
}

fn check_condition(call: &Call<'_>, current: Option<&Value>) -> Result<(), Fault> {
    let Some(condition) = call.input().text("ConditionExpression") else {
        return Ok(());
    };
    let argument = |function: &str| {
        let rest = condition.trim().strip_prefix(function)?.trim();
        let name = rest.strip_prefix('(')?.strip_suffix(')')?.trim();
        is_plain(name).then_some(name)
    };
    let (name, wanted) = match (
        argument("attribute_not_exists"),
        argument("attribute_exists"),
    ) {
        (Some(name), _) => (name, false),
        (_, Some(name)) => (name, true),
        _ => {
            return Err(Fault::invalid(
                "the lab evaluates only attribute_exists(x) and attribute_not_exists(x)",
            ));
        }
    };
    let name = attribute_name(call.input(), name)?;
    match current.is_some_and(|item| item.get(name).is_some()) == wanted {
        true => Ok(()),
        false => Err(Fault::new(
            400,
            "ConditionalCheckFailedException",
            "The conditional request failed",
        )),
    }
}

fn put(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    check_parameters(call)?;
    let table = call.place(estate).dynamodb.find_mut(table_name(call)?)?;
    let item = call
        .parameters
        .get("Item")
        .ok_or_else(|| Fault::missing("Item"))?;
    let key = table.key_of(item)?;
    check_condition(call, table.items.get(&key))?;
    let old = table.items.insert(key, item.clone());
    Ok(Answer::fields(old_attributes(call, old)))
}

fn old_attributes(call: &Call<'_>, old: Option<Value>) -> Value {
    match (call.input().text("ReturnValues"), old) {
        (Some("ALL_OLD"), Some(old)) => json!({"Attributes": old}),
        _ => json!({}),
    }
}

fn read(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let table = call.place(estate).dynamodb.find(table_name(call)?)?;
    let key = table.exact_key(call.parameters.get("Key"))?;
    Ok(Answer::fields(match table.items.get(&key) {
        Some(item) => json!({"Item": item}),
        None => json!({}),
    }))
}

fn delete_item(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    check_parameters(call)?;
    let table = call.place(estate).dynamodb.find_mut(table_name(call)?)?;
    let key = table.exact_key(call.parameters.get("Key"))?;
    check_condition(call, table.items.get(&key))?;
    let old = table.items.remove(&key);
    Ok(Answer::fields(old_attributes(call, old)))
}

/// One term of a key condition.
enum Term<'a> {
    Equals(&'a str, &'a Value),
    BeginsWith(&'a str, &'a str),
}

impl Term<'_> {
    fn holds(&self, item: &Value) -> bool {
        match self {
            Self::Equals(name, value) => item.get(name) == Some(*value),
            Self::BeginsWith(name, prefix) => item
                .get(name)
                .and_then(|value| value.get("S")?.as_str())
                .is_some_and(|text| text.starts_with(prefix)),
        }
    }
}

fn read_term<'a>(input: Input<'a>, text: &'a str) -> Result<Term<'a>, Fault> {
    let value = |name: &str| {
        input
            .at("ExpressionAttributeValues")
            .and_then(|values| values.0.get(name))
            .ok_or_else(|| {
                Fault::invalid(format!(
                    "An expression attribute value used in expression is not \
                     defined; attribute value: {name}"
                ))
            })
    };
    let refused = || {
        Fault::invalid(format!(
            "the lab evaluates only `name = :value` and `begins_with(name, :value)`, not `{text}`"
        ))
    };
    let text = text.trim().trim_start_matches('(').trim();
    if let Some(arguments) = text.strip_prefix("begins_with") {
        let (name, placeholder) = arguments
            .trim()
            .trim_start_matches('(')
            .trim_end_matches(')')
            .split_once(',')
            .ok_or_else(refused)?;
        let prefix = value(placeholder.trim())?
            .get("S")
            .and_then(Value::as_str)
            .ok_or_else(refused)?;
        return Ok(Term::BeginsWith(
            attribute_name(input, name.trim())?,
            prefix,
        ));
    }
    let (name, placeholder) = text
        .trim_end_matches(')')
        .split_once('=')
        .ok_or_else(refused)?;
    let (name, placeholder) = (name.trim(), placeholder.trim());
    if !is_plain(name) || !is_plain(placeholder) {
        return Err(refused());
    }
    Ok(Term::Equals(
        attribute_name(input, name)?,
        value(placeholder)?,
    ))
}

/// Query and Scan: every item that the key condition names, in pages.
fn query(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    check_parameters(call)?;
    let input = call.input();
    let table = call.place(estate).dynamodb.find(table_name(call)?)?;
    let terms = match (call.operation, input.text("KeyConditionExpression")) {
        ("Scan", _) => Vec::new(),
        (_, Some(text)) => text
            .split(" AND ")
            .map(|term| read_term(input, term))
            .collect::<Result<_, _>>()?,
        (_, None) => {
            return Err(Fault::invalid(
                "Either the KeyConditions or KeyConditionExpression parameter \
                 must be specified in the request.",
            ));
        }
    };
    let after = match call.parameters.get("ExclusiveStartKey") {
        None | Some(Value::Null) => None,
        key => Some(table.exact_key(key)?),
    };
    let limit = input
        .integer("Limit")?
        .and_then(|limit| usize::try_from(limit).ok())
        .unwrap_or(usize::MAX);
    let mut found = table
        .items
        .iter()
        .filter(|(key, _)| after.as_ref().is_none_or(|after| *key > after))
        .map(|(_, item)| item)
        .filter(|item| terms.iter().all(|term| term.holds(item)));
    let page: Vec<&Value> = found.by_ref().take(limit).collect();
    let last = page
        .last()
        .filter(|_| found.next().is_some())
        .map(|item| table.key_attributes(item));
    let mut answer = json!({"Count": page.len(), "ScannedCount": page.len(), "Items": page});
    if input.text("Select") == Some("COUNT") {
        answer.as_object_mut().map(|map| map.remove("Items"));
    }
    if let (Some(last), Value::Object(answer)) = (last, &mut answer) {
        answer.insert("LastEvaluatedKey".to_owned(), last);
    }
    Ok(Answer::fields(answer))
}

fn batch_write(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let mut changes: Vec<(&str, String, Option<&Value>)> = Vec::new();
    let tables = &mut call.place(estate).dynamodb;
    for (given, requests) in call.input().entries("RequestItems") {
        let name = name_in(call, given)?;
        let table = tables.find(name)?;
        for request in requests.0.as_array().into_iter().flatten() {
            let put = request.pointer("/PutRequest/Item");
            let delete = request.pointer("/DeleteRequest/Key");
            let (key, item) = match (put, delete) {
                (Some(item), None) => (table.key_of(item)?, Some(item)),
                (None, Some(_)) => (table.exact_key(delete)?, None),
                _ => {
                    return Err(Fault::invalid(
                        "Supplied AttributeValue has more than one datatypes set, must \
                         contain exactly one of PutRequest and DeleteRequest",
                    ));
                }
            };
            if changes
                .iter()
                .any(|(known, other, _)| *known == name && *other == key)
            {
                return Err(Fault::invalid(
                    "Provided list of item keys contains duplicates",
                ));
            }
            changes.push((name, key, item));
        }
    }
    if changes.is_empty() || changes.len() > BATCH {
        return Err(Fault::invalid(
            "Too many items requested for the BatchWriteItem call, or none",
        ));
    }
    for (name, key, item) in changes {
        let table = tables.find_mut(name)?;
        match item {
            Some(item) => table.items.insert(key, item.clone()),
            None => table.items.remove(&key),
        };
    }
    Ok(Answer::fields(json!({"UnprocessedItems": {}})))
}
