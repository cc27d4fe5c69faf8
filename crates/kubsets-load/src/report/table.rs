//! The report as rows of text, for whoever draws tables.

use super::{LoadReport, Percentiles, Series};

/// A table: a title, names of columns, rows of texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// What the table is about.
    pub title: &'static str,
    /// Names of the columns.
    pub columns: Vec<&'static str>,
    /// The rows; each has as many cells as there are columns.
    pub rows: Vec<Row>,
}

/// A row of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The texts of the row.
    pub cells: Vec<String>,
}

impl LoadReport {
    /// Percentiles, corrected and uncorrected side by side; failed requests if there are any.
    pub fn latency_table(&self) -> Table {
        let mut rows = vec![
            percentile_row("corrected", &self.total.corrected),
            percentile_row("uncorrected", &self.total.uncorrected),
        ];
        if self.total.failed.count > 0 {
            rows.push(percentile_row("failed", &self.total.failed));
        }
        Table {
            title: "latency",
            columns: vec!["latency", "requests", "p50", "p90", "p99", "p99.9", "max"],
            rows,
        }
    }

    /// One row for each target.
    pub fn target_table(&self) -> Table {
        series_table("targets", &self.targets)
    }

    /// One row for each version that answered.
    pub fn version_table(&self) -> Table {
        series_table("versions", &self.versions)
    }

    /// Kinds of errors and their numbers, the most frequent first.
    pub fn error_table(&self) -> Table {
        let mut errors: Vec<_> = self.total.errors.iter().collect();
        errors.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let rows = errors
            .into_iter()
            .map(|(kind, count)| Row { cells: vec![kind.name().to_owned(), count.to_string()] })
            .collect();
        Table { title: "errors", columns: vec!["error", "requests"], rows }
    }
}

fn percentile_row(name: &str, set: &Percentiles) -> Row {
    let mut cells = vec![name.to_owned(), set.count.to_string()];
    cells.extend([set.p50, set.p90, set.p99, set.p999, set.max].map(|value| set.text(value)));
    Row { cells }
}

fn series_table(title: &'static str, series: &[Series]) -> Table {
    let rows = series
        .iter()
        .map(|one| {
            let counts = one.accounting;
            let lost = counts.in_flight_at_end + counts.never_sent;
            let mut cells = vec![one.name.clone()];
            cells.extend(
                [counts.planned, counts.ok, counts.failed, counts.timed_out, lost].map(|n| n.to_string()),
            );
            let set = &one.corrected;
            cells.extend([set.p50, set.p90, set.p99, set.max].map(|value| set.text(value)));
            Row { cells }
        })
        .collect();
    Table {
        title,
        columns: vec![
            "name",
            "planned",
            "ok",
            "failed",
            "timed out",
            "unfinished",
            "p50",
            "p90",
            "p99",
            "max",
        ],
        rows,
    }
}
