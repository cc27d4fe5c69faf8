//! The one layer that refuses requests: read-only mode and protected namespaces.
//!
//! It sits in the client itself, so that no code path can go around it.

use std::collections::BTreeSet;
use std::sync::{Arc, RwLock};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use http::{Method, Request};
use thiserror::Error;
use tower::{BoxError, Layer, Service};

use crate::{MANAGED_BY, MANAGER};

/// Why the guard did not let a request out.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The client is in read-only mode.
    #[error("read-only mode refuses {method} {path}")]
    ReadOnly {
        /// HTTP method of the refused request.
        method: String,
        /// Path of the refused request.
        path: String,
    },
    /// The namespace belongs to the cluster or is nobody's in particular.
    #[error("changes in namespace {namespace} are refused")]
    ProtectedNamespace {
        /// The namespace.
        namespace: String,
    },
    /// The namespace was not made for kubsets.
    #[error("namespace {namespace} does not carry the label {MANAGED_BY}={MANAGER}")]
    UnlabelledNamespace {
        /// The namespace.
        namespace: String,
    },
    /// The client only asks, and this cannot be asked.
    #[error("a dry run cannot send {method} {path}")]
    DryRun {
        /// HTTP method of the refused request.
        method: String,
        /// Path of the refused request.
        path: String,
    },
    /// The API server did not answer within the request timeout.
    #[error("no answer from the API server within {0:?}")]
    Timeout(Duration),
}

#[derive(Debug)]
struct Rules {
    read_only: bool,
    request_timeout: Duration,
    allowed: RwLock<BTreeSet<String>>,
}

/// Rules shared by all clones of a client.
#[derive(Debug, Clone)]
pub struct Guard {
    rules: Arc<Rules>,
}

impl Guard {
    /// Rules for one client. `allowed` lists namespaces that may be changed whatever they are.
    pub fn new(
        read_only: bool,
        request_timeout: Duration,
        allowed: impl IntoIterator<Item = String>,
    ) -> Self {
        let allowed = RwLock::new(allowed.into_iter().collect());
        Self { rules: Arc::new(Rules { read_only, request_timeout, allowed }) }
    }

    /// Whether every change is refused.
    pub fn is_read_only(&self) -> bool {
        self.rules.read_only
    }

    /// Lets changes into a namespace from now on.
    pub fn allow(&self, namespace: &str) {
        let mut allowed = self.rules.allowed.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        allowed.insert(namespace.to_owned());
    }

    /// Whether the namespace was named as one that may be changed.
    pub fn allows(&self, namespace: &str) -> bool {
        let allowed = self.rules.allowed.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        allowed.contains(namespace)
    }

    /// Whether changes in the namespace are refused.
    pub fn protects(&self, namespace: &str) -> bool {
        let protected = namespace == "default" || namespace.starts_with("kube-");
        protected && !self.allows(namespace)
    }

    /// Decides on one request.
    ///
    /// # Errors
    /// A [`Refusal`] when the request would change something that must not change.
    pub fn check(&self, method: &Method, path: &str, query: &str) -> Result<(), Refusal> {
        if !mutates(method, path, query) {
            return Ok(());
        }
        if self.rules.read_only {
            return Err(Refusal::ReadOnly { method: method.to_string(), path: path.to_owned() });
        }
        match namespace_of(path) {
            Some(namespace) if self.protects(namespace) => {
                Err(Refusal::ProtectedNamespace { namespace: namespace.to_owned() })
            }
            _ => Ok(()),
        }
    }
}

/// Whether a request changes the cluster or runs a command in it.
pub(crate) fn mutates(method: &Method, path: &str, query: &str) -> bool {
    let last = path.rsplit('/').next().unwrap_or_default();
    if matches!(last, "exec" | "attach") {
        return true;
    }
    if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return false;
    }
    let review = last.ends_with("reviews") && path.starts_with("/apis/auth");
    let dry_run = query.split('&').any(|pair| pair.eq_ignore_ascii_case("dryRun=All"));
    !review && !dry_run
}

/// The namespace that a request path names.
fn namespace_of(path: &str) -> Option<&str> {
    let mut parts = path.split('/').skip_while(|part| *part != "namespaces").skip(1);
    parts.next().filter(|name| !name.is_empty())
}

/// Whether a request may stay open for as long as its caller likes.
fn is_long_lived(path: &str, query: &str) -> bool {
    let last = path.rsplit('/').next().unwrap_or_default();
    matches!(last, "exec" | "attach" | "portforward")
        || query.split('&').any(|pair| matches!(pair, "watch=true" | "watch=1" | "follow=true"))
}

/// Puts a [`Guard`] in front of a service.
#[derive(Debug, Clone)]
pub(crate) struct GuardLayer(pub(crate) Guard);

impl<S> Layer<S> for GuardLayer {
    type Service = GuardService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        GuardService { guard: self.0.clone(), inner }
    }
}

/// A service that asks its [`Guard`] first and bounds the time to the response head.
#[derive(Debug, Clone)]
pub(crate) struct GuardService<S> {
    guard: Guard,
    inner: S,
}

impl<S, B> Service<Request<B>> for GuardService<S>
where
    S: Service<Request<B>>,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    S::Response: 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<S::Response, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let path = request.uri().path().to_owned();
        let query = request.uri().query().unwrap_or_default().to_owned();
        if let Err(refusal) = self.guard.check(request.method(), &path, &query) {
            return Box::pin(async move { Err(refusal.into()) });
        }
        let response = self.inner.call(request);
        if is_long_lived(&path, &query) {
            return Box::pin(async move { response.await.map_err(Into::into) });
        }
        let limit = self.guard.rules.request_timeout;
        Box::pin(async move {
            match tokio::time::timeout(limit, response).await {
                Ok(result) => result.map_err(Into::into),
                Err(_) => Err(Refusal::Timeout(limit).into()),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(read_only: bool) -> Guard {
        Guard::new(read_only, Duration::from_secs(5), [])
    }

    #[test]
    fn read_only_refuses_changes_and_commands_but_no_reads() {
        let guard = guard(true);
        assert!(guard.check(&Method::GET, "/api/v1/namespaces/a/pods", "").is_ok());
        assert!(guard.check(&Method::GET, "/api/v1/namespaces/a/pods/p/log", "follow=true").is_ok());
        let review = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
        assert!(guard.check(&Method::POST, review, "").is_ok());
        let patch = guard.check(&Method::PATCH, "/apis/apps/v1/namespaces/a/deployments/d", "");
        assert!(matches!(patch, Err(Refusal::ReadOnly { .. })));
        let exec = guard.check(&Method::GET, "/api/v1/namespaces/a/pods/p/exec", "command=ls");
        assert!(matches!(exec, Err(Refusal::ReadOnly { .. })));
    }

    #[test]
    fn dry_runs_are_no_changes() {
        let path = "/apis/apps/v1/namespaces/default/deployments/d";
        assert!(guard(true).check(&Method::PATCH, path, "fieldManager=kubsets&dryRun=All").is_ok());
    }

    #[test]
    fn cluster_namespaces_are_protected_until_allowed() {
        let guard = guard(false);
        let path = "/apis/apps/v1/namespaces/kube-system/deployments/coredns";
        let refused = guard.check(&Method::DELETE, path, "");
        assert_eq!(refused, Err(Refusal::ProtectedNamespace { namespace: "kube-system".into() }));
        assert!(guard.check(&Method::DELETE, "/api/v1/namespaces/default", "").is_err());
        assert!(guard.check(&Method::POST, "/api/v1/namespaces/kubsets-demo/pods", "").is_ok());
        assert!(guard.check(&Method::POST, "/api/v1/namespaces", "").is_ok());
        guard.allow("kube-system");
        assert!(guard.check(&Method::DELETE, path, "").is_ok());
    }
}
