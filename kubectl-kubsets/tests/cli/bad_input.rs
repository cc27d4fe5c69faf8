//! Wrong input: refused with the accepted form, before anything happens.

use crate::run::Surroundings;

#[test]
fn unknown_subcommand() {
    insta::assert_snapshot!(Surroundings::new().snapshot(&["cannary"]));
}

#[test]
fn no_subcommand() {
    let output = Surroundings::new().run(&[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("Usage: kubectl kubsets"));
}

#[test]
fn a_lab_that_is_not_named_comes_with_where_they_are_listed() {
    for command in [&["lab", "show"][..], &["canary", "show"], &["chaos", "plan"]] {
        let output = Surroundings::new().run(command);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{command:?}: {text}");
        assert!(text.contains("tip: `kubectl kubsets lab list` shows the labs"), "{command:?}: {text}");
    }
}

#[test]
fn bad_duration() {
    insta::assert_snapshot!(Surroundings::new().snapshot(&["version", "--request-timeout", "30"]));
}

#[test]
fn bad_output_form() {
    insta::assert_snapshot!(Surroundings::new().snapshot(&["version", "-o", "xml"]));
}

#[test]
fn bad_weight() {
    insta::assert_snapshot!(Surroundings::new().snapshot(&["canary", "simulate", "--weights", "10,120"]));
}

#[test]
fn bad_percent() {
    insta::assert_snapshot!(Surroundings::new().snapshot(&["canary", "simulate", "--error", "x"]));
}

#[test]
fn no_kubeconfig() {
    insta::assert_snapshot!(Surroundings::new().snapshot(&["status"]));
}

#[test]
fn unknown_context_names_the_nearest() {
    let here = Surroundings::new();
    let config = "apiVersion: v1\nkind: Config\ncurrent-context: kubsets\n\
        clusters: [{name: a, cluster: {server: 'https://127.0.0.1:1'}}]\n\
        contexts: [{name: kubsets, context: {cluster: a, user: u}}]\n\
        users: [{name: u, user: {token: t}}]\n";
    std::fs::write(here.home().join("absent"), config).expect("a file can be written");
    insta::assert_snapshot!(here.snapshot(&["status", "--context", "kubset"]));
    let unreachable = here.run(&["status"]);
    assert_eq!(unreachable.status.code(), Some(5));
    assert!(String::from_utf8_lossy(&unreachable.stderr).contains("hint:"));
}
