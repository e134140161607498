//! What became of a read: an answer, the word of AWS that there is no such thing, or nothing that can
//! be used. Only what the service says by an error of its own counts as absence.

use cordon_aws::answer::Answer;
use cordon_aws::call::Protocol;
use jiff::Timestamp;

/// What became of a read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// It was answered.
    Answered(Answer, Timestamp),
    /// There is no such thing.
    Absent(Timestamp),
    /// It was refused, failed, or its answer could not be read: nothing is known.
    Failed,
    /// The call says nothing that it would tell of.
    Needless,
}

/// Parts of error codes by which services say that there is no such thing.
const ABSENT: [&str; 6] = [
    "NotFound",
    "NoSuch",
    "NonExistent",
    "DoesNotExist",
    "UnknownResource",
    "ParameterNotFound",
];

impl Reading {
    /// Reads an answer. `error_type` is the header `x-amzn-errortype`.
    #[must_use]
    pub fn of(
        protocol: Protocol,
        status: u16,
        error_type: Option<&str>,
        body: &[u8],
        at: Timestamp,
    ) -> Self {
        if (200..300).contains(&status) {
            return match answer(protocol, body) {
                Some(answer) => Self::Answered(answer, at),
                None => Self::Failed,
            };
        }
        match (400..500).contains(&status) && is_absence(protocol, error_type, body) {
            true => Self::Absent(at),
            false => Self::Failed,
        }
    }
}

fn answer(protocol: Protocol, body: &[u8]) -> Option<Answer> {
    let read = Answer::read(protocol, body);
    match protocol {
        // The one answer of REST XML that is a document of its own: the policy of a bucket.
        Protocol::RestXml if read.is_none() && body.first() == Some(&b'{') => {
            let text = std::str::from_utf8(body).ok()?.to_owned();
            let members = vec![("Policy".to_owned(), Answer::Text(text))];
            Some(Answer::Members(members))
        }
        _ => read,
    }
}

fn is_absence(protocol: Protocol, error_type: Option<&str>, body: &[u8]) -> bool {
    let told = match protocol {
        Protocol::Query | Protocol::Ec2 | Protocol::RestXml => Answer::read_fault(body),
        Protocol::Json10 | Protocol::Json11 | Protocol::RestJson => {
            Answer::read(Protocol::Json10, body)
        }
        Protocol::RpcV2Cbor => Answer::read(protocol, body),
    };
    let text = |paths: [&'static str; 3]| {
        let told = told.as_ref()?;
        let found = paths.into_iter().flat_map(|path| told.all(path)).next();
        match found {
            Some(Answer::Text(text)) => Some(text.as_str()),
            _ => None,
        }
    };
    let code = error_type
        .or_else(|| text(["__type", "code", "Code"]))
        .or_else(|| text(["Error/Code", "Errors/Error/Code", "Code"]));
    let Some(code) = code else {
        return false;
    };
    // `com.amazonaws.service#Code`, `Code:http://...`
    let code = code.rsplit('#').next().unwrap_or_default();
    let code = code.split(':').next().unwrap_or_default();
    let says = || text(["Error/Message", "Errors/Error/Message", "message"]);
    match code {
        // CloudFormation and Elastic Beanstalk have no code of their own for it.
        "ValidationError" => says().is_some_and(|message| message.contains("does not exist")),
        code => ABSENT.iter().any(|part| code.contains(part)),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn check(protocol: Protocol, status: u16, error: Option<&str>, body: &str, absent: bool) {
        let now = Timestamp::UNIX_EPOCH;
        let reading = Reading::of(protocol, status, error, body.as_bytes(), now);
        let expected = match absent {
            true => Reading::Absent(now),
            false => Reading::Failed,
        };
        assert_eq!(reading, expected, "{body}");
    }

    #[test]
    fn only_the_word_of_the_service_is_absence() {
        use Protocol::{Ec2, Json10, Query, RestJson, RestXml};
        let query = "<ErrorResponse><Error><Code>NoSuchEntity</Code></Error></ErrorResponse>";
        check(Query, 404, None, query, true);
        let ec2 = "<Response><Errors><Error><Code>InvalidGroup.NotFound</Code></Error></Errors></Response>";
        check(Ec2, 400, None, ec2, true);
        check(
            RestXml,
            404,
            None,
            "<Error><Code>NoSuchBucketPolicy</Code></Error>",
            true,
        );
        let json = r#"{"__type":"com.amazonaws.dynamodb#ResourceNotFoundException"}"#;
        check(Json10, 400, None, json, true);
        check(
            RestJson,
            404,
            Some("ResourceNotFoundException:http://x"),
            "{}",
            true,
        );
        let stack = "<ErrorResponse><Error><Code>ValidationError</Code><Message>Stack with id x \
             does not exist</Message></Error></ErrorResponse>";
        check(Query, 400, None, stack, true);

        // A gateway's page, a refusal, a server's fault, a malformed question.
        check(RestXml, 404, None, "<html>NotFound</html>", false);
        check(Json10, 404, None, "", false);
        check(
            Json10,
            400,
            None,
            r#"{"__type":"AccessDeniedException"}"#,
            false,
        );
        check(Json10, 500, None, json, false);
        let other = "<ErrorResponse><Error><Code>ValidationError</Code><Message>Too long\
             </Message></Error></ErrorResponse>";
        check(Query, 400, None, other, false);
    }
}
