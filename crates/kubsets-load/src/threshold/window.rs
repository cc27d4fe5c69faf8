//! Rules over a sliding window, judged second by second while a run goes on.

use std::collections::VecDeque;

use super::{Metric, Operator, Threshold};
use crate::latencies::Latencies;
use crate::report::{LoadReport, Percentiles};
use crate::tick::Tick;

/// Judges rules over a window, such as `p99[10s] > 50ms`. Such a rule is met when it holds in any window of its length,
/// moved second by second over the run.
#[derive(Debug, Default)]
pub struct Windows {
    rules: Vec<Watched>,
    longest: usize,
    frames: VecDeque<Frame>,
}

#[derive(Debug)]
struct Watched {
    rule: Threshold,
    seconds: usize,
    /// Whether any window was as long as the rule wants.
    judged: bool,
    /// Last second of each window in which the rule holds, and what was measured there.
    met: Vec<(u64, Option<f64>)>,
}

/// What one second brings to its windows.
#[derive(Debug, Clone, Default)]
struct Frame {
    planned: u64,
    ok: u64,
    failed: u64,
    timed_out: u64,
    never_sent: u64,
    good: Latencies,
    lower_bounds: Latencies,
    uncorrected: Latencies,
}

/// What a metric is in a window.
enum Measured {
    Value(f64),
    /// Requests ended, and not one of them has a latency.
    NoLatency,
    /// There is nothing to judge.
    Nothing,
}

impl Windows {
    /// Watches those of the rules that have a window.
    pub fn new(rules: &[Threshold]) -> Self {
        let watched = |rule: &Threshold| {
            let seconds = usize::try_from(rule.window?).ok()?;
            Some(Watched { rule: *rule, seconds, judged: false, met: Vec::new() })
        };
        let rules: Vec<Watched> = rules.iter().filter_map(watched).collect();
        let longest = rules.iter().map(|one| one.seconds).max().unwrap_or(0);
        Self { rules, longest, frames: VecDeque::new() }
    }

    /// Takes a second in.
    pub fn take(&mut self, tick: &Tick) {
        if self.rules.is_empty() {
            return;
        }
        self.frames.push_back(Frame::of(tick));
        if self.frames.len() > self.longest {
            self.frames.pop_front();
        }
        for watched in &mut self.rules {
            let Some(first) = self.frames.len().checked_sub(watched.seconds) else { continue };
            watched.judged = true;
            let mut window = Frame::default();
            self.frames.range(first..).for_each(|frame| window.add(frame));
            match window.measure(watched.rule.metric, watched.seconds) {
                Measured::Value(value) if watched.rule.holds(value) => {
                    watched.met.push((tick.second, Some(value)));
                }
                Measured::NoLatency => watched.met.push((tick.second, None)),
                Measured::Value(_) | Measured::Nothing => {}
            }
        }
    }

    /// Whether rules are met, that is the run has failed; a sentence for each with the worst window.
    pub fn breaches(&self, report: &LoadReport) -> Vec<String> {
        self.judge(report.planned_s)
    }

    fn judge(&self, planned_s: f64) -> Vec<String> {
        self.rules.iter().filter_map(|watched| watched.breach(planned_s)).collect()
    }
}

impl Watched {
    fn breach(&self, planned_s: f64) -> Option<String> {
        let (rule, seconds) = (&self.rule, self.seconds as u64);
        if !self.judged {
            return Some(format!("{rule}, but the run is shorter than that window"));
        }
        // A rate falls by itself when nothing is planned any more.
        let whole = |second: u64| (second + 1) as f64 <= planned_s;
        let counts = |second| !rule.metric.is_rate() || whole(second);
        let met: Vec<_> = self.met.iter().filter(|(second, _)| counts(*second)).collect();
        let worst = met.iter().copied().reduce(|one, other| match (one.1, other.1) {
            (Some(mine), Some(theirs)) if rule.operator.is_worse(theirs, mine) => other,
            (Some(_), None) => other,
            _ => one,
        });
        let (last, measured) = worst?;
        let measured = match measured {
            Some(value) => format!("measured {}", rule.metric.show(*value)),
            None => "but no request has a latency".to_owned(),
        };
        let first = (last + 2).saturating_sub(seconds);
        Some(format!("{rule}, {measured} in seconds {first} to {} ({} such windows)", last + 1, met.len()))
    }
}

impl Frame {
    fn of(tick: &Tick) -> Self {
        Self {
            planned: tick.planned,
            ok: tick.ok,
            failed: tick.failed,
            timed_out: tick.timed_out,
            never_sent: tick.never_sent,
            good: tick.latencies.clone(),
            lower_bounds: tick.lower_bounds.clone(),
            uncorrected: tick.uncorrected.clone(),
        }
    }

    fn add(&mut self, later: &Self) {
        self.planned += later.planned;
        self.ok += later.ok;
        self.failed += later.failed;
        self.timed_out += later.timed_out;
        self.never_sent += later.never_sent;
        self.good.merge(&later.good);
        self.lower_bounds.merge(&later.lower_bounds);
        self.uncorrected.merge(&later.uncorrected);
    }

    fn measure(&self, metric: Metric, seconds: usize) -> Measured {
        let bad = self.failed + self.timed_out + self.never_sent;
        let ended = self.ok + bad;
        let value = match metric {
            Metric::Latency { corrected, of } => {
                let none = Latencies::default();
                let set = if corrected {
                    Percentiles::of(&self.good, &self.lower_bounds)
                } else {
                    Percentiles::of(&self.uncorrected, &none)
                };
                return match (set.count, ended) {
                    (0, 0) => Measured::Nothing,
                    (0, _) => Measured::NoLatency,
                    _ => Measured::Value(of.of(&set)),
                };
            }
            Metric::Errors if ended == 0 => return Measured::Nothing,
            Metric::Errors => bad as f64 / ended as f64,
            Metric::Failed => self.failed as f64,
            Metric::TimedOut => self.timed_out as f64,
            Metric::NeverSent => self.never_sent as f64,
            Metric::InFlightAtEnd => return Measured::Nothing,
            Metric::Rate => self.ok as f64 / seconds as f64,
            Metric::PlannedRate => self.planned as f64 / seconds as f64,
        };
        Measured::Value(value)
    }
}

impl Metric {
    fn is_rate(self) -> bool {
        matches!(self, Self::Rate | Self::PlannedRate)
    }
}

impl Operator {
    fn is_worse(self, one: f64, than: f64) -> bool {
        match self {
            Self::Above | Self::AtLeast => one > than,
            Self::Below | Self::AtMost => one < than,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What rules say of seconds, each with so many good answers of so many milliseconds; the last is after the plan.
    fn judge(rules: &[&str], seconds: &[(u64, u64)]) -> Vec<String> {
        let rules: Vec<Threshold> = rules.iter().map(|rule| rule.parse().unwrap()).collect();
        let mut windows = Windows::new(&rules);
        for (second, (ok, ms)) in (0..).zip(seconds) {
            let latencies = serde_json::from_value(serde_json::json!([[ms * 1_000_000, ok]])).unwrap();
            windows.take(&Tick { second, planned: *ok, ok: *ok, latencies, ..Tick::default() });
        }
        windows.judge(seconds.len() as f64 - 1.0)
    }

    #[test]
    fn one_bad_window_is_enough() {
        let mut seconds = vec![(100, 5); 60];
        seconds.push((1, 5));
        assert!(judge(&["p99[10s] > 50ms", "p99 > 1ms"], &seconds).is_empty());
        seconds[29] = (100, 80);
        assert_eq!(
            judge(&["p99[10s] > 50ms"], &seconds),
            ["p99[10s] > 50ms, measured 80.000 ms in seconds 21 to 30 (10 such windows)"]
        );
        assert!(judge(&["p50[10s] > 50ms"], &seconds).is_empty());
    }

    #[test]
    fn a_rate_is_judged_while_requests_are_planned() {
        let mut seconds = vec![(100, 5); 20];
        seconds.push((1, 5));
        assert!(judge(&["rate[5s] < 90"], &seconds).is_empty());
        seconds[3] = (20, 5);
        assert_eq!(
            judge(&["rate[5s] < 90"], &seconds),
            ["rate[5s] < 90, measured 84.0 per second in seconds 1 to 5 (4 such windows)"]
        );
    }

    #[test]
    fn a_window_without_answers_is_not_fast_and_one_longer_than_the_run_is_not_kept() {
        let rules = ["p99[2s] > 50ms".parse().unwrap(), "errors[2s] > 10%".parse().unwrap()];
        let mut windows = Windows::new(&rules);
        let tick = |second, failed| Tick { second, planned: 3, failed, ..Tick::default() };
        (0..3).for_each(|second| windows.take(&tick(second, 0)));
        assert!(windows.judge(9.0).is_empty());
        windows.take(&tick(3, 3));
        assert_eq!(
            windows.judge(9.0),
            [
                "p99[2s] > 50ms, but no request has a latency in seconds 3 to 4 (1 such windows)",
                "errors[2s] > 10%, measured 100.000 % in seconds 3 to 4 (1 such windows)"
            ]
        );
        let short = judge(&["p99[5s] > 50ms"], &[(1, 1), (1, 1)]);
        assert_eq!(short, ["p99[5s] > 50ms, but the run is shorter than that window"]);
    }
}
