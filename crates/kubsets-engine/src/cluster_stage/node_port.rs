//! Addresses of node ports.

use k8s_openapi::api::core::v1::{Node, Service};
use kube::api::{Api, ListParams};
use kubsets_kube::During as _;

use super::{ClusterStage, api};
use crate::stage::StepError;

impl ClusterStage<'_> {
    /// The address of a Service's node port on the first node.
    pub(super) async fn node_port(&self, service: &str) -> Result<String, StepError> {
        let services = Api::<Service>::namespaced(self.access.client(), &self.namespace);
        let found = services.get(service).await.during(|| format!("read Service {service}"));
        let found = found.map_err(|error| api(&error))?;
        let mut ports = found.spec.iter().flat_map(|spec| spec.ports.iter().flatten());
        let port = ports.find_map(|port| port.node_port);
        let port = port.ok_or_else(|| StepError::Invalid(format!("Service {service} has no node port")))?;
        let nodes = Api::<Node>::all(self.access.client()).list(&ListParams::default()).await;
        let nodes = nodes.during(|| "list nodes".to_owned()).map_err(|error| api(&error))?;
        let addresses = nodes.items.iter().flat_map(|node| node.status.iter());
        let addresses = addresses.flat_map(|status| status.addresses.iter().flatten());
        let internal =
            addresses.filter(|one| one.type_ == "InternalIP").map(|one| one.address.clone()).next();
        let internal = internal.ok_or_else(|| {
            StepError::Unavailable("no node has an address; `kubectl kubsets status` shows them".into())
        })?;
        Ok(format!("http://{internal}:{port}"))
    }
}
