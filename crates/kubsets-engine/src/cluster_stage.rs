//! The world of a real cluster: what each typed operation does there.

mod change;
mod evidence;
mod expand;
mod http;
mod load;
mod look;
mod need;
mod node_port;
mod observe;
mod pod;
mod release;
#[cfg(test)]
mod scene;
mod trial;
mod wait;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kubsets_kube::{
    Access, ApiError, ApiErrorKind, Forward, ForwardError, ForwardTarget, ObjectRef, with_causes,
};
use kubsets_lab::operation::Target;
use kubsets_lab::plan::{Plan, PlannedStep};
use kubsets_lab::{Bindings, FailureEvidence, Operation, Requirement};
use kubsets_undo::{Change, Claim, Keeper, KeeperError, LockState, Progress, RunId, StateDir};
use serde_json::Value;
use tokio::sync::{Mutex, watch};
use tokio_util::sync::CancellationToken;

use crate::event::LabEvents;
use crate::outcome::Comparison;
use crate::stage::{Need, Stage, StepError};
use load::BackgroundLoad;
use look::Look;

pub use trial::try_out;

/// Namespace of the platform's Prometheus.
const MONITORING: &str = "kubsets-monitoring";
/// Service of the platform's Prometheus, and its port.
const PROMETHEUS: (&str, u16) = ("prometheus", 9090);
/// Time for requests under way before a workload that the run made is removed.
const DRAIN: Duration = Duration::from_secs(2);
/// Seconds that the watchdog stays beyond twice the longest run.
const SPARE_SECONDS: u64 = 600;
/// Seconds that a presenter may keep a run waiting between its steps: a day.
const PRESENTER_SECONDS: u64 = 24 * 3600;

/// A cluster in which a plan is carried out.
pub struct ClusterStage<'a> {
    access: Access,
    namespace: String,
    gateway: Result<String, String>,
    run: RunId,
    plan: &'a Plan,
    state: StateDir,
    events: LabEvents,
    cancel: CancellationToken,
    http: http::Client,
    began: jiff::Timestamp,
    keeper: Mutex<Option<Keeper>>,
    loads: Mutex<BTreeMap<String, BackgroundLoad>>,
    forwards: Mutex<BTreeMap<(String, String, u16), Arc<Forward>>>,
    look: Mutex<Option<Look>>,
    /// The canary that is the whole run.
    release: Option<kubsets_delivery::Plan>,
    presented: bool,
    /// Address of a Prometheus that the user named.
    prometheus: Option<String>,
}

/// What a [`ClusterStage`] is made of.
pub struct World<'a> {
    /// The cluster, in the namespace that the lab works in.
    pub access: Access,
    /// Address of the gateway, such as `http://198.19.128.11:30080`, or why there is none: a lab that sends
    /// nothing through it needs none.
    pub gateway: Result<String, String>,
    /// Name of the run.
    pub run: RunId,
    /// The plan.
    pub plan: &'a Plan,
    /// Where records are kept.
    pub state: &'a StateDir,
    /// Ends the run.
    pub cancel: CancellationToken,
    /// A canary that was planned before and is the whole run: it goes by the run's own name, and what it
    /// promotes stays. `None` for a lab, which plans its canaries when it comes to them and takes their
    /// promotions back.
    pub release: Option<kubsets_delivery::Plan>,
    /// Whether somebody is asked before each step, so that the run can take longer than its plan.
    pub presented: bool,
    /// Address of the Prometheus to ask, such as `http://127.0.0.1:9090`; `None` for the platform's own.
    pub prometheus: Option<String>,
}

impl<'a> ClusterStage<'a> {
    /// A stage; nothing is asked or changed yet.
    pub fn new(world: World<'a>, events: LabEvents) -> Self {
        Self {
            namespace: world.access.namespace().to_owned(),
            access: world.access,
            gateway: world.gateway,
            run: world.run,
            // The undo goes there too, and to the journal in the cluster.
            state: world.state.hiding(&world.plan.secrets()),
            plan: world.plan,
            cancel: world.cancel,
            events,
            http: http::Client::new(),
            began: jiff::Timestamp::now(),
            keeper: Mutex::default(),
            loads: Mutex::default(),
            forwards: Mutex::default(),
            look: Mutex::default(),
            release: world.release,
            presented: world.presented,
            prometheus: world.prometheus,
        }
    }

    fn object(&self, target: &Target) -> ObjectRef {
        change::reference(target, &self.namespace)
    }

    /// The address of the gateway.
    fn gateway(&self) -> Result<String, StepError> {
        self.gateway.clone().map_err(StepError::Unavailable)
    }

    /// The address of a Service by a port forwarded to one of its pods, or the gateway's.
    async fn address(&self, service: Option<&str>, port: Option<u16>) -> Result<Address, StepError> {
        match service {
            None => Ok(Address { url: self.gateway()?, forward: None }),
            Some(service) => self.forwarded(&self.namespace, service, port.unwrap_or(80)).await,
        }
    }

    /// The address of the Prometheus that the user named, else of the platform's.
    async fn prometheus(&self) -> Result<Address, StepError> {
        if let Some(url) = &self.prometheus {
            return Ok(Address { url: url.clone(), forward: None });
        }
        let (service, port) = PROMETHEUS;
        self.forwarded(MONITORING, service, port).await.map_err(no_prometheus)
    }

    async fn forwarded(&self, namespace: &str, service: &str, port: u16) -> Result<Address, StepError> {
        let key = (namespace.to_owned(), service.to_owned(), port);
        let mut forwards = self.forwards.lock().await;
        if let Some(forward) = forwards.get(&key) {
            return Ok(Address::of(forward));
        }
        let target = ForwardTarget::Service(service.to_owned(), port);
        let forward = Forward::start(&self.access, namespace, &target).await;
        let forward = Arc::new(forward.map_err(|error| no_forward(&error))?);
        let address = Address::of(&forward);
        forwards.insert(key, forward);
        Ok(address)
    }

    /// Forgets a forward that leads nowhere: its pod is gone, and the next request chooses another one.
    async fn forget(&self, address: &Address) {
        let Some(stale) = &address.forward else { return };
        self.forwards.lock().await.retain(|_, forward| !Arc::ptr_eq(forward, stale));
    }
}

/// Where requests go. A forward is open for as long as somebody has its address.
#[derive(Clone)]
struct Address {
    /// Such as `http://127.0.0.1:40001`.
    url: String,
    forward: Option<Arc<Forward>>,
}

impl Address {
    fn of(forward: &Arc<Forward>) -> Self {
        Self { url: format!("http://{}", forward.address()), forward: Some(Arc::clone(forward)) }
    }
}

impl Stage for ClusterStage<'_> {
    async fn check(&self, need: &Requirement) -> Result<Need, StepError> {
        self.need(need).await
    }

    fn lacks(&self, operation: &Operation) -> Option<String> {
        let Operation::Fault(fault) = operation else { return None };
        Some(no_injector(&fault.kind))
    }

    async fn begin(&self) -> Result<Option<watch::Receiver<LockState>>, StepError> {
        self.access.permit_namespace(&self.namespace).await.map_err(|error| permission(&error))?;
        *self.look.lock().await = Some(Look::start(&self.access, &self.namespace, &self.events));
        if self.release.is_some() || !change::is_in(self.plan) {
            // A canary that is the whole run has a Lease, a journal and a watchdog of its own.
            return Ok(None);
        }
        let claim = Claim::lab(self.run.clone(), &self.plan.lab, &self.namespace);
        let progress = Arc::new(Teller(self.events.clone()));
        let keeper =
            Keeper::begin(&self.access, &self.state, claim, progress).await.map_err(|e| refused(&e))?;
        let lock = keeper.lock_state();
        let mut place = self.keeper.lock().await;
        let keeper = place.insert(keeper);
        let targets = change::targets(self.plan, &self.namespace);
        if !targets.is_empty() {
            self.events.doing("starting the watchdog, which undoes everything when this command dies");
            let lifetime = lifetime(self.plan.longest_seconds, self.presented);
            keeper.start_watchdog(targets, lifetime).await.map_err(|error| refused(&error))?;
            keeper.wait_armed().await.map_err(|error| refused(&error))?;
        }
        Ok(Some(lock))
    }

    async fn perform(&self, step: &PlannedStep, bindings: &Bindings) -> Result<Value, StepError> {
        let operation = expand::operation(&step.operation, bindings)?;
        let timeout = step.timeout.0;
        match &operation {
            Operation::Apply(apply) => self.apply(apply, timeout).await,
            Operation::Patch(patch) => self.patch(patch).await,
            Operation::Delete(delete) => self.delete(delete, timeout).await,
            Operation::Scale(scale) => self.scale(scale, timeout).await,
            Operation::Rollout(rollout) => self.restart(&rollout.restart, timeout).await,
            Operation::Wait(condition) => self.wait(condition, bindings, timeout).await,
            Operation::Http(http) => self.request(http, timeout).await,
            Operation::Exec(exec) => self.exec(exec, timeout).await,
            Operation::Logs(logs) => self.logs(logs).await,
            Operation::Query(query) => self.query(query, timeout).await,
            Operation::Load(load) => self.load(step, load).await,
            Operation::Canary(spec) => self.release(step, spec).await,
            Operation::Fault(fault) => Err(StepError::Unavailable(no_injector(&fault.kind))),
            Operation::Assert(_) => Ok(Value::Bool(true)),
            Operation::Pause(pause) => {
                self.events.doing(pause.message.clone());
                Ok(Value::Null)
            }
        }
    }

    async fn settle(&self) {
        self.end_loads().await;
    }

    async fn collect(&self, evidence: &FailureEvidence) -> (String, String) {
        self.evidence(evidence).await
    }

    async fn undo(&self) -> Result<Vec<Comparison>, StepError> {
        self.end_loads().await;
        match self.keeper.lock().await.take() {
            Some(keeper) => keeper.finish(DRAIN).await.map_err(|error| refused(&error)),
            None => Ok(Vec::new()),
        }
    }
}

/// Tells the events of an undo.
struct Teller(LabEvents);

impl Progress for Teller {
    fn doing(&self, what: &str) {
        self.0.doing(what);
    }

    fn object(&self, change: Change, object: &ObjectRef) {
        self.0.object(&change.to_string(), object);
    }
}

/// Seconds that the watchdog stays for a run that takes `longest` seconds at most, waiting for a presenter
/// not counted.
fn lifetime(longest: f64, presented: bool) -> u64 {
    let waiting = if presented { PRESENTER_SECONDS } else { 0 };
    (longest * 2.0) as u64 + SPARE_SECONDS + waiting
}

fn no_injector(kind: &str) -> String {
    format!(
        "no injector of faults of kind {kind} in this version; `kubectl kubsets lab list` names labs without one"
    )
}

fn cluster(error: &dyn std::error::Error) -> StepError {
    StepError::Cluster(with_causes(error))
}

/// An error of the API, told apart by whether it may pass.
fn api(error: &ApiError) -> StepError {
    if error.is_transient() { StepError::Passing(with_causes(error)) } else { cluster(error) }
}

fn no_forward(error: &ForwardError) -> StepError {
    match error {
        ForwardError::Api(error) => api(error),
        ForwardError::NoPod(_) => StepError::Passing(with_causes(error)),
        _ => cluster(error),
    }
}

/// An error of the way to Prometheus, with every place tried.
fn no_prometheus(error: StepError) -> StepError {
    let (service, port) = PROMETHEUS;
    let told = |why: String| {
        format!(
            "no Prometheus is found; tried Service {service} in namespace {MONITORING}, port {port}: {why}; \
             `kubectl kubsets up` installs it, and --prometheus-url names another"
        )
    };
    match error {
        StepError::Passing(why) => StepError::Passing(told(why)),
        StepError::Cluster(why) => StepError::Cluster(told(why)),
        other => other,
    }
}

fn permission(error: &ApiError) -> StepError {
    match error.kind {
        ApiErrorKind::Refused(_) => StepError::Invalid(with_causes(error)),
        _ => cluster(error),
    }
}

fn refused(error: &KeeperError) -> StepError {
    match error {
        KeeperError::Outside(_)
        | KeeperError::InUse { .. }
        | KeeperError::Secret(_)
        | KeeperError::Unplanned(_)
        | KeeperError::TooLarge { .. } => StepError::Invalid(with_causes(error)),
        other => StepError::Cluster(with_causes(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::scene::Scene;
    use super::*;
    use kubsets_lab::operation::Fault;

    #[test]
    fn the_watchdog_outlives_a_presenter() {
        assert_eq!(lifetime(100.0, false), 800);
        assert_eq!(lifetime(100.0, true), 800 + 24 * 3600);
    }

    #[tokio::test]
    async fn a_prometheus_that_is_named_is_not_looked_for() {
        let scene = Scene::new();
        let mut stage = scene.stage().await;
        let need = Requirement::Component(kubsets_lab::Component::Prometheus);
        let missing = stage.check(&need).await.unwrap();
        assert!(!missing.met && missing.detail.contains("--prometheus-url"), "{missing:?}");
        let Err(StepError::Passing(why) | StepError::Cluster(why)) = stage.prometheus().await else {
            panic!("there is none")
        };
        assert!(
            why.contains("tried Service prometheus in namespace kubsets-monitoring, port 9090: "),
            "{why}"
        );
        assert!(why.contains("--prometheus-url"), "{why}");
        let looks = || scene.api.requests().iter().filter(|one| one.ends_with("/prometheus")).count();
        let before = looks();
        stage.prometheus = Some("http://127.0.0.1:1".into());
        assert!(stage.check(&need).await.unwrap().met);
        assert_eq!(stage.prometheus().await.unwrap().url, "http://127.0.0.1:1");
        assert_eq!((looks(), before), (2, 2));
    }

    #[tokio::test]
    async fn a_fault_without_an_injector_is_known_before_the_first_step() {
        let scene = Scene::new();
        let stage = scene.stage().await;
        let fault: Fault = serde_json::from_value(serde_json::json!({
            "kind": "network-delay", "pods": "app=web", "for": "5s"
        }))
        .unwrap();
        let why = stage.lacks(&Operation::Fault(fault)).unwrap();
        assert!(
            why.starts_with("no injector of faults of kind network-delay") && why.contains("`kubectl"),
            "{why}"
        );
        let pause = kubsets_lab::operation::Pause { message: "x".into() };
        assert_eq!(stage.lacks(&Operation::Pause(pause)), None);
    }
}
