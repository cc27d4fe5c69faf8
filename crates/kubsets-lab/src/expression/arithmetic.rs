//! Calculation with whole numbers and fractions together.
//!
//! The language refuses `1 + 0.5` and cuts `1 / 2` to 0. Results in JSON do not say which kind a number
//! is (a rate of 100.0 may be written as 100), so both would make a lab depend on luck.

use cel::common::ast::operators::{ADD, DIVIDE, MULTIPLY, SUBSTRACT};
use cel::common::ast::{EntryExpr, Expr};
use cel::{Context, ExecutionError, IdedExpr, Value};

/// The operators that are replaced, with the functions that take their place. The names cannot be written.
const REPLACED: [(&str, &str); 4] =
    [(ADD, "@add"), (SUBSTRACT, "@subtract"), (MULTIPLY, "@multiply"), (DIVIDE, "@divide")];

/// Replaces the operators in an expression. Sums that a macro made to collect its results stay: they
/// are not numbers, and the interpreter has a fast way for them.
pub(super) fn install(tree: &mut IdedExpr) {
    match &mut tree.expr {
        Expr::Call(call) => {
            let collects = call.args.first().is_some_and(is_collector);
            let replaced = REPLACED.iter().find(|(operator, _)| *operator == call.func_name);
            if let (Some((_, function)), false, 2) = (replaced, collects, call.args.len()) {
                (*function).clone_into(&mut call.func_name);
            }
            call.target.as_deref_mut().into_iter().chain(&mut call.args).for_each(install);
        }
        Expr::Comprehension(inner) => {
            let parts = [
                &mut inner.iter_range,
                &mut inner.accu_init,
                &mut inner.loop_cond,
                &mut inner.loop_step,
                &mut inner.result,
            ];
            parts.into_iter().for_each(install);
        }
        Expr::List(list) => list.elements.iter_mut().for_each(install),
        Expr::Select(select) => install(&mut select.operand),
        Expr::Map(map) => map.entries.iter_mut().for_each(|entry| entries(&mut entry.expr)),
        Expr::Struct(fields) => fields.entries.iter_mut().for_each(|entry| entries(&mut entry.expr)),
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => {}
    }
}

fn entries(entry: &mut EntryExpr) {
    match entry {
        EntryExpr::StructField(field) => install(&mut field.value),
        EntryExpr::MapEntry(entry) => {
            install(&mut entry.key);
            install(&mut entry.value);
        }
    }
}

fn is_collector(arg: &IdedExpr) -> bool {
    matches!(&arg.expr, Expr::Ident(name) if name.starts_with('@'))
}

/// What an operator does with its two sides.
type Calculation = fn(Value, Value) -> Result<Value, ExecutionError>;

/// Adds the functions.
pub(super) fn declare(context: &mut Context<'_, '_>) {
    let functions: [(&str, Calculation); 4] = [
        ("@add", |a, b| calculate(a, b, |a, b| a + b, |a, b| Ok(a + b))),
        ("@subtract", |a, b| calculate(a, b, |a, b| a - b, |a, b| Ok(a - b))),
        ("@multiply", |a, b| calculate(a, b, |a, b| a * b, |a, b| Ok(a * b))),
        ("@divide", |a, b| calculate(a, b, divide, divide_fractions)),
    ];
    for (name, function) in functions {
        // The names begin with a character that no other function has: nothing can conflict.
        let declared = context.add_function(name, function);
        debug_assert!(declared.is_ok());
    }
}

/// Calculates with fractions when exactly one side is one.
fn calculate(
    left: Value,
    right: Value,
    same: Calculation,
    fractions: fn(f64, f64) -> Result<f64, ExecutionError>,
) -> Result<Value, ExecutionError> {
    match (&left, &right) {
        (Value::Float(a), Value::Float(b)) => fractions(*a, *b).map(Value::Float),
        (Value::Float(a), Value::Int(b)) => fractions(*a, *b as f64).map(Value::Float),
        (Value::Int(a), Value::Float(b)) => fractions(*a as f64, *b).map(Value::Float),
        (Value::Float(a), Value::UInt(b)) => fractions(*a, *b as f64).map(Value::Float),
        (Value::UInt(a), Value::Float(b)) => fractions(*a as f64, *b).map(Value::Float),
        (Value::UInt(a), Value::Int(_)) => same(signed(*a)?, right),
        (Value::Int(_), Value::UInt(b)) => {
            let right = signed(*b)?;
            same(left, right)
        }
        _ => same(left, right),
    }
}

fn signed(number: u64) -> Result<Value, ExecutionError> {
    let signed = i64::try_from(number).map(Value::Int);
    signed.map_err(|_| ExecutionError::function_error("arithmetic", format!("{number} is too large")))
}

/// Whole where it comes out even, else a fraction.
fn divide(left: Value, right: Value) -> Result<Value, ExecutionError> {
    match (&left, &right) {
        (Value::Int(_), Value::Int(0)) | (Value::UInt(_), Value::UInt(0)) => by_zero(),
        (Value::Int(a), Value::Int(b)) if a.checked_rem(*b) != Some(0) => {
            Ok(Value::Float(*a as f64 / *b as f64))
        }
        (Value::UInt(a), Value::UInt(b)) if a % b != 0 => Ok(Value::Float(*a as f64 / *b as f64)),
        _ => left / right,
    }
}

fn divide_fractions(left: f64, right: f64) -> Result<f64, ExecutionError> {
    if right == 0.0 { by_zero() } else { Ok(left / right) }
}

fn by_zero<T>() -> Result<T, ExecutionError> {
    Err(ExecutionError::function_error("@divide", "division by zero"))
}
