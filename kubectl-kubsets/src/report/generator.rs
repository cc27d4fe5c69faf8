//! Whether the load generator may be believed.

use kubsets_load::LoadReport;
use kubsets_report::{Block, Cell, Section, Table, Tone, Unit};

use super::pieces::{count, section};

/// The chapter on the load generator; its report is absent where the run was cut off.
pub(super) fn chapter(load: Option<&LoadReport>) -> Section {
    let blocks = match load {
        Some(load) => vec![Block::Table(accounting(load)), Block::Table(generator(load))],
        None => vec![Block::Text("The load generator left no report: the run did not end by itself.".into())],
    };
    section("The load generator", "Each planned request is in exactly one of the other numbers.", blocks)
}

fn accounting(load: &LoadReport) -> Table {
    let accounting = &load.accounting;
    let mut table = Table::with_heads("Accounting", ["", "requests"]).figures([1]);
    let parts = [
        ("answered well", accounting.ok),
        ("failed", accounting.failed),
        ("timed out", accounting.timed_out),
        ("in flight at the end", accounting.in_flight_at_end),
        ("never sent", accounting.never_sent),
    ];
    let sum = parts.iter().map(|(_, value)| value).sum::<u64>();
    for (name, value) in parts {
        table.row([name.into(), count(value).into()]);
    }
    let (tone, word) =
        if accounting.holds() { (Tone::Good, "sum = planned") } else { (Tone::Bad, "sum ≠ planned") };
    let planned = if accounting.holds() {
        count(sum)
    } else {
        format!("{} ≠ {}", count(sum), count(accounting.planned))
    };
    table.row([Cell::new(tone, word), planned.into()]);
    table.note.clone_from(&load.identity);
    table
}

fn generator(load: &LoadReport) -> Table {
    let mut table = Table::facts("Validity");
    let valid = if load.validity.valid {
        Cell::new(Tone::Good, "valid: the generator kept up")
    } else {
        Cell::new(Tone::Bad, format!("INVALID: {}", load.validity.reasons.join("; ")))
    };
    table.fact("verdict on itself", valid);
    for warning in &load.validity.warnings {
        table.fact("note", Cell::new(Tone::Warn, warning.clone()));
    }
    let pacing = &load.pacing;
    let late = |micros: f64| Unit::Milliseconds.text(micros / 1e3);
    table.fact(
        "late against its own plan",
        format!("p50 {}, p99 {}, at most {}", late(pacing.p50_us), late(pacing.p99_us), late(pacing.max_us)),
    );
    table.fact("longest standstill", Unit::Milliseconds.text(pacing.longest_pause_ms));
    table.fact("schedule", format!("{} requests/s, {} loop, {}", load.schedule, load.model, load.protocol));
    table.fact(
        "planned",
        format!(
            "{} for {}",
            Unit::RequestsPerSecond.text(load.planned_per_s),
            Unit::Seconds.text(load.planned_s)
        ),
    );
    table.fact("answered well", Unit::RequestsPerSecond.text(load.ok_per_s));
    table.note.clone_from(&load.explanation);
    table
}
