//! Forwards a local port to a pod, or to a ready pod behind a Service.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::api::{Api, ListParams};
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tracing::debug;

use crate::access::Access;
use crate::error::{ApiError, During, Hint};

/// Where a forwarded port leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ForwardTarget {
    /// A pod and one of its ports.
    Pod(String, u16),
    /// A Service and one of its ports; a ready pod behind it is chosen once.
    Service(String, u16),
}

/// Why a port cannot be forwarded.
#[derive(Debug, Error)]
pub enum ForwardError {
    /// The target cannot be read.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The Service has no such port.
    #[error("service {service} has no port {port}")]
    NoPort {
        /// The Service.
        service: String,
        /// The port asked for.
        port: u16,
    },
    /// No pod behind the Service is ready.
    #[error("no ready pod behind service {0}")]
    NoPod(String),
    /// No local port could be opened.
    #[error("cannot open a local port")]
    Listen(#[source] std::io::Error),
}

impl Hint for ForwardError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Api(error) => error.hint(),
            Self::NoPod(service) => {
                Some(format!("kubectl get endpointslices -l kubernetes.io/service-name={service}"))
            }
            Self::NoPort { .. } | Self::Listen(_) => None,
        }
    }
}

/// An open forward; it closes when dropped.
#[derive(Debug)]
pub struct Forward {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Forward {
    /// Opens a free port on 127.0.0.1 and forwards every connection to the target.
    ///
    /// # Errors
    /// [`ForwardError`] when the target or a local port cannot be found.
    pub async fn start(
        access: &Access,
        namespace: &str,
        target: &ForwardTarget,
    ) -> Result<Self, ForwardError> {
        let (pod, port) = match target {
            ForwardTarget::Pod(pod, port) => (pod.clone(), *port),
            ForwardTarget::Service(service, port) => pod_behind(access, namespace, service, *port).await?,
        };
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(ForwardError::Listen)?;
        let address = listener.local_addr().map_err(ForwardError::Listen)?;
        let pods = Api::<Pod>::namespaced(access.client(), namespace);
        let task = tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let (pods, pod) = (pods.clone(), pod.clone());
                tokio::spawn(async move {
                    if let Err(error) = carry(&pods, &pod, port, connection).await {
                        debug!(%pod, port, %error, "forwarded connection ended");
                    }
                });
            }
        });
        Ok(Self { address, task })
    }

    /// The local address to connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Forward {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Carries one connection.
async fn carry(pods: &Api<Pod>, pod: &str, port: u16, mut connection: TcpStream) -> Result<(), kube::Error> {
    let mut forwarder = pods.portforward(pod, &[port]).await?;
    if let Some(mut stream) = forwarder.take_stream(port) {
        tokio::io::copy_bidirectional(&mut connection, &mut stream).await.map_err(kube::Error::ReadEvents)?;
    }
    forwarder.abort();
    Ok(())
}

/// A ready pod behind a Service and the container port of the Service's port.
async fn pod_behind(
    access: &Access,
    namespace: &str,
    service: &str,
    port: u16,
) -> Result<(String, u16), ForwardError> {
    let found = Api::<Service>::namespaced(access.client(), namespace)
        .get(service)
        .await
        .during(|| format!("read Service {service}"))?;
    let spec = found.spec.unwrap_or_default();
    let entry = spec.ports.iter().flatten().find(|entry| entry.port == i32::from(port));
    let entry = entry.ok_or_else(|| ForwardError::NoPort { service: service.to_owned(), port })?;
    let selector = spec.selector.unwrap_or_default();
    let pods = list_by_labels(access, namespace, &selector).await?;
    let pod = pods.iter().find(|pod| is_ready(pod)).ok_or_else(|| ForwardError::NoPod(service.to_owned()))?;
    let target = match &entry.target_port {
        Some(IntOrString::Int(number)) => u16::try_from(*number).ok(),
        Some(IntOrString::String(name)) => named_port(pod, name),
        None => Some(port),
    };
    let target = target.ok_or_else(|| ForwardError::NoPort { service: service.to_owned(), port })?;
    Ok((pod.metadata.name.clone().unwrap_or_default(), target))
}

async fn list_by_labels(
    access: &Access,
    namespace: &str,
    labels: &BTreeMap<String, String>,
) -> Result<Vec<Pod>, ApiError> {
    let selector: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let pods = Api::<Pod>::namespaced(access.client(), namespace)
        .list(&ListParams::default().labels(&selector.join(",")))
        .await
        .during(|| format!("list pods in namespace {namespace}"))?;
    Ok(pods.items)
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    pod.metadata.deletion_timestamp.is_none()
        && conditions.into_iter().any(|one| one.type_ == "Ready" && one.status == "True")
}

fn named_port(pod: &Pod, name: &str) -> Option<u16> {
    let containers = &pod.spec.as_ref()?.containers;
    let ports = containers.iter().flat_map(|container| container.ports.iter().flatten());
    let found = ports.into_iter().find(|port| port.name.as_deref() == Some(name))?;
    u16::try_from(found.container_port).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn named_ports_and_readiness_come_from_the_pod() {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": "p"},
            "spec": {"containers": [{"name": "app", "ports": [{"name": "http", "containerPort": 8080}]}]},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]}}))
        .unwrap();
        assert_eq!(named_port(&pod, "http"), Some(8080));
        assert_eq!(named_port(&pod, "admin"), None);
        assert!(is_ready(&pod));
    }
}
