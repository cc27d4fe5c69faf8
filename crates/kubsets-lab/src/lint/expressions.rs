//! Expressions: that they can be read, and that everything they name is bound by then.

use std::collections::{BTreeMap, BTreeSet};

use super::{Linter, Severity};
use crate::error::Place;
use crate::expression::{Expression, ExpressionError, FUNCTIONS};
use crate::model::Step;
use crate::operation::{Condition, Operation};
use crate::outline::{Kind, Node};
use crate::plan::awaited;
use crate::spelling;

/// Names that an expression may use, and what to say about others.
#[derive(Clone)]
struct Scope<'a> {
    bound: BTreeSet<&'a str>,
    /// Loads in the background that nothing waited for yet: the name that they bind, by their step.
    running: BTreeMap<&'a str, Option<&'a str>>,
    /// Names that other steps bind, with the step.
    others: BTreeMap<&'a str, &'a str>,
}

impl<'a> Scope<'a> {
    fn with(&self, name: &'a str) -> Self {
        let mut scope = self.clone();
        scope.bound.insert(name);
        scope
    }

    /// Why a name is not bound, and what to do.
    fn unknown(&self, name: &str) -> String {
        if let Some((step, _)) = self.running.iter().find(|(_, bind)| **bind == Some(name)) {
            return format!(
                "`{name}` is a load in the background: wait for it before, with `wait: {{finished: {step}}}`"
            );
        }
        if let Some(step) = self.others.get(name) {
            return format!("`{name}` is not bound here, only by the step {step:?}");
        }
        let known: Vec<&str> = self.bound.iter().copied().collect();
        let hint = spelling::hint(name, known.iter().copied());
        let hint = if hint.is_empty() { "," } else { &hint };
        format!("nothing is called `{name}` here{hint} known are: {}", known.join(", "))
    }
}

impl Linter<'_> {
    pub(super) fn expressions(&mut self) {
        let spec = &self.document.lab.spec;
        let mut scope =
            Scope { bound: BTreeSet::from(["params"]), running: BTreeMap::new(), others: binds(&spec.steps) };
        let mut steady = scope.clone();
        for (index, step) in spec.steady_state.iter().enumerate() {
            self.step_expressions(&format!("spec.steadyState[{index}]"), step, &mut steady);
        }
        // The steady state is looked at again after the undo: what it binds ends with it.
        scope.others.extend(binds(&spec.steady_state));
        for (index, step) in spec.steps.iter().enumerate() {
            self.step_expressions(&format!("spec.steps[{index}]"), step, &mut scope);
        }
        for (index, expectation) in spec.expect.iter().enumerate() {
            self.expression(&format!("spec.expect[{index}].that"), &expectation.that, &scope);
        }
        for (name, _) in std::mem::take(&mut scope.running) {
            let index = spec.steps.iter().position(|step| step.name == name).unwrap_or_default();
            let message =
                format!("nothing waits for this load, `wait: {{finished: {name}}}` brings its report");
            self.warn(&format!("spec.steps[{index}].load.background"), message);
        }
    }

    fn step_expressions<'a>(&mut self, path: &str, step: &'a Step, scope: &mut Scope<'a>) {
        let operation = step.operation();
        match &operation {
            Some(Operation::Wait(condition)) => {
                self.condition_expressions(&format!("{path}.wait"), condition, scope);
                for name in awaited(condition) {
                    if !scope.running.contains_key(name) {
                        let names: Vec<&str> = scope.running.keys().copied().collect();
                        let hint = spelling::hint(name, names.iter().copied());
                        let message = format!("no earlier step {name:?} is a load in the background{hint}");
                        self.error(&self.finished_field(path), message);
                    }
                }
                for name in surely_awaited(condition) {
                    if let Some(bind) = scope.running.remove(name).flatten() {
                        scope.bound.insert(bind);
                    }
                }
            }
            Some(Operation::Assert(assert)) => {
                for (index, text) in assert.that.iter().enumerate() {
                    self.expression(&format!("{path}.assert.that[{index}]"), text, scope);
                }
            }
            _ => {}
        }
        if let Some(that) = &step.that {
            let inner = scope.with("result");
            self.expression(&format!("{path}.that"), that, &inner);
        }
        let bind = step.bind.as_deref();
        match &operation {
            Some(Operation::Load(load)) if load.background => {
                scope.running.insert(&step.name, bind);
            }
            _ => scope.bound.extend(bind),
        }
    }

    /// The field of the first `finished` in a wait.
    fn finished_field(&self, path: &str) -> String {
        let direct = format!("{path}.wait.finished");
        if self.outline().node(&direct).is_some() { direct } else { format!("{path}.wait") }
    }

    fn condition_expressions(&mut self, path: &str, condition: &Condition, scope: &Scope<'_>) {
        match condition {
            Condition::All(inner) | Condition::Any(inner) => {
                let word = if matches!(condition, Condition::All(_)) { "all" } else { "any" };
                for (index, condition) in inner.iter().enumerate() {
                    self.condition_expressions(&format!("{path}.{word}[{index}]"), condition, scope);
                }
            }
            Condition::Not(inner) => self.condition_expressions(&format!("{path}.not"), inner, scope),
            Condition::Object { that, .. } => {
                self.expression(&format!("{path}.object.that"), that, &scope.with("object"));
            }
            Condition::Pods { that, .. } => {
                self.expression(&format!("{path}.pods.that"), that, &scope.with("pods"));
            }
            Condition::Query { that, .. } => {
                self.expression(&format!("{path}.query.that"), that, &scope.with("result"));
            }
            Condition::Http { that, .. } => {
                self.expression(&format!("{path}.http.that"), that, &scope.with("result"));
            }
            Condition::Exists(_)
            | Condition::RolledOut(_)
            | Condition::Condition { .. }
            | Condition::Finished(_)
            | Condition::Passed(_) => {}
        }
    }

    fn expression(&mut self, field: &str, text: &str, scope: &Scope<'_>) {
        let expression = match Expression::compile(text) {
            Ok(expression) => expression,
            Err(error) => {
                let (line, column) = match &error {
                    ExpressionError::Syntax { line, column, .. } => (*line, *column),
                    _ => (1, 1),
                };
                let message = match error {
                    ExpressionError::Syntax { message, .. } => format!("no expression: {message}"),
                    other => other.to_string(),
                };
                let place = self.inside(field, line, column);
                return self.add(Severity::Error, Some(place), field, message);
            }
        };
        for name in expression.names().iter().filter(|name| !scope.bound.contains(name.as_str())) {
            self.at_word(field, text, name, scope.unknown(name));
        }
        for name in expression.functions().iter().filter(|name| !FUNCTIONS.contains(&name.as_str())) {
            let hint = spelling::hint(name, FUNCTIONS);
            let hint = if hint.is_empty() { ";" } else { &hint };
            let message =
                format!("there is no function `{name}`{hint} functions are: {}", FUNCTIONS.join(", "));
            self.at_word(field, text, name, message);
        }
        let params = &self.document.lab.spec.params;
        for path in expression.references() {
            let Some(name) = path.strip_prefix("params.").and_then(|rest| rest.split(['.', '[']).next())
            else {
                continue;
            };
            if !params.contains_key(name) {
                let names: Vec<&str> = params.keys().map(String::as_str).collect();
                let hint = spelling::hint(name, names.iter().copied());
                self.at_word(field, text, path, format!("`{name}` is no parameter of this lab{hint}"));
            }
        }
    }

    /// An error at a word of an expression.
    fn at_word(&mut self, field: &str, text: &str, word: &str, message: String) {
        let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
        let found = text.match_indices(word).find(|(at, _)| {
            let before = text[..*at].chars().next_back();
            let after = text[at + word.len()..].chars().next();
            !before.is_some_and(is_part) && !after.is_some_and(|c| c.is_alphanumeric() || c == '_')
        });
        let before = found.map_or("", |(at, _)| &text[..at]);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let place = self.inside(field, line, column);
        self.add(Severity::Error, Some(place), field, message);
    }

    /// The place in the file of a place in a text field.
    fn inside(&self, field: &str, line: usize, column: usize) -> Place {
        match self.outline().node(field) {
            Some(Node { value, kind: Kind::Scalar { lead: Some(lead), .. }, .. }) => {
                Place { line: value.line, column: value.column + lead + column - 1 }
            }
            Some(Node { key, kind: Kind::Scalar { lead: None, .. }, .. }) => {
                in_block(&self.source.lab_yaml, key.line, line, column)
            }
            _ => self.outline().place(field),
        }
    }
}

/// The place in a text of a place in a block scalar whose key is in line `key`.
fn in_block(text: &str, key: usize, line: usize, column: usize) -> Place {
    let indicator = text.lines().nth(key - 1).and_then(|line| line.split_whitespace().next_back());
    let folded = indicator.is_some_and(|word| word.starts_with('>'));
    // The block of a list may begin in the line of its dash, which is told by the place already.
    let first = if folded || indicator.is_some_and(|word| word.starts_with('|')) { key + 1 } else { key };
    let mut lines = text.lines().skip(first - 1);
    let indent = lines.clone().next().map_or(0, |line| line.len() - line.trim_start().len());
    if !folded {
        return Place { line: first + line - 1, column: indent + column };
    }
    // Folding makes one line of all, with a space in the place of each line end.
    let mut rest = column;
    for number in first.. {
        let Some(length) = lines.next().map(|line| line.trim().chars().count()) else { break };
        if rest <= length + 1 {
            return Place { line: number, column: indent + rest };
        }
        rest -= length + 1;
    }
    Place { line: first, column: indent + 1 }
}

/// Names that steps bind, with the step.
fn binds(steps: &[Step]) -> BTreeMap<&str, &str> {
    steps.iter().filter_map(|step| Some((step.bind.as_deref()?, step.name.as_str()))).collect()
}

/// Names of the loads that have ended whenever the condition holds.
fn surely_awaited(condition: &Condition) -> Vec<&str> {
    match condition {
        Condition::Finished(name) => vec![name],
        Condition::All(inner) => inner.iter().flat_map(surely_awaited).collect(),
        _ => Vec::new(),
    }
}
