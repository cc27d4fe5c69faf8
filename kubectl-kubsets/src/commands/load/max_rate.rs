//! The limit of the rate, as a user raises it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Highest rate in requests per second; `none` for whatever the server bears.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct MaxRate(f64);

impl MaxRate {
    /// The limit in requests per second, infinite for `none`.
    pub(super) fn per_second(self) -> f64 {
        self.0
    }
}

impl FromStr for MaxRate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self(f64::INFINITY));
        }
        let rate = text.parse().ok().filter(|rate: &f64| rate.is_finite() && *rate > 0.0);
        rate.map(Self).ok_or_else(|| "expected requests per second such as 50000, or none".to_owned())
    }
}

impl TryFrom<String> for MaxRate {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<MaxRate> for String {
    fn from(limit: MaxRate) -> Self {
        limit.to_string()
    }
}

impl fmt::Display for MaxRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_finite() { write!(f, "{}", self.0) } else { f.write_str("none") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_number_or_none_also_as_json() {
        for text in ["50000", "0.5", "none"] {
            let limit: MaxRate = text.parse().expect("is a limit");
            assert_eq!(limit.to_string(), text);
            let json = serde_json::to_string(&limit).expect("serialises");
            assert_eq!(serde_json::from_str::<MaxRate>(&json).expect("is a limit"), limit);
        }
        for text in ["", "0", "-1", "NaN", "inf", "many"] {
            assert!(text.parse::<MaxRate>().is_err(), "{text}");
        }
    }
}
