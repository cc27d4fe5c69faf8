//! Fewer points where there are more than pixels, without losing peaks.

use std::borrow::Cow;

type Point = (f64, Option<f64>);

/// At most about `most` points: of each stretch its first, lowest, highest and last value are kept, in order.
pub(super) fn points(points: &[Point], most: usize) -> Cow<'_, [Point]> {
    if points.len() <= most {
        return points.into();
    }
    let stretch = points.len().div_ceil((most / 4).max(1));
    let mut kept = Vec::with_capacity(most);
    for part in points.chunks(stretch) {
        let value = |index: &usize| part[*index].1.unwrap_or(f64::NAN);
        let known: Vec<usize> = (0..part.len()).filter(|index| part[*index].1.is_some()).collect();
        let lowest = known.iter().copied().min_by(|a, b| value(a).total_cmp(&value(b)));
        let highest = known.iter().copied().max_by(|a, b| value(a).total_cmp(&value(b)));
        let mut chosen = vec![0, part.len() - 1];
        chosen.extend(lowest.into_iter().chain(highest));
        chosen.sort_unstable();
        chosen.dedup();
        kept.extend(chosen.into_iter().map(|index| part[index]));
    }
    kept.into()
}

/// Bars that are at least as wide as can be seen: of each stretch the highest value, at its end. Gives the width
/// of a bar in units of x, and the bars.
pub(super) fn bars(points: &[Point], most: usize) -> (f64, Cow<'_, [Point]>) {
    if points.len() <= most {
        return (1.0, points.into());
    }
    let stretch = points.len().div_ceil(most.max(1));
    let highest = |part: &[Point]| {
        let value = part
            .iter()
            .filter_map(|(_, value)| *value)
            .fold(None, |most: Option<f64>, value| Some(most.map_or(value, |most| most.max(value))));
        (part[part.len() - 1].0, value)
    };
    (stretch as f64, points.chunks(stretch).map(highest).collect::<Vec<_>>().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peaks_survive() {
        let mut all: Vec<Point> = (0..10_000).map(|i| (f64::from(i), Some(1.0))).collect();
        all[4_321].1 = Some(99.0);
        all[8_765].1 = Some(-99.0);
        let few = points(&all, 800);
        assert!(few.len() <= 800, "{}", few.len());
        assert!(few.contains(&(4_321.0, Some(99.0))) && few.contains(&(8_765.0, Some(-99.0))));
        assert!(few.is_sorted_by(|a, b| a.0 < b.0));
        let (width, few) = bars(&all, 400);
        assert!((width - 25.0).abs() < 1e-9 && few.len() == 400);
        assert!(few.iter().any(|(_, value)| *value == Some(99.0)));
    }

    #[test]
    fn gaps_survive() {
        let all: Vec<Point> = (0..100).map(|i| (f64::from(i), None)).collect();
        assert!(points(&all, 20).iter().all(|(_, value)| value.is_none()));
        assert!(bars(&all, 20).1.iter().all(|(_, value)| value.is_none()));
    }
}
