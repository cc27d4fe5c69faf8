//! Prints the judge's figures: false alarms, detection times, and what other tools' rules do on the same traffic.
//!
//! `cargo run --release -p kubsets-judge --example tables [runs]`, 10,000 runs per row unless said otherwise.

#![expect(clippy::print_stdout, reason = "a program that prints tables")]

use kubsets_judge::simulate::{Latency, SimulateSpec, Stats};
use kubsets_judge::{ConfigError, JudgeConfig, simulate};

fn seconds(time: Option<u32>) -> String {
    time.map_or_else(|| "-".to_owned(), |time| format!("{time} s"))
}

fn found(stats: &Stats) -> String {
    format!(
        "{:>6} {:>6} {:>4} {:>6.1} %",
        seconds(stats.fail_median_seconds),
        seconds(stats.fail_p90_seconds),
        stats.bad_requests_median,
        stats.fail_rate * 100.0
    )
}

fn spec(rate: f64, base: f64, canary: f64, runs: u32) -> SimulateSpec {
    SimulateSpec { rate, base_error: base, canary_error: canary, runs: Some(runs), ..SimulateSpec::default() }
}

fn detection(runs: u32) -> Result<(), ConfigError> {
    println!("\nTime to FAIL, 10 % weight, errors only: median, p90, failed canary requests, found in 300 s");
    println!("{:<28} {:>30} {:>30}", "rps, stable -> canary", "E >= 100 alone", "with margin, count, stop");
    for (rate, base, canary) in [
        (100.0, 0.001, 0.05),
        (100.0, 0.001, 0.02),
        (100.0, 0.01, 0.03),
        (20.0, 0.001, 0.05),
        (20.0, 0.001, 0.2),
        (300.0, 0.001, 0.01),
        (20.0, 0.001, 0.01),
    ] {
        let full = spec(rate, base, canary, runs);
        let bare = SimulateSpec { judge: JudgeConfig::errors_only().bare(), ..full.clone() };
        let (bare, full) = (simulate(&bare)?, simulate(&full)?);
        let label = format!("{rate}, {} % -> {} %", base * 100.0, canary * 100.0);
        println!("{label:<28} {:>30} {:>30}", found(&bare.rows[0].worse), found(&full.rows[0].worse));
    }
    Ok(())
}

fn false_alarms(runs: u32) -> Result<(), ConfigError> {
    println!("\nFalse alarms in 300 s, errors only (upper end of the 95 % interval in brackets)");
    println!("{:<28} {:>18} {:>18}", "rps, weight, base", "E >= 100 alone", "full rule");
    for (rate, weight, base) in [
        (20.0, 0.1, 0.005),
        (100.0, 0.1, 0.005),
        (100.0, 0.1, 0.02),
        (100.0, 0.05, 0.001),
        (100.0, 0.5, 0.001),
        (300.0, 0.25, 0.01),
        (100.0, 0.1, 0.1),
        (20.0, 0.5, 0.3),
    ] {
        let full = SimulateSpec { weights: vec![weight], ..spec(rate, base, base, runs) };
        let bare = SimulateSpec { judge: JudgeConfig::errors_only().bare(), ..full.clone() };
        let (bare, full) = (simulate(&bare)?, simulate(&full)?);
        let label = format!("{rate}, {} %, {} %", weight * 100.0, base * 100.0);
        let rate =
            |stats: &Stats| format!("{:.2} % ({:.2})", stats.fail_rate * 100.0, stats.fail_rate_high * 100.0);
        println!("{label:<28} {:>18} {:>18}", rate(&bare.rows[0].equal), rate(&full.rows[0].equal));
    }
    Ok(())
}

fn latency(runs: u32) -> Result<(), ConfigError> {
    println!("\nFour indicators, full rule, 10 % weight, log-normal latencies with a spread of 0.5");
    for rate in [100.0, 20.0] {
        for (label, factor, tail, error) in [
            ("1.2x slower", 1.2, 0.0, 0.001),
            ("1.5x slower", 1.5, 0.0, 0.001),
            ("2x slower", 2.0, 0.0, 0.001),
            ("tail of 5 %", 1.0, 0.05, 0.001),
            ("5 % errors", 1.0, 0.0, 0.05),
        ] {
            let spec = SimulateSpec {
                latency: Some(Latency { factor, tail, ..Latency::default() }),
                judge: JudgeConfig::default(),
                ..spec(rate, 0.001, error, runs)
            };
            let row = &simulate(&spec)?.rows[0];
            println!(
                "{rate:>4} rps, {label:<14} {}   false alarms {:.2} %",
                found(&row.worse),
                row.equal.fail_rate * 100.0
            );
        }
    }
    Ok(())
}

fn passing(runs: u32) -> Result<(), ConfigError> {
    println!("\nPASS at a limit of 1 %, 10 canary requests per second");
    for base in [0.001, 0.01] {
        let row = &simulate(&spec(100.0, base, 0.05, runs))?.rows[0];
        println!(
            "true {} %: median {}, p90 {}, in {:.1} % of runs",
            base * 100.0,
            seconds(row.equal.pass_median_seconds),
            seconds(row.equal.pass_p90_seconds),
            row.equal.pass_rate * 100.0
        );
    }
    Ok(())
}

fn other_rules(runs: u32) -> Result<(), ConfigError> {
    println!("\nOther tools' rules, 10 % weight: false alarms; found, median, failed canary requests");
    for (rate, base, canary) in [
        (100.0, 0.001, 0.05),
        (100.0, 0.001, 0.02),
        (100.0, 0.01, 0.03),
        (20.0, 0.001, 0.05),
        (20.0, 0.001, 0.2),
        (300.0, 0.001, 0.01),
        (20.0, 0.005, 0.01),
        (100.0, 0.005, 0.01),
        (100.0, 0.02, 0.05),
        (20.0, 0.001, 0.01),
    ] {
        let report = simulate(&SimulateSpec { compare: true, ..spec(rate, base, canary, runs) })?;
        println!("{rate} rps, {} % -> {} %", base * 100.0, canary * 100.0);
        for rule in &report.rows[0].rules {
            println!(
                "  {:<72} {:>5.1} %  {:>5.1} % {:>6} {:>4}",
                rule.rule,
                rule.false_alarm_rate * 100.0,
                rule.found_rate * 100.0,
                seconds(rule.found_median_seconds),
                rule.bad_requests_median
            );
        }
    }
    Ok(())
}

fn main() -> Result<(), ConfigError> {
    let runs = std::env::args().nth(1).and_then(|runs| runs.parse().ok()).unwrap_or(10_000);
    println!("{runs} runs per row");
    detection(runs)?;
    false_alarms(runs)?;
    latency(runs)?;
    passing(runs)?;
    other_rules(runs)
}
