//! Expectations and whether they held.

use serde::{Deserialize, Serialize};

use crate::error::LabError;
use crate::expression::{Expression, ExpressionError, Lookup};
use crate::model::Expectation;

/// An expectation and what was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Checked {
    /// What was expected, in words.
    pub expected: String,
    /// What was seen, in words, such as `release.secondsInStep was 7.2`.
    pub seen: String,
    /// Whether it held.
    pub held: bool,
}

impl Expectation {
    /// Checks it against what the steps brought.
    ///
    /// # Errors
    /// [`LabError::Expression`] when it cannot be calculated: the lab is wrong then, nothing failed.
    pub fn check(&self, names: &impl Lookup) -> Result<Checked, LabError> {
        let wrong = |source: ExpressionError| LabError::Expression { expression: self.that.clone(), source };
        let expression = Expression::compile(&self.that).map_err(wrong)?;
        let held = expression.holds(names).map_err(wrong)?;
        let seen: Vec<String> = expression.seen(names).iter().map(ToString::to_string).collect();
        Ok(Checked { expected: self.name.clone(), seen: seen.join(", "), held })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Bindings;

    #[test]
    fn expectations_tell_what_was_seen() {
        let mut bindings = Bindings::default();
        bindings.set("release", json!({"verdict": "rolled-back", "undo": null}));
        let expectation = |that: &str| Expectation { name: "it is taken back".into(), that: that.into() };
        let checked = expectation("release.verdict == 'rolled-back'").check(&bindings).unwrap();
        assert_eq!((checked.held, checked.seen.as_str()), (true, "release.verdict was \"rolled-back\""));
        assert!(!expectation("release.verdict == 'promoted'").check(&bindings).unwrap().held);
        let error = expectation("release.undo.apiMs < 5").check(&bindings).unwrap_err();
        assert!(error.to_string().starts_with("\"release.undo.apiMs < 5\": "), "{error}");
    }
}
