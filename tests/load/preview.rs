//! What `cordon preview` costs as people run it: of one core, from the file to the last line.
//! `cargo xtask load --preview` builds and starts it.

use std::error::Error;
use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::report::median;
use crate::usage::Usage;

/// Calls of the recording.
const CALLS: usize = 100_000;
/// Changes of the plan, and the bytes of each that say nothing.
const CHANGES: usize = 1_000;
const PADDING: usize = 4_500;

/// One run.
struct Ran {
    seconds: f64,
    peak: f64,
}

/// Runs each preview `rounds` times; gives the table.
pub(crate) fn measure(
    cordon: &Path,
    folder: &Path,
    rounds: usize,
) -> Result<String, Box<dyn Error>> {
    let task = folder.join("preview.toml");
    // A preview has the ceiling of the policies that are built in.
    let text = include_str!("task.toml")
        .replace("mutations = 100000000", "mutations = 1000")
        .replace("creates   = 100000000", "creates   = 200");
    std::fs::write(&task, text)?;
    let (calls, plan) = (recording(folder)?, plan(folder)?);
    let runs = [
        (
            format!("a recording of {CALLS} calls, nine reads to a change"),
            ["--recording".as_ref(), calls.as_os_str()],
            Goal {
                seconds: CALLS as f64 / 20_000.0,
                peak: None,
            },
            CALLS,
        ),
        (
            format!(
                "a Terraform plan of {CHANGES} changes and {} MiB",
                size(&plan)?
            ),
            ["--plan".as_ref(), plan.as_os_str()],
            Goal {
                seconds: 1.0,
                peak: Some(200.0),
            },
            CHANGES,
        ),
    ];
    let mut text = String::from(
        "| `cordon preview` of | seconds | a second | MiB at its peak | goal | |\n|---|---:|---:|---:|---:|---|\n",
    );
    for (what, source, goal, count) in runs {
        let mut ran = Vec::new();
        for _ in 0..rounds {
            let mut command = Command::new(cordon);
            command.arg("preview").arg(&task).args(source);
            ran.push(one(&mut command, folder)?);
        }
        let seconds = median(ran.iter().map(|it| it.seconds).collect()).unwrap_or(f64::NAN);
        let peak = median(ran.iter().map(|it| it.peak).collect()).unwrap_or(f64::NAN);
        let met = seconds <= goal.seconds && goal.peak.is_none_or(|most| peak <= most);
        let most = goal.peak.map(|most| format!(", {most:.0} MiB"));
        writeln!(
            text,
            "| {what} | {seconds:.2} | {:.0} | {peak:.0} | {:.0} s{} | {} |",
            count as f64 / seconds,
            goal.seconds,
            most.unwrap_or_default(),
            if met { "met" } else { "missed" },
        )?;
    }
    Ok(text)
}

/// What was set out for.
struct Goal {
    seconds: f64,
    peak: Option<f64>,
}

/// Runs a preview to its end on one core, with nothing of the environment.
fn one(command: &mut Command, folder: &Path) -> Result<Ran, Box<dyn Error>> {
    let began = Instant::now();
    let mut child = command
        .env_clear()
        .env("HOME", folder)
        .env("CORDON_STATE", folder.join("state"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()?;
    let mut said = child.stdout.take().ok_or("it has no output")?;
    let (all, told) = mpsc::sync_channel(1);
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = said.read_to_end(&mut bytes).map(|_| bytes);
        // Who does not listen any more gave up.
        let _ = all.send(read);
    });
    let usage = Usage::of(child.id())?;
    let mut peak = 0;
    // Its output ends with it. Until then its memory is looked at now and then.
    let out = loop {
        match told.recv_timeout(Duration::from_millis(2)) {
            Ok(out) => break out?,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Err("its output was not read".into()),
        }
        if let Ok(memory) = usage.memory() {
            peak = peak.max(memory.peak);
        }
    };
    let status = child.wait()?;
    let seconds = began.elapsed().as_secs_f64();
    // 2, 3 and 4 say what the preview shows; anything else is no preview.
    match status.code() {
        Some(2..=4) if !out.is_empty() => Ok(Ran {
            seconds,
            peak: peak as f64 / f64::from(1 << 20),
        }),
        _ => Err(format!("it ended by {status}").into()),
    }
}

fn size(file: &Path) -> Result<u64, Box<dyn Error>> {
    Ok(std::fs::metadata(file)?.len() >> 20)
}

fn recording(folder: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let host = "dynamodb.eu-central-1.amazonaws.com";
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential=AKIACORDONEXAMPLE001/20261125/eu-central-1/dynamodb/aws4_request, \
         SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature={}",
        "0".repeat(64)
    );
    let line = |number: usize| {
        let (operation, body) = match number % 10 {
            0 => (
                "PutItem",
                json!({ "TableName": "orders", "Item": { "id": { "S": number.to_string() } } }),
            ),
            _ => (
                "GetItem",
                json!({ "TableName": "orders", "Key": { "id": { "S": number.to_string() } } }),
            ),
        };
        json!({
            "id": number, "method": "POST", "url": format!("https://{host}/"),
            "headers": [
                ["Host", host], ["X-Amz-Date", "20261125T090000Z"], ["Authorization", authorization],
                ["X-Amz-Target", format!("DynamoDB_20120810.{operation}")],
                ["Content-Type", "application/x-amz-json-1.0"],
            ],
            "body_b64": STANDARD.encode(body.to_string()),
        })
    };
    let mut text = String::new();
    for number in 0..CALLS {
        writeln!(text, "{}", line(number))?;
    }
    let file = folder.join("calls.jsonl");
    std::fs::write(&file, text)?;
    Ok(file)
}

fn plan(folder: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let change = |number: usize| {
        json!({
            "address": format!("aws_sqs_queue.q{number}"), "mode": "managed", "type": "aws_sqs_queue",
            "provider_name": "registry.terraform.io/hashicorp/aws",
            "change": {
                "actions": ["create"], "before": null,
                "after": { "name": format!("q{number}"), "policy": "p".repeat(PADDING) },
                "after_unknown": { "arn": true, "url": true }, "after_sensitive": {},
            },
        })
    };
    let changes: Vec<_> = (0..CHANGES).map(change).collect();
    let plan = json!({ "format_version": "1.2", "terraform_version": "1.11.4", "resource_changes": changes });
    let file = folder.join("plan.json");
    std::fs::write(&file, plan.to_string())?;
    Ok(file)
}
