//! STS: sessions of roles, with every limit that AWS documents for them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use serde_json::json;

use super::{Call, Operation, Routing, Service, iso, nothing};
use crate::estate::Estate;
use crate::identity::{Access, Owned, Principal, PrincipalKind, Session, denial};
use crate::policy::{self, Effect, Kind, Policy, Question};
use crate::reply::{Answer, Fault, Protocol};

/// STS.
pub(crate) const SERVICE: Service = Service {
    name: "sts",
    protocol: Protocol::Query,
    namespace: "https://sts.amazonaws.com/doc/2011-06-15/",
    routing: Routing::Action,
    operations: &[
        Operation::new("AssumeRole", assume_role_accesses, assume_role),
        Operation::new("GetCallerIdentity", nothing, caller_identity),
    ],
};

/// Inline session policy, in characters.
const POLICY_LIMIT: usize = 2_048;
/// What the lab takes for one hundred per cent of the packed size, where an estate says nothing
/// else. AWS does not say how it packs; the lab counts the policy without spaces, tags and policy
/// ARNs, one byte each, so that a policy that fits alone no longer fits with tags, as on AWS.
pub(crate) const PACKED_LIMIT: usize = 2_048;
const POLICY_ARN_LIMIT: usize = 10;
const TAG_LIMIT: usize = 50;
const CHAINED_SECONDS: i64 = 3_600;

/// A well-formed request to assume a role.
struct AssumeRole<'a> {
    role_arn: &'a str,
    role: Owned,
    session_name: &'a str,
    seconds: i64,
    policy: Option<Policy>,
    policy_arns: Vec<&'a str>,
    tags: BTreeMap<String, String>,
    transitive: BTreeSet<String>,
    source_identity: Option<&'a str>,
    external_id: Option<&'a str>,
    packed_size: usize,
}

impl<'a> AssumeRole<'a> {
    fn read(call: &'a Call<'_>) -> Result<Self, Fault> {
        let input = call.input();
        let role_arn = input.required("RoleArn")?;
        let session_name = input.required("RoleSessionName")?;
        check_name("roleSessionName", session_name)?;
        let source_identity = input.text("SourceIdentity");
        if let Some(name) = source_identity {
            check_name("sourceIdentity", name)?;
        }
        let seconds = input.integer("DurationSeconds")?.unwrap_or(3_600);
        if seconds < 900 {
            return Err(constraint(
                &seconds.to_string(),
                "durationSeconds",
                "have value greater than or equal to 900",
            ));
        }
        if seconds > 43_200 {
            return Err(constraint(
                &seconds.to_string(),
                "durationSeconds",
                "have value less than or equal to 43200",
            ));
        }
        let policy_arns: Vec<&str> = input
            .list("PolicyArns.member")
            .into_iter()
            .map(|member| member.required("arn"))
            .collect::<Result<_, _>>()?;
        if policy_arns.len() > POLICY_ARN_LIMIT {
            return Err(constraint(
                "...",
                "policyArns",
                "have length less than or equal to 10",
            ));
        }
        let (tags, transitive) = read_tags(call)?;
        let policy = input.text("Policy").map(read_policy).transpose()?;
        let packed_size = packed_size(policy.as_ref(), &policy_arns, &tags);
        Ok(Self {
            role_arn,
            role: role_key(role_arn)?,
            session_name,
            seconds,
            policy,
            policy_arns,
            tags,
            transitive,
            source_identity,
            external_id: input.text("ExternalId"),
            packed_size,
        })
    }

    /// The actions that caller and role must both allow. A source identity goes along a chain of
    /// roles, and each of them must allow that it does.
    fn actions(&self, caller: &Principal) -> Vec<&'static str> {
        let mut actions = vec!["sts:AssumeRole"];
        let inherited = caller
            .session()
            .and_then(|session| session.source_identity.as_deref());
        let source_identity = self.source_identity.or(inherited);
        actions.extend(source_identity.map(|_| "sts:SetSourceIdentity"));
        actions.extend((!self.tags.is_empty()).then_some("sts:TagSession"));
        actions
    }

    fn accesses(&self, caller: &Principal) -> Vec<Access> {
        let access = |action: &'static str| {
            let mut access =
                Access::new(action, self.role_arn).key("sts:RoleSessionName", self.session_name);
            if let Some(name) = self.source_identity {
                access = access.key("sts:SourceIdentity", name);
            }
            if let Some(id) = self.external_id {
                access = access.key("sts:ExternalId", id);
            }
            access
        };
        self.actions(caller).into_iter().map(access).collect()
    }
}

fn assume_role_accesses(call: &Call<'_>, _: &Estate) -> Result<Vec<Access>, Fault> {
    Ok(AssumeRole::read(call)?.accesses(call.caller))
}

fn assume_role(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let request = AssumeRole::read(call)?;
    let not_trusted = |access: &Access| denial(call.caller, access, "", call.protocol);
    let Some(role) = estate.identity.roles.get(&request.role).cloned() else {
        // AWS does not tell a role that is not there from one that does not trust the caller.
        return Err(not_trusted(&Access::new(
            "sts:AssumeRole",
            request.role_arn,
        )));
    };
    if role.arn != request.role_arn {
        return Err(not_trusted(&Access::new(
            "sts:AssumeRole",
            request.role_arn,
        )));
    }
    for access in request.accesses(call.caller) {
        check_trust(call, &role.trust, &access).map_err(|()| not_trusted(&access))?;
    }
    check_duration(call, &request, role.max_session_seconds)?;
    let packed_percent = (request.packed_size * 100).div_ceil(estate.packed_limit);
    if packed_percent > 100 {
        return Err(Fault::new(
            400,
            "PackedPolicyTooLarge",
            format!(
                "Packed policy consumes {packed_percent}% of allotted space, please use smaller policy."
            ),
        ));
    }
    let source_identity = inherit_source_identity(call, &request)?;
    let mut policies: Vec<Policy> = request.policy.iter().cloned().collect();
    for arn in &request.policy_arns {
        let managed = estate.identity.managed.get(*arn).cloned();
        policies.push(managed.ok_or_else(|| {
            Fault::new(
                400,
                "ValidationError",
                format!("Policy {arn} does not exist or is not attachable."),
            )
        })?);
    }
    let (mut tags, mut transitive) = inherited_tags(call.caller);
    if let Some(key) = request.tags.keys().find(|key| transitive.contains(*key)) {
        return Err(Fault::invalid_value(format!(
            "One of the specified transitive tag keys can't be set because \
             it conflicts with a transitive tag key from the calling \
             session: {key}"
        )));
    }
    tags.extend(request.tags.clone());
    transitive.extend(request.transitive.clone());

    let role_name = &request.role.1;
    let arn = format!(
        "arn:{}:sts::{}:assumed-role/{role_name}/{}",
        call.partition, request.role.0, request.session_name
    );
    let principal = Principal {
        account: request.role.0.clone(),
        arn: arn.clone(),
        id: format!("{}:{}", role.id, request.session_name),
        kind: PrincipalKind::Session(Box::new(Session {
            role: request.role.clone(),
            role_arn: role.arn.clone(),
            name: request.session_name.to_owned(),
            source_identity: source_identity.clone(),
            inline_policy: request.policy.as_ref().map(|policy| policy.text.clone()),
            policies,
            tags,
            transitive,
        })),
    };
    let expires = call
        .now
        .checked_add(SignedDuration::from_secs(request.seconds))
        .map_err(|_| Fault::invalid("the session would end after the end of time"))?;
    let (key_id, credential) = estate.identity.issue(principal, expires, call.now);
    Ok(Answer::fields(json!({
        "Credentials": {
            "AccessKeyId": key_id,
            "SecretAccessKey": credential.secret,
            "SessionToken": credential.token,
            "Expiration": iso(expires),
        },
        "AssumedRoleUser": {"AssumedRoleId": format!("{}:{}", role.id, request.session_name), "Arn": arn},
        "PackedPolicySize": packed_percent,
        "SourceIdentity": source_identity,
    })))
}

fn caller_identity(call: &Call<'_>, _: &mut Estate) -> Result<Answer, Fault> {
    Ok(Answer::fields(json!({
        "Arn": call.caller.arn,
        "UserId": call.caller.id,
        "Account": call.caller.account,
    })))
}

fn check_trust(call: &Call<'_>, trust: &Policy, access: &Access) -> Result<(), ()> {
    let names = call.caller.names(call.partition);
    let mut context = call.caller.context();
    access
        .keys
        .iter()
        .for_each(|(key, value)| context.set(key, value.as_str()));
    let question = Question {
        action: &access.action,
        resource: &access.resource,
        principals: &names.iter().map(String::as_str).collect::<Vec<_>>(),
        context: &context,
    };
    match trust.effect(&question) {
        Some(Effect::Allow) => Ok(()),
        Some(Effect::Deny) | None => Err(()),
    }
}

fn check_duration(call: &Call<'_>, request: &AssumeRole<'_>, maximum: i64) -> Result<(), Fault> {
    if call.caller.session().is_some() && request.seconds > CHAINED_SECONDS {
        return Err(Fault::invalid(
            "The requested DurationSeconds exceeds the 1 hour session limit \
             for roles assumed by role chaining.",
        ));
    }
    match request.seconds > maximum {
        true => Err(Fault::invalid(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        )),
        false => Ok(()),
    }
}

/// A source identity stays for the whole chain of sessions and cannot change.
fn inherit_source_identity(
    call: &Call<'_>,
    request: &AssumeRole<'_>,
) -> Result<Option<String>, Fault> {
    let known = call
        .caller
        .session()
        .and_then(|session| session.source_identity.as_deref());
    match (known, request.source_identity) {
        (Some(known), Some(asked)) if known != asked => Err(denial(
            call.caller,
            &Access::new("sts:SetSourceIdentity", request.role_arn),
            "because the source identity of a session cannot change",
            call.protocol,
        )),
        (known, asked) => Ok(asked.or(known).map(str::to_owned)),
    }
}

fn inherited_tags(caller: &Principal) -> (BTreeMap<String, String>, BTreeSet<String>) {
    let Some(session) = caller.session() else {
        return Default::default();
    };
    let tags = session
        .tags
        .iter()
        .filter(|(key, _)| session.transitive.contains(*key))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    (tags, session.transitive.clone())
}

fn read_policy(text: &str) -> Result<Policy, Fault> {
    if text.is_empty() || text.chars().count() > POLICY_LIMIT {
        return Err(constraint(text, "policy", "have length between 1 and 2048"));
    }
    let is_allowed = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{ff}');
    if !text.chars().all(is_allowed) {
        return Err(constraint(
            text,
            "policy",
            r"satisfy regular expression pattern: [\u0009\u000A\u000D\u0020-\u00FF]+",
        ));
    }
    policy::parse(text, Kind::Identity)
        .map_err(|fault| Fault::new(400, "MalformedPolicyDocument", fault.to_string()))
}

fn read_tags(call: &Call<'_>) -> Result<(BTreeMap<String, String>, BTreeSet<String>), Fault> {
    let members = call.input().list("Tags.member");
    if members.len() > TAG_LIMIT {
        return Err(constraint(
            "...",
            "tags",
            "have length less than or equal to 50",
        ));
    }
    let mut tags = BTreeMap::new();
    let mut keys = BTreeSet::new();
    for member in members {
        let key = member.required("Key")?;
        let value = member.text("Value").unwrap_or_default();
        if key.chars().count() > 128 {
            return Err(constraint(
                key,
                "tags.member.key",
                "have length less than or equal to 128",
            ));
        }
        if value.chars().count() > 256 {
            return Err(constraint(
                value,
                "tags.member.value",
                "have length less than or equal to 256",
            ));
        }
        // Keys that differ only in case are the same key.
        if !keys.insert(key.to_lowercase()) {
            return Err(Fault::invalid_value(
                "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
            ));
        }
        tags.insert(key.to_owned(), value.to_owned());
    }
    let transitive: BTreeSet<String> = call
        .input()
        .texts("TransitiveTagKeys.member")
        .into_iter()
        .map(str::to_owned)
        .collect();
    match transitive.iter().find(|key| !tags.contains_key(*key)) {
        Some(key) => Err(Fault::invalid_value(format!(
            "The transitive tag key {key} is not among the tags."
        ))),
        None => Ok((tags, transitive)),
    }
}

fn packed_size(policy: Option<&Policy>, arns: &[&str], tags: &BTreeMap<String, String>) -> usize {
    let policy = policy.map_or(0, |policy| {
        policy.text.chars().filter(|c| !c.is_whitespace()).count()
    });
    let arns: usize = arns.iter().map(|arn| arn.len()).sum();
    let tags: usize = tags
        .iter()
        .map(|(key, value)| key.len() + value.len() + 4)
        .sum();
    policy + arns + tags
}

/// `[\w+=,.@-]{2,64}`.
fn check_name(field: &str, name: &str) -> Result<(), Fault> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    if !name.chars().all(is_allowed) {
        return Err(constraint(
            name,
            field,
            r"satisfy regular expression pattern: [\w+=,.@-]*",
        ));
    }
    match name.len() {
        0..=1 => Err(constraint(
            name,
            field,
            "have length greater than or equal to 2",
        )),
        2..=64 => Ok(()),
        _ => Err(constraint(
            name,
            field,
            "have length less than or equal to 64",
        )),
    }
}

fn role_key(arn: &str) -> Result<Owned, Fault> {
    let parsed: cordon_aws::arn::Arn = arn
        .parse()
        .map_err(|_| Fault::invalid(format!("{arn} is invalid")))?;
    let name = parsed
        .resource()
        .strip_prefix("role/")
        .and_then(|path| path.rsplit('/').next());
    match (parsed.service(), name) {
        ("iam", Some(name)) => Ok((parsed.account().to_owned(), name.to_owned())),
        _ => Err(Fault::invalid(format!("{arn} is invalid"))),
    }
}

fn constraint(value: &str, field: &str, rule: &str) -> Fault {
    Fault::invalid(format!(
        "1 validation error detected: Value '{value}' at '{field}' \
         failed to satisfy constraint: Member must {rule}"
    ))
}
