//! Expressions over results: what held, and what was seen.

use kubsets_lab::{Bindings, Checked, Expectation};
use serde_json::{Value, json};

use crate::redact::seen;
use crate::stage::StepError;

/// Evaluates an expression that is to hold. That it cannot be evaluated is an error of the lab, never a false.
pub(super) fn check(name: &str, that: &str, bindings: &Bindings) -> Result<Checked, StepError> {
    let expectation = Expectation { name: name.to_owned(), that: that.to_owned() };
    let checked = expectation.check(bindings);
    let checked = checked.map_err(|error| StepError::Invalid(kubsets_kube::with_causes(&error)))?;
    Ok(Checked { seen: seen(that, checked.seen), ..checked })
}

/// A result, or a note in its place when it is too large to keep.
pub(super) fn bounded(result: Value, largest: usize) -> Value {
    let size = serde_json::to_vec(&result).map_or(usize::MAX, |bytes| bytes.len());
    if size <= largest { result } else { json!({"tooLarge": size}) }
}
