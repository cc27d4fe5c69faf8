//! Where the requests went: the share of each step, the moves of traffic, the requests in sum.

use kubsets_delivery::Outcome;
use kubsets_report::{Block, Cell, Interval, Intervals, Section, Table, Tone, Unit};

use crate::report::CanaryRecord;
use crate::report::pieces::{self, count};

const INTRO: &str = "The share is measured on the wire, by the version that each answer names, and not believed from \
the weights of the route.";

pub(super) fn section(record: &CanaryRecord) -> Section {
    let mut blocks = Vec::new();
    if let Some(outcome) = &record.outcome {
        blocks.extend(shares(outcome).map(Block::Intervals));
        blocks.push(Block::Table(totals(outcome)));
        if !outcome.steps.is_empty() {
            blocks.push(Block::Table(steps(outcome)));
        }
        if !outcome.switches.is_empty() {
            blocks.push(Block::Table(moves(outcome)));
        }
    } else {
        blocks.push(Block::Text("The run has no outcome on record, so nothing was added up.".into()));
    }
    pieces::section("Traffic", INTRO, blocks)
}

fn shares(outcome: &Outcome) -> Option<Intervals> {
    let row = |step: &kubsets_delivery::StepReport| {
        let share = &step.share;
        let inside = (share.low_percent..=share.high_percent).contains(&share.target_percent);
        Interval {
            label: format!("{} %", step.percent),
            target: share.target_percent,
            value: share.percent,
            low: share.low_percent,
            high: share.high_percent,
            note: format!("{} of {} requests", count(share.canary), count(share.total)),
            tone: if inside { Tone::Good } else { Tone::Warn },
        }
    };
    let rows: Vec<Interval> = outcome.steps.iter().filter(|step| step.share.total > 0).map(row).collect();
    (!rows.is_empty()).then(|| Intervals {
        title: "Share of the canary, step by step".into(),
        note: "✔ the interval contains the ordered share, ▲ it does not.".into(),
        unit: Unit::Percent,
        confidence: 0.95,
        rows,
    })
}

fn totals(outcome: &Outcome) -> Table {
    let totals = &outcome.totals;
    let mut table = Table::with_heads("Requests in sum", ["", "requests", "failed"])
        .figures([1, 2])
        .note("From the first second to the verdict and back. What users saw are failed answers and requests without an answer.");
    let failed = |failed: u64| Cell::from(count(failed));
    table.row(["stable".into(), count(totals.stable).into(), failed(totals.stable_failed)]);
    table.row(["canary".into(), count(totals.canary).into(), failed(totals.canary_failed)]);
    table.row(["no answer from either".into(), count(totals.dropped).into(), failed(totals.dropped)]);
    table.row(["given up unsent".into(), count(totals.never_sent).into(), "".into()]);
    table.row([
        "planned / seen by users".into(),
        count(totals.planned).into(),
        failed(totals.failed_for_users),
    ]);
    table
}

fn steps(outcome: &Outcome) -> Table {
    let heads = ["step", "took", "requests", "canary failed", "stable failed", "passed"];
    let mut table = Table::with_heads("Steps", heads).figures([1, 2, 3, 4]);
    for step in &outcome.steps {
        let passed = if step.passed { Cell::new(Tone::Good, "yes") } else { Cell::new(Tone::Bad, "no") };
        table.row([
            format!("{} %", step.percent).into(),
            Unit::Seconds.text(step.seconds).into(),
            count(step.share.total).into(),
            count(step.canary_failed).into(),
            count(step.stable_failed).into(),
            passed,
        ]);
    }
    table
}

fn moves(outcome: &Outcome) -> Table {
    let heads =
        ["move", "at", "accepted after", "requests around it", "no answer", "canary failed", "stable failed"];
    let mut table = Table::with_heads("Moves of traffic", heads)
        .figures([1, 2, 3, 4, 5, 6])
        .note("Each move has the second in which it was made and the three after it.");
    for one in &outcome.switches {
        let tone = if one.dropped == 0 { Tone::Plain } else { Tone::Bad };
        table.row([
            format!("{} % → {} %", one.from_percent, one.to_percent).into(),
            Unit::Seconds.text(one.at_seconds).into(),
            Unit::Milliseconds.text(one.api_ms).into(),
            count(one.requests).into(),
            Cell::new(tone, count(one.dropped)),
            count(one.canary_failed).into(),
            count(one.stable_failed).into(),
        ]);
    }
    table
}
