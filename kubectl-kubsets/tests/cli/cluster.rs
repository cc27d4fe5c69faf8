//! `cluster`: what is on record, without a cluster that runs.

use std::fs;

use crate::run::Surroundings;

const KUBECONFIG: &str = "apiVersion: v1\nkind: Config\ncurrent-context: kubsets-good\n";

/// One stopped cluster on record, and one whose record was cut off.
fn two() -> Surroundings {
    let here = Surroundings::new();
    let record = serde_json::json!({
        "name": "good", "slot": 0, "kubernetes": "v1.36.3", "initialised": true,
        "nodes": [{"index": 0, "name": "good-control-plane", "joined": true}],
    });
    for (name, record) in [("good", record.to_string()), ("test-cut", "{".to_owned())] {
        let folder = here.home().join("clusters").join(name);
        fs::create_dir_all(&folder).expect("can be made");
        fs::write(folder.join("cluster.json"), record).expect("can be written");
        fs::write(folder.join("kubeconfig"), KUBECONFIG).expect("can be written");
    }
    here
}

#[test]
fn a_damaged_record_is_listed_as_such_beside_the_others() {
    let output = two().run(&["cluster", "list"]);
    let (table, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{said}");
    let line = |name: &str| table.lines().find(|line| line.starts_with(name)).expect("is listed").to_owned();
    assert!(line("good ").ends_with("stopped"), "{table}");
    assert!(line("test-cut ").contains("damaged: ") && line("test-cut ").contains("cluster.json"), "{table}");
    assert!(said.contains("hint: `kubectl kubsets cluster delete --name test-cut`"), "{said}");
}

#[test]
fn a_document_tells_what_helps_against_damage() {
    let output = two().run(&["cluster", "list", "-o", "json"]);
    assert_eq!(output.status.code(), Some(0));
    let list: serde_json::Value = serde_json::from_slice(&output.stdout).expect("is JSON");
    let damaged = &list["items"][1];
    assert_eq!(damaged["health"]["state"], "damaged", "{list}");
    assert!(damaged["health"]["reason"].as_str().expect("is text").contains("cluster.json"), "{list}");
    let help = "`kubectl kubsets cluster delete --name test-cut` removes what is left of it";
    assert_eq!(damaged["hint"], help);
    assert_eq!(
        (&list["items"][0]["health"]["state"], list["items"][0].get("hint")),
        (&"stopped".into(), None)
    );
}

#[test]
fn a_kubeconfig_comes_in_the_form_asked_for() {
    let here = two();
    let printed = |form: &[&str]| {
        let output = here.run(&[&["cluster", "kubeconfig", "--name", "good"], form].concat());
        assert_eq!(output.status.code(), Some(0), "{form:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("is text")
    };
    assert_eq!(printed(&[]), KUBECONFIG);
    assert_eq!(printed(&["-o", "yaml"]), KUBECONFIG);
    let json: serde_json::Value = serde_json::from_str(&printed(&["-o", "json"])).expect("is JSON");
    let expected =
        serde_json::json!({"apiVersion": "v1", "kind": "Config", "current-context": "kubsets-good"});
    assert_eq!(json, expected);
    for form in ["name", "html"] {
        let output = here.run(&["cluster", "kubeconfig", "--name", "good", "-o", form]);
        assert_eq!(output.status.code(), Some(2), "{form}");
    }
}

#[test]
fn only_the_right_name_confirms_a_loss() {
    let here = two();
    let folder = here.home().join("clusters").join("test-cut");
    for command in [&["cluster", "delete"][..], &["down"]] {
        let output = here.run(&[command, &["--name", "test-cut", "--confirm", "good", "--yes"]].concat());
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains("--confirm=good does not name what would be lost: test-cut"), "{text}");
        assert!(folder.exists());
    }
    let output = here.run(&["down", "--name", "test-cut", "--confirm", "test-cut"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!folder.exists());
}

#[test]
fn a_record_that_cannot_be_read_is_an_error_and_not_no_cluster() {
    let here = Surroundings::new();
    // root may read everything, but no folder as a file
    let record = here.home().join("clusters/test-unread/cluster.json");
    fs::create_dir_all(&record).expect("can be made");
    let commands = [
        &["cluster", "status"][..],
        &["cluster", "kubeconfig"],
        &["up", "--dry-run=server"],
        &["down", "--yes"],
    ];
    for command in commands {
        let output = here.run(&[command, &["--name", "test-unread"]].concat());
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(5), "{command:?}: {text}");
        assert!(text.contains(&format!("failed to read {}", record.display())), "{command:?}: {text}");
        assert!(
            text.contains("hint: where another one is meant, name who made it: `--provider kind`"),
            "{text}"
        );
    }
    assert!(record.exists(), "nothing was removed");
}

#[test]
fn a_dead_node_is_named_with_what_starts_it_again() {
    let here = two();
    let archive = here.home().join("image.tar");
    fs::write(&archive, "").expect("can be written");
    let archive = archive.to_string_lossy();
    let output = here.run(&["cluster", "load-image", "--name", "good", &archive]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(5), "{text}");
    assert!(text.contains("node `good-control-plane` of cluster `good` is dead"), "{text}");
    assert!(
        text.contains("hint: `kubectl kubsets cluster create --name good --nodes 1` starts it again"),
        "{text}"
    );
}
