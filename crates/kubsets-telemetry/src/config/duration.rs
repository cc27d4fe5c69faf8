//! Durations as people write them: `200ms`, `5s`, `1.5m`, `1h`.

use std::time::Duration;

/// A text that is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a duration: write a number and a unit such as 200ms, 5s, 2m or 1h")]
pub struct InvalidDuration {
    /// What was given.
    pub text: String,
}

/// Reads a duration such as `200ms`, `5s`, `1.5m`, `1h` or `0`.
///
/// # Errors
/// When the text has no number, no known unit, is negative or longer than 1000 days.
pub fn parse_duration(text: &str) -> Result<Duration, InvalidDuration> {
    let invalid = || InvalidDuration { text: text.to_owned() };
    let trimmed = text.trim();
    if trimmed == "0" {
        return Ok(Duration::ZERO);
    }
    let split = trimmed.find(|c: char| c.is_ascii_alphabetic()).ok_or_else(invalid)?;
    let (number, unit) = trimmed.split_at(split);
    let seconds_per_unit = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(invalid()),
    };
    let number: f64 = number.trim().parse().map_err(|_| invalid())?;
    let seconds = number * seconds_per_unit;
    if !(0.0..=86_400_000.0).contains(&seconds) {
        return Err(invalid());
    }
    // Through whole microseconds, so that 0.2 s is 200 ms and not 200.000003 ms.
    Ok(Duration::from_micros((seconds * 1e6).round() as u64))
}

/// Writes a duration in the form that [`parse_duration`] reads.
pub fn format_duration(duration: Duration) -> String {
    if duration.is_zero() {
        return "0s".to_owned();
    }
    if duration.subsec_millis() == 0 && duration.subsec_nanos() == 0 {
        return format!("{}s", duration.as_secs());
    }
    format!("{}ms", duration.as_secs_f64() * 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_all_units() {
        for (text, ms) in
            [("200ms", 200), ("5s", 5_000), ("1.5m", 90_000), ("1h", 3_600_000), ("0", 0), (" 0.2s ", 200)]
        {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(ms)), "{text}");
        }
    }

    #[test]
    fn refuses_what_has_no_unit_or_sign() {
        for text in ["", "5", "-1s", "fast", "5 parsecs", "ms", "NaNs", "1e300h"] {
            let error = parse_duration(text).unwrap_err();
            assert!(error.to_string().contains("200ms, 5s"), "{text}: {error}");
        }
    }

    #[test]
    fn writes_what_it_reads() {
        for text in ["0s", "5s", "200ms", "1500ms", "0.5ms"] {
            assert_eq!(format_duration(parse_duration(text).unwrap()), text);
        }
    }
}
