//! Strict reading: an unknown or misspelt field, or a value of the wrong type, is an error.

use anyhow::{Context, Result};
use k8s_openapi::api::admissionregistration::v1 as admission;
use k8s_openapi::api::apps::v1 as apps;
use k8s_openapi::api::batch::v1 as batch;
use k8s_openapi::api::core::v1 as core;
use k8s_openapi::api::networking::v1 as networking;
use k8s_openapi::api::policy::v1 as policy;
use k8s_openapi::api::rbac::v1 as rbac;
use k8s_openapi::api::storage::v1 as storage;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::compare;
use crate::render::Objects;

/// Reads each object into the API's own type and back. What does not come back was not understood.
pub(crate) fn unknown_parts(objects: &Objects) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    for (key, object) in objects {
        let kept = through_type(object).with_context(|| key.clone())?;
        if let Some(kept) = kept {
            compare::lost(key, object, &kept, &mut lines);
        }
    }
    Ok(lines)
}

/// `None` for kinds that come from custom resource definitions: a cluster has to judge those.
fn through_type(object: &Value) -> Result<Option<Value>> {
    let kind = object["kind"].as_str().unwrap_or_default();
    let version = object["apiVersion"].as_str().unwrap_or_default();
    let kept = match (version, kind) {
        ("v1", "Namespace") => through::<core::Namespace>(object)?,
        ("v1", "ServiceAccount") => through::<core::ServiceAccount>(object)?,
        ("v1", "ConfigMap") => through::<core::ConfigMap>(object)?,
        ("v1", "Service") => through::<core::Service>(object)?,
        ("apps/v1", "Deployment") => through::<apps::Deployment>(object)?,
        ("apps/v1", "StatefulSet") => through::<apps::StatefulSet>(object)?,
        ("apps/v1", "DaemonSet") => through::<apps::DaemonSet>(object)?,
        ("batch/v1", "Job") => through::<batch::Job>(object)?,
        ("batch/v1", "CronJob") => through::<batch::CronJob>(object)?,
        ("policy/v1", "PodDisruptionBudget") => through::<policy::PodDisruptionBudget>(object)?,
        ("networking.k8s.io/v1", "NetworkPolicy") => through::<networking::NetworkPolicy>(object)?,
        ("rbac.authorization.k8s.io/v1", "Role") => through::<rbac::Role>(object)?,
        ("rbac.authorization.k8s.io/v1", "RoleBinding") => through::<rbac::RoleBinding>(object)?,
        ("rbac.authorization.k8s.io/v1", "ClusterRole") => through::<rbac::ClusterRole>(object)?,
        ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding") => {
            through::<rbac::ClusterRoleBinding>(object)?
        }
        ("storage.k8s.io/v1", "StorageClass") => through::<storage::StorageClass>(object)?,
        ("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy") => {
            through::<admission::ValidatingAdmissionPolicy>(object)?
        }
        ("gateway.networking.k8s.io/v1" | "gateway.envoyproxy.io/v1alpha1", _) => return Ok(None),
        _ => anyhow::bail!("no type for {version} {kind}: name it in this test"),
    };
    Ok(Some(kept))
}

fn through<T: DeserializeOwned + Serialize>(object: &Value) -> Result<Value> {
    Ok(serde_json::to_value(serde_json::from_value::<T>(object.clone())?)?)
}

#[test]
fn a_misspelt_field_is_found() {
    let text = "{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {selectors: {a: b}}}";
    let lines = unknown_parts(&crate::render::parse(text).unwrap()).unwrap();
    assert_eq!(lines, ["Service /a.spec.selectors: unknown"]);
}
