//! The whole worker against a real database and a broker that speaks the real protocol.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod events;
mod trace;
