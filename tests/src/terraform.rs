//! The main job as Terraform plays it: apply, plan again, then go too far.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::AGENT_ROLE;
use crate::approvals::{self, Desk};
use crate::client::{Environment, command};
use crate::cloud::{BUCKET, Cloud, Kind, OTHER_TABLE, TABLE};
use crate::lab::{ADMIN_ROLE, CDK_ROLE};
use crate::process::{self, Ran};
use crate::program::{Cordon, Way, task};
use crate::signer::Call;
use crate::story::{DESTROY, OUT_OF_SCOPE, listing, reference};
use crate::{ACCOUNT, tool};

/// What the task allows: an object and an item.
const ALLOWED: &str = r#"
provider "aws" {}

resource "aws_s3_object" "report" {
  bucket  = "BUCKET"
  key     = "reports/terraform.txt"
  content = "this month"
}

resource "aws_dynamodb_table_item" "order" {
  table_name = "TABLE"
  hash_key   = "id"
  item       = jsonencode({ id = { S = "t-1" } })
}
"#;

/// An item, written as a role.
const AS_ROLE: &str = r#"
provider "aws" {
  assume_role {
    role_arn     = "arn:aws:iam::111122223333:role/ROLE"
    session_name = "terraform"
  }
}

resource "aws_dynamodb_table_item" "order" {
  table_name = "TABLE"
  hash_key   = "id"
  item       = jsonencode({ id = { S = "t-2" } })
}
"#;

/// One object more, where the task has nothing to write.
const TOO_FAR: &str = r#"
resource "aws_s3_object" "secret" {
  bucket  = "BUCKET"
  key     = "secrets/terraform.txt"
  content = "no"
}
"#;

/// What a plan makes: resources of six services, one that refers to two others, tags, a retention.
const PLANNED: &str = r#"
provider "aws" {
  region = "eu-central-1"
}

resource "aws_dynamodb_table" "planned" {
  name         = "planned"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "id"
  attribute {
    name = "id"
    type = "S"
  }
}

resource "aws_sqs_queue" "planned" {
  name = "planned"
  tags = { team = "reports" }
}

resource "aws_sns_topic" "planned" {
  name = "planned"
}

resource "aws_cloudwatch_log_group" "planned" {
  name              = "/planned"
  retention_in_days = 30
}

resource "aws_ssm_parameter" "planned" {
  name  = "/planned/level"
  type  = "String"
  value = "info"
}

resource "aws_sns_topic_subscription" "planned" {
  topic_arn = aws_sns_topic.planned.arn
  protocol  = "sqs"
  endpoint  = aws_sqs_queue.planned.arn
}

resource "aws_s3_object" "planned" {
  bucket  = "BUCKET"
  key     = "a.txt"
  content = "planned"
}
"#;

/// One queue more than was planned.
const MORE: &str = r#"
resource "aws_sqs_queue" "more" {
  name = "more"
}
"#;

/// Plans, drafts the task that allows that plan, and applies it under that task: the same apply with
/// one resource more is stopped.
///
/// # Panics
/// At the first thing that is not as it should be.
pub fn from_plan() {
    let cloud = Cloud::start(Kind::Moto);
    let cordon = Cordon::start(&cloud);
    let planning = Project::new(cordon.env(&task("main-job"), Way::Endpoint));
    planning.write(PLANNED);
    let _ = planning
        .terraform(&["init", "-input=false"])
        .succeeded("terraform init");
    let plan = planning.json("plan");
    let drafted = |plan: &str, more: &[&str]| {
        cordon.run(
            &[
                &[
                    "task",
                    "from-plan",
                    plan,
                    "--team",
                    "reports",
                    "--account",
                    ACCOUNT,
                ],
                more,
            ]
            .concat(),
        )
    };
    let text = drafted(&plan, &[])
        .succeeded("cordon task from-plan")
        .replacen("title = ", "mode = \"live\"\ntitle = ", 1);
    let file = planning.path().join("task.toml");
    std::fs::write(&file, &text).expect("the folder is ours");
    let named = file.display().to_string();

    let again = drafted(&planning.json("again"), &["--against", &named]);
    assert!(again.out.contains("the same plan"), "{}", again.text());
    let previewed = cordon.run(&["preview", &named, "--plan", &plan]);
    assert_eq!(
        previewed.code,
        Some(2),
        "all of it is allowed: {}\n{text}",
        previewed.text()
    );

    // The task has its own keys.
    let applying = planning.with(cordon.env(&file, Way::Endpoint));
    let applied = applying.terraform(&["apply", "-auto-approve", "-input=false"]);
    let denied = cordon.calls(&["verdict:deny"]);
    assert_eq!(
        (applied.code, denied.len()),
        (Some(0), 0),
        "{}\n{denied:#?}\n{text}",
        applied.text()
    );

    applying.write(&format!("{PLANNED}{MORE}"));
    let other = applying.json("more");
    let differs = drafted(&other, &["--against", &named]);
    assert_eq!(differs.code, Some(2), "{}", differs.text());
    assert!(
        differs.out.contains("+ aws_sqs_queue.more  create"),
        "{}",
        differs.text()
    );
    let previewed = cordon.run(&["preview", &named, "--plan", &other]);
    assert_eq!(previewed.code, Some(4), "{}", previewed.text());
    let stopped = applying.terraform(&["apply", "-auto-approve", "-input=false"]);
    assert_eq!(stopped.code, Some(1), "{}", stopped.text());
    let denied = cordon.calls(&["verdict:deny", "operation:CreateQueue"]);
    assert_eq!(denied.len(), 1, "{denied:#?}");
    cordon.stop();
}

/// Plays it with one cloud and one way, from start to end.
///
/// # Panics
/// At the first thing that is not as it should be.
pub fn main_job(cloud: Kind, way: Way) {
    let cloud = Cloud::start(cloud);
    let cordon = Cordon::start(&cloud);
    let project = Project::new(cordon.env(&task("main-job"), way));
    project.write(ALLOWED);
    let _ = project
        .terraform(&["init", "-input=false"])
        .succeeded("terraform init");

    let applied = project.terraform(&["apply", "-auto-approve", "-input=false"]);
    assert_eq!(
        applied.code,
        Some(0),
        "apply: {}\n{}",
        applied.text(),
        cordon.log()
    );
    let sent = cloud.agent_calls();
    let put = |key: &str| {
        let is_it = |request: &&_| is_put(request, key);
        cloud.agent_calls().iter().filter(is_it).count()
    };
    assert_eq!(put("reports/terraform.txt"), 1, "{}", listing(&sent));
    let items = sent
        .iter()
        .filter(|request| request.names("PutItem"))
        .count();
    assert_eq!(items, 1, "{}", listing(&sent));

    let again = project.terraform(&["plan", "-detailed-exitcode", "-input=false"]);
    assert_eq!(
        again.code,
        Some(0),
        "a second plan finds nothing to do: {}",
        again.text()
    );

    project.write(&format!("{ALLOWED}{TOO_FAR}"));
    let refused = project.terraform(&["apply", "-auto-approve", "-input=false"]);
    check_refusal(&cordon, &refused, "PutObject", OUT_OF_SCOPE);
    assert_eq!(
        put("secrets/terraform.txt"),
        0,
        "{}",
        listing(&cloud.agent_calls())
    );

    project.write(ALLOWED);
    let refused = project.terraform(&["destroy", "-auto-approve", "-input=false"]);
    check_refusal(&cordon, &refused, "DeleteObject", DESTROY);
    let deletes = cloud.agent_calls();
    assert!(
        !deletes.iter().any(|request| request.method == "DELETE"),
        "{}",
        listing(&deletes)
    );
    cloud.check_log();
    cordon.stop();
}

/// Plays a provider that assumes a role: what it writes is written as that role and within the task; a
/// role that the task does not name gives it no keys.
///
/// # Panics
/// At the first thing that is not as it should be.
pub fn assumes_a_role() {
    let cloud = Cloud::start(Kind::Lab);
    let cordon = Cordon::start(&cloud);
    let project = Project::new(cordon.env(&task("roles"), Way::Connect));
    let apply = ["apply", "-auto-approve", "-input=false"];
    let as_role = |role: &str| AS_ROLE.replace("ROLE", role);
    let signers = || {
        let log = cloud.lab().log();
        let puts = log.iter().filter(|entry| entry.operation == "PutItem");
        let arns = puts.filter_map(|entry| Some(entry.signer.as_ref()?.arn.clone()));
        arns.filter(|arn| !arn.contains(ADMIN_ROLE))
            .collect::<Vec<_>>()
    };

    project.write(&as_role(ADMIN_ROLE));
    let _ = project
        .terraform(&["init", "-input=false"])
        .succeeded("terraform init");
    let refused = project.terraform(&apply);
    assert_eq!(refused.code, Some(1), "{}", refused.text());
    let said = unwrapped(&refused.text());
    assert!(said.contains("AccessDenied"), "{said}");

    project.write(&as_role(CDK_ROLE).replace("TABLE", OTHER_TABLE));
    let refused = project.terraform(&apply);
    check_refusal(&cordon, &refused, "PutItem", OUT_OF_SCOPE);
    assert!(signers().is_empty());

    project.write(&as_role(CDK_ROLE));
    let applied = project.terraform(&apply);
    assert_eq!(
        applied.code,
        Some(0),
        "{}\n{}",
        applied.text(),
        cordon.log()
    );
    let by = signers();
    assert!(
        by.len() == 1 && by[0].contains(&format!("/{CDK_ROLE}/")),
        "{by:?}"
    );
    cordon.stop();
}

/// An instance that was there before, as a project of before wrote it down.
const INSTANCE: &str = r#"
provider "aws" {}

resource "aws_instance" "web" {
  ami           = "ami-0abc"
  instance_type = "t3.micro"
  tags          = { rounding = "TAG" }
}
"#;

/// Plays how an instance of before is mended: replacing it is stopped at its end, a change in place
/// passes. On moto, which knows all that the provider reads of an instance.
///
/// # Panics
/// At the first thing that is not as it should be.
pub fn mends_an_instance_in_place() {
    let cloud = Cloud::start(Kind::Moto);
    let cordon = Cordon::start(&cloud);
    let body = "Action=RunInstances&Version=2016-11-15&ImageId=ami-0abc&MinCount=1&MaxCount=1\
                &InstanceType=t3.micro";
    let keys = cloud.keys_of(AGENT_ROLE);
    let run = Call::query("ec2", body).send(cloud.address(), &keys);
    let text = run.text();
    let (_, rest) = text.split_once("<instanceId>").expect("an instance");
    let id = rest.split('<').next().unwrap_or_default();

    let project = Project::new(cordon.env(&task("environments"), Way::Connect));
    project.write(&INSTANCE.replace("TAG", "even"));
    let _ = project
        .terraform(&["init", "-input=false"])
        .succeeded("terraform init");
    let _ = project
        .terraform(&["import", "-input=false", "aws_instance.web", id])
        .succeeded("terraform import");

    let replace = [
        "apply",
        "-auto-approve",
        "-input=false",
        "-replace=aws_instance.web",
    ];
    let refused = project.terraform(&replace);
    check_refusal(&cordon, &refused, "TerminateInstances", DESTROY);
    let reached = |operation: &str| {
        let calls = cloud.agent_calls();
        calls.iter().filter(|call| call.names(operation)).count()
    };
    assert_eq!(reached("TerminateInstances"), 0);
    assert_eq!(reached("RunInstances"), 0, "it comes to no second one");

    project.write(&INSTANCE.replace("TAG", "half-up"));
    let mended = project.terraform(&["apply", "-auto-approve", "-input=false"]);
    assert_eq!(mended.code, Some(0), "{}\n{}", mended.text(), cordon.log());
    assert!(reached("CreateTags") > 0);
    cordon.stop();
}

/// A queue that production does not have yet.
const NIGHTLY: &str = r#"
provider "aws" {}

resource "aws_sqs_queue" "nightly" { name = "nightly" }
"#;

/// Plays how an apply waits for a person and goes on when they said yes, without being asked twice.
///
/// # Panics
/// At the first thing that is not as it should be.
pub fn waits_for_a_person_within_an_apply() {
    let desk = Desk::with_patience(Kind::Moto, 170);
    let ola = desk.person("ola");
    let project = Project::new(desk.cordon.env(&desk.task(), Way::Connect));
    project.write(NIGHTLY);
    let _ = project
        .terraform(&["init", "-input=false"])
        .succeeded("terraform init");
    let applied = std::thread::scope(|scope| {
        let apply = || project.terraform(&["apply", "-auto-approve", "-input=false"]);
        let applying = scope.spawn(apply);
        let hold = desk.held(&ola);
        assert!(
            approvals::text(&hold, "effect").starts_with("Create 1"),
            "{hold:#}"
        );
        let _ = ola.approve(&desk.cordon, &hold).succeeded("an approval");
        applying.join().expect("it ran")
    });
    assert_eq!(
        applied.code,
        Some(0),
        "{}\n{}",
        applied.text(),
        desk.cordon.log()
    );
    let calls = desk.cloud.agent_calls();
    let created = calls.iter().filter(|call| call.names("CreateQueue"));
    assert_eq!(created.count(), 1, "{}", listing(&calls));
    let holds = ola.json(&desk.cordon, &["holds", "list", "--all"]);
    assert_eq!(
        (holds.len(), &holds[0]["state"]),
        (1, &"used".into()),
        "{holds:#?}"
    );
    desk.cordon.stop();
}

fn is_put(request: &crate::wire::Message, key: &str) -> bool {
    request.method == "PUT" && request.target.contains(key)
}

/// Terraform shows the text, wrapped, and asked for it once.
fn check_refusal(cordon: &Cordon, ran: &Ran, operation: &str, text: &str) {
    assert_eq!(
        ran.code,
        Some(1),
        "{operation} was not refused: {}",
        ran.text()
    );
    let said = unwrapped(&ran.text());
    let calls = cordon.calls(&[&format!("operation:{operation}"), "verdict:deny"]);
    assert_eq!(
        calls.len(),
        1,
        "{operation} is asked once: {calls:#?}\n{said}"
    );
    let of = |name: &str| calls[0][name].as_str().unwrap_or_default().to_owned();
    let expected = text
        .replace("{task}", &of("task"))
        .replace("{ref}", &of("ref"));
    assert!(
        said.contains(&expected),
        "{operation} said:\n{said}\nand not:\n{expected}"
    );
    assert!(reference(&said).is_some());
}

/// The text of Terraform's boxes on one line.
fn unwrapped(text: &str) -> String {
    let plain = text.replace(['│', '╷', '╵'], " ");
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A folder with a configuration, and the environment that Terraform runs it in.
struct Project {
    folder: TempDir,
    environment: Environment,
}

impl Project {
    fn new(mut environment: Environment) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let settings = format!(
            "provider_installation {{\n  filesystem_mirror {{\n    path = \"{}\"\n  }}\n}}\n",
            tool("CORDON_TEST_TF_PLUGINS").display()
        );
        let path = folder.path().join("terraform.rc");
        std::fs::write(&path, settings).expect("the folder is ours");
        environment.insert("TF_CLI_CONFIG_FILE".to_owned(), path.display().to_string());
        environment.insert("CHECKPOINT_DISABLE".to_owned(), "1".to_owned());
        Self {
            folder,
            environment,
        }
    }

    /// The same folder, for an agent with another environment.
    fn with(&self, environment: Environment) -> Self {
        let project = Self::new(environment);
        for name in [".terraform", ".terraform.lock.hcl", "main.tf"] {
            let from = self.path().join(name);
            let ran = process::run(Command::new("cp").arg("-R").arg(from).arg(project.path()));
            let _ = ran.succeeded("cp");
        }
        project
    }

    /// Plans, and gives the path of the plan as JSON.
    fn json(&self, name: &str) -> String {
        let out = format!("-out={name}");
        let planned = self.terraform(&["plan", &out, "-input=false"]);
        let _ = planned.succeeded("terraform plan");
        let shown = self
            .terraform(&["show", "-json", name])
            .succeeded("terraform show");
        let path = self.path().join(format!("{name}.json"));
        std::fs::write(&path, shown).expect("the folder is ours");
        path.display().to_string()
    }

    fn write(&self, configuration: &str) {
        let text = configuration
            .replace("BUCKET", BUCKET)
            .replace("TABLE", TABLE);
        std::fs::write(self.path().join("main.tf"), text).expect("the folder is ours");
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn terraform(&self, arguments: &[&str]) -> Ran {
        let program = tool("CORDON_TEST_TERRAFORM");
        let mut terraform: Command = command(&program, &self.environment, self.path());
        process::run(terraform.args(arguments).arg("-no-color"))
    }
}
