//! The machine's form of a report.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::comparison::Comparison;
use crate::story::Story;

/// A report or a comparison as a JSON document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind")]
pub enum Document {
    /// One run.
    Report(Box<Story>),
    /// Two runs.
    ReportComparison(Box<Comparison>),
}

impl Document {
    /// The document as indented JSON.
    pub fn json(&self) -> String {
        // A story is plain data with text keys: it always serialises.
        format!("{:#}\n", serde_json::to_value(self).unwrap_or_default())
    }
}

/// The JSON schema of [`Document`], as it is committed in docs/schemas/report.json.
pub fn schema() -> String {
    format!("{:#}\n", schemars::schema_for!(Document).to_value())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::sample::story;

    #[test]
    fn documents_read_back() {
        for document in [
            Document::Report(Box::new(story())),
            Document::ReportComparison(Box::new(Comparison::new(story(), story()))),
        ] {
            assert_eq!(serde_json::from_str::<Document>(&document.json()).unwrap(), document);
        }
    }

    #[test]
    fn the_committed_schema_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/schemas/report.json");
        assert!(
            std::fs::read_to_string(path).unwrap_or_default() == schema(),
            "docs/schemas/report.json differs from the types: run `make docs`"
        );
    }
}
