//! Latency of both versions: percentiles over the run, and its spread second by second.

use kubsets_delivery::{RunEvent, SideTick, Spread, TickEvent};
use kubsets_load::Series;
use kubsets_report::{Block, HeatColumn, HeatMap, Limit, Number, Role, Section, Tone, Unit};

use super::sides;
use crate::report::CanaryRecord;
use crate::report::percentiles::{self, Side};
use crate::report::pieces;

const INTRO: &str = "Counted from the planned instant of each request, so that waiting for a slow server is in it; \
good answers, and requests without an answer as lower bounds.";

pub(super) fn section(record: &CanaryRecord) -> Section {
    let mut blocks = Vec::new();
    let versions = versions(record);
    if versions.is_empty() {
        blocks.push(Block::Text("The load generator left no report, so there are no percentiles.".into()));
    } else {
        let sides: Vec<Side<'_>> = versions
            .iter()
            .map(|(role, series)| Side { name: named(*role, series), role: *role, series })
            .collect();
        blocks.push(Block::Chart(percentiles::distribution(&sides)));
        blocks.push(Block::Table(percentiles::table(&sides).note(
            "Stable served alone in the warm-up, the canary alone in a last step of 100 %: the two columns are not of \
             the same seconds.",
        )));
    }
    let maps = heat_maps(record);
    if maps.iter().any(|map| !map.columns.is_empty()) {
        blocks.push(Block::HeatMaps(maps));
    } else {
        blocks.push(Block::Text(
            "This record was made by a plugin that did not keep the spread of each second, so there is no heat map."
                .into(),
        ));
    }
    pieces::section("Latency", INTRO, blocks)
}

/// The versions that answered, with what they stand for: stable first.
pub(super) fn versions(record: &CanaryRecord) -> Vec<(Role, &Series)> {
    let Some(load) = &record.load else { return Vec::new() };
    let marked = record.plan.marked;
    let role = |series: &Series| match Some(series.name.as_str()) {
        Some("canary") if marked => Role::Candidate,
        Some("stable") if marked => Role::Baseline,
        name if name == record.canary_version() => Role::Candidate,
        name if name == record.stable_version() => Role::Baseline,
        _ => Role::Other,
    };
    let mut versions: Vec<_> = load.versions.iter().map(|series| (role(series), series)).collect();
    versions.sort_by_key(|(role, _)| match role {
        Role::Baseline => 0,
        Role::Candidate => 1,
        _ => 2,
    });
    versions
}

fn named(role: Role, series: &Series) -> String {
    match role {
        Role::Baseline if series.name != "stable" => format!("stable {}", series.name),
        Role::Candidate if series.name != "canary" => format!("canary {}", series.name),
        _ => series.name.clone(),
    }
}

/// The canary's 99th percentile against stable's.
pub(super) fn number(record: &CanaryRecord) -> Option<Number> {
    let versions = versions(record);
    let p99 = |wanted: Role| {
        let (_, series) = versions.iter().find(|(role, _)| *role == wanted)?;
        (series.corrected.count > 0).then(|| series.corrected.text(series.corrected.p99))
    };
    let stable = p99(Role::Baseline).map(|stable| format!("stable {stable}; both over the whole run"));
    Some(Number {
        label: "Canary p99 latency".into(),
        value: p99(Role::Candidate)?,
        note: stable.unwrap_or_default(),
        tone: Tone::Plain,
    })
}

/// Latencies in milliseconds from which on a request is slow, by stable's median, 90th and 99th percentile.
pub(super) fn slow_limits(record: &CanaryRecord) -> Option<[f64; 3]> {
    record.events.iter().find_map(|one| match &one.event {
        RunEvent::Frozen { thresholds_ms, .. } => Some(*thresholds_ms),
        _ => None,
    })
}

fn heat_maps(record: &CanaryRecord) -> Vec<HeatMap> {
    let limits = |[p50, _, _]: [f64; 3]| {
        vec![Limit { name: format!("slow from {} on", Unit::Milliseconds.text(p50)), value: p50 }]
    };
    let limits = slow_limits(record).map(limits).unwrap_or_default();
    let map = |name: &str, role, side: fn(&TickEvent) -> &SideTick| HeatMap {
        name: name.to_owned(),
        role,
        unit: Unit::Milliseconds,
        bounds: Spread::bounds_ms(),
        columns: record
            .ticks()
            .filter(|(_, tick)| !side(tick).spread.is_empty())
            .map(|(x, tick)| {
                let cells = side(tick).spread.buckets();
                HeatColumn {
                    x,
                    cells: cells.iter().map(|(bucket, count)| (usize::from(*bucket), *count)).collect(),
                }
            })
            .collect(),
        limits: limits.clone(),
    };
    let [stable, canary] = sides(record);
    vec![
        map(&stable, Role::Baseline, |tick| &tick.stable),
        map(&canary, Role::Candidate, |tick| &tick.canary),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_with_a_spread_become_columns_of_a_heat_map() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/runs/261120-163148-d80d");
        let mut record = CanaryRecord::read(folder.as_ref()).unwrap();
        let heat = |record: &CanaryRecord| {
            let blocks = section(record).blocks;
            blocks.into_iter().find_map(|block| match block {
                Block::HeatMaps(maps) => Some(maps),
                _ => None,
            })
        };
        assert_eq!(heat(&record), None, "this record is older than the spread");
        for event in &mut record.events {
            if let RunEvent::Tick(tick) = &mut event.event {
                tick.stable.spread = serde_json::from_str("[[7,80],[41,1]]").unwrap();
            }
        }
        let [stable, canary] = heat(&record).unwrap().try_into().unwrap();
        assert_eq!(stable.columns.len(), record.ticks().count());
        assert_eq!(stable.columns[0].cells, [(7, 80), (41, 1)]);
        assert!(canary.columns.is_empty());
        assert_eq!(stable.limits[0].name, "slow from 25.7 ms on");
    }
}
