//! The report as Markdown: for a pull request, an issue, a terminal. Charts become rows of small bars.

mod escape;
mod spark;

use std::fmt::{Display, Write as _};

use crate::comparison::{Change, Comparison, INTERVALS};
use crate::story::{Block, Chart, HeatMap, Intervals, Section, Story, Table, Timeline, Unit};
use escape::{code, inline};
use spark::spark;

/// Adds a line. Writing to a `String` cannot fail.
fn line(text: &mut String, words: impl Display) {
    let _ = writeln!(text, "{words}");
}

/// A report as Markdown.
pub fn report(story: &Story) -> String {
    let mut text = String::new();
    head(&mut text, story, "#");
    if !story.numbers.is_empty() {
        line(&mut text, "| what | value | against |\n|---|---|---|");
        for number in &story.numbers {
            let value = [number.tone.sign(), &number.value].join(" ");
            let cells = [&number.label, value.trim(), &number.note].map(inline);
            line(&mut text, format_args!("| {} |", cells.join(" | ")));
        }
        line(&mut text, "");
    }
    if let Some(repeat) = story.commands.first() {
        line(&mut text, format_args!("{}:\n\n{}\n", inline(&repeat.purpose), code(&repeat.line)));
    }
    if story.timeline.seconds > 0.0 {
        timeline(&mut text, &story.timeline);
    }
    for one in &story.sections {
        section(&mut text, one);
    }
    if story.commands.len() > 1 {
        line(&mut text, "## Commands\n");
        for command in &story.commands {
            line(&mut text, format_args!("{}:\n\n{}\n", inline(&command.purpose), code(&command.line)));
        }
    }
    format!("{}\n", text.trim_end())
}

/// Two runs as Markdown.
pub fn comparison(comparison: &Comparison) -> String {
    let (a, b) = (&comparison.a, &comparison.b);
    let mut text = format!("# {} and {}\n\n", inline(&a.run), inline(&b.run));
    for (name, story) in [("A", a), ("B", b)] {
        line(&mut text, format_args!("## {name}: run {}\n", inline(&story.run)));
        head(&mut text, story, "###");
    }
    line(&mut text, "## Numbers\n\n| | | A | B | B less A | |\n|---|---|--:|--:|--:|---|");
    for row in &comparison.rows {
        let word = match row.change {
            Change::Better => "✔ better",
            Change::Worse => "✘ worse",
            Change::Same => "the same",
            Change::Unclear => "may be chance",
            Change::Different | Change::Unknown => "",
        };
        let (group, name) = (inline(&row.group), inline(&row.name));
        let [a, b, less] = row.texts().map(|(value, range)| match range.as_str() {
            "" => value,
            range => format!("{value} ({range})"),
        });
        line(&mut text, format_args!("| {group} | {name} | {a} | {b} | {less} | {word} |"));
    }
    line(&mut text, format_args!("\n{INTERVALS}"));
    let charts = comparison.charts();
    if !charts.is_empty() {
        line(&mut text, "\n## Charts\n");
    }
    for (a, b) in &charts {
        chart(&mut text, a, "A: ");
        chart(&mut text, b, "B: ");
    }
    format!("{}\n", text.trim_end())
}

fn head(text: &mut String, story: &Story, level: &str) {
    line(text, format_args!("{level} {}\n", inline(&story.title)));
    let verdict = &story.verdict;
    let sign = verdict.tone.sign();
    let word = [sign, &verdict.word].join(" ");
    line(
        text,
        format_args!(
            "**{}**, {}: {}\n",
            inline(word.trim()),
            inline(&verdict.meaning),
            inline(&story.reason)
        ),
    );
    if let Some(question) = &story.question {
        line(text, format_args!("Question: {}\n", inline(question)));
    }
    let at = story.started_at.as_deref().map(|at| format!(", {}", inline(at))).unwrap_or_default();
    let length =
        story.seconds.map(|seconds| format!(", {}", Unit::Seconds.text(seconds))).unwrap_or_default();
    line(text, format_args!("Run {}{at}{length}\n", inline(&story.run)));
}

fn timeline(text: &mut String, timeline: &Timeline) {
    line(text, "## What happened when\n\n| from | to | lane | what |\n|--:|--:|---|---|");
    let mut rows = Vec::new();
    for turn in &timeline.turns {
        rows.push((turn.at, None, "", [turn.tone.sign(), &turn.label].join(" ")));
    }
    for lane in &timeline.lanes {
        for span in &lane.spans {
            let detail = if span.detail.is_empty() { String::new() } else { format!(": {}", span.detail) };
            let label = format!("{} {}{detail}", span.tone.sign(), span.label);
            rows.push((span.from, Some(span.to), &lane.name, label));
        }
        for mark in &lane.marks {
            rows.push((mark.at, None, &lane.name, [mark.tone.sign(), &mark.label].join(" ")));
        }
    }
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    for (from, to, lane, label) in rows {
        let to = to.map(|to| format!("{to:.1} s")).unwrap_or_default();
        line(text, format_args!("| {from:.1} s | {to} | {} | {} |", inline(lane), inline(label.trim())));
    }
    line(text, "");
    for one in &timeline.charts {
        chart(text, one, "");
    }
}

fn section(text: &mut String, section: &Section) {
    line(text, format_args!("## {}\n", inline(&section.title)));
    if !section.intro.is_empty() {
        line(text, format_args!("{}\n", inline(&section.intro)));
    }
    for block in &section.blocks {
        match block {
            Block::Text(words) => line(text, format_args!("{}\n", inline(words))),
            Block::Listing { title, text: lines } => {
                line(text, format_args!("**{}**\n\n{}\n", inline(title), code(lines.trim_end())));
            }
            Block::Chart(one) => chart(text, one, ""),
            Block::HeatMaps(maps) => heat_maps(text, maps),
            Block::Intervals(one) => intervals(text, one),
            Block::Table(one) => table(text, one),
        }
    }
}

fn chart(text: &mut String, chart: &Chart, before: &str) {
    let unit = chart.axis.unit;
    line(text, format_args!("**{before}{}**\n", inline(&chart.title)));
    for one in &chart.lines {
        let values: Vec<Option<f64>> = one.points.iter().map(|(_, value)| *value).collect();
        let known = || values.iter().flatten();
        let (low, high) =
            (known().copied().fold(f64::MAX, f64::min), known().copied().fold(f64::MIN, f64::max));
        let range = if low > high {
            "nothing measured".to_owned()
        } else {
            format!("`{}` {} to {}", spark(&values, chart.axis.scale), unit.text(low), unit.text(high))
        };
        line(text, format_args!("- {}: {range}", inline(&one.name)));
    }
    for limit in &chart.limits {
        line(text, format_args!("- {}: {}", inline(&limit.name), unit.text(limit.value)));
    }
    line(text, if chart.note.is_empty() { String::new() } else { format!("\n{}\n", inline(&chart.note)) });
}

fn heat_maps(text: &mut String, maps: &[HeatMap]) {
    for map in maps {
        let cells = map.columns.iter().flat_map(|column| &column.cells);
        let count: u64 = cells.map(|(_, count)| count).sum();
        let range = map.buckets().map(|(low, high)| {
            let at = |bucket: usize| map.bounds.get(bucket).or(map.bounds.last()).copied().unwrap_or(0.0);
            format!(", {} to {}", map.unit.text(at(low.saturating_sub(1))), map.unit.text(at(high)))
        });
        let range = range.unwrap_or_default();
        line(
            text,
            format_args!(
                "- {}: {count} requests{range}; the heat map is in the HTML report",
                inline(&map.name)
            ),
        );
    }
    line(text, "");
}

fn intervals(text: &mut String, intervals: &Intervals) {
    let unit = intervals.unit;
    line(text, format_args!("**{}**\n", inline(&intervals.title)));
    let confidence = intervals.confidence * 100.0;
    line(
        text,
        format_args!("| | ordered | measured | {confidence:.0} % interval | |\n|---|--:|--:|---|---|"),
    );
    for row in &intervals.rows {
        let (target, value) = (unit.text(row.target), unit.text(row.value));
        let (low, high) = (unit.text(row.low), unit.text(row.high));
        let note = [row.tone.sign(), &row.note].join(" ");
        let (label, note) = (inline(&row.label), inline(note.trim()));
        line(text, format_args!("| {label} | {target} | {value} | {low} to {high} | {note} |"));
    }
    line(text, "");
}

fn table(text: &mut String, table: &Table) {
    if !table.title.is_empty() {
        line(text, format_args!("**{}**\n", inline(&table.title)));
    }
    let columns = table.rows.iter().map(Vec::len).chain([table.heads.len()]).max().unwrap_or(0);
    let heads: Vec<String> =
        (0..columns).map(|place| table.heads.get(place).map(inline).unwrap_or_default()).collect();
    let rule = |place| if table.figures.contains(&place) { "--:" } else { "---" };
    let rules: Vec<&str> = (0..columns).map(rule).collect();
    line(text, format_args!("| {} |\n|{}|", heads.join(" | "), rules.join("|")));
    for row in &table.rows {
        let cells = row.iter().map(|cell| inline([cell.tone.sign(), &cell.text].join(" ").trim()));
        line(text, format_args!("| {} |", cells.collect::<Vec<_>>().join(" | ")));
    }
    line(text, if table.note.is_empty() { String::new() } else { format!("\n{}\n", inline(&table.note)) });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::sample::{hostile, story};

    #[test]
    fn everything_is_in_it() {
        let story = story();
        let text = report(&story);
        assert!(text.starts_with(&format!("# {}\n", story.title)), "{text}");
        assert!(text.contains("**✘ FAIL**"), "{text}");
        for section in &story.sections {
            assert!(text.contains(&format!("## {}", section.title)));
        }
        assert!(text.contains(&format!("```\n{}\n```", story.commands[0].line)));
    }

    #[test]
    fn tables_keep_their_columns_whatever_is_in_them() {
        let (story, _) = hostile();
        for text in [report(&story), comparison(&Comparison::new(story.clone(), story))] {
            let outside: String = text.split("```").step_by(2).collect();
            assert!(!outside.contains("<img"), "{outside}");
            let mut columns = None;
            let plain = text.replace("\\|", "");
            for row in plain.lines() {
                if !row.starts_with('|') {
                    columns = None;
                    continue;
                }
                let count = row.matches('|').count();
                assert_eq!(*columns.get_or_insert(count), count, "{row}");
            }
        }
    }

    #[test]
    fn two_runs_share_a_table() {
        let text = comparison(&Comparison::new(story(), story()));
        assert!(text.contains("the same") && text.contains("## A: run") && text.contains("## B: run"));
    }
}
