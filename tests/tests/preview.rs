//! Previews: what would happen is shown before anything does, from a recording, a plan of another
//! tool, or a session that was only previewed.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a story stops at once"
)]

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cordon_tests::agent::Agent;
use cordon_tests::cloud::{Cloud, Kind, TABLE};
use cordon_tests::costs::{Costs, VERSION};
use cordon_tests::process::Ran;
use cordon_tests::program::{Cordon, task};
use cordon_tests::signer::Call;
use cordon_tests::wire::Message;
use cordon_tests::{ACCOUNT, REGION};
use serde_json::{Value, json};

/// A signature that nobody checks.
fn authorization(service: &str, headers: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential=AKIACORDONEXAMPLE001/20261125/{REGION}/{service}/aws4_request, \
         SignedHeaders={headers}, Signature={}",
        "0".repeat(64)
    )
}

/// A recorded call of DynamoDB, with a signature that nobody checks.
fn recorded(operation: &str, body: &Value) -> Value {
    let host = format!("dynamodb.{REGION}.amazonaws.com");
    let authorization = authorization("dynamodb", "content-type;host;x-amz-date;x-amz-target");
    json!({
        "id": operation, "method": "POST", "url": format!("https://{host}/"),
        "headers": [
            ["Host", host], ["X-Amz-Date", "20261125T090000Z"], ["Authorization", authorization],
            ["X-Amz-Target", format!("DynamoDB_20120810.{operation}")],
            ["Content-Type", "application/x-amz-json-1.0"],
        ],
        "body_b64": STANDARD.encode(body.to_string()),
    })
}

fn written(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).expect("the folder is ours");
    path
}

fn preview(arguments: &[&str]) -> Ran {
    Cordon::without_serving(&[&["preview"], arguments].concat())
}

fn shown(ran: &Ran) -> Value {
    serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{}", ran.text()))
}

/// Symbol, operation and verdict of each line.
fn lines(preview: &Value) -> Vec<[&str; 3]> {
    let lines = preview["lines"].as_array().expect("lines").iter();
    let text =
        |value: &'_ Value| -> &'static str { value.as_str().unwrap_or("").to_owned().leak() };
    lines
        .map(|line| {
            [
                text(&line["symbol"]),
                text(&line["calls"][0]["operation"]),
                text(&line["verdict"]["outcome"]),
            ]
        })
        .collect()
}

fn recording(folder: &Path) -> PathBuf {
    let table = json!({ "TableName": TABLE });
    let item = json!({ "TableName": TABLE, "Item": { "id": { "S": "a-1" } } });
    let lines = [
        recorded("DescribeTable", &table).to_string(),
        recorded("PutItem", &item).to_string(),
        "{\"method\":\"POST\"".to_owned(),
        recorded("DeleteTable", &table).to_string(),
        recorded("ExplodeTable", &table).to_string(),
        recorded("PutItem", &item).to_string(),
    ];
    written(folder, "calls.jsonl", &lines.join("\n"))
}

#[test]
fn a_recording_is_weighed_and_what_cannot_be_read_names_its_place() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = recording(folder.path()).display().to_string();
    let task = task("main-job").display().to_string();
    let ran = preview(&[&task, "--recording", &file, "--format", "json"]);
    assert_eq!(ran.code, Some(4), "{}", ran.text());
    let preview_of_it = shown(&ran);
    assert_eq!(
        lines(&preview_of_it),
        [["-", "DeleteTable", "deny"], ["~", "PutItem", "allow"]]
    );
    assert_eq!(preview_of_it["lines"][1]["times"], 2);
    assert_eq!(preview_of_it["counts"]["read"], 1);
    let faults = preview_of_it["faults"].as_array().expect("faults");
    let places: Vec<_> = faults
        .iter()
        .map(|fault| (&fault["at"], &fault["code"]))
        .collect();
    assert_eq!(
        places,
        [
            (&json!("record 3"), &json!("malformed-line")),
            (&json!("record 5"), &json!("unknown-operation"))
        ]
    );
    let denied = &preview_of_it["lines"][0]["verdict"]["policies"][0]["id"];
    assert_eq!(denied, "destroy-needs-named-target");

    // Without a task nothing is decided, and all that is known is shown.
    let ran = preview(&[
        "--recording",
        &file,
        "--format",
        "json",
        "--account",
        ACCOUNT,
    ]);
    let whole = shown(&ran);
    assert_eq!(
        lines(&whole),
        [["-", "DeleteTable", ""], ["~", "PutItem", ""]]
    );
    assert_eq!(whole["task"], Value::Null);
}

#[test]
fn a_recording_of_changes_that_are_all_allowed_ends_with_2_and_of_reads_with_0() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let task = task("main-job").display().to_string();
    let item = json!({ "TableName": TABLE, "Item": { "id": { "S": "a-1" } } });
    let change = written(
        folder.path(),
        "change",
        &recorded("PutItem", &item).to_string(),
    );
    let read = recorded("DescribeTable", &json!({ "TableName": TABLE })).to_string();
    let read = written(folder.path(), "read", &read);
    for (file, code) in [(change, 2), (read, 0)] {
        let ran = preview(&[&task, "--recording", &file.display().to_string()]);
        assert_eq!(ran.code, Some(code), "{}", ran.text());
        assert!(
            !ran.out.contains('\u{1b}'),
            "no colours where there is no terminal"
        );
    }
}

#[test]
fn a_har_is_a_recording_and_what_goes_elsewhere_is_left_out() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let line = recorded("PutItem", &json!({ "TableName": TABLE, "Item": {} }));
    let headers: Vec<Value> = line["headers"]
        .as_array()
        .expect("headers")
        .iter()
        .map(|pair| json!({ "name": pair[0], "value": pair[1] }))
        .collect();
    let body = STANDARD
        .decode(line["body_b64"].as_str().expect("a body"))
        .expect("base64");
    let har = json!({ "log": { "entries": [
        { "request": { "method": "GET", "url": "https://example.com/", "headers": [] } },
        { "request": { "method": "POST", "url": line["url"], "headers": headers,
                       "postData": { "mimeType": "x", "text": String::from_utf8(body).expect("text") } } },
    ] } });
    let file = written(folder.path(), "calls.har", &har.to_string())
        .display()
        .to_string();
    let ran = preview(&["--recording", &file, "--format", "json"]);
    assert_eq!(ran.code, Some(2), "{}", ran.text());
    let whole = shown(&ran);
    assert_eq!(lines(&whole), [["~", "PutItem", ""]]);
    assert!(
        whole["notes"][0]
            .as_str()
            .expect("a note")
            .starts_with("1 requests"),
        "{whole}"
    );
}

#[test]
fn what_is_no_plan_is_refused_by_name_with_what_to_do() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (text, said) in [
        (
            r#"{"format_version":"1.2","resource"#,
            "the file is cut short",
        ),
        (
            r#"{"format_version":"7.0","resource_changes":[]}"#,
            "the format version is `7.0`",
        ),
        (r#"{"format_version":"1.0","values":{}}"#, "it is a state"),
        ("PK\u{3}\u{4}...", "Terraform's own format"),
        ("[", "the file is cut short"),
    ] {
        let file = written(folder.path(), "plan.json", text)
            .display()
            .to_string();
        let ran = preview(&["--plan", &file]);
        assert_eq!(ran.code, Some(1), "{}", ran.text());
        for said in [said, "plan.json", "help:"] {
            assert!(ran.err.contains(said), "{said}: {}", ran.err);
        }
    }
}

#[test]
fn a_template_in_yaml_is_read_and_its_faults_name_their_line() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let template = "Resources:\n  Jobs:\n    Type: AWS::SQS::Queue\n    Properties:\n      \
        QueueName: !Sub '${AWS::StackName}-jobs'\n  Login:\n    Type: AWS::RDS::DBInstance\n    \
        Properties:\n      MasterUserPassword: hunter2\n";
    let file = written(folder.path(), "template.yaml", template)
        .display()
        .to_string();
    let ran = preview(&["--plan", &file, "--format", "json"]);
    assert_eq!(ran.code, Some(2), "{}", ran.text());
    let whole = shown(&ran);
    assert_eq!(whole["source"]["kind"], "template");
    let names: Vec<_> = whole["lines"]
        .as_array()
        .expect("lines")
        .iter()
        .map(|line| &line["name"])
        .collect();
    assert_eq!(names, ["Jobs", "Login"]);
    let property = &whole["lines"][0]["properties"][0];
    assert_eq!(property["after"], r#"{"Fn::Sub":"${AWS::StackName}-jobs"}"#);
    assert!(!ran.text().contains("hunter2"), "{}", ran.text());

    let twice = format!("{template}  Jobs:\n    Type: AWS::SNS::Topic\n");
    let file = written(folder.path(), "twice.yaml", &twice)
        .display()
        .to_string();
    let ran = preview(&["--plan", &file]);
    assert_eq!(ran.code, Some(1), "{}", ran.text());
    for said in ["twice.yaml", "line 10: the key `Jobs` comes twice", "help:"] {
        assert!(ran.err.contains(said), "{said}: {}", ran.err);
    }
}

#[test]
fn a_previewed_session_is_one_plan_and_nothing_of_it_reached_the_cloud() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let text = std::fs::read_to_string(task("main-job")).expect("the task");
    let text = text.replace("mode   = \"live\"", "mode   = \"preview\"");
    let file = written(folder.path(), "task.toml", &text);
    let cloud = Cloud::start(Kind::Lab);
    let cordon = Cordon::start(&cloud);
    let agent = Agent::on(&cordon, &file);
    let item = format!(r#"{{"TableName":"{TABLE}","Item":{{"id":{{"S":"s-1"}}}}}}"#);
    let read = agent.dynamodb(
        "DescribeTable",
        &format!(r#"{{"TableName":"{TABLE}"}}"#),
        &[],
    );
    assert_eq!(read.target, "200", "reads go through: {}", read.text());
    for _ in 0..2 {
        let previewed = agent.dynamodb("PutItem", &item, &[]);
        assert!(
            previewed.text().contains("CordonPreview"),
            "{}",
            previewed.text()
        );
    }
    let terminate = "Action=TerminateEnvironment&Version=2010-12-01&EnvironmentName=ce-web-prod";
    let refused = agent.call(&Call::query("elasticbeanstalk", terminate));
    assert_eq!(refused.target, "403", "{}", refused.text());

    let calls = cordon.calls(&["operation:PutItem"]);
    let id = calls[0]["task"].as_str().expect("a task");
    let session = calls[0]["session"].as_str().expect("a session");
    for arguments in [vec![id], vec!["--session", session]] {
        let arguments = [&["preview"], &*arguments, &["--format", "json"]].concat();
        let ran = cordon.run(&arguments);
        assert_eq!(ran.code, Some(4), "{}", ran.text());
        let whole = shown(&ran);
        assert_eq!(
            lines(&whole),
            [
                ["-", "TerminateEnvironment", "deny"],
                ["~", "PutItem", "preview"]
            ]
        );
        assert_eq!(whole["lines"][1]["times"], 2);
        assert!(whole["counts"]["read"].as_u64() >= Some(1), "{whole}");
    }
    let changes: Vec<String> = cloud
        .agent_calls()
        .iter()
        .filter(|call| !call.names("DescribeTable"))
        .map(Message::summary)
        .collect();
    assert!(changes.is_empty(), "{changes:?}");
    cordon.stop();
}

/// A task of the stories in preview mode, in a file of its own.
fn previewing(folder: &Path, name: &str) -> String {
    let text = std::fs::read_to_string(task(name)).expect("the task");
    let text = text.replace("mode   = \"live\"", "mode   = \"preview\"");
    written(folder, "task.toml", &text).display().to_string()
}

#[test]
fn a_previewed_change_is_kept_with_what_it_would_have_changed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let cloud = Cloud::start(Kind::Lab);
    let cordon = Cordon::start(&cloud);
    let agent = Agent::on(&cordon, Path::new(&previewing(folder.path(), "main-job")));
    let previewed = agent.call(&Call {
        service: "lambda",
        method: "PUT",
        path: "/2015-03-31/functions/ce-export/configuration",
        headers: &[("content-type", "application/json")],
        body: br#"{"MemorySize":1024}"#,
    });
    let told = previewed.text();
    assert!(told.contains("is in preview mode"), "{told}");

    let calls = cordon.calls(&["operation:UpdateFunctionConfiguration"]);
    let predicted = &calls[0]["prediction"];
    let property = &predicted["properties"][0];
    assert_eq!(property["name"], "MemorySize");
    assert_eq!(
        (&property["before"], &property["after"]),
        (&json!("512"), &json!("1024"))
    );
    assert_eq!(property["evidence"], "predicted by rule");
    assert!(property["observed_at"].is_string(), "{property}");
    let command =
        "aws lambda update-function-configuration --function-name ce-export --memory-size";
    let call = &predicted["calls"][0];
    assert_eq!(call["command"], format!("{command} 1024 --region {REGION}"));
    assert_eq!(call["undo"], format!("{command} 512 --region {REGION}"));
    let reference = calls[0]["ref"].as_str().expect("a reference");
    let told = cordon.run(&["why", reference]).succeeded("cordon why");
    assert!(told.contains("MemorySize  512 → 1024"), "{told}");

    let sent: Vec<String> = cloud.agent_calls().iter().map(Message::summary).collect();
    let is_read = |line: &String| {
        line.starts_with("GET /2015-03-31/functions/ce-export/configuration")
            || line.contains("TaggingAPI_20170126.GetResources")
    };
    assert_eq!(sent.len(), 2, "{sent:?}");
    assert!(sent.iter().all(is_read), "{sent:?}");
    cordon.stop();
}

#[test]
fn a_command_is_previewed_or_rehearsed_and_the_account_gets_no_change() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (cloud, sandbox) = (Cloud::start(Kind::Lab), Cloud::start(Kind::Lab));
    let cordon = Cordon::start(&cloud);
    let task = previewing(folder.path(), "environments");
    let agent = cordon_tests::program::program().display().to_string();
    let act = [
        "--",
        &agent,
        "demo-agent",
        "update-environment",
        "costs-web",
        "ROUNDING",
        "half-up",
    ];
    let changes = |cloud: &Cloud| {
        let calls = cloud.agent_calls();
        calls
            .iter()
            .filter(|call| call.names("UpdateEnvironment"))
            .count()
    };

    let ran = cordon.run(&[&["preview", &task, "--format", "json"], &act[..]].concat());
    assert_eq!(ran.code, Some(2), "{}", ran.text());
    let whole: Value = shown_in(&ran.out);
    assert_eq!(lines(&whole), [["~", "UpdateEnvironment", "preview"]]);
    assert_eq!((changes(&cloud), changes(&sandbox)), (0, 0));

    let url = sandbox.recorder().url();
    let rehearsing = [
        "preview",
        &task,
        "--format",
        "json",
        "--sandbox-upstream",
        &url,
    ];
    let before = cloud.exchanges().len();
    let ran = cordon.run(&[&rehearsing[..], &act[..]].concat());
    assert_eq!(ran.code, Some(2), "{}", ran.text());
    let whole = shown_in(&ran.out);
    assert_eq!(lines(&whole), [["~", "UpdateEnvironment", "allow"]]);
    let tool = whole["source"]["tool"].as_str().unwrap_or_default();
    assert_eq!(tool, format!("rehearsed at {url}"));
    assert_eq!(changes(&sandbox), 1, "the emulator gets the change");
    assert_eq!(
        cloud.exchanges().len(),
        before,
        "the account gets nothing at all"
    );
    cordon.stop();
}

/// EC2 is asked by a dry run whether it would make what is only previewed; and that alone reaches it.
#[test]
fn ec2_is_asked_about_a_previewed_call_and_does_not_make_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let cloud = Cloud::start(Kind::Lab);
    let cordon = Cordon::start(&cloud);
    let task = previewing(folder.path(), "environments");
    let agent = Agent::on(&cordon, Path::new(&task));
    let run = "Version=2016-11-15&Action=RunInstances&ImageId=ami-0abc&MinCount=2&MaxCount=2\
        &InstanceType=t3.micro&DryRun=false";
    let told = agent.call(&Call::query("ec2", run)).text();
    assert!(told.contains("CordonPreview"), "{told}");

    let asked = cloud.agent_calls();
    let asked: Vec<&Message> = asked
        .iter()
        .filter(|call| call.names("RunInstances"))
        .collect();
    assert_eq!(asked.len(), 1, "{asked:?}");
    let form = asked[0].text();
    let dry: Vec<&str> = form
        .split('&')
        .filter(|pair| pair.contains("DryRun"))
        .collect();
    assert_eq!(dry, ["DryRun=true"], "{form}");
    let all = "Version=2016-11-15&Action=DescribeInstances";
    let admin = cloud.keys_of(cordon_tests::lab::ADMIN_ROLE);
    let there = Call::query("ec2", all).send(cloud.address(), &admin).text();
    assert!(
        there.contains("reservationSet") && !there.contains("<instanceId>"),
        "{there}"
    );

    let calls = cordon.calls(&["operation:RunInstances"]);
    let verdicts: Vec<&str> = calls
        .iter()
        .map(|call| call["verdict"].as_str().expect("a verdict"))
        .collect();
    assert_eq!(verdicts, ["preview", "allow"], "{calls:#?}");
    assert_eq!(
        (&calls[1]["ingress"], &calls[1]["class"]),
        (&json!("dry-run"), &json!("observe"))
    );
    let witness = &calls[0]["prediction"]["prediction"]["witness"];
    assert_eq!(witness["says"], "would succeed", "{calls:#?}");
    assert_eq!(witness["evidence"], "native dry run");
    let id = calls[0]["task"].as_str().expect("a task");
    let shown = cordon.run(&["preview", id]);
    assert!(
        shown.out.contains("native dry run  would succeed"),
        "{}",
        shown.text()
    );
    assert!(shown.out.contains("1 to create"), "{}", shown.out);
    // A draft of a task is not made of what was only asked.
    let draft = cordon
        .run(&["task", "learn", id, "--team", "costs"])
        .succeeded("a draft");
    assert!(
        draft.contains("\"ec2:RunInstances\"") && draft.contains("seen 1"),
        "{draft}"
    );
    cordon.stop();
}

/// moto knows no change of an environment, the lab does: what is predicted is what it shows afterwards.
#[test]
fn what_is_predicted_of_an_environment_is_what_the_lab_shows_once_it_was_done() {
    const UPDATE: &str = "UpdateEnvironment&EnvironmentName=costs-web\
        &OptionSettings.member.1.Namespace=aws:elasticbeanstalk:application:environment\
        &OptionSettings.member.1.OptionName=ROUNDING&OptionSettings.member.1.Value=half-up";
    const TERMINATE: &str = "TerminateEnvironment&EnvironmentName=costs-web";
    let folder = tempfile::tempdir().expect("a temporary folder");
    let costs = Costs::open();
    let host = format!("elasticbeanstalk.{REGION}.amazonaws.com");
    let line = |form: &str| {
        let body = format!("{VERSION}&Action={form}");
        json!({
            "method": "POST", "url": format!("https://{host}/"), "body_b64": STANDARD.encode(body),
            "headers": [
                ["Host", host], ["Content-Type", "application/x-www-form-urlencoded"],
                ["X-Amz-Date", "20261125T090000Z"],
                ["Authorization", authorization("elasticbeanstalk", "content-type;host;x-amz-date")],
            ],
        })
        .to_string()
    };
    let calls = [line(UPDATE), line(TERMINATE)].join("\n");
    let file = written(folder.path(), "calls.jsonl", &calls)
        .display()
        .to_string();
    let task = task("reads").display().to_string();
    let look = || {
        let ran = costs.cordon.run(&[
            "preview",
            &task,
            "--recording",
            &file,
            "--reads",
            "--reads-within",
            "120",
            "--format",
            "json",
        ]);
        assert_eq!(ran.code, Some(4), "{}", ran.text());
        shown(&ran)
    };
    let option = "OptionSettings.aws:elasticbeanstalk:application:environment:ROUNDING";
    let before = look();
    let [terminate, update] = [&before["lines"][0], &before["lines"][1]];
    let status = &terminate["properties"][0];
    assert_eq!(
        (&status["name"], &status["before"]),
        (&json!("Status"), &json!("Ready"))
    );
    assert_eq!(status["after"], "Terminated");
    let properties = update["properties"].as_array().expect("properties");
    let rounding = properties
        .iter()
        .find(|it| it["name"] == option)
        .expect(option);
    assert_eq!(
        (&rounding["before"], &rounding["after"]),
        (&Value::Null, &json!("half-up"))
    );
    assert!(rounding["observed_at"].is_string(), "{rounding}");
    assert_eq!(
        costs.reached("UpdateEnvironment") + costs.reached("TerminateEnvironment"),
        0
    );

    costs.admin(UPDATE);
    let after = look();
    assert_eq!(after["lines"][1]["prediction"]["unchanged"], 1, "{after}");
    costs.admin(TERMINATE);
    let after = look();
    // The lab leaves out what is terminated, as AWS does after an hour.
    let status = &after["lines"][0]["properties"][0];
    assert_eq!(
        (&status["name"], &status["before"]),
        (&json!("Status"), &Value::Null)
    );
    assert!(status["observed_at"].is_string(), "{after}");
}

#[test]
fn who_runs_an_agent_sees_its_calls_as_they_happen() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let cloud = Cloud::start(Kind::Lab);
    let cordon = Cordon::start(&cloud);
    let task = previewing(folder.path(), "environments");
    let agent = cordon_tests::program::program().display().to_string();
    let read = format!("{agent} demo-agent describe-environments");
    let change = format!("{agent} demo-agent update-environment costs-web ROUNDING half-up");
    let script = format!("{read}; {read}; {change}");
    let ran = cordon.run(&["run", "--task", &task, "--", "sh", "-c", &script]);
    let lines: Vec<&str> = ran.err.lines().collect();
    let at = |part: &str| lines.iter().position(|line| line.contains(part));
    // Two of the agent, and those by which Cordon saw what the change would be.
    let reads = lines
        .iter()
        .position(|line| line.trim().ends_with(" reads"));
    let reads = reads.unwrap_or_else(|| panic!("{}", ran.text()));
    let shown = lines.get(reads + 1).expect("a line after the reads");
    for part in ["~ elasticbeanstalk UpdateEnvironment", "PREVIEW"] {
        assert!(shown.contains(part), "{part}: {}", ran.text());
    }
    assert!(
        at("reads, 0 changes, 1 refused") > Some(reads),
        "{}",
        ran.text()
    );
    assert!(
        !ran.err.contains('\u{1b}'),
        "no colours where there is no terminal"
    );
    // Others look at one session in the same words.
    let session = cordon.calls(&["operation:UpdateEnvironment"])[0]["session"].clone();
    let session = format!("session:{}", session.as_str().unwrap_or_default());
    for (filter, count) in [
        ([&*session, "verdict:preview"], 1),
        (["session:S-NONE", "verdict:preview"], 0),
    ] {
        let tail = cordon.run(&[&["calls", "tail", "--no-follow"], &filter[..]].concat());
        let said = tail.succeeded("cordon calls tail");
        assert_eq!(said.matches("UpdateEnvironment").count(), count, "{said}");
    }
    cordon.stop();
}

/// The preview at the end of what a command printed.
fn shown_in(text: &str) -> Value {
    let last = text.lines().rev().find(|line| line.starts_with('{'));
    serde_json::from_str(last.unwrap_or_default()).unwrap_or_else(|_| panic!("{text}"))
}

#[test]
fn a_recording_is_learned_from_without_generalising_a_deletion() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = recording(folder.path()).display().to_string();
    let ran = Cordon::without_serving(&[
        "task",
        "learn",
        "--recording",
        &file,
        "--account",
        ACCOUNT,
        "--team",
        "reports",
    ]);
    let text = ran.succeeded("cordon task learn");
    let table = format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{TABLE}");
    let allowed = format!(
        "do = [\"dynamodb:PutItem\"]\non = [\"{table}\"]\nfrom = \"dynamodb PutItem, seen 2\""
    );
    assert!(text.contains(&allowed), "{text}");
    assert!(
        text.contains(&format!(
            "[destroy]\n\"{table}\" = [\"dynamodb:DeleteTable\"]"
        )),
        "{text}"
    );
    for asked in [
        "# ? record 3 is left out",
        "# ? record 5 is left out",
        "LOSES something",
    ] {
        assert!(text.contains(asked), "{asked}: {text}");
    }
    let draft = written(folder.path(), "task.toml", &text)
        .display()
        .to_string();
    let checked = Cordon::without_serving(&["task", "check", &draft]);
    let _ = checked.succeeded("cordon task check");
}

#[test]
fn tasks_are_compared_by_what_they_mean() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let before = task("main-job");
    let text = std::fs::read_to_string(&before).expect("the task");
    let wider = text.replace("table/orders", "table/*");
    let after = written(folder.path(), "after.toml", &wider)
        .display()
        .to_string();
    let before = before.display().to_string();
    let differs = Cordon::without_serving(&["task", "diff", &before, &after]);
    assert_eq!(differs.code, Some(2), "{}", differs.text());
    let added = format!("+ allow dynamodb:PutItem on arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/*");
    assert!(differs.out.contains(&added), "{}", differs.out);
    let told = Cordon::without_serving(&["task", "diff", &before, &after, "--format", "json"]);
    assert_eq!(told.code, Some(2), "{}", told.text());
    let first = told.out.lines().next().expect("a difference");
    let first: Value = serde_json::from_str(first).expect("JSON");
    assert_eq!(first["added"], true, "{first}");
    let same = Cordon::without_serving(&["task", "diff", &before, &before]);
    assert_eq!(same.code, Some(0), "{}", same.text());
}
