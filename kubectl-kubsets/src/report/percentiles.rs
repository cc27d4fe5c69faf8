//! Percentiles of several series side by side, as a curve and as a table.

use kubsets_load::{Percentiles, Series};
use kubsets_report::{Axis, Chart, Extent, Role, Scale, Shape, Table, Unit};

use super::pieces::line;

/// A series with its name and what it stands for.
pub(super) struct Side<'a> {
    pub(super) name: String,
    pub(super) role: Role,
    pub(super) series: &'a Series,
}

/// Latency by percentile, drawn so that the tail has room.
pub(super) fn distribution(sides: &[Side<'_>]) -> Chart {
    let lines = sides.iter().map(|side| {
        let points = quantiles(side.series).into_iter().map(|(x, millis)| (x, Some(millis)));
        line(&side.name, side.role, Shape::Line, points.collect())
    });
    Chart {
        id: "percentiles".into(),
        title: "Latency by percentile".into(),
        note:
            "How slow the fastest so many percent were at most. Each line ends where it has one request left."
                .into(),
        extent: Extent::Percentile,
        axis: Axis { unit: Unit::Milliseconds, scale: Scale::Log, low: None, high: None },
        lines: lines.collect(),
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

/// Corrected percentiles over the whole run.
pub(super) fn table(sides: &[Side<'_>]) -> Table {
    let columns: Vec<(String, &Percentiles)> =
        sides.iter().map(|side| (side.name.clone(), &side.series.corrected)).collect();
    beside("Percentiles over the whole run", &columns)
}

/// Both ways to count the latency of a series.
pub(super) fn both_counts(series: &Series) -> Table {
    let columns =
        [("corrected".to_owned(), &series.corrected), ("uncorrected".to_owned(), &series.uncorrected)];
    beside("Percentiles, corrected and not", &columns)
}

fn beside(title: &str, columns: &[(String, &Percentiles)]) -> Table {
    let heads = std::iter::once(String::new()).chain(columns.iter().map(|(name, _)| name.clone()));
    let mut table = Table { heads: heads.collect(), ..Table::facts(title) }.figures(1..=columns.len());
    let mut row = |name: &str, value: fn(&Percentiles) -> String| {
        let cells = columns.iter().map(|(_, percentiles)| value(percentiles).into());
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
