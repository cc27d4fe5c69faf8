//! Operations: bounds and parts that belong together.

use std::time::Duration;

use super::manifests::SECRET;
use super::{Linter, names};
use crate::operation::{Apply, CanarySpec, Condition, Delete, Load, Operation, Target};
use crate::units::Span;

/// Replicas that a step may ask for.
const MOST_REPLICAS: u32 = 50;
/// Requests per second that a load may send.
const HIGHEST_RATE: f64 = 100_000.0;
/// Connections that a load may hold.
const MOST_CONNECTIONS: usize = 4_096;
/// Conditions inside each other.
const DEEPEST_CONDITION: usize = 8;
/// Methods of HTTP.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

impl Linter<'_> {
    pub(super) fn operation(&mut self, field: &str, operation: &Operation) {
        match operation {
            Operation::Apply(apply) => self.apply(field, apply),
            Operation::Patch(patch) => {
                self.target(&format!("{field}.object"), &patch.object);
                let changes = patch.merge.as_object().is_some_and(|fields| !fields.is_empty());
                self.require(changes, &format!("{field}.merge"), || {
                    "is no object with the fields to change".into()
                });
            }
            Operation::Delete(delete) => self.delete(field, delete),
            Operation::Scale(scale) => {
                self.target(&format!("{field}.object"), &scale.object);
                self.workload(&format!("{field}.object.kind"), &scale.object, &["Deployment", "StatefulSet"]);
                self.require(scale.replicas <= MOST_REPLICAS, &format!("{field}.replicas"), || {
                    format!("{} replicas are more than {MOST_REPLICAS}", scale.replicas)
                });
            }
            Operation::Rollout(rollout) => {
                self.target(&format!("{field}.restart"), &rollout.restart);
                let kinds = ["Deployment", "StatefulSet", "DaemonSet"];
                self.workload(&format!("{field}.restart.kind"), &rollout.restart, &kinds);
            }
            Operation::Wait(condition) => self.condition(field, condition, 0),
            Operation::Http(http) => {
                self.request(field, &http.path, &http.method);
                self.require(!http.node_port || http.service.is_some(), &format!("{field}.nodePort"), || {
                    "needs a service".into()
                });
            }
            Operation::Exec(exec) => {
                self.selector(&format!("{field}.pods"), &exec.pods);
                self.require(
                    exec.command.first().is_some_and(|program| !program.is_empty()),
                    &format!("{field}.command"),
                    || "names no program".into(),
                );
            }
            Operation::Logs(logs) => self.selector(&format!("{field}.pods"), &logs.pods),
            Operation::Query(query) => {
                self.require(!query.promql.trim().is_empty(), &format!("{field}.promql"), || {
                    "is empty".into()
                });
            }
            Operation::Load(load) => self.load(field, load),
            Operation::Canary(canary) => self.canary(field, canary),
            Operation::Fault(fault) => {
                self.selector(&format!("{field}.pods"), &fault.pods);
                self.duration(&format!("{field}.for"), fault.duration);
            }
            Operation::Assert(assert) => {
                self.require(!assert.that.is_empty(), &format!("{field}.that"), || {
                    "there is no expression".into()
                });
            }
            Operation::Pause(pause) => {
                self.require(!pause.message.trim().is_empty(), &format!("{field}.message"), || {
                    "is empty".into()
                });
            }
        }
    }

    fn apply(&mut self, field: &str, apply: &Apply) {
        let message = match (&apply.file, apply.objects.is_empty()) {
            (Some(_), false) => "has file and objects, give exactly one of them",
            (None, true) => "has neither file nor objects, give exactly one of them",
            (Some(_), true) | (None, false) => return,
        };
        self.error(field, message);
    }

    fn delete(&mut self, field: &str, delete: &Delete) {
        match (&delete.object, &delete.pods) {
            (Some(target), None) => self.target(&format!("{field}.object"), target),
            (None, Some(selector)) => self.selector(&format!("{field}.pods"), selector),
            (Some(_), Some(_)) => self.error(field, "has object and pods, give exactly one of them"),
            (None, None) => self.error(field, "has neither object nor pods, give exactly one of them"),
        }
        if delete.count.is_some() {
            self.require(delete.pods.is_some(), &format!("{field}.count"), || {
                "counts pods, and none are named".into()
            });
            self.require(delete.count != Some(0), &format!("{field}.count"), || "0 pods are none".into());
        }
    }

    fn condition(&mut self, field: &str, condition: &Condition, depth: usize) {
        if depth > DEEPEST_CONDITION {
            return self.error(field, "too many conditions inside each other");
        }
        match condition {
            Condition::All(inner) | Condition::Any(inner) => {
                let word = if matches!(condition, Condition::All(_)) { "all" } else { "any" };
                let field = format!("{field}.{word}");
                self.require(!inner.is_empty(), &field, || "the list is empty".into());
                for (index, condition) in inner.iter().enumerate() {
                    self.condition(&format!("{field}[{index}]"), condition, depth + 1);
                }
            }
            Condition::Not(inner) => self.condition(&format!("{field}.not"), inner, depth + 1),
            // That a Secret is there says nothing of its content.
            Condition::Exists(target) if target.kind == SECRET => {
                self.named(&format!("{field}.exists"), target);
            }
            Condition::Exists(target) => self.target(&format!("{field}.exists"), target),
            Condition::RolledOut(target) => {
                let field = format!("{field}.rolledOut");
                self.target(&field, target);
                self.workload(&format!("{field}.kind"), target, &["Deployment", "StatefulSet", "DaemonSet"]);
            }
            Condition::Condition { object, kind } => {
                let field = format!("{field}.condition");
                self.target(&format!("{field}.object"), object);
                self.require(!kind.trim().is_empty(), &format!("{field}.type"), || "is empty".into());
            }
            Condition::Object { object, .. } => self.target(&format!("{field}.object.object"), object),
            Condition::Pods { selector, .. } => self.selector(&format!("{field}.pods.selector"), selector),
            Condition::Query { query, .. } => {
                let field = format!("{field}.query.query.promql");
                self.require(!query.promql.trim().is_empty(), &field, || "is empty".into());
            }
            Condition::Http { http, .. } => {
                self.request(&format!("{field}.http.http"), &http.path, &http.method);
            }
            Condition::Finished(_) => {}
            Condition::Passed(span) => self.duration(&format!("{field}.passed"), *span),
        }
    }

    fn load(&mut self, field: &str, load: &Load) {
        self.request(field, &load.path, &load.method);
        self.rate(&format!("{field}.rate"), load.rate.peak());
        self.duration(&format!("{field}.for"), load.duration);
        if let Some(shape) = load.rate.shape().length().filter(|length| *length > load.length()) {
            let (shape, load) = (Span(shape), load.duration);
            self.warn(
                &format!("{field}.for"),
                format!("the load ends after {load}, its rate changes for {shape}"),
            );
        }
        self.duration(&format!("{field}.timeout"), load.timeout);
        self.require(
            (1..=MOST_CONNECTIONS).contains(&load.connections),
            &format!("{field}.connections"),
            || format!("{} connections are not from 1 to {MOST_CONNECTIONS}", load.connections),
        );
    }

    fn canary(&mut self, field: &str, canary: &CanarySpec) {
        self.require(names::is_dns_label(&canary.deployment), &format!("{field}.deployment"), || {
            format!("{:?} is no name of an object", canary.deployment)
        });
        self.require(canary.image.is_some() || !canary.env.is_empty(), field, || {
            "changes nothing: give an image or variables in env".into()
        });
        let rises = canary.steps.is_sorted_by(|a, b| a < b);
        let ends = canary.steps.last().is_some_and(|last| (last.value() - 100.0).abs() < f64::EPSILON);
        self.require(rises && ends, &format!("{field}.steps"), || {
            "the shares have to rise and the last one has to be 100%".into()
        });
        self.require(canary.namespace.is_none(), &format!("{field}.namespace"), || {
            "a lab names no namespace, the engine sets it".into()
        });
        self.rate(&format!("{field}.load.rate"), canary.load.rate);
        self.request(&format!("{field}.load"), &canary.load.path, "GET");
        self.duration(&format!("{field}.stepBudget"), canary.step_budget);
    }

    fn target(&mut self, field: &str, target: &Target) {
        self.named(field, target);
        if let Some(reason) = super::manifests::forbidden(&target.kind) {
            self.error(&format!("{field}.kind"), reason);
        }
    }

    fn named(&mut self, field: &str, target: &Target) {
        for (part, text) in [("kind", &target.kind), ("name", &target.name)] {
            self.require(!text.trim().is_empty(), &format!("{field}.{part}"), || "is empty".into());
        }
    }

    fn workload(&mut self, field: &str, target: &Target, kinds: &[&str]) {
        self.require(kinds.contains(&target.kind.as_str()), field, || {
            format!("{:?} is not accepted, one of: {}", target.kind, kinds.join(", "))
        });
    }

    fn selector(&mut self, field: &str, selector: &str) {
        self.require(names::is_selector(selector), field, || {
            format!("{selector:?} is no label selector, write for example app.kubernetes.io/name=demo-app")
        });
    }

    fn request(&mut self, field: &str, path: &str, method: &str) {
        self.require(
            path.starts_with('/') && !path.contains(char::is_whitespace),
            &format!("{field}.path"),
            || format!("{path:?} is no path, it begins with / and has no spaces"),
        );
        self.require(METHODS.contains(&method), &format!("{field}.method"), || {
            format!("{method:?} is not accepted, one of: {}", METHODS.join(", "))
        });
    }

    fn rate(&mut self, field: &str, rate: f64) {
        self.require(rate > 0.0 && rate <= HIGHEST_RATE, field, || {
            format!("{rate} requests per second are not more than 0 and at most {HIGHEST_RATE}")
        });
    }

    fn duration(&mut self, field: &str, span: Span) {
        self.require(span.0 > Duration::ZERO && span.0 <= Duration::from_hours(1), field, || {
            format!("{span} is not more than 0 and at most 1h")
        });
    }
}
