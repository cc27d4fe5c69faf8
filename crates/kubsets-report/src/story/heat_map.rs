//! How latencies were spread, second by second.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Limit, Role, Unit};

/// What fell into the buckets in one stretch of time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HeatColumn {
    /// End of the stretch in seconds of the run; it is one second long.
    pub x: f64,
    /// Number of the bucket and count in it, ascending; empty buckets are left out.
    pub cells: Vec<(usize, u64)>,
}

/// How values were spread, second by second.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HeatMap {
    /// Whose values these are.
    pub name: String,
    /// What that stands for.
    pub role: Role,
    /// Unit of the bounds.
    pub unit: Unit,
    /// Upper bounds of the buckets, ascending, spread evenly over a log scale. A bucket beyond them holds what is
    /// above the last.
    pub bounds: Vec<f64>,
    /// The columns, ascending.
    pub columns: Vec<HeatColumn>,
    /// Values to hold the map against.
    pub limits: Vec<Limit>,
}

impl HeatMap {
    /// The lowest and the highest bucket in use.
    pub fn buckets(&self) -> Option<(usize, usize)> {
        let cells = self.columns.iter().flat_map(|column| column.cells.iter().map(|(bucket, _)| *bucket));
        cells.fold(None, |range, bucket| {
            let (low, high) = range.unwrap_or((bucket, bucket));
            Some((bucket.min(low), bucket.max(high)))
        })
    }
}
