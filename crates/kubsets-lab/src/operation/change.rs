//! Operations that change the cluster. Each has an undo that is written down before it acts.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::units::Span;

/// An object in the lab's namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Target {
    /// Group and version; that of the kind's usual place when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// Kind, such as `Deployment`.
    pub kind: String,
    /// Name.
    pub name: String,
}

impl Target {
    /// Group and version: the given one, or that of the kind's usual place.
    pub fn group_version(&self) -> &str {
        if let Some(given) = &self.api_version {
            return given;
        }
        match self.kind.as_str() {
            "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" => "apps/v1",
            "Job" | "CronJob" => "batch/v1",
            "HorizontalPodAutoscaler" => "autoscaling/v2",
            "PodDisruptionBudget" => "policy/v1",
            "NetworkPolicy" | "Ingress" => "networking.k8s.io/v1",
            "Gateway" | "HTTPRoute" => "gateway.networking.k8s.io/v1",
            "BackendTrafficPolicy" | "ClientTrafficPolicy" | "SecurityPolicy" => {
                "gateway.envoyproxy.io/v1alpha1"
            }
            "Lease" => "coordination.k8s.io/v1",
            _ => "v1",
        }
    }
}

/// Makes or changes objects by server-side apply. Undo: what was not there is deleted, what was
/// there gets its former content back.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Apply {
    /// A file of the lab's folder with one or more documents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Objects written here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<Value>,
    /// Whether to wait until workloads among them run and Jobs have succeeded (default).
    #[serde(default = "yes")]
    pub ready: bool,
}

/// Changes a part of an object by a JSON merge patch. Undo: the changed parts come back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Patch {
    /// The object.
    pub object: Target,
    /// The change.
    pub merge: Value,
}

/// Deletes one object, or pods by selector. Undo: an object is made again as it was; pods are made
/// again by their controller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Delete {
    /// The object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<Target>,
    /// Label selector of pods that a controller owns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pods: Option<String>,
    /// How many of these pods, in the order of their names; all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// Time that pods get to end by themselves; `0s` kills.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace: Option<Span>,
}

/// Sets the replicas of a Deployment or `StatefulSet`. Undo: the former number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Scale {
    /// The workload.
    pub object: Target,
    /// Replicas, at most 50.
    #[schemars(range(max = 50))]
    pub replicas: u32,
    /// Whether to wait until they are ready (default).
    #[serde(default = "yes")]
    pub ready: bool,
}

/// Restarts a workload and waits until it runs again. Undo: the former pod template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rollout {
    /// The workload.
    pub restart: Target,
}

/// A fault for a time. The injectors come with the chaos family; until then a lab with a fault is skipped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fault {
    /// Kind of the fault, such as `network-delay`.
    pub kind: String,
    /// Label selector of the pods.
    pub pods: String,
    /// How long.
    #[serde(rename = "for")]
    pub duration: Span,
    /// Settings of the fault.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub with: BTreeMap<String, Value>,
}

fn yes() -> bool {
    true
}
