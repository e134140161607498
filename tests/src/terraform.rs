//! The main job as Terraform plays it: apply, plan again, then go too far.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::client::{Environment, command};
use crate::cloud::{BUCKET, Cloud, Kind, TABLE};
use crate::process::{self, Ran};
use crate::program::{Cordon, Way, task};
use crate::story::{DESTROY, OUT_OF_SCOPE, listing, reference};
use crate::tool;

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

/// One object more, where the task has nothing to write.
const TOO_FAR: &str = r#"
resource "aws_s3_object" "secret" {
  bucket  = "BUCKET"
  key     = "secrets/terraform.txt"
  content = "no"
}
"#;

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
