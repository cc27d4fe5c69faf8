//! What must not be told of a plan: values that authenticate.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Plan;
use crate::operation::Operation;

/// Headers whose values are secret, in lower case.
pub const SENSITIVE: [&str; 5] =
    ["authorization", "cookie", "proxy-authorization", "set-cookie", "x-api-key"];

/// What stands in the place of a secret value on record.
pub const HIDDEN: &str = "(hidden)";

impl Plan {
    /// Parameters whose values are in headers that authenticate: neither records nor command lines tell them.
    pub fn secrets(&self) -> BTreeSet<&str> {
        let headers = self.steady_state.iter().chain(&self.steps).filter_map(|step| match &step.operation {
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
        self.params.iter().filter(|(name, value)| used(name, value)).map(|(name, _)| name.as_str()).collect()
    }

    /// The plan as it goes on record: without the values of parameters that are secret. The headers are another matter.
    #[must_use]
    pub fn without_secrets(&self) -> Self {
        let mut plan = self.clone();
        for name in self.secrets() {
            for values in [&mut plan.params, &mut plan.given] {
                if let Some(value) = values.get_mut(name) {
                    HIDDEN.clone_into(value);
                }
            }
            if let Some(value) = plan.bound.get_mut(name) {
                *value = HIDDEN.into();
            }
        }
        plan
    }
}
