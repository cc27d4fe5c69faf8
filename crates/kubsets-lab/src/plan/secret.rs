//! What must not be told of a plan: values that authenticate.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Plan, PlannedStep};
use crate::operation::{CanarySpec, Operation};
use crate::secret::{HIDDEN, SENSITIVE, Secrets, is_secret_variable};

impl Plan {
    /// Parameters whose values neither records nor command lines tell: those that are declared secret, and those in
    /// headers that authenticate.
    pub fn secret_names(&self) -> BTreeSet<&str> {
        let headers = self.operations().filter_map(|operation| match operation {
            Operation::Http(http) => Some(&http.headers),
            Operation::Load(load) => Some(&load.headers),
            _ => None,
        });
        let secret: Vec<&str> = headers
            .flatten()
            .filter(|(name, _)| SENSITIVE.contains(&name.to_ascii_lowercase().as_str()))
            .map(|(_, value)| value.as_str())
            .collect();
        let used = |name: &str, value: &str| {
            let is_text = self.bound.get(name).is_some_and(Value::is_string);
            // A number such as 1 is a part of many tokens that it has nothing to do with.
            secret.iter().any(|header| {
                if is_text {
                    header.contains(value)
                } else {
                    header.split([' ', '=', ';']).any(|word| word == value)
                }
            })
        };
        let is_secret = |name: &String, value: &String| self.secret.contains(name) || used(name, value);
        let secret = self.params.iter().filter(|(name, value)| is_secret(name, value));
        secret.map(|(name, _)| name.as_str()).collect()
    }

    /// Values of secret parameters: nothing of a run may hold them, its undo included.
    pub fn secrets(&self) -> Secrets {
        Secrets::new(self.secret_names().iter().filter_map(|name| self.params.get(*name)))
    }

    /// Values that no record may hold: those of secret parameters, and those of variables that look secret. The
    /// latter can be in the cluster already, and so in an undo.
    pub fn untold(&self) -> Secrets {
        let canaries = self.operations().filter_map(|operation| match operation {
            Operation::Canary(spec) => Some(spec.secrets()),
            _ => None,
        });
        canaries.fold(self.secrets(), |all, more| all.and(&more))
    }

    /// Whether a parameter is secret, or a variable looks so.
    pub fn holds_secrets(&self) -> bool {
        let variable = |operation: &Operation| match operation {
            Operation::Canary(spec) => spec.secret_variables().next().is_some(),
            _ => false,
        };
        !self.secret_names().is_empty() || self.operations().any(variable)
    }

    fn operations(&self) -> impl Iterator<Item = &Operation> {
        self.steady_state.iter().chain(&self.steps).map(|step| &step.operation)
    }

    /// The plan without the values of parameters and variables that are secret, by their names.
    /// [Where else](Self::secrets) they stand is another matter, and so are headers.
    #[must_use]
    pub fn without_secrets(&self) -> Self {
        let mut plan = self.clone();
        for name in self.secret_names() {
            for values in [&mut plan.params, &mut plan.given] {
                if let Some(value) = values.get_mut(name) {
                    HIDDEN.clone_into(value);
                }
            }
            if let Some(value) = plan.bound.get_mut(name) {
                *value = HIDDEN.into();
            }
        }
        for PlannedStep { operation, .. } in &mut plan.steps {
            if let Operation::Canary(spec) = operation {
                **spec = spec.without_secrets();
            }
        }
        plan
    }
}

impl CanarySpec {
    /// Environment variables that look secret, with their values.
    pub fn secret_variables(&self) -> impl Iterator<Item = (&str, &str)> {
        let all = self.env.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        all.filter(|(name, value)| is_secret_variable(name, value))
    }

    /// Their values, sparing the name of the Deployment.
    pub fn secrets(&self) -> Secrets {
        let values = self.secret_variables().map(|(_, value)| value);
        Secrets::new(values).sparing([self.deployment.as_str()])
    }

    /// The same canary without the values of such variables.
    #[must_use]
    pub fn without_secrets(&self) -> Self {
        let mut spec = self.clone();
        for (name, _) in self.secret_variables() {
            spec.env.insert(name.to_owned(), HIDDEN.to_owned());
        }
        spec
    }
}
