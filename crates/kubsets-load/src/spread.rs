//! How the latencies of a second were spread, small enough to keep for every second of a run.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::latencies::Latencies;

/// Upper bound of the first bucket in milliseconds.
const FIRST_MS: f64 = 0.1;
/// Buckets in a power of ten: each is a third wider than the one below.
const PER_DECADE: i32 = 8;
/// Powers of ten: from 0.1 ms to 10 s.
const DECADES: i32 = 5;

/// Counts of latencies in 42 log buckets: number of the bucket and count, ascending, empty ones left out.
///
/// A record made before this was kept has an empty one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Spread {
    buckets: Vec<(u8, u64)>,
}

impl Spread {
    /// The spread of exact latencies.
    pub fn of(latencies: &Latencies) -> Self {
        let bounds = Self::bounds_ms();
        let mut buckets: Vec<(u8, u64)> = Vec::new();
        for &(nanos, count) in latencies.buckets() {
            let millis = nanos as f64 / 1e6;
            let bucket = bounds.partition_point(|bound| *bound < millis) as u8;
            match buckets.last_mut() {
                Some((last, sum)) if *last == bucket => *sum += count,
                _ => buckets.push((bucket, count)),
            }
        }
        Self { buckets }
    }

    /// Upper bounds of the buckets in milliseconds; one more bucket holds what is above the last.
    pub fn bounds_ms() -> Vec<f64> {
        (0..=PER_DECADE * DECADES)
            .map(|i| FIRST_MS * 10_f64.powf(f64::from(i) / f64::from(PER_DECADE)))
            .collect()
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    /// Adds the latencies of another generator or another second.
    pub fn merge(&mut self, other: &Self) {
        for (bucket, count) in &other.buckets {
            match self.buckets.binary_search_by_key(bucket, |(known, _)| *known) {
                Ok(place) => self.buckets[place].1 += count,
                Err(place) => self.buckets.insert(place, (*bucket, *count)),
            }
        }
    }

    /// Number of each bucket and count in it, ascending.
    pub fn buckets(&self) -> &[(u8, u64)] {
        &self.buckets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latencies(json: &str) -> Latencies {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn every_latency_is_in_the_bucket_of_its_bound() {
        let bounds = Spread::bounds_ms();
        assert_eq!(bounds.len(), 41);
        assert!((bounds[40] - 10_000.0).abs() < 1e-6);
        // 0.05 ms, twice 0.7 ms in neighbouring fine buckets, 20 s
        let spread = Spread::of(&latencies("[[50000,1],[700000,2],[705000,3],[20000000000,4]]"));
        let bucket = bounds.partition_point(|bound| *bound < 0.7) as u8;
        assert_eq!(spread.buckets(), [(0, 1), (bucket, 5), (41, 4)]);
        assert_eq!(serde_json::to_string(&spread).unwrap(), format!("[[0,1],[{bucket},5],[41,4]]"));
        assert!(Spread::of(&Latencies::default()).is_empty());
    }

    #[test]
    fn spreads_add_up() {
        let mut spread = Spread::of(&latencies("[[700000,2],[20000000000,4]]"));
        spread.merge(&Spread::of(&latencies("[[50000,1],[700000,3]]")));
        assert_eq!(spread, Spread::of(&latencies("[[50000,1],[700000,5],[20000000000,4]]")));
    }
}
