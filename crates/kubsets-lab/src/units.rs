//! Durations and percentages as people write them: `30s`, `500ms`, `5%`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error as _, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// A text that is no duration or percentage.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum UnitError {
    /// Not a duration.
    #[error("{0:?} is no duration, write for example 500ms, 30s, 2m or 1h")]
    Duration(String),
    /// Not a percentage.
    #[error("{0:?} is no percentage from 0 to 100, write for example 5% or 0.5%")]
    Percent(String),
}

/// A length of time, written as `500ms`, `30s`, `2m`, `1h` or a sum such as `1m30s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Span(pub Duration);

impl Span {
    /// Whole seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }
}

impl FromStr for Span {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let wrong = || UnitError::Duration(text.to_owned());
        let mut rest = text.trim();
        let mut total = Duration::ZERO;
        if rest.is_empty() {
            return Err(wrong());
        }
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
            let number: f64 = rest[..digits].parse().map_err(|_| wrong())?;
            let tail = &rest[digits..];
            let letters = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
            let unit_seconds = match &tail[..letters] {
                "ms" => 0.001,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3600.0,
                _ => return Err(wrong()),
            };
            let part = Duration::try_from_secs_f64(number * unit_seconds).map_err(|_| wrong())?;
            total = total.checked_add(part).ok_or_else(wrong)?;
            rest = &tail[letters..];
        }
        Ok(Self(total))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        if !millis.is_multiple_of(1000) {
            return write!(f, "{millis}ms");
        }
        let seconds = millis / 1000;
        match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
            (0, 0, s) => write!(f, "{s}s"),
            (0, m, 0) => write!(f, "{m}m"),
            (0, m, s) => write!(f, "{m}m{s}s"),
            (h, 0, 0) => write!(f, "{h}h"),
            (h, m, s) => write!(f, "{h}h{m}m{s}s"),
        }
    }
}

/// A percentage from 0 to 100, written as `5%`, `5` or `0.5%`.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Percent(f64);

impl Percent {
    /// A percentage.
    ///
    /// # Errors
    /// [`UnitError::Percent`] outside 0 to 100.
    pub fn new(percent: f64) -> Result<Self, UnitError> {
        if (0.0..=100.0).contains(&percent) {
            Ok(Self(percent))
        } else {
            Err(UnitError::Percent(percent.to_string()))
        }
    }

    /// The number before the percent sign.
    pub fn value(self) -> f64 {
        self.0
    }

    /// The share, 0 to 1.
    pub fn share(self) -> f64 {
        self.0 / 100.0
    }
}

impl FromStr for Percent {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let number = text.trim().trim_end_matches('%').trim();
        let wrong = || UnitError::Percent(text.to_owned());
        number.parse().map_err(|_| wrong()).and_then(|value| Self::new(value).map_err(|_| wrong()))
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

macro_rules! as_text {
    ($type:ident, $expecting:literal, $pattern:literal, $from_number:expr) => {
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({"type": ["string", "number"], "pattern": $pattern, "description": $expecting})
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;
                impl Visitor<'_> for Text {
                    type Value = $type;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expecting)
                    }
                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$type, E> {
                        text.parse().map_err(E::custom)
                    }
                    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<$type, E> {
                        self.visit_f64(number as f64)
                    }
                    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<$type, E> {
                        self.visit_f64(number as f64)
                    }
                    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<$type, E> {
                        let convert: fn(f64) -> Result<$type, UnitError> = $from_number;
                        convert(number).map_err(E::custom)
                    }
                }
                deserializer.deserialize_any(Text).map_err(D::Error::custom)
            }
        }
    };
}

as_text!(Span, "a duration such as 30s or 500ms", r"^([0-9.]+(ms|s|m|h))+$", |number| Err(
    UnitError::Duration(number.to_string())
));
as_text!(Percent, "a percentage such as 5%", r"^[0-9.]+ ?%?$", Percent::new);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_round_trip() {
        for (text, millis) in
            [("500ms", 500), ("30s", 30_000), ("1m30s", 90_000), ("2m", 120_000), ("1h", 3_600_000)]
        {
            let span: Span = text.parse().unwrap();
            assert_eq!(span.0.as_millis(), millis);
            assert_eq!(span.to_string(), text);
        }
        assert_eq!("1.5s".parse::<Span>().unwrap().0.as_millis(), 1500);
        for wrong in ["", "30", "s", "5 s", "3d", "-1s", "18446744073709551615s18446744073709551615s"] {
            assert!(wrong.parse::<Span>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn percentages_come_with_and_without_sign() {
        assert_eq!("5%".parse::<Percent>().unwrap(), "5".parse().unwrap());
        assert!(("0.5%".parse::<Percent>().unwrap().share() - 0.005).abs() < 1e-12);
        let error = "130%".parse::<Percent>().unwrap_err();
        assert!(error.to_string().contains("from 0 to 100"), "{error}");
    }

    #[test]
    fn json_takes_texts_and_for_percent_numbers() {
        assert_eq!(serde_json::from_str::<Span>("\"2m\"").unwrap(), Span::seconds(120));
        assert!(serde_json::from_str::<Span>("30").is_err());
        assert!((serde_json::from_str::<Percent>("5").unwrap().value() - 5.0).abs() < 1e-12);
        assert_eq!(serde_json::to_string(&Percent::new(2.5).unwrap()).unwrap(), "\"2.5%\"");
    }
}
