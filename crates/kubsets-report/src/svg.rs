//! Drawings. Every one is plain SVG with classes; colours and patterns come from the page's style sheet, so that a
//! drawing follows light, dark and print.

mod axis;
mod chart;
mod frame;
mod heat_map;
mod intervals;
mod line;
mod path;
mod thin;
mod timeline;

use maud::{Markup, html};

pub(crate) use chart::chart;
pub(crate) use heat_map::{LEVELS, heat_maps};
pub(crate) use intervals::intervals;
pub(crate) use line::{key, shapes};
pub(crate) use timeline::timeline;

/// Width that a drawing is made for, in pixels. Text does not shrink with the drawing: a phone gets its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Width {
    /// The whole page.
    Wide,
    /// One of two columns.
    Half,
    /// A phone, or a column on paper.
    Narrow,
}

impl Width {
    pub(crate) fn pixels(self) -> f64 {
        match self {
            Self::Wide => 1072.0,
            Self::Half => 520.0,
            Self::Narrow => 360.0,
        }
    }

    /// Room left of the plot.
    fn gutter(self) -> f64 {
        match self {
            Self::Wide => 96.0,
            Self::Half | Self::Narrow => 48.0,
        }
    }

    fn class(self) -> &'static str {
        match self {
            Self::Wide => "wide",
            Self::Half => "half",
            Self::Narrow => "narrow",
        }
    }
}

/// A drawing with a name for those who cannot see it. With a clock (pixels of its begin and end, and its seconds)
/// the page's cursor runs through it.
fn drawing(
    width: Width,
    height: f64,
    name: &str,
    clock: Option<(f64, f64, f64)>,
    content: &Markup,
) -> Markup {
    let view = format!("0 0 {} {}", path::n(width.pixels()), path::n(height));
    let clock = clock.map(|(from, to, seconds)| format!("{from:.1} {to:.1} {seconds:.3}"));
    html! {
        svg class=(width.class()) viewBox=(view) role="img" aria-label=(name) data-clock=[clock] {
            (content)
        }
    }
}
