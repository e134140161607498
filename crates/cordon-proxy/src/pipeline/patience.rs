//! How long a client can be kept waiting, and what it must hear meanwhile.
//!
//! Takes its `User-Agent`, which is a hint and no proof: who lies about it is answered early, or
//! waits in vain. Clients built on botocore give up, and silently try again, 60 seconds after the
//! last byte; an interim `100 Continue` counts as one. Go's takes five interim answers and no more,
//! and needs none, as it has no such limit; nor has JavaScript's. All this was seen with real ones.

use crate::config::Deadlines;
use http::header::USER_AGENT;
use http::{HeaderMap, HeaderValue};
use std::time::Duration;

/// What is known of a client's waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    /// Nothing: it is answered before anyone's limit.
    Unknown,
    /// It waits as long as it hears something now and then.
    Told,
    /// It waits.
    Silent,
}

/// Who a client says that it is, where it says so once.
pub(super) fn agent(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut agents = headers.get_all(USER_AGENT).iter();
    let (agent, more) = (agents.next()?, agents.next());
    more.is_none().then(|| agent.clone())
}

impl Patience {
    pub(super) fn of(agent: Option<&HeaderValue>) -> Self {
        let Some(agent) = agent else {
            return Self::Unknown;
        };
        let words = || agent.as_bytes().split(|byte| *byte == b' ');
        let named = |name: &str| {
            words().any(|word| {
                let head = word.get(..name.len());
                head.is_some_and(|head| head.eq_ignore_ascii_case(name.as_bytes()))
            })
        };
        if ["Botocore/", "md/Botocore#", "aws-cli/"]
            .into_iter()
            .any(named)
        {
            Self::Told
        } else if ["aws-sdk-go/", "aws-sdk-go-v2/", "aws-sdk-js/"]
            .into_iter()
            .any(named)
        {
            Self::Silent
        } else {
            Self::Unknown
        }
    }

    /// How long its call may wait for people. One whose body is still to come cannot be told to wait.
    pub(super) fn bears(self, deadlines: &Deadlines, has_whole_request: bool) -> Duration {
        match self {
            Self::Silent => deadlines.park_patient,
            Self::Told if has_whole_request => deadlines.park_patient,
            Self::Told | Self::Unknown => deadlines.park,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_known_by_what_it_says_first_of_all() {
        let check = |agents: &[&str], expected| {
            let mut headers = HeaderMap::new();
            for agent in agents {
                headers.append(USER_AGENT, agent.parse().unwrap());
            }
            let agent = agent(&headers);
            assert_eq!(Patience::of(agent.as_ref()), expected, "{agents:?}");
        };
        check(
            &["Boto3/1.44.8 md/Botocore#1.44.8 ua/2.1 os/linux"],
            Patience::Told,
        );
        check(
            &["Boto3/1.26 Python/3.11 Linux/6 Botocore/1.29"],
            Patience::Told,
        );
        check(
            &["aws-cli/2.9.19 Python/3.11.2 Linux/6 exe/x86_64"],
            Patience::Told,
        );
        check(
            &["APN/1.0 HashiCorp/1.0 Terraform/1.11.4 aws-sdk-go-v2/1.36.3"],
            Patience::Silent,
        );
        check(&["aws-sdk-js/3.1173.0 ua/2.1 os/linux"], Patience::Silent);
        check(&["curl/8.5"], Patience::Unknown);
        check(&["x-aws-cli/2"], Patience::Unknown);
        check(&[], Patience::Unknown);
        check(&["aws-cli/2", "curl/8"], Patience::Unknown);
    }
}
