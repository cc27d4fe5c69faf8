//! The generator against servers of known behaviour.

#![expect(clippy::unwrap_used, reason = "a test fails by it, in helpers too")]

mod accounting;
mod faults;
mod framing;
mod freeze;
mod schema;
mod search;
mod server;
mod steering;
mod tls;
mod truth;
mod versions;
