//! What was planned, and what it ran on.

use kubsets_engine::LabEvent;
use kubsets_report::{Block, Section, Table, Unit};

use super::LabRun;
use crate::report::pieces::section;

pub(super) fn chapter(run: &LabRun) -> Section {
    let plan = &run.plan;
    let mut blocks = vec![Block::Table(steps(run))];
    if !plan.params.is_empty() {
        blocks.push(Block::Table(params(run)));
    }
    blocks.push(Block::Table(limits(run)));
    section("The plan", &format!("What it changes: {}.", plan.blast_radius.summary), blocks)
}

fn steps(run: &LabRun) -> Table {
    let heads = ["step", "operation", "at most", "what it changes", "must hold"];
    let mut table = Table::with_heads("Steps", heads).figures([2]);
    for step in &run.plan.steps {
        let changes: Vec<String> =
            step.changes.iter().map(|one| format!("{} {}", one.verb.word(), one.target)).collect();
        table.row([
            step.name.clone().into(),
            step.operation.kind().into(),
            step.timeout.to_string().into(),
            if changes.is_empty() { "nothing".into() } else { changes.join(", ").into() },
            step.that.clone().unwrap_or_default().into(),
        ]);
    }
    table
}

fn params(run: &LabRun) -> Table {
    let mut table = Table::with_heads("Parameters", ["parameter", "value", "from"]);
    for (name, value) in &run.plan.params {
        let from = if run.plan.given.contains_key(name) { "given" } else { "the lab's default" };
        table.row([name.clone().into(), value.clone().into(), from.into()]);
    }
    table
}

fn limits(run: &LabRun) -> Table {
    let plan = &run.plan;
    let mut table = Table::facts("Limits");
    let (usual, longest) = (Unit::Seconds.text(plan.usual_seconds), Unit::Seconds.text(plan.longest_seconds));
    table.fact("length", format!("about {usual}, at most {longest}"));
    table.fact("requests", format!("at most {}", Unit::Count.text(plan.requests as f64)));
    table.fact("hash of the plan", plan.hash.chars().take(16).collect::<String>());
    table
}

/// Versions and places.
pub(super) fn environment(run: &LabRun) -> Section {
    let unknown = || "not on record".to_owned();
    let here = run.environment.as_ref();
    let mut table = Table::facts("");
    table.fact("Kubernetes", here.and_then(|here| here.kubernetes.clone()).unwrap_or_else(unknown));
    table.fact(
        "plugin",
        here.map_or_else(unknown, |here| format!("{} (commit {})", here.plugin, here.commit)),
    );
    let told = run.events.iter().find_map(|one| match &one.event {
        LabEvent::Started { namespace, .. } => Some(namespace.clone()),
        _ => None,
    });
    table.fact("namespace", told.unwrap_or_else(unknown));
    let driver = here.map_or_else(unknown, |here| {
        let cores = here.processors.map(|cores| format!(", {cores} processors")).unwrap_or_default();
        format!("{}{cores}", here.platform)
    });
    table.fact("driven from", driver);
    section("Versions and environment", "", vec![Block::Table(table)])
}
