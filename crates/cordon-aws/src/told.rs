//! What the body of a good answer tells of its call: some operations answer 200 and say only in
//! the body that they failed, or that they did a part; and those that create name what they made.
//!
//! Takes the bytes of an answer as they pass, under a bound; gives [`Heard`] at their end. S3 sends
//! the status of a long copy before it has begun and an `<Error>` when it did not work; batches
//! list what they did not do. Who believes the status alone records changes that never were.

use crate::arn::Arn;
use crate::call::Protocol;
use crate::made::Maker;
use jiter::{JsonObject, JsonValue};
use quick_xml::Reader;
use quick_xml::events::Event;

/// The most that is kept of an answer. A thousand keys of the longest kind fit, which is the most
/// that `DeleteObjects` lists.
const LARGEST: usize = 2 * 1024 * 1024;

/// The deepest element of an answer; those of AWS are a few deep.
const DEEPEST: usize = 32;

/// What an answer told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// All was done.
    Done,
    /// Nothing was done: the code of the error.
    Failed(Box<str>),
    /// This many parts were not done.
    Partial(u64),
    /// It is longer than is kept, or not in its form.
    Unread,
}

/// All that was heard in one answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// What became of the call.
    pub told: Told,
    /// What the call made, by names that the request did not have.
    pub made: Vec<Arn>,
}

/// Reads one answer. Made by [`Told::reader`] for the operations that have something to tell.
#[derive(Debug)]
pub struct ToldReader {
    form: Option<Form>,
    maker: Option<Maker>,
    protocol: Protocol,
    body: Vec<u8>,
    fits: bool,
}

/// How an operation tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// The document is an `<Error>` instead of the result.
    ErrorDocument,
    /// A member that lists or counts what was not done; in XML, elements of the second name
    /// below it.
    Member(&'static str, &'static str),
    /// Members of a list, each with an error of its own where there was one.
    Each(&'static str, &'static str),
}

/// The operations that answer 200 to what was not done, or not all of it.
const FORMS: [(&str, &str, Form); 23] = {
    use Form::{Each, ErrorDocument, Member};
    [
        ("s3", "CopyObject", ErrorDocument),
        ("s3", "UploadPartCopy", ErrorDocument),
        ("s3", "CompleteMultipartUpload", ErrorDocument),
        ("s3", "DeleteObjects", Member("", "Error")),
        ("dynamodb", "BatchWriteItem", Member("UnprocessedItems", "")),
        (
            "dynamodb",
            "BatchExecuteStatement",
            Each("Responses", "Error"),
        ),
        (
            "sqs",
            "SendMessageBatch",
            Member("Failed", "BatchResultErrorEntry"),
        ),
        (
            "sqs",
            "DeleteMessageBatch",
            Member("Failed", "BatchResultErrorEntry"),
        ),
        (
            "sqs",
            "ChangeMessageVisibilityBatch",
            Member("Failed", "BatchResultErrorEntry"),
        ),
        ("sns", "PublishBatch", Member("Failed", "Failed/member")),
        ("kinesis", "PutRecords", Member("FailedRecordCount", "")),
        ("firehose", "PutRecordBatch", Member("FailedPutCount", "")),
        ("events", "PutEvents", Member("FailedEntryCount", "")),
        ("events", "PutPartnerEvents", Member("FailedEntryCount", "")),
        ("events", "PutTargets", Member("FailedEntryCount", "")),
        ("events", "RemoveTargets", Member("FailedEntryCount", "")),
        ("logs", "PutLogEvents", Member("rejectedLogEventsInfo", "")),
        ("ecs", "RunTask", Member("failures", "")),
        ("ecs", "StartTask", Member("failures", "")),
        (
            "ecs",
            "UpdateContainerInstancesState",
            Member("failures", ""),
        ),
        ("ecr", "BatchDeleteImage", Member("failures", "")),
        ("glue", "BatchDeleteTable", Member("Errors", "")),
        ("glue", "BatchDeletePartition", Member("Errors", "")),
    ]
};

impl Told {
    /// The reader for answers of an operation, where its body has something to tell, or names what
    /// `maker` reads. The status is not looked at: it is for answers of 200 to 299.
    #[must_use]
    pub fn reader(
        service: &str,
        operation: &str,
        protocol: Protocol,
        maker: Option<Maker>,
    ) -> Option<ToldReader> {
        let form = FORMS
            .iter()
            .find(|(named, does, _)| *named == service && *does == operation)
            .map(|(_, _, form)| *form);
        (form.is_some() || maker.is_some()).then_some(ToldReader {
            form,
            maker,
            protocol,
            body: Vec::new(),
            fits: true,
        })
    }
}

impl ToldReader {
    /// Whether the body tells what became of the call, and not its status.
    #[must_use]
    pub fn decides(&self) -> bool {
        self.form.is_some()
    }

    /// Looks at the next piece.
    pub fn push(&mut self, mut piece: &[u8]) {
        // S3 sends blanks for as long as it works, so that nobody hangs up.
        if self.body.is_empty() {
            piece = piece.trim_ascii_start();
        }
        if self.body.len() + piece.len() > LARGEST {
            self.fits = false;
            self.body = Vec::new();
        }
        if self.fits {
            self.body.extend_from_slice(piece);
        }
    }

    /// What was heard, now that nothing more comes.
    #[must_use]
    pub fn finish(self) -> Heard {
        let made = match &self.maker {
            Some(maker) if self.fits => maker.made(&self.body),
            _ => Vec::new(),
        };
        Heard {
            told: self.told(),
            made,
        }
    }

    fn told(&self) -> Told {
        let Some(form) = self.form else {
            return Told::Done;
        };
        if !self.fits {
            return Told::Unread;
        }
        let told = match self.protocol {
            Protocol::Query | Protocol::Ec2 | Protocol::RestXml => xml(&self.body, form),
            Protocol::Json10 | Protocol::Json11 | Protocol::RestJson => json(&self.body, form),
            // None of the services above speaks it.
            Protocol::RpcV2Cbor => None,
        };
        told.unwrap_or(Told::Unread)
    }
}

fn json(body: &[u8], form: Form) -> Option<Told> {
    let JsonValue::Object(answer) = JsonValue::parse(body, false).ok()? else {
        return None;
    };
    let failed: Option<u64> = match form {
        Form::ErrorDocument => Some(0),
        Form::Member(name, _) => members(&answer, name).map(size).sum(),
        Form::Each(list, error) => members(&answer, list)
            .map(|items| failed_items(items, error))
            .sum(),
    };
    failed.map(partial)
}

fn members<'j>(
    object: &'j JsonObject<'_>,
    wanted: &'j str,
) -> impl Iterator<Item = &'j JsonValue<'j>> {
    let found = object.iter().filter(move |(name, _)| name == wanted);
    found.map(|(_, value)| value)
}

/// How much a member lists or counts.
fn size(value: &JsonValue<'_>) -> Option<u64> {
    match value {
        JsonValue::Null => Some(0),
        JsonValue::Int(number) => u64::try_from(*number).ok(),
        JsonValue::Array(items) => Some(items.len() as u64),
        // By table or by name: lists within, or one description.
        JsonValue::Object(members) => Some(
            members
                .iter()
                .map(|(_, value)| match value {
                    JsonValue::Array(items) => items.len() as u64,
                    _ => 1,
                })
                .sum(),
        ),
        JsonValue::Bool(_) | JsonValue::Float(_) | JsonValue::Str(_) => None,
    }
}

/// How many items of a list have an error of their own.
fn failed_items(items: &JsonValue<'_>, error: &str) -> Option<u64> {
    let JsonValue::Array(items) = items else {
        return (*items == JsonValue::Null).then_some(0);
    };
    let has_failed = |item: &&JsonValue<'_>| match item {
        JsonValue::Object(item) => members(item, error).any(|error| *error != JsonValue::Null),
        _ => false,
    };
    Some(items.iter().filter(has_failed).count() as u64)
}

fn partial(failed: u64) -> Told {
    match failed {
        0 => Told::Done,
        failed => Told::Partial(failed),
    }
}

fn xml(body: &[u8], form: Form) -> Option<Told> {
    let text = std::str::from_utf8(body).ok()?;
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Box<str>> = Vec::new();
    let mut code = String::new();
    let mut failed = 0;
    let mut root = None;
    loop {
        let (name, is_empty): (Box<str>, bool) = match reader.read_event().ok()? {
            Event::Start(start) => (Box::from(start.local_name().as_ref()), false),
            Event::Empty(start) => (Box::from(start.local_name().as_ref()), true),
            Event::End(_) => {
                open.pop();
                continue;
            }
            Event::Text(text) => {
                let code_of_error =
                    open.len() == 2 && open.last().is_some_and(|it| &**it == "Code");
                if code_of_error {
                    code.push_str(&text);
                }
                continue;
            }
            Event::Eof => break,
            _ => continue,
        };
        root.get_or_insert_with(|| name.clone());
        if let Form::Member(_, failing) = form {
            failed += u64::from(is_at(&open, &name, failing));
        }
        if open.len() >= DEEPEST {
            return None;
        }
        if !is_empty {
            open.push(name);
        }
    }
    // Cut off, it could still have gone either way.
    if !open.is_empty() {
        return None;
    }
    Some(match (&*root?, form) {
        ("Error", _) => Told::Failed(code.chars().take(64).collect::<String>().into()),
        (_, Form::ErrorDocument | Form::Each(..)) => Told::Done,
        (_, Form::Member(..)) => partial(failed),
    })
}

/// Whether the element `name` below `open` is the one that `wanted` names, by its own name or by
/// that of its parent as well.
fn is_at(open: &[Box<str>], name: &str, wanted: &str) -> bool {
    match wanted.split_once('/') {
        None => name == wanted && !open.is_empty(),
        Some((parent, wanted)) => {
            name == wanted && open.last().is_some_and(|open| &**open == parent)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use proptest::prelude::*;

    fn check(service: &str, operation: &str, protocol: Protocol, body: &str, expected: &Told) {
        for size in [1, 7, body.len().max(1)] {
            let mut reader = Told::reader(service, operation, protocol, None).unwrap();
            for piece in body.as_bytes().chunks(size) {
                reader.push(piece);
            }
            assert_eq!(
                reader.finish().told,
                *expected,
                "{service} {operation} {body}"
            );
        }
    }

    #[test]
    fn s3_tells_an_error_under_a_good_status() {
        let blanks = " \n".repeat(50);
        for operation in ["CopyObject", "UploadPartCopy", "CompleteMultipartUpload"] {
            let body = format!(
                "{blanks}<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>InternalError\
                 </Code><Message>We &amp; they</Message></Error>"
            );
            let failed = Told::Failed("InternalError".into());
            check("s3", operation, Protocol::RestXml, &body, &failed);
            let good = "<?xml version=\"1.0\"?><Result xmlns=\"http://s3\"><ETag>&quot;1&quot;\
                        </ETag></Result>";
            check("s3", operation, Protocol::RestXml, good, &Told::Done);
            for broken in [
                "",
                "  ",
                "<Result><ETag>",
                "<Error><Code>Inter",
                "{}",
                "</a>",
            ] {
                check("s3", operation, Protocol::RestXml, broken, &Told::Unread);
            }
        }
    }

    #[test]
    fn keys_that_were_not_deleted_are_counted() {
        let check = |body: &str, told| check("s3", "DeleteObjects", Protocol::RestXml, body, &told);
        let error = "<Error><Key>a</Key><Code>AccessDenied</Code></Error>";
        check(
            "<DeleteResult><Deleted><Key>a</Key></Deleted></DeleteResult>",
            Told::Done,
        );
        check("<DeleteResult/>", Told::Done);
        check(
            &format!("<DeleteResult>{error}<Deleted/>{error}</DeleteResult>"),
            Told::Partial(2),
        );
        check(
            "<DeleteResult><Deleted><Key>&lt;Error></Key></Deleted></DeleteResult>",
            Told::Done,
        );
        check(
            "<Error><Code>SlowDown</Code></Error>",
            Told::Failed("SlowDown".into()),
        );
    }

    #[test]
    fn items_that_a_batch_did_not_do_are_counted() {
        use Protocol::{Json10, Json11, Query};
        let write = |body: &str, told| check("dynamodb", "BatchWriteItem", Json10, body, &told);
        write("{}", Told::Done);
        write(r#"{"UnprocessedItems":{}}"#, Told::Done);
        write(
            r#"{"UnprocessedItems":{"a":[{},{}],"b":[{}]}}"#,
            Told::Partial(3),
        );
        write("[]", Told::Unread);
        write("{", Told::Unread);
        let each = r#"{"Responses":[{"TableName":"a"},{"Error":{"Code":"X"}},{"Error":null}]}"#;
        check(
            "dynamodb",
            "BatchExecuteStatement",
            Json10,
            each,
            &Told::Partial(1),
        );
        let failed = r#"{"Successful":[{}],"Failed":[{"Id":"1"}]}"#;
        check("sqs", "SendMessageBatch", Json10, failed, &Told::Partial(1));
        check(
            "kinesis",
            "PutRecords",
            Json11,
            r#"{"FailedRecordCount":2}"#,
            &Told::Partial(2),
        );
        check(
            "kinesis",
            "PutRecords",
            Json11,
            r#"{"FailedRecordCount":0}"#,
            &Told::Done,
        );
        check(
            "kinesis",
            "PutRecords",
            Json11,
            r#"{"FailedRecordCount":"0"}"#,
            &Told::Unread,
        );
        let logs = r#"{"rejectedLogEventsInfo":{"tooNewLogEventStartIndex":3}}"#;
        check("logs", "PutLogEvents", Json11, logs, &Told::Partial(1));

        let entries = "<R><SendMessageBatchResult><SendMessageBatchResultEntry/>\
                       <BatchResultErrorEntry><Id>1</Id></BatchResultErrorEntry>\
                       </SendMessageBatchResult></R>";
        check("sqs", "SendMessageBatch", Query, entries, &Told::Partial(1));
        let members = "<R><PublishBatchResult><Successful><member/></Successful><Failed>\n<member>\
                       <Code>X</Code></member></Failed></PublishBatchResult></R>";
        check("sns", "PublishBatch", Query, members, &Told::Partial(1));
        let none = "<R><PublishBatchResult><Successful><member/></Successful><Failed/>\
                    </PublishBatchResult></R>";
        check("sns", "PublishBatch", Query, none, &Told::Done);
    }

    #[test]
    fn an_answer_that_is_longer_than_is_kept_tells_nothing() {
        let mut reader =
            Told::reader("dynamodb", "BatchWriteItem", Protocol::Json10, None).unwrap();
        for _ in 0..3 {
            reader.push(&vec![b'x'; LARGEST / 2]);
        }
        assert!(reader.body.capacity() <= LARGEST);
        assert_eq!(reader.finish().told, Told::Unread);
    }

    #[test]
    fn a_document_without_bottom_tells_nothing() {
        let deep = "<a>".repeat(100_000);
        check(
            "s3",
            "DeleteObjects",
            Protocol::RestXml,
            &deep,
            &Told::Unread,
        );
        let deep = "[".repeat(100_000);
        check(
            "dynamodb",
            "BatchWriteItem",
            Protocol::Json10,
            &deep,
            &Told::Unread,
        );
        let closed = format!("{}{}", "<a>".repeat(40), "</a>".repeat(40));
        check(
            "s3",
            "DeleteObjects",
            Protocol::RestXml,
            &closed,
            &Told::Unread,
        );
    }

    proptest! {
        #[test]
        fn no_bytes_of_an_upstream_break_the_reader(
            at in 0..FORMS.len(),
            protocol in prop::sample::select(&Protocol::ALL[..]),
            body in prop::collection::vec(
                prop_oneof![
                    any::<u8>().prop_map(|byte| vec![byte]),
                    prop::sample::select(vec![
                        "<Error>", "</Error>", "<Code>", "<", "<![CDATA[", "<!--", "&amp;", "{", "\"",
                        "[", "}", "UnprocessedItems", ":", "1e999", "<?xml?>", "<!DOCTYPE a [",
                    ]).prop_map(|text| text.as_bytes().to_vec()),
                ],
                0..60,
            ),
        ) {
            let (service, operation, _) = FORMS[at];
            let mut reader = Told::reader(service, operation, protocol, None).unwrap();
            for piece in &body {
                reader.push(piece);
            }
            let whole = reader.body.len();
            prop_assert!(whole <= body.concat().len());
            let _ = reader.finish();
        }
    }

    #[test]
    fn every_form_is_of_an_operation_that_answers_in_xml_or_json() {
        let catalog = Catalog::embedded();
        for (service, operation, _) in FORMS {
            let found = catalog.service(service).unwrap();
            assert!(
                found.operations().any(|known| known.name() == operation),
                "{service} {operation}"
            );
            assert!(
                !found.protocols().contains(&Protocol::RpcV2Cbor),
                "{service}"
            );
            assert!(Told::reader(service, operation, Protocol::Json10, None).is_some());
        }
        assert!(Told::reader("s3", "PutObject", Protocol::RestXml, None).is_none());
    }
}
