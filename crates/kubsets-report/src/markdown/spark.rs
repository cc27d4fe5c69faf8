//! A line as a row of small bars.

use crate::story::Scale;

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Most bars in a row.
const MOST: usize = 60;

/// Values from left to right; of several that share a bar the highest is shown, a gap is a space.
pub(super) fn spark(values: &[Option<f64>], scale: Scale) -> String {
    let height = |value: f64| match scale {
        Scale::Linear => value,
        Scale::Log => value.max(1e-12).ln(),
    };
    let part = values.len().div_ceil(MOST).max(1);
    let highest = |part: &[Option<f64>]| part.iter().flatten().copied().map(height).reduce(f64::max);
    let heights: Vec<Option<f64>> = values.chunks(part).map(highest).collect();
    let known = || heights.iter().flatten().copied();
    let high = known().fold(f64::MIN, f64::max);
    let low = known().fold(if scale == Scale::Linear { 0.0 } else { f64::MAX }, f64::min);
    let bar = |height: &Option<f64>| match height {
        None => ' ',
        Some(_) if high <= low => BARS[0],
        Some(height) => BARS[(((height - low) / (high - low) * 7.0).round() as usize).min(7)],
    };
    heights.iter().map(bar).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_value_is_the_highest_bar() {
        assert_eq!(spark(&[Some(0.0), Some(7.0), None, Some(3.5)], Scale::Linear), "▁█ ▅");
        assert_eq!(spark(&[Some(1.0), Some(10.0), Some(100.0)], Scale::Log), "▁▅█");
        assert_eq!(spark(&[Some(0.0), Some(0.0)], Scale::Linear), "▁▁");
        assert_eq!(spark(&[], Scale::Linear), "");
        let many: Vec<Option<f64>> = (0..600).map(|i| Some(f64::from(i))).collect();
        assert_eq!(spark(&many, Scale::Linear).chars().count(), 60);
    }
}
