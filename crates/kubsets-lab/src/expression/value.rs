//! JSON as values of expressions and back.

use std::collections::HashMap;
use std::sync::Arc;

use cel::Value as CelValue;
use cel::objects::{Key, Map, OptionalValue};
use serde_json::{Number, Value};

/// A JSON value for an expression. Whole numbers are `int`, so that they calculate with literals.
pub(super) fn from_json(value: &Value) -> CelValue {
    match value {
        Value::Null => CelValue::Null,
        Value::Bool(held) => CelValue::Bool(*held),
        Value::Number(number) => from_number(number),
        Value::String(text) => CelValue::String(Arc::new(text.clone())),
        Value::Array(items) => CelValue::List(Arc::new(items.iter().map(from_json).collect())),
        Value::Object(fields) => {
            let fields: HashMap<Key, CelValue> =
                fields.iter().map(|(name, value)| (Key::from(name.as_str()), from_json(value))).collect();
            CelValue::Map(Map { map: Arc::new(fields) })
        }
    }
}

fn from_number(number: &Number) -> CelValue {
    match (number.as_i64(), number.as_u64()) {
        (Some(whole), _) => CelValue::Int(whole),
        (None, Some(large)) => CelValue::UInt(large),
        (None, None) => CelValue::Float(number.as_f64().unwrap_or(f64::NAN)),
    }
}

/// The JSON of a value; `None` for what JSON cannot hold, such as functions and infinity.
pub(super) fn to_json(value: &CelValue) -> Option<Value> {
    Some(match value {
        CelValue::Null => Value::Null,
        CelValue::Bool(held) => Value::Bool(*held),
        CelValue::Int(whole) => Value::from(*whole),
        CelValue::UInt(whole) => Value::from(*whole),
        CelValue::Float(number) => Value::Number(Number::from_f64(*number)?),
        CelValue::String(text) => Value::from(text.as_str()),
        CelValue::List(items) => Value::Array(items.iter().map(to_json).collect::<Option<_>>()?),
        CelValue::Map(fields) => {
            let field = |(key, value): (&Key, &CelValue)| Some((key.to_string(), to_json(value)?));
            Value::Object(fields.map.iter().map(field).collect::<Option<_>>()?)
        }
        CelValue::Opaque(_) => match <&OptionalValue>::try_from(value).ok()?.value() {
            Some(inner) => to_json(inner)?,
            None => Value::Null,
        },
        _ => return None,
    })
}
