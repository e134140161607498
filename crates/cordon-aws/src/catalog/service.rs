//! One service: its names, what it speaks, its operations.

use super::{Catalog, Operation, PROTOCOL_LISTS, layout, layout::service_flag};
use crate::call::Protocol;
use std::fmt;

/// One service, by botocore's name (`elbv2`, `logs`).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Service {
    pub(super) catalog: &'static Catalog,
    pub(super) index: u32,
}

impl Service {
    /// Its place in [`Catalog::services`], a number for arrays and tables of the user's own.
    #[must_use]
    pub fn index(self) -> usize {
        self.index as usize
    }
    /// botocore's name: `elbv2`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.catalog.text(self.record().name)
    }
    /// The `serviceId` of its model: `Elastic Load Balancing v2`.
    #[must_use]
    pub fn service_id(self) -> &'static str {
        self.catalog.text(self.record().service_id)
    }
    /// The name in credential scopes (the service's default one).
    #[must_use]
    pub fn signing_name(self) -> &'static str {
        self.catalog.text(self.record().signing_name)
    }
    /// The first label(s) of its hosts: `elasticloadbalancing`, `api.ecr`.
    #[must_use]
    pub fn endpoint_prefix(self) -> &'static str {
        self.catalog.text(self.record().endpoint_prefix)
    }
    /// The prefix of its IAM actions.
    #[must_use]
    pub fn iam_prefix(self) -> &'static str {
        self.catalog.text(self.record().iam_prefix)
    }
    /// Protocols it declares, its own order of preference.
    #[must_use]
    pub fn protocols(self) -> &'static [Protocol] {
        PROTOCOL_LISTS
            .get(usize::from(self.record().protocols))
            .copied()
            .unwrap_or_default()
    }
    /// Whether it declares `protocol`.
    #[must_use]
    pub fn speaks(self, protocol: Protocol) -> bool {
        self.protocols().contains(&protocol)
    }
    /// `AmazonSQS` of `X-Amz-Target: AmazonSQS.SendMessage`; empty where it has none.
    #[must_use]
    pub fn target_prefix(self) -> &'static str {
        self.catalog.text(self.record().target_prefix)
    }
    /// The `Version` of query requests.
    #[must_use]
    pub fn api_version(self) -> &'static str {
        self.catalog.text(self.record().api_version)
    }
    /// The namespace of XML bodies; empty where it has none.
    #[must_use]
    pub fn xml_namespace(self) -> &'static str {
        self.catalog.text(self.record().xml_namespace)
    }
    /// The Smithy service shape name in RPC v2 paths; empty where it has none.
    #[must_use]
    pub fn rpc_name(self) -> &'static str {
        self.catalog.text(self.record().rpc_name)
    }
    /// Whether it keeps the error names of the query protocol in JSON and CBOR
    /// (`x-amzn-query-error`).
    #[must_use]
    pub fn query_compatible(self) -> bool {
        self.record().flags & service_flag::QUERY_COMPATIBLE != 0
    }
    /// Whether its requests carry a bearer token instead of a SigV4 signature.
    #[must_use]
    pub fn bearer(self) -> bool {
        self.record().flags & service_flag::BEARER != 0
    }
    /// Every operation, by name.
    pub fn operations(self) -> impl Iterator<Item = Operation> {
        let record = self.record();
        let catalog = self.catalog;
        (record.operations..record.operations + u32::from(record.operation_count))
            .map(move |index| Operation { catalog, index })
    }
    /// The operation called `name`, exact case.
    #[must_use]
    pub fn operation(self, name: &str) -> Option<Operation> {
        let record = self.record();
        let (mut low, mut high) = (
            record.operations,
            record.operations + u32::from(record.operation_count),
        );
        while low < high {
            let middle = low + (high - low) / 2;
            match self
                .catalog
                .text(self.catalog.operations.at(middle).name)
                .cmp(name)
            {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => {
                    return Some(Operation {
                        catalog: self.catalog,
                        index: middle,
                    });
                }
            }
        }
        None
    }

    pub(super) fn record(self) -> layout::Service {
        self.catalog.services.at(self.index)
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Service({})", self.name())
    }
}
