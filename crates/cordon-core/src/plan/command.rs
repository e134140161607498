//! The AWS CLI command that makes the same call, for who reads and for who undoes.
//!
//! Parameters that the CLI takes as one word each are written as options; anything else goes as
//! `--cli-input-json`, which the CLI takes for every operation as the API has it. Every word is quoted
//! for a POSIX shell, and what hides or turns text is escaped: a pasted command does what is seen.

use serde_json::Value as Json;
use std::fmt::Write as _;

/// Services that the CLI has another name for.
const RENAMED: [(&str, &str); 3] = [
    ("s3", "s3api"),
    ("codedeploy", "deploy"),
    ("config", "configservice"),
];

/// Operations whose options the CLI changed: their parameters go as JSON.
const CUSTOMISED: [(&str, &str); 9] = [
    ("ec2", "RunInstances"),
    ("ec2", "AuthorizeSecurityGroupIngress"),
    ("ec2", "AuthorizeSecurityGroupEgress"),
    ("ec2", "RevokeSecurityGroupIngress"),
    ("ec2", "RevokeSecurityGroupEgress"),
    ("ec2", "BundleInstance"),
    ("iam", "CreateVirtualMFADevice"),
    ("lambda", "UpdateFunctionCode"),
    ("logs", "StartLiveTail"),
];

/// The longest command that is shown: a longer one is no line that anybody reads.
const LONGEST: usize = 4 * 1024;

/// The command for a call; nothing where it would not be the same call, or is too long to be read.
/// `parameters` hold marks in the place of secrets.
#[must_use]
pub fn command(service: &str, operation: &str, region: &str, parameters: &Json) -> Option<String> {
    let mut parameters = parameters.as_object()?.clone();
    let renamed = RENAMED.iter().find(|(name, _)| *name == service);
    let service_word = renamed.map_or(service, |(_, word)| word);
    let mut text = format!("aws {service_word} {}", kebab(operation));
    // A body is no word of a command line. One that streams is named by its path alone.
    for (name, file) in [
        ("Body", "FILE"),
        ("ZipFile", "fileb://FILE"),
        ("Payload", "fileb://FILE"),
    ] {
        if parameters.remove(name).is_some() {
            let _ = write!(text, " --{} {file}", kebab(name));
        }
    }
    let customised = CUSTOMISED.contains(&(service, operation));
    let is_plain = parameters.values().all(|value| words(value).is_some());
    match is_plain && !customised {
        true => {
            for (name, value) in &parameters {
                option(&mut text, &kebab(name), value);
            }
        }
        false => {
            let json = escaped(&Json::Object(parameters).to_string());
            let _ = write!(text, " --cli-input-json {}", quoted(&json));
        }
    }
    if !region.is_empty() && region != "aws-global" {
        let _ = write!(text, " --region {}", quoted(region));
    }
    (text.len() <= LONGEST).then_some(text)
}

/// The words of a value; nothing where it has parts of its own.
fn words(value: &Json) -> Option<Vec<String>> {
    match value {
        Json::Array(items) => {
            let scalar = |item: &Json| match item {
                Json::Bool(_) | Json::Array(_) | Json::Object(_) | Json::Null => None,
                item => words(item)?.pop(),
            };
            items.iter().map(scalar).collect()
        }
        // What begins so would be read as an option, a file or a document.
        Json::String(text) if text.starts_with(['-', '@', '{', '[']) || text.contains("://") => {
            None
        }
        // What hides has an escape only in JSON.
        Json::String(text) if text.is_empty() || escaped(text) != *text => None,
        Json::String(text) => Some(vec![text.clone()]),
        Json::Number(number) => Some(vec![number.to_string()]),
        Json::Bool(_) => Some(Vec::new()),
        Json::Null | Json::Object(_) => None,
    }
}

fn option(text: &mut String, name: &str, value: &Json) {
    let _ = match value {
        Json::Bool(false) => write!(text, " --no-{name}"),
        _ => write!(text, " --{name}"),
    };
    for word in words(value).unwrap_or_default() {
        let _ = write!(text, " {}", quoted(&word));
    }
}

/// A word for a POSIX shell.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,+@%".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

/// JSON with everything but plain characters escaped, so that nothing in it hides or turns text.
fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        match c.is_ascii_graphic() || c == ' ' || (c.is_alphanumeric() && !c.is_ascii_control()) {
            true => text.push(c),
            false => {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    let _ = write!(text, "\\u{unit:04x}");
                }
            }
        }
    }
    text
}

/// A name as the CLI writes it: `DBInstanceIdentifier` is `db-instance-identifier`.
fn kebab(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut text = String::with_capacity(name.len() + 8);
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| letters.get(at));
        let after = letters.get(at + 1);
        let begins = letter.is_ascii_uppercase()
            && before.is_some_and(|before| {
                !before.is_ascii_uppercase() || after.is_some_and(char::is_ascii_lowercase)
            });
        if begins {
            text.push('-');
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(service: &str, operation: &str, parameters: Json, expected: &str) {
        let written = command(service, operation, "eu-central-1", &parameters).unwrap();
        assert_eq!(written, format!("{expected} --region eu-central-1"));
    }

    #[test]
    fn what_has_words_is_written_as_options_and_the_rest_as_json() {
        check(
            "lambda",
            "UpdateFunctionConfiguration",
            json!({ "FunctionName": "ce-export", "MemorySize": 1024 }),
            "aws lambda update-function-configuration --function-name ce-export --memory-size 1024",
        );
        check(
            "rds",
            "ModifyDBInstance",
            json!({ "DBInstanceIdentifier": "a b", "MultiAZ": true, "DeletionProtection": false }),
            "aws rds modify-db-instance --db-instance-identifier 'a b' --multi-az \
             --no-deletion-protection",
        );
        check(
            "ec2",
            "StopInstances",
            json!({ "InstanceIds": ["i-1", "i-2"] }),
            "aws ec2 stop-instances --instance-ids i-1 i-2",
        );
        check(
            "s3",
            "PutObject",
            json!({ "Bucket": "b", "Key": "k", "Body": "(5 bytes)" }),
            "aws s3api put-object --body FILE --bucket b --key k",
        );
        check(
            "s3",
            "PutBucketVersioning",
            json!({ "Bucket": "b", "VersioningConfiguration": { "Status": "Enabled" } }),
            "aws s3api put-bucket-versioning --cli-input-json \
             '{\"Bucket\":\"b\",\"VersioningConfiguration\":{\"Status\":\"Enabled\"}}'",
        );
    }

    #[test]
    fn a_pasted_command_does_what_is_seen() {
        check(
            "iam",
            "CreateUser",
            json!({ "UserName": "a'; rm -rf ~; '" }),
            r"aws iam create-user --user-name 'a'\''; rm -rf ~; '\'''",
        );
        // No option, no file, no escape, nothing that turns the text around.
        for hostile in [
            "--debug",
            "file:///etc/passwd",
            "a\u{202e}b",
            "a\nb",
            "\u{1b}[2J",
            "",
        ] {
            let parameters = json!({ "UserName": hostile });
            let text = command("iam", "CreateUser", "eu-central-1", &parameters).unwrap();
            assert!(text.contains(" --cli-input-json '{"), "{text}");
            let plain = |c: char| c.is_ascii_graphic() || c == ' ';
            assert!(text.chars().all(plain), "{text}");
        }
        let long = json!({ "UserName": "a".repeat(5_000) });
        assert_eq!(command("iam", "CreateUser", "eu-central-1", &long), None);
    }
}
