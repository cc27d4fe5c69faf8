//! Sequential tests that judge a canary.
//!
//! The crate is pure: counts go in, decisions with their reasons come out. It opens no file and no socket,
//! reads no clock and starts no thread. It does not measure traffic and does not shift it.
//!
//! # The judge
//! Every second (or every scrape) gives a [`Tick`]: for each [`Indicator`] the requests and the bad requests
//! of the stable and of the canary version. [`Judge::observe`] turns ticks into a [`Decision`]:
//!
//! - `Fail`: a 2x2 e-process says that the canary is worse. Looking at it after every tick is allowed:
//!   the chance that it ever raises a false alarm is at most `alpha` (1 % by default).
//! - `Pass`: a one-sample e-process says that the canary's error rate is below the stated limit.
//! - `Inconclusive`: the time is up and neither was shown. `Invalid`: the traffic was not split as ordered.
//! - `Hold`, `NoData`, `SourceDown`: go on; they differ in what is missing.
//!
//! [`plan`] tells before the start how many requests and seconds the verdicts need, [`simulate`] tries a setup
//! thousands of times without a cluster, [`compare`] holds the rules of other tools, [`share`] measures the
//! split, [`slo`] computes burn rates, [`interval`] compares two runs that are over.
//!
//! References: Turner, Ly, Grünwald, arXiv 2106.02693 (2x2 e-variables); Turner, Grünwald, arXiv 2203.09785;
//! Lindon, Sanden, Shirikian, arXiv 2205.14762 (canaries at Netflix).

pub mod compare;
mod config;
mod eprocess;
pub mod interval;
mod judge;
mod latency;
pub mod plan;
pub mod share;
pub mod simulate;
pub mod slo;
mod tick;

pub use config::{Burn, ConfigError, JudgeConfig};
pub use eprocess::{LimitTest, TwoByTwo, block_log_e};
pub use interval::Interval;
pub use judge::{Decision, Evidence, IndicatorEvidence, Judge, Rule, Verdict};
pub use latency::{LatencyError, Thresholds};
pub use plan::plan;
pub use simulate::simulate;
pub use tick::{Block, Counts, Indicator, Source, Tick};
