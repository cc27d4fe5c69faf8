//! Waiting: a condition as a value, looked at again and again, with the last observed value in the error.

use std::pin::Pin;
use std::time::Duration;

use kubsets_kube::{Condition as ObjectCondition, ObjectRef};
use kubsets_lab::{Bindings, Condition, Expression, ExpressionError, Scope};
use kubsets_undo::object;
use serde_json::{Map, Value, json};
use tokio::time::{Instant, sleep};

use super::{ClusterStage, api, pod};
use crate::redact;
use crate::stage::StepError;

/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(250);
/// How often a condition is looked at that asks Prometheus or sends a request.
const LOOK_AT_TRAFFIC: Duration = Duration::from_secs(1);
/// Time between two messages about what is seen.
const TELL: Duration = Duration::from_secs(5);

/// What one look has seen.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    /// `None` when it cannot be said yet: the cluster did not answer, or a field is not there. Its
    /// contrary cannot be said either.
    holds: Option<bool>,
    text: String,
    value: Value,
    /// Reports of the loads that have ended, by the names of their steps.
    finished: Map<String, Value>,
}

impl Seen {
    fn new(holds: Option<bool>, text: impl Into<String>) -> Self {
        Self { holds, text: text.into(), value: Value::Null, finished: Map::new() }
    }

    /// Several looks as one; of the texts those that tell why.
    fn several(parts: Vec<Self>, all: bool) -> Self {
        // `false` decides over all of them, `true` over any.
        let holds = if parts.iter().any(|part| part.holds == Some(!all)) {
            Some(!all)
        } else if parts.iter().all(|part| part.holds == Some(all)) {
            Some(all)
        } else {
            None
        };
        let telling = parts.iter().filter(|part| part.holds == holds).map(|part| part.text.as_str());
        let text = telling.collect::<Vec<_>>().join("; ");
        let finished = parts.into_iter().flat_map(|part| part.finished).collect();
        Self { finished, ..Self::new(holds, text) }
    }
}

/// A failure that may pass is something that was seen.
fn passing(result: Result<Seen, StepError>) -> Result<Seen, StepError> {
    match result {
        Err(StepError::Passing(why)) => Ok(Seen::new(None, why)),
        result => result,
    }
}

impl ClusterStage<'_> {
    /// Waits; the result has `seconds`, the `observed` text, the `value` that an expression was about, and
    /// the reports of loads that it waited for among other things in `finished`. For a load alone it is the
    /// load's report.
    pub(super) async fn wait(
        &self,
        condition: &Condition,
        bindings: &Bindings,
        timeout: Duration,
    ) -> Result<Value, StepError> {
        let began = Instant::now();
        let mut told: Option<Instant> = None;
        loop {
            let seen = self.look(condition, bindings, began).await?;
            let seconds = began.elapsed().as_secs_f64();
            if seen.holds == Some(true) {
                if let Condition::Finished(_) = condition {
                    return Ok(seen.value);
                }
                let summary = format!("after {seconds:.1} s: {}", seen.text);
                return Ok(json!({
                    "seconds": seconds,
                    "observed": seen.text,
                    "value": seen.value,
                    "finished": seen.finished,
                    "summary": summary,
                }));
            }
            if began.elapsed() >= timeout {
                let limit = timeout.as_secs_f64();
                return Err(StepError::Timeout(format!(
                    "it did not come within {limit:.0} s; last seen: {}",
                    seen.text
                )));
            }
            if told.is_none_or(|told| told.elapsed() >= TELL) {
                told = Some(Instant::now());
                self.events.doing(format!("waiting: {}", seen.text));
            }
            sleep(pause(condition, began.elapsed())).await;
        }
    }

    fn look<'b>(
        &'b self,
        condition: &'b Condition,
        bindings: &'b Bindings,
        began: Instant,
    ) -> Pin<Box<dyn Future<Output = Result<Seen, StepError>> + Send + 'b>> {
        Box::pin(async move {
            match condition {
                Condition::All(parts) => self.several(parts, bindings, began, true).await,
                Condition::Any(parts) => self.several(parts, bindings, began, false).await,
                Condition::Not(inner) => {
                    let inner = self.look(inner, bindings, began).await?;
                    Ok(Seen { holds: inner.holds.map(|holds| !holds), ..inner })
                }
                Condition::Passed(span) => {
                    let passed = began.elapsed();
                    let text = format!("{:.1} s of {span} have passed", passed.as_secs_f64());
                    Ok(Seen::new(Some(passed >= span.0), text))
                }
                Condition::Finished(name) => {
                    let Some(report) = self.finished(name).await? else {
                        return Ok(Seen::new(Some(false), format!("load {name} still runs")));
                    };
                    let text = report["summary"].as_str().unwrap_or("it has ended").to_owned();
                    let finished = Map::from_iter([(name.clone(), report.clone())]);
                    Ok(Seen {
                        value: report,
                        finished,
                        ..Seen::new(Some(true), format!("load {name}: {text}"))
                    })
                }
                _ => passing(self.ask(condition, bindings).await),
            }
        })
    }

    /// Looks at a condition for which somebody has to be asked.
    async fn ask(&self, condition: &Condition, bindings: &Bindings) -> Result<Seen, StepError> {
        match condition {
            Condition::Exists(target) => self.observe(&self.object(target), &ObjectCondition::Exists).await,
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
                let pods = pods.map_err(|error| api(&error))?;
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
                Err(StepError::Failed(why)) => Ok(Seen::new(Some(false), why)),
                Err(error) => Err(error),
            },
            Condition::All(_)
            | Condition::Any(_)
            | Condition::Not(_)
            | Condition::Finished(_)
            | Condition::Passed(_) => Err(StepError::Invalid("nobody is asked about this condition".into())),
        }
    }

    async fn several(
        &self,
        parts: &[Condition],
        bindings: &Bindings,
        began: Instant,
        all: bool,
    ) -> Result<Seen, StepError> {
        let mut seen = Vec::with_capacity(parts.len());
        for part in parts {
            seen.push(self.look(part, bindings, began).await?);
        }
        Ok(Seen::several(seen, all))
    }

    async fn observe(&self, target: &ObjectRef, condition: &ObjectCondition) -> Result<Seen, StepError> {
        let found = self.find(target).await?;
        let observation = condition.observe(found.as_ref());
        Ok(Seen::new(Some(observation.holds), format!("{target}: {}", observation.seen)))
    }

    async fn find(&self, target: &ObjectRef) -> Result<Option<Value>, StepError> {
        object::read(&self.access, target).await.map_err(|error| api(&error))
    }
}

/// Looks at an expression. A field that is not there yet is no error while waiting.
fn expression(that: &str, bindings: &Bindings, name: &str, value: Value) -> Result<Seen, StepError> {
    let invalid = |error: ExpressionError| StepError::Invalid(format!("{that:?}: {error}"));
    let expression = Expression::compile(that).map_err(invalid)?;
    let scope = Scope { outer: bindings, name, value: &value };
    let holds = match expression.holds(&scope) {
        Ok(holds) => holds,
        Err(error @ ExpressionError::Missing { .. }) => return Ok(Seen::new(None, error.to_string())),
        Err(error) => return Err(invalid(error)),
    };
    let seen: Vec<String> = expression.seen(&scope).iter().map(ToString::to_string).collect();
    let text = if seen.is_empty() { that.to_owned() } else { seen.join(", ") };
    Ok(Seen { value, ..Seen::new(Some(holds), redact::seen(that, text)) })
}

/// Time until the next look: not longer than until a time in the condition has passed.
fn pause(condition: &Condition, elapsed: Duration) -> Duration {
    match condition {
        Condition::Query { .. } | Condition::Http { .. } => LOOK_AT_TRAFFIC,
        Condition::All(parts) | Condition::Any(parts) => {
            // Traffic is asked for as seldom as if it stood alone.
            parts.iter().map(|part| pause(part, elapsed)).max().unwrap_or(LOOK)
        }
        Condition::Not(inner) => pause(inner, elapsed),
        Condition::Passed(span) if span.0 > elapsed => LOOK.min(span.0.saturating_sub(elapsed)),
        _ => LOOK,
    }
}

#[cfg(test)]
mod tests;
