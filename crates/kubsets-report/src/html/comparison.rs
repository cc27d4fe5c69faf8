//! The page of two runs side by side.

use maud::{Markup, html};

use super::block::{caption, legend};
use super::head::{tone, verdict, when};
use super::page::page;
use crate::comparison::{Change, Comparison, INTERVALS, Row};
use crate::story::{Chart, Story, Tone};
use crate::svg::{self, Width};

/// Two runs as a page of its own.
pub fn comparison(comparison: &Comparison) -> String {
    let (a, b) = (&comparison.a, &comparison.b);
    let seconds = a.timeline.seconds.max(b.timeline.seconds);
    let body = html! {
        header {
            p.run { "kubsets report · two runs side by side" }
            h1 { (a.run) " and " (b.run) }
            div.sides { (side("A", a)) (side("B", b)) }
        }
        section {
            h2 { "Numbers" }
            (numbers(comparison))
        }
        @let charts = comparison.charts();
        @if !charts.is_empty() {
            section {
                h2 { "Charts" }
                p.intro { "A on the left, B on the right; both have the same axes." }
                @for (a, b) in &charts {
                    div.sides { (chart("A", a, seconds)) (chart("B", b, seconds)) }
                }
            }
        }
        section {
            h2 { "Commands" }
            div.commands {
                @for (name, story) in [("A", a), ("B", b)] {
                    @if let Some(first) = story.commands.first() {
                        div.command { span.purpose { (name) } code { (first.line) }
                            button type="button" data-copy=(first.line) hidden { "Copy" } }
                    }
                }
            }
        }
    };
    page(&format!("{} {} and {} {}", a.run, a.verdict.word, b.run, b.verdict.word), &body)
}

fn side(name: &str, story: &Story) -> Markup {
    html! {
        div.side {
            p.run { b.letter { (name) } " run " b { (story.run) } (when(story)) }
            p.what { (story.title) }
            (verdict(story))
        }
    }
}

fn numbers(comparison: &Comparison) -> Markup {
    html! {
        figure.full {
            div.scroll {
                table.rows.compared {
                    thead { tr {
                        th scope="col" { "" } th.figure scope="col" { "A" } th.figure scope="col" { "B" }
                        th.figure scope="col" { "B less A" } th scope="col" { "" }
                    } }
                    tbody {
                        @for group in comparison.rows.chunk_by(|one, next| one.group == next.group) {
                            tr.group { th scope="rowgroup" colspan="5" { (group[0].group) } }
                            @for row in group { (compared(row)) }
                        }
                    }
                }
            }
            p.note { (INTERVALS) }
        }
    }
}

fn compared(row: &Row) -> Markup {
    let [a, b, less] = row.texts();
    let (class, word) = match row.change {
        Change::Better => (Tone::Good, "✔ better"),
        Change::Worse => (Tone::Bad, "✘ worse"),
        Change::Different | Change::Unknown => (Tone::Plain, ""),
        Change::Same => (Tone::Plain, "the same"),
        Change::Unclear => (Tone::Plain, "may be chance"),
    };
    html! {
        tr {
            th scope="row" { (row.name) }
            @for (value, range) in [a, b, less] {
                td.figure { (value) @if !range.is_empty() { span.range { (range) } } }
            }
            td { @if class == Tone::Plain { (word) } @else { span class={ "sign " (tone(class)) } { (word) } } }
        }
    }
}

fn chart(name: &str, chart: &Chart, seconds: f64) -> Markup {
    html! {
        figure.side {
            (caption(&format!("{name}: {}", chart.title), chart.axis.unit.name(), &legend(chart)))
            (svg::chart(chart, seconds, Width::Half))
            (svg::chart(chart, seconds, Width::Narrow))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::sample::{hostile, story};

    #[test]
    fn both_runs_are_on_the_page() {
        let (a, mut b) = (story(), story());
        b.run = "other-run".into();
        b.measures[0].value = Some(1e6);
        b.measures[0].range = Some(crate::story::Range { low: Some(9e5), high: None });
        let page = comparison(&Comparison::new(a.clone(), b));
        assert!(page.contains(&a.run) && page.contains("other-run") && page.contains("✘ worse"));
        assert!(!page.contains("NaN"));
    }

    #[test]
    fn hostile_values_stay_text() {
        let (story, words) = hostile();
        let page = comparison(&Comparison::new(story.clone(), story));
        assert!(!page.contains(words));
        assert_eq!(page.matches("<script").count(), 1);
    }
}
