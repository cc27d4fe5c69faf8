//! What a step waits for: conditions as values.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::change::Target;
use super::observe::{Http, Query};
use crate::units::Span;

/// A condition. Conditions are values: they combine by `all`, `any` and `not`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Condition {
    /// Every one holds.
    All(Vec<Condition>),
    /// At least one holds.
    Any(Vec<Condition>),
    /// It does not hold.
    Not(Box<Condition>),
    /// The object is there.
    Exists(Target),
    /// The rollout of a Deployment, `StatefulSet` or `DaemonSet` is complete.
    RolledOut(Target),
    /// The object's status has a condition of this type that is `True`.
    #[serde(rename_all = "camelCase")]
    Condition {
        /// The object.
        object: Target,
        /// Type of the condition, such as `Available` or `Complete`.
        #[serde(rename = "type")]
        kind: String,
    },
    /// A CEL expression over `object` holds; an object that is not there is `null`.
    #[serde(rename_all = "camelCase")]
    Object {
        /// The object.
        object: Target,
        /// The expression.
        that: String,
    },
    /// A CEL expression over `pods`, the list of pods that a selector finds, holds.
    #[serde(rename_all = "camelCase")]
    Pods {
        /// Label selector.
        selector: String,
        /// The expression.
        that: String,
    },
    /// A CEL expression over `result`, the answer to a question to Prometheus, holds.
    #[serde(rename_all = "camelCase")]
    Query {
        /// The question.
        query: Query,
        /// The expression.
        that: String,
    },
    /// A CEL expression over `result`, the answer to a request, holds.
    #[serde(rename_all = "camelCase")]
    Http {
        /// The request.
        http: Http,
        /// The expression.
        that: String,
    },
    /// A load that runs in the background has ended; the result is its report.
    Finished(String),
    /// Time has passed.
    Passed(Span),
}
