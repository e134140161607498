//! What callers are told: constant sentences with a next step, in the four parts that keep an
//! agent from treating policy as an outage. Variable parts are references, ids, closed words,
//! whole numbers and UTC times; an ARN only if it came from this very request and is plain.

/// One refusal, ready to be rendered in the caller's protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The code; `None` for the protocol's own access-denied code.
    pub code: Option<&'static str>,
    /// The text for the agent.
    pub message: String,
    /// The verdict word for the header `x-cordon-verdict`.
    pub verdict: &'static str,
    /// 400 for malformed bytes; `None` for the protocol's own access-denied status.
    pub status: Option<u16>,
}
