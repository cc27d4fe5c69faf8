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
fn bad_duration() {
    insta::assert_snapshot!(Surroundings::new().snapshot(&["version", "--request-timeout", "30"]));
}

#[test]
fn bad_output_form() {
    insta::assert_snapshot!(Surroundings::new().snapshot(&["version", "-o", "xml"]));
}
