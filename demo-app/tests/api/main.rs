//! Black-box tests of the API: without a database, and against a real one.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod orders;
mod support;
mod without_database;
