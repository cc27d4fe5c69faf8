//! The corpus of lab files: everything in `fixtures/pass` is valid, everything in `fixtures/fail` is
//! refused with the message and at the place that its first line says.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which may panic like these")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use kubsets_lab::{Finding, LAB_FILE, LabSource, Plan, Values, lint};

/// Line before another file of the lab.
const FILE: &str = "#=== ";

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

fn corpus(name: &str) -> BTreeMap<String, String> {
    let read = |path: PathBuf| {
        let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
        (stem, fs::read_to_string(path).unwrap())
    };
    fs::read_dir(folder(name)).unwrap().map(|entry| read(entry.unwrap().path())).collect()
}

/// The lab of a fixture: the file, and the files that follow in it.
fn source(name: &str, text: &str) -> LabSource {
    let mut parts = text.split(FILE);
    let lab_yaml = parts.next().unwrap().to_owned();
    let files = parts.filter_map(|part| part.split_once('\n'));
    let mut files: BTreeMap<String, String> =
        files.map(|(file, text)| (file.to_owned(), text.to_owned())).collect();
    if !text.contains("# without README") {
        files.insert("README.md".into(), "# a lab\n".into());
    }
    LabSource { folder: format!("demo/{name}"), lab_yaml, files }
}

/// `12:14` or `-`, with the file in front when it is not the lab's.
fn place(finding: &Finding) -> String {
    let place = finding.place.map_or("-".to_owned(), |at| format!("{}:{}", at.line, at.column));
    if finding.file == LAB_FILE { place } else { format!("{}:{place}", finding.file) }
}

#[test]
fn everything_in_pass_is_valid_and_can_be_planned() {
    let corpus = corpus("pass");
    assert!(corpus.len() >= 12);
    for (name, text) in corpus {
        let source = source(&name, &text);
        let findings = lint(&source, &Values::new());
        assert!(findings.is_empty(), "{name}: {}", findings[0]);
        let plan = Plan::new(&source, &Values::new()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(plan.lab, format!("demo/{name}"));
        for values in source.parse(&Values::new()).unwrap().variants(&Values::new()).unwrap() {
            Plan::new(&source, &values).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }
}

#[test]
fn everything_in_fail_is_refused_with_its_message_at_its_place() {
    let corpus = corpus("fail");
    assert!(corpus.len() >= 30);
    let mut wrong = Vec::new();
    for (name, text) in corpus {
        let expected = text.lines().next().unwrap().strip_prefix("# expect: ").expect("a first line");
        let (at, message) = expected.split_once(' ').expect("a place and a message");
        let findings = lint(&source(&name, &text), &Values::new());
        let held = findings.iter().any(|one| place(one) == at && one.to_string().contains(message));
        if !held {
            let found: Vec<String> = findings.iter().map(|one| format!("{} {one}", place(one))).collect();
            wrong.push(format!("{name}: expected {expected}\n    {}", found.join("\n    ")));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
