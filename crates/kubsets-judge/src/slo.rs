//! Burn rates of an error budget over several windows.
//!
//! A burn rate of 1 spends the budget exactly in the objective's period. An alert needs a high burn rate over a
//! long window (it matters) and over a short one (it still goes on).

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::config::ConfigError;
use crate::tick::Counts;

/// A pair of windows and the burn rate that alerts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Window {
    /// Long window in seconds.
    pub long_seconds: f64,
    /// Short window in seconds, within the long one.
    pub short_seconds: f64,
    /// Burn rate that both must reach.
    pub burn_rate: f64,
}

/// An objective and the windows that watch it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SloConfig {
    /// Share of requests that must be good, over 0 and under 1.
    pub objective: f64,
    /// The windows, each judged apart.
    pub windows: Vec<Window>,
}

impl Default for SloConfig {
    fn default() -> Self {
        let hour = 3600.0;
        let window = |long: f64, short: f64, burn_rate| Window {
            long_seconds: long * hour,
            short_seconds: short * hour,
            burn_rate,
        };
        Self {
            objective: 0.999,
            windows: vec![window(1.0, 1.0 / 12.0, 14.4), window(6.0, 0.5, 6.0), window(72.0, 6.0, 1.0)],
        }
    }
}

impl SloConfig {
    /// Shrinks all windows by a factor, so that a period of 30 days fits into a demonstration.
    #[must_use]
    pub fn faster(mut self, factor: f64) -> Self {
        for window in &mut self.windows {
            window.long_seconds /= factor;
            window.short_seconds /= factor;
        }
        self
    }

    /// Checks every field.
    ///
    /// # Errors
    /// The first field that cannot work.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if !(self.objective > 0.0 && self.objective < 1.0) {
            return Err(ConfigError::new("objective", self.objective, "a share over 0 and under 1"));
        }
        if self.windows.is_empty() {
            return Err(ConfigError::new("windows", "empty", "at least one window"));
        }
        for window in &self.windows {
            let (long, short) = (window.long_seconds, window.short_seconds);
            if !(short > 0.0 && short <= long && long.is_finite()) {
                let accepted = "seconds over 0 and up to those of the long window";
                return Err(ConfigError::new("windows.short_seconds", short, accepted));
            }
            if !(window.burn_rate > 0.0 && window.burn_rate.is_finite()) {
                return Err(ConfigError::new(
                    "windows.burn_rate",
                    window.burn_rate,
                    "a finite number over 0",
                ));
            }
        }
        Ok(())
    }
}

/// Burn rates of one pair of windows now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Burning {
    /// The windows.
    pub window: Window,
    /// Burn rate over the long one.
    pub long: f64,
    /// Burn rate over the short one.
    pub short: f64,
    /// Whether both reach the rate that alerts.
    pub alert: bool,
    /// One sentence with the numbers.
    pub reason: String,
}

/// Counts of the latest requests, and the burn rates that follow.
#[derive(Debug, Clone)]
pub struct SloMonitor {
    config: SloConfig,
    buckets: VecDeque<(f64, Counts)>,
    width: f64,
    now: f64,
    total: Counts,
}

impl SloMonitor {
    /// A monitor without data.
    ///
    /// # Errors
    /// The first field that cannot work.
    pub fn new(config: SloConfig) -> Result<Self, ConfigError> {
        config.validate()?;
        let shortest = config.windows.iter().map(|window| window.short_seconds).fold(f64::INFINITY, f64::min);
        // Thirty buckets in the shortest window keep memory bounded however long the longest one is.
        Ok(Self {
            width: shortest / 30.0,
            config,
            buckets: VecDeque::new(),
            now: 0.0,
            total: Counts::default(),
        })
    }

    /// Adds the counts of the next `seconds`.
    pub fn observe(&mut self, seconds: f64, counts: Counts) {
        let counts = Counts::new(counts.n, counts.bad);
        self.total += counts;
        match self.buckets.back_mut() {
            Some((start, sum)) if self.now - *start < self.width => *sum += counts,
            _ => self.buckets.push_back((self.now, counts)),
        }
        self.now += if seconds.is_finite() { seconds.max(0.0) } else { 0.0 };
        let longest = self.config.windows.iter().map(|window| window.long_seconds).fold(0.0, f64::max);
        while self.buckets.front().is_some_and(|(start, _)| start + self.width <= self.now - longest) {
            self.buckets.pop_front();
        }
    }

    /// The burn rate over the last `seconds`; 0 without requests.
    pub fn burn_rate(&self, seconds: f64) -> f64 {
        let from = self.now - seconds - 1e-9;
        let mut sum = Counts::default();
        for (_, counts) in self.buckets.iter().rev().take_while(|(start, _)| *start >= from) {
            sum += *counts;
        }
        sum.rate() / (1.0 - self.config.objective)
    }

    /// Share of the error budget that all requests so far have spent, if as many were the whole period.
    pub fn budget_spent(&self) -> f64 {
        self.total.rate() / (1.0 - self.config.objective)
    }

    /// All windows as they stand.
    pub fn status(&self) -> Vec<Burning> {
        self.config
            .windows
            .iter()
            .map(|&window| {
                let (long, short) =
                    (self.burn_rate(window.long_seconds), self.burn_rate(window.short_seconds));
                let alert = long >= window.burn_rate && short >= window.burn_rate;
                let reason = format!(
                    "burn rate {long:.1} over {:.0} s and {short:.1} over {:.0} s, {} {:.1} (objective {} %)",
                    window.long_seconds,
                    window.short_seconds,
                    if alert { "both at or above" } else { "not both at" },
                    window.burn_rate,
                    (self.config.objective * 1e6).round() / 1e4,
                );
                Burning { window, long, short, alert, reason }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn monitor() -> SloMonitor {
        // One hour becomes a minute.
        SloMonitor::new(SloConfig::default().faster(60.0)).expect("valid")
    }

    #[test]
    fn steady_errors_at_twice_the_objective_burn_at_two() {
        let mut slo = monitor();
        for _ in 0..400 {
            slo.observe(1.0, Counts::new(1000, 2));
        }
        assert!((slo.burn_rate(60.0) - 2.0).abs() < 1e-9);
        assert!((slo.budget_spent() - 2.0).abs() < 1e-9);
        let status = slo.status();
        assert!(!status[0].alert && !status[1].alert && status[2].alert, "{status:?}");
    }

    #[test]
    fn sharp_trouble_alerts_and_its_end_clears_it() {
        let mut slo = monitor();
        for _ in 0..60 {
            slo.observe(1.0, Counts::new(1000, 0));
        }
        for _ in 0..20 {
            slo.observe(1.0, Counts::new(1000, 50));
        }
        let status = slo.status();
        assert!(status[0].alert, "{status:?}");
        assert!(
            status[0].reason.contains("both at or above 14.4 (objective 99.9 %)"),
            "{}",
            status[0].reason
        );
        for _ in 0..10 {
            slo.observe(1.0, Counts::new(1000, 0));
        }
        assert!(!slo.status()[0].alert);
    }

    #[test]
    fn memory_is_bounded_and_silence_is_no_burn() {
        let mut slo = monitor();
        assert!(slo.status().iter().all(|burning| !burning.alert));
        for _ in 0..100_000 {
            slo.observe(0.1, Counts::new(1, 0));
        }
        assert!(slo.buckets.len() < 30_000, "{}", slo.buckets.len());
    }

    #[test]
    fn wrong_fields_are_named() {
        let error =
            SloMonitor::new(SloConfig { objective: 1.0, ..SloConfig::default() }).expect_err("no budget");
        assert_eq!(error.to_string(), "objective is 1, but must be a share over 0 and under 1");
        let window = Window { long_seconds: 1.0, short_seconds: 2.0, burn_rate: 1.0 };
        let error = SloConfig { windows: vec![window], ..SloConfig::default() }
            .validate()
            .expect_err("short over long");
        assert!(error.to_string().starts_with("windows.short_seconds is 2,"));
    }
}
