//! Where requests enter the cluster: the address at which a route's gateway answers.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, Service};
use kube::api::{Api, ListParams};
use kubsets_kube::{Access, ApiError, During, ObjectRef};
use kubsets_undo::object::read;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::net::TcpStream;

use crate::route::GATEWAY_API;

/// How long one candidate address gets to accept a connection.
const CONNECT: Duration = Duration::from_millis(800);

/// Labels on the Service of a gateway's proxies.
const OWNING_GATEWAY: &str = "gateway.envoyproxy.io/owning-gateway-name";
/// The same where one set of proxies serves all gateways of a class.
const OWNING_CLASS: &str = "gateway.envoyproxy.io/owning-gatewayclass";
/// The same by the Gateway API's own convention.
const GATEWAY_NAME: &str = "gateway.networking.k8s.io/gateway-name";

/// An address of the gateway, and how it was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Endpoint {
    /// Scheme, host and port, such as `http://198.18.0.11:30080`.
    pub url: String,
    /// Where it comes from, in words.
    pub source: String,
    /// Host name that requests must carry, if the route wants one.
    pub host: Option<String>,
}

impl Endpoint {
    /// An address that the user named; the host name still is the route's.
    pub(crate) fn given(url: &str, route: Option<&Value>) -> Self {
        let host = route.and_then(host_of);
        Self { url: url.trim_end_matches('/').to_owned(), source: "given".into(), host }
    }
}

/// Finds an address of the route's gateway that accepts connections from here.
///
/// # Errors
/// [`ApiError`] when the cluster cannot be read; `None` when no address answers.
pub(crate) async fn find_endpoint(
    access: &Access,
    route: &Value,
    namespace: &str,
) -> Result<Option<Endpoint>, ApiError> {
    let Some(parent) = route.pointer("/spec/parentRefs/0") else { return Ok(None) };
    let gateway_name = parent["name"].as_str().unwrap_or_default();
    let gateway_namespace = parent["namespace"].as_str().unwrap_or(namespace);
    let object = ObjectRef::namespaced(GATEWAY_API, "Gateway", gateway_namespace, gateway_name);
    let Some(gateway) = read(access, &object).await? else { return Ok(None) };
    let port = listener_port(&gateway, parent["sectionName"].as_str());
    let mut candidates = node_ports(access, &gateway, port).await?;
    let addresses = gateway.pointer("/status/addresses").and_then(Value::as_array);
    for address in addresses.into_iter().flatten().filter_map(|one| one["value"].as_str()) {
        candidates.push((format!("{address}:{port}"), format!("address of Gateway {gateway_name}")));
    }
    let host = host_of(route);
    for (address, source) in candidates {
        if matches!(tokio::time::timeout(CONNECT, TcpStream::connect(&address)).await, Ok(Ok(_))) {
            return Ok(Some(Endpoint { url: format!("http://{address}"), source, host }));
        }
    }
    Ok(None)
}

/// Host name that requests must carry for a route, if it wants one.
fn host_of(route: &Value) -> Option<String> {
    let host = route.pointer("/spec/hostnames/0").and_then(Value::as_str)?;
    Some(host.replace('*', "canary"))
}

/// Port of the listener that the route hangs on: the named one, else the first for HTTP.
fn listener_port(gateway: &Value, section: Option<&str>) -> u16 {
    let listeners = gateway.pointer("/spec/listeners").and_then(Value::as_array);
    let mut listeners = listeners.into_iter().flatten();
    let found = listeners.find(|one| match section {
        Some(name) => one["name"] == name,
        None => one["protocol"] == "HTTP",
    });
    let port = found.and_then(|one| one["port"].as_u64()).unwrap_or(80);
    u16::try_from(port).unwrap_or(80)
}

/// Node ports of the Services that stand for the gateway, with every node's own address.
async fn node_ports(access: &Access, gateway: &Value, port: u16) -> Result<Vec<(String, String)>, ApiError> {
    let services = Api::<Service>::all(access.client()).list(&ListParams::default()).await;
    let services = services.during(|| "list the gateway's Services".into())?.items;
    let nodes = Api::<Node>::all(access.client()).list(&ListParams::default()).await;
    // Without the right to read nodes the gateway's own addresses are left.
    let nodes = nodes.map(|list| list.items).unwrap_or_default();
    let mut found = Vec::new();
    for service in services.iter().filter(|service| stands_for(service, gateway)) {
        let name = service.metadata.name.clone().unwrap_or_default();
        let ports = service.spec.iter().flat_map(|spec| spec.ports.iter().flatten());
        let node_port = ports.filter(|one| one.port == i32::from(port)).find_map(|one| one.node_port);
        let Some(node_port) = node_port else { continue };
        for address in nodes.iter().filter_map(internal_address) {
            found.push((format!("{address}:{node_port}"), format!("node port of Service {name}")));
        }
    }
    Ok(found)
}

/// Whether a Service is the data plane of a gateway, by the labels that Envoy Gateway (one proxy
/// per gateway, or one for all of a class) and Istio put on theirs.
fn stands_for(service: &Service, gateway: &Value) -> bool {
    let labels = service.metadata.labels.clone().unwrap_or_default();
    let has = |key: &str, value: &Value| labels.get(key).map(String::as_str) == value.as_str();
    let (name, namespace) = (&gateway["metadata"]["name"], &gateway["metadata"]["namespace"]);
    let own = labels.contains_key(OWNING_GATEWAY)
        && has(OWNING_GATEWAY, name)
        && has("gateway.envoyproxy.io/owning-gateway-namespace", namespace);
    let merged = labels.contains_key(OWNING_CLASS) && has(OWNING_CLASS, &gateway["spec"]["gatewayClassName"]);
    let istio = labels.contains_key(GATEWAY_NAME)
        && has(GATEWAY_NAME, name)
        && service.metadata.namespace.as_deref() == namespace.as_str();
    own || merged || istio
}

fn internal_address(node: &Node) -> Option<String> {
    let addresses = node.status.as_ref()?.addresses.as_ref()?;
    addresses.iter().find(|one| one.type_ == "InternalIP").map(|one| one.address.clone())
}

/// The conditions of a route that keep it from working, in words.
pub(crate) fn route_problem(route: &Value) -> Option<String> {
    let parents = route.pointer("/status/parents").and_then(Value::as_array)?;
    let conditions = parents.iter().filter_map(|parent| parent["conditions"].as_array()).flatten();
    let broken = conditions.into_iter().find(|one| {
        matches!(one["type"].as_str(), Some("Accepted" | "ResolvedRefs")) && one["status"] == "False"
    })?;
    Some(format!(
        "{} is False: {}",
        broken["type"].as_str().unwrap_or_default(),
        broken["message"].as_str().unwrap_or_default()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn listener_port_is_the_named_or_the_first_for_http() {
        let gateway = json!({"spec": {"listeners": [
            {"name": "tls", "port": 443, "protocol": "HTTPS"},
            {"name": "web", "port": 8080, "protocol": "HTTP"}]}});
        assert_eq!(listener_port(&gateway, None), 8080);
        assert_eq!(listener_port(&gateway, Some("tls")), 443);
        assert_eq!(listener_port(&json!({}), None), 80);
    }

    #[test]
    fn services_of_the_gateway_are_known_by_their_labels() {
        let gateway =
            json!({"metadata": {"name": "web", "namespace": "shop"}, "spec": {"gatewayClassName": "class"}});
        let service = |labels: Value| -> Service {
            serde_json::from_value(json!({"metadata": {"namespace": "shop", "labels": labels}})).unwrap()
        };
        assert!(stands_for(&service(json!({OWNING_CLASS: "class"})), &gateway));
        assert!(!stands_for(&service(json!({OWNING_CLASS: "other"})), &gateway));
        assert!(stands_for(&service(json!({GATEWAY_NAME: "web"})), &gateway));
        let own = json!({OWNING_GATEWAY: "web", "gateway.envoyproxy.io/owning-gateway-namespace": "shop"});
        assert!(stands_for(&service(own), &gateway));
        assert!(!stands_for(&service(json!({})), &gateway));
    }

    #[test]
    fn broken_routes_say_why() {
        let route = json!({"status": {"parents": [{"conditions": [
            {"type": "Accepted", "status": "True"},
            {"type": "ResolvedRefs", "status": "False", "message": "Service shop/x not found"}]}]}});
        assert_eq!(route_problem(&route).unwrap(), "ResolvedRefs is False: Service shop/x not found");
        assert_eq!(route_problem(&json!({})), None);
    }
}
