//! The result of a run: counts, percentiles, and whether it may be believed.

mod csv;
mod hdr_log;
mod merge;
mod parcel;
mod percentiles;
mod seconds;
mod series;
mod table;
mod validity;

use kubsets_schedule::Schedule;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use csv::seconds_csv;
pub use hdr_log::HdrLog;
pub use parcel::{Parcel, ParcelError};
pub use percentiles::Percentiles;
pub use seconds::Second;
pub use series::{Accounting, Histograms, Series};
pub use table::{Row, Table};
pub use validity::{Pacing, Validity};

use crate::engine::{Merged, Plan};
use crate::exemplar::Exemplar;
use series::Builder;

/// Version of the report's form.
pub const API_VERSION: &str = "kubsets.dev/v1alpha1";

/// Why two columns of percentiles stand side by side.
const OPEN_LOOP: &str = "Corrected latency counts from the planned instant and includes requests that timed out, \
were never sent or did not finish, as at least the time they had waited; uncorrected latency counts from the \
actual sending and knows finished requests only, so it hides the time spent waiting for a slow server.";
const CLOSED_LOOP: &str = "In a closed loop a user sends only after the previous answer, so a slow server slows the \
load down and its delays are undercounted: corrected and uncorrected latency are the same; use an open loop to see \
what independent users would see.";

/// The result of a run of the load generator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LoadReport {
    /// Version of this form, `kubsets.dev/v1alpha1`.
    pub api_version: String,
    /// Always `LoadReport`.
    pub kind: String,
    /// Whether the run may be believed, and if not, why.
    pub validity: Validity,
    /// What was planned and what became of it.
    pub accounting: Accounting,
    /// The accounting in one line.
    pub identity: String,
    /// The schedule as text.
    pub schedule: String,
    /// `open` or `closed`.
    pub model: String,
    /// Protocol and use of connections.
    pub protocol: String,
    /// Start of the run in milliseconds of Unix time.
    pub started_unix_ms: u64,
    /// Seconds from the start to the end, the wait for unfinished requests included.
    pub elapsed_s: f64,
    /// Seconds in which requests were planned.
    pub planned_s: f64,
    /// Planned requests per second.
    pub planned_per_s: f64,
    /// Good answers per second.
    pub ok_per_s: f64,
    /// Client-side timeout in milliseconds.
    pub timeout_ms: f64,
    /// All requests together.
    pub total: Series,
    /// By target, in the order of the specification.
    pub targets: Vec<Series>,
    /// By the version that the answer named. Requests without an answer cannot be put down to one and stand
    /// under no version, so planned counts are those of answered requests here.
    pub versions: Vec<Series>,
    /// How punctual the generator itself was.
    pub pacing: Pacing,
    /// What the two kinds of percentiles mean, in one line.
    pub explanation: String,
    /// Single requests worth looking at.
    pub exemplars: Vec<Exemplar>,
    /// One row for each second.
    pub seconds: Vec<Second>,
}

impl LoadReport {
    pub(crate) fn new(plan: &Plan, started_unix_ms: u64, merged: Merged) -> Self {
        let spec = &plan.spec;
        let mut total = Builder::new("total");
        let mut targets: Vec<Builder> =
            spec.targets.iter().map(|target| Builder::new(&target.label())).collect();
        let mut versions: Vec<(String, Builder)> = Vec::new();
        for (builder, counts) in targets.iter_mut().zip(&merged.targets) {
            builder.plan(counts);
            total.plan(counts);
        }
        for cell in &merged.cells {
            total.add(cell);
            targets[cell.target].add(cell);
            if let Some(version) = &cell.version {
                let index = versions.iter().position(|(name, _)| name == version).unwrap_or_else(|| {
                    versions.push((version.clone(), Builder::new(version)));
                    versions.len() - 1
                });
                versions[index].1.add(cell);
                versions[index].1.plan_answered(cell);
            }
        }
        versions.sort_by(|a, b| a.0.cmp(&b.0));
        let total = total.build();
        let pacing = Pacing::new(&merged.lateness, merged.pause);
        let planned_s = merged.planned_until as f64 / 1e9;
        let per_s = |count: u64| if planned_s > 0.0 { count as f64 / planned_s } else { 0.0 };
        let closed = matches!(spec.schedule, Schedule::Closed { .. });
        Self {
            api_version: API_VERSION.to_owned(),
            kind: "LoadReport".to_owned(),
            validity: Validity::judge(spec, &total, &pacing, merged.pause, &merged.broken),
            accounting: total.accounting,
            identity: total.accounting.to_string(),
            schedule: spec.schedule.to_string(),
            model: if closed { "closed" } else { "open" }.to_owned(),
            protocol: spec.protocol.name().to_owned(),
            started_unix_ms,
            elapsed_s: merged.elapsed as f64 / 1e9,
            planned_s,
            planned_per_s: per_s(total.accounting.planned),
            ok_per_s: per_s(total.accounting.ok),
            timeout_ms: spec.timeout.as_secs_f64() * 1e3,
            targets: targets.into_iter().map(Builder::build).collect(),
            versions: versions.into_iter().map(|(_, builder)| builder.build()).collect(),
            total,
            pacing,
            explanation: if closed { CLOSED_LOOP } else { OPEN_LOOP }.to_owned(),
            exemplars: merged.exemplars,
            seconds: merged.seconds,
        }
    }

    /// The JSON schema of this form.
    pub fn schema() -> schemars::Schema {
        schemars::schema_for!(Self)
    }

    /// Whether the generator kept up, so that the figures speak of the server.
    pub fn is_valid(&self) -> bool {
        self.validity.valid
    }

    /// Whether requests were planned and not one was answered, well or badly.
    pub fn is_unanswered(&self) -> bool {
        self.accounting.planned > 0 && self.total.statuses.is_empty()
    }

    /// Share (0 to 1) of planned requests that did not bring a good answer; 0 if nothing was planned.
    pub fn error_rate(&self) -> f64 {
        let planned = self.accounting.planned;
        if planned == 0 { 0.0 } else { (planned - self.accounting.ok.min(planned)) as f64 / planned as f64 }
    }
}
