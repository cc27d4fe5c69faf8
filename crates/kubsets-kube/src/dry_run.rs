//! Changes that the API server is only asked to check: RBAC, admission and validation speak, nothing is kept.

use http::uri::PathAndQuery;
use http::{Method, Request, Uri};
use kube::Client;
use kube::api::DynamicObject;
use kube::client::Body;
use serde::Serialize;
use tower::BoxError;

use crate::apply::{Applier, ApplyOptions};
use crate::error::{ApiError, ApiErrorKind};
use crate::guard::{Refusal, mutates};
use crate::object::ObjectRef;

/// A client whose every write carries `dryRun=All`.
pub(crate) fn only_asking(client: Client, namespace: &str) -> Client {
    let service = tower::service_fn(move |request: Request<Body>| {
        let client = client.clone();
        async move { Ok::<_, BoxError>(client.send(marked(request)?).await?) }
    });
    Client::new(service, namespace)
}

/// The request as a question.
fn marked<B>(mut request: Request<B>) -> Result<Request<B>, Refusal> {
    let (method, path) = (request.method(), request.uri().path());
    let query = request.uri().query().unwrap_or_default();
    if !mutates(method, path, query) {
        return Ok(request);
    }
    // A delete takes its options from its body, and a command in a container knows none.
    if !matches!(*method, Method::POST | Method::PUT | Method::PATCH) {
        return Err(Refusal::DryRun { method: method.to_string(), path: path.to_owned() });
    }
    let target = format!("{path}?{query}{}dryRun=All", if query.is_empty() { "" } else { "&" });
    let target: PathAndQuery = target.parse().expect("a parameter keeps an address valid");
    let mut parts = request.uri().clone().into_parts();
    parts.path_and_query = Some(target);
    *request.uri_mut() = Uri::from_parts(parts).expect("the rest was valid before");
    Ok(request)
}

/// What the API server says to a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "answer", content = "reason", rename_all = "camelCase")]
pub enum Answer {
    /// It would make it.
    Accepted,
    /// It would not, with the reason.
    Refused(String),
    /// It cannot say before something else is there, with what that is.
    Unknown(String),
}

/// A change that the API server was asked to check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trial {
    /// What would be made or changed.
    pub object: ObjectRef,
    /// The answer.
    #[serde(flatten)]
    pub answer: Answer,
}

impl Trial {
    /// The trial of one change by its result.
    ///
    /// # Errors
    /// The [`ApiError`] itself where it is no answer of the server.
    pub fn of<T>(object: ObjectRef, result: Result<T, ApiError>) -> Result<Self, ApiError> {
        let answer = match result {
            Ok(_) => Answer::Accepted,
            Err(error) if is_answer(&error) => Answer::Refused(error.to_string()),
            Err(error) => return Err(error),
        };
        Ok(Self { object, answer })
    }

    /// Whether the change would not be made.
    pub fn is_refused(&self) -> bool {
        matches!(self.answer, Answer::Refused(_))
    }
}

fn is_answer(error: &ApiError) -> bool {
    matches!(*error.source, kube::Error::Api(_)) || matches!(error.kind, ApiErrorKind::MissingKind { .. })
}

impl Applier {
    /// Asks what [`Applier::apply`] of each object would bring, in their order. Objects of a namespace or of a kind
    /// that the earlier ones bring first stay unknown.
    ///
    /// # Errors
    /// [`ApiError`] where the server gives no answer.
    pub async fn try_all(
        &self,
        objects: &[DynamicObject],
        options: &ApplyOptions,
    ) -> Result<Vec<Trial>, ApiError> {
        let options = ApplyOptions { dry_run: true, ..options.clone() };
        let mut trials: Vec<Trial> = Vec::with_capacity(objects.len());
        for object in objects {
            let mut target = ObjectRef::of(object);
            let result = self.apply(object, &options).await;
            let waits_for = match &result {
                Ok(applied) => {
                    target = applied.object.clone();
                    None
                }
                Err(error) => brought(&target, &options, error, objects),
            };
            trials.push(match waits_for {
                Some(first) => Trial { object: target, answer: Answer::Unknown(first) },
                None => Trial::of(target, result)?,
            });
        }
        Ok(trials)
    }
}

/// What of the same installation an object waits for, where its error says that this is missing.
fn brought(
    target: &ObjectRef,
    options: &ApplyOptions,
    error: &ApiError,
    objects: &[DynamicObject],
) -> Option<String> {
    let mut others = objects.iter().map(ObjectRef::of);
    match error.kind {
        ApiErrorKind::MissingKind { .. } => {
            let group = target.api_version.split_once('/').map_or("", |(group, _)| group);
            let end = format!(".{group}");
            let definition = others
                .find(|other| other.kind == "CustomResourceDefinition" && other.name.ends_with(&end))?;
            Some(format!("after {definition}"))
        }
        ApiErrorKind::NotFound => {
            let namespace = target.namespace.as_ref().or(options.namespace.as_ref())?;
            let space = others.find(|other| other.kind == "Namespace" && other.name == *namespace)?;
            Some(format!("after {space}"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use bytes::Bytes;
    use http::Response;
    use http_body_util::Full;
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::api::{Api, DeleteParams, PostParams};
    use serde_json::json;

    use super::*;
    use crate::{Access, Facts, Guard, Timeouts};

    type Seen = Arc<Mutex<Vec<String>>>;

    /// A server with `ConfigMaps` in `shop` alone, which lets nobody change `locked`.
    fn server() -> (Access, Seen) {
        let seen = Seen::default();
        let log = Arc::clone(&seen);
        let service = tower::service_fn(move |request: Request<Body>| {
            let (method, uri) = (request.method().clone(), request.uri().clone());
            log.lock().unwrap().push(format!("{method} {uri}"));
            let (status, body) = answer(&method, uri.path());
            let response = Response::builder().status(status).body(Full::new(Bytes::from(body.to_string())));
            async move { Ok::<_, BoxError>(response.expect("is a response")) }
        });
        let facts = Facts { context: "fake".into(), server: "https://fake".into(), namespace: "shop".into() };
        (Access::from_service(service, facts, Guard::new(false, Duration::from_secs(5), [])), seen)
    }

    fn answer(method: &Method, path: &str) -> (u16, serde_json::Value) {
        let failure = |code: u16, reason: &str, message: &str| {
            (code, json!({"status": "Failure", "code": code, "reason": reason, "message": message}))
        };
        let resource = |kind: &str, name: &str, namespaced: bool| {
            json!({"name": name, "singularName": "", "kind": kind, "namespaced": namespaced,
                   "verbs": ["get", "patch", "create"]})
        };
        match path {
            "/api/v1" => {
                let all =
                    [resource("ConfigMap", "configmaps", true), resource("Namespace", "namespaces", false)];
                return (
                    200,
                    json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "v1", "resources": all}),
                );
            }
            "/apis/apiextensions.k8s.io/v1" => {
                let one = [resource("CustomResourceDefinition", "customresourcedefinitions", false)];
                let group = "apiextensions.k8s.io/v1";
                return (
                    200,
                    json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group, "resources": one}),
                );
            }
            _ => {}
        }
        match (method, path.rsplit('/').next()) {
            (&Method::PATCH, Some("locked")) => failure(
                403,
                "Forbidden",
                "User \"a\" cannot patch resource \"configmaps\" in API group \"\" in the namespace \"shop\"",
            ),
            (&Method::PATCH | &Method::POST, Some(name)) if !path.contains("namespaces/new/") => {
                (200, json!({"metadata": {"name": name, "resourceVersion": "2"}}))
            }
            _ => failure(404, "NotFound", "not found"),
        }
    }

    fn object(api_version: &str, kind: &str, namespace: Option<&str>, name: &str) -> DynamicObject {
        serde_json::from_value(json!({
            "apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": namespace},
        }))
        .unwrap()
    }

    #[tokio::test]
    async fn a_dry_run_marks_every_write_and_sends_no_delete() {
        let (access, seen) = server();
        let api: Api<ConfigMap> = Api::namespaced(access.dry_run().client(), "shop");
        api.create(&PostParams::default(), &ConfigMap::default()).await.unwrap();
        let error = api.delete("a", &DeleteParams::default()).await.unwrap_err();
        let error = ApiError::new("delete a", error);
        assert!(matches!(error.kind, ApiErrorKind::Refused(Refusal::DryRun { .. })), "{error}");
        assert!(api.get_opt("a").await.unwrap().is_none());
        let seen = seen.lock().unwrap();
        assert_eq!(seen.len(), 2, "{seen:?}");
        assert!(seen[0].starts_with("POST ") && seen[0].contains("dryRun=All"), "{seen:?}");
        assert!(seen[1].starts_with("GET ") && !seen[1].contains("dryRun"), "{seen:?}");
    }

    #[test]
    fn a_marked_request_keeps_its_parameters() {
        let patch = |uri: &str| {
            let request = Request::builder().method(Method::PATCH).uri(uri).body(()).unwrap();
            marked(request).unwrap().uri().to_string()
        };
        assert_eq!(patch("/api/v1/namespaces/a/pods/p"), "/api/v1/namespaces/a/pods/p?dryRun=All");
        let once = patch("/api/v1/namespaces/a/pods/p?force=true&fieldManager=kubsets");
        assert_eq!(once, "/api/v1/namespaces/a/pods/p?force=true&fieldManager=kubsets&dryRun=All");
        assert_eq!(patch(&once), once);
        let exec = Request::builder().uri("/api/v1/namespaces/a/pods/p/exec?command=ls").body(()).unwrap();
        assert!(matches!(marked(exec), Err(Refusal::DryRun { .. })));
    }

    #[tokio::test]
    async fn every_object_gets_its_answer() {
        let (access, seen) = server();
        let applier = Applier::new(&access, Timeouts::default());
        let objects = [
            object("v1", "Namespace", None, "new"),
            object("apiextensions.k8s.io/v1", "CustomResourceDefinition", None, "plants.garden.dev"),
            object("v1", "ConfigMap", Some("shop"), "open"),
            object("v1", "ConfigMap", Some("shop"), "locked"),
            object("v1", "ConfigMap", Some("new"), "later"),
            object("garden.dev/v1", "Plant", Some("shop"), "rose"),
            object("sea.dev/v1", "Fish", Some("shop"), "cod"),
        ];
        let trials = applier.try_all(&objects, &ApplyOptions::default()).await.unwrap();
        let answers: Vec<String> = trials
            .iter()
            .map(|trial| match &trial.answer {
                Answer::Accepted => format!("{}: yes", trial.object.name),
                Answer::Refused(why) => format!("{}: no, {why}", trial.object.name),
                Answer::Unknown(first) => format!("{}: {first}", trial.object.name),
            })
            .collect();
        let expected = [
            "new: yes",
            "plants.garden.dev: yes",
            "open: yes",
            "locked: no, cannot apply ConfigMap locked: not allowed to patch configmaps in namespace shop",
            "later: after Namespace new",
            "rose: after CustomResourceDefinition plants.garden.dev",
            "cod: no, ",
        ];
        assert_eq!(answers.len(), expected.len());
        for (answer, expected) in answers.iter().zip(expected) {
            assert!(answer.starts_with(expected), "{answer:?} is not {expected:?}");
        }
        let seen = seen.lock().unwrap();
        assert!(seen.iter().all(|one| one.starts_with("GET ") || one.contains("dryRun=All")), "{seen:?}");
    }
}
