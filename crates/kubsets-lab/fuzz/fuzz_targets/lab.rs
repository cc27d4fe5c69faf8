//! Reading, checking and planning a lab must not panic, whatever the text is.
//!
//! `cargo +nightly fuzz run lab -- -max_len=4096` in this crate's folder; `fixtures/*` make a good
//! first corpus: `cargo +nightly fuzz run lab fixtures/pass fixtures/fail`.

#![no_main]

use kubsets_lab::{LabSource, Plan, Values, lint};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let files = [("a.yaml".to_owned(), text.to_owned())].into();
    let source = LabSource { folder: "demo/x".to_owned(), lab_yaml: text.to_owned(), files };
    let findings = lint(&source, &Values::new());
    let plan = Plan::new(&source, &Values::new());
    assert!(!findings.is_empty() || plan.is_ok());
});
