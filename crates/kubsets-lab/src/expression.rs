//! Expressions in labs: the Common Expression Language (CEL) over JSON.
//!
//! Three things differ from the letter of the language, because results are JSON and JSON has one kind
//! of number: whole numbers are bound as `int`; `int` and `double` calculate with each other; and a
//! division of whole numbers keeps its remainder, so that `failed / planned < 0.01` means what it says.
//! A division by zero, a missing field or a wrong type is an error and never a false.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use cel::parser::Parser;
use cel::{Context, ExecutionError, IdedExpr, Value as CelValue};
use serde_json::{Map, Value};
use thiserror::Error;

mod arithmetic;
mod function;
mod reference;
mod seen;
mod value;

pub use function::FUNCTIONS;
use reference::{Reference, Survey};
pub use seen::Seen;

/// Characters that an expression may have.
pub const LONGEST: usize = 2_000;
/// Brackets that may be open at the same time.
const DEEPEST: usize = 24;
/// Depth of recursion of the parser; each bracket takes about ten levels of the grammar.
const PARSER_DEPTH: u16 = 300;

/// Why an expression cannot be read or evaluated.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ExpressionError {
    /// Longer than any expression that somebody can read.
    #[error("{length} characters are too much for an expression, the limit is {LONGEST}")]
    TooLong {
        /// Characters.
        length: usize,
    },
    /// Too many brackets, calls or loops inside each other.
    #[error("too deeply nested")]
    TooDeep,
    /// No CEL.
    #[error("no expression at character {column}: {message}")]
    Syntax {
        /// Line in the expression, from 1.
        line: usize,
        /// Column in that line, from 1.
        column: usize,
        /// What the parser says.
        message: String,
    },
    /// A name that is not bound.
    #[error("nothing is called `{name}` here")]
    Unbound {
        /// The name.
        name: String,
    },
    /// A field that is not there; `has(…)` asks whether it is.
    #[error("there is no field `{key}`")]
    Missing {
        /// The field.
        key: String,
    },
    /// The value is not true or false.
    #[error("the value is {found}, not true or false")]
    NoTruth {
        /// The value as JSON.
        found: String,
    },
    /// It cannot be calculated.
    #[error("{0}")]
    Evaluation(String),
}

/// What expressions may use: values by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Bindings(Map<String, Value>);

impl Bindings {
    /// No names but `params`, the values of a lab's parameters.
    pub fn new(params: Value) -> Self {
        let mut bindings = Self::default();
        bindings.set("params", params);
        bindings
    }

    /// Binds a name; a former value of it is gone.
    pub fn set(&mut self, name: &str, value: Value) {
        self.0.insert(name.to_owned(), value);
    }

    /// The value of a name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// The bound names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// Where expressions find the value of a name.
pub trait Lookup {
    /// The value of a name; `None` when it is not bound.
    fn look_up(&self, name: &str) -> Option<&Value>;
}

impl Lookup for Bindings {
    fn look_up(&self, name: &str) -> Option<&Value> {
        self.get(name)
    }
}

/// Bindings with one more name before them, borrowed: nothing is copied for a single look.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// What stands behind the name.
    pub outer: &'a Bindings,
    /// The name.
    pub name: &'a str,
    /// Its value.
    pub value: &'a Value,
}

impl Lookup for Scope<'_> {
    fn look_up(&self, name: &str) -> Option<&Value> {
        if name == self.name { Some(self.value) } else { self.outer.get(name) }
    }
}

/// A compiled expression.
#[derive(Clone)]
pub struct Expression {
    text: String,
    tree: Arc<IdedExpr>,
    survey: Arc<Survey>,
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.text).finish()
    }
}

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    /// [`ExpressionError::Syntax`] with the place in the text, or a bound that it exceeds.
    pub fn compile(text: &str) -> Result<Self, ExpressionError> {
        bounded(text)?;
        let parser = Parser::new().enable_optional_syntax(true).max_recursion_depth(PARSER_DEPTH);
        let mut tree = parser.parse(text).map_err(|errors| {
            let first = errors.errors.first();
            let (line, column) = first.map_or((1, 1), |error| error.pos);
            let message = first.map_or_else(|| "no expression".to_owned(), |error| error.msg.clone());
            let at = |number: isize| usize::try_from(number).unwrap_or(1).max(1);
            ExpressionError::Syntax { line: at(line), column: at(column), message }
        })?;
        let survey = Survey::of(&tree)?;
        arithmetic::install(&mut tree);
        Ok(Self { text: text.to_owned(), tree: Arc::new(tree), survey: Arc::new(survey) })
    }

    /// The expression as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Names that must be bound, such as `release`.
    pub fn names(&self) -> &BTreeSet<String> {
        &self.survey.names
    }

    /// Functions that are called, without operators.
    pub fn functions(&self) -> &BTreeSet<String> {
        &self.survey.functions
    }

    /// Paths that are looked at, such as `release.undo.apiMs`, in the order of the text.
    pub fn references(&self) -> Vec<&str> {
        self.survey.references.iter().map(|reference| reference.path.as_str()).collect()
    }

    /// Calculates the value.
    ///
    /// # Errors
    /// [`ExpressionError`] when it has none: a missing field, a wrong type, a division by zero.
    pub fn evaluate(&self, names: &impl Lookup) -> Result<Value, ExpressionError> {
        let context = self.context(names)?;
        let value = CelValue::resolve(&self.tree, &context).map_err(|error| explain(&error))?;
        value::to_json(&value).ok_or_else(|| {
            ExpressionError::Evaluation(format!("the value is a {}, which JSON cannot hold", value.type_of()))
        })
    }

    /// Whether it holds.
    ///
    /// # Errors
    /// [`ExpressionError::NoTruth`] when the value is neither true nor false, else as [`Self::evaluate`].
    pub fn holds(&self, names: &impl Lookup) -> Result<bool, ExpressionError> {
        match self.evaluate(names)? {
            Value::Bool(held) => Ok(held),
            other => Err(ExpressionError::NoTruth { found: other.to_string() }),
        }
    }

    /// The values that it looks at, for a report. Of a path and a longer one that begins with it, such as
    /// `release.undo` and `release.undo.apiMs`, only the longer one is told.
    pub fn seen(&self, names: &impl Lookup) -> Vec<Seen> {
        let Ok(context) = self.context(names) else { return Vec::new() };
        let look = |reference: &Reference| Seen {
            path: reference.path.clone(),
            value: CelValue::resolve(&reference.tree, &context).ok().and_then(|value| value::to_json(&value)),
        };
        let all = &self.survey.references;
        let leaves = all.iter().filter(|one| !all.iter().any(|other| other.is_below(one)));
        leaves.map(look).collect()
    }

    /// The functions, and the values of the names that are used.
    fn context(&self, names: &impl Lookup) -> Result<Context<'static, 'static>, ExpressionError> {
        let mut context = Context::default();
        function::install(&mut context);
        for name in &self.survey.names {
            let value = names.look_up(name).ok_or_else(|| ExpressionError::Unbound { name: name.clone() })?;
            context.add_variable_from_value(name.as_str(), value::from_json(value));
        }
        Ok(context)
    }
}

/// Refuses what could exhaust the parser.
fn bounded(text: &str) -> Result<(), ExpressionError> {
    let length = text.chars().count();
    if length > LONGEST {
        return Err(ExpressionError::TooLong { length });
    }
    let mut open = 0usize;
    for c in text.chars() {
        match c {
            '(' | '[' | '{' => open += 1,
            ')' | ']' | '}' => open = open.saturating_sub(1),
            _ => {}
        }
        if open > DEEPEST {
            return Err(ExpressionError::TooDeep);
        }
    }
    Ok(())
}

/// The error in plain words, with JSON in the place of debug output.
fn explain(error: &ExecutionError) -> ExpressionError {
    let json =
        |value: &CelValue| value::to_json(value).map_or_else(|| "?".to_owned(), |value| value.to_string());
    match error {
        ExecutionError::NoSuchKey(key) => ExpressionError::Missing { key: key.to_string() },
        ExecutionError::UndeclaredReference(name) => ExpressionError::Unbound { name: name.to_string() },
        ExecutionError::ValuesNotComparable(left, right) => {
            ExpressionError::Evaluation(format!("{} and {} have no order", json(left), json(right)))
        }
        ExecutionError::UnsupportedBinaryOperator(operator, left, right) => {
            ExpressionError::Evaluation(format!("cannot {operator} {} and {}", json(left), json(right)))
        }
        ExecutionError::NoSuchOverload(overload) => {
            let types: Vec<&str> =
                overload.argument_types().iter().map(|name| name.trim_end_matches("_type")).collect();
            let function = overload.function().trim_matches(['_', '@']);
            ExpressionError::Evaluation(format!("`{function}` does not work with {}", types.join(" and ")))
        }
        ExecutionError::FunctionError { function, message } => {
            ExpressionError::Evaluation(format!("{}: {message}", function.trim_start_matches('@')))
        }
        other => ExpressionError::Evaluation(other.to_string()),
    }
}

#[cfg(test)]
mod tests;
