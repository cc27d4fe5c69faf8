//! Settings of the judge and their check.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::tick::Indicator;

/// A setting that the judge refuses.
#[derive(Debug, Clone, PartialEq, Error)]
#[error("{field} is {value}, but must be {accepted}")]
pub struct ConfigError {
    /// Path of the setting, such as `burn.share`.
    pub field: &'static str,
    /// The value given.
    pub value: String,
    /// What is accepted.
    pub accepted: &'static str,
}

impl ConfigError {
    /// Names a setting, the value it has and what it accepts.
    #[expect(clippy::needless_pass_by_value, reason = "callers pass numbers and literals")]
    pub fn new(field: &'static str, value: impl ToString, accepted: &'static str) -> Self {
        Self { field, value: value.to_string(), accepted }
    }
}

/// The emergency stop: so many errors that waiting for evidence would only hurt.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Burn {
    /// Share of errors among the latest canary requests that stops the run, over 0 and up to 1.
    pub share: f64,
    /// Fewest canary requests that the share is taken over.
    pub requests: u64,
    /// The stop also needs that so many errors would come by chance at stable's rate with less than this
    /// probability. It keeps a service with many errors of its own, or with an outage that hits both versions,
    /// from stopping an innocent canary.
    pub chance: f64,
}

impl Default for Burn {
    fn default() -> Self {
        Self { share: 0.5, requests: 10, chance: 1e-6 }
    }
}

/// Settings of a [`crate::Judge`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct JudgeConfig {
    /// Indicators that evidence is averaged over. Leave out what is not measured: an empty indicator costs time.
    pub indicators: Vec<Indicator>,
    /// Highest chance of a false alarm over the whole run; FAIL needs evidence of 1/`alpha`.
    pub alpha: f64,
    /// Highest chance to pass a canary at or above `error_limit`; PASS needs evidence of 1/`pass_alpha`.
    #[serde(alias = "pass_alpha")]
    pub pass_alpha: f64,
    /// Error rate p* that PASS shows the canary to be below.
    #[serde(alias = "error_limit")]
    pub error_limit: f64,
    /// Error rates that PASS is tuned for, as multiples of `error_limit`.
    #[serde(alias = "pass_alternatives")]
    pub pass_alternatives: Vec<f64>,
    /// Differences between canary and stable that FAIL is tuned for, as shares (0.05 is 5 points).
    pub differences: Vec<f64>,
    /// Stable's error rate as expected before any data.
    #[serde(alias = "prior_mean")]
    pub prior_mean: f64,
    /// How many requests that expectation weighs.
    #[serde(alias = "prior_weight")]
    pub prior_weight: f64,
    /// FAIL needs at least this many bad canary requests.
    #[serde(alias = "min_bad")]
    pub min_bad: u64,
    /// FAIL on errors needs a difference of at least this share (0.005 is half a point).
    #[serde(alias = "error_margin")]
    pub error_margin: f64,
    /// FAIL on latency needs a canary that is slower by at least this factor (0.1 is 10 % slower).
    #[serde(alias = "slow_margin")]
    pub slow_margin: f64,
    /// The emergency stop; `None` switches it off.
    pub burn: Option<Burn>,
    /// Highest chance to call a right split wrong; INVALID needs evidence of 1/`split_alpha`.
    #[serde(alias = "split_alpha")]
    pub split_alpha: f64,
    /// Deviation of the measured share that is still right (0.01 is one point).
    #[serde(alias = "split_tolerance")]
    pub split_tolerance: f64,
    /// Seconds after a change of the weight in which the split is not judged, because proxies need them to follow.
    #[serde(alias = "settle_seconds")]
    pub settle_seconds: f64,
    /// Seconds after which a run without verdict is inconclusive.
    #[serde(alias = "budget_seconds")]
    pub budget_seconds: f64,
    /// Seconds without a canary request after which the decision says that there is no data.
    #[serde(alias = "no_data_seconds")]
    pub no_data_seconds: f64,
}

impl Default for JudgeConfig {
    fn default() -> Self {
        Self {
            indicators: Indicator::ALL.to_vec(),
            alpha: 0.01,
            pass_alpha: 0.05,
            error_limit: 0.01,
            pass_alternatives: vec![0.0, 0.1, 0.3, 0.6],
            differences: vec![0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4],
            prior_mean: 0.0025,
            prior_weight: 200.0,
            min_bad: 3,
            error_margin: 0.005,
            slow_margin: 0.1,
            burn: Some(Burn::default()),
            split_alpha: 0.01,
            split_tolerance: 0.01,
            settle_seconds: 5.0,
            budget_seconds: 300.0,
            no_data_seconds: 10.0,
        }
    }
}

const OPEN_UNIT: &str = "a share over 0 and under 1";
const POSITIVE: &str = "a finite number over 0";

fn within(field: &'static str, value: f64, fits: bool, accepted: &'static str) -> Result<(), ConfigError> {
    if value.is_finite() && fits { Ok(()) } else { Err(ConfigError::new(field, value, accepted)) }
}

fn open_unit(field: &'static str, value: f64) -> Result<(), ConfigError> {
    within(field, value, value > 0.0 && value < 1.0, OPEN_UNIT)
}

impl JudgeConfig {
    /// Defaults for a source that measures errors only.
    pub fn errors_only() -> Self {
        Self { indicators: vec![Indicator::Error], ..Self::default() }
    }

    /// The bare e-process: no practical margin, no least count, no emergency stop. For tables and comparisons.
    #[must_use]
    pub fn bare(mut self) -> Self {
        self.min_bad = 0;
        self.error_margin = 0.0;
        self.slow_margin = 0.0;
        self.burn = None;
        self
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// The first setting that cannot work, with its value and what is accepted.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.indicators.is_empty() {
            return Err(ConfigError::new("indicators", "empty", "a list of error, slow50, slow90, slow99"));
        }
        for (at, indicator) in self.indicators.iter().enumerate() {
            if self.indicators[..at].contains(indicator) {
                return Err(ConfigError::new("indicators", indicator, "a list without repetitions"));
            }
        }
        open_unit("alpha", self.alpha)?;
        open_unit("pass_alpha", self.pass_alpha)?;
        open_unit("error_limit", self.error_limit)?;
        self.validate_alternatives()?;
        open_unit("prior_mean", self.prior_mean)?;
        within("prior_weight", self.prior_weight, self.prior_weight > 0.0, POSITIVE)?;
        let margin = self.error_margin;
        within("error_margin", margin, (0.0..1.0).contains(&margin), "a share from 0 to under 1")?;
        within("slow_margin", self.slow_margin, self.slow_margin >= 0.0, "a finite number from 0 up")?;
        if let Some(burn) = &self.burn {
            within(
                "burn.share",
                burn.share,
                burn.share > 0.0 && burn.share <= 1.0,
                "a share over 0 and up to 1",
            )?;
            if burn.requests == 0 {
                return Err(ConfigError::new("burn.requests", 0, "a whole number from 1 up"));
            }
            open_unit("burn.chance", burn.chance)?;
        }
        open_unit("split_alpha", self.split_alpha)?;
        let tolerance = self.split_tolerance;
        within("split_tolerance", tolerance, (0.0..0.5).contains(&tolerance), "a share from 0 to under 0.5")?;
        let settle = self.settle_seconds;
        within("settle_seconds", settle, settle >= 0.0, "a finite number from 0 up")?;
        within("budget_seconds", self.budget_seconds, self.budget_seconds > 0.0, POSITIVE)?;
        within("no_data_seconds", self.no_data_seconds, self.no_data_seconds > 0.0, POSITIVE)
    }

    fn validate_alternatives(&self) -> Result<(), ConfigError> {
        if self.pass_alternatives.is_empty() {
            return Err(ConfigError::new(
                "pass_alternatives",
                "empty",
                "a list of multiples from 0 to under 1",
            ));
        }
        for &multiple in &self.pass_alternatives {
            let fits = (0.0..1.0).contains(&multiple);
            within("pass_alternatives", multiple, fits, "a list of multiples from 0 to under 1")?;
        }
        if self.differences.is_empty() {
            return Err(ConfigError::new("differences", "empty", "a list of shares over 0 and under 1"));
        }
        for &difference in &self.differences {
            let fits = difference > 0.0 && difference < 1.0;
            within("differences", difference, fits, "a list of shares over 0 and under 1")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(change: impl FnOnce(&mut JudgeConfig)) -> String {
        let mut config = JudgeConfig::default();
        change(&mut config);
        config.validate().expect_err("must be refused").to_string()
    }

    #[test]
    fn defaults_are_valid() {
        JudgeConfig::default().validate().expect("defaults");
        JudgeConfig::errors_only().bare().validate().expect("bare");
    }

    #[test]
    fn errors_name_field_value_and_accepted_form() {
        assert_eq!(refused(|c| c.alpha = 1.0), "alpha is 1, but must be a share over 0 and under 1");
        assert_eq!(
            refused(|c| c.error_limit = f64::NAN),
            "error_limit is NaN, but must be a share over 0 and under 1"
        );
        assert_eq!(
            refused(|c| c.indicators.clear()),
            "indicators is empty, but must be a list of error, slow50, slow90, slow99"
        );
        assert_eq!(
            refused(|c| c.indicators.push(Indicator::Error)),
            "indicators is error, but must be a list without repetitions"
        );
        assert_eq!(
            refused(|c| c.burn = Some(Burn { requests: 0, ..Burn::default() })),
            "burn.requests is 0, but must be a whole number from 1 up"
        );
        assert!(refused(|c| c.differences = vec![0.1, 1.5]).starts_with("differences is 1.5"));
        assert!(refused(|c| c.pass_alternatives = vec![1.0]).starts_with("pass_alternatives is 1,"));
        assert!(refused(|c| c.budget_seconds = 0.0).starts_with("budget_seconds is 0,"));
        assert!(refused(|c| c.split_tolerance = 0.5).starts_with("split_tolerance is 0.5,"));
    }

    #[test]
    fn unknown_settings_are_refused() {
        let error = serde_json::from_str::<JudgeConfig>(r#"{"alhpa":0.1}"#).expect_err("unknown field");
        assert!(error.to_string().contains("alhpa"));
    }
}
