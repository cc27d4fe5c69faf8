//! Comparing and patching JSON: hashes that ignore key order, and the smallest merge patch.

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// SHA-256 of a value in hex, the same for any order of its keys.
pub fn hash(value: &Value) -> String {
    let mut hasher = Sha256::new();
    feed(&mut hasher, value);
    hasher.finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
        use std::fmt::Write as _;
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn feed(hasher: &mut Sha256, value: &Value) {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort_unstable();
            hasher.update(b"{");
            for key in keys {
                hasher.update(Value::String(key.clone()).to_string().as_bytes());
                hasher.update(b":");
                feed(hasher, &map[key.as_str()]);
                hasher.update(b",");
            }
            hasher.update(b"}");
        }
        Value::Array(items) => {
            hasher.update(b"[");
            for item in items {
                feed(hasher, item);
                hasher.update(b",");
            }
            hasher.update(b"]");
        }
        scalar => hasher.update(scalar.to_string().as_bytes()),
    }
}

/// The JSON merge patch (RFC 7386) that turns `from` into `to`; `None` when they are equal.
pub fn merge_patch(from: &Value, to: &Value) -> Option<Value> {
    if from == to {
        return None;
    }
    let (Value::Object(from), Value::Object(to)) = (from, to) else {
        return Some(to.clone());
    };
    let mut patch = Map::new();
    for key in from.keys().filter(|key| !to.contains_key(key.as_str())) {
        patch.insert(key.clone(), Value::Null);
    }
    for (key, wanted) in to {
        let change =
            from.get(key).map_or_else(|| Some(wanted.clone()), |current| merge_patch(current, wanted));
        if let Some(change) = change {
            patch.insert(key.clone(), change);
        }
    }
    Some(Value::Object(patch))
}

/// Applies a merge patch as RFC 7386 says.
#[cfg(any(test, feature = "test-util"))]
pub(crate) fn apply_patch(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(map) = target else { return };
    for (key, change) in patch {
        if change.is_null() {
            map.remove(key);
        } else {
            apply_patch(map.entry(key.clone()).or_insert(Value::Null), change);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn hash_ignores_key_order_but_not_list_order() {
        let one: Value = serde_json::from_str(r#"{"a":1,"b":[1,2]}"#).unwrap();
        let two: Value = serde_json::from_str(r#"{"b":[1,2],"a":1}"#).unwrap();
        assert_eq!(hash(&one), hash(&two));
        assert_ne!(hash(&one), hash(&json!({"a": 1, "b": [2, 1]})));
        assert_ne!(hash(&json!({"a": "1"})), hash(&json!({"a": 1})));
    }

    #[test]
    fn patch_leads_from_one_to_the_other() {
        let from = json!({"a": {"x": 1, "y": 2}, "list": [1, 2], "gone": true, "same": {"k": "v"}});
        let to = json!({"a": {"x": 1, "z": 3}, "list": [2], "same": {"k": "v"}});
        let patch = merge_patch(&from, &to).unwrap();
        assert_eq!(patch, json!({"a": {"y": null, "z": 3}, "list": [2], "gone": null}));
        let mut patched = from.clone();
        apply_patch(&mut patched, &patch);
        assert_eq!(patched, to);
        assert_eq!(merge_patch(&to, &to), None);
    }
}
