//! A search for the highest rate as a story.

use kubsets_load::FindMaxReport;
use kubsets_report::{
    API_VERSION, Better, Block, Cell, Command, Measure, Number, Story, Table, Timeline, Tone, Unit, Verdict,
};

use super::plan;
use super::record::SearchRun;
use crate::report::pieces::{count, measure, number, section, sentence};

/// Tells a search.
pub(crate) fn story(search: &SearchRun) -> Story {
    let report = &search.report;
    Story {
        api_version: API_VERSION.to_owned(),
        run: search.run.clone(),
        title: format!("Highest rate of {}", search.plan.names()),
        question: Some(format!("Up to which rate is this kept: {}?", search.objective)),
        started_at: Some(search.started_at.clone()),
        seconds: Some(search.seconds),
        verdict: verdict(report),
        reason: sentence(&reason(report)),
        numbers: numbers(report),
        commands: vec![Command { purpose: "Repeat it".into(), line: search.repeat.clone() }],
        timeline: Timeline::default(),
        sections: std::iter::once(section("The trials", "", vec![Block::Table(trials(report))]))
            .chain(plan::chapter(Some(&search.plan), Some(&search.environment)))
            .collect(),
        measures: measures(report),
    }
}

fn verdict(report: &FindMaxReport) -> Verdict {
    let (tone, word, meaning) = match (report.generator_limit.is_some(), report.rate) {
        (true, _) => (Tone::Warn, "INCONCLUSIVE", "the generator was the limit; the server may bear more"),
        (false, Some(_)) => (Tone::Good, "FOUND", "the objective is kept up to this rate"),
        (false, None) => (Tone::Bad, "FAIL", "no rate that was tried keeps the objective"),
    };
    Verdict { tone, word: word.into(), meaning: meaning.into() }
}

fn reason(report: &FindMaxReport) -> String {
    let broken = report.trials.iter().rev().find(|trial| !trial.kept);
    match (&report.generator_limit, broken) {
        (Some(limit), _) => {
            format!("the generator is the limit at {}: {}", per_second(limit.rate), limit.reason)
        }
        (None, Some(trial)) => format!("not kept at {}: {}", per_second(trial.rate), trial.reason),
        (None, None) => "kept at every rate up to the highest that may be tried".to_owned(),
    }
}

fn numbers(report: &FindMaxReport) -> Vec<Number> {
    let rate = |rate: Option<f64>| rate.map_or_else(|| "none".to_owned(), per_second);
    let tone = if report.rate.is_some() { Tone::Good } else { Tone::Bad };
    vec![
        number("Highest rate that keeps it", rate(report.rate), String::new(), tone),
        number("Lowest rate that does not", rate(report.broken_at), String::new(), Tone::Plain),
        number("Trials", count(report.trials.len() as u64), String::new(), Tone::Plain),
    ]
}

fn trials(report: &FindMaxReport) -> Table {
    let heads = ["rate", "kept", "p99", "not answered well", "why"];
    let mut table = Table::with_heads("In their order", heads).figures([0, 2, 3]);
    for trial in &report.trials {
        let (tone, word) = if trial.kept { (Tone::Good, "yes") } else { (Tone::Bad, "no") };
        table.row([
            per_second(trial.rate).into(),
            Cell::new(tone, word),
            Unit::Milliseconds.text(trial.p99_ms).into(),
            Unit::Percent.text(trial.error_rate * 100.0).into(),
            trial.reason.clone().into(),
        ]);
    }
    table
}

fn measures(report: &FindMaxReport) -> Vec<Measure> {
    let rate = |name, rate| measure("Search", name, Unit::RequestsPerSecond, Better::Higher, rate);
    vec![rate("highest rate kept", report.rate), rate("lowest rate not kept", report.broken_at)]
}

fn per_second(rate: f64) -> String {
    Unit::RequestsPerSecond.text(rate)
}
