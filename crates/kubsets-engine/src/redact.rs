//! What must not get into a record by its place: values of headers that authenticate, and of queries. Values that are
//! secret wherever they stand are kept out by the state folder.

use kubsets_lab::HIDDEN;
use kubsets_lab::plan::Plan;
use kubsets_lab::secret::SENSITIVE;
use kubsets_load::shown;
use serde_json::Value;

/// A plan as it goes on record.
pub(crate) fn recorded(plan: &Plan) -> Value {
    let mut value = redacted(serde_json::to_value(plan.without_secrets()).unwrap_or_default());
    for steps in ["steadyState", "steps"] {
        hide_queries(&mut value[steps]);
    }
    value
}

/// Takes the values of queries out of the addresses and paths of requests.
fn hide_queries(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, inner) in fields.iter_mut() {
                match inner {
                    Value::String(text) if matches!(name.as_str(), "path" | "url") => *text = shown(text),
                    _ => hide_queries(inner),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(hide_queries),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A result without the values of sensitive headers, wherever headers are in it.
pub(crate) fn redacted(mut value: Value) -> Value {
    redact(&mut value);
    value
}

/// What an expression has seen, unless it speaks of a sensitive header.
pub(crate) fn seen(that: &str, seen: String) -> String {
    let that = that.to_ascii_lowercase();
    if SENSITIVE.iter().any(|name| that.contains(name)) { HIDDEN.to_owned() } else { seen }
}

fn redact(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, inner) in fields.iter_mut() {
                match inner {
                    Value::Object(headers) if name == "headers" => hide(headers),
                    _ => redact(inner),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(redact),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn hide(headers: &mut serde_json::Map<String, Value>) {
    for (name, value) in headers.iter_mut() {
        if SENSITIVE.contains(&name.to_ascii_lowercase().as_str()) {
            *value = HIDDEN.into();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn headers_that_authenticate_are_hidden_at_any_depth_and_others_stay() {
        let value = json!({"steps": [
            {"operation": {"http": {"headers": {"Authorization": "Bearer t", "host": "a"}}}},
            {"value": {"headers": {"set-cookie": "id=1", "x-api-key": "k"}, "body": {"cookie": "oats"}}},
        ]});
        let expected = json!({"steps": [
            {"operation": {"http": {"headers": {"Authorization": "(hidden)", "host": "a"}}}},
            {"value": {"headers": {"set-cookie": "(hidden)", "x-api-key": "(hidden)"}, "body": {"cookie": "oats"}}},
        ]});
        assert_eq!(redacted(value), expected);
    }

    #[test]
    fn what_an_expression_saw_of_such_a_header_is_hidden_too() {
        assert_eq!(seen("result.headers['Set-Cookie'] != ''", "id=1".into()), "(hidden)");
        assert_eq!(seen("result.status == 200", "result.status was 404".into()), "result.status was 404");
    }
}
