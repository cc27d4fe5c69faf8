//! A load report as tables.

use kubsets_load::{FindMaxReport, LoadReport, Table as Figures};

use crate::report::Slo;
use crate::ui::{Cell, Style, Table, Tone, millis, percent};

pub(super) fn render(report: &LoadReport, crossed: &[String], slo: Option<&Slo>, style: Style) -> String {
    let sum = format!(
        "{} for {:.1} s ({} loop, {}): {:.1} requests/s planned, {:.1} good answers/s, {} errors",
        super::measure::with_unit(&report.schedule),
        report.planned_s,
        report.model,
        report.protocol,
        report.planned_per_s,
        report.ok_per_s,
        percent(report.error_rate()),
    );
    let identity = if style.unicode { report.identity.clone() } else { report.identity.replace('≠', "!=") };
    let mut text = format!("{}\n{}\n\n", style.wrap(&sum), style.wrap(&identity));
    text.push_str(&table(&report.latency_table(), style));
    append!(text, "{}\n", style.paint(Tone::Dim, &style.wrap(&report.explanation)));
    if report.versions.len() > 1 {
        text.push('\n');
        text.push_str(&table(&report.version_table(), style));
    }
    if !report.total.errors.is_empty() {
        text.push('\n');
        text.push_str(&table(&report.error_table(), style));
    }
    if let Some(slo) = slo {
        text.push('\n');
        text.push_str(&objective(slo, style));
    }
    for warning in &report.validity.warnings {
        append!(text, "{} {warning}\n", style.paint(Tone::Warn, "note:"));
    }
    for rule in crossed {
        append!(text, "{} {rule}\n", style.paint(Tone::Bad, "crossed:"));
    }
    if !report.is_valid() {
        let reasons = report.validity.reasons.join("; ");
        append!(text, "{} {reasons}\n", style.paint(Tone::Bad, "INVALID:"));
    }
    text
}

/// A table of the load generator in our style.
fn table(figures: &Figures, style: Style) -> String {
    let mut table = Table::new(figures.columns.iter().copied()).right(1..figures.columns.len());
    for row in &figures.rows {
        table.row(row.cells.iter().map(|cell| {
            Cell::from(if style.unicode {
                cell.clone()
            } else {
                cell.replace('≥', ">=").replace('µ', "u")
            })
        }));
    }
    table.render(style)
}

/// The error budget in a line, and its alerts.
fn objective(slo: &Slo, style: Style) -> String {
    let mut table = Table::new(["BURN RATE OVER", "LIMIT", "HIGHEST", "ALERT"]).right([1, 2]);
    for alert in &slo.alerts {
        let tone = if alert.first_at.is_some() { Tone::Bad } else { Tone::Good };
        let [windows, limit, highest, raised] = alert.cells();
        table.row([windows.into(), limit.into(), highest.into(), Cell::new(tone, raised)]);
    }
    let tone = if slo.budget_burnt > 1.0 { Tone::Bad } else { Tone::Plain };
    format!("{}\n{}", style.paint(tone, &slo.budget()), table.render(style))
}

pub(super) fn render_search(report: &FindMaxReport, style: Style) -> String {
    let mut table = Table::new(["RATE", "KEPT", "P99", "ERRORS", "WHY"]).right([0, 2, 3]);
    for trial in &report.trials {
        let kept = if trial.kept { Cell::new(Tone::Good, "yes") } else { Cell::new(Tone::Bad, "no") };
        table.row([
            format!("{:.0}", trial.rate).into(),
            kept,
            millis(trial.p99_ms).into(),
            percent(trial.error_rate).into(),
            trial.reason.clone().into(),
        ]);
    }
    let rate = |rate: Option<f64>| rate.map_or_else(|| "none".to_owned(), |rate| format!("{rate:.0}"));
    let broken = report.broken_at.map(|broken| format!(", broken at {broken:.0}")).unwrap_or_default();
    let limit = report.generator_limit.as_ref().map_or_else(String::new, |limit| {
        let text = format!("the generator is the limit at {:.0} requests/s: {}", limit.rate, limit.reason);
        format!("{} {text}\n", style.paint(Tone::Warn, "note:"))
    });
    format!(
        "{}highest rate that keeps the objective: {} requests/s{broken}\n{limit}",
        table.render(style),
        rate(report.rate)
    )
}
