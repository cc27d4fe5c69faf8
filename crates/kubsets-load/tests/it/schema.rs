//! The JSON schema of the report: committed, and true.

use std::path::Path;
use std::time::Duration;

use kubsets_load::{Generator, LoadReport, LoadSpec, Schedule};

use crate::server::{Reply, Server};

/// Set to write the schema anew after a change that is meant.
const WRITE: &str = "KUBSETS_WRITE_SCHEMA";

#[test]
fn the_committed_schema_is_that_of_the_code() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/load-report.json");
    let schema = format!("{:#}\n", serde_json::to_value(LoadReport::schema()).unwrap());
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(&file, &schema).unwrap();
    }
    let committed = std::fs::read_to_string(&file).unwrap();
    assert!(
        committed == schema,
        "the form of the report changed: run this test with {WRITE}=1 and look at the diff"
    );
}

#[tokio::test]
async fn a_report_has_the_fields_that_the_schema_names() {
    let server = Server::start(|_| Reply::ok().version("1.0"));
    let mut spec = LoadSpec::new(server.url("/"), Schedule::constant(50.0));
    spec.duration = Some(Duration::from_millis(300));
    let report = Generator::start(spec).await.unwrap().wait().await.unwrap();
    let report = serde_json::to_value(&report).unwrap();
    let schema = serde_json::to_value(LoadReport::schema()).unwrap();
    let fields = |value: &serde_json::Value| -> Vec<String> {
        let mut names: Vec<_> = value.as_object().unwrap().keys().cloned().collect();
        names.sort_unstable();
        names
    };
    assert_eq!(fields(&report), fields(&schema["properties"]));
    for (definition, value) in [
        ("Series", &report["total"]),
        ("Percentiles", &report["total"]["corrected"]),
        ("Second", &report["seconds"][0]),
        ("Accounting", &report["accounting"]),
        ("Exemplar", &report["exemplars"][0]),
    ] {
        assert_eq!(fields(value), fields(&schema["$defs"][definition]["properties"]), "{definition}");
    }
}
