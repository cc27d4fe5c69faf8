//! Expressions over results: what held, and what was seen.

use kubsets_lab::{Checked, Expectation, Lookup};
use serde_json::{Map, Value, json};

use crate::redact::seen;
use crate::stage::StepError;

/// Bytes of the texts that are kept of a result that is too large.
const LONGEST_TEXT: usize = 1024;

/// Evaluates an expression that is to hold. That it cannot be evaluated is an error of the lab, never a false.
pub(super) fn check(name: &str, that: &str, names: &impl Lookup) -> Result<Checked, StepError> {
    let expectation = Expectation { name: name.to_owned(), that: that.to_owned() };
    let checked = expectation.check(names);
    let checked = checked.map_err(|error| StepError::Invalid(kubsets_kube::with_causes(&error)))?;
    Ok(Checked { seen: seen(that, checked.seen), ..checked })
}

/// A result, or what is small of it when it is too large to keep: its numbers, short texts and truths, and
/// its size as `tooLarge`.
pub(super) fn bounded(result: Value, largest: usize) -> Value {
    let size = serde_json::to_vec(&result).map_or(usize::MAX, |bytes| bytes.len());
    if size <= largest {
        return result;
    }
    let fields = if let Value::Object(fields) = result { fields } else { Map::new() };
    let mut kept: Map<String, Value> = fields.into_iter().filter(|(_, value)| is_small(value)).collect();
    kept.insert("tooLarge".into(), json!(size));
    let kept = Value::Object(kept);
    if kept.to_string().len() <= largest { kept } else { json!({"tooLarge": size}) }
}

fn is_small(value: &Value) -> bool {
    match value {
        Value::Array(_) | Value::Object(_) => false,
        Value::String(text) => text.len() <= LONGEST_TEXT,
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_large_result_the_small_fields_are_kept() {
        let result = json!({"status": 200, "ok": true, "summary": "fine", "body": "x".repeat(2000),
                            "headers": {"a": "b"}});
        let size = result.to_string().len();
        let kept = json!({"status": 200, "ok": true, "summary": "fine", "tooLarge": size});
        assert_eq!(bounded(result.clone(), 500), kept);
        assert_eq!(bounded(result.clone(), size), result);
        assert_eq!(bounded(json!([1, 2, 3]), 5), json!({"tooLarge": 7}));
    }
}
