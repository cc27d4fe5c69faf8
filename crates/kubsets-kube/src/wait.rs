//! Waiting is a value: a condition that can be combined, printed and evaluated without a cluster.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;
use tokio::time::Instant;

use crate::access::Access;
use crate::error::{ApiError, During};
use crate::object::ObjectRef;
use crate::rollout::RolloutStatus;

/// How often a waiting object is read.
const POLL: Duration = Duration::from_millis(400);

/// What must hold for an object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Condition {
    /// The object exists.
    Exists,
    /// The object does not exist.
    Absent,
    /// `status.conditions` has this type with status `True`.
    Status(String),
    /// A field has a value; `path` is a JSON pointer such as `/status/phase`.
    Field {
        /// JSON pointer.
        path: String,
        /// The value it must have.
        equals: Value,
    },
    /// A workload has rolled out all of its replicas.
    RolledOut,
    /// All of these hold.
    And(Vec<Condition>),
    /// At least one of these holds.
    Or(Vec<Condition>),
    /// This does not hold.
    Not(Box<Condition>),
}

/// Whether a condition held, and what was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// Whether the condition holds.
    pub holds: bool,
    /// What was seen, in words.
    pub seen: String,
}

impl Condition {
    /// Evaluates the condition on an object, or on its absence.
    pub fn observe(&self, object: Option<&Value>) -> Observation {
        match (self, object) {
            (Self::Exists, _) => see(object.is_some(), presence(object)),
            (Self::Absent, _) => see(object.is_none(), presence(object)),
            (Self::Not(inner), _) => {
                let inner = inner.observe(object);
                see(!inner.holds, inner.seen)
            }
            (Self::And(all), _) => combine(all.iter().map(|one| one.observe(object)), true),
            (Self::Or(any), _) => combine(any.iter().map(|one| one.observe(object)), false),
            (_, None) => see(false, "it does not exist"),
            (Self::Status(kind), Some(object)) => status_condition(object, kind),
            (Self::Field { path, equals }, Some(object)) => match object.pointer(path) {
                Some(value) => see(value == equals, format!("{path} is {value}")),
                None => see(false, format!("{path} is not set")),
            },
            (Self::RolledOut, Some(object)) => {
                let status = RolloutStatus::of(object);
                see(status.done, status.message)
            }
        }
    }
}

fn see(holds: bool, seen: impl Into<String>) -> Observation {
    Observation { holds, seen: seen.into() }
}

fn presence(object: Option<&Value>) -> &'static str {
    if object.is_some() { "it exists" } else { "it does not exist" }
}

fn combine(parts: impl Iterator<Item = Observation>, all: bool) -> Observation {
    let parts: Vec<Observation> = parts.collect();
    let holds = if all { parts.iter().all(|p| p.holds) } else { parts.iter().any(|p| p.holds) };
    let seen = parts.iter().filter(|p| p.holds == holds).map(|p| p.seen.as_str()).collect::<Vec<_>>();
    see(holds, seen.join("; "))
}

fn status_condition(object: &Value, kind: &str) -> Observation {
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
    let found = conditions.and_then(|list| list.iter().find(|one| one["type"] == kind));
    let Some(found) = found else {
        return see(false, format!("no condition {kind} yet"));
    };
    let status = found["status"].as_str().unwrap_or("Unknown");
    let why = ["reason", "message"].iter().filter_map(|key| found[*key].as_str());
    let why: Vec<&str> = why.filter(|text| !text.is_empty()).collect();
    let why = if why.is_empty() { String::new() } else { format!(" ({})", why.join(": ")) };
    see(status == "True", format!("{kind} is {status}{why}"))
}

/// Why a wait ended without its condition.
#[derive(Debug, Error)]
pub enum WaitError {
    /// The time is up.
    #[error("{object} did not get there within {timeout:?}: {last}")]
    Timeout {
        /// The object waited for.
        object: ObjectRef,
        /// The time it had.
        timeout: Duration,
        /// What was seen last.
        last: String,
    },
    /// The object cannot be read.
    #[error(transparent)]
    Api(#[from] ApiError),
}

/// Waits until the condition holds; errors that may pass are tried again.
///
/// # Errors
/// [`WaitError::Timeout`] with the last observation, or the API's error.
pub async fn wait_for(
    access: &Access,
    object: &ObjectRef,
    condition: &Condition,
    timeout: Duration,
) -> Result<Observation, WaitError> {
    let api = object.api(access);
    let deadline = Instant::now() + timeout;
    loop {
        let last = match api.get_opt(&object.name).await.during(|| format!("read {object}")) {
            Ok(found) => {
                let value = found.map(|found| serde_json::to_value(found).unwrap_or(Value::Null));
                let observation = condition.observe(value.as_ref());
                if observation.holds {
                    return Ok(observation);
                }
                observation.seen
            }
            Err(error) if error.is_transient() && Instant::now() < deadline => error.to_string(),
            Err(error) => return Err(error.into()),
        };
        if Instant::now() >= deadline {
            return Err(WaitError::Timeout { object: object.clone(), timeout, last });
        }
        tokio::time::sleep(POLL).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn job(complete: &str) -> Value {
        json!({"status": {"phase": "Running", "conditions": [
            {"type": "Complete", "status": complete, "reason": "Waiting", "message": "two pods left"}]}})
    }

    #[test]
    fn conditions_combine() {
        let done = Condition::Status("Complete".into());
        let running = Condition::Field { path: "/status/phase".into(), equals: json!("Running") };
        assert!(done.observe(Some(&job("True"))).holds);
        let seen = done.observe(Some(&job("False")));
        assert_eq!(seen.seen, "Complete is False (Waiting: two pods left)");
        assert!(Condition::And(vec![done.clone(), running.clone()]).observe(Some(&job("True"))).holds);
        let both = Condition::And(vec![done.clone(), running.clone()]).observe(Some(&job("False")));
        assert!(!both.holds && both.seen.starts_with("Complete is False"), "{both:?}");
        assert!(Condition::Or(vec![done.clone(), running]).observe(Some(&job("False"))).holds);
        assert!(Condition::Not(Box::new(done)).observe(Some(&job("False"))).holds);
    }

    #[test]
    fn absence_is_an_observation() {
        assert!(Condition::Absent.observe(None).holds);
        assert!(!Condition::Status("Ready".into()).observe(None).holds);
        assert_eq!(Condition::Exists.observe(None).seen, "it does not exist");
    }

    #[test]
    fn conditions_are_data() {
        let text = r#"{"and":[{"status":"Ready"},{"not":{"field":{"path":"/spec/paused","equals":true}}}]}"#;
        let parsed: Condition = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&parsed).unwrap(), text);
    }
}
