//! Facts of the cluster that the flags name, where it answers.

use k8s_openapi::api::core::v1::Node;
use k8s_openapi::api::storage::v1::StorageClass;
use kube::api::{Api, ListParams};
use kubsets_kube::Access;

use super::Check;
use crate::app::App;
use crate::ui::Printer;

pub(super) async fn checks(app: &App) -> Vec<Check> {
    let access = match app.access().await {
        Ok(access) => access,
        Err(error) => return vec![Check::missing("access", Printer::one_line(&error), "kubectl kubsets up")],
    };
    let facts = access.facts();
    let version = match access.server_version().await {
        Ok(version) => version,
        Err(error) => {
            let text = format!("context {}: {}", facts.context, Printer::one_line(&error.into()));
            return vec![Check::missing("access", text, "kubectl kubsets cluster list")];
        }
    };
    let mut checks = vec![Check::ok("access", format!("context {}, Kubernetes {version}", facts.context))];
    let (nodes, storage, metrics, gateway, rights) =
        tokio::join!(nodes(&access), storage(&access), metrics(&access), gateway(&access), rights(&access));
    checks.extend([nodes, storage, metrics, gateway, rights]);
    checks
}

async fn nodes(access: &Access) -> Check {
    match Api::<Node>::all(access.client()).list(&ListParams::default()).await {
        Ok(list) => {
            let ready = list.iter().filter(|node| is_ready(node)).count();
            let text = format!("{ready} of {} ready", list.items.len());
            if ready == list.items.len() {
                Check::ok("nodes", text)
            } else {
                Check::warning("nodes", text, "kubectl describe nodes")
            }
        }
        Err(error) => Check::warning("nodes", Printer::one_line(&error.into()), "kubectl get nodes"),
    }
}

fn is_ready(node: &Node) -> bool {
    let conditions = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|one| one.type_ == "Ready" && one.status == "True")
}

async fn storage(access: &Access) -> Check {
    const DEFAULT: &str = "storageclass.kubernetes.io/is-default-class";
    let fix = "`kubectl kubsets up` adds one";
    match Api::<StorageClass>::all(access.client()).list(&ListParams::default()).await {
        Ok(list) => {
            let is_default = |class: &&StorageClass| {
                class
                    .metadata
                    .annotations
                    .as_ref()
                    .and_then(|all| all.get(DEFAULT))
                    .is_some_and(|v| v == "true")
            };
            match list.iter().find(is_default) {
                Some(class) => {
                    let name = class.metadata.name.as_deref().unwrap_or("?");
                    Check::ok("storage", format!("default class {name} ({})", class.provisioner))
                }
                None => Check::warning("storage", "no default StorageClass", fix),
            }
        }
        Err(error) => Check::warning("storage", Printer::one_line(&error.into()), fix),
    }
}

async fn metrics(access: &Access) -> Check {
    match group_versions(access, "metrics.k8s.io").await {
        Some(versions) => Check::ok("metrics", format!("metrics.k8s.io {}", versions.join(", "))),
        None => Check::warning("metrics", "no metrics API", "`kubectl kubsets up` adds metrics-server"),
    }
}

async fn gateway(access: &Access) -> Check {
    match group_versions(access, "gateway.networking.k8s.io").await {
        Some(versions) => Check::ok("gateway", format!("Gateway API {}", versions.join(", "))),
        None => {
            Check::warning("gateway", "no Gateway API, which canaries need", "`kubectl kubsets up` adds it")
        }
    }
}

/// The versions that the server offers of a group.
async fn group_versions(access: &Access, name: &str) -> Option<Vec<String>> {
    let groups = access.client().list_api_groups().await.ok()?;
    let group = groups.groups.into_iter().find(|group| group.name == name)?;
    Some(group.versions.into_iter().map(|version| version.version).collect())
}

async fn rights(access: &Access) -> Check {
    let asked = [("create", "", "namespaces"), ("patch", "apps", "deployments"), ("create", "batch", "jobs")];
    let fix = "kubectl auth can-i --list";
    match access.lacking(&asked).await {
        Ok(lacking) if lacking.is_empty() => Check::ok("rights", "enough to install the stack and run labs"),
        Ok(lacking) => Check::warning("rights", format!("not allowed: {}", lacking.join(", ")), fix),
        Err(error) => Check::warning("rights", Printer::one_line(&error.into()), fix),
    }
}
