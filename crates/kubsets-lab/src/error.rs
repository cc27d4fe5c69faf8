//! What is wrong with a lab file, and where.

use std::fmt;

use serde::Serialize;
use thiserror::Error;

/// A place in a text, as editors count: line and column from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Place {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl Place {
    /// The beginning of a text.
    pub const START: Self = Self { line: 1, column: 1 };
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// Why a lab is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LabError {
    /// The text is larger than any lab.
    #[error("{bytes} bytes are too much for one file, the limit is {limit}")]
    TooLarge {
        /// Bytes of the text.
        bytes: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The text is no YAML.
    #[error("{place}: {message}")]
    Yaml {
        /// Where.
        place: Place,
        /// What the parser says.
        message: String,
    },
    /// A field does not fit.
    #[error("{place}: {field}: {message}")]
    Field {
        /// Where.
        place: Place,
        /// The field, such as `spec.steps[0].load.rate`; `file` for the file as a whole.
        field: String,
        /// What is wrong and what is accepted.
        message: String,
    },
    /// A place that refers to a parameter that does not exist.
    #[error("{place}: ${{{name}}} is no parameter of this lab, {known}")]
    UnknownReference {
        /// Where.
        place: Place,
        /// Name referred to.
        name: String,
        /// The parameters that exist, in words.
        known: String,
    },
    /// A value for a parameter that the lab does not have.
    #[error("the lab has no parameter {name:?}, {known}")]
    UnknownParam {
        /// Name given.
        name: String,
        /// The parameters that exist, in words.
        known: String,
    },
    /// A value that does not fit its parameter.
    #[error("parameter {name}: {reason}")]
    BadParam {
        /// Name of the parameter.
        name: String,
        /// What is wrong with the value.
        reason: String,
    },
    /// A file beside the lab is refused.
    #[error("{file}: {source}")]
    File {
        /// Its path in the lab's folder.
        file: String,
        /// Why.
        source: Box<LabError>,
    },
    /// A file that a step names is not in the lab's folder.
    #[error("step {step:?} names the file {file:?}, which is not in the lab's folder")]
    MissingFile {
        /// The step.
        step: String,
        /// The path.
        file: String,
    },
    /// More combinations of parameters than one lab may have.
    #[error("the matrix has {count} combinations, the limit is {limit}")]
    Matrix {
        /// Combinations.
        count: usize,
        /// Combinations allowed.
        limit: usize,
    },
    /// An expression cannot be read or evaluated.
    #[error("{expression:?}: {source}")]
    Expression {
        /// The expression.
        expression: String,
        /// Why.
        source: crate::expression::ExpressionError,
    },
}

impl LabError {
    /// Where in the file, when that is known.
    pub fn place(&self) -> Option<Place> {
        match self {
            Self::Yaml { place, .. } | Self::Field { place, .. } | Self::UnknownReference { place, .. } => {
                Some(*place)
            }
            Self::File { source, .. } => source.place(),
            _ => None,
        }
    }

    /// The field, when it is one.
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Field { field, .. } => Some(field),
            Self::File { source, .. } => source.field(),
            _ => None,
        }
    }

    /// The message without place, field and file.
    pub fn message(&self) -> String {
        match self {
            Self::Yaml { message, .. } | Self::Field { message, .. } => message.clone(),
            Self::UnknownReference { name, known, .. } => {
                format!("${{{name}}} is no parameter of this lab, {known}")
            }
            Self::File { source, .. } => source.message(),
            other => other.to_string(),
        }
    }
}
