//! The loads of a lab: what was sent, second by second and in all.

use kubsets_engine::{LabEvent, LoadTick};
use kubsets_lab::operation::Load;
use kubsets_lab::{Condition, Operation};
use kubsets_report::{Block, Cell, Chart, Range, Role, Section, Shape, Table, Tone, Unit};
use serde_json::Value;

use super::{LabRun, head};
use crate::report::pieces::{chart, count, heat_map, latency_chart, line, role_at, section as chapter};

/// A load that was sent.
pub(super) struct LoadSeen<'a> {
    /// Name of its step.
    pub(super) name: &'a str,
    load: &'a Load,
    /// Seconds of the run and what was told of the second before.
    ticks: Vec<(f64, &'a LoadTick)>,
    /// The load generator's numbers; absent where the run ended before them.
    report: Option<&'a Value>,
}

impl LoadSeen<'_> {
    /// A figure of the generator's report.
    pub(super) fn figure(&self, name: &str) -> Option<f64> {
        self.report?[name].as_f64()
    }

    /// The interval of a figure; absent in records of older plugins.
    pub(super) fn range(&self, name: &str) -> Option<Range> {
        let [low, high] = self.report?["intervals"][name].as_array()?.as_slice() else { return None };
        Some(Range { low: low.as_f64(), high: high.as_f64() })
    }

    /// Requests planned, and those answered well: as reported, else as told so far.
    pub(super) fn planned_and_ok(&self) -> (u64, u64) {
        let reported = |name: &str| self.report.and_then(|report| report[name].as_u64());
        let told = |value: fn(&LoadTick) -> u64| self.ticks.iter().map(|(_, tick)| value(tick)).sum();
        (
            reported("planned").unwrap_or_else(|| told(|tick| tick.planned)),
            reported("ok").unwrap_or_else(|| told(|tick| tick.ok)),
        )
    }

    /// Its first and its last second on the run's clock.
    pub(super) fn span(&self) -> Option<(f64, f64)> {
        let (from, first) = self.ticks.first()?;
        let (to, _) = self.ticks.last()?;
        // A second is told at its end.
        Some(((from - first.second as f64 - 1.0).max(0.0), *to))
    }

    /// Rate and length as they were ordered.
    pub(super) fn ordered(&self) -> String {
        let rate = format!("{} {}", self.load.rate, Unit::RequestsPerSecond.name());
        format!("{} {}, {rate} for {}", self.load.method, self.load.path, self.load.duration)
    }

    fn over(&self, value: impl Fn(&LoadTick) -> Option<f64>) -> Vec<(f64, Option<f64>)> {
        self.ticks.iter().map(|(at, tick)| (*at, value(tick))).collect()
    }
}

/// The loads that began, in the order of their steps.
pub(super) fn loads(run: &LabRun) -> Vec<LoadSeen<'_>> {
    let seen = |step: &'_ kubsets_lab::PlannedStep| step.index;
    let sent = run.plan.steps.iter().filter_map(|step| {
        let Operation::Load(load) = &step.operation else { return None };
        run.began(step)?;
        let waited = run.plan.steps.iter().filter(|later| seen(later) > seen(step)).find(
            |later| matches!(&later.operation, Operation::Wait(Condition::Finished(name)) if *name == step.name),
        );
        let ended = run.ended(if load.background { waited.unwrap_or(step) } else { step });
        let ticks = run.events.iter().filter_map(|record| match &record.event {
            LabEvent::Load(tick) if tick.load == step.name => Some((record.seconds, tick)),
            _ => None,
        });
        Some(LoadSeen {
            name: &step.name,
            load,
            ticks: ticks.collect(),
            report: ended.map(|ended| ended.result).filter(|result| result["planned"].is_u64()),
        })
    });
    sent.collect()
}

/// Failures, rate and latency over time.
pub(super) fn charts(loads: &[LoadSeen<'_>], seconds: f64) -> Vec<Chart> {
    let loads: Vec<&LoadSeen<'_>> = loads.iter().filter(|load| !load.ticks.is_empty()).collect();
    if loads.is_empty() {
        return Vec::new();
    }
    let mut charts = vec![failed(&loads, seconds), answers(&loads)];
    charts.extend(loads.iter().enumerate().map(|(place, load)| latency(place, load, loads.len() > 1)));
    charts
}

fn failed(loads: &[&LoadSeen<'_>], seconds: f64) -> Chart {
    let lines = loads.iter().enumerate().map(|(place, load)| {
        let role = if loads.len() == 1 { Role::Harm } else { role_at(place) };
        line(load.name, role, Shape::Bars, by_second(load, seconds))
    });
    let note = "Errors, failed statuses, timeouts, and requests given up unsent.";
    chart("failed", "Failed in each second", note, Unit::Requests, lines.collect())
}

/// Failures by whole seconds of the run, so that the bars of several loads stand on each other.
fn by_second(load: &LoadSeen<'_>, seconds: f64) -> Vec<(f64, Option<f64>)> {
    let mut bars: Vec<(f64, Option<f64>)> =
        (1..=seconds.ceil() as u32).map(|second| (f64::from(second), None)).collect();
    for (at, tick) in &load.ticks {
        // Ticks come a little after the second that they tell of.
        if let Some((_, value)) = bars.get_mut((at.round() as usize).saturating_sub(1)) {
            *value = Some(value.unwrap_or(0.0) + (tick.failed + tick.never_sent) as f64);
        }
    }
    bars
}

fn answers(loads: &[&LoadSeen<'_>]) -> Chart {
    let mut lines = Vec::new();
    for (place, load) in loads.iter().enumerate() {
        if loads.len() == 1 {
            let planned = load.over(|tick| Some(tick.planned as f64));
            lines.push(line("planned", Role::Wanted, Shape::Line, planned));
        }
        let name = if loads.len() == 1 { "good answers" } else { load.name };
        let ok = load.over(|tick| Some(tick.ok as f64));
        lines.push(line(name, role_at(place), Shape::Line, ok));
    }
    chart("answers", "Good answers", "", Unit::RequestsPerSecond, lines)
}

fn latency(place: usize, load: &LoadSeen<'_>, several: bool) -> Chart {
    let lines = vec![
        line("median", Role::Baseline, Shape::Line, load.over(|tick| tick.p50_ms)),
        line("99th percentile", Role::Candidate, Shape::Line, load.over(|tick| tick.p99_ms)),
    ];
    let title = if several { format!("Latency: {}", load.name) } else { "Latency".to_owned() };
    let note = "In each second, from the planned instant of each request.";
    let note = if place == 0 { note } else { "" };
    latency_chart(&format!("latency-{}", place + 1), &title, note, lines)
}

/// The loads in numbers; none without one.
pub(super) fn section(loads: &[LoadSeen<'_>]) -> Option<Section> {
    let mut blocks: Vec<Block> = loads.iter().map(table).map(Block::Table).collect();
    let maps = loads.iter().enumerate().map(|(place, load)| {
        heat_map(load.name, role_at(place), load.ticks.iter().map(|(at, tick)| (*at, &tick.spread)))
    });
    let maps: Vec<_> = maps.filter(|map| !map.columns.is_empty()).collect();
    if !maps.is_empty() {
        blocks.push(Block::HeatMaps(maps));
    }
    (!blocks.is_empty()).then(|| {
        let intro = "Open loop: requests are sent at their planned instants, whatever the answers do. Each planned \
request is answered well, failed, timed out or never sent.";
        chapter("The load", intro, blocks)
    })
}

fn table(load: &LoadSeen<'_>) -> Table {
    let mut table = Table::facts(load.name);
    table.fact("ordered", load.ordered());
    let (planned, ok) = load.planned_and_ok();
    table.fact("answered well", format!("{} of {}", count(ok), count(planned)));
    if planned > 0 {
        table.fact("availability", head::availability(planned, ok));
    }
    let Some(report) = load.report else {
        "The load generator left no report: its end was not waited for in this run."
            .clone_into(&mut table.note);
        return table;
    };
    for (name, field, unit) in [
        ("failed", "errors", Unit::Count),
        ("timed out", "timedOut", Unit::Count),
        ("never sent", "neverSent", Unit::Count),
        ("answered well, on average", "okPerSecond", Unit::RequestsPerSecond),
        ("seconds with failures", "secondsWithFailures", Unit::Count),
        ("longest run of such seconds", "longestOutageSeconds", Unit::Seconds),
        ("median latency", "p50Ms", Unit::Milliseconds),
        ("90th percentile", "p90Ms", Unit::Milliseconds),
        ("99th percentile", "p99Ms", Unit::Milliseconds),
        ("slowest", "maxMs", Unit::Milliseconds),
    ] {
        if let Some(value) = load.figure(field) {
            table.fact(name, unit.text(value));
        }
    }
    let reasons = report["invalidReasons"].as_array().into_iter().flatten();
    let reasons: Vec<&str> = reasons.filter_map(Value::as_str).collect();
    match report["valid"].as_bool() {
        Some(true) => table.fact("the generator", Cell::new(Tone::Good, "valid: it kept up")),
        Some(false) => {
            table.fact("the generator", Cell::new(Tone::Bad, format!("INVALID: {}", reasons.join("; "))));
        }
        None => {}
    }
    report["identity"].as_str().unwrap_or_default().clone_into(&mut table.note);
    table
}
