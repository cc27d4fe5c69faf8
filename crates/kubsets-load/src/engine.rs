//! The machinery of a run: worker threads, each with a pacing task and a pool of connection slots.
//!
//! A worker is one thread with its own single-threaded runtime. Its pacing task hands planned requests to idle
//! slots or queues them; a slot is a task that owns a connection and serves one request after the other, so
//! that a request costs no task of its own. Once a second the worker hands its counts to the merging thread.

mod control;
mod http1;
mod http2;
mod merge;
mod pace;
mod pool;
mod request;
mod slot;
mod state;
mod stream;
mod timer;
mod worker;

pub(crate) use control::Control;
pub(crate) use merge::{Merged, Merger, Pause, Totals};
pub(crate) use stream::{ALPN_H2, ALPN_HTTP1, Endpoint, Tls};
pub(crate) use worker::{Plan, spawn};
