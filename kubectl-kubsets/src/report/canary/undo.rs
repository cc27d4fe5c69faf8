//! The way back: what was compared with its state before.

use kubsets_delivery::RunVerdict;
use kubsets_report::{Block, Cell, Section, Table, Tone, Unit};

use crate::report::{CanaryRecord, objects, pieces};

/// None where nothing was undone or nothing is known of it.
pub(super) fn section(record: &CanaryRecord) -> Option<Section> {
    let outcome = record.outcome.as_ref()?;
    let Some(undo) = &outcome.undo else {
        return Some(section_of(vec![Block::Text(
            "The way back did not end in this run, so nothing was compared.".into(),
        )]));
    };
    let mut times = Table::facts("How long it took");
    times.fact("weights accepted by the API server", Unit::Milliseconds.text(undo.api_ms));
    let wire = undo.wire_ms.map_or_else(|| "not measured".to_owned(), |ms| Unit::Milliseconds.text(ms));
    times.fact("last answer of the canary", wire);
    times.fact("everything removed and compared", Unit::Milliseconds.text(undo.total_ms));
    if let Some(command) = &outcome.cleanup_command {
        times.fact("what finishes it", Cell::new(Tone::Bad, command.clone()));
    }
    let mut objects = objects::table(&undo.comparisons);
    if outcome.verdict == RunVerdict::Promoted {
        objects.note =
            "The Deployment itself was changed by the promotion; it is not in this list, and `canary undo` brings it back.".into();
    }
    let mut blocks = Vec::new();
    if !undo.comparisons.is_empty() {
        blocks.push(Block::Table(objects));
    }
    blocks.push(Block::Table(times));
    Some(section_of(blocks))
}

fn section_of(blocks: Vec<Block>) -> Section {
    pieces::section(
        "The way back",
        "Hashes are SHA-256 over the canonical form of what was compared.",
        blocks,
    )
}
