//! `replay`: recorded runs again, without a cluster.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::report::lab::{POD_KILL, state};
use crate::report::{BAD, GOOD, output, record};
use crate::run::Surroundings;

#[test]
fn a_canary_as_lines() {
    insta::assert_snapshot!(output(
        &Surroundings::new(),
        &["canary", "replay", &record(BAD), "--speed", "0"]
    ));
}

#[test]
fn a_canary_as_a_picture_that_moves() {
    let svg = output(&Surroundings::new(), &["internal", "recording", &record(BAD)]);
    let document = roxmltree::Document::parse(&svg).expect("is XML");
    let last = last_picture(&document);
    assert!(last[0].contains("canary bad-errors") && last[0].contains("rolled back"), "{last:#?}");
    assert!(last.last().is_some_and(|keys| keys.contains(BAD)), "{last:#?}");
    let pictures: std::collections::HashSet<&str> =
        svg.split(['{', '}']).filter(|rule| rule.ends_with('%')).collect();
    assert!(pictures.len() > 25, "{} pictures", pictures.len());
    assert!(svg.len() < 300 << 10, "{} bytes", svg.len());
}

/// The rows of the screen as they are where nothing moves.
fn last_picture(document: &roxmltree::Document<'_>) -> Vec<String> {
    let id =
        |id: &str| document.descendants().find(|node| node.attribute("id") == Some(id)).expect("is there");
    let row = |number: usize| {
        let strip = id(&format!("r{number}"));
        let place = strip.attribute("transform").expect("is placed").trim_start_matches("translate(0 -");
        let shown = place.trim_end_matches(')');
        let line = strip.children().find(|line| line.attribute("y") == Some(shown));
        let texts = line.into_iter().flat_map(|line| {
            let pieces = id(line.attribute("href").expect("is a line").trim_start_matches('#')).children();
            pieces.filter_map(|piece| piece.text()).collect::<Vec<_>>()
        });
        texts.collect::<Vec<_>>().join(" ").replace('\u{a0}', " ")
    };
    (0..24).map(row).collect()
}

#[test]
fn a_canary_under_other_rules() {
    insta::assert_snapshot!(output(&Surroundings::new(), &["canary", "replay", &record(BAD), "--judge"]));
}

#[test]
fn the_last_run_is_that_of_the_family() {
    let here = Surroundings::new();
    let state = state(&here);
    let newest = std::path::Path::new(&state).join("runs/261121-000000-0001");
    std::fs::create_dir_all(&newest).expect("is made");
    for file in ["plan.json", "events.jsonl"] {
        std::fs::copy(std::path::Path::new(&record(GOOD)).join(file), newest.join(file)).expect("is copied");
    }
    let last = |family: &str| output(&here, &[family, "replay", "--speed", "0", "--state-dir", &state]);
    assert!(last("canary").contains(GOOD), "{}", last("canary"));
    for family in ["chaos", "lab"] {
        assert!(last(family).contains(&format!("run {POD_KILL}: chaos/pod-kill")), "{}", last(family));
    }
    let none = here.run(&["gateway", "replay", "--state-dir", &state]);
    assert_eq!(none.status.code(), Some(2), "{}", String::from_utf8_lossy(&none.stdout));
}

#[test]
fn judged_again_as_json() {
    let here = Surroundings::new();
    let judge = |run: &str, more: &[&str]| -> serde_json::Value {
        let folder = record(run);
        let args = [&["canary", "replay", &folder, "--judge", "-o", "json"], more].concat();
        serde_json::from_str(&output(&here, &args)).expect("is JSON")
    };
    let (good, bad) = (judge(GOOD, &[]), judge(BAD, &[]));
    assert_eq!((good["kind"].as_str(), good["run"].as_str()), (Some("CanaryRejudgement"), Some(GOOD)));
    assert_eq!(good["recordedDecision"], "promote");
    assert_eq!(good["rules"][0]["verdict"], "pass");
    assert_eq!(good["rules"].as_array().map(Vec::len), Some(7));
    assert_eq!(bad["recordedDecision"], "roll-back");
    assert_eq!(bad["rules"][0]["verdict"], "fail");
    let strict = judge(GOOD, &["--error-limit", "0.1%"]);
    assert_eq!(strict["rules"][0]["verdict"], "inconclusive", "{strict}");
}

#[test]
fn ten_minutes_of_a_lab_at_once_take_less_than_two_seconds() {
    let here = Surroundings::new();
    let folder = here.home().join("run");
    std::fs::create_dir(&folder).expect("is made");
    let mut text = String::new();
    for second in 0..600 {
        let (at, planned) = (f64::from(second) + 0.5, 200);
        for load in ["users", "robots"] {
            let _ = writeln!(
                text,
                r#"{{"at":"2026-01-01T12:00:00Z","seconds":{at},"event":{{"type":"load","load":"{load}","second":{second},"planned":{planned},"ok":199,"failed":1,"neverSent":0,"inFlight":3,"p50Ms":1.5,"p99Ms":9.25}}}}"#
            );
        }
        let _ = writeln!(
            text,
            r#"{{"at":"2026-01-01T12:00:00Z","seconds":{at},"event":{{"type":"step-ended","step":1,"status":"passed","seconds":0.5,"message":"second {second}","result":null}}}}"#
        );
    }
    std::fs::write(folder.join("lab-events.jsonl"), text).expect("is written");
    let clock = Instant::now();
    let lines = output(&here, &["lab", "replay", &folder.to_string_lossy(), "--speed", "0"]);
    let took = clock.elapsed();
    assert!(
        lines.contains("users: in 5 s 1000 planned, 995 ok, 5 failed") && lines.contains("(second 599)"),
        "{lines}"
    );
    assert_eq!(lines.lines().count(), 600 + 2 * 120);
    assert!(took < Duration::from_secs(2), "took {took:?}");
    let json = output(&here, &["lab", "replay", &folder.to_string_lossy(), "--speed", "0", "-o", "json"]);
    assert_eq!(json.lines().count(), 1_800);
}

#[test]
fn speed_is_kept() {
    let here = Surroundings::new();
    let clock = Instant::now();
    output(&here, &["canary", "replay", &record(BAD), "--speed", "100"]);
    let took = clock.elapsed();
    assert!(took >= Duration::from_millis(200), "more than twenty seconds in {took:?}");
}

#[test]
fn what_cannot_be_replayed_is_refused() {
    let here = Surroundings::new();
    for args in [
        &["lab", "replay", "260101-000000-0000"][..],
        &["lab", "replay", "--speed", "-1"],
        &["canary", "replay", "--error-limit", "1%"],
        &["canary", "replay", "--judge", "--plain"],
    ] {
        assert_eq!(here.run(args).status.code(), Some(2), "{args:?}");
    }
}
