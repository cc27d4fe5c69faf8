//! Differences of two JSON trees, as lines a reader can act on.

use serde_json::Value;

use crate::render::Objects;

/// One line per difference of two renders. Empty when they are equal.
pub(crate) fn objects(left: &Objects, right: &Objects) -> Vec<String> {
    let mut lines = Vec::new();
    for (key, object) in left {
        match right.get(key) {
            Some(other) => values(key, object, other, &mut lines),
            None => lines.push(format!("{key}: only on the left")),
        }
    }
    lines.extend(
        right.keys().filter(|key| !left.contains_key(*key)).map(|key| format!("{key}: only on the right")),
    );
    lines
}

/// One line for each part of `given` that `kept` does not hold with the same value.
pub(crate) fn lost(key: &str, given: &Value, kept: &Value, lines: &mut Vec<String>) {
    match (given, kept) {
        (Value::Object(given), Value::Object(kept)) => {
            for (name, value) in given {
                let path = format!("{key}.{name}");
                match kept.get(name) {
                    Some(other) => lost(&path, value, other, lines),
                    None if is_empty(value) => {}
                    None => lines.push(format!("{path}: unknown")),
                }
            }
        }
        (Value::Array(given), Value::Array(kept)) if given.len() == kept.len() => {
            for (index, (value, other)) in given.iter().zip(kept).enumerate() {
                lost(&format!("{key}[{index}]"), value, other, lines);
            }
        }
        _ if given == kept => {}
        _ => lines.push(format!("{key}: {given} is read as {kept}")),
    }
}

fn is_empty(value: &Value) -> bool {
    value.as_object().is_some_and(serde_json::Map::is_empty) || value.as_array().is_some_and(Vec::is_empty)
}

fn values(key: &str, left: &Value, right: &Value, lines: &mut Vec<String>) {
    match (left, right) {
        (Value::Object(a), Value::Object(b)) => {
            for name in a.keys().chain(b.keys().filter(|name| !a.contains_key(*name))) {
                let none = Value::Null;
                let (x, y) = (a.get(name).unwrap_or(&none), b.get(name).unwrap_or(&none));
                values(&format!("{key}.{name}"), x, y, lines);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (x, y)) in a.iter().zip(b).enumerate() {
                values(&format!("{key}[{index}]"), x, y, lines);
            }
        }
        _ if left == right => {}
        _ => lines.push(format!("{key}: {left} and {right}")),
    }
}

#[test]
fn a_difference_is_named_by_its_path() {
    let given = serde_json::json!({"spec": {"replicas": 2, "ports": [{"port": 80}]}});
    let other = serde_json::json!({"spec": {"replicas": 3, "ports": [{"port": 80}], "paused": true}});
    let mut lines = Vec::new();
    values("Deployment /a", &given, &other, &mut lines);
    lines.sort();
    assert_eq!(lines, ["Deployment /a.spec.paused: null and true", "Deployment /a.spec.replicas: 2 and 3"]);
}
