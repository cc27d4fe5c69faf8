//! Results of earlier steps inside later ones: `$(order.body.id)`.
//!
//! Objects to apply are left alone: Kubernetes gives the same form a meaning of its own there.

use kubsets_lab::{Bindings, Operation};
use serde_json::Value;

use crate::stage::StepError;

/// The operation with every `$(path)` replaced by what was bound before.
pub(super) fn operation(operation: &Operation, bindings: &Bindings) -> Result<Operation, StepError> {
    if !matches!(
        operation,
        Operation::Http(_)
            | Operation::Exec(_)
            | Operation::Logs(_)
            | Operation::Query(_)
            | Operation::Wait(_)
            | Operation::Load(_)
    ) {
        return Ok(operation.clone());
    }
    let invalid = |error: serde_json::Error| StepError::Invalid(error.to_string());
    let mut value = serde_json::to_value(operation).map_err(invalid)?;
    walk(&mut value, bindings)?;
    serde_json::from_value(value).map_err(invalid)
}

fn walk(value: &mut Value, bindings: &Bindings) -> Result<(), StepError> {
    match value {
        Value::String(text) => *text = fill(text, bindings)?,
        Value::Array(items) => items.iter_mut().try_for_each(|item| walk(item, bindings))?,
        Value::Object(fields) => fields.values_mut().try_for_each(|field| walk(field, bindings))?,
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
    Ok(())
}

fn fill(text: &str, bindings: &Bindings) -> Result<String, StepError> {
    let mut done = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("$(") {
        let Some((path, tail)) = after.split_once(')') else { break };
        done.push_str(before);
        done.push_str(&look_up(path, bindings)?);
        rest = tail;
    }
    done.push_str(rest);
    Ok(done)
}

fn look_up(path: &str, bindings: &Bindings) -> Result<String, StepError> {
    let mut parts = path.trim().split('.');
    let first = parts.next().unwrap_or_default();
    let found = parts.try_fold(bindings.get(first), |value, part| Some(value?.get(part))).flatten();
    match found {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(value @ (Value::Number(_) | Value::Bool(_))) => Ok(value.to_string()),
        Some(_) => Err(StepError::Invalid(format!("$({path}) is no text or number"))),
        None => Err(StepError::Invalid(format!("$({path}) was not bound by an earlier step"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn paths_lead_into_results() {
        let mut bindings = Bindings::default();
        bindings.set("order", json!({"body": {"id": "a-1", "items": 3}}));
        let bindings = &bindings;
        assert_eq!(
            fill("/orders/$(order.body.id)?n=$(order.body.items)", bindings).unwrap(),
            "/orders/a-1?n=3"
        );
        assert_eq!(fill("$5 (or so)", bindings).unwrap(), "$5 (or so)");
        let error = fill("$(order.body.name)", bindings).unwrap_err();
        assert!(error.to_string().contains("was not bound"), "{error}");
        assert!(fill("$(order.body)", bindings).is_err());
    }
}
