//! Functions beside those of the language.

use std::cmp::Ordering;
use std::sync::Arc;

use cel::{Context, ExecutionError, Value};

use super::arithmetic;
use crate::units::{Percent, Span};

/// Every function that a lab may call: those of the language that make sense for JSON, and `abs`, `min`,
/// `max`, `sum`, `seconds` and `percent`.
pub const FUNCTIONS: [&str; 25] = [
    "abs",
    "all",
    "bool",
    "contains",
    "double",
    "dyn",
    "endsWith",
    "exists",
    "exists_one",
    "filter",
    "has",
    "hasValue",
    "int",
    "map",
    "matches",
    "max",
    "min",
    "orValue",
    "percent",
    "seconds",
    "size",
    "startsWith",
    "string",
    "sum",
    "type",
];

/// Adds the functions to a context.
pub(super) fn install(context: &mut Context<'_, '_>) {
    arithmetic::declare(context);
    let declared = context
        .add_function("abs", abs)
        .and_then(|()| context.add_function("min", |a: Value, b: Value| extreme("min", a, b, Ordering::Less)))
        .and_then(|()| {
            context.add_function("max", |a: Value, b: Value| extreme("max", a, b, Ordering::Greater))
        })
        .and_then(|()| context.add_function("sum", sum))
        .and_then(|()| context.add_function("seconds", seconds))
        .and_then(|()| context.add_function("percent", percent));
    debug_assert!(declared.is_ok(), "{declared:?}");
}

/// The number without its sign.
fn abs(value: Value) -> Result<Value, ExecutionError> {
    match value {
        Value::Int(whole) => whole
            .checked_abs()
            .map(Value::Int)
            .ok_or_else(|| ExecutionError::function_error("abs", "the number is too large")),
        Value::UInt(_) => Ok(value),
        Value::Float(number) => Ok(Value::Float(number.abs())),
        other => Err(ExecutionError::function_error("abs", format!("a {} is no number", other.type_of()))),
    }
}

/// The smaller or the larger of two values that have an order.
fn extreme(name: &str, left: Value, right: Value, wanted: Ordering) -> Result<Value, ExecutionError> {
    let order = left
        .partial_cmp(&right)
        .ok_or_else(|| ExecutionError::function_error(name, "the values have no order"))?;
    Ok(if order == wanted || order == Ordering::Equal { left } else { right })
}

/// The sum of a list of numbers; 0 for none.
#[expect(clippy::needless_pass_by_value, reason = "the interpreter hands over owned arguments")]
fn sum(items: Arc<Vec<Value>>) -> Result<Value, ExecutionError> {
    let mut whole = Some(0i64);
    let mut total = 0.0;
    for item in items.iter() {
        match item {
            Value::Int(number) => {
                whole = whole.and_then(|sum| sum.checked_add(*number));
                total += *number as f64;
            }
            Value::UInt(number) => {
                whole = whole.and_then(|sum| sum.checked_add_unsigned(*number));
                total += *number as f64;
            }
            Value::Float(number) => {
                whole = None;
                total += number;
            }
            other => {
                return Err(ExecutionError::function_error(
                    "sum",
                    format!("a {} is no number", other.type_of()),
                ));
            }
        }
    }
    Ok(whole.map_or(Value::Float(total), Value::Int))
}

/// The seconds of a duration such as `1m30s`.
#[expect(clippy::needless_pass_by_value, reason = "the interpreter hands over owned arguments")]
fn seconds(text: Arc<String>) -> Result<f64, ExecutionError> {
    let span: Result<Span, _> = text.parse();
    span.map(|span| span.0.as_secs_f64()).map_err(|error| ExecutionError::function_error("seconds", error))
}

/// The share, 0 to 1, of a percentage such as `5%`.
#[expect(clippy::needless_pass_by_value, reason = "the interpreter hands over owned arguments")]
fn percent(text: Arc<String>) -> Result<f64, ExecutionError> {
    let percent: Result<Percent, _> = text.parse();
    percent.map(Percent::share).map_err(|error| ExecutionError::function_error("percent", error))
}
