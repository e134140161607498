//! Amazon Resource Names and the words that place a resource: partition, region, account.
//!
//! Takes text from requests, tasks and configuration; gives values that are right by type. An
//! [`Arn`] here may also be a pattern (`*`), because a request can name many resources at once
//! and IAM itself writes both in the same form.

use std::fmt;
use std::str::FromStr;

/// A self-contained group of regions with its own DNS suffix and its own ARNs: `aws`, `aws-cn`,
/// `aws-us-gov`, ... Source: botocore's `partitions.json`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Partition(Box<str>);

impl Partition {
    /// The partition that `region` belongs to, by the region's prefix; the standard partition
    /// for names such as `aws-global` and for regions newer than this build.
    #[must_use]
    pub fn of_region(region: &Region) -> Self {
        let name = region.as_str();
        let partition = match () {
            () if name.starts_with("cn-") || name == "aws-cn-global" => "aws-cn",
            () if name.starts_with("us-gov-") || name == "aws-us-gov-global" => "aws-us-gov",
            () if name.starts_with("us-isob-") || name == "aws-iso-b-global" => "aws-iso-b",
            () if name.starts_with("us-isof-") || name == "aws-iso-f-global" => "aws-iso-f",
            () if name.starts_with("us-iso-") || name == "aws-iso-global" => "aws-iso",
            () if name.starts_with("eu-isoe-") || name == "aws-iso-e-global" => "aws-iso-e",
            () if name.starts_with("eusc-") => "aws-eusc",
            () => "aws",
        };
        Self(partition.into())
    }

    /// A partition by its name, for names that come from the catalog or from an ARN.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self(name.into())
    }

    /// `aws`, `aws-cn`, ...
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A region as signed or named in a host: `cn-north-1`. Lower-case letters, digits and hyphens.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Region(Box<str>);

impl Region {
    /// `cn-north-1`, ...
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Region {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let valid = (1..=40).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        match valid {
            true => Ok(Self(text.into())),
            false => Err(NameError::Region(text.to_owned())),
        }
    }
}

/// Twelve digits. Kept as text, because an account id may start with a zero.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountId(Box<str>);

impl AccountId {
    /// Whether `text` is an account id: twelve ASCII digits.
    pub(crate) fn accepts(text: &str) -> bool {
        text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
    }

    /// The twelve digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AccountId {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        match Self::accepts(text) {
            true => Ok(Self(text.into())),
            false => Err(NameError::Account(text.to_owned())),
        }
    }
}

/// `arn:partition:service:region:account:resource`, six parts, none of the first three empty.
/// Region and account may be empty (S3, IAM). The resource part is kept as written.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Arn(Box<str>);

impl Arn {
    /// The whole ARN.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The partition part.
    #[must_use]
    pub fn partition(&self) -> &str {
        self.part(1)
    }

    /// The service part, an IAM prefix: `lambda`, `s3`.
    #[must_use]
    pub fn service(&self) -> &str {
        self.part(2)
    }

    /// The region part, empty for global resources.
    #[must_use]
    pub fn region(&self) -> &str {
        self.part(3)
    }

    /// The account part, empty where the service does not use one.
    #[must_use]
    pub fn account(&self) -> &str {
        self.part(4)
    }

    /// All after the fifth colon, colons included.
    #[must_use]
    pub fn resource(&self) -> &str {
        self.part(5)
    }

    /// Whether the ARN names more than one resource or an unknown one.
    #[must_use]
    pub fn has_wildcard(&self) -> bool {
        self.0.contains(['*', '?'])
    }

    fn part(&self, index: usize) -> &str {
        self.0.splitn(6, ':').nth(index).unwrap_or_default()
    }
}

impl FromStr for Arn {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let valid = match parts.as_slice() {
            ["arn", partition, service, _, _, resource] => {
                !partition.is_empty() && !service.is_empty() && !resource.is_empty()
            }
            _ => false,
        };
        match valid && !text.chars().any(char::is_control) {
            true => Ok(Self(text.into())),
            false => Err(NameError::Arn(text.to_owned())),
        }
    }
}

/// Text that should have been a name of a known form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not an ARN.
    #[error("`{0}` is not an ARN: expected `arn:partition:service:region:account:resource`")]
    Arn(String),
    /// Not an account id.
    #[error("`{0}` is not an account id: expected twelve digits")]
    Account(String),
    /// Not a region.
    #[error("`{0}` is not a region: expected a name such as `eu-central-1`")]
    Region(String),
}

macro_rules! display_as_str {
    ($($name:ty),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    )*};
}
display_as_str!(Partition, Region, AccountId, Arn);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_has_six_parts_and_keeps_its_resource_whole() {
        let arn: Arn = "arn:aws-cn:lambda:cn-north-1:111122223333:function:ce:live"
            .parse()
            .unwrap();
        assert_eq!(
            (
                arn.partition(),
                arn.service(),
                arn.region(),
                arn.account(),
                arn.resource()
            ),
            (
                "aws-cn",
                "lambda",
                "cn-north-1",
                "111122223333",
                "function:ce:live"
            ),
        );
        for text in [
            "",
            "arn",
            "arn:aws:s3:::",
            "arn::s3:::b",
            "arn:aws:::::b",
            "x:aws:s3:::b",
            "arn:aws:s3:::a\nb",
        ] {
            assert!(text.parse::<Arn>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_partition_follows_from_the_region() {
        for (region, partition) in [
            ("cn-north-1", "aws-cn"),
            ("us-gov-west-1", "aws-us-gov"),
            ("eu-west-1", "aws"),
            ("us-isob-east-1", "aws-iso-b"),
        ] {
            assert_eq!(
                Partition::of_region(&region.parse().unwrap()).as_str(),
                partition
            );
        }
    }
}
