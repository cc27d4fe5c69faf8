//! References to objects of any kind.

use std::fmt;

use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind};
use kube::discovery::Scope;
use serde::{Deserialize, Serialize};

use crate::access::Access;

/// Kind, namespace and name of an object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ObjectRef {
    /// Group and version, such as `apps/v1`.
    pub api_version: String,
    /// Kind, such as `Deployment`.
    pub kind: String,
    /// Namespace; absent for cluster-scoped objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
}

impl ObjectRef {
    /// A namespaced object.
    pub fn namespaced(api_version: &str, kind: &str, namespace: &str, name: &str) -> Self {
        Self {
            api_version: api_version.into(),
            kind: kind.into(),
            namespace: Some(namespace.into()),
            name: name.into(),
        }
    }

    /// The reference to an object that was read or parsed.
    pub fn of(object: &DynamicObject) -> Self {
        let types = object.types.clone().unwrap_or_default();
        Self {
            api_version: types.api_version,
            kind: types.kind,
            namespace: object.metadata.namespace.clone(),
            name: object.metadata.name.clone().unwrap_or_default(),
        }
    }

    /// An API handle for this object, with the plural guessed from the kind.
    ///
    /// The guess is right for all kinds of Kubernetes and the Gateway API; use
    /// [`crate::Applier`] for kinds with irregular plurals.
    pub fn api(&self, access: &Access) -> Api<DynamicObject> {
        let resource = resource_of(&self.api_version, &self.kind);
        match &self.namespace {
            Some(namespace) => Api::namespaced_with(access.client(), namespace, &resource),
            None => Api::all_with(access.client(), &resource),
        }
    }
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

/// The resource of a kind, its plural guessed by the usual rules.
pub fn resource_of(api_version: &str, kind: &str) -> ApiResource {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind))
}

/// An API handle for an object of a discovered resource.
pub(crate) fn scoped_api(
    access: &Access,
    resource: &ApiResource,
    scope: &Scope,
    namespace: Option<&str>,
) -> Api<DynamicObject> {
    match scope {
        Scope::Cluster => Api::all_with(access.client(), resource),
        Scope::Namespaced => {
            let namespace = namespace.unwrap_or_else(|| access.namespace());
            Api::namespaced_with(access.client(), namespace, resource)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plurals_of_the_kinds_in_use() {
        let cases = [
            ("apps/v1", "Deployment", "deployments"),
            ("gateway.networking.k8s.io/v1", "HTTPRoute", "httproutes"),
            ("gateway.networking.k8s.io/v1", "Gateway", "gateways"),
            ("gateway.networking.k8s.io/v1", "GatewayClass", "gatewayclasses"),
            ("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies"),
            ("v1", "Endpoints", "endpoints"),
        ];
        for (api_version, kind, plural) in cases {
            assert_eq!(resource_of(api_version, kind).plural, plural);
        }
    }
}
