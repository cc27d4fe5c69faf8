//! `canary`: the labs inside the binary, and refusals that need no cluster.

use crate::run::Surroundings;

#[test]
fn the_labs_are_listed_with_their_questions() {
    let output = Surroundings::new().run(&["canary", "list", "-o", "json"]);
    assert!(output.status.success());
    let list: serde_json::Value = serde_json::from_slice(&output.stdout).expect("is JSON");
    let names: Vec<&str> = list["items"]
        .as_array()
        .expect("is a list")
        .iter()
        .filter_map(|lab| lab["metadata"]["name"].as_str())
        .collect();
    for name in ["bad-errors", "good-release"] {
        assert!(names.contains(&name), "{names:?}");
    }
}

#[test]
fn an_unknown_lab_names_the_nearest() {
    insta::assert_snapshot!(Surroundings::new().snapshot(&["canary", "run", "bad-error"]));
}

#[test]
fn what_changes_has_to_be_said() {
    insta::assert_snapshot!(Surroundings::new().snapshot(&["canary", "run"]));
}

#[test]
fn wrong_releases_are_refused() {
    let here = Surroundings::new();
    for args in [
        &["canary", "run", "--set", "novalue"][..],
        &["canary", "run", "good-release", "--weights", "10,250"],
        &["canary", "run", "good-release", "--weights", "50,10"],
        &["canary", "run", "good-release", "--set", "nosuchparameter=1"],
        &["canary", "run", "good-release", "--read-only"],
        &["canary", "run", "good-release", "--rate", "0"],
        &["canary", "run", "good-release", "--on-inconclusive", "pray"],
        &["canary", "undo", "not-a-run"],
    ] {
        let output = here.run(args);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {text}");
        assert!(text.starts_with("error: "), "{args:?}: {text}");
    }
}

#[test]
fn events_have_one_form() {
    let output = Surroundings::new().run(&["canary", "run", "good-release", "--events", "-o", "yaml"]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("events come as lines of JSON"), "{text}");
}

#[test]
fn labs_are_completed() {
    let output = Surroundings::new().run_named("kubectl_complete-kubsets", &["canary", "run", "bad"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.starts_with("bad-errors\t") && text.ends_with(":4\n"), "{text}");
}
