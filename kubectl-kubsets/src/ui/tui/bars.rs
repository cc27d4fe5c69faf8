//! Bars and sparklines as text.

/// Eight heights, in block characters or ASCII.
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const ASCII: [char; 8] = ['_', '.', ':', '-', '=', '+', '*', '#'];

/// The newest `width` values as one line, scaled from 0 to the largest (at least `least`). Missing values are blank.
pub(super) fn sparkline(values: &[Option<f64>], width: usize, least: f64, unicode: bool) -> String {
    let shown = &values[values.len().saturating_sub(width)..];
    let top = shown.iter().flatten().copied().fold(least, f64::max);
    let levels = if unicode { BLOCKS } else { ASCII };
    let mut line = " ".repeat(width - shown.len());
    line.extend(shown.iter().map(|value| match value {
        None => ' ',
        Some(value) => {
            let level = if top > 0.0 { (value / top * 7.0).round() } else { 0.0 };
            levels[(level.clamp(0.0, 7.0)) as usize]
        }
    }));
    line
}

/// A bar of `width` columns filled to `share` (0 to 1).
pub(super) fn bar(share: f64, width: usize, unicode: bool) -> String {
    let filled = (share.clamp(0.0, 1.0) * width as f64).round() as usize;
    let (full, empty) = if unicode { ('█', '░') } else { ('#', '.') };
    (0..width).map(|column| if column < filled { full } else { empty }).collect()
}

/// Evidence from 1 to `needed` on a logarithmic scale, as a share: it multiplies, so that halfway means its root.
pub(super) fn evidence_share(value: f64, needed: f64) -> f64 {
    if needed <= 1.0 || !value.is_finite() {
        return if value.is_finite() { 0.0 } else { 1.0 };
    }
    (value.max(1.0).ln() / needed.ln()).clamp(0.0, 1.0)
}

/// A scale from 0 to 100 % with the interval (`=`), the measured point (`o`) and the target (`|`).
pub(super) fn share_scale(
    target: f64,
    measured: Option<(f64, f64, f64)>,
    width: usize,
    unicode: bool,
) -> String {
    let column = |percent: f64| ((percent / 100.0 * (width - 1) as f64).round() as usize).min(width - 1);
    let (ground, band, point, mark) =
        if unicode { ('·', '━', '●', '┃') } else { ('.', '=', 'o', '|') };
    let mut scale = vec![ground; width];
    if let Some((percent, low, high)) = measured {
        scale[column(low)..=column(high)].fill(band);
        scale[column(target)] = mark;
        scale[column(percent)] = point;
    } else {
        scale[column(target)] = mark;
    }
    scale.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sparkline_shows_the_newest_values() {
        let values = [Some(9.0), Some(0.0), None, Some(7.0)];
        assert_eq!(sparkline(&values, 3, 0.0, true), "▁ █");
        assert_eq!(sparkline(&values, 6, 0.0, false), "  #_ +");
        assert_eq!(sparkline(&[Some(0.0)], 2, 0.0, true), " ▁");
    }

    #[test]
    fn bars_fill_from_the_left() {
        assert_eq!(bar(0.5, 4, false), "##..");
        assert_eq!(bar(2.0, 2, true), "██");
    }

    #[test]
    fn evidence_counts_in_orders_of_magnitude() {
        assert!((evidence_share(10.0, 100.0) - 0.5).abs() < 1e-9);
        assert!(evidence_share(0.2, 100.0).abs() < 1e-9);
        assert!((evidence_share(f64::INFINITY, 100.0) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn the_scale_shows_target_and_interval() {
        assert_eq!(share_scale(50.0, None, 11, false), ".....|.....");
        assert_eq!(share_scale(50.0, Some((70.0, 60.0, 80.0)), 11, false), ".....|=o=..");
        assert_eq!(share_scale(100.0, Some((100.0, 100.0, 100.0)), 11, false), "..........o");
    }
}
