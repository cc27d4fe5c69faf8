//! Completion as kubectl asks for it: by the name of a second file, `value<TAB>help` lines, then a directive.

use crate::run::Surroundings;

fn ask(here: &Surroundings, words: &[&str]) -> String {
    let output = here.run_named("kubectl_complete-kubsets", words);
    assert!(output.status.success());
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("is UTF-8")
}

#[test]
fn subcommands() {
    assert_eq!(
        ask(&Surroundings::new(), &["ver"]),
        "version\tShow versions of the plugin and of the cluster\n:4\n"
    );
}

#[test]
fn every_subcommand_without_a_word() {
    insta::assert_snapshot!(ask(&Surroundings::new(), &[""]));
}

#[test]
fn flags_and_their_values() {
    let here = Surroundings::new();
    assert!(ask(&here, &["version", "--cl"]).contains("--client\t"));
    let forms = ask(&here, &["version", "-o", ""]);
    assert!(forms.contains("json\t") && forms.ends_with("\n:4\n"), "{forms}");
    assert_eq!(ask(&here, &["up", "--provider", "k"]), "kind\nk3d\n:4\n");
}

#[test]
fn nonsense_is_silent() {
    assert_eq!(ask(&Surroundings::new(), &["zzzz"]), ":0\n");
}

#[test]
fn the_link_for_kubectl_is_made_once_and_again() {
    let here = Surroundings::new();
    let folder = here.home().join("bin");
    std::fs::create_dir(&folder).expect("a folder can be made");
    let args = ["completion", "install-kubectl", "--dir", folder.to_str().expect("is UTF-8")];
    for _ in 0..2 {
        assert!(here.run(&args).status.success());
        assert!(folder.join("kubectl_complete-kubsets").exists());
    }
}

#[test]
fn a_file_of_somebody_else_is_left_alone() {
    let here = Surroundings::new();
    std::fs::write(here.home().join("kubectl_complete-kubsets"), "mine").expect("a file can be written");
    let home = here.home().to_str().expect("is UTF-8").to_owned();
    let args = ["completion", "install-kubectl", "--dir", home.as_str()];
    insta::assert_snapshot!(here.snapshot(&args).replace(&home, "[HOME]"));
}
