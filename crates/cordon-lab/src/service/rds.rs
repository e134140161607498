//! RDS: database instances and their snapshots, with the two rules that save data.
//!
//! A protected instance is not deleted; and a deletion must say either the name of the final
//! snapshot or, in so many words, that there is to be none.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Call, Operation, Routing, Service, iso, on_everything};
use crate::estate::Estate;
use crate::identity::{Access, letters};
use crate::reply::{Answer, Fault, Protocol};
use crate::request::Input;

/// RDS.
pub(crate) const SERVICE: Service = Service {
    name: "rds",
    protocol: Protocol::Query,
    namespace: "http://rds.amazonaws.com/doc/2014-10-31/",
    routing: Routing::Action,
    operations: &[
        Operation::new("DescribeDBInstances", on_database, describe),
        Operation::new("CreateDBInstance", change_accesses, create),
        Operation::new("ModifyDBInstance", change_accesses, modify),
        Operation::new("DeleteDBInstance", on_database, delete),
        Operation::new("DescribeDBSnapshots", on_snapshots, describe_snapshots),
        Operation::new("CreateDBSnapshot", on_both, create_snapshot),
        Operation::new("DeleteDBSnapshot", on_snapshot, delete_snapshot),
        Operation::new("DescribeEvents", on_everything, describe_events),
    ],
};

/// The databases of one account in one region.
#[derive(Clone, Default)]
pub(crate) struct Rds {
    instances: BTreeMap<String, Database>,
    snapshots: BTreeMap<String, Snapshot>,
    events: Vec<Event>,
}

/// That an instance came or went.
#[derive(Clone)]
struct Event {
    instance: String,
    /// `creation` or `deletion`.
    category: &'static str,
    at: Timestamp,
}

#[derive(Clone)]
struct Database {
    class: String,
    engine: String,
    storage: i64,
    created: Timestamp,
    protected: bool,
    resource_id: String,
}

#[derive(Clone)]
struct Snapshot {
    database: String,
    engine: String,
    storage: i64,
    created: Timestamp,
    resource_id: String,
}

impl Rds {
    fn find(&mut self, id: &str) -> Result<&mut Database, Fault> {
        self.instances.get_mut(id).ok_or_else(|| {
            Fault::new(
                404,
                "DBInstanceNotFound",
                format!("DBInstance {id} not found."),
            )
        })
    }

    fn tell(&mut self, instance: &str, category: &'static str, at: Timestamp) {
        self.events.push(Event {
            instance: instance.to_owned(),
            category,
            at,
        });
    }

    fn snapshot(&mut self, database: &str, name: &str, now: Timestamp) -> Result<&Snapshot, Fault> {
        if self.snapshots.contains_key(name) {
            return Err(Fault::new(
                400,
                "DBSnapshotAlreadyExists",
                format!(
                    "Cannot create the snapshot because a snapshot with the \
                     identifier {name} already exists."
                ),
            ));
        }
        let source = self.find(database)?;
        let snapshot = Snapshot {
            database: database.to_owned(),
            engine: source.engine.clone(),
            storage: source.storage,
            created: now,
            resource_id: source.resource_id.clone(),
        };
        Ok(self.snapshots.entry(name.to_owned()).or_insert(snapshot))
    }

    pub(crate) fn to_json(&self) -> Value {
        let instances: BTreeMap<&String, Value> = self
            .instances
            .iter()
            .map(|(id, database)| (id, json!({"protected": database.protected, "class": database.class, "resource_id": database.resource_id})))
            .collect();
        let snapshots: Vec<&String> = self.snapshots.keys().collect();
        json!({"instances": instances, "snapshots": snapshots})
    }
}

impl Database {
    fn to_json(&self, call: &Call<'_>, id: &str, status: &str) -> Value {
        json!({
            "DBInstanceIdentifier": id,
            "DBInstanceArn": call.arn(&format!("db:{id}")),
            "DBInstanceClass": self.class,
            "DBInstanceStatus": status,
            "DbiResourceId": self.resource_id,
            "Engine": self.engine,
            "AllocatedStorage": self.storage,
            "InstanceCreateTime": iso(self.created),
            "DeletionProtection": self.protected,
        })
    }
}

impl Snapshot {
    fn to_json(&self, call: &Call<'_>, name: &str) -> Value {
        json!({
            "DBSnapshotIdentifier": name,
            "DBSnapshotArn": call.arn(&format!("snapshot:{name}")),
            "DBInstanceIdentifier": self.database,
            "DbiResourceId": self.resource_id,
            "Engine": self.engine,
            "AllocatedStorage": self.storage,
            "SnapshotCreateTime": iso(self.created),
            "SnapshotType": "manual",
            "Status": "available",
            "PercentProgress": 100,
        })
    }
}

/// RDS keeps identifiers in lower case, whatever the caller wrote.
fn id(input: Input<'_>, parameter: &str) -> Result<String, Fault> {
    Ok(input.required(parameter)?.to_ascii_lowercase())
}

fn on_database(call: &Call<'_>, _: &Estate) -> Result<Vec<Access>, Fault> {
    let resource = match (call.input().text("DBInstanceIdentifier"), call.operation) {
        (Some(_), _) => format!("db:{}", id(call.input(), "DBInstanceIdentifier")?),
        (None, "DescribeDBInstances") => "db:*".to_owned(),
        (None, _) => return Err(Fault::missing("DBInstanceIdentifier")),
    };
    Ok(vec![call.access(call.arn(&resource))])
}

/// The groups that a change names are resources of it too.
fn change_accesses(call: &Call<'_>, estate: &Estate) -> Result<Vec<Access>, Fault> {
    let mut accesses = on_database(call, estate)?;
    for (parameter, prefix) in [
        ("DBSubnetGroupName", "subgrp"),
        ("DBParameterGroupName", "pg"),
        ("OptionGroupName", "og"),
    ] {
        if let Some(name) = call.input().text(parameter) {
            accesses.push(call.access(call.arn(&format!("{prefix}:{name}"))));
        }
    }
    Ok(accesses)
}

fn on_snapshots(call: &Call<'_>, _: &Estate) -> Result<Vec<Access>, Fault> {
    let name = call
        .input()
        .text("DBSnapshotIdentifier")
        .unwrap_or("*")
        .to_ascii_lowercase();
    Ok(vec![call.access(call.arn(&format!("snapshot:{name}")))])
}

fn on_snapshot(call: &Call<'_>, _: &Estate) -> Result<Vec<Access>, Fault> {
    let name = id(call.input(), "DBSnapshotIdentifier")?;
    Ok(vec![call.access(call.arn(&format!("snapshot:{name}")))])
}

fn on_both(call: &Call<'_>, estate: &Estate) -> Result<Vec<Access>, Fault> {
    let mut accesses = on_database(call, estate)?;
    accesses.extend(on_snapshot(call, estate)?);
    Ok(accesses)
}

fn describe(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let rds = &mut call.place(estate).rds;
    let wanted = call
        .input()
        .text("DBInstanceIdentifier")
        .map(str::to_ascii_lowercase);
    if let Some(id) = &wanted {
        rds.find(id)?;
    }
    let members: Vec<Value> = rds
        .instances
        .iter()
        .filter(|(id, _)| wanted.as_ref().is_none_or(|wanted| wanted == *id))
        .map(|(id, database)| database.to_json(call, id, "available"))
        .collect();
    Ok(Answer::fields(
        json!({"DBInstances": {"DBInstance": members}}),
    ))
}

fn create(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let input = call.input();
    let id = id(input, "DBInstanceIdentifier")?;
    let rds = &mut call.place(estate).rds;
    if rds.instances.contains_key(&id) {
        return Err(Fault::new(
            400,
            "DBInstanceAlreadyExists",
            "DB instance already exists",
        ));
    }
    let database = Database {
        class: input.required("DBInstanceClass")?.to_owned(),
        engine: input.required("Engine")?.to_owned(),
        storage: input.integer("AllocatedStorage")?.unwrap_or(20),
        created: call.now,
        protected: input.boolean("DeletionProtection")?.unwrap_or(false),
        resource_id: format!("db-{}", letters(26)),
    };
    let answer = database.to_json(call, &id, "available");
    rds.tell(&id, "creation", call.now);
    rds.instances.insert(id, database);
    Ok(Answer::fields(json!({"DBInstance": answer})))
}

fn modify(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let input = call.input();
    let id = id(input, "DBInstanceIdentifier")?;
    let protected = input.boolean("DeletionProtection")?;
    let storage = input.integer("AllocatedStorage")?;
    let database = call.place(estate).rds.find(&id)?;
    database.protected = protected.unwrap_or(database.protected);
    database.storage = storage.unwrap_or(database.storage);
    if let Some(class) = input.text("DBInstanceClass") {
        class.clone_into(&mut database.class);
    }
    Ok(Answer::fields(
        json!({"DBInstance": database.to_json(call, &id, "available")}),
    ))
}

fn delete(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let input = call.input();
    let id = id(input, "DBInstanceIdentifier")?;
    let skips = input.boolean("SkipFinalSnapshot")?.unwrap_or(false);
    let snapshot = input
        .text("FinalDBSnapshotIdentifier")
        .map(str::to_ascii_lowercase);
    let combination = |text: &str| Err(Fault::new(400, "InvalidParameterCombination", text));
    let rds = &mut call.place(estate).rds;
    let database = rds.find(&id)?.clone();
    if database.protected {
        return combination(
            "Cannot delete protected DB Instance, please disable deletion \
             protection and try again.",
        );
    }
    match (skips, snapshot) {
        (true, Some(_)) => {
            return combination(
                "FinalDBSnapshotIdentifier can not be specified when \
                 SkipFinalSnapshot is specified.",
            );
        }
        (false, None) => {
            return combination(
                "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.",
            );
        }
        (false, Some(name)) => {
            rds.snapshot(&id, &name, call.now)?;
        }
        (true, None) => {}
    }
    rds.instances.remove(&id);
    rds.tell(&id, "deletion", call.now);
    Ok(Answer::fields(
        json!({"DBInstance": database.to_json(call, &id, "deleting")}),
    ))
}

fn describe_snapshots(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let input = call.input();
    let wanted = |parameter: &str| input.text(parameter).map(str::to_ascii_lowercase);
    let (database, name) = (
        wanted("DBInstanceIdentifier"),
        wanted("DBSnapshotIdentifier"),
    );
    let members: Vec<Value> = call
        .place(estate)
        .rds
        .snapshots
        .iter()
        .filter(|(known, _)| name.as_ref().is_none_or(|name| name == *known))
        .filter(|(_, snapshot)| {
            database
                .as_ref()
                .is_none_or(|database| *database == snapshot.database)
        })
        .map(|(name, snapshot)| snapshot.to_json(call, name))
        .collect();
    Ok(Answer::fields(
        json!({"DBSnapshots": {"DBSnapshot": members}}),
    ))
}

fn create_snapshot(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let (database, name) = (
        id(call.input(), "DBInstanceIdentifier")?,
        id(call.input(), "DBSnapshotIdentifier")?,
    );
    let snapshot = call
        .place(estate)
        .rds
        .snapshot(&database, &name, call.now)?
        .to_json(call, &name);
    Ok(Answer::fields(json!({"DBSnapshot": snapshot})))
}

fn delete_snapshot(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let name = id(call.input(), "DBSnapshotIdentifier")?;
    let snapshot = call
        .place(estate)
        .rds
        .snapshots
        .remove(&name)
        .ok_or_else(|| {
            Fault::new(
                404,
                "DBSnapshotNotFound",
                format!("DBSnapshot not found: {name}"),
            )
        })?;
    Ok(Answer::fields(
        json!({"DBSnapshot": snapshot.to_json(call, &name)}),
    ))
}

/// Of one instance, as whoever asks about it gives its name; AWS keeps them for 14 days.
fn describe_events(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let input = call.input();
    if input
        .text("SourceType")
        .is_some_and(|kind| kind != "db-instance")
    {
        return Ok(Answer::fields(json!({"Events": {}})));
    }
    let id = id(input, "SourceIdentifier")?;
    let events = call.place(estate).rds.events.iter();
    let events = events.filter(|event| event.instance == id).map(|event| {
        json!({
            "SourceIdentifier": event.instance,
            "SourceType": "db-instance",
            "EventCategories": {"EventCategory": [event.category]},
            "Date": iso(event.at),
        })
    });
    Ok(Answer::fields(
        json!({"Events": {"Event": events.collect::<Vec<_>>()}}),
    ))
}
