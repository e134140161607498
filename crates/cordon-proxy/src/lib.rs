//! The data plane: what agents talk to instead of AWS.
//!
//! Takes a [`ProxyConfig`] and the [`Parts`] that the program made; gives a [`Running`] proxy: one
//! listener that is forward proxy (CONNECT with TLS ended here, absolute-form HTTP) and AWS
//! endpoint at once. Every request on every way in goes down the one line in [`pipeline`].

mod ca;
mod clock;
mod config;
mod host;
mod live;
mod roots;

pub use ca::{Authority, AuthorityError};
pub use clock::Clock;
pub use config::{
    ConfigError, Deadlines, FixedUpstream, Limits, Listen, ListenIdentity, LoopbackAddr, Network,
    PlainUpstream, ProxyConfig, Upstream,
};
pub use host::{HostName, HostPattern};
pub use live::{Live, Snapshot};
