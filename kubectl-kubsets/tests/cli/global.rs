//! Global flags: refused where they forbid a command or have no meaning, before anything happens.

use crate::run::Surroundings;

#[test]
fn read_only_refuses_before_anything_is_looked_at() {
    let here = Surroundings::new();
    for args in [
        &["images", "push", "demo-app", "--to", "127.0.0.1:1"][..],
        &["cluster", "load-image", "absent.tar"],
        &["cluster", "remove-node", "absent"],
        &["lab", "run", "chaos/pod-kill"],
    ] {
        let output = here.run(&[args, &["--read-only", "--yes"]].concat());
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains("--read-only forbids that"), "{text}");
    }
}

#[test]
fn a_flag_without_a_meaning_is_refused() {
    insta::assert_snapshot!(Surroundings::new().snapshot(&["version", "--client", "--exit-zero"]));
}

#[test]
fn names_alone_are_one_a_line() {
    let output = Surroundings::new().run(&["chaos", "list", "-o", "name"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.lines().any(|line| line == "chaos/pod-kill"), "{text}");
    assert!(text.lines().all(|line| line.starts_with("chaos/")), "{text}");
}

#[test]
fn every_command_that_lists_gives_names_alone() {
    let here = Surroundings::new();
    for list in [&["lab", "list"][..], &["canary", "list"], &["storage", "list"], &["images", "list"]] {
        let output = here.run(&[list, &["-o", "name"]].concat());
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && !text.is_empty(), "{list:?}: {text}");
        assert!(text.lines().all(|line| !line.contains(char::is_whitespace)), "{list:?}: {text}");
    }
}
