//! What the cluster has: everything that a plan is made from.

use kubsets_kube::{Access, ApiError, Facts, NodeImages, ObjectRef};
use kubsets_undo::object::list;
use kubsets_undo::{Kind, Lease, ROLE_LABEL, RUN_LABEL, RunId};
use serde_json::Value;

use crate::endpoint::{Endpoint, find_endpoint};
use crate::probe::{Prober, Way};
use crate::route::GATEWAY_API;
use kubsets_lab::operation::CanarySpec;

/// The state of the cluster as far as a canary is concerned.
#[derive(Debug, Clone, Default)]
pub struct ClusterFacts {
    /// Context, server, namespace; absent in tests of pure parts.
    pub access: Option<Facts>,
    /// Namespace of the canary.
    pub namespace: String,
    /// The Deployment, if it exists.
    pub deployment: Option<Value>,
    /// Names of all Deployments in the namespace.
    pub deployments: Vec<String>,
    /// Whether the cluster serves `HTTPRoutes`.
    pub has_gateway_api: bool,
    /// The route, if it exists.
    pub route: Option<Value>,
    /// Names of all routes in the namespace.
    pub routes: Vec<String>,
    /// Services in the namespace.
    pub services: Vec<Value>,
    /// Autoscalers in the namespace.
    pub autoscalers: Vec<Value>,
    /// Network policies in the namespace, as far as they may be read.
    pub network_policies: Vec<Value>,
    /// The Lease of the Deployment, if somebody holds it.
    pub lease: Option<Lease>,
    /// Objects with a name that the canary needs, which exist already.
    pub in_the_way: Vec<InTheWay>,
    /// Images on the nodes.
    pub images: NodeImages,
    /// Where the gateway answers.
    pub endpoint: Option<Endpoint>,
    /// Whether a request there was answered by a service that names its version; `None` without an answer.
    pub names_version: Option<bool>,
}

/// An object whose name the canary needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InTheWay {
    /// The object.
    pub object: ObjectRef,
    /// The run that made it, if it is ours.
    pub run: Option<String>,
}

/// Reads everything that the plan needs; nothing is changed.
///
/// # Errors
/// [`ApiError`] when the cluster cannot be read. Missing objects are facts, no errors.
pub async fn gather(access: &Access, spec: &CanarySpec) -> Result<ClusterFacts, ApiError> {
    let namespace = spec.namespace.clone().unwrap_or_else(|| access.namespace().to_owned());
    let list = |api_version: &'static str, kind: &'static str| list(access, &namespace, api_version, kind);
    let (deployments, services, autoscalers) = tokio::try_join!(
        list("apps/v1", "Deployment"),
        list("v1", "Service"),
        list("autoscaling/v2", "HorizontalPodAutoscaler"),
    )?;
    let (has_gateway_api, routes) = match list(GATEWAY_API, "HTTPRoute").await {
        Ok(routes) => (true, routes),
        Err(error) if kubsets_kube::is_not_found(&error.source) => (false, Vec::new()),
        Err(error) => return Err(error),
    };
    let deployment = named(&deployments, &spec.deployment);
    let route = named(&routes, spec.route_name());
    let lease_ref = Kind::Canary.lease_ref(&namespace, &spec.deployment);
    let lease = match Lease::read(access, &lease_ref).await? {
        Some(lease) if lease.is_leftover(access).await? => None,
        found => found,
    };
    let canary = spec.canary_name();
    let mut in_the_way = Vec::new();
    let taken = [("apps/v1", "Deployment", &deployments), ("v1", "Service", &services)];
    for (api_version, kind, objects) in taken {
        in_the_way.extend(occupied(api_version, kind, &namespace, &canary, objects));
    }
    in_the_way.extend(occupied(GATEWAY_API, "HTTPRoute", &namespace, &format!("{canary}-probe"), &routes));
    let endpoint = match (&spec.load.url, &route) {
        (Some(url), route) => Some(Endpoint::given(url, route.as_ref())),
        (None, Some(route)) => find_endpoint(access, route, &namespace).await?,
        (None, None) => None,
    };
    let names_version = match &endpoint {
        Some(endpoint) => {
            let answer = Prober::new(endpoint, &spec.load.path, &RunId::generate()).ask(Way::Users).await;
            (answer.status > 0).then_some(answer.version.is_some())
        }
        None => None,
    };
    Ok(ClusterFacts {
        access: Some(access.clone().with_namespace(&namespace).facts().clone()),
        deployment,
        deployments: names(&deployments),
        has_gateway_api,
        route,
        routes: names(&routes),
        services,
        autoscalers,
        // Only for a warning: not being allowed to read them is no reason to stop.
        network_policies: list("networking.k8s.io/v1", "NetworkPolicy").await.unwrap_or_default(),
        lease,
        in_the_way,
        images: NodeImages::read(access).await,
        endpoint,
        names_version,
        namespace,
    })
}

fn named(objects: &[Value], name: &str) -> Option<Value> {
    objects.iter().find(|object| object["metadata"]["name"] == name).cloned()
}

fn names(objects: &[Value]) -> Vec<String> {
    let names = objects.iter().filter_map(|object| object["metadata"]["name"].as_str());
    names.map(str::to_owned).collect()
}

fn occupied(
    api_version: &str,
    kind: &str,
    namespace: &str,
    name: &str,
    objects: &[Value],
) -> Option<InTheWay> {
    let found = objects.iter().find(|object| object["metadata"]["name"] == name)?;
    let labels = &found["metadata"]["labels"];
    let ours = labels.get(ROLE_LABEL).is_some();
    let run = labels[RUN_LABEL].as_str().filter(|_| ours).map(str::to_owned);
    Some(InTheWay { object: ObjectRef::namespaced(api_version, kind, namespace, name), run })
}
