//! Steps: names, order, what belongs together.

use std::time::Duration;

use super::{Linter, names};
use crate::model::Step;
use crate::operation::Operation;

/// Steps that a lab may have.
const MOST_STEPS: usize = 2_000;
/// Longest time that a step may be given.
const LONGEST: Duration = Duration::from_hours(24);

impl Linter<'_> {
    pub(super) fn steps(&mut self) {
        let spec = &self.document.lab.spec;
        self.require(!spec.steps.is_empty(), "spec.steps", || "there is no step".to_owned());
        self.require(spec.steps.len() <= MOST_STEPS, "spec.steps", || {
            format!("{} steps are too many, the limit is {MOST_STEPS}", spec.steps.len())
        });
        self.require(!spec.expect.is_empty(), "spec.expect", || {
            "nothing is expected: a lab ends in a verdict".to_owned()
        });
        let mut all: Vec<(String, &Step)> = Vec::new();
        for (list, steps) in [("spec.steadyState", &spec.steady_state), ("spec.steps", &spec.steps)] {
            all.extend(steps.iter().enumerate().map(|(index, step)| (format!("{list}[{index}]"), step)));
        }
        self.unique(
            all.iter().map(|(path, step)| (format!("{path}.name"), step.name.as_str())),
            "the step name",
        );
        let binds = all.iter().filter_map(|(path, step)| Some((format!("{path}.as"), step.bind.as_deref()?)));
        self.unique(binds.collect::<Vec<_>>(), "the name");
        let expected = spec.expect.iter().enumerate();
        self.unique(
            expected
                .map(|(index, one)| (format!("spec.expect[{index}].name"), one.name.as_str()))
                .collect::<Vec<_>>(),
            "the expectation",
        );
        for (index, expectation) in spec.expect.iter().enumerate() {
            self.require(!expectation.name.trim().is_empty(), &format!("spec.expect[{index}].name"), || {
                "says nothing, write in words what is expected".to_owned()
            });
        }
        for (path, step) in &all {
            self.step(path, step);
        }
    }

    fn step(&mut self, path: &str, step: &Step) {
        let name = step.name.trim();
        self.require(!name.is_empty() && name.chars().count() <= 80, &format!("{path}.name"), || {
            format!("{name:?} is no name of 1 to 80 characters")
        });
        if let Some(bind) = &step.bind {
            self.require(names::is_identifier(bind), &format!("{path}.as"), || {
                format!("{bind:?} cannot be a name in expressions, use letters, digits and _, a letter first")
            });
        }
        if let Some(timeout) = step.timeout {
            self.require(
                timeout.0 > Duration::ZERO && timeout.0 <= LONGEST,
                &format!("{path}.timeout"),
                || format!("{timeout} is not more than 0 and at most 24h"),
            );
        }
        let Some(operation) = step.operation() else { return };
        let field = format!("{path}.{}", operation.kind());
        if path.starts_with("spec.steadyState") {
            self.require(operation.observes(), &field, || {
                let kind = operation.kind();
                format!("{kind} is not accepted: the steady state is only looked at, by wait, http, exec, query or assert")
            });
        }
        if let Operation::Load(load) = &operation
            && load.background
            && step.that.is_some()
        {
            self.error(
                &format!("{path}.that"),
                "a load in the background has no result yet: put the expression at the step that waits for it",
            );
        }
        self.operation(&field, &operation);
    }
}
