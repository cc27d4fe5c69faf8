//! The way in from here to the stack: the gateway's address, a node port, or a forwarded port.

use std::time::Duration;

use anyhow::Context as _;
use k8s_openapi::api::core::v1::{Node, Service};
use kube::api::{Api, ListParams};
use kubsets_kube::{Access, During as _, Forward, ForwardTarget};

use crate::ui::{ExitCode, Failure, Printer};

/// Name of the Gateway and of its class.
pub(crate) const GATEWAY: &str = "kubsets";

/// Name of the HTTPRoute that leads from the Gateway to the stack.
pub(crate) const ROUTE: &str = "demo-app";

/// Namespace of the gateway's controller and proxies.
const GATEWAY_NAMESPACE: &str = "envoy-gateway-system";

/// Labels by which Envoy Gateway marks the Service of a proxy.
const OWNER_LABELS: [&str; 2] =
    ["gateway.envoyproxy.io/owning-gatewayclass", "gateway.envoyproxy.io/owning-gateway-name"];

/// Time for one try to connect.
const TRY: Duration = Duration::from_millis(800);

/// A URL that leads to the stack, and what keeps it open.
#[derive(Debug)]
pub(crate) struct Entrance {
    /// For example `http://198.19.128.11:30080`.
    pub(crate) url: String,
    /// How it was found.
    pub(crate) how: String,
    /// Whether it leads through the gateway.
    pub(crate) through: Through,
    _forward: Option<Forward>,
}

/// What a request passes before it reaches the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Through {
    /// The gateway, as every visitor.
    Gateway,
    /// Nothing: it goes straight to the Service.
    Service,
    /// Whatever stands at the address that the user named.
    Url,
}

/// The way in that the user named.
pub(crate) fn given(url: &str) -> Entrance {
    Entrance {
        url: url.trim_end_matches('/').to_owned(),
        how: "given with --url".to_owned(),
        through: Through::Url,
        _forward: None,
    }
}

/// Finds a way in to the stack: through its gateway, else straight to the Service, which is told.
///
/// # Errors
/// When nothing answers; the message lists every place tried.
pub(crate) async fn find(ui: &Printer, access: &Access) -> anyhow::Result<Entrance> {
    let mut tried = match search(ui, access).await? {
        Ok(entrance) => return Ok(entrance),
        Err(tried) => tried,
    };
    match service(access).await {
        Ok(entrance) => {
            ui.warn("no gateway answers: going straight to the Service demo-app");
            Ok(entrance)
        }
        Err(place) => {
            tried.push(place);
            Err(nothing_answers(&tried).into())
        }
    }
}

/// The way around the gateway, straight to the Service of the stack.
///
/// # Errors
/// When no pod behind the Service takes a forwarded port.
pub(crate) async fn find_service(access: &Access) -> anyhow::Result<Entrance> {
    service(access).await.map_err(|place| nothing_answers(&[place]).into())
}

/// A port forwarded to the Service, or the place tried.
async fn service(access: &Access) -> Result<Entrance, String> {
    let target = ForwardTarget::Service("demo-app".to_owned(), 80);
    match forward(access, access.namespace(), &target).await {
        Ok(forward) => {
            Ok(by_forward(forward, Through::Service, "port forwarded to the Service demo-app".to_owned()))
        }
        Err(error) => Err(format!("forward to Service demo-app: {}", Printer::one_line(&error))),
    }
}

/// Finds a way in through the gateway, and only there.
///
/// # Errors
/// When it does not answer; the message lists every place tried.
pub(crate) async fn find_gateway(ui: &Printer, access: &Access) -> anyhow::Result<Entrance> {
    search(ui, access).await?.map_err(|tried| nothing_answers(&tried).into())
}

fn nothing_answers(tried: &[String]) -> Failure {
    Failure::new(ExitCode::Cluster, format!("no way in to the stack; tried {}", tried.join("; ")))
        .with_hint("`kubectl kubsets status` says what is wrong")
}

/// The gateway by every way that there is, or the places tried.
async fn search(ui: &Printer, access: &Access) -> anyhow::Result<Result<Entrance, Vec<String>>> {
    ui.detail("looking for the way in to the stack");
    let mut tried = Vec::new();
    let services = proxy_services(access).await?;
    if services.is_empty() {
        tried.push(format!("Services of a gateway in namespace {GATEWAY_NAMESPACE}: there are none"));
    }
    for (host, port, how) in addresses(access, &services).await? {
        let place = format!("{host}:{port}");
        match tokio::time::timeout(TRY, tokio::net::TcpStream::connect((host.as_str(), port))).await {
            Ok(Ok(_)) => {
                let (url, through) = (format!("http://{place}"), Through::Gateway);
                return Ok(Ok(Entrance { url, how, through, _forward: None }));
            }
            Ok(Err(error)) => tried.push(format!("{place} ({how}): {error}")),
            Err(_) => tried.push(format!("{place} ({how}): no answer in {} ms", TRY.as_millis())),
        }
    }
    for service in &services {
        let name = service.metadata.name.clone().unwrap_or_default();
        let target = ForwardTarget::Service(name.clone(), 80);
        match forward(access, GATEWAY_NAMESPACE, &target).await {
            Ok(forward) => {
                let how = format!("port forwarded to the gateway's Service {name}");
                return Ok(Ok(by_forward(forward, Through::Gateway, how)));
            }
            Err(error) => tried.push(format!("forward to Service {name}: {}", Printer::one_line(&error))),
        }
    }
    Ok(Err(tried))
}

fn by_forward(forward: Forward, through: Through, how: String) -> Entrance {
    Entrance { url: format!("http://{}", forward.address()), how, through, _forward: Some(forward) }
}

async fn forward(access: &Access, namespace: &str, target: &ForwardTarget) -> anyhow::Result<Forward> {
    Forward::start(access, namespace, target).await.context("cannot forward a port")
}

async fn proxy_services(access: &Access) -> anyhow::Result<Vec<Service>> {
    let api = Api::<Service>::namespaced(access.client(), GATEWAY_NAMESPACE);
    let list = api.list(&ListParams::default()).await;
    let list = list.during(|| format!("list services in namespace {GATEWAY_NAMESPACE}"))?;
    Ok(list.items.into_iter().filter(is_proxy).collect())
}

fn is_proxy(service: &Service) -> bool {
    let labels = service.metadata.labels.clone().unwrap_or_default();
    OWNER_LABELS.iter().any(|label| labels.get(*label).is_some_and(|owner| owner == GATEWAY))
}

/// Host, port and origin of every address at which the proxies may answer, best first.
async fn addresses(access: &Access, services: &[Service]) -> anyhow::Result<Vec<(String, u16, String)>> {
    let mut found = Vec::new();
    let mut node_ports = Vec::new();
    for service in services {
        let name = service.metadata.name.as_deref().unwrap_or_default();
        let status = service.status.as_ref().and_then(|status| status.load_balancer.as_ref());
        let ingresses = status.and_then(|balancer| balancer.ingress.as_deref()).unwrap_or_default();
        for ingress in ingresses {
            if let Some(host) = ingress.ip.as_ref().or(ingress.hostname.as_ref()) {
                found.push((host.clone(), 80, format!("load balancer of {name}")));
            }
        }
        let ports = service.spec.as_ref().and_then(|spec| spec.ports.as_deref()).unwrap_or_default();
        let http = ports.iter().find(|port| port.port == 80).or(ports.first());
        if let Some(port) = http.and_then(|port| port.node_port).and_then(|port| u16::try_from(port).ok()) {
            node_ports.push((port, format!("node port of {name}")));
        }
    }
    if !node_ports.is_empty() {
        let nodes = Api::<Node>::all(access.client()).list(&ListParams::default()).await;
        let nodes = nodes.during(|| "list nodes".to_owned())?;
        let hosts: Vec<String> = nodes.iter().filter_map(internal_address).collect();
        for (port, how) in node_ports {
            found.extend(hosts.iter().map(|host| (host.clone(), port, how.clone())));
            // kind and k3d map node ports to the machine that runs the engine.
            found.push(("127.0.0.1".to_owned(), port, how));
        }
    }
    Ok(found)
}

fn internal_address(node: &Node) -> Option<String> {
    let addresses = node.status.as_ref()?.addresses.as_ref()?;
    addresses.iter().find(|address| address.type_ == "InternalIP").map(|address| address.address.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_proxy_is_known_by_its_owner() {
        let service = |labels: serde_json::Value| {
            serde_json::from_value::<Service>(json!({"metadata": {"name": "x", "labels": labels}}))
                .expect("is a Service")
        };
        assert!(is_proxy(&service(json!({"gateway.envoyproxy.io/owning-gatewayclass": "kubsets"}))));
        assert!(is_proxy(&service(json!({"gateway.envoyproxy.io/owning-gateway-name": "kubsets"}))));
        assert!(!is_proxy(&service(json!({"gateway.envoyproxy.io/owning-gatewayclass": "other"}))));
        assert!(!is_proxy(&service(json!({}))));
    }
}
