//! `kubectl kubsets`: a kubectl plugin that brings up a cluster with a demo stack and runs labs with a verdict.
//!
//! Everything is in the library of this package; here is only the way in and out of the process.

use std::process::ExitCode;

fn main() -> ExitCode {
    kubectl_kubsets::entry(&std::env::args_os().collect::<Vec<_>>())
}
