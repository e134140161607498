//! An agent without a client: keys, an address, and requests signed by [`crate::signer`].
//!
//! It says exactly what a story wants said, also what no published client would.

use std::net::SocketAddr;
use std::path::Path;

use crate::client::Environment;
use crate::program::{Cordon, Way};
use crate::signer::{Call, Keys, target};
use crate::wire::Message;

/// Somebody with keys, and where they use them.
#[derive(Debug, Clone)]
pub struct Agent {
    /// Where its requests go.
    pub address: SocketAddr,
    /// The host that they are signed for, which a relay in between leaves alone.
    pub host: String,
    /// What it signs with.
    pub keys: Keys,
}

impl Agent {
    /// Somebody with keys who calls an address by its own name.
    #[must_use]
    pub fn at(address: SocketAddr, keys: Keys) -> Self {
        Self {
            address,
            host: address.to_string(),
            keys,
        }
    }

    /// Launches a task and takes its placeholder keys and the endpoint.
    pub fn on(cordon: &Cordon, task: &Path) -> Self {
        let environment = cordon.env(task, Way::Endpoint);
        let keys = Keys {
            id: of(&environment, "AWS_ACCESS_KEY_ID").to_owned(),
            secret: of(&environment, "AWS_SECRET_ACCESS_KEY").to_owned(),
            token: environment
                .get("AWS_SESSION_TOKEN")
                .filter(|it| !it.is_empty())
                .cloned(),
        };
        Self::at(address_of(of(&environment, "AWS_ENDPOINT_URL")), keys)
    }

    /// Sends a call and gives the answer.
    #[must_use]
    pub fn call(&self, call: &Call<'_>) -> Message {
        call.send_as(self.address, &self.host, &self.keys, jiff::Timestamp::now())
    }

    /// Sends a call of DynamoDB, with further headers.
    #[must_use]
    pub fn dynamodb(&self, operation: &str, body: &str, more: &[(&str, &str)]) -> Message {
        let operation = format!("DynamoDB_20120810.{operation}");
        let headers = [&target(&operation), more].concat();
        self.call(&Call::json("dynamodb", &headers, body))
    }
}

fn of<'e>(environment: &'e Environment, name: &str) -> &'e str {
    environment
        .get(name)
        .unwrap_or_else(|| panic!("`cordon env` does not set {name}"))
}

/// The address in a URL.
fn address_of(url: &str) -> SocketAddr {
    let address = url.trim_start_matches("http://").trim_end_matches('/');
    address.parse().expect("a URL with an address")
}
