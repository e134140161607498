//! The data plane: what agents talk to instead of AWS.
//!
//! Takes a [`ProxyConfig`] and the [`Parts`] that the program made; gives a [`Running`] proxy: one
//! listener that is forward proxy (CONNECT with TLS ended here, absolute-form HTTP) and AWS
//! endpoint at once. Every request on every way in goes down the one line of `pipeline.rs`.
//!
//! ```text
//! start ─► accept ─► http1 ─► pipeline ─► forward ─► http1
//!            ├► own      (health, container credentials)
//!            └► tunnel   (hosts that are not AWS)
//! ```

mod accept;
mod address;
mod ca;
mod clock;
mod config;
mod forward;
mod fresh;
mod gather;
mod host;
mod http1;
mod known;
mod line;
mod live;
mod meter;
mod own;
mod payload;
mod pipeline;
mod reference;
mod replay;
mod rescue;
mod roots;
mod scrub;
mod standing;
mod start;
mod stranger;
mod stream;
mod tagged;
mod trace;
mod tunnel;
mod witnesses;
mod worker;

pub use ca::{Authority, AuthorityError};
pub use clock::Clock;
pub use config::{
    ConfigError, Deadlines, FixedUpstream, Limits, Listen, ListenIdentity, LoopbackAddr, Network,
    PlainUpstream, ProxyConfig, Upstream,
};
pub use host::{HostName, HostPattern};
pub use live::{Live, Snapshot};
pub use own::container_token;
pub use roots::platform as platform_roots;
pub use start::{Address, Closed, Parts, Proxy, Running, StartError};
