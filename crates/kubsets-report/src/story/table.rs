//! Tables.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Tone;

/// A cell.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Cell {
    /// The text.
    pub text: String,
    /// Whether it is as wanted.
    pub tone: Tone,
}

impl Cell {
    /// A cell with a meaning.
    pub fn new(tone: Tone, text: impl Into<String>) -> Self {
        Self { text: text.into(), tone }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::new(Tone::Plain, text)
    }
}

/// Rows under heads.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Table {
    /// What it shows; may be empty.
    pub title: String,
    /// How to read it; may be empty.
    pub note: String,
    /// Heads of the columns; empty for a list of names and values.
    pub heads: Vec<String>,
    /// Numbers (from 0) of the columns that hold figures.
    pub figures: Vec<usize>,
    /// The rows.
    pub rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A list of names and values.
    pub fn facts(title: &str) -> Self {
        Self { title: title.to_owned(), ..Self::default() }
    }

    /// A table with heads.
    pub fn with_heads<const N: usize>(title: &str, heads: [&str; N]) -> Self {
        Self { title: title.to_owned(), heads: heads.map(str::to_owned).to_vec(), ..Self::default() }
    }

    /// The same with these columns (from 0) flush right.
    #[must_use]
    pub fn figures(mut self, columns: impl IntoIterator<Item = usize>) -> Self {
        self.figures = columns.into_iter().collect();
        self
    }

    /// The same with words on how to read it.
    #[must_use]
    pub fn note(mut self, note: &str) -> Self {
        note.clone_into(&mut self.note);
        self
    }

    /// Adds a row.
    pub fn row<const N: usize>(&mut self, cells: [Cell; N]) {
        self.rows.push(Vec::from(cells));
    }

    /// Adds a name and its value.
    pub fn fact(&mut self, name: &str, value: impl Into<Cell>) {
        self.rows.push(vec![name.into(), value.into()]);
    }
}
