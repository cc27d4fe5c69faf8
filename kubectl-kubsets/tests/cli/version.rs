//! `version`: the shape of its documents.

use crate::run::Surroundings;

#[test]
fn json_names_commit_and_compiler() {
    let output = Surroundings::new().run(&["version", "--client", "-o", "json"]);
    assert!(output.status.success());
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("is JSON");
    assert_eq!(document["apiVersion"], "kubsets.dev/v1alpha1");
    assert_eq!(document["kind"], "Version");
    assert_eq!(document["client"]["version"], env!("CARGO_PKG_VERSION"));
    let rustc = document["client"]["rustc"].as_str().expect("is text");
    assert!(rustc.starts_with("rustc 1."), "{rustc}");
    assert!(document["client"]["commit"].as_str().is_some_and(|commit| !commit.is_empty()));
    assert!(document.get("server").is_none());
}

#[test]
fn a_missing_cluster_is_told_but_no_error() {
    let output = Surroundings::new().run(&["version", "-o", "json"]);
    assert!(output.status.success());
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("is JSON");
    assert!(document["server"]["error"].as_str().is_some_and(|error| !error.is_empty()));
}

#[test]
fn yaml_says_the_same() {
    let output = Surroundings::new().run(&["version", "--client", "-o", "yaml"]);
    let text = String::from_utf8(output.stdout).expect("is UTF-8");
    assert!(text.contains("kind: Version") && text.contains("commit:"), "{text}");
}
