//! IAM: roles and their policies. A change here changes what live sessions may do at once.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::{Call, Operation, Routing, Service, iso};
use crate::estate::Estate;
use crate::identity::{Access, Owned, Role, letters};
use crate::policy::{self, Kind, Policy};
use crate::reply::{Answer, Fault, Protocol};

/// IAM.
pub(crate) const SERVICE: Service = Service {
    name: "iam",
    protocol: Protocol::Query,
    namespace: "https://iam.amazonaws.com/doc/2010-05-08/",
    routing: Routing::Action,
    operations: &[
        Operation::new("ListRoles", on_roles, list),
        Operation::new("CreateRole", on_role, create),
        Operation::new("GetRole", on_role, read),
        Operation::new("DeleteRole", on_role, delete),
        Operation::new("ListRolePolicies", on_role, list_policies),
        Operation::new("GetRolePolicy", on_role, read_policy),
        Operation::new("PutRolePolicy", on_role, put_policy),
        Operation::new("DeleteRolePolicy", on_role, delete_policy),
        Operation::new("ListAttachedRolePolicies", on_role, list_attached),
        Operation::new("AttachRolePolicy", on_role, attach),
        Operation::new("DetachRolePolicy", on_role, detach),
        Operation::new("ListInstanceProfilesForRole", on_role, list_profiles),
    ],
};

fn role_arn(call: &Call<'_>, path: &str, name: &str) -> String {
    format!(
        "arn:{}:iam::{}:role{path}{name}",
        call.partition, call.caller.account
    )
}

fn key(call: &Call<'_>) -> Result<Owned, Fault> {
    Ok((
        call.caller.account.clone(),
        call.input().required("RoleName")?.to_owned(),
    ))
}

fn absent(name: &str) -> Fault {
    Fault::new(
        404,
        "NoSuchEntity",
        format!("The role with name {name} cannot be found."),
    )
}

fn find<'e>(call: &Call<'_>, estate: &'e mut Estate) -> Result<&'e mut Role, Fault> {
    let key = key(call)?;
    estate
        .identity
        .roles
        .get_mut(&key)
        .ok_or_else(|| absent(&key.1))
}

fn on_roles(call: &Call<'_>, _: &Estate) -> Result<Vec<Access>, Fault> {
    let path = call.input().text("PathPrefix").unwrap_or("/");
    Ok(vec![call.access(role_arn(call, path, ""))])
}

fn on_role(call: &Call<'_>, estate: &Estate) -> Result<Vec<Access>, Fault> {
    let key = key(call)?;
    let arn = match estate.identity.roles.get(&key) {
        Some(role) => role.arn.clone(),
        None => role_arn(call, call.input().text("Path").unwrap_or("/"), &key.1),
    };
    let mut access = call.access(arn);
    if let Some(policy) = call.input().text("PolicyArn") {
        access = access.key("iam:PolicyARN", policy);
    }
    Ok(vec![access])
}

fn to_json(role: &Role, name: &str) -> Value {
    json!({
        "RoleName": name,
        "Path": role.path,
        "RoleId": role.id,
        "Arn": role.arn,
        "CreateDate": iso(role.created),
        "AssumeRolePolicyDocument": encode(&role.trust),
        "Description": role.description,
        "MaxSessionDuration": role.max_session_seconds,
    })
}

/// IAM hands policies out percent-encoded.
fn encode(policy: &Policy) -> String {
    utf8_percent_encode(&policy.text, NON_ALPHANUMERIC).to_string()
}

fn read_document(call: &Call<'_>, parameter: &str, kind: Kind) -> Result<Policy, Fault> {
    policy::parse(call.input().required(parameter)?, kind)
        .map_err(|fault| Fault::new(400, "MalformedPolicyDocument", fault.to_string()))
}

fn list(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let prefix = call.input().text("PathPrefix").unwrap_or("/");
    let members: Vec<Value> = estate
        .identity
        .roles
        .iter()
        .filter(|((account, _), role)| {
            *account == call.caller.account && role.path.starts_with(prefix)
        })
        .map(|((_, name), role)| to_json(role, name))
        .collect();
    Ok(Answer::fields(
        json!({"Roles": {"member": members}, "IsTruncated": false}),
    ))
}

fn create(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let input = call.input();
    let key = key(call)?;
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    if key.1.len() > 64 || !key.1.chars().all(is_allowed) {
        return Err(Fault::invalid(
            "The specified value for roleName is invalid. It must contain \
             only alphanumeric characters and/or the following: +=,.@_-",
        ));
    }
    if estate.identity.roles.contains_key(&key) {
        return Err(Fault::new(
            409,
            "EntityAlreadyExists",
            format!("Role with name {} already exists.", key.1),
        ));
    }
    let seconds = input.integer("MaxSessionDuration")?.unwrap_or(3_600);
    if !(3_600..=43_200).contains(&seconds) {
        return Err(Fault::invalid(
            "MaxSessionDuration must be between 3600 and 43200",
        ));
    }
    if input.text("PermissionsBoundary").is_some() {
        return Err(Fault::invalid("the lab has no permissions boundaries"));
    }
    let path = input.text("Path").unwrap_or("/").to_owned();
    let role = Role {
        arn: role_arn(call, &path, &key.1),
        path,
        id: format!("AROA{}", letters(17)),
        created: call.now,
        description: input.text("Description").unwrap_or_default().to_owned(),
        trust: read_document(call, "AssumeRolePolicyDocument", Kind::Trust)?,
        inline: Default::default(),
        attached: Default::default(),
        max_session_seconds: seconds,
    };
    let answer = to_json(&role, &key.1);
    estate.identity.roles.insert(key, role);
    Ok(Answer::fields(json!({"Role": answer})))
}

fn read(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let name = call.input().required("RoleName")?;
    let role = find(call, estate)?;
    Ok(Answer::fields(json!({"Role": to_json(role, name)})))
}

fn delete(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let role = find(call, estate)?;
    if !role.inline.is_empty() || !role.attached.is_empty() {
        return Err(Fault::new(
            409,
            "DeleteConflict",
            "Cannot delete entity, must detach all policies first.",
        ));
    }
    estate.identity.roles.remove(&key(call)?);
    Ok(Answer::nothing())
}

fn list_policies(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let names: Vec<&String> = find(call, estate)?.inline.keys().collect();
    Ok(Answer::fields(
        json!({"PolicyNames": {"member": names}, "IsTruncated": false}),
    ))
}

fn no_policy(name: &str) -> Fault {
    Fault::new(
        404,
        "NoSuchEntity",
        format!("The role policy with name {name} cannot be found."),
    )
}

fn read_policy(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let name = call.input().required("PolicyName")?;
    let policy = find(call, estate)?
        .inline
        .get(name)
        .ok_or_else(|| no_policy(name))?;
    Ok(Answer::fields(json!({
        "RoleName": call.input().text("RoleName"),
        "PolicyName": name,
        "PolicyDocument": encode(policy),
    })))
}

fn put_policy(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let name = call.input().required("PolicyName")?;
    let policy = read_document(call, "PolicyDocument", Kind::Identity)?;
    find(call, estate)?.inline.insert(name.to_owned(), policy);
    Ok(Answer::nothing())
}

fn delete_policy(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let name = call.input().required("PolicyName")?;
    match find(call, estate)?.inline.remove(name) {
        Some(_) => Ok(Answer::nothing()),
        None => Err(no_policy(name)),
    }
}

fn list_attached(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let members: Vec<Value> = find(call, estate)?
        .attached
        .iter()
        .map(|arn| json!({"PolicyArn": arn, "PolicyName": arn.rsplit('/').next()}))
        .collect();
    Ok(Answer::fields(
        json!({"AttachedPolicies": {"member": members}, "IsTruncated": false}),
    ))
}

fn attach(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let arn = call.input().required("PolicyArn")?;
    if !estate.identity.managed.contains_key(arn) {
        return Err(Fault::new(
            404,
            "NoSuchEntity",
            format!("Policy {arn} does not exist or is not attachable."),
        ));
    }
    find(call, estate)?.attached.insert(arn.to_owned());
    Ok(Answer::nothing())
}

fn detach(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let arn = call.input().required("PolicyArn")?;
    match find(call, estate)?.attached.remove(arn) {
        true => Ok(Answer::nothing()),
        false => Err(Fault::new(
            404,
            "NoSuchEntity",
            format!("Policy {arn} was not found."),
        )),
    }
}

fn list_profiles(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    find(call, estate)?;
    Ok(Answer::fields(
        json!({"InstanceProfiles": {"member": []}, "IsTruncated": false}),
    ))
}
