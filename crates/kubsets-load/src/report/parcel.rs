//! A report that travels in one line of text, such as the log of a pod.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};
use serde::{Deserialize, Serialize};

use super::{Histograms, LoadReport};
use crate::latencies::{Latencies, Recorder};

/// A report whose histograms are packed: `HdrHistogram` version 2, compressed, in base64. Nothing is lost on the way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Parcel {
    /// The report without its histograms.
    report: LoadReport,
    /// Those of the total, of each target and of each version, four each, in the order of the report. Empty ones are
    /// empty texts.
    histograms: Vec<[String; 4]>,
}

/// A parcel that cannot be packed or opened.
#[derive(Debug, thiserror::Error)]
pub enum ParcelError {
    /// A histogram cannot be written.
    #[error("cannot pack a histogram: {0}")]
    Pack(String),
    /// A histogram is no base64 text.
    #[error("a histogram is no base64")]
    Text(#[from] base64::DecodeError),
    /// A histogram cannot be read.
    #[error("cannot read a histogram: {0}")]
    Read(String),
    /// There are not as many histograms as the report needs.
    #[error("{found} sets of histograms for {wanted} series")]
    Count {
        /// How many there are.
        found: usize,
        /// How many there should be.
        wanted: usize,
    },
}

impl Parcel {
    /// Packs a report.
    ///
    /// # Errors
    ///
    /// A histogram cannot be written, which needs more memory than there is.
    pub fn pack(mut report: LoadReport) -> Result<Self, ParcelError> {
        let mut histograms = Vec::new();
        for place in places(&mut report) {
            let [a, b, c, d] = place.all();
            histograms.push([pack(a)?, pack(b)?, pack(c)?, pack(d)?]);
            *place = Histograms::default();
        }
        Ok(Self { report, histograms })
    }

    /// The report as it was.
    ///
    /// # Errors
    ///
    /// The parcel was not made by [`pack`](Self::pack), or was cut on the way.
    pub fn open(self) -> Result<LoadReport, ParcelError> {
        let mut report = self.report;
        let places = places(&mut report);
        let (found, wanted) = (self.histograms.len(), places.len());
        if found != wanted {
            return Err(ParcelError::Count { found, wanted });
        }
        for (place, [a, b, c, d]) in places.into_iter().zip(&self.histograms) {
            *place = Histograms {
                corrected: open(a)?,
                lower_bounds: open(b)?,
                uncorrected: open(c)?,
                failed: open(d)?,
            };
        }
        Ok(report)
    }
}

fn places(report: &mut LoadReport) -> Vec<&mut Histograms> {
    let series = std::iter::once(&mut report.total).chain(&mut report.targets).chain(&mut report.versions);
    series.map(|one| &mut one.histograms).collect()
}

fn pack(latencies: &Latencies) -> Result<String, ParcelError> {
    if latencies.is_empty() {
        return Ok(String::new());
    }
    let mut recorder = Recorder::<u64>::new();
    recorder.add(latencies);
    let mut bytes = Vec::new();
    V2DeflateSerializer::new()
        .serialize(recorder.histogram(), &mut bytes)
        .map_err(|error| ParcelError::Pack(error.to_string()))?;
    Ok(STANDARD_NO_PAD.encode(bytes))
}

fn open(text: &str) -> Result<Latencies, ParcelError> {
    if text.is_empty() {
        return Ok(Latencies::default());
    }
    let bytes = STANDARD_NO_PAD.decode(text)?;
    let histogram: Histogram<u64> = Deserializer::new()
        .deserialize(&mut bytes.as_slice())
        .map_err(|error| ParcelError::Read(error.to_string()))?;
    Ok(Latencies::of(&histogram))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(values: &[(u64, u32)]) -> Latencies {
        let mut recorder = Recorder::<u64>::new();
        for (value, count) in values {
            recorder.record_many(*value, u64::from(*count));
        }
        recorder.latencies()
    }

    proptest! {
        #[test]
        fn nothing_is_lost_on_the_way(
            values in prop::collection::vec((1_u64..4_000_000_000_000, 1_u32..100_000), 0..80),
        ) {
            let latencies = of(&values);
            let text = pack(&latencies).unwrap();
            prop_assert!(text.bytes().all(|byte| byte.is_ascii_graphic()));
            prop_assert_eq!(open(&text).unwrap(), latencies);
        }
    }

    #[test]
    fn what_was_cut_is_refused() {
        let text = pack(&of(&[(1_000_000, 5), (9_000_000, 2)])).unwrap();
        assert!(matches!(open(&text[..text.len() / 2]), Err(ParcelError::Read(_) | ParcelError::Text(_))));
        assert!(matches!(open("%"), Err(ParcelError::Text(_))));
    }
}
