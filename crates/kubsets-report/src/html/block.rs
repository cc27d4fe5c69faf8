//! The parts of a section.

use maud::{Markup, html};

use super::head::tone;
use crate::story::{Block, Cell, Chart, Extent, HeatMap, Intervals, Section, Table};
use crate::svg::{self, LEVELS, Width, key};

/// A section; `seconds` is the length of the run's clock.
pub(super) fn section(section: &Section, seconds: f64) -> Markup {
    html! {
        section {
            h2 { (section.title) }
            @if !section.intro.is_empty() { p.intro { (section.intro) } }
            div.blocks { @for one in &section.blocks { (block(one, seconds)) } }
        }
    }
}

fn block(block: &Block, seconds: f64) -> Markup {
    match block {
        Block::Text(text) => html! { p.full { (text) } },
        Block::Listing { title, text } => html! {
            figure.full { (caption(title, "", &html! {})) pre { (text) } }
        },
        Block::Chart(chart) => chart_figure(chart, seconds),
        Block::HeatMaps(maps) => heat_figure(maps, seconds),
        Block::Intervals(intervals) => interval_figure(intervals),
        Block::Table(table) => table_figure(table),
    }
}

fn chart_figure(chart: &Chart, seconds: f64) -> Markup {
    let (class, widths) = match chart.extent {
        Extent::Time => ("full", [Width::Wide, Width::Narrow]),
        Extent::Percentile => ("part", [Width::Half, Width::Narrow]),
    };
    html! {
        figure class=(class) {
            (caption(&chart.title, chart.axis.unit.name(), &legend(chart)))
            @if chart.is_empty() { p.nothing { "Nothing was measured." } }
            @else { @for width in widths { (svg::chart(chart, seconds, width)) } }
            @if !chart.note.is_empty() { p.note { (chart.note) } }
        }
    }
}

/// The lines of a chart by name and shape.
pub(super) fn legend(chart: &Chart) -> Markup {
    html! {
        @for line in &chart.lines { span.entry { (key(line.role, line.shape)) " " (line.name) } }
    }
}

/// Title, unit, legend.
pub(super) fn caption(title: &str, unit: &str, legend: &Markup) -> Markup {
    html! {
        figcaption {
            b { (title) @if !unit.is_empty() { span.unit { ", " (unit) } } }
            (legend)
        }
    }
}

fn heat_figure(maps: &[HeatMap], seconds: f64) -> Markup {
    html! {
        figure.full {
            (caption("Spread of the latency, second by second", "", &html! {
                span.entry { "few requests " @for level in 1..=LEVELS { i class={ "swatch h" (level) } {} } " many" }
            }))
            @if maps.iter().all(|map| map.columns.is_empty()) { p.nothing { "Nothing was measured." } }
            @else { @for width in [Width::Wide, Width::Narrow] { (svg::heat_maps(maps, seconds, width)) } }
            p.note { "Each column is a second, each row a range of latency on a log scale; steps of darkness are "
                "by powers, so that a single slow request is seen. Failed requests are not in here." }
        }
    }
}

fn interval_figure(intervals: &Intervals) -> Markup {
    html! {
        figure.part {
            (caption(&intervals.title, "", &html! {
                span.entry { i.target {} " ordered" }
                span.entry { i.measured {} " measured, " (format!("{:.0} % interval", intervals.confidence * 100.0)) }
            }))
            @for width in [Width::Half, Width::Narrow] { (svg::intervals(intervals, width)) }
            @if !intervals.note.is_empty() { p.note { (intervals.note) } }
        }
    }
}

/// A table; more than four columns take the whole width.
pub(super) fn table_figure(table: &Table) -> Markup {
    let wide = table.rows.iter().map(Vec::len).max().unwrap_or(0) > 4;
    let figure = |place: usize| if table.figures.contains(&place) { "figure" } else { "words" };
    html! {
        figure class=(if wide { "full" } else { "part" }) {
            @if !table.title.is_empty() { (caption(&table.title, "", &html! {})) }
            div.scroll {
                table class=(if table.heads.is_empty() { "facts" } else { "rows" }) {
                    @if !table.heads.is_empty() {
                        thead { tr {
                            @for (place, head) in table.heads.iter().enumerate() {
                                th scope="col" class=(figure(place)) { (head) }
                            }
                        } }
                    }
                    tbody {
                        @for row in &table.rows {
                            tr { @for (place, one) in row.iter().enumerate() { (cell(one, place, figure(place))) } }
                        }
                    }
                }
            }
            @if !table.note.is_empty() { p.note { (table.note) } }
        }
    }
}

fn cell(cell: &Cell, place: usize, class: &str) -> Markup {
    let content = html! {
        @if !cell.tone.sign().is_empty() { span class={ "sign " (tone(cell.tone)) } { (cell.tone.sign()) } " " }
        (cell.text)
    };
    if place == 0 {
        html! { th scope="row" class=(class) { (content) } }
    } else {
        html! { td class=(class) { (content) } }
    }
}
