//! Help texts: examples first, short with `-h`, long with `--help`.

use crate::run::Surroundings;

#[test]
fn short_help() {
    insta::assert_snapshot!(Surroundings::new().snapshot(&["-h"]));
}

#[test]
fn long_help() {
    insta::assert_snapshot!(Surroundings::new().snapshot(&["--help"]));
}

#[test]
fn help_of_a_command() {
    insta::assert_snapshot!(Surroundings::new().snapshot(&["version", "-h"]));
}

#[test]
fn help_goes_to_standard_output_and_errors_to_standard_error() {
    let here = Surroundings::new();
    let help = here.run(&["--help"]);
    assert!(help.status.success() && help.stderr.is_empty() && !help.stdout.is_empty());
    let wrong = here.run(&["--no-such-flag"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(wrong.stdout.is_empty() && !wrong.stderr.is_empty());
}

#[test]
fn colour_can_be_asked_for_in_a_pipe() {
    let here = Surroundings::new();
    let colored = here.run(&["--color=always", "-h"]);
    assert!(colored.stdout.contains(&0x1b));
    let plain = here.run(&["--color", "never", "-h"]);
    assert!(!plain.stdout.contains(&0x1b));
}

#[test]
fn usage_names_what_the_user_typed() {
    let here = Surroundings::new();
    let plugin = here.run_named("kubectl-kubsets", &["version", "-h"]);
    assert!(String::from_utf8_lossy(&plugin.stdout).contains("Usage: kubectl kubsets version"));
    let alone = here.run_named("kubsets", &["version", "-h"]);
    assert!(String::from_utf8_lossy(&alone.stdout).contains("Usage: kubsets version"));
}
