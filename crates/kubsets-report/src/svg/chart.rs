//! A chart that stands alone.

use maud::{Markup, html};

use super::frame::{Frame, extent};
use super::{Width, drawing};
use crate::story::{Chart, Extent};

/// Height of the plot in pixels.
const HEIGHT: f64 = 190.0;

/// Draws a chart; `seconds` is the length of the run's clock.
pub(crate) fn chart(chart: &Chart, seconds: f64, width: Width) -> Markup {
    let frame =
        Frame { left: width.gutter(), right: width.pixels() - 14.0, top: 10.0, bottom: 10.0 + HEIGHT };
    let x = extent(chart, seconds, frame.across());
    let clock = (chart.extent == Extent::Time).then_some((frame.left, frame.right, seconds));
    let content = html! {
        @match chart.extent {
            Extent::Time => (frame.times(&x, frame.top)),
            Extent::Percentile => (frame.percentiles(&x)),
        }
        (frame.plot(chart, &x))
    };
    drawing(width, frame.bottom + 26.0, &chart.title, clock, &content)
}
