//! The client for one context, with the facts that a mutating command shows first.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use futures::future::try_join_all;
use http::{HeaderName, HeaderValue, Request, Response};
use http_body_util::Full;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, PostParams};
use kube::client::{Body, ClientBuilder};
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tower::{BoxError, Layer, Service};

use crate::dry_run::only_asking;
use crate::error::{ApiError, During, Hint};
use crate::guard::{Guard, GuardLayer, Refusal};
use crate::names::nearest;
use crate::{MANAGED_BY, MANAGER};

/// Why no client could be made.
#[derive(Debug, Error)]
pub enum AccessError {
    /// No kubeconfig file was found and this is no pod.
    #[error("no kubeconfig found; looked at {}", .0.join(", "))]
    NoKubeconfig(Vec<String>),
    /// The named context does not exist.
    #[error("no context {name:?} in the kubeconfig")]
    UnknownContext {
        /// The context asked for.
        name: String,
        /// Contexts with a similar name, or all when none is similar.
        nearest: Vec<String>,
    },
    /// The kubeconfig has no current context and none was named.
    #[error("the kubeconfig has no current context")]
    NoCurrentContext {
        /// The contexts that exist.
        contexts: Vec<String>,
    },
    /// The kubeconfig cannot be read.
    #[error("cannot load the kubeconfig")]
    Kubeconfig(#[source] KubeconfigError),
    /// The service account of this pod cannot be used.
    #[error("cannot use the pod's service account")]
    InCluster(#[source] kube::config::InClusterError),
    /// A user name that cannot be sent as a header.
    #[error("{0:?} cannot be a user name")]
    BadUser(String),
    /// The client could not be set up (certificates, proxy).
    #[error("cannot set up the client")]
    Client(#[source] Box<kube::Error>),
}

impl Hint for AccessError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::NoKubeconfig(_) => {
                Some("make a cluster with `kubectl kubsets up`, or pass --kubeconfig FILE".into())
            }
            Self::UnknownContext { nearest, .. } if nearest.is_empty() => {
                Some("list contexts with `kubectl config get-contexts`".into())
            }
            Self::UnknownContext { nearest, .. } => Some(format!("did you mean {}?", nearest.join(", "))),
            Self::NoCurrentContext { contexts } => {
                Some(format!("pass --context, one of: {}", contexts.join(", ")))
            }
            Self::Kubeconfig(_) => Some("check the file with `kubectl config view`".into()),
            Self::InCluster(_) | Self::BadUser(_) | Self::Client(_) => None,
        }
    }
}

/// How to reach a cluster, as given on a command line.
#[derive(Debug, Clone)]
pub struct AccessOptions {
    /// List of kubeconfig files as in `KUBECONFIG`; without it the environment and `~/.kube/config` are used.
    pub kubeconfig: Option<OsString>,
    /// Context to use instead of the current one.
    pub context: Option<String>,
    /// Cluster to use instead of the context's.
    pub cluster: Option<String>,
    /// User to use instead of the context's.
    pub user: Option<String>,
    /// User to act as (`--as`).
    pub act_as: Option<String>,
    /// Namespace to use instead of the context's.
    pub namespace: Option<String>,
    /// Time to the head of each response; watches, logs and exec are not bounded by it.
    pub request_timeout: Duration,
    /// Refuse every change.
    pub read_only: bool,
    /// Namespaces that may be changed although they are protected or not ours (`--allow-namespace`).
    pub allow_namespaces: Vec<String>,
}

impl Default for AccessOptions {
    fn default() -> Self {
        Self {
            kubeconfig: None,
            context: None,
            cluster: None,
            user: None,
            act_as: None,
            namespace: None,
            request_timeout: Duration::from_secs(30),
            read_only: false,
            allow_namespaces: Vec::new(),
        }
    }
}

/// What the first line of a mutating command says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Name of the context, `in-cluster` inside a pod.
    pub context: String,
    /// Address of the API server.
    pub server: String,
    /// Namespace of the command.
    pub namespace: String,
}

impl fmt::Display for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "context {}, server {}, namespace {}", self.context, self.server, self.namespace)
    }
}

/// A guarded client for one context and namespace. Cheap to clone.
#[derive(Clone)]
pub struct Access {
    client: Client,
    guard: Guard,
    facts: Facts,
}

impl Access {
    /// Makes the client; no request is sent yet.
    ///
    /// # Errors
    /// [`AccessError`] when kubeconfig, context or credentials cannot be used.
    pub async fn connect(options: &AccessOptions) -> Result<Self, AccessError> {
        let (mut config, context) = load_config(options).await?;
        config.connect_timeout = Some(options.request_timeout.min(Duration::from_secs(10)));
        if let Some(user) = options.act_as.as_ref().or(config.auth_info.impersonate.as_ref()) {
            let value = HeaderValue::from_str(user).map_err(|_| AccessError::BadUser(user.clone()))?;
            config.headers.push((HeaderName::from_static("impersonate-user"), value));
        }
        let namespace = options.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
        let facts = Facts {
            context,
            server: config.cluster_url.to_string().trim_end_matches('/').to_owned(),
            namespace,
        };
        let guard =
            Guard::new(options.read_only, options.request_timeout, options.allow_namespaces.iter().cloned());
        let builder = ClientBuilder::try_from(config).map_err(|e| AccessError::Client(Box::new(e)))?;
        let client = builder.with_layer(&GuardLayer(guard.clone())).build();
        Ok(Self { client, guard, facts })
    }

    /// A client on top of any HTTP service, guarded in the same way: for fake API servers in tests.
    pub fn from_service<S>(service: S, facts: Facts, guard: Guard) -> Self
    where
        S: Service<Request<Body>, Response = Response<Full<Bytes>>> + Send + 'static,
        S::Future: Send + 'static,
        S::Error: Into<BoxError>,
    {
        let client = Client::new(GuardLayer(guard.clone()).layer(service), facts.namespace.clone());
        Self { client, guard, facts }
    }

    /// The guarded client.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// Context, server and namespace.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The namespace of the command.
    pub fn namespace(&self) -> &str {
        &self.facts.namespace
    }

    /// The same client for another namespace.
    #[must_use]
    pub fn with_namespace(mut self, namespace: &str) -> Self {
        namespace.clone_into(&mut self.facts.namespace);
        self
    }

    /// The same client for `--dry-run=server`: the API server checks every change and keeps none.
    #[must_use]
    pub fn dry_run(mut self) -> Self {
        self.client = only_asking(self.client, &self.facts.namespace);
        self
    }

    /// The rules of this client.
    pub fn guard(&self) -> &Guard {
        &self.guard
    }

    /// Lets a run change a namespace: one that carries our label, or that was named with `--allow-namespace`,
    /// which also serves those who may not read namespaces.
    ///
    /// # Errors
    /// [`ApiError`] when the namespace cannot be read, and of kind [`Refused`](crate::ApiErrorKind::Refused) when it is not ours.
    pub async fn permit_namespace(&self, namespace: &str) -> Result<(), ApiError> {
        if self.guard.allows(namespace) {
            return Ok(());
        }
        let found = Api::<Namespace>::all(self.client()).get(namespace).await;
        let found = found.during(|| format!("read namespace {namespace}"))?;
        let labels = found.metadata.labels.unwrap_or_default();
        if labels.get(MANAGED_BY).is_some_and(|value| value == MANAGER) {
            self.guard.allow(namespace);
            return Ok(());
        }
        let refusal = Refusal::UnlabelledNamespace { namespace: namespace.to_owned() };
        let refusal = kube::Error::Service(Box::new(refusal));
        Err(ApiError::new(format!("change namespace {namespace}"), refusal))
    }

    /// Version of the API server, such as `v1.36.3`: the cheapest proof that the cluster answers.
    ///
    /// # Errors
    /// [`ApiError`] when the server does not answer or refuses.
    pub async fn server_version(&self) -> Result<String, ApiError> {
        let info = self.client.apiserver_version().await.during(|| "read the server's version".into())?;
        Ok(info.git_version)
    }

    /// Whether RBAC allows a verb on a resource, or on a subresource such as `pods/log`, asked before acting.
    ///
    /// # Errors
    /// [`ApiError`] when the review itself fails.
    pub async fn can(&self, verb: &str, group: &str, resource: &str) -> Result<bool, ApiError> {
        let (of, part) = resource.split_once('/').map_or((resource, None), |(of, part)| (of, Some(part)));
        let review = SelfSubjectAccessReview {
            spec: SelfSubjectAccessReviewSpec {
                resource_attributes: Some(ResourceAttributes {
                    namespace: Some(self.facts.namespace.clone()),
                    verb: Some(verb.into()),
                    group: Some(group.into()),
                    resource: Some(of.into()),
                    subresource: part.map(str::to_owned),
                    ..ResourceAttributes::default()
                }),
                ..SelfSubjectAccessReviewSpec::default()
            },
            ..SelfSubjectAccessReview::default()
        };
        let answer = Api::<SelfSubjectAccessReview>::all(self.client())
            .create(&PostParams::default(), &review)
            .await
            .during(|| format!("ask whether {verb} {resource} is allowed"))?;
        Ok(answer.status.is_some_and(|status| status.allowed))
    }

    /// Those of the rights, each a verb, an API group and a resource, that RBAC does not give, as `kubectl auth can-i` names
    /// them: `get pods/log`.
    ///
    /// # Errors
    /// [`ApiError`] when a review fails.
    pub async fn lacking(&self, rights: &[(&str, &str, &str)]) -> Result<Vec<String>, ApiError> {
        let asked = rights.iter().map(|(verb, group, resource)| self.can(verb, group, resource));
        let allowed = try_join_all(asked).await?;
        let refused = rights.iter().zip(allowed).filter(|(_, allowed)| !allowed);
        Ok(refused.map(|((verb, _, resource), _)| format!("{verb} {resource}")).collect())
    }
}

/// Loads the kubeconfig, or the pod's service account where there is none.
async fn load_config(options: &AccessOptions) -> Result<(Config, String), AccessError> {
    let paths = kubeconfig_paths(options.kubeconfig.as_ref());
    let existing: Vec<&PathBuf> = paths.iter().filter(|path| path.is_file()).collect();
    if existing.is_empty() {
        if options.kubeconfig.is_none() && std::env::var_os("KUBERNETES_SERVICE_HOST").is_some() {
            let config = Config::incluster().map_err(AccessError::InCluster)?;
            return Ok((config, "in-cluster".into()));
        }
        let looked = paths.iter().map(|path| path.display().to_string()).collect();
        return Err(AccessError::NoKubeconfig(looked));
    }
    let mut merged = Kubeconfig::default();
    for path in existing {
        let next = Kubeconfig::read_from(path).map_err(AccessError::Kubeconfig)?;
        merged = merged.merge(next).map_err(AccessError::Kubeconfig)?;
    }
    let context = check_context(&merged, options.context.as_deref())?;
    let choice = KubeConfigOptions {
        context: Some(context.clone()),
        cluster: options.cluster.clone(),
        user: options.user.clone(),
    };
    let config = Config::from_custom_kubeconfig(merged, &choice).await.map_err(AccessError::Kubeconfig)?;
    Ok((config, context))
}

/// The context to use, which must exist.
fn check_context(kubeconfig: &Kubeconfig, wanted: Option<&str>) -> Result<String, AccessError> {
    let contexts: Vec<&str> = kubeconfig.contexts.iter().map(|context| context.name.as_str()).collect();
    let current = kubeconfig.current_context.as_deref().filter(|name| !name.is_empty());
    let Some(name) = wanted.or(current) else {
        let contexts = contexts.into_iter().map(str::to_owned).collect();
        return Err(AccessError::NoCurrentContext { contexts });
    };
    if contexts.contains(&name) {
        return Ok(name.to_owned());
    }
    let mut near = nearest(name, contexts.iter().copied());
    if near.is_empty() {
        near = contexts.iter().take(5).map(|&name| name.to_owned()).collect();
    }
    Err(AccessError::UnknownContext { name: name.to_owned(), nearest: near })
}

/// The kubeconfig files to look at, in order.
fn kubeconfig_paths(given: Option<&OsString>) -> Vec<PathBuf> {
    let from_environment = || std::env::var_os("KUBECONFIG").filter(|list| !list.is_empty());
    if let Some(list) = given.cloned().or_else(from_environment) {
        return std::env::split_paths(&list).filter(|path| !path.as_os_str().is_empty()).collect();
    }
    std::env::home_dir().map(|home| home.join(".kube").join("config")).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    const TWO: &str = "
apiVersion: v1
kind: Config
current-context: kubsets
clusters:
- {name: a, cluster: {server: 'https://127.0.0.1:1'}}
contexts:
- {name: kubsets, context: {cluster: a, user: u, namespace: kubsets-demo}}
- {name: production, context: {cluster: a, user: u}}
users:
- {name: u, user: {token: secret}}
";

    #[test]
    fn unknown_context_lists_the_nearest() {
        let kubeconfig = Kubeconfig::from_yaml(TWO).unwrap();
        let error = check_context(&kubeconfig, Some("kubset")).unwrap_err();
        assert_eq!(error.to_string(), "no context \"kubset\" in the kubeconfig");
        assert_eq!(error.hint().unwrap(), "did you mean kubsets?");
        assert_eq!(check_context(&kubeconfig, None).unwrap(), "kubsets");
        assert_eq!(check_context(&kubeconfig, Some("production")).unwrap(), "production");
    }

    /// A server with namespaces `shop`, which is ours, `default`, also ours, and `production`, which is not.
    fn fake(allowed: &[&str]) -> Access {
        let service = tower::service_fn(|request: Request<Body>| async move {
            let name = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
            let (status, body) = match name.as_str() {
                "shop" | "default" => {
                    (200, format!(r#"{{"metadata":{{"labels":{{"{MANAGED_BY}":"{MANAGER}"}}}}}}"#))
                }
                "production" => (200, r#"{"metadata":{"labels":{"team":"web"}}}"#.to_owned()),
                _ => (
                    404,
                    r#"{"status":"Failure","code":404,"reason":"NotFound","message":"gone"}"#.to_owned(),
                ),
            };
            let response = Response::builder().status(status).body(Full::new(Bytes::from(body)));
            Ok::<_, BoxError>(response.expect("is a response"))
        });
        let facts = Facts { context: "fake".into(), server: "https://fake".into(), namespace: "shop".into() };
        let allowed = allowed.iter().map(|&name| name.to_owned());
        Access::from_service(service, facts, Guard::new(false, Duration::from_secs(5), allowed))
    }

    #[tokio::test]
    async fn a_namespace_that_is_not_ours_is_refused_with_the_way_to_permit_it() {
        let error = fake(&[]).permit_namespace("production").await.unwrap_err();
        let refusal = Refusal::UnlabelledNamespace { namespace: "production".into() };
        assert_eq!(error.kind, crate::ApiErrorKind::Refused(refusal));
        assert_eq!(
            error.to_string(),
            "cannot change namespace production: namespace production does not carry the label \
             app.kubernetes.io/managed-by=kubsets"
        );
        assert_eq!(
            error.hint().unwrap(),
            "mark it with `kubectl label namespace production app.kubernetes.io/managed-by=kubsets`, or pass \
             --allow-namespace production"
        );
    }

    #[tokio::test]
    async fn labelled_and_named_namespaces_are_permitted() {
        let access = fake(&["production"]);
        for namespace in ["shop", "default", "production"] {
            access.permit_namespace(namespace).await.unwrap();
            assert!(!access.guard().protects(namespace), "{namespace}");
        }
        let error = access.permit_namespace("missing").await.unwrap_err();
        assert_eq!(error.kind, crate::ApiErrorKind::NotFound);
    }

    #[tokio::test]
    async fn rights_that_are_lacking_are_named() {
        let service = tower::service_fn(|request: Request<Body>| async move {
            let body = request.into_body().collect().await?.to_bytes();
            let review: SelfSubjectAccessReview = serde_json::from_slice(&body)?;
            let asked = review.spec.resource_attributes.unwrap_or_default();
            let named = [asked.verb, asked.resource, asked.subresource].map(Option::unwrap_or_default);
            let named = named.each_ref().map(String::as_str);
            let allowed = !matches!(named, ["create", "secrets", ""] | ["create", "pods", "attach"]);
            let answer = serde_json::json!({"spec": {}, "status": {"allowed": allowed}});
            Ok::<_, BoxError>(Response::new(Full::new(Bytes::from(answer.to_string()))))
        });
        let facts = Facts { context: "fake".into(), server: "https://fake".into(), namespace: "shop".into() };
        let access = Access::from_service(service, facts, Guard::new(false, Duration::from_secs(5), []));
        let given = [("create", "batch", "jobs"), ("get", "", "pods/attach"), ("create", "", "pods")];
        assert_eq!(access.lacking(&given).await.unwrap(), [""; 0]);
        let asked = [("create", "", "secrets"), ("list", "", "pods"), ("create", "", "pods/attach")];
        assert_eq!(access.lacking(&asked).await.unwrap(), ["create secrets", "create pods/attach"]);
    }

    #[tokio::test]
    async fn files_of_a_list_are_merged_and_the_first_wins() {
        let folder = std::env::temp_dir().join(format!("kubsets-merged-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let files = [folder.join("one"), folder.join("two")];
        std::fs::write(&files[0], TWO).unwrap();
        let second = TWO.replace("127.0.0.1:1", "127.0.0.1:2").replace("name: production", "name: staging");
        std::fs::write(&files[1], second.replace("cluster: a", "cluster: b").replace("{name: a", "{name: b"))
            .unwrap();
        let list = std::env::join_paths(&files).unwrap();
        let mut options = AccessOptions { kubeconfig: Some(list), ..AccessOptions::default() };
        let server = |access: Access| access.facts().server.clone();
        assert_eq!(server(Access::connect(&options).await.unwrap()), "https://127.0.0.1:1");
        options.context = Some("staging".into());
        assert_eq!(server(Access::connect(&options).await.unwrap()), "https://127.0.0.1:2");
        options.context = Some("stagin".into());
        let error = Access::connect(&options).await.err().unwrap();
        assert_eq!(error.hint().unwrap(), "did you mean staging?");
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[tokio::test]
    async fn facts_come_from_the_context_and_the_flags() {
        let folder = std::env::temp_dir().join(format!("kubsets-access-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("config");
        std::fs::write(&file, TWO).unwrap();
        let list = std::env::join_paths([folder.join("missing"), file]).unwrap();
        let mut options = AccessOptions { kubeconfig: Some(list), ..AccessOptions::default() };
        let access = Access::connect(&options).await.unwrap();
        assert_eq!(
            access.facts().to_string(),
            "context kubsets, server https://127.0.0.1:1, namespace kubsets-demo"
        );
        options.namespace = Some("other".into());
        assert_eq!(Access::connect(&options).await.unwrap().namespace(), "other");
        options.kubeconfig = Some(folder.join("missing").into());
        let missing = Access::connect(&options).await.err().unwrap();
        assert!(matches!(missing, AccessError::NoKubeconfig(paths) if paths.len() == 1));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
