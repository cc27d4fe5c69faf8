//! What a fault is, and how it is read from flags and from JSON.

use std::time::Duration;

use clap::Args;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::config::{InvalidField, Rate, format_duration, parse_duration};

const MAX_LATENCY: Duration = Duration::from_mins(1);
const MAX_TTL: Duration = Duration::from_hours(24);
const MAX_ROUTE_BYTES: usize = 200;

/// A fault to inject.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FaultSpec {
    /// Share of requests that fail.
    pub error_rate: Rate,
    /// Status of the failed answers.
    pub error_status: u16,
    /// Time that a slowed request waits before it is handled.
    #[serde(serialize_with = "as_text")]
    pub latency: Duration,
    /// Share of requests that are slowed.
    pub latency_rate: Rate,
    /// Only requests whose path starts with this; all when absent.
    pub route: Option<String>,
    /// The fault ends by itself after this time.
    #[serde(serialize_with = "as_optional_text")]
    pub ttl: Option<Duration>,
    /// Makes the choice of requests repeatable.
    pub seed: Option<u64>,
}

/// Faults from the start of the process on.
#[derive(Debug, Clone, Default, Args)]
pub struct FaultArgs {
    /// Share of requests that fail, such as `5%` or `0.05`.
    #[arg(long, env = "KUBSETS_FAULT_ERROR_RATE")]
    pub fault_error_rate: Option<Rate>,
    /// Time that a slowed request waits, such as `200ms`.
    #[arg(long, env = "KUBSETS_FAULT_LATENCY", value_parser = parse_duration)]
    pub fault_latency: Option<Duration>,
    /// Share of requests that are slowed; all when a latency is given alone.
    #[arg(long, env = "KUBSETS_FAULT_LATENCY_RATE")]
    pub fault_latency_rate: Option<Rate>,
    /// Only requests whose path starts with this.
    #[arg(long, env = "KUBSETS_FAULT_ROUTE")]
    pub fault_route: Option<String>,
    /// The faults end by themselves after this time.
    #[arg(long, env = "KUBSETS_FAULT_TTL", value_parser = parse_duration)]
    pub fault_ttl: Option<Duration>,
    /// Makes the choice of requests repeatable.
    #[arg(long, env = "KUBSETS_FAULT_SEED")]
    pub fault_seed: Option<u64>,
}

impl FaultArgs {
    /// The fault, when any is asked for.
    pub fn to_spec(&self) -> Option<FaultSpec> {
        let latency = self.fault_latency.unwrap_or_default();
        let whole = if latency.is_zero() { Rate::ZERO } else { Rate::ONE };
        let spec = FaultSpec {
            error_rate: self.fault_error_rate.unwrap_or_default(),
            latency,
            latency_rate: self.fault_latency_rate.unwrap_or(whole),
            route: self.fault_route.clone().filter(|route| !route.is_empty()),
            ttl: self.fault_ttl,
            seed: self.fault_seed,
            ..FaultSpec::none()
        };
        (!spec.is_idle()).then_some(spec)
    }
}

impl FaultSpec {
    /// A fault that does nothing, to start from.
    pub fn none() -> Self {
        Self {
            error_rate: Rate::ZERO,
            error_status: 500,
            latency: Duration::ZERO,
            latency_rate: Rate::ZERO,
            route: None,
            ttl: None,
            seed: None,
        }
    }

    /// Whether it neither fails nor slows anything.
    pub fn is_idle(&self) -> bool {
        self.error_rate.is_zero() && !self.has_latency()
    }

    /// Whether it slows requests.
    pub fn has_latency(&self) -> bool {
        !self.latency.is_zero() && !self.latency_rate.is_zero()
    }

    /// Reads a fault from a JSON object.
    ///
    /// # Errors
    /// Names the first field that is unknown, of the wrong kind or out of range, or `body` when
    /// the fault would do nothing.
    pub fn from_json(body: &Value) -> Result<Self, InvalidField> {
        let example =
            r#"an object such as {"error_rate":"5%","latency":"200ms","route":"/orders","ttl":"60s"}"#;
        let object = body.as_object().ok_or_else(|| InvalidField::new("body", body, example))?;
        let mut spec = Self::none();
        let mut latency_rate = None;
        for (name, value) in object {
            match name.as_str() {
                "error_rate" => spec.error_rate = rate(name, value)?,
                "error_status" => spec.error_status = status(name, value)?,
                "latency" => spec.latency = duration(name, value, MAX_LATENCY)?,
                "latency_rate" => latency_rate = Some(rate(name, value)?),
                "route" => spec.route = route(name, value)?,
                "ttl" | "seed" if value.is_null() => {}
                "ttl" => spec.ttl = Some(duration(name, value, MAX_TTL)?),
                "seed" => spec.seed = Some(seed(name, value)?),
                _ => return Err(unknown(name, object)),
            }
        }
        let whole = if spec.latency.is_zero() { Rate::ZERO } else { Rate::ONE };
        spec.latency_rate = latency_rate.unwrap_or(whole);
        if spec.is_idle() {
            return Err(InvalidField::new(
                "body",
                body,
                "an error_rate or a latency above zero; DELETE ends a fault",
            ));
        }
        Ok(spec)
    }
}

fn unknown(name: &str, object: &Map<String, Value>) -> InvalidField {
    let accepted = "only error_rate, error_status, latency, latency_rate, route, ttl and seed";
    InvalidField::new(name, &object[name], accepted)
}

fn rate(name: &str, value: &Value) -> Result<Rate, InvalidField> {
    let parsed = match value {
        Value::Number(number) => number.as_f64().and_then(|share| Rate::new(share).ok()),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    parsed
        .ok_or_else(|| InvalidField::new(name, value, "a number from 0 to 1 or a percentage such as \"5%\""))
}

fn duration(name: &str, value: &Value, longest: Duration) -> Result<Duration, InvalidField> {
    value
        .as_str()
        .and_then(|text| parse_duration(text).ok())
        .filter(|duration| *duration <= longest)
        .ok_or_else(|| {
            let accepted =
                format!("a duration such as \"200ms\" or \"5s\", at most {}", format_duration(longest));
            InvalidField::new(name, value, &accepted)
        })
}

fn status(name: &str, value: &Value) -> Result<u16, InvalidField> {
    value
        .as_u64()
        .filter(|status| (400..=599).contains(status))
        .map(|status| status as u16)
        .ok_or_else(|| InvalidField::new(name, value, "a status from 400 to 599"))
}

fn route(name: &str, value: &Value) -> Result<Option<String>, InvalidField> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) if text.starts_with('/') && text.len() <= MAX_ROUTE_BYTES => {
            Ok(Some(text.clone()))
        }
        _ => Err(InvalidField::new(name, value, "the beginning of a path, such as \"/orders\"")),
    }
}

fn seed(name: &str, value: &Value) -> Result<u64, InvalidField> {
    value.as_u64().ok_or_else(|| InvalidField::new(name, value, "a whole number from 0 on"))
}

fn as_text<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format_duration(*duration))
}

// serde hands over a reference to the field.
#[expect(clippy::ref_option, reason = "the signature is given by serde")]
fn as_optional_text<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    match duration {
        Some(duration) => as_text(duration, serializer),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_both_forms_of_a_rate() {
        for rate in [json!("5%"), json!(0.05), json!("0.05")] {
            let spec = FaultSpec::from_json(&json!({ "error_rate": rate, "ttl": "60s" })).unwrap();
            assert!((spec.error_rate.share() - 0.05).abs() < 1e-12);
            assert_eq!(spec.ttl, Some(Duration::from_mins(1)));
        }
        let slow = FaultSpec::from_json(&json!({ "latency": "200ms" })).unwrap();
        assert_eq!(slow.latency_rate, Rate::ONE);
    }

    #[test]
    fn refusals_name_field_value_and_form() {
        let cases = [
            (json!({ "error_rate": 5 }), "error_rate", "0 to 1"),
            (json!({ "latency": "2m" }), "latency", "at most 60s"),
            (json!({ "latency": 200 }), "latency", "200ms"),
            (json!({ "error_rate": 0.1, "error_status": 200 }), "error_status", "400 to 599"),
            (json!({ "error_rate": 0.1, "route": "orders" }), "route", "/orders"),
            (json!({ "error_rate": 0.1, "seed": -1 }), "seed", "from 0 on"),
            (json!({ "rate": 0.1 }), "rate", "only error_rate"),
            (json!({}), "body", "above zero"),
            (json!([]), "body", "an object"),
        ];
        for (body, field, accepted) in cases {
            let error = FaultSpec::from_json(&body).unwrap_err();
            assert_eq!(error.field, field, "{body}");
            assert!(error.accepted.contains(accepted), "{error}");
        }
    }

    #[test]
    fn flags_without_a_fault_are_none() {
        assert_eq!(FaultArgs::default().to_spec(), None);
        let args = FaultArgs { fault_error_rate: Some(Rate::ONE), ..FaultArgs::default() };
        assert_eq!(args.to_spec().unwrap().error_status, 500);
    }
}
