//! The labs of this repository and the files that are made from them and from the types.
//!
//! `KUBSETS_UPDATE=1 cargo test -p kubsets-lab --test generated` writes the files anew.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which may panic like these")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use kubsets_lab::{LabSource, Plan, Values, catalog, lint, schema};

fn labs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../kubectl-kubsets/labs")
}

/// Every text below a folder, by its path in it.
fn texts(folder: &Path, prefix: &str, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{prefix}{}", path.file_name().unwrap().to_str().unwrap());
        if path.is_dir() {
            texts(&path, &format!("{name}/"), found);
        } else {
            found.insert(name, fs::read_to_string(path).unwrap());
        }
    }
}

fn sources() -> Vec<LabSource> {
    let mut found = BTreeMap::new();
    texts(&labs(), "", &mut found);
    LabSource::all(found.iter().map(|(path, text)| (path.as_str(), text.as_str())))
}

/// Compares a file with what it should be, or writes it.
fn compare(path: &str, wanted: &str) {
    let file = labs().join(path);
    if std::env::var_os("KUBSETS_UPDATE").is_some() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, wanted).unwrap();
    }
    let there = fs::read_to_string(&file).unwrap_or_default();
    let line = there.lines().zip(wanted.lines()).position(|(a, b)| a != b);
    assert!(
        there == wanted,
        "{path} differs from line {:?} on; run with KUBSETS_UPDATE=1",
        line.map(|line| line + 1)
    );
}

#[test]
fn the_schema_is_that_of_the_types() {
    compare(schema::PATH, &schema::schema());
}

#[test]
fn the_catalogue_is_that_of_the_labs() {
    compare(catalog::PATH, &catalog::catalog(&sources()).unwrap());
}

#[test]
fn every_lab_is_valid_and_can_be_planned() {
    let sources = sources();
    assert!(!sources.is_empty());
    for source in sources {
        let findings = lint(&source, &Values::new());
        assert!(findings.is_empty(), "{}: {}", source.folder, findings[0]);
        let lab = source.parse(&Values::new()).unwrap();
        for values in lab.variants(&Values::new()).unwrap() {
            Plan::new(&source, &values).unwrap_or_else(|error| panic!("{}: {error}", source.folder));
        }
    }
}
