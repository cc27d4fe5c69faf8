//! Needs of a lab: met, or the command that supplies what is missing.

use k8s_openapi::api::core::v1::Node;
use k8s_openapi::api::storage::v1::StorageClass;
use kube::api::{Api, ListParams};
use kubsets_kube::{Condition, ObjectRef, is_not_found};
use kubsets_lab::{Component, Requirement};
use kubsets_undo::object;

use super::{ClusterStage, MONITORING, cluster};
use crate::stage::{Need, StepError};

/// Annotation of the `StorageClass` that claims get without asking.
const DEFAULT_CLASS: &str = "storageclass.kubernetes.io/is-default-class";

impl ClusterStage<'_> {
    pub(super) async fn need(&self, need: &Requirement) -> Result<Need, StepError> {
        match need {
            Requirement::Api(version) => self.need_api(version).await,
            Requirement::Deployment(name) => {
                self.need_object("apps/v1", "Deployment", &self.namespace, name).await
            }
            Requirement::StatefulSet(name) => {
                self.need_object("apps/v1", "StatefulSet", &self.namespace, name).await
            }
            Requirement::Component(component) => self.need_component(*component).await,
            Requirement::Nodes(wanted) => self.need_nodes(*wanted).await,
            Requirement::DefaultStorageClass {} => self.need_storage().await,
        }
    }

    async fn need_api(&self, version: &str) -> Result<Need, StepError> {
        let known = match version.split_once('/') {
            Some(_) => {
                self.access.client().list_api_group_resources(version).await.map(|list| list.resources.len())
            }
            None => {
                self.access.client().list_core_api_resources(version).await.map(|list| list.resources.len())
            }
        };
        let found = match known {
            Ok(count) => count > 0,
            Err(error) if is_not_found(&error) => false,
            Err(error) => return Err(cluster(&error)),
        };
        Ok(answer(found, format!("API {version}"), "served", "`kubectl kubsets up` installs it"))
    }

    async fn need_object(
        &self,
        version: &str,
        kind: &str,
        namespace: &str,
        name: &str,
    ) -> Result<Need, StepError> {
        let target = ObjectRef::namespaced(version, kind, namespace, name);
        let found = object::read(&self.access, &target).await.map_err(|error| cluster(&error))?;
        let seen = Condition::RolledOut.observe(found.as_ref());
        let fix = if found.is_some() {
            "`kubectl kubsets status` says why"
        } else {
            "`kubectl kubsets up` installs it"
        };
        let missing = format!("{}; {fix}", seen.seen);
        Ok(answer(seen.holds, format!("{kind} {name}"), &seen.seen, &missing))
    }

    async fn need_component(&self, component: Component) -> Result<Need, StepError> {
        let namespace = match (component, &self.prometheus) {
            // One that the user named is taken at their word.
            (Component::Prometheus, Some(url)) => {
                return Ok(Need { met: true, need: "Prometheus".into(), detail: url.clone() });
            }
            (Component::Prometheus, None) => MONITORING,
            (Component::EnvoyGateway, _) => "envoy-gateway-system",
            (Component::MetricsServer, _) => "kube-system",
        };
        let mut need = self.need_object("apps/v1", "Deployment", namespace, component.name()).await?;
        if component == Component::Prometheus && !need.met {
            need.detail.push_str("; --prometheus-url names another");
        }
        Ok(need)
    }

    async fn need_nodes(&self, wanted: u32) -> Result<Need, StepError> {
        let nodes = Api::<Node>::all(self.access.client()).list(&ListParams::default()).await;
        let nodes = nodes.map_err(|error| cluster(&error))?.items;
        let ready = nodes.iter().filter(|node| {
            let conditions = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
            conditions.into_iter().any(|one| one.type_ == "Ready" && one.status == "True")
        });
        let count = ready.count();
        let missing = format!("{count} are; `kubectl kubsets cluster add-node` adds one");
        Ok(answer(
            count >= wanted as usize,
            format!("{wanted} ready nodes"),
            &format!("{count} are"),
            &missing,
        ))
    }

    async fn need_storage(&self) -> Result<Need, StepError> {
        let classes = Api::<StorageClass>::all(self.access.client()).list(&ListParams::default()).await;
        let classes = classes.map_err(|error| cluster(&error))?.items;
        let default = classes.iter().find(|class| {
            let annotations = class.metadata.annotations.as_ref();
            annotations.and_then(|all| all.get(DEFAULT_CLASS)).is_some_and(|value| value == "true")
        });
        let name = default.and_then(|class| class.metadata.name.clone());
        Ok(answer(
            name.is_some(),
            "a default StorageClass".into(),
            name.as_deref().unwrap_or_default(),
            "`kubectl kubsets up` installs one",
        ))
    }
}

fn answer(met: bool, need: String, found: &str, missing: &str) -> Need {
    Need { met, need, detail: if met { found.to_owned() } else { missing.to_owned() } }
}
