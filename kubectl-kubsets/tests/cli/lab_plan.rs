//! `lab plan` prints the plan that its hash is of, with the names that users gave.

use kubsets_lab::Plan;

use crate::run::Surroundings;

const LAB: &str = "\
apiVersion: kubsets.dev/v1alpha1
kind: Lab
metadata: {name: names, family: chaos, level: 1, minutes: 1}
spec:
  question: Do names stay as they are?
  params:
    most_items: {type: number, default: 5, about: Items}
  steps:
    - name: settings
      apply:
        objects:
          - apiVersion: v1
            kind: ConfigMap
            metadata: {name: names-settings}
            data: {max_items: \"${most_items}\"}
  expect:
    - name: always
      that: 'true'
";

/// The plan that a command line prints as JSON.
fn printed(here: &Surroundings, args: &[&str]) -> (String, Plan) {
    let output = here.run(&[args, &["-o", "json"]].concat());
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let error = String::from_utf8_lossy(&output.stderr);
    let mut value: serde_json::Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {error}"));
    let fields = value.as_object_mut().expect("a plan is an object");
    assert_eq!(fields.remove("kind"), Some("LabPlan".into()));
    fields.remove("apiVersion");
    fields.remove("pluginVersion");
    (text, serde_json::from_value(value).expect("the printed plan is one"))
}

#[test]
fn a_printed_plan_has_the_hash_of_what_is_printed() {
    let here = Surroundings::new();
    let folder = here.home().join("labs/chaos/names");
    std::fs::create_dir_all(&folder).expect("a folder can be made");
    std::fs::write(folder.join("lab.yaml"), LAB).expect("a file can be written");
    std::fs::write(folder.join("README.md"), "# Names").expect("a file can be written");
    let (text, plan) = printed(&here, &["lab", "plan", "chaos/names", "--labs-dir", "labs"]);
    assert_eq!(plan.fingerprint(), plan.hash);
    assert!(text.contains("\"max_items\": 5") && text.contains("\"most_items\""), "{text}");
    for lab in ["chaos/pod-kill", "storage/backup-restore", "canary/bad-errors"] {
        let (_, plan) = printed(&here, &["lab", "plan", lab]);
        assert_eq!(plan.fingerprint(), plan.hash, "{lab}");
    }
}

#[test]
fn a_dry_run_is_the_plan() {
    let here = Surroundings::new();
    let plan = printed(&here, &["lab", "plan", "chaos/pod-kill"]);
    assert_eq!(printed(&here, &["lab", "run", "chaos/pod-kill", "--dry-run", "client"]), plan);
    // there is no server to ask here
    assert_eq!(here.run(&["lab", "run", "chaos/pod-kill", "--dry-run", "server"]).status.code(), Some(5));
}

#[test]
fn no_dry_run_at_all_is_taken_as_kubectl_takes_it() {
    let here = Surroundings::new();
    for command in [
        &["lab", "run", "chaos/pod-kill"][..],
        &["canary", "run", "bad-errors"],
        &["up", "--provider", "current"],
    ] {
        let (plain, none) = (here.run(command), here.run(&[command, &["--dry-run=none"]].concat()));
        assert_eq!(String::from_utf8_lossy(&none.stderr), String::from_utf8_lossy(&plain.stderr));
        assert_eq!(none.status.code(), plain.status.code(), "{command:?}");
        assert_ne!(none.status.code(), Some(2), "{command:?}");
    }
}
