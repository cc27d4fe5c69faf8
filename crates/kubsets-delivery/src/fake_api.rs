//! An API server in memory for tests: it creates, patches, lists and deletes, refuses what a real one
//! refuses, and remembers every request.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::Full;
use kube::client::Body;
use kubsets_kube::{Access, Facts, Guard, ObjectRef};
use serde_json::{Value, json};

use crate::canonical::tests::apply;
use crate::journal::{Entry, Journal, Phase};
use crate::objects::test_objects::{stable_deployment, stable_route, stable_service};
use crate::objects::{Names, lease};
use crate::route::{find_carrier, split_rules};
use crate::run_id::RunId;

#[derive(Debug, Default)]
struct Store {
    objects: BTreeMap<String, Value>,
    requests: Vec<String>,
    version: u64,
}

/// The server. Clones share their objects.
#[derive(Debug, Clone, Default)]
pub(crate) struct FakeApi(Arc<Mutex<Store>>);

impl FakeApi {
    /// A client of this server in namespace `shop`.
    pub(crate) fn access(&self) -> Access {
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
                let (status, answer) = server.answer(&parts.method, parts.uri.path(), body, applied);
                let answer = Full::new(Bytes::from(answer.to_string()));
                Ok::<_, kube::Error>(Response::builder().status(status).body(answer).unwrap())
            }
        });
        let facts = Facts { context: "fake".into(), server: "https://fake".into(), namespace: "shop".into() };
        Access::from_service(service, facts, Guard::new(false, Duration::from_secs(5), []))
    }

    /// Puts an object where its kind belongs.
    pub(crate) fn put(&self, plural: &str, mut object: Value) {
        let mut store = self.0.lock().unwrap();
        store.version += 1;
        object["metadata"]["resourceVersion"] = json!(store.version.to_string());
        object["metadata"]["namespace"] = json!("shop");
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        store.objects.insert(format!("{plural}/{name}"), object);
    }

    /// The object of a short path such as `deployments/demo-app`.
    pub(crate) fn get(&self, path: &str) -> Value {
        self.0.lock().unwrap().objects[path].clone()
    }

    /// Takes an object away.
    pub(crate) fn remove(&self, path: &str) {
        self.0.lock().unwrap().objects.remove(path);
    }

    /// Short paths of all objects; run ids become `ID`.
    pub(crate) fn names(&self) -> Vec<String> {
        let store = self.0.lock().unwrap();
        let paths = store.objects.keys().map(|path| {
            let cut = path.find("-26").unwrap_or(path.len());
            if cut < path.len() { format!("{}-ID", &path[..cut]) } else { path.clone() }
        });
        paths.collect()
    }

    /// How many requests of `method` came after the first one that is `first`.
    pub(crate) fn requests_after(&self, first: &str, method: &str) -> usize {
        let store = self.0.lock().unwrap();
        let from = store.requests.iter().position(|request| request == first).expect("the request was made");
        store.requests[from..].iter().filter(|request| request.starts_with(method)).count()
    }

    fn answer(&self, method: &Method, path: &str, body: Value, applied: bool) -> (u16, Value) {
        let mut store = self.0.lock().unwrap();
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let after = parts.iter().position(|part| *part == "namespaces").map_or(0, |at| at + 2);
        let (plural, name) = (parts[after], parts.get(after + 1).copied());
        let name =
            name.or_else(|| body.pointer("/metadata/name").and_then(Value::as_str)).unwrap_or_default();
        let key = format!("{plural}/{name}");
        store.requests.push(format!("{method} {key}"));
        store.version += 1;
        let version = json!(store.version.to_string());
        let missing =
            json!({"kind": "Status", "status": "Failure", "code": 404, "reason": "NotFound", "message": key});
        match method.as_str() {
            "GET" if name.is_empty() => {
                let prefix = format!("{plural}/");
                let items = store.objects.iter().filter(|(key, _)| key.starts_with(&prefix));
                let items: Vec<Value> = items
                    .map(|(_, object)| {
                        // As on a real server, items do not say what they are.
                        let mut object = object.clone();
                        object.as_object_mut().expect("objects are maps").retain(|key, _| key != "kind");
                        object
                            .as_object_mut()
                            .expect("objects are maps")
                            .retain(|key, _| key != "apiVersion");
                        object
                    })
                    .collect();
                (200, json!({"kind": "List", "apiVersion": "v1", "metadata": {}, "items": items}))
            }
            "GET" => store.objects.get(&key).map_or((404, missing), |object| (200, object.clone())),
            "POST" if store.objects.contains_key(&key) => (
                409,
                json!({"kind": "Status", "status": "Failure", "code": 409, "reason": "AlreadyExists", "message": key}),
            ),
            "POST" => {
                let mut object = body;
                object["metadata"]["resourceVersion"] = version;
                object["metadata"]["uid"] = json!(format!("uid-{}", store.version));
                store.objects.insert(key, object.clone());
                (201, object)
            }
            "PATCH" if !applied && !store.objects.contains_key(&key) => (404, missing),
            "PATCH" => {
                let object =
                    store.objects.entry(key.clone()).or_insert_with(|| json!({"metadata": {"name": name}}));
                let bound = body.pointer("/metadata/resourceVersion");
                if bound.is_some() && bound != object.pointer("/metadata/resourceVersion") {
                    let conflict = json!({"kind": "Status", "status": "Failure", "code": 409, "reason": "Conflict", "message": key});
                    return (409, conflict);
                }
                apply(object, &body);
                object["metadata"]["resourceVersion"] = version;
                (200, object.clone())
            }
            "DELETE" => match store.objects.remove(&key) {
                Some(_) => (200, json!({"kind": "Status", "status": "Success", "code": 200})),
                None => (404, missing),
            },
            other => panic!("no such verb here: {other}"),
        }
    }
}

/// A canary at 10 % whose driver died long ago, in this phase. Gives its journal.
pub(crate) fn seed_canary(api: &FakeApi, phase: Phase) -> Journal {
    let run = RunId::generate();
    let names = Names::new("demo-app", &run);
    let object =
        |api_version: &str, kind: &str, name: &str| ObjectRef::namespaced(api_version, kind, "shop", name);
    let (route, deployment) = (stable_route(), stable_deployment());
    let mut journal = Journal::new(run.clone(), None, "https://fake", "shop", "demo-app");
    let gateway = "gateway.networking.k8s.io/v1";
    journal.add(Entry::Delete { object: object("v1", "Service", &names.canary) });
    journal.add(Entry::Delete { object: object("apps/v1", "Deployment", &names.canary) });
    journal.add(Entry::Delete { object: object(gateway, "HTTPRoute", &names.probe) });
    journal.add(Entry::restore(object(gateway, "HTTPRoute", "demo-app"), "/spec", &route));
    let mut changed = deployment.clone();
    if phase != Phase::Running {
        let target = object("apps/v1", "Deployment", "demo-app");
        journal.add(Entry::restore(target, "/spec/template", &deployment));
        changed["spec"]["template"]["new"] = json!(true);
    }
    journal.phase = phase;
    let mut split = route.clone();
    let carrier = find_carrier(&route, &["demo-app".into()]).unwrap();
    split["spec"]["rules"] = split_rules(&route, carrier, &names.canary, 100);
    let mut canary = deployment;
    canary["metadata"]["name"] = json!(names.canary);
    api.put("deployments", changed);
    api.put("deployments", canary);
    api.put("services", stable_service());
    api.put("services", json!({"metadata": {"name": names.canary}}));
    api.put("httproutes", split);
    api.put("httproutes", json!({"metadata": {"name": names.probe}}));
    api.put("configmaps", journal.to_config_map());
    api.put("leases", lease("shop", &names.lease, (&run, None), "2020-01-01T00:00:00.000000Z"));
    journal
}
