//! `report`: real records, in every form, without a cluster.

mod browser;
pub(crate) mod lab;

use std::path::PathBuf;

use crate::run::Surroundings;

/// A canary that was rolled back.
pub(crate) const BAD: &str = "261120-163148-d80d";
/// A canary that was promoted.
pub(crate) const GOOD: &str = "261120-163001-d4fb";

/// The folder of a record.
pub(crate) fn record(run: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/runs").join(run);
    folder.to_string_lossy().into_owned()
}

/// Standard output of a command that has to succeed.
pub(crate) fn output(here: &Surroundings, args: &[&str]) -> String {
    let output = here.run(args);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{args:?}: {error}");
    String::from_utf8(output.stdout).expect("is text")
}

#[test]
fn a_bad_release_as_markdown() {
    insta::assert_snapshot!(output(&Surroundings::new(), &["report", &record(BAD), "-o", "markdown"]));
}

#[test]
fn a_good_release_as_markdown() {
    insta::assert_snapshot!(output(
        &Surroundings::new(),
        &["canary", "report", &record(GOOD), "-o", "markdown"]
    ));
}

#[test]
fn two_runs_as_markdown() {
    let args = ["report", "--compare", &record(GOOD), &record(BAD), "-o", "markdown"];
    insta::assert_snapshot!(output(&Surroundings::new(), &args));
}

#[test]
fn documents_say_the_same_as_the_record() {
    let here = Surroundings::new();
    let text = output(&here, &["report", &record(BAD), "-o", "json"]);
    let report: serde_json::Value = serde_json::from_str(&text).expect("is JSON");
    assert_eq!((report["kind"].as_str(), report["run"].as_str()), (Some("Report"), Some(BAD)));
    assert_eq!(report["verdict"]["word"], "FAIL");
    assert_eq!(report["commands"][0]["line"], "kubectl kubsets canary run bad-errors");
    let failed = report["measures"]
        .as_array()
        .expect("is a list")
        .iter()
        .find(|one| one["name"] == "failed for users");
    assert_eq!(failed.expect("is measured")["value"], 5.0);
    let text = output(&here, &["report", "--compare", &record(GOOD), &record(BAD), "-o", "json"]);
    let comparison: serde_json::Value = serde_json::from_str(&text).expect("is JSON");
    assert_eq!(comparison["kind"], "ReportComparison");
    assert_eq!((comparison["a"]["run"].as_str(), comparison["b"]["run"].as_str()), (Some(GOOD), Some(BAD)));
}

/// A state folder with both records.
fn state(here: &Surroundings) -> String {
    let state = here.home().join("state");
    for run in [BAD, GOOD] {
        let folder = state.join("runs").join(run);
        std::fs::create_dir_all(&folder).expect("can be made");
        for entry in std::fs::read_dir(record(run)).expect("is there").flatten() {
            std::fs::copy(entry.path(), folder.join(entry.file_name())).expect("can be copied");
        }
    }
    state.to_string_lossy().into_owned()
}

#[test]
fn the_last_run_is_reported_beside_its_record() {
    let here = Surroundings::new();
    let state = state(&here);
    let text = output(&here, &["report", "--state-dir", &state]);
    assert!(text.contains("FAIL, rolled back") && text.contains(BAD), "{text}");
    let page = std::fs::read_to_string(format!("{state}/runs/{BAD}/report.html")).expect("is written");
    assert!(page.starts_with("<!DOCTYPE html>"));
    let list = output(&here, &["report", "--list", "--state-dir", &state]);
    let lines: Vec<&str> = list.lines().collect();
    assert!(lines[1].starts_with(BAD) && lines[2].starts_with(GOOD), "{list}");
    let names = output(&here, &["report", "--list", "-o", "name", "--state-dir", &state]);
    assert_eq!(names, format!("{BAD}\n{GOOD}\n"));
    assert_eq!(output(&here, &["canary", "report", "--list", "-o", "name", "--state-dir", &state]), names);
    assert_eq!(output(&here, &["lab", "report", "--list", "-o", "name", "--state-dir", &state]), "");
    let file = here.home().join("two.html").to_string_lossy().into_owned();
    output(&here, &["report", "--state-dir", &state, "--compare", GOOD, BAD, "--open-path", &file]);
    assert!(std::fs::read_to_string(file).expect("is written").contains("two runs side by side"));
}

#[test]
fn a_run_that_was_killed_has_a_report_too() {
    let here = Surroundings::new();
    let state = state(&here);
    let folder = format!("{state}/runs/{BAD}");
    std::fs::remove_file(format!("{folder}/run.json")).expect("is there");
    std::fs::remove_file(format!("{folder}/load.json")).expect("is there");
    let events = std::fs::read_to_string(format!("{folder}/events.jsonl")).expect("is there");
    let cut: String = events.chars().take(events.len() / 2).collect();
    std::fs::write(format!("{folder}/events.jsonl"), cut).expect("can be written");
    let text = output(&here, &["report", BAD, "--state-dir", &state, "-o", "markdown"]);
    assert!(text.contains("UNFINISHED") && text.contains("no percentiles"), "{text}");
}

#[test]
fn wrong_wishes_are_refused() {
    let here = Surroundings::new();
    let bad = record(BAD);
    for args in [
        &["report"][..],
        &["report", "261120-000000-0000"],
        &["report", "/"],
        &["report", "--compare", &bad],
        &["report", "--list", &bad],
        &["report", &bad, "-o", "name"],
        &["version", "--client", "-o", "html"],
        &["canary", "list", "-o", "markdown"],
    ] {
        let output = here.run(args);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {text}");
        assert!(text.starts_with("error: "), "{args:?}: {text}");
    }
}
