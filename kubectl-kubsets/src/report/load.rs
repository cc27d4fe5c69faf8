//! A run of the load generator as a story.

mod plan;
mod record;
mod search;
mod slo;

use kubsets_load::{Accounting, LoadReport, Second, Series, Table as Figures};
use kubsets_report::{
    API_VERSION, Better, Block, Cell, Chart, Command, Lane, Measure, Number, Role, Section, Shape, Span,
    Story, Table, Timeline, Tone, Unit, Verdict,
};

use super::generator;
use super::percentiles::{self, Side};
use super::pieces::{
    chart, count, filled, heat_map, latency_chart, line, mark, measure, number, percent_of, role_at, section,
    sentence,
};

pub(crate) use plan::LoadPlan;
pub(crate) use record::{LOAD_RUN_FILE, LoadRecord, LoadRun, SearchRun};
pub(crate) use slo::Slo;

/// Tells a load.
pub(crate) fn story(load: &LoadRun) -> Story {
    let (report, crossed) = (&load.report, load.crossed.as_slice());
    let slo = load.slo();
    let targets: Vec<&str> = report.targets.iter().map(|target| target.name.as_str()).collect();
    let started =
        jiff::Timestamp::from_millisecond(i64::try_from(report.started_unix_ms).unwrap_or(i64::MAX));
    Story {
        api_version: API_VERSION.to_owned(),
        run: load.run.clone(),
        title: format!("Load on {}", targets.join(", ")),
        question: None,
        started_at: started.ok().map(|time| time.to_string()),
        seconds: Some(report.elapsed_s),
        verdict: verdict(report, crossed),
        reason: sentence(&reason(report, crossed)),
        numbers: numbers(report, slo.as_ref()),
        commands: vec![Command { purpose: "Repeat it".into(), line: load.repeat.clone() }],
        timeline: timeline(report),
        sections: std::iter::once(latency(report))
            .chain([answers(report)])
            .chain(slo.as_ref().map(objective))
            .chain([generator::chapter(Some(report))])
            .chain(plan::chapter(load.plan.as_ref(), load.environment.as_ref()))
            .collect(),
        measures: measures(report, slo.as_ref()),
    }
}

fn verdict(report: &LoadReport, crossed: &[String]) -> Verdict {
    let (tone, word, meaning) = match (report.is_valid(), crossed) {
        (false, _) => (Tone::Warn, "INVALID", "the generator was the limit, not the server"),
        (true, []) if report.is_unanswered() => (Tone::Warn, "NO ANSWER", "not one request was answered"),
        (true, []) => (Tone::Good, "VALID", "the generator kept up; the figures speak of the server"),
        (true, _) => (Tone::Bad, "FAIL", "a threshold was crossed"),
    };
    Verdict { tone, word: word.into(), meaning: meaning.into() }
}

fn reason(report: &LoadReport, crossed: &[String]) -> String {
    if !report.is_valid() {
        return report.validity.reasons.join("; ");
    }
    if !crossed.is_empty() {
        return crossed.join("; ");
    }
    let Accounting { planned, ok, .. } = report.accounting;
    answered(planned, ok, &report.total.corrected.text(report.total.corrected.p99))
}

/// How many requests were answered well, and how fast.
fn answered(planned: u64, ok: u64, p99: &str) -> String {
    match ok {
        0 => format!("none of {} requests was answered well", count(planned)),
        _ => format!(
            "{} of {} requests were answered well, 99 % of them within {p99}",
            count(ok),
            count(planned)
        ),
    }
}

fn numbers(report: &LoadReport, slo: Option<&Slo>) -> Vec<Number> {
    let (both, errors) = (&report.total, report.error_rate() * 100.0);
    let lost = report.accounting.planned.saturating_sub(report.accounting.ok);
    let latency = |label: &str, corrected: f64, uncorrected: f64| {
        let note = format!("{} counted from the sending", both.uncorrected.text(uncorrected));
        number(label, both.corrected.text(corrected), note, Tone::Plain)
    };
    let budget = slo.map(|slo| {
        let tone = if slo.budget_burnt > 1.0 { Tone::Bad } else { Tone::Good };
        let note = format!("of an objective of {}", slo.name());
        number("Error budget burnt", Unit::Percent.text(slo.budget_burnt * 100.0), note, tone)
    });
    let mut numbers = vec![
        number(
            "Answered well",
            Unit::RequestsPerSecond.text(report.ok_per_s),
            format!("of {} planned", Unit::RequestsPerSecond.text(report.planned_per_s)),
            Tone::Plain,
        ),
        number(
            "Not answered well",
            Unit::Percent.text(errors),
            Unit::Requests.text(lost as f64),
            if lost == 0 { Tone::Good } else { Tone::Plain },
        ),
        latency("Median latency", both.corrected.p50, both.uncorrected.p50),
        latency("p99 latency", both.corrected.p99, both.uncorrected.p99),
        latency("p99.9 latency", both.corrected.p999, both.uncorrected.p999),
        latency("Slowest", both.corrected.max, both.uncorrected.max),
    ];
    numbers.extend(budget);
    numbers
}

/// The error budget and its alerts.
fn objective(slo: &Slo) -> Section {
    let mut table =
        Table::with_heads("Alerts", ["windows", "limit", "highest burn rate", "raised"]).figures([1, 2]);
    for alert in &slo.alerts {
        let tone = if alert.first_at.is_some() { Tone::Bad } else { Tone::Good };
        let [windows, limit, highest, raised] = alert.cells();
        table.row([windows.into(), limit.into(), highest.into(), Cell::new(tone, raised)]);
    }
    "Both windows must burn at the limit. An hour of the usual alerts on a month is a minute here."
        .clone_into(&mut table.note);
    section("The objective", &sentence(&slo.budget()), vec![Block::Table(table)])
}

fn timeline(report: &LoadReport) -> Timeline {
    let disturbed = report.seconds.iter().filter(|second| second.disturbed);
    let marks = disturbed.map(|second| {
        let label = format!("the generator stood still for {}", Unit::Milliseconds.text(second.lag_ms));
        mark(second.second as f64 + 1.0, label, Tone::Warn)
    });
    let generator = Lane { name: "generator".into(), spans: Vec::new(), marks: marks.collect() };
    let span = |from: f64, to: f64, label: &str, detail: &str| Span {
        from,
        to,
        label: label.into(),
        detail: detail.into(),
        tone: Tone::Plain,
    };
    let mut spans = vec![span(0.0, report.planned_s, "planned", &report.schedule)];
    if report.elapsed_s - report.planned_s >= 0.5 {
        spans.push(span(report.planned_s, report.elapsed_s, "drain", "answers that were still to come"));
    }
    let load = Lane { name: "load".into(), spans, marks: Vec::new() };
    let lanes = [load, generator];
    Timeline {
        seconds: report.elapsed_s.max(report.seconds.len() as f64),
        turns: Vec::new(),
        lanes: filled(lanes),
        charts: charts(report),
    }
}

/// A figure of each second, told at its end; the empty seconds after the last answer are left out.
fn over(report: &LoadReport, value: impl Fn(&Second) -> Option<f64>) -> Vec<(f64, Option<f64>)> {
    let busy = |second: &Second| {
        second.planned + second.ok + second.failed + second.timed_out + second.never_sent + second.in_flight
            > 0
    };
    let seconds = report.seconds.iter().rposition(busy).map_or(0, |last| last + 1);
    report.seconds[..seconds].iter().map(|second| (second.second as f64 + 1.0, value(second))).collect()
}

fn charts(report: &LoadReport) -> Vec<Chart> {
    let requests = |role, shape, name: &str, value: fn(&Second) -> u64| {
        line(name, role, shape, over(report, |second| Some(value(second) as f64)))
    };
    let millis = |role, name: &str, value: fn(&Second) -> Option<f64>| {
        line(name, role, Shape::Line, over(report, value))
    };
    let answers = vec![
        requests(Role::Wanted, Shape::Line, "planned", |second| second.planned),
        requests(Role::Baseline, Shape::Line, "answered well", |second| second.ok),
    ];
    let lost = vec![
        requests(Role::Harm, Shape::Bars, "failed", |second| second.failed),
        requests(Role::Candidate, Shape::Bars, "timed out", |second| second.timed_out),
        requests(Role::Other, Shape::Bars, "never sent", |second| second.never_sent),
    ];
    let latency = vec![
        millis(Role::Baseline, "median", |second| second.p50_ms),
        millis(Role::Candidate, "99th percentile", |second| second.p99_ms),
        millis(Role::Other, "slowest", |second| second.max_ms),
    ];
    let waiting = vec![
        requests(Role::Baseline, Shape::Line, "under way", |second| second.in_flight),
        requests(Role::Harm, Shape::Line, "waiting for a connection", |second| second.queued),
    ];
    let note = "From the planned instant of each request: good answers, and as lower bounds what was given up in that second.";
    let mut charts = vec![
        chart("answers", "Good answers", "", Unit::RequestsPerSecond, answers),
        chart("failed", "Not answered well in each second", "", Unit::Requests, lost),
        latency_chart("latency", "Latency", note, latency),
        chart("waiting", "Unfinished at the end of each second", "", Unit::Requests, waiting),
    ];
    if report.versions.len() > 1 {
        let lines = report.versions.iter().enumerate().map(|(place, version)| {
            let points =
                over(report, |second| second.versions.get(&version.name).map(|(answers, _)| *answers as f64));
            line(&version.name, role_at(place), Shape::Line, points)
        });
        charts.push(chart("versions", "Answers by version", "", Unit::RequestsPerSecond, lines.collect()));
    }
    charts
}

fn latency(report: &LoadReport) -> Section {
    let side = |(place, series)| {
        let series: &Series = series;
        Side { name: series.name.clone(), role: role_at(place), series }
    };
    let versions: Vec<Side<'_>> = report.versions.iter().enumerate().map(side).collect();
    let all = [Side { name: "all requests".into(), role: Role::Baseline, series: &report.total }];
    let sides = if versions.len() > 1 { &versions[..] } else { &all[..] };
    let mut blocks = vec![
        Block::Chart(percentiles::distribution(sides)),
        Block::Table(percentiles::both_counts(&report.total)),
    ];
    if versions.len() > 1 {
        blocks.push(Block::Table(percentiles::table(&versions)));
    }
    let seconds = report.seconds.iter().map(|second| (second.second as f64 + 1.0, &second.spread));
    let map = heat_map("requests", Role::Baseline, seconds);
    if !map.columns.is_empty() {
        let kept = map.columns.len();
        blocks.push(Block::HeatMaps(vec![map]));
        if report.seconds.iter().filter(|second| second.ok + second.lower_bounds > 0).count() > kept {
            blocks.push(Block::Text("The spread of each second is kept for the first hour.".into()));
        }
    }
    section("Latency", &report.explanation, blocks)
}

fn answers(report: &LoadReport) -> Section {
    let mut blocks = Vec::new();
    if report.targets.len() > 1 {
        blocks.push(figures(&report.target_table()));
    }
    if !report.versions.is_empty() {
        blocks.push(figures(&report.version_table()));
    }
    let mut statuses = Table::with_heads("Statuses", ["status", "answers"]).figures([1]);
    for (status, answers) in &report.total.statuses {
        statuses.row([status.clone().into(), count(*answers).into()]);
    }
    blocks.push(Block::Table(statuses));
    if !report.total.errors.is_empty() {
        blocks.push(figures(&report.error_table()));
    }
    if !report.exemplars.is_empty() {
        let heads = ["at", "latency", "status", "version", "trace"];
        let mut table = Table::with_heads("Requests worth looking at", heads).figures([0, 1]);
        for one in &report.exemplars {
            let ended = one.status.map(|status| status.to_string());
            let ended = ended.or_else(|| one.error.map(|error| error.name().to_owned())).unwrap_or_default();
            table.row([
                Unit::Seconds.text(one.at_s).into(),
                Unit::Milliseconds.text(one.latency_ms).into(),
                ended.into(),
                one.version.clone().unwrap_or_default().into(),
                one.trace_id.clone().unwrap_or_default().into(),
            ]);
        }
        blocks.push(Block::Table(table));
    }
    section("Answers", "", blocks)
}

/// A table of the load generator.
fn figures(figures: &Figures) -> Block {
    let heads = figures.columns.iter().map(ToString::to_string).collect();
    let title = sentence(figures.title);
    let mut table =
        Table { heads, ..Table::facts(title.trim_end_matches('.')) }.figures(1..figures.columns.len());
    for row in &figures.rows {
        table.rows.push(row.cells.iter().map(|cell| cell.clone().into()).collect());
    }
    Block::Table(table)
}

fn measures(report: &LoadReport, slo: Option<&Slo>) -> Vec<Measure> {
    let Accounting { planned, ok, .. } = report.accounting;
    let lost = planned.saturating_sub(ok);
    let of = |group, name, unit, better| measure(group, name, unit, better, None);
    let latency = |name, share| {
        of("Latency", name, Unit::Milliseconds, Better::Lower).estimated(report.total.interval(share))
    };
    let burnt = slo.map(|slo| {
        let burnt = Some(slo.budget_burnt * 100.0);
        measure("Objective", "error budget burnt", Unit::Percent, Better::Lower, burnt)
    });
    // The rate itself is one measurement: how it varies from run to run nothing here tells.
    let well = (planned > 0).then(|| ok as f64 / planned as f64 * report.planned_per_s);
    let slowest = Some(report.total.corrected.max).filter(|_| report.total.corrected.count > 0);
    let mut measures = vec![
        measure("Load", "planned", Unit::RequestsPerSecond, Better::Neither, Some(report.planned_per_s)),
        measure("Load", "answered well", Unit::RequestsPerSecond, Better::Higher, well),
        of("Load", "not answered well", Unit::Percent, Better::Lower).estimated(percent_of(lost, planned)),
        latency("p50", 0.5),
        latency("p90", 0.9),
        latency("p99", 0.99),
        latency("p99.9", 0.999),
        measure("Latency", "max", Unit::Milliseconds, Better::Lower, slowest),
    ];
    measures.extend(burnt);
    measures
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_without_an_answer_has_no_percentile() {
        assert_eq!(answered(200, 0, "-"), "none of 200 requests was answered well");
        let most = "1,999 of 2,000 requests were answered well, 99 % of them within 5 ms";
        assert_eq!(answered(2_000, 1_999, "5 ms"), most);
    }
}
