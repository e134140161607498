//! What the `Host` of a request says, when it is a host of AWS.
//!
//! Takes a host; gives the service's signing name and the region. A loopback address says
//! nothing, and then the credential scope alone decides, which is how endpoint overrides work.

/// Endings of AWS hosts.
const SUFFIXES: [&str; 4] = [
    ".amazonaws.com.cn",
    ".amazonaws.com",
    ".api.amazonwebservices.com.cn",
    ".api.aws",
];

/// Service and, where the host names one, region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named<'a> {
    pub(crate) service: &'a str,
    pub(crate) region: Option<&'a str>,
}

/// Reads a host; `None` when it is not one of AWS.
pub(crate) fn read(host: &str) -> Option<Named<'_>> {
    let name = stem(host)?;
    let labels: Vec<&str> = name.split('.').collect();
    let is_region = |label: &&str| {
        label.split('-').count() >= 3 && label.ends_with(|c: char| c.is_ascii_digit())
    };
    let (region, rest) = match labels.split_last() {
        Some((last, rest)) if is_region(last) => (Some(*last), rest),
        _ => (None, labels.as_slice()),
    };
    // A bucket or an account may stand before the service.
    let service = match rest.last()? {
        &"ddb" => "dynamodb",
        &"monitoring" => "monitoring",
        service => service,
    };
    Some(Named { service, region })
}

/// The bucket in front of an S3 host.
pub(crate) fn virtual_bucket(host: &str) -> Option<&str> {
    let named = read(host).filter(|named| named.service == "s3")?;
    let marker = match named.region {
        Some(region) => format!(".s3.{region}"),
        None => ".s3".to_owned(),
    };
    stem(host)?.strip_suffix(&marker)
}

fn stem(host: &str) -> Option<&str> {
    let host = host.split(':').next()?;
    SUFFIXES.iter().find_map(|suffix| host.strip_suffix(suffix))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_aws_name_service_and_region() {
        for (host, service, region) in [
            (
                "lambda.cn-north-1.amazonaws.com.cn",
                "lambda",
                Some("cn-north-1"),
            ),
            ("sts.amazonaws.com:443", "sts", None),
            ("logs.s3.eu-west-1.amazonaws.com", "s3", Some("eu-west-1")),
            (
                "111122223333.ddb.us-east-1.amazonaws.com",
                "dynamodb",
                Some("us-east-1"),
            ),
        ] {
            assert_eq!(read(host), Some(Named { service, region }), "{host}");
        }
        assert_eq!(read("127.0.0.1:4566"), None);
        assert_eq!(
            virtual_bucket("a.b.s3.eu-west-1.amazonaws.com"),
            Some("a.b")
        );
        assert_eq!(virtual_bucket("s3.eu-west-1.amazonaws.com"), None);
    }
}
