//! The schema of the demo stack and the way it is brought up to date.
//!
//! Services carry only the number of the schema that they need; this crate is their test
//! dependency, not part of them.

mod run;

pub use run::{MigrateArgs, MigratorError, Outcome, latest_version, run};
