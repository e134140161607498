//! Host names: which AWS endpoint a name is, or whether it is Cordon itself.
//!
//! Takes the host of a request; gives a [`Destination`]. Only names that a modelled AWS API
//! answers on count as AWS: `*.amazonaws.com` is not a trust boundary, since anyone can own a
//! load balancer or an API gateway below it.

use crate::arn::{Partition, Region};

/// Where a request is addressed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// A modelled AWS API endpoint.
    Aws(AwsHost),
    /// Cordon's own listener in endpoint mode. Labels before the own name (a bucket, an account
    /// id, `api.`) are kept: SDKs put host prefixes there.
    Own {
        /// Everything before the own name, without the joining dot; empty for none.
        prefix: String,
    },
}

/// An AWS API host, taken apart by the catalog's host patterns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsHost {
    /// The whole name, lower case, no trailing dot, no port.
    pub name: String,
    /// The partition whose DNS suffix the name has.
    pub partition: Partition,
    /// The region in the name, if the form has one.
    pub region: Option<Region>,
    /// Which standard form of endpoint the name is.
    pub form: HostForm,
    /// The endpoint label without region and FIPS marks: `s3`, `email`, `monitoring`, `api.ecr`.
    pub endpoint: String,
    /// Labels before the endpoint: a bucket, an account id, a host prefix; empty for none.
    pub prefix: String,
}

/// The variants AWS offers of one endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are AWS's own")]
pub enum HostForm {
    Standard,
    Fips,
    DualStack,
    FipsDualStack,
}
