//! Multi-document YAML to objects, and server-side apply of them.

use std::collections::HashMap;
use std::time::Duration;

use kube::api::{ApiResource, DeleteParams, DynamicObject, GroupVersionKind, Patch, PatchParams};
use kube::discovery::{ApiCapabilities, Scope};
use serde::Serialize;
use thiserror::Error;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::FIELD_MANAGER;
use crate::access::Access;
use crate::error::{ApiError, ApiErrorKind, During, Hint, is_not_found};
use crate::object::{ObjectRef, scoped_api};
use crate::timeouts::Timeouts;

/// Why a text is no list of objects.
#[derive(Debug, Error)]
pub enum ParseError {
    /// The text is no YAML; the message names line and column.
    #[error("not valid YAML: {0}")]
    Yaml(String),
    /// A document lacks apiVersion, kind or metadata.name.
    #[error("document {document} is no Kubernetes object: {reason}")]
    NotAnObject {
        /// Number of the document, from 1; empty documents count.
        document: usize,
        /// What is missing or wrong.
        reason: String,
    },
}

/// Parses YAML documents; empty ones are skipped and `List` objects are unpacked.
///
/// # Errors
/// [`ParseError`] with line and column, or the number of the document.
pub fn parse_documents(yaml: &str) -> Result<Vec<DynamicObject>, ParseError> {
    let documents: Vec<serde_json::Value> =
        serde_saphyr::from_multiple(yaml).map_err(|error| ParseError::Yaml(error.to_string()))?;
    let mut objects = Vec::new();
    for (index, document) in documents.into_iter().enumerate() {
        if document.is_null() {
            continue;
        }
        push_object(&mut objects, index + 1, document)?;
    }
    Ok(objects)
}

fn push_object(
    objects: &mut Vec<DynamicObject>,
    document: usize,
    value: serde_json::Value,
) -> Result<(), ParseError> {
    let wrong = |reason: &str| ParseError::NotAnObject { document, reason: reason.to_owned() };
    let kind = value.get("kind").and_then(|kind| kind.as_str()).ok_or_else(|| wrong("kind is missing"))?;
    if kind == "List" {
        let items = value.get("items").and_then(|items| items.as_array()).cloned().unwrap_or_default();
        return items.into_iter().try_for_each(|item| push_object(objects, document, item));
    }
    if value.get("apiVersion").and_then(|version| version.as_str()).is_none() {
        return Err(wrong("apiVersion is missing"));
    }
    if value.pointer("/metadata/name").and_then(|name| name.as_str()).is_none() {
        return Err(wrong("metadata.name is missing"));
    }
    let object = serde_json::from_value(value).map_err(|error| wrong(&error.to_string()))?;
    objects.push(object);
    Ok(())
}

/// How to apply.
#[derive(Debug, Clone, Default)]
pub struct ApplyOptions {
    /// Take fields over from other managers.
    pub force: bool,
    /// Let the server check the objects without keeping them.
    pub dry_run: bool,
    /// Namespace of objects that name none; without it the namespace of the client.
    pub namespace: Option<String>,
}

/// What an apply did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// The object is new.
    Created,
    /// The object existed and was changed.
    Changed,
    /// The object was as wanted.
    Unchanged,
}

/// An applied object and what happened to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Applied {
    /// The object.
    pub object: ObjectRef,
    /// What happened.
    pub change: Change,
}

/// Applies and deletes objects of any kind; remembers what discovery said.
pub struct Applier {
    access: Access,
    timeouts: Timeouts,
    known: Mutex<HashMap<GroupVersionKind, (ApiResource, ApiCapabilities)>>,
}

impl Applier {
    /// An applier on one client.
    pub fn new(access: &Access, timeouts: Timeouts) -> Self {
        Self { access: access.clone(), timeouts, known: Mutex::default() }
    }

    /// Applies objects in install order: namespaces and definitions first, then the rest as given.
    ///
    /// Objects of a kind whose definition was applied just before are tried again
    /// until the kind is served or the apply timeout ends.
    ///
    /// # Errors
    /// The first [`ApiError`]; objects before it stay applied.
    pub async fn apply_all(
        &self,
        objects: &[DynamicObject],
        options: &ApplyOptions,
    ) -> Result<Vec<Applied>, ApiError> {
        let mut ordered: Vec<&DynamicObject> = objects.iter().collect();
        ordered.sort_by_key(|object| install_rank(object));
        let mut applied = Vec::with_capacity(ordered.len());
        for object in ordered {
            applied.push(self.apply_when_served(object, options).await?);
        }
        Ok(applied)
    }

    async fn apply_when_served(
        &self,
        object: &DynamicObject,
        options: &ApplyOptions,
    ) -> Result<Applied, ApiError> {
        let deadline = Instant::now() + self.timeouts.apply;
        loop {
            match self.apply(object, options).await {
                Err(error) if may_pass(&error) && !options.dry_run && Instant::now() < deadline => {
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
                result => return result,
            }
        }
    }

    /// Applies one object as field manager `kubsets`.
    ///
    /// # Errors
    /// [`ApiError`]; a conflict of ownership names the other managers and their fields.
    pub async fn apply(&self, object: &DynamicObject, options: &ApplyOptions) -> Result<Applied, ApiError> {
        let mut target = ObjectRef::of(object);
        let (resource, capabilities) = self.resource(&target).await?;
        if capabilities.scope == Scope::Namespaced && target.namespace.is_none() {
            let namespace = options.namespace.clone();
            target.namespace = Some(namespace.unwrap_or_else(|| self.access.namespace().to_owned()));
        }
        let api = scoped_api(&self.access, &resource, &capabilities.scope, target.namespace.as_deref());
        let before = api.get_opt(&target.name).await.during(|| format!("read {target}"))?;
        let mut wanted = object.clone();
        wanted.metadata.managed_fields = None;
        wanted.metadata.resource_version = None;
        wanted.metadata.uid = None;
        wanted.metadata.namespace.clone_from(&target.namespace);
        let mut params = PatchParams::apply(FIELD_MANAGER);
        params.force = options.force;
        params.dry_run = options.dry_run;
        let after = api
            .patch(&target.name, &params, &Patch::Apply(&wanted))
            .await
            .during(|| format!("apply {target}"))?;
        let change = match before {
            None => Change::Created,
            Some(before) if before.metadata.resource_version == after.metadata.resource_version => {
                Change::Unchanged
            }
            Some(_) => Change::Changed,
        };
        Ok(Applied { object: target, change })
    }

    /// Deletes an object and waits until it is gone; a missing one is no error.
    ///
    /// # Errors
    /// [`ApiError`], also when finalizers keep the object beyond the delete timeout.
    pub async fn delete(&self, target: &ObjectRef) -> Result<bool, ApiError> {
        let (resource, capabilities) = match self.resource(target).await {
            Err(error) if matches!(error.kind, ApiErrorKind::MissingKind { .. }) => return Ok(false),
            result => result?,
        };
        let api = scoped_api(&self.access, &resource, &capabilities.scope, target.namespace.as_deref());
        match api.delete(&target.name, &DeleteParams::foreground()).await {
            Err(error) if is_not_found(&error) => return Ok(false),
            Err(error) => return Err(ApiError::new(format!("delete {target}"), error)),
            Ok(_) => {}
        }
        let deadline = Instant::now() + self.timeouts.delete;
        while let Some(left) = api.get_opt(&target.name).await.during(|| format!("read {target}"))? {
            if Instant::now() >= deadline {
                let finalizers = left.metadata.finalizers.unwrap_or_default().join(", ");
                let message =
                    format!("still there after {:?}, finalizers: {finalizers}", self.timeouts.delete);
                let status = kube::core::Status::failure(&message, "Timeout").with_code(504).boxed();
                return Err(ApiError::new(format!("delete {target}"), kube::Error::Api(status)));
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        Ok(true)
    }

    /// Reads an object of any kind.
    ///
    /// # Errors
    /// [`ApiError`]; a missing object is `None`.
    pub async fn get(&self, target: &ObjectRef) -> Result<Option<DynamicObject>, ApiError> {
        let (resource, capabilities) = self.resource(target).await?;
        let api = scoped_api(&self.access, &resource, &capabilities.scope, target.namespace.as_deref());
        api.get_opt(&target.name).await.during(|| format!("read {target}"))
    }

    /// What discovery says about a kind, remembered once it is known.
    async fn resource(&self, target: &ObjectRef) -> Result<(ApiResource, ApiCapabilities), ApiError> {
        let (group, version) = target.api_version.split_once('/').unwrap_or(("", &target.api_version));
        let gvk = GroupVersionKind::gvk(group, version, &target.kind);
        let mut known = self.known.lock().await;
        if let Some(found) = known.get(&gvk) {
            return Ok(found.clone());
        }
        let missing = |source: kube::Error| {
            let mut error = ApiError::new(format!("find the kind of {target}"), source);
            if matches!(error.kind, ApiErrorKind::NotFound | ApiErrorKind::MissingKind { .. }) {
                let api_version = target.api_version.clone();
                error.kind = ApiErrorKind::MissingKind { kind: target.kind.clone(), api_version };
            }
            error
        };
        let found = kube::discovery::pinned_kind(&self.access.client(), &gvk).await.map_err(missing)?;
        known.insert(gvk, found.clone());
        Ok(found)
    }
}

/// Whether an apply can succeed shortly: the kind is being registered or its webhook starts.
fn may_pass(error: &ApiError) -> bool {
    let webhook = error.source.to_string();
    matches!(error.kind, ApiErrorKind::MissingKind { .. })
        || (webhook.contains("failed calling webhook") && !webhook.contains("denied the request"))
        || (error.is_transient() && error.hint().is_none())
}

/// Order of kinds in an installation; lower goes first.
fn install_rank(object: &DynamicObject) -> u8 {
    match object.types.as_ref().map_or("", |types| types.kind.as_str()) {
        "Namespace" => 0,
        "CustomResourceDefinition" => 1,
        "ServiceAccount" | "PriorityClass" | "StorageClass" => 2,
        "ClusterRole" | "Role" | "ClusterRoleBinding" | "RoleBinding" => 3,
        "ConfigMap" | "Secret" => 4,
        "Service" | "PersistentVolumeClaim" => 5,
        _ => 6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_lists_and_gaps() {
        let yaml = "
---
apiVersion: v1
kind: ConfigMap
metadata: {name: a}
---
---
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Secret, metadata: {name: b}}
- {apiVersion: v1, kind: Namespace, metadata: {name: c}}
";
        let mut objects = parse_documents(yaml).unwrap();
        let names: Vec<_> = objects.iter().map(|object| ObjectRef::of(object).to_string()).collect();
        assert_eq!(names, ["ConfigMap a", "Secret b", "Namespace c"]);
        objects.sort_by_key(install_rank);
        assert_eq!(ObjectRef::of(&objects[0]).to_string(), "Namespace c");
    }

    #[test]
    fn errors_name_the_place() {
        let error = parse_documents("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a\n").unwrap_err();
        assert!(error.to_string().contains("line"), "{error}");
        let error = parse_documents("kind: ConfigMap\n---\nkind: Secret\n").unwrap_err();
        assert_eq!(error.to_string(), "document 1 is no Kubernetes object: apiVersion is missing");
    }
}
