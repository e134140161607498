//! Directory buckets of S3 Express, as SDKs call them when left alone: before the first object they
//! ask for keys of a session, and sign with those.
//!
//! On the lab, which knows no such session: what comes to it must be signed with credentials that
//! STS gave out, for the bucket, by the name that directory buckets are signed for.

use serde_json::json;

use crate::client::{Client, Step};
use crate::cloud::{Cloud, Kind};
use crate::lab::ADMIN_ROLE;
use crate::program::{Cordon, Way, task};
use crate::signer::Call;
use crate::{REGION, wire::Message};

/// A directory bucket that the task names.
pub const DIRECTORY: &str = "orders--euc1-az1--x-s3";
/// Another one of the task.
pub const OTHER: &str = "ledger--euc1-az1--x-s3";
/// One that the task does not name.
pub const FOREIGN: &str = "payroll--euc1-az1--x-s3";

/// The lab, with these buckets.
#[must_use]
pub fn cloud() -> Cloud {
    let cloud = Cloud::start(Kind::Lab);
    let admin = cloud.keys_of(ADMIN_ROLE);
    let place = format!(
        "<CreateBucketConfiguration><LocationConstraint>{REGION}</LocationConstraint>\
         </CreateBucketConfiguration>"
    );
    for bucket in [DIRECTORY, OTHER, FOREIGN] {
        let path = format!("/{bucket}");
        let create = Call {
            service: "s3express",
            method: "PUT",
            path: &path,
            headers: &[],
            body: place.as_bytes(),
        };
        let made = create.send(cloud.address(), &admin);
        assert_eq!(made.target, "200", "{}", made.text());
    }
    cloud
}

/// What came to the cloud for agents. Cordon's own reads of tags are not among it.
#[must_use]
pub fn calls_of_agents(cloud: &Cloud) -> Vec<Message> {
    let calls = cloud.agent_calls().into_iter();
    calls.filter(|call| !call.names("GetResources")).collect()
}

/// Nothing of a session of S3 Express, real or lent, ever came to the cloud.
///
/// # Panics
/// Where something did.
pub fn no_session_reached(cloud: &Cloud) {
    for exchange in cloud.exchanges() {
        let request = exchange.request;
        let head = format!("{} {:?}", request.target, request.headers);
        for mark in ["session", "ASIACRDN", "AKIACRDN"] {
            let sts = request.names("AssumeRole");
            assert!(sts || !head.contains(mark), "{mark}: {head}");
            assert!(sts || !request.text().contains(mark), "{mark} in a body");
        }
    }
}

/// A client with nothing set puts and gets an object of a directory bucket.
///
/// # Panics
/// At the first thing that is not as it should be.
pub fn objects_of_a_directory_bucket_go_by_lent_keys(client: Client, way: Way) {
    let cloud = cloud();
    let cordon = Cordon::start(&cloud);
    let environment = cordon.env(&task("express"), way);
    assert!(
        !environment.keys().any(|name| name.contains("EXPRESS")),
        "{environment:?}"
    );
    let folder = tempfile::tempdir().expect("a temporary folder");
    let step = |operation, bucket: &str, body: Option<&str>| {
        let mut parameters = json!({"Bucket": bucket, "Key": "2026/a.txt"});
        if let Some(body) = body {
            parameters["Body"] = body.into();
        }
        Step {
            service: "s3",
            operation,
            parameters,
        }
    };
    let list = Step {
        service: "s3",
        operation: "ListObjectsV2",
        parameters: json!({"Bucket": DIRECTORY}),
    };
    let steps = [
        step("PutObject", DIRECTORY, Some("an order")),
        step("GetObject", DIRECTORY, None),
        list,
        step("DeleteObject", DIRECTORY, None),
        step("PutObject", FOREIGN, Some("a salary")),
    ];
    let outcomes = client.run(&steps, &environment, folder.path());
    for (step, outcome) in steps.iter().zip(&outcomes).take(3) {
        let operation = step.operation;
        assert!(
            outcome.ok,
            "{operation}: {}\n{}",
            outcome.text,
            cordon.log()
        );
    }
    for (outcome, said) in outcomes.iter().skip(3).zip([
        "destroy-needs-named-target",
        "does not name s3express:CreateSession",
    ]) {
        assert!(
            !outcome.ok && outcome.text.contains(said),
            "{}",
            outcome.text
        );
    }

    let reached = calls_of_agents(&cloud);
    let object = format!("/{DIRECTORY}/2026/a.txt");
    let expected = [
        ("PUT", object.as_str()),
        ("GET", object.as_str()),
        ("GET", "?list-type=2"),
    ];
    assert_eq!(reached.len(), expected.len(), "{reached:?}");
    for (request, (method, target)) in reached.iter().zip(expected) {
        let is = request.method == method && request.target.contains(target);
        assert!(is && request.target.contains(DIRECTORY), "{request:?}");
    }
    no_session_reached(&cloud);
    cloud.check_log();
    let lent = cordon.calls(&["operation:CreateSession", "verdict:allow"]);
    assert!(!lent.is_empty(), "no session was asked for");
    assert!(lent.iter().all(|call| call["class"] == "data"), "{lent:#?}");
    cordon.stop();
}
