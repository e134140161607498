//! Services that are not called like the others, each with what is done about it.
//!
//! Takes an operation that was found; says whether Cordon carries it. What is not here is carried
//! as its protocol says; what is here was looked at by someone. `docs/services.md` says it for users.
//!
//! | what | done |
//! | --- | --- |
//! | event streams that the caller writes (Transcribe, Lex, Polly, Q Business, Bedrock, Connect Health) | refused: every frame after the first is signed and acts, and no decision covers it |
//! | event streams that AWS writes (Kinesis, logs tail, Bedrock answers, S3 Select) | carried: the request is ordinary |
//! | CodeCatalyst, Partner Central channels and others with bearer tokens | refused: no AWS signature proves who calls |
//! | SimpleDB (`sdb`) | refused: Signature Version 2 |
//! | Import/Export (`importexport`) | refused: Signature Version 2, and the service is closed |
//! | API Gateway management (`execute-api`), AppSync data, Lambda URLs | refused: hosts that anyone can own |
//! | EKS tokens, RDS and ElastiCache tokens | presigned URLs that are never sent through a proxy; nothing to do |
//! | STS, SSO OIDC, Cognito operations without signature | refused unless signed: nobody would answer for them |
//! | Multi-Region Access Points and other SigV4A | refused by signature verification; hosts are known |
//! | S3 object lambda answers (`WriteGetObjectResponse`) | carried |
//! | Timestream, endpoint discovery | carried: the cells' hosts are matched by pattern |
//! | machine learning `Predict` | its host comes from a parameter: carried on the regional endpoint only |
//! | SQS by query | carried: older clients send it, though the model no longer names it |

use super::IdentifyError;
use crate::catalog::{Operation, Service};

/// Services that are refused whole, and why.
const REFUSED: &[(&str, &str)] = &[
    ("sdb", "it signs with Signature Version 2"),
    ("importexport", "it signs with Signature Version 2"),
];

/// Whether Cordon carries `operation` at all.
pub(super) fn check(operation: Operation) -> Result<(), IdentifyError> {
    match unsupported(operation) {
        None => Ok(()),
        Some(reason) => Err(IdentifyError::UnsupportedOperation {
            operation: operation.name(),
            reason,
        }),
    }
}

/// Why Cordon carries no call of `operation`; nothing where it does.
#[must_use]
pub fn unsupported(operation: Operation) -> Option<&'static str> {
    match () {
        () if operation.event_stream_input() => {
            Some("its request is a stream of events that act one by one")
        }
        () if operation.service().bearer() => Some("it is authorized by a bearer token"),
        () => refused_service(operation.service()),
    }
}

fn refused_service(service: Service) -> Option<&'static str> {
    REFUSED
        .iter()
        .find(|(name, _)| *name == service.name())
        .map(|(_, reason)| *reason)
}

/// Services whose requests are the same bytes on the same host, preferred first. All of a group
/// check the same IAM actions, so no decision depends on the choice; the record names the one
/// whose model reads the request and stands first here.
///
/// `catalog.md` measured these groups: everything else that shares a signing name differs in
/// its target, version, path or host.
const TWINS: &[&str] = &[
    // DocumentDB and Neptune are called through RDS's own API.
    "rds",
    "docdb",
    "neptune",
    // Amazon Q in Connect is Wisdom with more members.
    "qconnect",
    "wisdom",
    "chime-sdk-voice",
    "chime-sdk-meetings",
    "chime-sdk-identity",
    "chime-sdk-messaging",
    "chime-sdk-media-pipelines",
    "chime",
    "greengrassv2",
    "greengrass",
    "pinpoint-sms-voice",
    "sms-voice",
    "bedrock",
    "bedrock-data-automation",
    "bedrock-agent",
    "bedrock-agent-runtime",
    // Version one reads imports by a body that version two does not have, so it is tried first.
    "lex-models",
    "lexv2-models",
    "ivs",
    "ivs-realtime",
    "timestream-query",
    "timestream-write",
    "signer",
    "signer-data",
    "lambda",
    "lambda-microvms",
];

/// Operations of one service that are the same bytes: S3's older names.
const OLD_NAMES: &[(&str, &str)] = &[
    ("s3", "GetBucketLifecycle"),
    ("s3", "PutBucketLifecycle"),
    ("s3", "GetBucketNotification"),
    ("s3", "PutBucketNotification"),
];

/// Whether an operation is called under the signing name of the scope. S3 lists buckets and
/// directory buckets by the same bytes; only the name that is signed with tells them apart. On an
/// Outpost, S3 knows access points by ARN alone, so that the paths of S3 Control and of the
/// service that manages Outposts are no buckets there.
pub(super) fn fits_scope(operation: Operation, signing_name: Option<&str>, path: &str) -> bool {
    match (operation.service().name(), operation.name(), signing_name) {
        ("s3", "ListBuckets", name) => name != Some("s3express"),
        ("s3", "ListDirectoryBuckets", name) => name == Some("s3express"),
        ("s3", _, Some("s3-outposts")) => {
            !path.starts_with("/v20180820/") && !path.starts_with("/S3Outposts/")
        }
        _ => true,
    }
}

/// Whether clients sign for a service's one region while they call another region's host:
/// botocore has two tables for these, and they disagree.
pub(super) fn may_sign_globally(service: Service) -> bool {
    matches!(service.name(), "health" | "sustainability")
}

/// Whether two operations that one request could be are one to AWS's access control: the same
/// name in services of one IAM prefix, or an older name of it.
pub(super) fn are_twins(one: Operation, other: Operation) -> bool {
    let old =
        |operation: Operation| OLD_NAMES.contains(&(operation.service().name(), operation.name()));
    one.service().iam_prefix() == other.service().iam_prefix()
        && (one.name() == other.name() || old(one) || old(other))
}

/// A number that orders operations which one request could be; lower is preferred.
pub(super) fn preference(operation: Operation) -> usize {
    let service = operation.service().name();
    let old = OLD_NAMES.contains(&(service, operation.name()));
    let place = TWINS.iter().position(|name| *name == service);
    place.unwrap_or(TWINS.len()) * 2 + usize::from(old)
}
