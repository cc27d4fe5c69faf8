//! Whatever stands in a lab file, reading it ends with a lab or with findings and never with a panic.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which may panic like these")]

use std::fs;
use std::path::Path;

use kubsets_lab::{LabSource, Plan, Values, lint, lint_text, parse};
use proptest::prelude::*;

/// A change to a text.
#[derive(Debug, Clone)]
enum Mutation {
    Flip { at: usize, bit: u8 },
    Insert { at: usize, word: usize },
    Remove { line: usize },
    Double { line: usize },
    Swap { line: usize, other: usize },
    Cut { at: usize },
}

/// Words with a meaning in YAML, in expressions or in lab files.
const WORDS: [&str; 16] = [
    "${rate}",
    "${",
    "&a ",
    "*a",
    "<<: ",
    "---\n",
    "[[[[",
    "{a: ",
    "- ",
    "|\n",
    "!!binary ",
    "\u{feff}",
    "\t",
    "99999999999999999999",
    "-1",
    "'\"",
];

fn mutation() -> impl Strategy<Value = Mutation> {
    let at = 0..4000usize;
    let line = 0..60usize;
    prop_oneof![
        (at.clone(), 0..8u8).prop_map(|(at, bit)| Mutation::Flip { at, bit }),
        (at.clone(), 0..WORDS.len()).prop_map(|(at, word)| Mutation::Insert { at, word }),
        line.clone().prop_map(|line| Mutation::Remove { line }),
        line.clone().prop_map(|line| Mutation::Double { line }),
        (line.clone(), line).prop_map(|(line, other)| Mutation::Swap { line, other }),
        at.prop_map(|at| Mutation::Cut { at }),
    ]
}

fn mutate(text: &str, mutations: &[Mutation]) -> String {
    let mut text = text.to_owned();
    for mutation in mutations {
        let mut bytes = text.clone().into_bytes();
        let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
        let (length, count) = (bytes.len().max(1), lines.len().max(1));
        text = match *mutation {
            Mutation::Flip { at, bit } => {
                if let Some(byte) = bytes.get_mut(at % length) {
                    *byte ^= 1 << bit;
                }
                String::from_utf8_lossy(&bytes).into_owned()
            }
            Mutation::Insert { at, word } => {
                let at = (0..=at % length).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
                format!("{}{}{}", &text[..at], WORDS[word], &text[at..])
            }
            Mutation::Remove { line } => {
                if !lines.is_empty() {
                    lines.remove(line % count);
                }
                lines.concat()
            }
            Mutation::Double { line } => {
                if !lines.is_empty() {
                    lines.insert(line % count, lines[line % count]);
                }
                lines.concat()
            }
            Mutation::Swap { line, other } => {
                if !lines.is_empty() {
                    lines.swap(line % count, other % count);
                }
                lines.concat()
            }
            Mutation::Cut { at } => {
                bytes.truncate(at % length);
                String::from_utf8_lossy(&bytes).into_owned()
            }
        };
    }
    text
}

fn corpus() -> Vec<String> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let mut files: Vec<_> = ["pass", "fail"]
        .iter()
        .flat_map(|folder| fs::read_dir(fixtures.join(folder)).unwrap())
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files.into_iter().map(|file| fs::read_to_string(file).unwrap()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_reader_panic(file in 0..1000usize, mutations in prop::collection::vec(mutation(), 1..4)) {
        static CORPUS: std::sync::OnceLock<Vec<String>> = std::sync::OnceLock::new();
        let corpus = CORPUS.get_or_init(corpus);
        let text = mutate(&corpus[file % corpus.len()], &mutations);
        let parsed = parse(&text, &Values::new());
        let findings = lint_text(&text, &Values::new());
        // What cannot be read has a finding; what has none can be planned.
        prop_assert!(parsed.is_ok() || !findings.is_empty());
        let source = LabSource { folder: "demo/x".into(), lab_yaml: text.clone(), files: [("a.yaml".into(), text)].into() };
        let findings = lint(&source, &Values::new());
        let plan = Plan::new(&source, &Values::new());
        prop_assert!(!findings.is_empty() || plan.is_ok());
    }
}
