//! What no table says well: the rules of security groups and the records of DNS, each as one text.

use super::tree;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// The rules of a security group as texts: `tcp 443 10.0.0.0/8`. Parameters and answers name their
/// members alike but for the first letter.
pub(super) fn permissions(parts: &[&Json]) -> BTreeSet<String> {
    let parts = parts.iter().flat_map(|part| tree::flat(part));
    parts.flat_map(permission).collect()
}

fn permission(part: &Json) -> Vec<String> {
    let text = |name: &str| member(part, name).and_then(tree::text);
    let Some(protocol) = text("IpProtocol") else {
        return Vec::new();
    };
    let ports = match (text("FromPort"), text("ToPort")) {
        _ if protocol == "-1" => String::new(),
        (Some(from), Some(to)) if from == to => format!(" {from}"),
        (Some(from), Some(to)) => format!(" {from}-{to}"),
        _ => String::new(),
    };
    let protocol = match &*protocol {
        "-1" => "everything",
        protocol => protocol,
    };
    let mut others: Vec<String> = text("CidrIp").into_iter().collect();
    for (list, name) in [
        ("IpRanges", "CidrIp"),
        ("Ipv6Ranges", "CidrIpv6"),
        ("PrefixListIds", "PrefixListId"),
        ("UserIdGroupPairs", "GroupId"),
        ("Groups", "GroupId"),
    ] {
        let items = member(part, list).into_iter().flat_map(tree::flat);
        others.extend(items.filter_map(|item| member(item, name).and_then(tree::text)));
    }
    others
        .into_iter()
        .map(|other| format!("{protocol}{ports} {other}"))
        .collect()
}

/// A member by its name, or by the same with a small first letter.
fn member<'j>(part: &'j Json, name: &str) -> Option<&'j Json> {
    let small = || {
        let (first, rest) = name.split_at_checked(1)?;
        part.get(format!("{}{rest}", first.to_ascii_lowercase()))
    };
    part.get(name).or_else(small)
}

/// Records by name and type.
pub(super) fn records(parts: &[&Json]) -> BTreeMap<String, Json> {
    let parts = parts.iter().flat_map(|part| tree::flat(part));
    parts
        .filter_map(|part| Some((record_name(part)?, record(part).into())))
        .collect()
}

/// What a batch of changes makes of each record.
pub(super) fn changes(parts: &[&Json]) -> Vec<(String, Option<Json>)> {
    let changes = parts.iter().flat_map(|part| tree::flat(part));
    changes
        .filter_map(|change| {
            let set = change.get("ResourceRecordSet")?;
            let is_gone = change.get("Action")?.as_str()? == "DELETE";
            let after = (!is_gone).then(|| record(set).into());
            Some((record_name(set)?, after))
        })
        .collect()
}

/// What a batch of changes leaves out of the records that others rest on: the apex of the zone, name
/// servers, mail, wildcards. Nothing where one of them may be beyond what was read.
pub(super) fn upserted(
    changes: &[&Json],
    there: &[&Json],
    is_cut: bool,
) -> Option<Vec<(String, Json)>> {
    let known = there.iter().flat_map(|part| tree::flat(part));
    let known = known.filter_map(|part| Some((record_name(part)?, part)));
    let known: BTreeMap<String, &Json> = known.collect();
    let mut left_out = Vec::new();
    for change in changes.iter().flat_map(|part| tree::flat(part)) {
        let set = change.get("ResourceRecordSet");
        let (Some("UPSERT"), Some(set)) = (change.get("Action").and_then(Json::as_str), set) else {
            continue;
        };
        let Some(name) = record_name(set) else {
            continue;
        };
        let (host, kind) = name.split_once(' ').unwrap_or((&name, ""));
        let kind = kind.split(' ').next().unwrap_or_default();
        let is_shared = matches!(kind, "NS" | "SOA" | "MX")
            || host.starts_with('*')
            || known.contains_key(&format!("{host} SOA"));
        if !is_shared {
            continue;
        }
        match known.get(&name) {
            Some(now) => {
                let after = values(set);
                let gone = values(now)
                    .into_iter()
                    .filter(|value| !after.contains(value));
                left_out.extend(gone.map(|value| (name.clone(), value.into())));
            }
            None if is_cut => return None,
            None => {}
        }
    }
    Some(left_out)
}

/// The values of a record, or what it is an alias of.
fn values(set: &Json) -> BTreeSet<String> {
    let mut values = tree::texts(set, "ResourceRecords.Value");
    values.extend(tree::texts(set, "ResourceRecords.ResourceRecord.Value"));
    values.extend(tree::texts(set, "AliasTarget.DNSName"));
    values
        .into_iter()
        .map(|it| it.to_ascii_lowercase())
        .collect()
}

/// `www.example.com A`, and the identifier where several share a name.
fn record_name(set: &Json) -> Option<String> {
    let name = set.get("Name")?.as_str()?.trim_end_matches('.');
    let kind = set.get("Type")?.as_str()?;
    // Answers write a star as it is in a file of a zone.
    let name = name.to_ascii_lowercase().replace("\\052", "*");
    Some(match set.get("SetIdentifier").and_then(tree::text) {
        Some(identifier) => format!("{name} {kind} {identifier}"),
        None => format!("{name} {kind}"),
    })
}

fn record(set: &Json) -> String {
    if let Some(alias) = set.get("AliasTarget") {
        let target = alias.get("DNSName").and_then(tree::text);
        return format!("alias {}", target.unwrap_or_default());
    }
    let life = set.get("TTL").and_then(tree::text);
    let mut values = tree::texts(set, "ResourceRecords.Value");
    values.extend(tree::texts(set, "ResourceRecords.ResourceRecord.Value"));
    values.sort_unstable();
    match life {
        Some(life) => format!("{} for {life} s", values.join(", ")),
        None => values.join(", "),
    }
}
