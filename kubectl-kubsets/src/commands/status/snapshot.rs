//! What the cluster says, taken in with a few requests at once.

use futures::future::try_join_all;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{Namespace, Node, PersistentVolumeClaim, Pod};
use kube::Resource;
use kube::api::{Api, ListParams};
use kubsets_kube::{Access, ApiError, ApiErrorKind, During as _, ObjectRef};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Namespaces of the platform, causes first.
pub(super) const PLATFORM: [&str; 4] =
    ["kube-system", "kubsets-storage", "envoy-gateway-system", "kubsets-monitoring"];

/// Everything that a judgement needs.
#[derive(Debug, Default)]
pub(super) struct Snapshot {
    pub(super) context: String,
    pub(super) server: String,
    pub(super) namespace: String,
    pub(super) kubernetes: String,
    pub(super) nodes: Vec<Node>,
    /// The namespace of the stack exists.
    pub(super) stack_exists: bool,
    /// Workloads, each with its kind.
    pub(super) workloads: Vec<(&'static str, Value)>,
    pub(super) pods: Vec<Pod>,
    pub(super) claims: Vec<PersistentVolumeClaim>,
    pub(super) jobs: Vec<Job>,
    pub(super) cron_jobs: Vec<CronJob>,
    /// The Gateway of the stack.
    pub(super) gateway: Seen,
    /// The HTTPRoute of the stack.
    pub(super) route: Seen,
}

/// What there is of an object of the Gateway API.
#[derive(Debug, Default, PartialEq)]
pub(super) enum Seen {
    /// The cluster has no Gateway API.
    #[default]
    NoApi,
    /// The API is there, the object is not.
    Absent,
    /// The object.
    Found(Value),
}

pub(super) async fn take(access: &Access) -> Result<Snapshot, ApiError> {
    let facts = access.facts();
    let stack = access.namespace();
    let spaces: Vec<&str> = PLATFORM.into_iter().filter(|name| *name != stack).chain([stack]).collect();
    let client = access.client();
    let nodes = async {
        let nodes = Api::<Node>::all(client.clone());
        nodes.list(&ListParams::default()).await.during(|| "list nodes".to_owned())
    };
    let existing = async {
        let namespaces = Api::<Namespace>::all(client.clone());
        namespaces.get_opt(stack).await.during(|| format!("read namespace {stack}"))
    };
    let (kubernetes, nodes, existing, workloads, pods, claims, jobs, cron_jobs, gateway, route) = tokio::try_join!(
        access.server_version(),
        nodes,
        existing,
        try_join_all(spaces.iter().map(|space| workloads(access, space))),
        try_join_all(spaces.iter().map(|space| list::<Pod>(access, space))),
        list::<PersistentVolumeClaim>(access, stack),
        list::<Job>(access, stack),
        list::<CronJob>(access, stack),
        seen(access, "Gateway", crate::entrance::GATEWAY),
        seen(access, "HTTPRoute", crate::entrance::ROUTE),
    )?;
    Ok(Snapshot {
        context: facts.context.clone(),
        server: facts.server.clone(),
        namespace: stack.to_owned(),
        kubernetes,
        nodes: nodes.items,
        stack_exists: existing.is_some(),
        workloads: workloads.into_iter().flatten().collect(),
        pods: pods.into_iter().flatten().collect(),
        claims,
        jobs,
        cron_jobs,
        gateway,
        route,
    })
}

async fn workloads(access: &Access, namespace: &str) -> Result<Vec<(&'static str, Value)>, ApiError> {
    let (deployments, stateful_sets, daemon_sets) = tokio::try_join!(
        values::<Deployment>(access, namespace),
        values::<StatefulSet>(access, namespace),
        values::<DaemonSet>(access, namespace),
    )?;
    let named = |kind, values: Vec<Value>| values.into_iter().map(move |value| (kind, value));
    Ok(named("Deployment", deployments)
        .chain(named("StatefulSet", stateful_sets))
        .chain(named("DaemonSet", daemon_sets))
        .collect())
}

async fn values<K>(access: &Access, namespace: &str) -> Result<Vec<Value>, ApiError>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + DeserializeOwned
        + Serialize
        + std::fmt::Debug,
{
    let items = list::<K>(access, namespace).await?;
    Ok(items.into_iter().filter_map(|item| serde_json::to_value(item).ok()).collect())
}

async fn list<K>(access: &Access, namespace: &str) -> Result<Vec<K>, ApiError>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug,
{
    let api = Api::<K>::namespaced(access.client(), namespace);
    let list = api.list(&ListParams::default()).await;
    Ok(list.during(|| format!("list {} in namespace {namespace}", K::plural(&())))?.items)
}

async fn seen(access: &Access, kind: &str, name: &str) -> Result<Seen, ApiError> {
    let object = ObjectRef::namespaced("gateway.networking.k8s.io/v1", kind, access.namespace(), name);
    // An unknown kind and a missing object are both 404, so the kind is asked for by a list.
    let listed = object.api(access).list(&ListParams::default()).await;
    match listed.during(|| format!("list objects of kind {kind}")) {
        Ok(list) => {
            let found = list.items.into_iter().find(|item| item.metadata.name.as_deref() == Some(name));
            Ok(found.and_then(|item| serde_json::to_value(item).ok()).map_or(Seen::Absent, Seen::Found))
        }
        Err(error) if matches!(error.kind, ApiErrorKind::NotFound | ApiErrorKind::MissingKind { .. }) => {
            Ok(Seen::NoApi)
        }
        Err(error) => Err(error),
    }
}
