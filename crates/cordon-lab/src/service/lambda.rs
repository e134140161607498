//! Lambda: functions, their code, configuration and versions.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Call, Operation, Routing, Service, on_everything, read_json};
use crate::digest::{Algorithm, base64, from_base64};
use crate::estate::Estate;
use crate::identity::{Access, hexadecimal};
use crate::reply::{Answer, Content, Fault, Protocol};
use crate::request::{Head, Input, decode};

/// Lambda.
pub(crate) const SERVICE: Service = Service {
    name: "lambda",
    protocol: Protocol::RestJson,
    namespace: "",
    routing: Routing::Path(route),
    operations: &[
        Operation::new("ListFunctions", on_everything, list),
        Operation::new("CreateFunction", create_accesses, create),
        Operation::new("GetFunction", on_function, read),
        Operation::new("GetFunctionConfiguration", on_function, read),
        Operation::new("GetFunctionCodeSigningConfig", on_function, no_signing),
        Operation::new("ListVersionsByFunction", on_function, list_versions),
        Operation::new("UpdateFunctionCode", update_code_accesses, update_code),
        Operation::new(
            "UpdateFunctionConfiguration",
            update_configuration_accesses,
            update_configuration,
        ),
        Operation::new("PublishVersion", on_function, publish),
        Operation::new("DeleteFunction", on_function, delete),
        Operation::new("Invoke", invoke_access, invoke),
    ],
};

/// Members of a configuration that callers set.
const SETTINGS: [&str; 12] = [
    "Architectures",
    "DeadLetterConfig",
    "Description",
    "Environment",
    "EphemeralStorage",
    "Handler",
    "KMSKeyArn",
    "Layers",
    "MemorySize",
    "Role",
    "Runtime",
    "Timeout",
];

/// The functions of one account in one region.
#[derive(Clone, Default)]
pub(crate) struct Functions(BTreeMap<String, Function>);

#[derive(Clone)]
struct Function {
    current: Revision,
    versions: Vec<Revision>,
    last_version: u64,
    tags: Value,
}

/// Code and configuration at one time.
#[derive(Clone)]
struct Revision {
    version: String,
    settings: Map<String, Value>,
    code_sha256: String,
    code_size: u64,
    modified: String,
    revision_id: String,
}

impl Functions {
    /// Makes a function, for seeds and stacks.
    pub(crate) fn create(
        &mut self,
        name: &str,
        parameters: &Value,
        code: &[u8],
        modified: String,
    ) -> Result<(), Fault> {
        if self.0.contains_key(name) {
            return Err(Fault::new(
                409,
                "ResourceConflictException",
                format!("Function already exist: {name}"),
            ));
        }
        let mut settings = Map::new();
        settings.insert("Timeout".to_owned(), json!(3));
        settings.insert("MemorySize".to_owned(), json!(128));
        settings.insert("Architectures".to_owned(), json!(["x86_64"]));
        settings.insert("Description".to_owned(), json!(""));
        merge(&mut settings, parameters);
        let function = Function {
            current: Revision {
                version: "$LATEST".to_owned(),
                settings,
                code_sha256: base64(&Algorithm::Sha256.of(code)),
                code_size: code.len() as u64,
                modified,
                revision_id: hexadecimal(32),
            },
            versions: Vec::new(),
            last_version: 0,
            tags: parameters.get("Tags").cloned().unwrap_or_else(|| json!({})),
        };
        self.0.insert(name.to_owned(), function);
        Ok(())
    }

    /// Changes configuration in place, for stacks.
    pub(crate) fn configure(
        &mut self,
        name: &str,
        parameters: &Value,
        modified: String,
    ) -> Result<(), Fault> {
        let function = self.find_mut(name)?;
        merge(&mut function.current.settings, parameters);
        function.current.touch(modified);
        Ok(())
    }

    /// Replaces the code, for stacks.
    pub(crate) fn replace_code(
        &mut self,
        name: &str,
        code: &[u8],
        modified: String,
    ) -> Result<(), Fault> {
        let function = self.find_mut(name)?;
        function.current.set_code(code, modified);
        Ok(())
    }

    /// Deletes a function with all its versions.
    pub(crate) fn delete(&mut self, name: &str) -> Result<(), Fault> {
        self.0.remove(name).map(|_| ()).ok_or_else(|| absent(name))
    }

    fn find(&self, name: &str) -> Result<&Function, Fault> {
        self.0.get(name).ok_or_else(|| absent(name))
    }

    fn find_mut(&mut self, name: &str) -> Result<&mut Function, Fault> {
        self.0.get_mut(name).ok_or_else(|| absent(name))
    }

    pub(crate) fn to_json(&self) -> Value {
        let functions: BTreeMap<&String, Value> = self
            .0
            .iter()
            .map(|(name, function)| {
                let state = json!({
                    "code_sha256": function.current.code_sha256,
                    "settings": function.current.settings,
                    "versions": function.versions.len(),
                });
                (name, state)
            })
            .collect();
        json!(functions)
    }
}

impl Revision {
    fn set_code(&mut self, code: &[u8], modified: String) {
        self.code_sha256 = base64(&Algorithm::Sha256.of(code));
        self.code_size = code.len() as u64;
        self.touch(modified);
    }

    fn touch(&mut self, modified: String) {
        self.modified = modified;
        self.revision_id = hexadecimal(32);
    }

    fn to_json(&self, arn: &str) -> Value {
        let mut settings = self.settings.clone();
        let arn = match self.version.as_str() {
            "$LATEST" => arn.to_owned(),
            version => format!("{arn}:{version}"),
        };
        for (name, value) in [
            ("FunctionName", json!(arn.split(':').nth(6))),
            ("FunctionArn", json!(arn)),
            ("CodeSha256", json!(self.code_sha256)),
            ("CodeSize", json!(self.code_size)),
            ("Version", json!(self.version)),
            ("LastModified", json!(self.modified)),
            ("RevisionId", json!(self.revision_id)),
            ("PackageType", json!("Zip")),
            ("State", json!("Active")),
            ("LastUpdateStatus", json!("Successful")),
            ("TracingConfig", json!({"Mode": "PassThrough"})),
        ] {
            settings.insert(name.to_owned(), value);
        }
        Value::Object(settings)
    }
}

fn absent(name: &str) -> Fault {
    Fault::new(
        404,
        "ResourceNotFoundException",
        format!("Function not found: {name}"),
    )
}

fn merge(settings: &mut Map<String, Value>, parameters: &Value) {
    for name in SETTINGS {
        match parameters.get(name) {
            None | Some(Value::Null) => {}
            Some(value) => {
                settings.insert(name.to_owned(), value.clone());
            }
        }
    }
}

fn route(head: &Head) -> Result<(&'static str, Value), Fault> {
    let path: Vec<&str> = head
        .raw_path
        .trim_end_matches('/')
        .split('/')
        .skip(1)
        .collect();
    let (name, label) = match (head.method.as_str(), path.as_slice()) {
        ("GET", ["2015-03-31", "functions"]) => ("ListFunctions", ""),
        ("POST", ["2015-03-31", "functions"]) => ("CreateFunction", ""),
        ("GET", ["2015-03-31", "functions", name]) => ("GetFunction", *name),
        ("DELETE", ["2015-03-31", "functions", name]) => ("DeleteFunction", *name),
        ("GET", ["2015-03-31", "functions", name, "configuration"]) => {
            ("GetFunctionConfiguration", *name)
        }
        ("PUT", ["2015-03-31", "functions", name, "configuration"]) => {
            ("UpdateFunctionConfiguration", *name)
        }
        ("PUT", ["2015-03-31", "functions", name, "code"]) => ("UpdateFunctionCode", *name),
        ("POST", ["2015-03-31", "functions", name, "versions"]) => ("PublishVersion", *name),
        ("GET", ["2015-03-31", "functions", name, "versions"]) => ("ListVersionsByFunction", *name),
        ("GET", ["2020-06-30", "functions", name, "code-signing-config"]) => {
            ("GetFunctionCodeSigningConfig", *name)
        }
        ("POST", ["2015-03-31", "functions", name, "invocations"]) => ("Invoke", *name),
        (method, _) => {
            return Err(Fault::unknown_operation(format!(
                "The lab's Lambda has no operation for {method} {}",
                head.raw_path
            )));
        }
    };
    let label = decode(label).map_err(Fault::invalid)?;
    Ok((name, json!({"FunctionName": label})))
}

/// A function by any of the forms in which a caller may name it.
struct Target {
    name: String,
    qualifier: Option<String>,
}

impl Target {
    fn read(call: &Call<'_>) -> Result<Self, Fault> {
        let given = call.input().required("FunctionName")?;
        let own = call.arn("function:");
        let partial = format!("{}:function:", call.caller.account);
        let rest = given
            .strip_prefix(&own)
            .or_else(|| given.strip_prefix(&partial))
            .unwrap_or(given);
        let (name, in_name) = match rest.split_once(':') {
            Some((name, qualifier)) => (name, Some(qualifier)),
            None => (rest, None),
        };
        let is_name = |text: &str| {
            !text.is_empty()
                && text
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
        };
        if !is_name(name) || name == "arn" {
            return Err(absent(given));
        }
        let qualifier = match (in_name, call.head.query("Qualifier")) {
            (Some(one), Some(other)) if one != other => {
                return Err(Fault::invalid(
                    "The derived qualifier from the function name does not match the \
                     specified qualifier.",
                ));
            }
            (one, other) => one.or(other).map(str::to_owned),
        };
        Ok(Self {
            name: name.to_owned(),
            qualifier,
        })
    }

    fn arn(&self, call: &Call<'_>) -> String {
        call.arn(&format!("function:{}", self.name))
    }

    fn qualified_arn(&self, call: &Call<'_>) -> String {
        match &self.qualifier {
            None => self.arn(call),
            Some(qualifier) => format!("{}:{qualifier}", self.arn(call)),
        }
    }
}

fn on_function(call: &Call<'_>, _: &Estate) -> Result<Vec<Access>, Fault> {
    let target = Target::read(call)?;
    Ok(vec![call.access(target.qualified_arn(call))])
}

fn invoke_access(call: &Call<'_>, _: &Estate) -> Result<Vec<Access>, Fault> {
    let target = Target::read(call)?;
    Ok(vec![Access::new(
        "lambda:InvokeFunction",
        target.qualified_arn(call),
    )])
}

/// A function acts as its role, so whoever gives it one must be allowed to pass that role.
pub(super) fn pass_role(role: &str) -> Access {
    Access::new("iam:PassRole", role).key("iam:PassedToService", "lambda.amazonaws.com")
}

fn create_accesses(call: &Call<'_>, _: &Estate) -> Result<Vec<Access>, Fault> {
    let body = read_json(call.body)?;
    let input = Input(&body);
    let name = input.required("FunctionName")?;
    let mut accesses = vec![
        call.access(call.arn(&format!("function:{name}"))),
        pass_role(input.required("Role")?),
    ];
    accesses.extend(code_access(call, input.at("Code")));
    Ok(accesses)
}

fn update_code_accesses(call: &Call<'_>, estate: &Estate) -> Result<Vec<Access>, Fault> {
    let mut accesses = on_function(call, estate)?;
    let body = read_json(call.body)?;
    accesses.extend(code_access(call, Some(Input(&body))));
    Ok(accesses)
}

fn update_configuration_accesses(call: &Call<'_>, estate: &Estate) -> Result<Vec<Access>, Fault> {
    let mut accesses = on_function(call, estate)?;
    let body = read_json(call.body)?;
    accesses.extend(Input(&body).text("Role").map(pass_role));
    Ok(accesses)
}

/// Code that lies in S3 is read with the permissions of the caller, or of whom a stack acts for.
pub(super) fn code_access(call: &Call<'_>, code: Option<Input<'_>>) -> Option<Access> {
    let code = code?;
    let (bucket, key) = (code.text("S3Bucket")?, code.text("S3Key")?);
    Some(Access::new(
        "s3:GetObject",
        format!("arn:{}:s3:::{bucket}/{key}", call.partition),
    ))
}

fn read_code(estate: &Estate, code: Input<'_>) -> Result<Vec<u8>, Fault> {
    match (
        code.text("ZipFile"),
        code.text("S3Bucket"),
        code.text("S3Key"),
    ) {
        (Some(zip), None, None) => from_base64(zip).ok_or_else(|| {
            Fault::invalid(
                "Could not unzip uploaded file. Please check your file, then try \
                 to upload again.",
            )
        }),
        (None, Some(bucket), Some(key)) => estate
            .s3
            .content(bucket, key)
            .map(|content| content.to_vec())
            .ok_or_else(|| {
                Fault::invalid(
                    "Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 \
                     Error Message: The specified key does not exist.",
                )
            }),
        _ => Err(Fault::invalid("Please provide a source for function code.")),
    }
}

fn check_role(estate: &Estate, role: &str) -> Result<(), Fault> {
    match estate
        .identity
        .roles
        .values()
        .any(|known| known.arn == role)
    {
        true => Ok(()),
        false => Err(Fault::invalid(
            "The role defined for the function cannot be assumed by Lambda.",
        )),
    }
}

fn list(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let functions: Vec<Value> = call
        .place(estate)
        .lambda
        .0
        .iter()
        .map(|(name, function)| {
            function
                .current
                .to_json(&call.arn(&format!("function:{name}")))
        })
        .collect();
    Ok(Answer::fields(json!({"Functions": functions})))
}

fn create(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let body = read_json(call.body)?;
    let input = Input(&body);
    let name = input.required("FunctionName")?;
    check_role(estate, input.required("Role")?)?;
    let code = read_code(
        estate,
        input.at("Code").ok_or_else(|| Fault::missing("Code"))?,
    )?;
    let arn = call.arn(&format!("function:{name}"));
    let functions = &mut call.place(estate).lambda;
    functions.create(name, &body, &code, modified(call))?;
    let function = functions.find_mut(name)?;
    if input.boolean("Publish")? == Some(true) {
        publish_now(function);
    }
    Ok(Answer::with(
        201,
        Content::Fields(function.current.to_json(&arn)),
    ))
}

fn read(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let target = Target::read(call)?;
    let arn = target.arn(call);
    let function = call.place(estate).lambda.find(&target.name)?;
    let revision = match target.qualifier.as_deref() {
        None | Some("$LATEST") => &function.current,
        Some(version) => function
            .versions
            .iter()
            .find(|revision| revision.version == version)
            .ok_or_else(|| absent(&target.qualified_arn(call)))?,
    };
    let configuration = revision.to_json(&arn);
    Ok(Answer::fields(match call.operation {
        "GetFunctionConfiguration" => configuration,
        _ => json!({
            "Configuration": configuration,
            "Code": {"RepositoryType": "S3", "Location": ""},
            "Tags": function.tags,
        }),
    }))
}

fn no_signing(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let target = Target::read(call)?;
    call.place(estate).lambda.find(&target.name)?;
    Ok(Answer::fields(json!({"FunctionName": target.name})))
}

fn list_versions(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let target = Target::read(call)?;
    let arn = target.arn(call);
    let function = call.place(estate).lambda.find(&target.name)?;
    let versions: Vec<Value> = std::iter::once(&function.current)
        .chain(&function.versions)
        .map(|revision| revision.to_json(&arn))
        .collect();
    Ok(Answer::fields(json!({"Versions": versions})))
}

fn update_code(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let target = Target::read(call)?;
    let body = read_json(call.body)?;
    let input = Input(&body);
    let code = read_code(estate, input)?;
    let arn = target.arn(call);
    let function = call.place(estate).lambda.find_mut(&target.name)?;
    check_revision(function, input)?;
    // A dry run answers with what would be and changes nothing.
    let is_dry = input.boolean("DryRun")? == Some(true);
    let mut next = function.current.clone();
    next.set_code(&code, modified(call));
    let answer = Answer::fields(next.to_json(&arn));
    if !is_dry {
        function.current = next;
        if input.boolean("Publish")? == Some(true) {
            publish_now(function);
        }
    }
    Ok(answer)
}

fn update_configuration(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let target = Target::read(call)?;
    let body = read_json(call.body)?;
    if let Some(role) = Input(&body).text("Role") {
        check_role(estate, role)?;
    }
    let arn = target.arn(call);
    let functions = &mut call.place(estate).lambda;
    check_revision(functions.find_mut(&target.name)?, Input(&body))?;
    functions.configure(&target.name, &body, modified(call))?;
    Ok(Answer::fields(
        functions.find(&target.name)?.current.to_json(&arn),
    ))
}

fn check_revision(function: &Function, input: Input<'_>) -> Result<(), Fault> {
    match input.text("RevisionId") {
        Some(id) if id != function.current.revision_id => Err(Fault::new(
            412,
            "PreconditionFailedException",
            "The Revision Id provided does not match the latest Revision Id.",
        )),
        _ => Ok(()),
    }
}

fn publish_now(function: &mut Function) -> Revision {
    // Publishing what is already published gives the same version again.
    if let Some(last) = function.versions.last()
        && last.code_sha256 == function.current.code_sha256
        && last.settings == function.current.settings
    {
        return last.clone();
    }
    function.last_version += 1;
    let revision = Revision {
        version: function.last_version.to_string(),
        ..function.current.clone()
    };
    function.versions.push(revision.clone());
    revision
}

fn publish(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let target = Target::read(call)?;
    let arn = target.arn(call);
    let function = call.place(estate).lambda.find_mut(&target.name)?;
    let revision = publish_now(function);
    Ok(Answer::with(201, Content::Fields(revision.to_json(&arn))))
}

fn delete(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let target = Target::read(call)?;
    let functions = &mut call.place(estate).lambda;
    match &target.qualifier {
        None => functions.delete(&target.name)?,
        Some(version) => {
            let function = functions.find_mut(&target.name)?;
            function
                .versions
                .retain(|revision| revision.version != *version);
        }
    }
    Ok(Answer::empty(204))
}

/// No code runs in the lab: the answer says so, and which code would have run.
fn invoke(call: &Call<'_>, estate: &mut Estate) -> Result<Answer, Fault> {
    let target = Target::read(call)?;
    let function = call.place(estate).lambda.find(&target.name)?;
    let answer =
        json!({"function": target.name, "code_sha256": function.current.code_sha256, "ran": false});
    let status = match call.head.header("x-amz-invocation-type") {
        Some("DryRun") => return Ok(Answer::empty(204)),
        Some("Event") => return Ok(Answer::empty(202)),
        _ => 200,
    };
    Ok(Answer::with(status, Content::Fields(answer)).header("x-amz-executed-version", "$LATEST"))
}

/// Lambda's own way to write a time: `2026-07-29T10:00:00.000+0000`.
pub(super) fn modified(call: &Call<'_>) -> String {
    call.now.strftime("%Y-%m-%dT%H:%M:%S.000+0000").to_string()
}
