//! `canary simulate`: the same bytes for the same seed, wrong values refused.

use std::time::{Duration, Instant};

use crate::run::Surroundings;

const ASKED: [&str; 12] =
    ["canary", "simulate", "--error", "5%", "--rps", "100", "--weights", "10", "--seed", "7", "-o", "json"];

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let here = Surroundings::new();
    // On a machine with other work the quickest of both counts.
    let timed = || {
        let began = Instant::now();
        (here.run(&ASKED), began.elapsed())
    };
    let ((first, one), (second, other)) = (timed(), timed());
    assert!(one.min(other) < Duration::from_secs(1), "it took {one:?} and {other:?}");
    assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));
    assert!(first.stdout == second.stdout, "two runs with one seed differ");
    let other: Vec<&str> = ASKED.iter().map(|word| if *word == "7" { "8" } else { *word }).collect();
    assert!(here.run(&other).stdout != first.stdout, "another seed gives the same");
}

#[test]
fn figures_are_near_the_published_ones() {
    let output = Surroundings::new().run(&ASKED);
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("is JSON");
    assert_eq!(document["kind"], "CanarySimulation");
    let row = &document["rows"][0];
    let number = |path: &str| row.pointer(path).and_then(serde_json::Value::as_f64).unwrap_or(f64::NAN);
    assert!(number("/equal/failRate") <= 0.01, "{row}");
    assert!(number("/worse/failRate") > 0.99, "{row}");
    assert!((5.0..=9.0).contains(&number("/worse/failMedianSeconds")), "{row}");
}

#[test]
fn table_for_people() {
    let args = ["canary", "simulate", "--weights", "5,25", "--runs", "200", "--step", "60s"];
    insta::assert_snapshot!(Surroundings::new().snapshot(&args));
}

#[test]
fn wrong_values_are_refused_with_the_accepted_form() {
    let here = Surroundings::new();
    for (flag, value) in [
        ("--error", "500%"),
        ("--weights", "0"),
        ("--weights", "10,120"),
        ("--rps", "-1"),
        ("--step", "60"),
        ("--step", "1500ms"),
        ("--runs", "0"),
        ("--slower", "0"),
        ("--limit", "0%"),
    ] {
        let output = here.run(&["canary", "simulate", &format!("{flag}={value}")]);
        assert_eq!(output.status.code(), Some(2), "{flag} {value}");
        assert!(output.stdout.is_empty(), "{flag} {value}");
        assert!(!output.stderr.is_empty(), "{flag} {value}");
    }
}
