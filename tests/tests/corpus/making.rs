//! The ways in which the corpus is made: regions, partitions, forms of endpoint, protocols, tastes.
//!
//! `tests/corpus/generate.py` gives what botocore wrote with what is expected of it, for all of them
//! together. Three make every operation of every service; the others one of several, each another
//! part.

use std::collections::BTreeMap;
use std::io::BufRead as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

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

/// Longest first, so that those who classify them end together.
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

/// Every making. Botocore is slow and uses one processor, so that each of several processes makes the
/// requests of a part of the services.
pub(crate) fn run_all() -> Vec<Vec<Made>> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let shares: Vec<PathBuf> = (0..workers)
        .map(|share| folder.path().join(share.to_string()))
        .collect();
    std::thread::scope(|scope| {
        for (share, place) in shares.iter().enumerate() {
            scope.spawn(move || make(place, share, workers));
        }
    });
    let next = AtomicUsize::new(0);
    let done: Vec<Mutex<Vec<Made>>> = MAKINGS.iter().map(|_| Mutex::default()).collect();
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(done) = done.get(number) else { return };
                    let made = classified(&shares, number);
                    *done.lock().expect("nobody panicked") = made;
                }
            });
        }
    });
    let made = done.into_iter().map(Mutex::into_inner);
    made.map(|made| made.expect("nobody panicked")).collect()
}

/// Has a share of the services made in every way; each making is a file in the folder.
fn make(folder: &Path, share: usize, shares: usize) {
    std::fs::create_dir(folder).expect("the folder is ours");
    let mut python = Command::new(tool("CORDON_TEST_PYTHON"));
    python.arg(file("corpus/generate.py"));
    python.args(["--share", &format!("{share}/{shares}")]);
    for (number, making) in MAKINGS.iter().enumerate() {
        python.args((number > 0).then_some("--and"));
        python.arg(folder.join(number.to_string()));
        python.args(making.options.split_whitespace());
    }
    let done = python.output().expect("Python runs");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success() && said.is_empty(), "{said}");
}

/// The requests of a making of all shares, with what Cordon says of each.
fn classified(shares: &[PathBuf], number: usize) -> Vec<Made> {
    let mut lines = Vec::new();
    let mut asked = String::new();
    for share in shares {
        let text = std::fs::read_to_string(share.join(number.to_string())).expect("a corpus");
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
    }
    let mut answers = BTreeMap::new();
    for answer in classify(&asked) {
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

fn classify(asked: &str) -> Vec<Value> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let requests = folder.path().join("asked.jsonl");
    std::fs::write(&requests, asked).expect("the folder is ours");
    let asked = std::fs::File::open(&requests).expect("the corpus");
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
