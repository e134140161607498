//! The ways in which the corpus is made: regions, partitions, forms of endpoint, protocols, tastes.
//!
//! Each runs `tests/corpus/generate.py` once and gives what botocore wrote with what is expected of
//! it. Three make every operation of every service; the others one of several, each another part.

use std::collections::BTreeMap;
use std::io::BufRead as _;
use std::path::Path;
use std::process::{Command, Stdio};

use cordon_tests::program::program;
use cordon_tests::{ACCOUNT, file, tool};
use serde_json::Value;

/// One way in which the corpus is made.
pub(crate) struct Making {
    pub(crate) name: &'static str,
    options: &'static str,
}

const fn making(name: &'static str, options: &'static str) -> Making {
    Making { name, options }
}

/// The address that is Cordon itself in endpoint mode, once as an address and once as a name.
const OWN_HOSTS: [&str; 2] = ["127.0.0.1", "cordon.test"];

/// Longest first, so that two workers end together.
pub(crate) const MAKINGS: [Making; 28] = [
    making("filled", ""),
    making("endpoint", "--endpoint http://127.0.0.1:8800"),
    making("bare", "--bare"),
    making(
        "arns",
        "--taste arns --region ap-southeast-2 --sample 4 --part 1",
    ),
    making("odd", "--taste odd --region us-west-2 --sample 4 --part 2"),
    making(
        "presigned",
        "--form presigned --region ca-central-1 --sample 2",
    ),
    making(
        "regions",
        "--region sa-east-1 --region ap-northeast-3 --region eu-central-2 --region me-central-1 \
         --region af-south-1 --region us-west-1 --region mx-central-1 --sample 5 --part 3",
    ),
    making(
        "china",
        "--region cn-north-1 --region cn-northwest-1 --sample 5",
    ),
    making(
        "china bare",
        "--bare --region cn-north-1 --sample 10 --part 5",
    ),
    making(
        "govcloud",
        "--region us-gov-west-1 --region us-gov-east-1 --sample 5 --part 1",
    ),
    making("sovereign", "--region eusc-de-east-1 --sample 5 --part 2"),
    making(
        "iso",
        "--region us-iso-east-1 --region us-isob-east-1 --region eu-isoe-west-1 \
         --region us-isof-south-1 --region us-iso-west-1 --sample 5 --part 3",
    ),
    making(
        "fips",
        "--fips --region us-east-1 --region us-west-2 --region ca-west-1 --sample 5 --part 4",
    ),
    making(
        "govcloud fips",
        "--fips --region us-gov-west-1 --region us-gov-east-1 --sample 10 --part 6",
    ),
    making("dual stack", "--dual-stack --region eu-north-1 --sample 5"),
    making(
        "china dual stack",
        "--dual-stack --region cn-northwest-1 --sample 10 --part 7",
    ),
    making(
        "fips dual stack",
        "--fips --dual-stack --region us-east-2 --sample 8 --part 1",
    ),
    making(
        "endpoint bare",
        "--bare --endpoint http://cordon.test:8800 --region us-gov-west-1 \
         --region ap-south-2 --sample 5 --part 2",
    ),
    making("query by GET", "--form get --region eu-south-2"),
    making(
        "CBOR",
        "--protocol smithy-rpc-v2-cbor --region il-central-1",
    ),
    making("older query", "--protocol query"),
    making("S3 by path", "--service s3 --path-style --region us-east-1"),
    making(
        "S3 dotted",
        "--service s3 --bucket dotted.corpus.bucket --region cn-north-1",
    ),
    making(
        "S3 access point",
        "--service s3 --bucket arn:{partition}:s3:{region}:{account}:accesspoint/readers",
    ),
    making(
        "S3 object lambda",
        "--service s3 --bucket \
         arn:{partition}:s3-object-lambda:{region}:{account}:accesspoint/readers",
    ),
    making(
        "S3 outposts",
        "--service s3 --region us-gov-east-1 --bucket \
         arn:{partition}:s3-outposts:{region}:{account}:outpost/op-01234567890123456/accesspoint/readers",
    ),
    making("S3 express", "--service s3 --bucket corpus--euw1-az1--x-s3"),
    making(
        "S3 express by keys",
        "--service s3 --bucket corpus--euw1-az1--x-s3 --no-sessions",
    ),
];

/// What botocore made of an operation, or why it made nothing, and what Cordon says of it.
pub(crate) struct Made {
    /// `service:operation`.
    pub(crate) id: String,
    pub(crate) expected: Value,
    pub(crate) outcome: Result<Value, String>,
}

impl Making {
    /// Makes the requests and has them classified.
    pub(crate) fn run(&self) -> Vec<Made> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut answers = BTreeMap::new();
        let lines = self.make(folder.path());
        for answer in classify(folder.path()) {
            let id = answer["id"].as_str().expect("an id").to_owned();
            assert!(answers.insert(id, answer).is_none(), "an answer for each");
        }
        let made = lines.into_iter().map(|mut line| {
            let id = line["id"].as_str().expect("an id").to_owned();
            let outcome = match line["unmade"].as_str() {
                Some(why) => Err(why.to_owned()),
                None => Ok(answers.remove(&id).expect("every request is answered")),
            };
            let expected = line["expect"].take();
            Made {
                id,
                expected,
                outcome,
            }
        });
        made.collect()
    }

    /// The lines of the generator; what is to be classified is left in the folder.
    fn make(&self, folder: &Path) -> Vec<Value> {
        let made = folder.join("made.jsonl");
        let mut python = Command::new(tool("CORDON_TEST_PYTHON"));
        python.arg(file("corpus/generate.py")).arg(&made);
        let done = python.args(self.options.split_whitespace()).output();
        let done = done.expect("Python runs");
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(
            done.status.success() && said.is_empty(),
            "{}: {said}",
            self.name
        );
        let text = std::fs::read_to_string(&made).expect("a corpus");
        let mut lines = Vec::new();
        let mut asked = String::new();
        for line in text.lines() {
            let line: Value = serde_json::from_str(line).expect("a line of JSON");
            if line["unmade"].is_null() {
                let mut request = line.clone();
                request
                    .as_object_mut()
                    .map(|request| request.remove("expect"));
                asked.push_str(&request.to_string());
                asked.push('\n');
            }
            lines.push(line);
        }
        std::fs::write(folder.join("asked.jsonl"), asked).expect("the folder is ours");
        lines
    }
}

fn classify(folder: &Path) -> Vec<Value> {
    let asked = std::fs::File::open(folder.join("asked.jsonl")).expect("the corpus");
    let own_hosts = OWN_HOSTS.iter().flat_map(|host| ["--own-host", host]);
    let said = Command::new(program())
        .args(["classify", "--account", ACCOUNT])
        .args(own_hosts)
        .stdin(asked)
        .stderr(Stdio::inherit())
        .output()
        .expect("cordon classify runs");
    assert!(said.status.success(), "cordon classify: {}", said.status);
    let lines = said.stdout.lines().map(|line| line.expect("text"));
    lines
        .map(|line| serde_json::from_str(&line).expect("a line of JSON"))
        .collect()
}
