//! Labs without a cluster: lint, plan, new.

use std::process::Output;

use crate::run::Surroundings;

/// The lab that `lab new` makes, with another question.
fn own_lab(here: &Surroundings) -> String {
    let made = here.run(&["lab", "new", "networking/echo"]);
    assert_eq!(made.status.code(), Some(0), "{made:?}");
    let path = here.home().join("labs/networking/echo/lab.yaml");
    std::fs::read_to_string(path).expect("is there")
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn lint_takes_names_families_and_folders() {
    let here = Surroundings::new();
    own_lab(&here);
    for (subject, expected) in [
        ("pod-kill", "chaos/pod-kill"),
        ("chaos/pod-kill", "chaos/pod-kill"),
        ("storage", "storage/backup-restore"),
        ("labs", "networking/echo"),
        ("labs/networking", "networking/echo"),
        ("labs/networking/echo", "networking/echo"),
        ("labs/networking/echo/lab.yaml", "networking/echo"),
    ] {
        let output = here.run(&["lab", "lint", subject]);
        assert_eq!(output.status.code(), Some(0), "{subject}: {output:?}");
        assert_eq!(text(&output), format!("ok {expected}\n"), "{subject}");
    }
}

#[test]
fn lint_of_no_lab_is_refused() {
    let here = Surroundings::new();
    std::fs::create_dir_all(here.home().join("empty")).expect("can be made");
    let text = here.snapshot(&["lab", "lint", "empty"]);
    assert!(text.contains("exit code 2") && text.contains("there is no lab in empty"), "{text}");
    assert_eq!(here.run(&["lab", "lint", "chaos/pod-kil"]).status.code(), Some(2));
}

#[test]
fn lint_reads_a_text_and_names_field_and_place() {
    let here = Surroundings::new();
    let good = own_lab(&here);
    let output = here.run_with_input(&["lab", "lint", "-"], &good);
    assert_eq!((output.status.code(), text(&output).as_str()), (Some(0), "ok standard input\n"));
    let bad = good.replace("that: traffic.planned", "that: trafic.planned").replace("level: 1", "level: 7");
    let output = here.run_with_input(&["lab", "lint", "-"], &bad);
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output);
    assert!(said.contains(": error: metadata.level: 7 is no level from 1 to 3"), "{said}");
    let of_name = said.lines().find(|line| line.contains("did you mean `traffic`?")).expect("is found");
    assert!(of_name.starts_with("  lab.yaml:") && of_name.contains("spec.expect[0].that: "), "{said}");
}

#[test]
fn a_new_lab_leads_editors_to_a_schema_that_is_there() {
    let here = Surroundings::new();
    let lab = own_lab(&here);
    let schema = lab.lines().next().and_then(|line| line.split("$schema=").nth(1)).expect("names one");
    let path = here.home().join("labs/networking/echo").join(schema);
    let schema: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&path).expect("is there")).expect("is JSON");
    assert!(schema["definitions"]["Step"].is_object(), "{schema}");
}

#[test]
fn a_filled_in_lab_is_in_the_catalogue() {
    let here = Surroundings::new();
    let lab = own_lab(&here).replace("question: Does the demo app", "question: Does an echo");
    std::fs::write(here.home().join("labs/networking/echo/lab.yaml"), lab).expect("is written");
    let listed = text(&here.run(&["networking", "list", "--labs-dir", "labs"]));
    assert!(listed.contains("networking/echo") && listed.contains("Does an echo answer"), "{listed}");
    assert!(listed.contains("networking/service-types"), "{listed}");
}

#[test]
fn families_make_and_check_their_labs() {
    let here = Surroundings::new();
    let made = here.run(&["chaos", "new", "slow-disk"]);
    assert_eq!(text(&made), "labs/chaos/slow-disk\n", "{made:?}");
    let output = here.run(&["chaos", "lint", "--labs-dir", "labs"]);
    assert_eq!(text(&output), "ok chaos/pod-kill\nok chaos/slow-disk\n", "{output:?}");
    for (args, why) in [
        (["chaos", "new", "storage/slow-disk"], "storage/slow-disk is no chaos lab"),
        (["chaos", "lint", "backup-restore"], "there is no chaos lab `backup-restore`"),
    ] {
        let output = here.run(&args);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn canaries_of_a_folder_are_canaries() {
    let here = Surroundings::new();
    let (from, to) = (env!("CARGO_MANIFEST_DIR").to_owned() + "/labs/canary/bad-errors", "labs/canary/mine");
    std::fs::create_dir_all(here.home().join(to)).expect("can be made");
    let lab = std::fs::read_to_string(from + "/lab.yaml")
        .expect("is there")
        .replace("name: bad-errors", "name: mine");
    std::fs::write(here.home().join(to).join("lab.yaml"), lab).expect("is written");
    let listed = text(&here.run(&["canary", "list", "--labs-dir", "labs", "-o", "name"]));
    assert!(listed.contains("mine"), "{listed}");
    let shown = here.run(&["canary", "show", "mine", "--labs-dir", "labs"]);
    assert_eq!(shown.status.code(), Some(0), "{shown:?}");
}

#[test]
fn a_lab_that_lint_refuses_is_neither_planned_nor_run() {
    let here = Surroundings::new();
    let lab = own_lab(&here).replace("level: 1", "level: 7");
    std::fs::write(here.home().join("labs/networking/echo/lab.yaml"), lab).expect("is written");
    for verb in ["plan", "run"] {
        let output = here.run(&["networking", verb, "echo", "--labs-dir", "labs"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(
            said.contains("7 is no level from 1 to 3") && said.contains("lab lint networking/echo"),
            "{said}"
        );
    }
}

#[test]
fn a_plan_shows_needs_steady_state_and_changes() {
    let plan = text(&Surroundings::new().run(&["lab", "plan", "gateway/retries"]));
    for part in [
        "\nNeeds\n",
        "  envoy-gateway\n",
        "\nSteady state, before and after\n",
        "the app answers through the gateway",
        "\nChanges\n",
        "BackendTrafficPolicy/lab-flaky",
    ] {
        assert!(plan.contains(part), "{part}: {plan}");
    }
}

#[test]
fn a_canary_that_can_prove_nothing_in_its_time_is_refused_without_a_cluster() {
    let here = Surroundings::new();
    for verb in ["plan", "run"] {
        let output = here.run(&["lab", verb, "canary/good-release", "--set", "rate=50"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("the step with 5 % cannot pass in 120 s") && said.contains("hint:"), "{said}");
    }
}

#[test]
fn a_changed_plan_is_not_run() {
    let here = Surroundings::new();
    let plan = text(&here.run(&["lab", "plan", "chaos/pod-kill", "-o", "json"]));
    let file = here.home().join("plan.json");
    std::fs::write(&file, plan.replacen("\"count\": 1", "\"count\": 2", 1)).expect("is written");
    let refused = here.snapshot(&["lab", "run", "--plan", "plan.json"]);
    assert!(refused.contains("exit code 2") && refused.contains("was changed after"), "{refused}");
    // An untouched plan gets as far as the cluster, which is not there.
    std::fs::write(&file, plan).expect("is written");
    assert_eq!(here.run(&["lab", "run", "--plan", "plan.json"]).status.code(), Some(5));
    assert_eq!(here.run(&["gateway", "run", "--plan", "plan.json"]).status.code(), Some(2));
    assert_eq!(here.run(&["lab", "run", "pod-kill", "--plan", "plan.json"]).status.code(), Some(2));
}

#[test]
fn events_have_one_form() {
    let output = Surroundings::new().run(&["lab", "run", "pod-kill", "--events", "-o", "yaml"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}
