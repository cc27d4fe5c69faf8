//! The lab file as it is written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

mod param;
mod requirement;
mod step;

pub use param::{Param, ParamKind};
pub use requirement::{Component, Requirement};
pub use step::Step;

/// `apiVersion` of lab files.
pub const API_VERSION: &str = "kubsets.dev/v1alpha1";
/// `kind` of lab files.
pub const KIND: &str = "Lab";

/// A lab: an experiment that ends in a verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Lab {
    /// `kubsets.dev/v1alpha1`.
    pub api_version: String,
    /// `Lab`.
    pub kind: String,
    /// Name and place in the catalogue.
    pub metadata: Metadata,
    /// What it does.
    pub spec: Spec,
}

impl Lab {
    /// Full name, such as `canary/bad-errors`.
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.metadata.family, self.metadata.name)
    }

    /// Full name as a label holds it, without a slash, such as `canary.bad-errors`.
    pub fn label(&self) -> String {
        format!("{}.{}", self.metadata.family, self.metadata.name)
    }
}

/// Name and place of a lab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Metadata {
    /// Name, the folder's.
    pub name: String,
    /// Family, the parent folder's name.
    pub family: String,
    /// Difficulty from 1 to 3.
    #[schemars(range(min = 1, max = 3))]
    pub level: u8,
    /// Minutes that it takes as a rule.
    pub minutes: u32,
}

/// What a lab does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Spec {
    /// The question that the lab answers.
    pub question: String,
    /// What the cluster must have; a missing need skips the lab.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<Requirement>,
    /// Values that a user may set, used as `${name}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, Param>,
    /// Values of parameters to run the lab with, one run for each combination.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub matrix: BTreeMap<String, Vec<String>>,
    /// What must hold before the first step and again after the undo; observing operations only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steady_state: Vec<Step>,
    /// What is done, in order.
    pub steps: Vec<Step>,
    /// What must come out.
    pub expect: Vec<Expectation>,
    /// What is collected when the lab fails, before the undo.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on_failure: Vec<FailureEvidence>,
}

/// Something that must hold at the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Expectation {
    /// What it means, in words.
    pub name: String,
    /// A CEL expression over the parameters and the results that steps bound with `as`.
    pub that: String,
}

/// Evidence for a failed lab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum FailureEvidence {
    /// Last lines of the logs of pods.
    #[serde(rename_all = "camelCase")]
    Logs {
        /// Label selector, such as `app.kubernetes.io/name=demo-app`.
        selector: String,
        /// Lines of each container, 50 unless given.
        #[serde(default = "fifty")]
        tail: u32,
    },
    /// Events of the namespace, newest first, that are not normal.
    Events {},
    /// Pods of the namespace and what is wrong with them.
    Pods {},
}

fn fifty() -> u32 {
    50
}
