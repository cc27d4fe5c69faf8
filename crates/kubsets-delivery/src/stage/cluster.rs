//! The mechanics on a real cluster.

use std::time::Duration;

use kubsets_kube::{Access, ObjectRef, PodProblem, diagnose, pods_of, wait_for_rollout};
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

use super::{GiveBack, Stage, StageError, Versions};
use crate::cluster::{apply, create, reference, scale, set_at};
use crate::driver::{Side, TrafficDriver};
use crate::event::Events;
use crate::facts::read;
use crate::journal::{Entry, JOURNAL_FILE, Journal, Phase};
use crate::lock::{is_armed, lease_ref};
use crate::objects::{Names, canary_deployment, canary_service, watchdog_objects};
use crate::outcome::Comparison;
use crate::plan::Plan;
use crate::probe::{Answer, Prober, VERSION_HEADER, probes_to_exclude};
use crate::route::GATEWAY_API;
use crate::spec::WatchdogPolicy;
use crate::state_dir::StateDir;
use crate::undo::{self, Reach};
use crate::units::Percent;

/// Time for the canary's pods to be ready.
const ROLLOUT: Duration = Duration::from_mins(3);
/// Time for a ready pod to be reached through the gateway.
const REACH: Duration = Duration::from_secs(45);
/// Time for the watchdog to say that it is there.
const ARMED: Duration = Duration::from_mins(1);
/// Answers in a row that show a side to be reachable.
const IN_A_ROW: u32 = 10;
/// Answers in a row that show that no old stable pod is reached any more.
const ALL_NEW: u32 = 40;
/// Time that the canary may go on answering after the weights went back.
const WIRE: Duration = Duration::from_secs(15);

/// A canary on a cluster.
pub(crate) struct ClusterStage {
    access: Access,
    plan: Plan,
    names: Names,
    driver: Box<dyn TrafficDriver>,
    prober: Prober,
    state: StateDir,
    events: Events,
    journal: Mutex<Journal>,
}

impl ClusterStage {
    pub(crate) fn new(
        access: &Access,
        plan: &Plan,
        driver: Box<dyn TrafficDriver>,
        state: &StateDir,
        events: &Events,
    ) -> Self {
        let server = access.facts().server.clone();
        let journal = Journal::new(
            plan.run.clone(),
            plan.spec.lab.clone(),
            &server,
            &plan.namespace,
            &plan.spec.deployment,
        );
        Self {
            access: access.clone(),
            names: plan.names(),
            prober: Prober::new(&plan.endpoint, &plan.spec.load.path, &plan.run),
            plan: plan.clone(),
            driver,
            state: state.clone(),
            events: events.clone(),
            journal: Mutex::new(journal),
        }
    }

    /// The journal as it is now.
    pub(crate) async fn journal(&self) -> Journal {
        self.journal.lock().await.clone()
    }

    fn object(&self, api_version: &str, kind: &str, name: &str) -> ObjectRef {
        ObjectRef::namespaced(api_version, kind, &self.plan.namespace, name)
    }

    fn canary_ref(&self) -> ObjectRef {
        self.object("apps/v1", "Deployment", &self.names.canary)
    }

    fn run(&self) -> (&crate::run_id::RunId, Option<&str>) {
        (&self.plan.run, self.plan.spec.lab.as_deref())
    }

    /// Writes the undo of everything that follows, on disk and in the cluster, before anything is done.
    async fn record(&self) -> Result<String, StageError> {
        let mut journal = self.journal.lock().await;
        let made = [
            self.object("v1", "Service", &self.names.canary),
            self.canary_ref(),
            self.object(GATEWAY_API, "HTTPRoute", &self.names.probe),
        ];
        for object in made {
            journal.add(Entry::Delete { object });
        }
        journal.add(Entry::restore(self.plan.route_ref(), "/spec", &self.plan.originals.route));
        self.state.write(&self.plan.run, JOURNAL_FILE, &*journal)?;
        let made = create(&self.access, &journal.to_config_map()).await?;
        self.events.object("created", &reference(&made));
        Ok(made["metadata"]["uid"].as_str().unwrap_or_default().to_owned())
    }

    /// Writes how far the run has come, on disk and in the cluster.
    async fn enter(&self, phase: Phase, entry: Option<Entry>) -> Result<(), StageError> {
        let mut journal = self.journal.lock().await;
        journal.phase = phase;
        if let Some(entry) = entry {
            journal.add(entry);
        }
        self.state.write(&self.plan.run, JOURNAL_FILE, &*journal)?;
        apply(&self.access, &journal.to_config_map()).await?;
        Ok(())
    }

    async fn apply(&self, object: &Value) -> Result<(), StageError> {
        apply(&self.access, object).await?;
        self.events.object("created", &reference(object));
        Ok(())
    }

    /// Waits until the watchdog has marked the Lease.
    async fn wait_armed(&self) -> Result<(), StageError> {
        if self.plan.spec.watchdog == WatchdogPolicy::Off {
            return Ok(());
        }
        let lease = lease_ref(&self.plan.namespace, &self.plan.spec.deployment);
        let deadline = Instant::now() + ARMED;
        loop {
            if read(&self.access, &lease).await?.as_ref().is_some_and(is_armed) {
                return Ok(());
            }
            if Instant::now() >= deadline {
                let job = self.object("batch/v1", "Job", &self.names.watchdog);
                let pods = pods_of(&self.access, &job).await.unwrap_or_default();
                let problem = pods.iter().find_map(diagnose).map(|problem| problem.to_string());
                return Err(StageError::Watchdog(problem.unwrap_or_else(|| format!("not within {ARMED:?}"))));
            }
            sleep(Duration::from_millis(250)).await;
        }
    }

    /// Waits for a rollout, but not for pods that cannot come up any more.
    async fn rollout(&self, workload: &ObjectRef) -> Result<(), StageError> {
        let doomed = async {
            loop {
                sleep(Duration::from_secs(2)).await;
                let pods = pods_of(&self.access, workload).await.unwrap_or_default();
                if let Some(problem) = pods.iter().filter_map(diagnose).find(is_hopeless) {
                    return problem;
                }
            }
        };
        tokio::select! {
            result = wait_for_rollout(&self.access, workload, ROLLOUT) => Ok(result.map(|_| ())?),
            problem = doomed => Err(StageError::Pod(problem)),
        }
    }

    /// Whether an answer comes from a canary pod.
    fn is_canary(&self, answer: &Answer) -> bool {
        answer.pod.as_deref().is_some_and(|pod| pod.starts_with(&format!("{}-", self.names.canary)))
    }

    /// What both versions call themselves.
    async fn versions(&self, canary: Answer) -> Result<Versions, StageError> {
        let mut stable = Vec::new();
        for _ in 0..IN_A_ROW {
            stable.extend(self.prober.ask(false).await.version);
        }
        stable.sort_unstable();
        stable.dedup();
        let canary = canary.version.ok_or(StageError::NoVersion(VERSION_HEADER))?;
        if stable.is_empty() {
            return Err(StageError::NoVersion(VERSION_HEADER));
        }
        if stable.contains(&canary) {
            return Err(StageError::SameVersion(canary));
        }
        Ok(Versions { stable, canary })
    }
}

/// Whether waiting longer will not help a pod.
fn is_hopeless(problem: &PodProblem) -> bool {
    match problem {
        PodProblem::Image { .. } | PodProblem::Config { .. } => true,
        PodProblem::Crashing { restarts, .. } => *restarts >= 2,
        PodProblem::NoCapacity { .. } | PodProblem::NotReady { .. } => false,
    }
}

impl Stage for ClusterStage {
    async fn prepare(&self) -> Result<Versions, StageError> {
        let uid = self.record().await?;
        if self.plan.spec.watchdog == WatchdogPolicy::Required {
            let targets = (self.plan.spec.deployment.as_str(), self.plan.spec.route_name());
            let lifetime = self.plan.longest_seconds() as u64 + 600;
            let namespace = &self.plan.namespace;
            for object in watchdog_objects(namespace, &self.names, targets, self.run(), &uid, lifetime) {
                self.apply(&object).await?;
            }
        }
        let originals = &self.plan.originals;
        let template = self.plan.new_template();
        self.apply(&canary_service(&originals.service, &self.names.canary, &originals.label, self.run()))
            .await?;
        let deployment = canary_deployment(
            &originals.deployment,
            &self.names.canary,
            &originals.label,
            &template,
            self.run(),
        );
        self.apply(&deployment).await?;
        self.driver.aim_probe(Side::Canary).await?;
        self.events.doing("waiting for the canary's pod and for the watchdog");
        let canary = self.canary_ref();
        tokio::try_join!(self.rollout(&canary), self.wait_armed())?;
        self.events.doing("waiting for the canary to answer through the gateway");
        // An answer proves the whole way: the gateway knows the endpoints and reaches them. It may well
        // be an error of the canary itself; judging that is not the matter here.
        let answer = self
            .prober
            .until(true, IN_A_ROW, REACH, |answer| answer.status > 0 && answer.version.is_some())
            .await;
        match answer {
            Ok(answer) => self.versions(answer).await,
            Err(last) if last.status == 200 => Err(StageError::NoVersion(VERSION_HEADER)),
            Err(last) => Err(StageError::NotReached { last: last.words }),
        }
    }

    async fn scale(&self, replicas: u32) -> Result<(), StageError> {
        let canary = self.canary_ref();
        scale(&self.access, &canary, replicas).await?;
        self.rollout(&canary).await
    }

    async fn shift(&self, share: Percent) -> Result<(), StageError> {
        Ok(self.driver.shift(share).await?)
    }

    async fn replace_stable(&self) -> Result<(), StageError> {
        let target = self.plan.deployment_ref();
        let undo = Entry::restore(target.clone(), "/spec/template", &self.plan.originals.deployment);
        self.enter(Phase::Promoting, Some(undo)).await?;
        set_at(&self.access, &target, "/spec/template", &self.plan.new_template()).await?;
        self.events.object("changed", &target);
        self.driver.aim_probe(Side::Stable).await?;
        self.rollout(&target).await?;
        self.events.doing("waiting for the new stable pods to answer through the gateway");
        let old = self.plan.stable_version.clone();
        let is_new = |answer: &Answer| {
            answer.status > 0 && answer.version.is_some() && answer.version != old && !self.is_canary(answer)
        };
        let reached = self.prober.until(true, ALL_NEW, REACH, is_new).await;
        reached.map_err(|last| StageError::StableNotReached { last: last.words })?;
        self.enter(Phase::Promoted, None).await
    }

    async fn give_back(&self, percent: f64, reach: Reach) -> Result<GiveBack, StageError> {
        let began = Instant::now();
        let journal = self.journal().await;
        undo::restore(&self.access, &journal, reach, &self.events).await?;
        let api_ms = began.elapsed().as_secs_f64() * 1e3;
        if percent <= 0.0 {
            return Ok(GiveBack { api_ms, wire_ms: None });
        }
        let times = probes_to_exclude(percent);
        let last = self.prober.last_miss(began, times, WIRE, |answer| !self.is_canary(answer)).await;
        if last.is_none() {
            let message = "the canary still answers although it has no weight any more".to_owned();
            self.events.emit(crate::event::RunEvent::Warning { message });
        }
        // An answer of the canary that no probe saw can have come until the server had the weights.
        let wire_ms = last.map(|last| (last.as_secs_f64() * 1e3).max(api_ms));
        Ok(GiveBack { api_ms, wire_ms })
    }

    async fn clean_up(&self, reach: Reach) -> Result<Vec<Comparison>, StageError> {
        let journal = self.journal().await;
        undo::remove_made(&self.access, &journal, self.plan.spec.drain.0, &self.events).await?;
        let comparisons = undo::compare(&self.access, &journal, reach).await?;
        let phase = if reach == Reach::Promoted { Phase::Promoted } else { Phase::Undone };
        let mut journal = self.journal.lock().await;
        journal.phase = phase;
        self.state.write(&self.plan.run, JOURNAL_FILE, &*journal)?;
        Ok(comparisons)
    }
}
