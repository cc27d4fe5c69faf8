//! What a load was to do, and what it ran on.

use kubsets_load::{LoadSpec, Target};
use kubsets_report::{Block, Section, Table, Unit};
use serde::{Deserialize, Serialize};

use crate::report::Environment;
use crate::report::pieces::{count, section};
use crate::ui::number_of;

/// What was asked for, without what may be secret: values of headers, bodies and queries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LoadPlan {
    targets: Vec<Asked>,
    schedule: String,
    protocol: String,
    /// Absent where the schedule has an end of its own.
    duration_s: Option<f64>,
    connections: usize,
    timeout_s: f64,
    seed: u64,
    /// Pods that shared it; absent where this machine sent it.
    pods: Option<u16>,
}

/// One target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    name: String,
    request: String,
    /// Names of its headers.
    headers: Vec<String>,
    body_bytes: usize,
    weight: u32,
}

impl LoadPlan {
    /// The plan of a run, from this machine or from pods.
    pub(crate) fn new(spec: &LoadSpec, pods: Option<u16>) -> Self {
        Self {
            targets: spec.targets.iter().map(Asked::new).collect(),
            schedule: spec.schedule.to_string(),
            protocol: spec.protocol.name().to_owned(),
            duration_s: spec.duration.map(|duration| duration.as_secs_f64()),
            connections: spec.connections,
            timeout_s: spec.timeout.as_secs_f64(),
            seed: spec.seed,
            pods,
        }
    }

    /// What is loaded, for a title.
    pub(super) fn names(&self) -> String {
        let names: Vec<&str> = self.targets.iter().map(|target| target.name.as_str()).collect();
        names.join(", ")
    }

    fn table(&self) -> Table {
        let mut table = Table::facts("Plan");
        let from = self.pods.map_or_else(|| "this machine".to_owned(), |pods| number_of(pods.into(), "pod"));
        table.fact("sent from", from);
        table.fact("schedule", format!("{} requests/s", self.schedule));
        let length =
            self.duration_s.map_or_else(|| "that of its schedule".to_owned(), |s| Unit::Seconds.text(s));
        table.fact("duration", length);
        table.fact("protocol", self.protocol.clone());
        table.fact("connections at most", count(self.connections as u64));
        table.fact("timeout of a request", Unit::Seconds.text(self.timeout_s));
        table.fact("seed", self.seed.to_string());
        table
    }

    fn target_table(&self) -> Table {
        let heads = ["target", "request", "headers", "bytes of the body", "weight"];
        let mut table = Table::with_heads("Targets", heads).figures([3, 4]);
        for target in &self.targets {
            table.row([
                target.name.clone().into(),
                target.request.clone().into(),
                target.headers.join(", ").into(),
                count(target.body_bytes as u64).into(),
                target.weight.to_string().into(),
            ]);
        }
        table
    }
}

impl Asked {
    fn new(target: &Target) -> Self {
        Self {
            name: target.label(),
            request: target.request(),
            headers: target.headers.iter().map(|(name, _)| name.clone()).collect(),
            body_bytes: target.body.len(),
            weight: target.weight,
        }
    }
}

/// The chapter on plan and environment; `None` in records of older plugins, which have neither.
pub(super) fn chapter(plan: Option<&LoadPlan>, environment: Option<&Environment>) -> Option<Section> {
    let tables = plan.into_iter().flat_map(|plan| [plan.table(), plan.target_table()]);
    let blocks: Vec<Block> = tables.chain(environment.map(machine)).map(Block::Table).collect();
    let intro = "Values of headers, bodies and queries are not on record.";
    (!blocks.is_empty()).then(|| section("The plan and its environment", intro, blocks))
}

fn machine(environment: &Environment) -> Table {
    let mut table = Table::facts("Environment");
    table.fact("plugin", format!("{} (commit {})", environment.plugin, environment.commit));
    let unknown = || "unknown".to_owned();
    table.fact("machine", environment.platform.clone());
    table.fact("kernel", environment.kernel.clone().unwrap_or_else(unknown));
    table.fact("processors", environment.processors.map_or_else(unknown, |cores| cores.to_string()));
    if let Some(version) = &environment.kubernetes {
        table.fact("Kubernetes", version.clone());
    }
    table
}
