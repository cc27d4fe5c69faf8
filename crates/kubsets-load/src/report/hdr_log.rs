//! The seconds of a run as an HDR histogram log, which other tools read.

use std::io::{self, Write};
use std::time::{Duration, SystemTime};

use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{
    IntervalLogWriter, IntervalLogWriterBuilder, IntervalLogWriterError, Tag,
};

use crate::latencies::{Latencies, Recorder};
use crate::tick::Tick;

/// Writes one line for each second and version (tag): corrected latencies in nanoseconds, in the interval log format
/// of `HdrHistogram` (version 2, compressed). Those of a version are of its good answers; `all` has besides, as lower
/// bounds, the requests that were given up in that second, which belong to no version.
pub struct HdrLog<W: Write> {
    out: W,
    serializer: V2DeflateSerializer,
}

impl<W: Write> HdrLog<W> {
    /// Begins a log with the start of the run.
    ///
    /// # Errors
    ///
    /// Writing failed.
    pub fn begin(mut out: W, start: SystemTime) -> io::Result<Self> {
        let mut serializer = V2DeflateSerializer::new();
        IntervalLogWriterBuilder::new()
            .add_comment("kubsets load: latency in nanoseconds from the planned instant")
            .add_comment(
                "all: good answers, and requests without an answer as lower bounds; versions: good answers",
            )
            .with_start_time(start)
            .with_base_time(start)
            .begin_log_with(&mut out, &mut serializer)?;
        Ok(Self { out, serializer })
    }

    /// Writes the lines of a second.
    ///
    /// # Errors
    ///
    /// Writing failed.
    pub fn write(&mut self, tick: &Tick) -> io::Result<()> {
        // A builder without settings writes no header and so continues the log.
        let builder = IntervalLogWriterBuilder::new();
        let mut lines = Vec::new();
        {
            let mut writer = builder.begin_log_with(&mut lines, &mut self.serializer)?;
            write_line(&mut writer, "all", tick.second, &tick.corrected())?;
            for (version, part) in &tick.versions {
                write_line(&mut writer, version, tick.second, &part.latencies)?;
            }
        }
        self.out.write_all(&lines)
    }

    /// Ends the log and hands the writer back.
    ///
    /// # Errors
    ///
    /// Flushing failed.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }
}

fn write_line<W: Write>(
    writer: &mut IntervalLogWriter<'_, '_, W, V2DeflateSerializer>,
    tag: &str,
    second: u64,
    latencies: &Latencies,
) -> io::Result<()> {
    let mut recorder = Recorder::<u64>::new();
    recorder.add(latencies);
    let tag: String = tag.chars().map(|c| if " ,\r\n".contains(c) { '_' } else { c }).collect();
    writer
        .write_histogram(
            recorder.histogram(),
            Duration::from_secs(second),
            Duration::from_secs(1),
            Tag::new(&tag),
        )
        .map_err(|error| match error {
            IntervalLogWriterError::IoError(error) => error,
            IntervalLogWriterError::SerializeError(error) => io::Error::other(error.to_string()),
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    #[test]
    fn the_log_can_be_read_back() {
        let mut recorder = Recorder::<u32>::new();
        (1..=100).for_each(|i| recorder.record(i * 1_000_000));
        let tick = Tick { second: 4, latencies: recorder.take(), ..Tick::default() };
        let mut log = HdrLog::begin(Vec::new(), SystemTime::now()).unwrap();
        log.write(&tick).unwrap();
        let lost = serde_json::from_str("[[5000000000, 1]]").unwrap();
        log.write(&Tick { second: 5, lower_bounds: lost, ..Tick::default() }).unwrap();
        let bytes = log.finish().unwrap();
        let intervals: Vec<_> = IntervalLogIterator::new(&bytes)
            .filter_map(|entry| match entry.unwrap() {
                LogEntry::Interval(interval) => Some(interval),
                _ => None,
            })
            .collect();
        assert_eq!(intervals.len(), 2);
        assert_eq!(intervals[0].start_timestamp(), Duration::from_secs(4));
        assert_eq!(intervals[0].tag().unwrap().as_str(), "all");
        assert!(intervals[1].max() > 4.9, "{}", intervals[1].max());
    }
}
