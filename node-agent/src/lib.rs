//! Telemetry of one node, read from `/proc` at each scrape.
//!
//! The number of series is bounded: processors are added up, at most 16 disks and 16 network
//! interfaces are shown, and those that come and go with pods are left out.

mod application;
mod collector;
mod proc;

pub use application::{NodeAgent, Settings};
pub use collector::NodeCollector;
pub use proc::{Cpu, Disk, Interface, Load, Memory, Pressure, ProcError, ProcFiles, Scope};
