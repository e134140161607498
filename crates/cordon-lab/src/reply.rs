//! What goes back: answers and errors in the shape of each protocol.
//!
//! Takes an [`Answer`] or a [`Fault`] and the [`Protocol`] of the service; gives status, headers
//! and body. The shapes and codes are those that AWS documents, so that a client cannot tell.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::signature::SignatureFault;
use crate::xml;

/// The wire protocol that a service speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Query,
    Ec2,
    Json10,
    Json11,
    RestJson,
    RestXml,
}

/// The answer of an operation that ran.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Content,
}

/// The body of an answer.
#[derive(Debug)]
pub(crate) enum Content {
    /// Members of the operation's output, to be written in the service's protocol.
    Fields(Value),
    /// An XML document with this root, for S3.
    Document(&'static str, Value),
    /// Bytes as they are.
    Bytes(Bytes),
    /// No body, but this `Content-Length`: the answer to a HEAD.
    HeadOf(u64),
}

impl Answer {
    pub(crate) fn fields(value: Value) -> Self {
        Self::with(200, Content::Fields(value))
    }

    /// An answer without members.
    pub(crate) fn nothing() -> Self {
        Self::fields(json!({}))
    }

    pub(crate) fn document(root: &'static str, value: Value) -> Self {
        Self::with(200, Content::Document(root, value))
    }

    pub(crate) fn with(status: u16, body: Content) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body,
        }
    }

    /// An empty body with this status.
    pub(crate) fn empty(status: u16) -> Self {
        Self::with(status, Content::Bytes(Bytes::new()))
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

/// Why an operation did not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    kind: Kind,
    message: String,
    query_code: Option<&'static str>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// A code of the service itself.
    Named(u16, &'static str),
    /// A parameter that is wrong.
    Invalid,
    /// A parameter that is not there.
    Missing,
    /// The policies do not allow it.
    Denied,
    /// The lab has no such operation.
    UnknownOperation,
    /// A body that cannot be read.
    Malformed,
    /// The signature did not hold.
    Signature(SignatureFault),
}

impl Fault {
    /// A fault that has a code of its own.
    pub(crate) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self::of(Kind::Named(status, code), message)
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::of(Kind::Invalid, message)
    }

    /// The code that several services give a wrong value, whatever the protocol;
    /// [`Fault::invalid`] gives it the code of the protocol.
    pub(crate) fn invalid_value(message: impl Into<String>) -> Self {
        Self::new(400, "InvalidParameterValue", message)
    }

    pub(crate) fn missing(parameter: &str) -> Self {
        Self::of(
            Kind::Missing,
            format!("The request must contain the parameter {parameter}"),
        )
    }

    pub(crate) fn denied(message: impl Into<String>) -> Self {
        Self::of(Kind::Denied, message)
    }

    pub(crate) fn unknown_operation(message: impl Into<String>) -> Self {
        Self::of(Kind::UnknownOperation, message)
    }

    pub(crate) fn malformed(message: impl Into<String>) -> Self {
        Self::of(Kind::Malformed, message)
    }

    fn of(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            query_code: None,
        }
    }

    /// The code that this fault has had since the service spoke only the query protocol. In JSON
    /// it goes beside the other code, as SQS does for the sake of older clients.
    pub(crate) fn query_code(mut self, code: &'static str) -> Self {
        self.query_code = Some(code);
        self
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// The status and the code that this fault has in a protocol.
    pub(crate) fn status_and_code(&self, protocol: Protocol) -> (u16, &'static str) {
        use Protocol::{Ec2, Json10, Json11, Query, RestJson, RestXml};
        match (&self.kind, protocol) {
            (Kind::Named(status, code), Query) => (*status, self.query_code.unwrap_or(code)),
            (Kind::Named(status, code), _) => (*status, code),
            (Kind::Signature(fault), _) => fault.status_and_code(protocol),
            (Kind::Denied, Query | RestXml) => (403, "AccessDenied"),
            (Kind::Denied, Ec2) => (403, "UnauthorizedOperation"),
            (Kind::Denied, Json10 | Json11) => (400, "AccessDeniedException"),
            (Kind::Denied, RestJson) => (403, "AccessDeniedException"),
            (Kind::Invalid, Query) => (400, "ValidationError"),
            (Kind::Invalid, Ec2) => (400, "InvalidParameterValue"),
            (Kind::Invalid | Kind::Missing, Json10 | Json11) => (400, "ValidationException"),
            (Kind::Invalid | Kind::Missing, RestJson) => (400, "InvalidParameterValueException"),
            (Kind::Invalid | Kind::Missing, RestXml) => (400, "InvalidArgument"),
            (Kind::Missing, Query | Ec2) => (400, "MissingParameter"),
            (Kind::UnknownOperation, Query | Ec2) => (400, "InvalidAction"),
            (Kind::UnknownOperation, Json10 | Json11) => (400, "UnknownOperationException"),
            (Kind::UnknownOperation, RestJson) => (404, "UnknownOperationException"),
            (Kind::UnknownOperation, RestXml) => (501, "NotImplemented"),
            (Kind::Malformed, Query | Ec2) => (400, "MalformedInput"),
            (Kind::Malformed, Json10 | Json11 | RestJson) => (400, "SerializationException"),
            (Kind::Malformed, RestXml) => (400, "MalformedXML"),
        }
    }
}

impl From<SignatureFault> for Fault {
    fn from(fault: SignatureFault) -> Self {
        let message = fault.to_string();
        Self::of(Kind::Signature(fault), message)
    }
}

/// Status, headers and body, ready for the wire.
#[derive(Debug)]
pub(crate) struct Rendered {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

/// Who answers: what the shapes need to know about the call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame<'a> {
    pub(crate) protocol: Protocol,
    pub(crate) namespace: &'static str,
    pub(crate) operation: &'a str,
    pub(crate) request_id: &'a str,
    /// HEAD has no body, whatever the answer.
    pub(crate) is_head: bool,
}

/// Writes an answer.
pub(crate) fn render(answer: Answer, frame: Frame<'_>) -> Rendered {
    let mut headers = answer.headers;
    let body = match answer.body {
        Content::Fields(value) => fields(&value, frame, &mut headers),
        Content::Document(root, value) => {
            headers.push(("content-type".to_owned(), "application/xml".to_owned()));
            Bytes::from(document(root, frame.namespace, &value))
        }
        Content::Bytes(bytes) => bytes,
        Content::HeadOf(length) => {
            headers.push(("content-length".to_owned(), length.to_string()));
            Bytes::new()
        }
    };
    request_id_headers(frame, &mut headers);
    Rendered {
        status: answer.status,
        headers,
        body,
    }
}

/// Writes a fault.
pub(crate) fn render_fault(fault: &Fault, frame: Frame<'_>) -> Rendered {
    let (status, code) = fault.status_and_code(frame.protocol);
    let message = fault.message();
    let id = frame.request_id;
    let mut headers = Vec::new();
    let mut text = String::new();
    let content_type = match frame.protocol {
        Protocol::Query => {
            let side = if status < 500 { "Sender" } else { "Receiver" };
            let error = json!({
                "Error": {"Type": side, "Code": code, "Message": message},
                "RequestId": id,
            });
            text.push_str(&document("ErrorResponse", frame.namespace, &error));
            "text/xml"
        }
        Protocol::Ec2 => {
            let errors = json!({
                "Errors": {"Error": {"Code": code, "Message": message}},
                "RequestID": id,
            });
            text.push_str(&document("Response", "", &errors));
            "text/xml;charset=UTF-8"
        }
        Protocol::RestXml => {
            let error = json!({
                "Code": code, "Message": message, "RequestId": id, "HostId": "lab",
            });
            text.push_str(&document("Error", "", &error));
            "application/xml"
        }
        Protocol::Json10 | Protocol::Json11 => {
            let body = json!({
                "__type": format!("com.amazon.coral.service#{code}"),
                "Message": message,
                "message": message,
            });
            text.push_str(&body.to_string());
            if let Some(code) = fault.query_code {
                headers.push(("x-amzn-query-error".to_owned(), format!("{code};Sender")));
            }
            json_type(frame.protocol)
        }
        Protocol::RestJson => {
            headers.push(("x-amzn-errortype".to_owned(), code.to_owned()));
            text.push_str(&json!({"Message": message, "message": message}).to_string());
            "application/json"
        }
    };
    headers.push(("content-type".to_owned(), content_type.to_owned()));
    request_id_headers(frame, &mut headers);
    Rendered {
        status,
        headers,
        body: if frame.is_head {
            Bytes::new()
        } else {
            Bytes::from(text)
        },
    }
}

fn fields(value: &Value, frame: Frame<'_>, headers: &mut Vec<(String, String)>) -> Bytes {
    let operation = frame.operation;
    let (content_type, text) = match frame.protocol {
        Protocol::Query => {
            let mut content = serde_json::Map::new();
            content.insert(format!("{operation}Result"), value.clone());
            content.insert(
                "ResponseMetadata".to_owned(),
                json!({"RequestId": frame.request_id}),
            );
            let root = format!("{operation}Response");
            (
                "text/xml",
                document(&root, frame.namespace, &Value::Object(content)),
            )
        }
        Protocol::Ec2 => {
            let mut content = value.as_object().cloned().unwrap_or_default();
            content.insert("requestId".to_owned(), json!(frame.request_id));
            let root = format!("{operation}Response");
            (
                "text/xml;charset=UTF-8",
                document(&root, frame.namespace, &Value::Object(content)),
            )
        }
        Protocol::RestXml => (
            "application/xml",
            document(&format!("{operation}Result"), frame.namespace, value),
        ),
        Protocol::Json10 | Protocol::Json11 => (json_type(frame.protocol), value.to_string()),
        Protocol::RestJson => ("application/json", value.to_string()),
    };
    headers.push(("content-type".to_owned(), content_type.to_owned()));
    Bytes::from(text)
}

fn json_type(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Json11 => "application/x-amz-json-1.1",
        _ => "application/x-amz-json-1.0",
    }
}

fn document(root: &str, namespace: &str, value: &Value) -> String {
    let mut content = String::new();
    xml::write(&mut content, root, value);
    let attribute = match namespace {
        "" => String::new(),
        namespace => format!(" xmlns=\"{namespace}\""),
    };
    let opened = format!("<{root}");
    let rest = content.strip_prefix(&opened).unwrap_or_default();
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{opened}{attribute}{rest}")
}

fn request_id_headers(frame: Frame<'_>, headers: &mut Vec<(String, String)>) {
    let name = match frame.protocol {
        Protocol::RestXml => "x-amz-request-id",
        _ => "x-amzn-requestid",
    };
    headers.push((name.to_owned(), frame.request_id.to_owned()));
}
