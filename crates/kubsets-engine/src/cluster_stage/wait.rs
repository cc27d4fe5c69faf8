//! Waiting: a condition as a value, looked at again and again, with the last observed value in the error.

use std::pin::Pin;
use std::time::Duration;

use kubsets_kube::{Condition as ObjectCondition, ObjectRef};
use kubsets_lab::{Bindings, Condition, Expression, ExpressionError};
use kubsets_undo::object;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{ClusterStage, cluster, pod};
use crate::redact;
use crate::stage::StepError;

/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(250);
/// How often a condition is looked at that asks Prometheus or sends a request.
const LOOK_AT_TRAFFIC: Duration = Duration::from_secs(1);
/// Time between two messages about what is seen.
const TELL: Duration = Duration::from_secs(5);

/// What one look has seen.
struct Seen {
    holds: bool,
    text: String,
    value: Value,
}

impl Seen {
    fn new(holds: bool, text: impl Into<String>) -> Self {
        Self { holds, text: text.into(), value: Value::Null }
    }
}

impl ClusterStage<'_> {
    /// Waits; the result has `seconds`, the `observed` text and the `value` that an expression was about.
    pub(super) async fn wait(
        &self,
        condition: &Condition,
        bindings: &Bindings,
        timeout: Duration,
    ) -> Result<Value, StepError> {
        match condition {
            Condition::Passed(span) => {
                self.events.doing(format!("letting {span} pass"));
                sleep(span.0).await;
                return Ok(json!({"seconds": span.0.as_secs_f64(), "summary": span.to_string()}));
            }
            Condition::Finished(name) => return self.finished(name).await,
            _ => {}
        }
        let began = Instant::now();
        let mut told = began;
        let pause = if asks_traffic(condition) { LOOK_AT_TRAFFIC } else { LOOK };
        loop {
            let seen = self.look(condition, bindings).await?;
            let seconds = began.elapsed().as_secs_f64();
            if seen.holds {
                let summary = format!("after {seconds:.1} s: {}", seen.text);
                return Ok(
                    json!({"seconds": seconds, "observed": seen.text, "value": seen.value, "summary": summary}),
                );
            }
            if began.elapsed() >= timeout {
                let limit = timeout.as_secs_f64();
                return Err(StepError::Failed(format!(
                    "it did not come within {limit:.0} s; last seen: {}",
                    seen.text
                )));
            }
            if told.elapsed() >= TELL {
                told = Instant::now();
                self.events.doing(format!("waiting: {}", seen.text));
            }
            sleep(pause).await;
        }
    }

    fn look<'b>(
        &'b self,
        condition: &'b Condition,
        bindings: &'b Bindings,
    ) -> Pin<Box<dyn Future<Output = Result<Seen, StepError>> + Send + 'b>> {
        Box::pin(async move {
            match condition {
                Condition::All(parts) => self.several(parts, bindings, true).await,
                Condition::Any(parts) => self.several(parts, bindings, false).await,
                Condition::Not(inner) => {
                    let inner = self.look(inner, bindings).await?;
                    Ok(Seen { holds: !inner.holds, ..inner })
                }
                Condition::Exists(target) => {
                    self.observe(&self.object(target), &ObjectCondition::Exists).await
                }
                Condition::RolledOut(target) => {
                    self.observe(&self.object(target), &ObjectCondition::RolledOut).await
                }
                Condition::Condition { object, kind } => {
                    self.observe(&self.object(object), &ObjectCondition::Status(kind.clone())).await
                }
                Condition::Object { object: target, that } => {
                    let found = self.find(&self.object(target)).await?;
                    expression(that, bindings, "object", found.unwrap_or(Value::Null))
                }
                Condition::Pods { selector, that } => {
                    let pods = pod::find(&self.access, &self.namespace, selector).await;
                    let pods = pods.map_err(|error| cluster(&error))?;
                    let ready = pods.iter().filter(|pod| pod::is_ready(pod)).count();
                    let views: Vec<Value> = pods.iter().map(pod::view).collect();
                    let mut seen = expression(that, bindings, "pods", views.into())?;
                    seen.text = format!("{ready} of {} pods ready", pods.len());
                    Ok(seen)
                }
                Condition::Query { query, that } => {
                    let answer = self.query(query, Duration::from_secs(10)).await?;
                    expression(that, bindings, "result", answer)
                }
                Condition::Http { http, that } => match self.request(http, Duration::from_secs(5)).await {
                    Ok(answer) => expression(that, bindings, "result", answer),
                    Err(StepError::Failed(why)) => Ok(Seen::new(false, why)),
                    Err(error) => Err(error),
                },
                Condition::Finished(_) | Condition::Passed(_) => {
                    Err(StepError::Invalid("finished and passed stand alone".into()))
                }
            }
        })
    }

    async fn several(&self, parts: &[Condition], bindings: &Bindings, all: bool) -> Result<Seen, StepError> {
        let mut seen = Vec::with_capacity(parts.len());
        for part in parts {
            seen.push(self.look(part, bindings).await?);
        }
        let holds = if all { seen.iter().all(|one| one.holds) } else { seen.iter().any(|one| one.holds) };
        let telling = seen.iter().filter(|one| one.holds == holds).map(|one| one.text.as_str());
        Ok(Seen::new(holds, telling.collect::<Vec<_>>().join("; ")))
    }

    async fn observe(&self, target: &ObjectRef, condition: &ObjectCondition) -> Result<Seen, StepError> {
        let found = self.find(target).await?;
        let observation = condition.observe(found.as_ref());
        Ok(Seen::new(observation.holds, format!("{target}: {}", observation.seen)))
    }

    async fn find(&self, target: &ObjectRef) -> Result<Option<Value>, StepError> {
        object::read(&self.access, target).await.map_err(|error| cluster(&error))
    }
}

/// Looks at an expression. A field that is not there yet is no error while waiting.
fn expression(that: &str, bindings: &Bindings, name: &str, value: Value) -> Result<Seen, StepError> {
    let bindings = bindings.with(name, value.clone());
    let invalid = |error: ExpressionError| StepError::Invalid(format!("{that:?}: {error}"));
    let expression = Expression::compile(that).map_err(invalid)?;
    let holds = match expression.holds(&bindings) {
        Ok(holds) => holds,
        Err(error @ ExpressionError::Missing { .. }) => return Ok(Seen::new(false, error.to_string())),
        Err(error) => return Err(invalid(error)),
    };
    let seen: Vec<String> = expression.seen(&bindings).iter().map(ToString::to_string).collect();
    let text = if seen.is_empty() { that.to_owned() } else { seen.join(", ") };
    Ok(Seen { holds, text: redact::seen(that, text), value })
}

fn asks_traffic(condition: &Condition) -> bool {
    match condition {
        Condition::Query { .. } | Condition::Http { .. } => true,
        Condition::All(parts) | Condition::Any(parts) => parts.iter().any(asks_traffic),
        Condition::Not(inner) => asks_traffic(inner),
        _ => false,
    }
}
