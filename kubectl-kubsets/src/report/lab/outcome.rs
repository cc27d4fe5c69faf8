//! What was expected and what came: expectations, steps, steady state, evidence, undo.

use kubsets_engine::{LabEvent, StepStatus, When};
use kubsets_report::{Block, Cell, Section, Table, Tone, Unit};

use super::LabRun;
use crate::report::objects;
use crate::report::pieces::section;

fn yes_or_no(held: bool) -> Cell {
    if held { Cell::new(Tone::Good, "yes") } else { Cell::new(Tone::Bad, "no") }
}

/// Each expectation, what was seen, whether it held; none for a lab without.
pub(super) fn expectations(run: &LabRun) -> Option<Section> {
    let checked: Vec<_> = run
        .events
        .iter()
        .filter_map(|record| match &record.event {
            LabEvent::Expected(checked) => Some(checked),
            _ => None,
        })
        .collect();
    let mut table = Table::with_heads("", ["expected", "as an expression", "seen", "held"]);
    for (place, expectation) in run.plan.expect.iter().enumerate() {
        let (seen, held) = match checked.get(place) {
            Some(one) => (one.seen.clone(), yes_or_no(one.held)),
            None => ("not looked at: the run ended before".to_owned(), Cell::new(Tone::Warn, "-")),
        };
        table.row([expectation.name.clone().into(), expectation.that.clone().into(), seen.into(), held]);
    }
    let intro = "Looked at after the last step, before the undo.";
    (!table.rows.is_empty()).then(|| section("What the lab expects", intro, vec![Block::Table(table)]))
}

/// Each step and what came out.
pub(super) fn steps(run: &LabRun) -> Option<Section> {
    let heads = ["step", "operation", "began", "took", "ended", "what came out"];
    let mut table = Table::with_heads("", heads).figures([2, 3]);
    for step in &run.plan.steps {
        let began = run.began(step);
        let ended = run.events.iter().find_map(|record| match &record.event {
            LabEvent::StepEnded { step: number, status, seconds, message, .. }
                if *number == step.index + 1 =>
            {
                Some((*status, *seconds, message.clone()))
            }
            _ => None,
        });
        let text = |seconds: Option<f64>| seconds.map_or_else(|| "-".into(), |one| Unit::Seconds.text(one));
        let (word, message) = match &ended {
            Some((StepStatus::Passed, _, message)) => (Cell::new(Tone::Good, "done"), message.clone()),
            Some((StepStatus::Failed, _, message)) => (Cell::new(Tone::Bad, "failed"), message.clone()),
            _ if began.is_some() => (Cell::new(Tone::Warn, "not ended"), String::new()),
            _ => (Cell::new(Tone::Warn, "not reached"), String::new()),
        };
        table.row([
            step.name.clone().into(),
            step.operation.kind().into(),
            text(began).into(),
            text(ended.map(|(_, seconds, _)| seconds)).into(),
            word,
            message.into(),
        ]);
    }
    (!table.rows.is_empty()).then(|| section("Step by step", "", vec![Block::Table(table)]))
}

/// Needs, and the steady state before and after.
pub(super) fn steady(run: &LabRun) -> Option<Section> {
    let mut needs = Table::with_heads("Needs", ["need", "found", "met"]);
    let mut states = Table::with_heads("Steady state", ["when", "what must hold", "seen", "held"]);
    for record in &run.events {
        match &record.event {
            LabEvent::Need { need, met, detail } => {
                needs.row([need.clone().into(), detail.clone().into(), yes_or_no(*met)]);
            }
            LabEvent::Steady { when, checked } => {
                let when = match when {
                    When::Before => "before the first step",
                    When::After => "after the undo",
                };
                states.row([
                    when.into(),
                    checked.expected.clone().into(),
                    checked.seen.clone().into(),
                    yes_or_no(checked.held),
                ]);
            }
            _ => {}
        }
    }
    let tables = [states, needs].into_iter().filter(|table| !table.rows.is_empty());
    let blocks: Vec<Block> = tables.map(Block::Table).collect();
    let intro = "The same questions before the first step and after the undo: a lab is only tried on a system that \
is well, and leaves it so.";
    (!blocks.is_empty()).then(|| section("Steady state", intro, blocks))
}

/// What was collected because the lab failed.
pub(super) fn evidence(run: &LabRun) -> Option<Section> {
    let listings = run.events.iter().filter_map(|record| match &record.event {
        LabEvent::Evidence { title, text } => {
            Some(Block::Listing { title: title.clone(), text: text.clone() })
        }
        _ => None,
    });
    let blocks: Vec<Block> = listings.collect();
    let intro = "Collected when the lab had failed, before the undo.";
    (!blocks.is_empty()).then(|| section("Evidence of the failure", intro, blocks))
}

/// What was compared with its state before; none while the run is unfinished.
pub(super) fn undo(run: &LabRun) -> Option<Section> {
    let outcome = run.outcome.as_ref()?;
    let intro = "Hashes are SHA-256 over the canonical form of what was compared.";
    let mut blocks = Vec::new();
    match &outcome.undo {
        None => {
            blocks.push(Block::Text("The undo did not end in this run, so nothing was compared.".into()));
        }
        Some(undo) if undo.comparisons.is_empty() => {
            blocks.push(Block::Text("No object was changed, so there was nothing to undo.".into()));
        }
        Some(undo) => {
            let mut table = objects::table(&undo.comparisons);
            table.note = format!("Undone and compared in {}.", Unit::Seconds.text(undo.seconds));
            blocks.push(Block::Table(table));
        }
    }
    if let Some(command) = &outcome.cleanup_command {
        let mut table = Table::facts("What is left to do");
        table.fact("what finishes the undo", Cell::new(Tone::Bad, command.clone()));
        blocks.push(Block::Table(table));
    }
    Some(section("The undo", intro, blocks))
}
