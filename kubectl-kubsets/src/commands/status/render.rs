//! The status as a screen and as a line.

use super::model::{Part, Status};
use crate::ui::{Cell, Style, Table, Tone, cut};

/// The whole screen.
pub(super) fn full(status: &Status, style: Style) -> String {
    let mut text = verdict(status, style);
    let Status { context, server, kubernetes, namespace, .. } = status;
    let facts = format!("context {context}, Kubernetes {kubernetes}, {server}, namespace {namespace}");
    append!(text, "{}\n", style.paint(Tone::Dim, &facts));

    section(&mut text, "Nodes", &nodes(status), style);
    section(&mut text, "Platform", &parts(&status.platform, true), style);
    section(&mut text, "Stack", &parts(&status.stack, false), style);
    problems(&mut text, status, style);
    text
}

/// One line, for a log.
pub(super) fn line(status: &Status) -> String {
    let count =
        |parts: &[Part]| format!("{}/{}", parts.iter().filter(|part| part.healthy).count(), parts.len());
    let nodes = status.nodes.iter().filter(|node| node.ready).count();
    format!(
        "{} (nodes {nodes}/{}, platform {}, stack {})",
        status.summary,
        status.nodes.len(),
        count(&status.platform),
        count(&status.stack)
    )
}

fn verdict(status: &Status, style: Style) -> String {
    let (tone, word) = if status.healthy { (Tone::Good, "healthy") } else { (Tone::Bad, "not healthy") };
    let count = match status.problems.len() {
        0 => String::new(),
        1 => ": 1 problem".to_owned(),
        many => format!(": {many} problems"),
    };
    format!("{} {}{count}\n", style.icon(tone), style.paint(tone, word))
}

fn section(text: &mut String, title: &str, table: &Table, style: Style) {
    if !table.is_empty() {
        append!(text, "\n{}\n", style.paint(Tone::Strong, title));
        text.push_str(&table.render(style));
    }
}

fn nodes(status: &Status) -> Table {
    let mut table = Table::new([]).indent(2);
    for node in &status.nodes {
        table.row([
            mark(node.ready),
            node.name.clone().into(),
            node.roles.clone().into(),
            node.address.clone().into(),
        ]);
    }
    table
}

fn parts(parts: &[Part], with_namespace: bool) -> Table {
    let mut table = Table::new([]).indent(2);
    for part in parts {
        let place = if with_namespace { part.namespace.clone() } else { part.kind.clone() };
        let tone = if part.healthy { Tone::Plain } else { Tone::Bad };
        table.row([
            mark(part.healthy),
            part.name.clone().into(),
            Cell::new(tone, part.state.clone()),
            part.version.clone().unwrap_or_default().into(),
            Cell::new(Tone::Dim, place),
            part.detail.clone().into(),
        ]);
    }
    table
}

fn mark(healthy: bool) -> Cell {
    if healthy { Cell::new(Tone::Good, "ok") } else { Cell::new(Tone::Bad, "!!") }
}

fn problems(text: &mut String, status: &Status, style: Style) {
    for (position, problem) in status.problems.iter().enumerate() {
        let title = if position == 0 { "Look here first" } else { "Then" };
        if position < 2 {
            append!(text, "\n{}\n", style.paint(Tone::Strong, title));
        }
        let place =
            if problem.namespace.is_empty() { String::new() } else { format!(" in {}", problem.namespace) };
        let object = style.paint(Tone::Bad, &problem.object);
        append!(text, "  {object}{place}: {}\n", problem.reason);
        if let Some(log) = &problem.last_log {
            let width = style.width.map_or(160, usize::from).saturating_sub(16);
            append!(text, "    last log: {}\n", style.paint(Tone::Dim, &cut(log, width, style)));
        }
        append!(text, "    {}\n", style.paint(Tone::Hint, &problem.look));
    }
}
