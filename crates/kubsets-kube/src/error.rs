//! Errors of the API server in words, each with a hint where one helps.

use kube::core::Status;
use thiserror::Error;

use crate::guard::Refusal;
use crate::{MANAGED_BY, MANAGER};

/// What a user can do about an error.
pub trait Hint {
    /// One sentence, with a command where there is one.
    fn hint(&self) -> Option<String>;
}

/// What went wrong, sorted by what a user has to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ApiErrorKind {
    /// The credentials were not accepted.
    #[error("the API server does not accept these credentials")]
    Unauthorized,
    /// A credential plugin or token file gave nothing usable.
    #[error("the kubeconfig's credentials could not be obtained")]
    Credentials,
    /// RBAC refuses the request.
    #[error("not allowed to {verb} {resource}{}", in_namespace(.namespace))]
    Forbidden {
        /// RBAC verb.
        verb: String,
        /// Resource with its group.
        resource: String,
        /// Namespace, empty for cluster scope.
        namespace: String,
    },
    /// An admission rule refuses the object (pod security, quota, webhook).
    #[error("admission refuses the object: {0}")]
    Admission(String),
    /// The cluster does not know the kind.
    #[error("the cluster has no kind {kind} in {api_version}")]
    MissingKind {
        /// Kind asked for.
        kind: String,
        /// Group and version asked for.
        api_version: String,
    },
    /// The object does not exist.
    #[error("not found")]
    NotFound,
    /// The object exists already.
    #[error("exists already")]
    AlreadyExists,
    /// Somebody changed the object in the meantime.
    #[error("the object was changed by somebody else in the meantime")]
    Conflict,
    /// Another field manager owns fields of this apply.
    #[error("fields are owned by {}", .0.join(", "))]
    Ownership(Vec<String>),
    /// The object is not valid.
    #[error("the API server refuses the object: {0}")]
    Invalid(String),
    /// Nothing listens at the server's address, or no route leads there.
    #[error("cannot reach the API server")]
    Unreachable,
    /// The server's certificate is not trusted.
    #[error("the API server's certificate is not trusted")]
    Tls,
    /// No answer in time.
    #[error("the API server did not answer in time")]
    Timeout,
    /// Refused by our own guard.
    #[error("{0}")]
    Refused(Refusal),
    /// Anything else, in the server's words.
    #[error("{0}")]
    Other(String),
}

fn in_namespace(namespace: &str) -> String {
    if namespace.is_empty() { String::new() } else { format!(" in namespace {namespace}") }
}

/// A failed request: what was being done, and what went wrong.
#[derive(Debug, Error)]
#[error("cannot {action}: {kind}")]
pub struct ApiError {
    /// What was being done, such as `read Deployment demo-app`.
    pub action: String,
    /// What went wrong.
    pub kind: ApiErrorKind,
    /// The client's own error.
    #[source]
    pub source: Box<kube::Error>,
}

impl ApiError {
    /// Sorts an error of the client.
    pub fn new(action: impl Into<String>, source: kube::Error) -> Self {
        Self { action: action.into(), kind: classify(&source), source: Box::new(source) }
    }

    /// Whether trying again soon can help (network, timeout, overload).
    pub fn is_transient(&self) -> bool {
        matches!(self.kind, ApiErrorKind::Unreachable | ApiErrorKind::Timeout)
            || matches!(&*self.source, kube::Error::Api(status) if status.code == 429 || status.code >= 500)
    }
}

impl Hint for ApiError {
    fn hint(&self) -> Option<String> {
        match &self.kind {
            ApiErrorKind::Unauthorized => {
                Some("log in again, or choose another user with --user or --context".into())
            }
            ApiErrorKind::Credentials => Some(
                "run the login command of your cluster's provider, then try `kubectl get namespaces`".into(),
            ),
            ApiErrorKind::Forbidden { verb, resource, namespace } => {
                let scope = if namespace.is_empty() { String::new() } else { format!(" -n {namespace}") };
                Some(format!("check with `kubectl auth can-i {verb} {resource}{scope}`"))
            }
            ApiErrorKind::MissingKind { api_version, .. } if api_version.starts_with("gateway.") => {
                Some("install the Gateway API, for example with `kubectl kubsets up`".into())
            }
            ApiErrorKind::MissingKind { .. } => Some("install the component that brings this kind".into()),
            ApiErrorKind::Conflict => Some("look at the object and run the command again".into()),
            ApiErrorKind::Ownership(_) => Some(
                "change the object through its owner, or take its fields over with `kubectl apply \
                     --server-side --force-conflicts`"
                    .into(),
            ),
            ApiErrorKind::Unreachable => Some(
                "is the cluster running? see `kubectl kubsets doctor` and `kubectl config current-context`"
                    .into(),
            ),
            ApiErrorKind::Tls => Some("the kubeconfig may be of an older cluster: fetch it again".into()),
            ApiErrorKind::Timeout => Some("raise --request-timeout, or look at the API server's load".into()),
            ApiErrorKind::Refused(Refusal::ReadOnly { .. }) => {
                Some("run again without --read-only and with KUBSETS_READ_ONLY unset".into())
            }
            ApiErrorKind::Refused(Refusal::ProtectedNamespace { namespace }) => {
                Some(format!("choose another namespace with -n, or pass --allow-namespace {namespace}"))
            }
            ApiErrorKind::Refused(Refusal::UnlabelledNamespace { namespace }) => Some(format!(
                "mark it with `kubectl label namespace {namespace} {MANAGED_BY}={MANAGER}`, or pass \
                 --allow-namespace {namespace}"
            )),
            _ => None,
        }
    }
}

/// Names what a request was for.
pub trait During<T> {
    /// Turns the client's error into an [`ApiError`]; `action` is built only on failure.
    ///
    /// # Errors
    /// The same error, sorted and with its context.
    fn during<F: FnOnce() -> String>(self, action: F) -> Result<T, ApiError>;
}

impl<T> During<T> for Result<T, kube::Error> {
    fn during<F: FnOnce() -> String>(self, action: F) -> Result<T, ApiError> {
        self.map_err(|source| ApiError::new(action(), source))
    }
}

/// Whether the object of a request does not exist.
pub fn is_not_found(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404)
}

/// Whether a write lost against another writer.
pub fn is_conflict(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 409 && status.reason != "AlreadyExists")
}

/// Whether the object of a create exists already.
pub fn is_exists(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.reason == "AlreadyExists")
}

/// Sorts an error of the client.
fn classify(error: &kube::Error) -> ApiErrorKind {
    match error {
        kube::Error::Api(status) => classify_status(status),
        kube::Error::Auth(_) => ApiErrorKind::Credentials,
        kube::Error::Discovery(missing) => {
            ApiErrorKind::MissingKind { kind: missing.to_string(), api_version: "the cluster".into() }
        }
        kube::Error::Service(_) | kube::Error::HyperError(_) => classify_transport(error),
        other => ApiErrorKind::Other(other.to_string()),
    }
}

/// Sorts an answer of the API server.
fn classify_status(status: &Status) -> ApiErrorKind {
    match (status.code, status.reason.as_str()) {
        (401, _) => ApiErrorKind::Unauthorized,
        (403, _) => forbidden(&status.message),
        (404, _) => ApiErrorKind::NotFound,
        (409, "AlreadyExists") => ApiErrorKind::AlreadyExists,
        (409, _) => ownership(status).map_or(ApiErrorKind::Conflict, ApiErrorKind::Ownership),
        (400 | 422, _) => ApiErrorKind::Invalid(status.message.clone()),
        (408 | 504, _) => ApiErrorKind::Timeout,
        _ => ApiErrorKind::Other(status.message.clone()),
    }
}

/// The managers that own fields of a conflicting apply, with the fields.
fn ownership(status: &Status) -> Option<Vec<String>> {
    let causes = &status.details.as_ref()?.causes;
    let owners: Vec<String> = causes
        .iter()
        .filter(|cause| cause.reason == "FieldManagerConflict")
        .map(|cause| {
            let manager = quoted(&cause.message, "conflict with").unwrap_or("another manager");
            format!("{manager} ({})", cause.field)
        })
        .collect();
    (!owners.is_empty()).then_some(owners)
}

/// Reads verb, resource and namespace from an RBAC refusal.
fn forbidden(message: &str) -> ApiErrorKind {
    let Some(verb) = message
        .split_once(" cannot ")
        .and_then(|(_, rest)| rest.split_once(' '))
        .map(|(verb, _)| verb.to_owned())
    else {
        return ApiErrorKind::Admission(message.to_owned());
    };
    let resource = quoted(message, "resource").unwrap_or("this resource");
    let group = quoted(message, "API group").unwrap_or_default();
    let resource = if group.is_empty() { resource.to_owned() } else { format!("{resource}.{group}") };
    let namespace = quoted(message, "in the namespace").unwrap_or_default().to_owned();
    ApiErrorKind::Forbidden { verb, resource, namespace }
}

/// The text between the quotes that follow `label`.
fn quoted<'a>(message: &'a str, label: &str) -> Option<&'a str> {
    let rest = message.split_once(&format!("{label} \""))?.1;
    rest.split_once('"').map(|(value, _)| value)
}

/// Sorts an error below HTTP by walking its causes.
fn classify_transport(error: &kube::Error) -> ApiErrorKind {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    let mut words = String::new();
    while let Some(current) = cause {
        if let Some(refusal) = current.downcast_ref::<Refusal>() {
            return match refusal {
                Refusal::Timeout(_) => ApiErrorKind::Timeout,
                other => ApiErrorKind::Refused(other.clone()),
            };
        }
        words.push_str(&current.to_string());
        words.push('\n');
        cause = current.source();
    }
    let words = words.to_lowercase();
    if words.contains("certificate") || words.contains("unknownissuer") {
        ApiErrorKind::Tls
    } else if words.contains("auth exec") || words.contains("token file") {
        ApiErrorKind::Credentials
    } else if words.contains("timed out") || words.contains("deadline") {
        ApiErrorKind::Timeout
    } else {
        ApiErrorKind::Unreachable
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::core::response::StatusDetails;

    fn api(code: u16, reason: &str, message: &str) -> kube::Error {
        kube::Error::Api(Status::failure(message, reason).with_code(code).boxed())
    }

    #[test]
    fn rbac_refusal_names_verb_resource_and_namespace() {
        let message = "deployments.apps \"demo-app\" is forbidden: User \"jane\" cannot patch resource \
                       \"deployments\" in API group \"apps\" in the namespace \"kubsets-demo\"";
        let error = ApiError::new("patch Deployment demo-app", api(403, "Forbidden", message));
        assert_eq!(
            error.to_string(),
            "cannot patch Deployment demo-app: not allowed to patch deployments.apps in namespace kubsets-demo"
        );
        assert_eq!(
            error.hint().unwrap(),
            "check with `kubectl auth can-i patch deployments.apps -n kubsets-demo`"
        );
    }

    #[test]
    fn pod_security_refusal_is_admission() {
        let message = "pods \"x\" is forbidden: violates PodSecurity \"restricted:latest\"";
        let error = ApiError::new("create Pod x", api(403, "Forbidden", message));
        assert!(matches!(error.kind, ApiErrorKind::Admission(_)), "{:?}", error.kind);
    }

    #[test]
    fn apply_conflict_names_the_owner_and_the_field() {
        let details: StatusDetails = serde_json::from_value(serde_json::json!({"causes": [{
            "reason": "FieldManagerConflict",
            "message": "conflict with \"argocd-controller\" using apps/v1",
            "field": ".spec.replicas"}]}))
        .unwrap();
        let status = Status::failure("Apply failed", "Conflict").with_code(409).with_details(details);
        let error = ApiError::new("apply Deployment demo-app", kube::Error::Api(status.boxed()));
        assert_eq!(
            error.to_string(),
            "cannot apply Deployment demo-app: fields are owned by argocd-controller (.spec.replicas)"
        );
    }

    #[test]
    fn guard_refusals_survive_the_client() {
        let refusal = Refusal::ProtectedNamespace { namespace: "default".into() };
        let error = ApiError::new("create Pod x", kube::Error::Service(Box::new(refusal.clone())));
        assert_eq!(error.kind, ApiErrorKind::Refused(refusal));
        assert!(error.hint().unwrap().contains("--allow-namespace default"));
    }

    #[test]
    fn closed_ports_are_unreachable_and_worth_a_retry() {
        let io = std::io::Error::new(std::io::ErrorKind::ConnectionRefused, "tcp connect error");
        let error = ApiError::new("read the version", kube::Error::Service(Box::new(io)));
        assert_eq!(error.kind, ApiErrorKind::Unreachable);
        assert!(error.is_transient());
        assert!(!ApiError::new("x", api(409, "Conflict", "changed")).is_transient());
    }
}
