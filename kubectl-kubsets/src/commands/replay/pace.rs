//! Events again at the times that they had, or faster.

use std::time::Duration;

use kubsets_delivery::Record;
use kubsets_engine::LabRecord;
use tokio::time::Instant;

/// Seconds of the record per second; 0 is at once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Speed(f64);

impl Speed {
    /// As a number.
    pub(super) fn factor(self) -> f64 {
        self.0
    }

    /// Time until what happened so many seconds after the begin; `None` for at once.
    fn time_to(self, seconds: f64) -> Option<Duration> {
        if self.0 > 0.0 { Duration::try_from_secs_f64(seconds / self.0).ok() } else { None }
    }
}

/// Parses a speed: 0 to 10,000.
pub(super) fn parse_speed(text: &str) -> Result<Speed, String> {
    match text.trim().parse::<f64>() {
        Ok(factor) if (0.0..=10_000.0).contains(&factor) => Ok(Speed(factor)),
        _ => Err("expected a factor from 0 (at once) to 10000, such as 1 or 10".to_owned()),
    }
}

/// Something that happened at a time.
pub(super) trait Timed {
    /// Seconds since the run began.
    fn seconds(&self) -> f64;
}

impl Timed for LabRecord {
    fn seconds(&self) -> f64 {
        self.seconds
    }
}

impl Timed for Record {
    fn seconds(&self) -> f64 {
        self.seconds
    }
}

/// Hands the records over in order, each at its time, until `each` has enough.
pub(super) async fn play<T: Timed>(records: Vec<T>, speed: Speed, mut each: impl FnMut(T) -> bool) {
    let start = Instant::now();
    for record in records {
        if let Some(time) = speed.time_to(record.seconds()) {
            tokio::time::sleep_until(start + time).await;
        }
        if !each(record) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_have_bounds() {
        assert_eq!(parse_speed("10"), Ok(Speed(10.0)));
        assert_eq!(parse_speed("0"), Ok(Speed(0.0)));
        for text in ["-1", "", "inf", "NaN", "fast", "10001"] {
            assert!(parse_speed(text).is_err(), "{text}");
        }
    }

    #[test]
    fn ten_times_as_fast_takes_a_tenth() {
        assert_eq!(Speed(10.0).time_to(25.0), Some(Duration::from_millis(2_500)));
        assert_eq!(Speed(0.5).time_to(25.0), Some(Duration::from_secs(50)));
        assert_eq!(Speed(0.0).time_to(25.0), None);
        assert_eq!(Speed(1.0).time_to(-1.0), None);
    }
}
