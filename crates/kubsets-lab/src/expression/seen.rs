//! Values that an expression looked at, in words.

use std::fmt;

use serde_json::{Number, Value};

/// Digits of a number that are told.
const DIGITS: i32 = 4;
/// Characters of a value that are told.
const LONGEST: usize = 80;

/// A value that an expression looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// Where it came from, such as `release.secondsInStep`.
    pub path: String,
    /// The value; absent when there is none.
    pub value: Option<Value>,
}

impl fmt::Display for Seen {
    /// `release.secondsInStep was 7.2`; long values are shortened, fractions rounded to 4 digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            None => write!(f, "{} was absent", self.path),
            Some(Value::Array(items)) if items.len() > 3 => {
                write!(f, "{} was a list of {}", self.path, items.len())
            }
            Some(value) => {
                let text = rounded(value).to_string();
                let short: String = text.chars().take(LONGEST).collect();
                let dots = if short.len() < text.len() { "…" } else { "" };
                write!(f, "{} was {short}{dots}", self.path)
            }
        }
    }
}

/// A value with shorter numbers.
fn rounded(value: &Value) -> Value {
    match value {
        Value::Number(number) => Value::Number(short(number)),
        Value::Array(items) => items.iter().map(rounded).collect(),
        Value::Object(fields) => fields.iter().map(|(name, field)| (name.clone(), rounded(field))).collect(),
        other => other.clone(),
    }
}

/// A number with so many digits. Digits before the point are all kept: whole numbers are counts.
fn short(number: &Number) -> Number {
    let Some(value) = number.as_f64().filter(|value| number.is_f64() && *value != 0.0) else {
        return number.clone();
    };
    let before = value.abs().log10().floor() as i32 + 1;
    let decimals = usize::try_from(DIGITS - before).unwrap_or(0);
    let text = format!("{value:.decimals$}");
    text.parse().ok().and_then(Number::from_f64).unwrap_or_else(|| number.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fractions_are_rounded_and_counts_are_not() {
        let told = |value: Value| Seen { path: "x".into(), value: Some(value) }.to_string();
        assert_eq!(told(json!(10.987_654)), "x was 10.99");
        assert_eq!(told(json!(0.001_234_56)), "x was 0.001235");
        assert_eq!(told(json!(-7.2)), "x was -7.2");
        assert_eq!(told(json!(0.0)), "x was 0.0");
        assert_eq!(told(json!(123_456.789)), "x was 123457.0");
        assert_eq!(told(json!(24_800_123)), "x was 24800123");
        assert_eq!(told(json!({"p99": [1.000_04]})), "x was {\"p99\":[1.0]}");
        assert_eq!(told(json!("x".repeat(90))).chars().count(), "x was ".len() + LONGEST + 1);
    }
}
