//! Orders: what is accepted, and what is shown.

use kubsets_telemetry::config::InvalidField;
use serde::Serialize;
use serde_json::Value;
use sqlx::FromRow;
use uuid::Uuid;

/// A valid new order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewOrder {
    pub(crate) item: String,
    pub(crate) quantity: i32,
    pub(crate) source: String,
}

/// An order as it is shown. Times are RFC 3339 in UTC and absent until they happen.
#[derive(Debug, Clone, Serialize, FromRow)]
pub(crate) struct Order {
    id: Uuid,
    item: String,
    quantity: i32,
    source: String,
    state: String,
    version: String,
    pod: String,
    trace_id: String,
    created_at: String,
    published_at: Option<String>,
    fulfilled_at: Option<String>,
    dead_at: Option<String>,
    worker: Option<String>,
    attempts: i32,
    failure: Option<String>,
}

const MAX_ITEM_CHARS: usize = 100;
const MAX_QUANTITY: i64 = 1000;
const MAX_SOURCE_BYTES: usize = 32;

impl NewOrder {
    /// Reads an order from a JSON object.
    pub(crate) fn parse(body: &Value) -> Result<Self, InvalidField> {
        let object = body.as_object().ok_or_else(|| {
            InvalidField::new("body", body, r#"an object such as {"item":"tea","quantity":2}"#)
        })?;
        if let Some((name, value)) = object.iter().find(|(name, _)| !is_known(name)) {
            return Err(InvalidField::new(name, value, "only item, quantity and source"));
        }
        let field = |name: &str| object.get(name).unwrap_or(&Value::Null);
        Ok(Self {
            item: item(field("item"))?,
            quantity: quantity(field("quantity"))?,
            source: source(field("source"))?,
        })
    }
}

fn is_known(name: &str) -> bool {
    ["item", "quantity", "source"].contains(&name)
}

fn item(value: &Value) -> Result<String, InvalidField> {
    value
        .as_str()
        .map(str::trim)
        .filter(|text| (1..=MAX_ITEM_CHARS).contains(&text.chars().count()))
        .filter(|text| !text.chars().any(char::is_control))
        .map(str::to_owned)
        .ok_or_else(|| InvalidField::new("item", value, "a text of 1 to 100 characters on one line"))
}

fn quantity(value: &Value) -> Result<i32, InvalidField> {
    value
        .as_i64()
        .filter(|quantity| (1..=MAX_QUANTITY).contains(quantity))
        .map(|quantity| quantity as i32)
        .ok_or_else(|| InvalidField::new("quantity", value, "a whole number from 1 to 1000"))
}

fn source(value: &Value) -> Result<String, InvalidField> {
    let is_word = |text: &str| {
        (1..=MAX_SOURCE_BYTES).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    match value {
        Value::Null => Ok("api".to_owned()),
        Value::String(text) if is_word(text) => Ok(text.clone()),
        _ => Err(InvalidField::new(
            "source",
            value,
            "1 to 32 lower case letters, digits and dashes, or nothing",
        )),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn accepts_an_order() {
        let order = NewOrder::parse(&json!({ "item": " grüner Tee ", "quantity": 2 })).unwrap();
        assert_eq!(order, NewOrder { item: "grüner Tee".into(), quantity: 2, source: "api".into() });
    }

    #[test]
    fn refusals_name_the_field() {
        let cases = [
            (json!({ "quantity": 2 }), "item"),
            (json!({ "item": "", "quantity": 2 }), "item"),
            (json!({ "item": "x".repeat(101), "quantity": 2 }), "item"),
            (json!({ "item": "a\nb", "quantity": 2 }), "item"),
            (json!({ "item": 7, "quantity": 2 }), "item"),
            (json!({ "item": "tea" }), "quantity"),
            (json!({ "item": "tea", "quantity": 0 }), "quantity"),
            (json!({ "item": "tea", "quantity": 1001 }), "quantity"),
            (json!({ "item": "tea", "quantity": 1.5 }), "quantity"),
            (json!({ "item": "tea", "quantity": "2" }), "quantity"),
            (json!({ "item": "tea", "quantity": 2, "source": "A B" }), "source"),
            (json!({ "item": "tea", "quantity": 2, "price": 1 }), "price"),
            (json!(["tea"]), "body"),
        ];
        for (body, field) in cases {
            assert_eq!(NewOrder::parse(&body).unwrap_err().field, field, "{body}");
        }
    }
}
