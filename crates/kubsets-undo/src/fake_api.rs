//! An API server in memory for tests: it creates, patches, lists and deletes, keeps nothing of a dry run, refuses
//! what a real one refuses, and remembers every request.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::Full;
use kube::client::Body;
use kubsets_kube::{Access, Facts, Guard, MANAGED_BY, MANAGER};
use serde_json::{Value, json};

use crate::canonical::apply_patch;
use crate::claim::Claim;
use crate::lease::Lease;
use crate::run_id::RunId;

/// Letters of a run id.
const RUN_ID_LENGTH: usize = "261120-134501-3fa2".len();

#[derive(Debug, Default)]
struct Store {
    objects: BTreeMap<String, Value>,
    requests: Vec<String>,
    version: u64,
    /// Changes made by requests so far.
    changes: usize,
    /// Changes after which every other one is refused.
    most_changes: Option<usize>,
    /// Plurals of kinds that the server does not know.
    unknown: BTreeSet<String>,
}

/// The server, with one namespace, `shop`. Clones share their objects.
///
/// Objects have short paths: the plural of their kind and their name, such as `deployments/demo-app`.
#[derive(Debug, Clone, Default)]
pub struct FakeApi(Arc<Mutex<Store>>);

impl FakeApi {
    /// A client of this server in namespace `shop`; its address is `https://fake`.
    pub fn access(&self) -> Access {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let server = server.clone();
            async move {
                let (parts, body) = request.into_parts();
                let bytes = body.collect_bytes().await?;
                let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
                let applied = parts
                    .headers
                    .get("content-type")
                    .is_some_and(|kind| kind == "application/apply-patch+yaml");
                let asks = parts.uri.query().is_some_and(|query| query.contains("dryRun=All"));
                let (status, answer) = {
                    let mut store = server.store();
                    let before = asks.then(|| (store.objects.clone(), store.changes));
                    let answer = store.answer(&parts.method, parts.uri.path(), body, applied);
                    if let Some(before) = before {
                        (store.objects, store.changes) = before;
                    }
                    answer
                };
                let mut response = Response::new(Full::new(Bytes::from(answer.to_string())));
                *response.status_mut() = status.try_into().expect("a valid status");
                Ok::<_, kube::Error>(response)
            }
        });
        let facts = Facts { context: "fake".into(), server: "https://fake".into(), namespace: "shop".into() };
        Access::from_service(service, facts, Guard::new(false, Duration::from_secs(5), []))
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts an object where its kind belongs.
    pub fn put(&self, plural: &str, mut object: Value) {
        let mut store = self.store();
        let name = object["metadata"]["name"].as_str().expect("objects have names").to_owned();
        object["metadata"]["namespace"] = json!("shop");
        store.stamp(&mut object, true);
        store.objects.insert(format!("{plural}/{name}"), object);
    }

    /// Puts the Lease of a claim, last renewed at an RFC 3339 time.
    pub fn put_lease(&self, claim: &Claim, renewed: &str) {
        self.put("leases", Lease::of(claim, renewed).object().clone());
    }

    /// Forgets a kind, as a server on which its definition is not installed.
    pub fn forget_kind(&self, plural: &str) {
        self.store().unknown.insert(plural.to_owned());
    }

    /// Merge-patches an object, as somebody else would.
    pub fn change(&self, path: &str, patch: &Value) {
        let mut store = self.store();
        let mut object = store.objects[path].clone();
        apply_patch(&mut object, patch);
        store.stamp(&mut object, false);
        store.objects.insert(path.to_owned(), object);
    }

    /// The object of a short path.
    pub fn get(&self, path: &str) -> Value {
        self.store().objects[path].clone()
    }

    /// Takes an object away.
    pub fn remove(&self, path: &str) {
        self.store().objects.remove(path);
    }

    /// Short paths of all objects, cut off behind the first run id, which becomes `ID`.
    pub fn names(&self) -> Vec<String> {
        let store = self.store();
        let names_run = |text: &str| text.get(..RUN_ID_LENGTH).is_some_and(|id| id.parse::<RunId>().is_ok());
        let paths = store.objects.keys().map(|path| {
            let run = path.match_indices('-').find(|(at, _)| names_run(&path[at + 1..]));
            run.map_or_else(|| path.clone(), |(at, _)| format!("{}-ID", &path[..at]))
        });
        paths.collect()
    }

    /// All requests so far, such as `PATCH deployments/demo-app`.
    pub fn requests(&self) -> Vec<String> {
        self.store().requests.clone()
    }

    /// How many requests of `method` came from the first one that is `first`, itself included.
    pub fn requests_after(&self, first: &str, method: &str) -> usize {
        let requests = self.requests();
        let from = requests.iter().position(|request| request == first).expect("the request was made");
        requests[from..].iter().filter(|request| request.starts_with(method)).count()
    }

    /// How many requests have changed something.
    pub fn changes(&self) -> usize {
        self.store().changes
    }

    /// Lets so many more changes through and refuses all others, as if the client had died.
    pub fn refuse_changes_after(&self, more: usize) {
        let mut store = self.store();
        store.most_changes = store.changes.checked_add(more);
    }
}

impl Store {
    /// Gives an object a new version, and one that is made its identity.
    fn stamp(&mut self, object: &mut Value, made: bool) {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        if made {
            object["metadata"]["uid"] = json!(format!("uid-{}", self.version));
        }
    }

    fn answer(&mut self, method: &Method, path: &str, body: Value, applied: bool) -> (u16, Value) {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let first = match parts[0] {
            "api" => 2,
            "apis" => 3,
            _ => 0,
        };
        let namespaced = parts.get(first) == Some(&"namespaces") && parts.len() > first + 2;
        if !namespaced && parts.len() == first + 2 && parts[first] == "namespaces" {
            return (200, self.namespace());
        }
        let after = if namespaced { first + 2 } else { first };
        let after = if after < parts.len() { after } else { 0 };
        let plural = parts[after];
        let named = parts.get(after + 1).copied().or_else(|| body.pointer("/metadata/name")?.as_str());
        let key = format!("{plural}/{}", named.unwrap_or_default());
        self.requests.push(format!("{method} {key}"));
        if self.unknown.contains(plural) {
            return failure(404, "NotFound", "the server could not find the requested resource");
        }
        if method == Method::GET {
            return match (named, self.objects.get(&key)) {
                (None, _) => (200, self.items(&key)),
                (Some(_), Some(found)) => (200, found.clone()),
                (Some(_), None) => failure(404, "NotFound", &key),
            };
        }
        if self.most_changes.is_some_and(|most| self.changes >= most) {
            return failure(403, "Forbidden", &key);
        }
        let answer = match *method {
            Method::POST => self.create(key, body),
            Method::PATCH => self.patch(key, &body, applied),
            Method::DELETE => self.delete(&key, &body),
            _ => panic!("no such verb here: {method}"),
        };
        self.changes += usize::from(answer.0 < 300);
        answer
    }

    /// The namespace, with our label unless a test has put another one.
    fn namespace(&self) -> Value {
        let ours = || json!({"metadata": {"name": "shop", "labels": {MANAGED_BY: MANAGER}}});
        self.objects.get("namespaces/shop").cloned().unwrap_or_else(ours)
    }

    /// All objects whose short path begins so.
    fn items(&self, prefix: &str) -> Value {
        let items = self.objects.iter().filter(|(key, _)| key.starts_with(prefix));
        let items = items.map(|(_, object)| {
            // As on a real server, items do not say what they are.
            let mut object = object.clone();
            let map = object.as_object_mut().expect("objects are maps");
            map.retain(|key, _| key != "kind" && key != "apiVersion");
            object
        });
        json!({"kind": "List", "apiVersion": "v1", "metadata": {}, "items": items.collect::<Vec<_>>()})
    }

    fn create(&mut self, key: String, mut object: Value) -> (u16, Value) {
        if self.objects.contains_key(&key) {
            return failure(409, "AlreadyExists", &key);
        }
        self.stamp(&mut object, true);
        self.objects.insert(key, object.clone());
        (201, object)
    }

    fn patch(&mut self, key: String, body: &Value, applied: bool) -> (u16, Value) {
        let mut object = match self.objects.get(&key) {
            Some(object) => object.clone(),
            None if applied => return self.create(key, body.clone()),
            None => return failure(404, "NotFound", &key),
        };
        let bound = body.pointer("/metadata/resourceVersion");
        if bound.is_some() && bound != object.pointer("/metadata/resourceVersion") {
            return failure(409, "Conflict", &key);
        }
        apply_patch(&mut object, body);
        self.stamp(&mut object, false);
        self.objects.insert(key, object.clone());
        (200, object)
    }

    fn delete(&mut self, key: &str, body: &Value) -> (u16, Value) {
        let Some(object) = self.objects.get(key) else { return failure(404, "NotFound", key) };
        let bound = body.pointer("/preconditions/uid");
        if bound.is_some_and(|bound| Some(bound) != object.pointer("/metadata/uid")) {
            return failure(409, "Conflict", key);
        }
        self.objects.remove(key);
        (200, json!({"kind": "Status", "status": "Success", "code": 200}))
    }
}

fn failure(code: u16, reason: &str, message: &str) -> (u16, Value) {
    (code, json!({"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": message}))
}
