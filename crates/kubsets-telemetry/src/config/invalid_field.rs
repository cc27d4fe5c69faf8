//! A refusal that names the field, what was given and what is accepted.

use serde::Serialize;
use serde_json::Value;

/// A field of a request that cannot be accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("field `{field}` cannot be {value}: give {accepted}")]
pub struct InvalidField {
    /// Name of the field.
    pub field: String,
    /// What was given, cut to a readable length.
    pub value: String,
    /// What is accepted.
    pub accepted: String,
}

impl InvalidField {
    /// A refusal of `value`.
    pub fn new(field: &str, value: &Value, accepted: &str) -> Self {
        let mut text: String = value.to_string().chars().take(80).collect();
        if text.chars().count() == 80 {
            text.push('…');
        }
        Self { field: field.to_owned(), value: text, accepted: accepted.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn long_values_are_cut() {
        let error = InvalidField::new("item", &json!("x".repeat(500)), "1 to 100 characters");
        assert_eq!(error.value.chars().count(), 81);
        assert!(error.to_string().starts_with("field `item` cannot be \"xxx"), "{error}");
    }
}
