//! URLs that a client signs by itself, with the placeholder keys that it has: through Cordon they are
//! requests like any other, and whoever has them elsewhere has nothing.

#![allow(clippy::expect_used, reason = "a story stops at once")]

use cordon_tests::client::{Environment, command};
use cordon_tests::cloud::{BUCKET, Cloud, Kind};
use cordon_tests::process;
use cordon_tests::program::{Cordon, Way, task};
use cordon_tests::{REGION, tool};
use std::path::Path;

/// Fetches a URL, by the proxy of the environment or to an address; prints the status and what came.
const FETCH: &str = r#"
import sys, urllib.request, urllib.error
url, address = sys.argv[1], sys.argv[2]
if address:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    host, path = url.split("/", 3)[2], url.split("/", 3)[3]
    request = urllib.request.Request(f"http://{address}/{path}", headers={"Host": host})
else:
    opener, request = urllib.request.build_opener(), urllib.request.Request(url)
try:
    with opener.open(request) as answer:
        print(answer.status, answer.read().decode())
except urllib.error.HTTPError as error:
    print(error.code, error.read().decode())
except Exception as error:
    print("none", error)
"#;

const OBJECT: &str = r#"
import boto3, sys
from botocore.config import Config
client = boto3.client("s3", config=Config(signature_version="s3v4", s3={"addressing_style": "virtual"}))
print(client.generate_presigned_url("get_object", Params={"Bucket": sys.argv[1], "Key": sys.argv[2]}))
"#;

/// As `aws eks get-token` makes it.
const CLUSTER: &str = r#"
import boto3, base64
client = boto3.client("sts")
def name(params, context, **_):
    context["cluster"] = params.pop("Cluster")
def header(request, **_):
    request.headers["x-k8s-aws-id"] = request.context["cluster"]
client.meta.events.register("provide-client-params.sts.GetCallerIdentity", name)
client.meta.events.register("before-sign.sts.GetCallerIdentity", header)
print(client.generate_presigned_url("get_caller_identity", Params={"Cluster": "shop"}, ExpiresIn=60))
"#;

fn python(script: &str, arguments: &[&str], environment: &Environment, folder: &Path) -> String {
    let mut command = command(&tool("CORDON_TEST_PYTHON"), environment, folder);
    let ran = process::run(command.arg("-c").arg(script).args(arguments));
    ran.succeeded("python").trim().to_owned()
}

#[test]
fn a_presigned_url_is_good_through_cordon_and_nowhere_else() {
    let cloud = Cloud::start(Kind::Lab);
    let cordon = Cordon::start(&cloud);
    let folder = tempfile::tempdir().expect("a folder");
    let environment = cordon.env(&task("main-job"), Way::Connect);
    let run =
        |script: &str, arguments: &[&str]| python(script, arguments, &environment, folder.path());
    let url = run(OBJECT, &[BUCKET, "reports/old.txt"]);
    assert!(url.contains("X-Amz-Signature"), "{url}");

    let elsewhere = run(FETCH, &[&url, &cloud.address().to_string()]);
    assert!(elsewhere.starts_with("403"), "{elsewhere}");
    assert!(cloud.agent_calls().is_empty());
    let here = run(FETCH, &[&url, ""]);
    assert_eq!(here, "200 last month", "{}", cordon.log());
    // It is decided like any other: the task says nothing of this one.
    let other = run(OBJECT, &[BUCKET, "secrets/key.txt"]);
    let refused = run(FETCH, &[&other, ""]);
    assert!(refused.starts_with("403"), "{refused}");
    assert_eq!(cloud.agent_calls().len(), 1);
    cordon.stop();
}

#[test]
fn a_token_for_a_cluster_opens_no_cluster() {
    let cloud = Cloud::start(Kind::Lab);
    let cordon = Cordon::start(&cloud);
    let folder = tempfile::tempdir().expect("a folder");
    let environment = cordon.env(&task("main-job"), Way::Connect);
    let run =
        |script: &str, arguments: &[&str]| python(script, arguments, &environment, folder.path());
    // What the cluster would do with it: ask STS, which knows no placeholder.
    let token = run(CLUSTER, &[]);
    assert!(token.contains("GetCallerIdentity"), "{token}");
    let asked = run(FETCH, &[&token, &cloud.address().to_string()]);
    assert!(asked.starts_with("403"), "{asked}");
    // And to the cluster itself there is no way through Cordon: it signs nothing for it.
    let cluster = format!("https://0123ABCD.gr7.{REGION}.eks.amazonaws.com/api/v1/namespaces");
    let refused = run(FETCH, &[&cluster, ""]);
    assert!(refused.starts_with("none"), "{refused}");
    assert!(refused.contains("403"), "{refused}");
    assert!(cloud.agent_calls().is_empty());
    cordon.stop();
}
