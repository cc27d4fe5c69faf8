//! The JSON schema of lab files, for editors: made from the types that read them.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::model::{API_VERSION, KIND, Lab};
use crate::operation::Operation;

/// First line of every lab file, by which editors find the schema.
pub const FIRST_LINE: &str = "# yaml-language-server: $schema=../../_schema/lab.v1alpha1.json";
/// Path of the schema below the labs' folder.
pub const PATH: &str = "_schema/lab.v1alpha1.json";

/// A reference to a parameter, which may stand in the place of a number.
const REFERENCE: &str = r"^\$\{[A-Za-z][A-Za-z0-9_]*\}$";

/// The schema as text with a line end, always the same for the same types.
pub fn schema() -> String {
    let generated = SchemaSettings::draft07().into_generator().into_root_schema_for::<Lab>();
    let mut schema = generated.to_value();
    references(&mut schema);
    one_operation(&mut schema);
    constants(&mut schema);
    scalars(&mut schema);
    let mut text = serde_json::to_string_pretty(&sorted(&schema)).unwrap_or_default();
    text.push('\n');
    text
}

/// A step has exactly one operation.
fn one_operation(schema: &mut Value) {
    if let Some(step) = schema.pointer_mut("/definitions/Step").and_then(Value::as_object_mut) {
        let choices = Operation::KINDS.map(|kind| json!({"required": [kind]}));
        step.insert("oneOf".into(), choices.to_vec().into());
    }
}

/// The two fields with one value.
fn constants(schema: &mut Value) {
    for (field, value) in [("apiVersion", API_VERSION), ("kind", KIND)] {
        let property = schema.pointer_mut("/properties").and_then(|fields| fields.get_mut(field));
        if let Some(property) = property.and_then(Value::as_object_mut) {
            property.insert("const".into(), value.into());
        }
    }
}

/// Values of parameters are texts to the types; in YAML they may be written as numbers.
fn scalars(schema: &mut Value) {
    for pointer in [
        "/definitions/Param/properties/default",
        "/definitions/Spec/properties/matrix/additionalProperties/items",
    ] {
        if let Some(field) = schema.pointer_mut(pointer).and_then(Value::as_object_mut) {
            field.insert("type".into(), json!(["string", "number", "boolean"]));
        }
    }
}

/// Lets a reference to a parameter stand for numbers, truths and texts with a form.
fn references(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            for value in fields.values_mut() {
                references(value);
            }
            if takes_reference(fields) {
                let mut strict = Map::new();
                for key in ["type", "format", "minimum", "maximum", "pattern"] {
                    strict.extend(fields.remove(key).map(|value| (key.to_owned(), value)));
                }
                let choices = json!([strict, {"type": "string", "pattern": REFERENCE}]);
                fields.insert("anyOf".into(), choices);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(references),
        _ => {}
    }
}

fn takes_reference(fields: &Map<String, Value>) -> bool {
    let types = match fields.get("type") {
        Some(Value::String(one)) => vec![one.as_str()],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => return false,
    };
    if types.contains(&"string") {
        return fields.contains_key("pattern");
    }
    types.iter().any(|name| ["number", "integer", "boolean"].contains(name))
}

/// The value with sorted keys, whatever the map keeps.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut entries: Vec<(&String, &Value)> = fields.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| *key);
            entries.into_iter().map(|(key, value)| (key.clone(), sorted(value))).collect()
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        scalar => scalar.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_a_choice_and_numbers_take_references() {
        let schema: Value = serde_json::from_str(&schema()).unwrap();
        let choices = schema.pointer("/definitions/Step/oneOf").unwrap().as_array().unwrap();
        assert_eq!(choices.len(), Operation::KINDS.len());
        let step = schema.pointer("/definitions/Step/properties").unwrap().as_object().unwrap();
        assert!(Operation::KINDS.iter().all(|kind| step.contains_key(*kind)));
        let rate = schema.pointer("/definitions/LoadSettings/properties/rate/anyOf").unwrap();
        assert_eq!((&rate[0]["type"], &rate[1]["pattern"]), (&json!("number"), &json!(REFERENCE)));
        assert_eq!(schema.pointer("/definitions/Rate/type"), Some(&json!(["number", "string"])));
        assert_eq!(schema.pointer("/properties/kind/const"), Some(&json!("Lab")));
        assert_eq!(schema.pointer("/additionalProperties"), Some(&json!(false)));
        assert!(schema.pointer("/definitions/Span/anyOf").is_some());
        for pointer in [
            "/definitions/Param/properties/default/type/1",
            "/definitions/Spec/properties/matrix/additionalProperties/items/type/1",
        ] {
            assert_eq!(schema.pointer(pointer), Some(&json!("number")));
        }
    }

    #[test]
    fn the_text_is_always_the_same() {
        assert_eq!(schema(), schema());
    }
}
