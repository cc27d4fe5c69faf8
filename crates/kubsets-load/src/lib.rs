//! Open-loop HTTP load generator with honest latency.
//!
//! A [`LoadSpec`] says what is asked, and when ([`Schedule`]). [`Generator::start`] runs it on threads of its own
//! and returns a [`Running`]: it hands out a [`Tick`] for each second, lets the rate be steered, and ends in a
//! [`LoadReport`].
//!
//! What honest means here:
//!
//! - Latency counts from the *planned* instant, so that a server that is slow cannot hide it by slowing the
//!   generator down. The usual count from the actual sending stands beside it.
//! - Each planned request is accounted for: planned = ok + failed + timed out + in flight at the end + never
//!   sent. What did not finish is in the percentiles with the time it had waited at least.
//! - The generator watches itself. If it stood still or could not keep up, the run is invalid and says why.
//!
//! Not in here: the judging of versions, drawing of tables, and anything of Kubernetes.

mod engine;
mod exemplar;
mod find_max;
mod generator;
mod guard;
mod latencies;
mod outcome;
mod report;
mod shown;
mod spec;
mod spread;
mod tally;
mod target;
mod template;
mod threshold;
mod tick;
mod tls;

pub use kubsets_schedule::{
    Arrivals, Next, Pacer, Schedule, ScheduleError, Shape, Share, parse_duration, parse_instants,
};

pub use exemplar::Exemplar;
pub use find_max::{FindMaxError, FindMaxOptions, FindMaxReport, GeneratorLimit, Objective, Trial, find_max};
pub use generator::{Generator, LoadError, Running, Ticks};
pub use guard::{Address, GuardError, guard};
pub use latencies::Latencies;
pub use outcome::ErrorKind;
pub use report::{
    API_VERSION, Accounting, HdrLog, Histograms, LoadReport, Pacing, Parcel, ParcelError, Percentiles, Row,
    Second, Series, Table, Validity, seconds_csv,
};
pub use shown::shown;
pub use spec::{Limits, LoadSpec, Protocol, SpecError};
pub use spread::Spread;
pub use target::{Target, TargetError};
pub use template::{Template, TemplateError};
pub use threshold::{Threshold, ThresholdError, Windows};
pub use tick::{Tick, VersionTick};
pub use tls::{Trust, TrustError};
