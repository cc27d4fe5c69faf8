//! Evidence over time, against what a verdict needs.

use kubsets_delivery::TickEvent;
use kubsets_judge::compare::one_look;
use kubsets_judge::{Counts, Indicator, Tick};
use kubsets_report::{Axis, Block, Chart, Extent, Limit, Role, Scale, Section, Shape, Table, Unit};

use super::latency::slow_limits;
use crate::report::CanaryRecord;
use crate::report::pieces::{self, count, line};

const INTRO: &str = "Two e-processes watch the traffic second by second. Each is a bet against a hypothesis that \
may be looked at all the time: its value 100 means that chance alone gets there in at most one of 100 runs.";

/// Seconds of each point of the Mann-Whitney test.
const POINT_SECONDS: f64 = 10.0;

pub(super) fn section(record: &CanaryRecord) -> Section {
    let judge = &record.plan.judge;
    let fail = chart(
        record,
        ("fail-evidence", "Evidence that the canary is worse"),
        (Role::Harm, 1.0 / judge.alpha, "rolls back"),
        |tick| tick.fail_evidence,
    );
    let pass = chart(
        record,
        ("pass-evidence", "Evidence of each step that the canary is below the error limit"),
        (Role::Gain, 1.0 / judge.pass_alpha, "passes the step"),
        |tick| tick.pass_evidence,
    );
    let mut blocks = vec![Block::Chart(fail), Block::Chart(pass)];
    blocks.extend(indicators(record).map(Block::Table));
    blocks.extend(classic(record).map(Block::Table));
    pieces::section("Evidence over time", INTRO, blocks)
}

fn chart(
    record: &CanaryRecord,
    (id, title): (&str, &str),
    (role, needed, effect): (Role, f64, &str),
    value: impl Fn(&TickEvent) -> f64,
) -> Chart {
    // Seconds that are not judged have no evidence; a gap says so.
    let points =
        record.ticks().map(|(at, tick)| (at, Some(value(tick)).filter(|value| tick.judged && *value > 0.0)));
    Chart {
        id: id.to_owned(),
        title: title.to_owned(),
        note: String::new(),
        extent: Extent::Time,
        axis: Axis { unit: Unit::Evidence, scale: Scale::Log, low: None, high: None },
        lines: vec![line("evidence", role, Shape::Line, points.collect())],
        limits: vec![Limit { name: format!("{} {effect}", Unit::Evidence.text(needed)), value: needed }],
    }
}

/// Each indicator at the end of the run.
fn indicators(record: &CanaryRecord) -> Option<Table> {
    let evidence = record.outcome.as_ref()?.evidence.as_ref()?;
    let heads = ["what was compared", "stable", "canary", "difference", "margin", "evidence"];
    let mut table = Table::with_heads("At the end, indicator by indicator", heads)
        .figures([1, 2, 3, 4, 5])
        .note(&format!(
            "The evidence that counts is the mean over the indicators. The margin is how much worse the canary may be. \
             A request is slow that takes {} longer than stable's percentile in the warm-up, or {} where that is more.",
            record.plan.spec.judge.latency_floor,
            Unit::Percent.text(record.plan.judge.slow_margin * 100.0),
        ));
    let limits = slow_limits(record);
    for one in &evidence.per_indicator {
        table.row([
            name(one.indicator, limits).into(),
            share(one.stable).into(),
            share(one.canary).into(),
            format!("{} points", signed(one.effect * 100.0)).into(),
            format!("{} points", Unit::Count.text(one.margin * 100.0)).into(),
            Unit::Evidence.text(one.evidence).into(),
        ]);
    }
    Some(table)
}

/// What classic tests say of the failed requests; none where nothing was judged.
fn classic(record: &CanaryRecord) -> Option<Table> {
    let ticks: Vec<Tick> =
        record.ticks().filter(|(_, tick)| tick.judged).map(|(_, tick)| tick.judge_tick()).collect();
    if ticks.is_empty() {
        return None;
    }
    let look = one_look(&ticks, POINT_SECONDS);
    let mut table = Table::facts("For comparison: classic tests of failed requests, one look at the end").note(
        "They played no part in the verdict. Each holds for one look at a length fixed beforehand, not for a run \
         that is watched and ended by what is seen.",
    );
    table.fact("Fisher's exact test, one-sided p", probability(look.fisher_p));
    match look.mann_whitney {
        Some(test) => {
            let points = format!("rates of {POINT_SECONDS:.0} s each");
            table.fact(
                "Mann-Whitney test",
                format!("U {:.1}, one-sided p {}; {points}", test.u, probability(test.p)),
            );
            table.fact(
                "chance that a rate of the canary is the higher one",
                format!("{} (common language effect size)", Unit::Percent.text(test.higher * 100.0)),
            );
        }
        None => table.fact("Mann-Whitney test", format!("needs {POINT_SECONDS:.0} s of both versions")),
    }
    Some(table)
}

fn probability(value: f64) -> String {
    if value < 1e-4 { "under 0.0001".to_owned() } else { format!("{value:.4}") }
}

/// What is compared; with the latency from which on a request is slow, where the record has it.
fn name(indicator: Indicator, limits: Option<[f64; 3]>) -> String {
    let slow = |percentile: &str| {
        let at = Indicator::SLOW.iter().position(|slow| *slow == indicator);
        let limit =
            limits.zip(at).map(|(limits, at)| format!(", over {}", Unit::Milliseconds.text(limits[at])));
        format!("slow by stable's {percentile}{}", limit.unwrap_or_default())
    };
    match indicator {
        Indicator::Error => "failed requests".to_owned(),
        Indicator::Slow50 => slow("median"),
        Indicator::Slow90 => slow("90th percentile"),
        Indicator::Slow99 => slow("99th percentile"),
    }
}

fn share(counts: Counts) -> String {
    format!("{} of {}", count(counts.bad), count(counts.n))
}

fn signed(value: f64) -> String {
    let sign = if value > 0.0 { "+" } else { "" };
    format!("{sign}{}", Unit::Count.text(value))
}
