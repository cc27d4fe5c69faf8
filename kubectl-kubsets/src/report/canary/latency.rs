//! Latency of both versions: percentiles over the run, and its spread second by second.

use kubsets_delivery::{RunEvent, SideTick, Spread, TickEvent};
use kubsets_load::{Percentiles, Series};
use kubsets_report::{
    Axis, Block, Chart, Extent, HeatColumn, HeatMap, Limit, Line, Number, Role, Scale, Section, Shape, Table,
    Tone, Unit,
};

use super::{line, sides};
use crate::report::CanaryRecord;

const INTRO: &str = "Counted from the planned instant of each request, so that waiting for a slow server is in it; \
good answers, and requests without an answer as lower bounds.";

pub(super) fn section(record: &CanaryRecord) -> Section {
    let mut blocks = Vec::new();
    let versions = versions(record);
    if versions.is_empty() {
        blocks.push(Block::Text("The load generator left no report, so there are no percentiles.".into()));
    } else {
        blocks.push(Block::Chart(distribution(&versions)));
        blocks.push(Block::Table(table(&versions)));
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
    super::section("Latency", INTRO, blocks)
}

/// The versions that answered, with what they stand for: stable first.
pub(super) fn versions(record: &CanaryRecord) -> Vec<(Role, &Series)> {
    let Some(load) = &record.load else { return Vec::new() };
    let role = |series: &Series| match Some(series.name.as_str()) {
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
        Role::Baseline => format!("stable {}", series.name),
        Role::Candidate => format!("canary {}", series.name),
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

/// Latency by percentile, drawn so that the tail has room.
fn distribution(versions: &[(Role, &Series)]) -> Chart {
    let lines = versions.iter().map(|(role, series)| {
        let points = quantiles(series).into_iter().map(|(x, millis)| (x, Some(millis)));
        line(&named(*role, series), *role, Shape::Line, points.collect())
    });
    Chart {
        id: "percentiles".into(),
        title: "Latency by percentile".into(),
        note: "How slow the fastest so many percent were at most. Each line ends where its version has one request left.".into(),
        extent: Extent::Percentile,
        axis: Axis { unit: Unit::Milliseconds, scale: Scale::Log, low: None, high: None },
        lines: lines.collect::<Vec<Line>>(),
        limits: Vec::new(),
    }
}

/// Points of a distribution: x is 1 / (1 - share), so that each nine is as wide as the one before.
fn quantiles(series: &Series) -> Vec<(f64, f64)> {
    /// Points in each power of ten.
    const PER_NINE: i32 = 12;
    let mut all = series.histograms.corrected.clone();
    all.merge(&series.histograms.lower_bounds);
    let count = all.count();
    let last = (count.max(1) as f64).log10();
    let steps = (last * f64::from(PER_NINE)).floor() as i32;
    let at = |x: f64| Some((x, all.quantile(1.0 - 1.0 / x)?.as_secs_f64() * 1e3));
    (0..=steps).filter_map(|step| at(10_f64.powf(f64::from(step) / f64::from(PER_NINE)))).collect()
}

fn table(versions: &[(Role, &Series)]) -> Table {
    let heads =
        std::iter::once(String::new()).chain(versions.iter().map(|(role, series)| named(*role, series)));
    let mut table = Table { heads: heads.collect(), ..Table::facts("Percentiles over the whole run") }
        .figures(1..=versions.len())
        .note(
            "Stable served alone in the warm-up, the canary alone in a last step of 100 %: the two columns are not of \
             the same seconds.",
        );
    let mut row = |name: &str, value: fn(&Percentiles) -> String| {
        let cells = versions.iter().map(|(_, series)| value(&series.corrected).into());
        table.rows.push(std::iter::once(name.into()).chain(cells).collect());
    };
    row("answers", |all| Unit::Count.text(all.count as f64));
    row("p50", |all| all.text(all.p50));
    row("p90", |all| all.text(all.p90));
    row("p99", |all| all.text(all.p99));
    row("p99.9", |all| all.text(all.p999));
    row("max", |all| all.text(all.max));
    table
}

fn heat_maps(record: &CanaryRecord) -> Vec<HeatMap> {
    let thresholds = record.events.iter().find_map(|one| match &one.event {
        RunEvent::Frozen { thresholds_ms, .. } => Some(*thresholds_ms),
        _ => None,
    });
    let limits = |[p50, _, _]: [f64; 3]| {
        vec![Limit { name: format!("slow from {} on", Unit::Milliseconds.text(p50)), value: p50 }]
    };
    let limits = thresholds.map(limits).unwrap_or_default();
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
