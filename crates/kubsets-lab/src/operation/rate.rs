//! The rate of a load: a number, or a shape over time as `kubectl kubsets load --rate` takes it.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use kubsets_schedule::{Arrivals, Schedule, ScheduleError, Shape};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error as _, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// Requests per second, the same all the time or changing. Always an open loop: users do not wait for each
/// other, and a plan knows how many requests it sends.
#[derive(Debug, Clone, PartialEq)]
pub struct Rate {
    shape: Shape,
    arrivals: Arrivals,
}

/// A text that is no rate of a lab's load.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RateError {
    /// Not a schedule.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// A closed loop.
    #[error("`{0}` is a closed loop, which waits for a slow server and hides it: give requests per second")]
    Closed(String),
}

impl Rate {
    /// The same rate all the time, at even distances.
    pub fn constant(rate: f64) -> Self {
        Self { shape: Shape::Constant { rate }, arrivals: Arrivals::Even }
    }

    /// How the rate changes.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// What a load generator takes.
    pub fn schedule(&self) -> Schedule {
        Schedule::Open { shape: self.shape.clone(), arrivals: self.arrivals }
    }

    /// The highest rate, in requests per second.
    pub fn peak(&self) -> f64 {
        self.schedule().peak_rate().unwrap_or_default()
    }

    /// Requests within a time; independent arrivals by their mean.
    pub fn requests(&self, within: Duration) -> f64 {
        self.schedule().requests(within).unwrap_or_default()
    }

    /// Requests per second, where they are the same all the time and at even distances.
    fn number(&self) -> Option<f64> {
        match (&self.shape, self.arrivals) {
            (Shape::Constant { rate }, Arrivals::Even) => Some(*rate),
            _ => None,
        }
    }
}

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        match text.parse()? {
            Schedule::Open { shape, arrivals } => Ok(Self { shape, arrivals }),
            Schedule::Closed { .. } | Schedule::Replay { .. } => Err(RateError::Closed(text.to_owned())),
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.schedule().fmt(f)
    }
}

impl JsonSchema for Rate {
    fn schema_name() -> Cow<'static, str> {
        "Rate".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["number", "string"],
            "description": "requests per second such as 50, or a shape: 10..400/60s, 100,200,400/10s, \
                            100^1000@30s/5s, 400~200/60s, poisson:400",
        })
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.number() {
            Some(rate) => serializer.serialize_f64(rate),
            None => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberOrText;
        impl Visitor<'_> for NumberOrText {
            type Value = Rate;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("requests per second such as 50, or a shape such as 10..400/60s")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Rate, E> {
                text.parse().map_err(E::custom)
            }
            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Rate, E> {
                Ok(Rate::constant(number as f64))
            }
            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Rate, E> {
                Ok(Rate::constant(number as f64))
            }
            fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Rate, E> {
                Ok(Rate::constant(number))
            }
        }
        deserializer.deserialize_any(NumberOrText).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_stays_a_number_and_a_shape_a_text() {
        for text in ["50.0", "\"10.0..400.0/60s\"", "\"poisson:50\"", "\"100^1000@30s/5s\""] {
            let rate: Rate = serde_json::from_str(text).unwrap();
            let again = serde_json::to_string(&rate).unwrap();
            assert_eq!(serde_json::from_str::<Rate>(&again).unwrap(), rate, "{text}");
            assert_eq!(again.starts_with('"'), text.starts_with('"'), "{text}");
        }
        let whole: Rate = serde_json::from_str("50").unwrap();
        assert_eq!(whole, Rate::constant(50.0));
    }

    #[test]
    fn peak_and_requests_are_those_of_the_shape() {
        let ramp: Rate = "0..100/10s".parse().unwrap();
        assert!((ramp.peak() - 100.0).abs() < 1e-9);
        assert!((ramp.requests(Duration::from_secs(20)) - 1500.0).abs() < 1e-6);
    }

    #[test]
    fn a_load_of_a_lab_is_an_open_loop() {
        let error = "closed:20".parse::<Rate>().unwrap_err().to_string();
        assert!(error.starts_with("`closed:20` is a closed loop"), "{error}");
        let error = serde_json::from_str::<Rate>("\"fast\"").unwrap_err().to_string();
        assert!(error.contains("`fast` in `fast` is no rate"), "{error}");
    }
}
