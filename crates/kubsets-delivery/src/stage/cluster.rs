//! The mechanics on a real cluster.

use std::sync::OnceLock;
use std::time::Duration;

use kubsets_kube::{
    Access, ApiError, ApiErrorKind, ObjectRef, PodProblem, diagnose, pods_of, wait_for_rollout,
};
use kubsets_undo::object::{apply, read, reference, scale, set_at};
use kubsets_undo::{Comparison, Entry, Keeper, Phase, Reach};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::witness::{Seen, Witness, marked};
use super::{GiveBack, Stage, StageError, Versions};
use crate::driver::{Side, TrafficDriver};
use crate::event::Events;
use crate::objects::{Names, SIDE_HEADER, canary_deployment, canary_service};
use crate::plan::Plan;
use crate::probe::{Answer, Prober, VERSION_HEADER, Way, probes_to_exclude};
use crate::route::GATEWAY_API;
use kubsets_lab::operation::WatchdogPolicy;
use kubsets_lab::units::Percent;

/// Time for the canary's pods to be ready.
const ROLLOUT: Duration = Duration::from_mins(3);
/// Time for a ready pod to be reached through the gateway.
const REACH: Duration = Duration::from_secs(45);
/// Answers in a row that show a side to be reachable.
const IN_A_ROW: u32 = 10;
/// Answers in a row that show that no old stable pod is reached any more.
const ALL_NEW: u32 = 40;
/// Time that the canary may go on answering after the weights went back.
const WIRE: Duration = Duration::from_secs(15);

/// Time for the gateway to take the weights over where answers do not show it.
const UNWATCHED: Duration = Duration::from_secs(3);

/// A canary on a cluster.
pub(crate) struct ClusterStage<'a> {
    access: Access,
    plan: Plan,
    names: Names,
    driver: Box<dyn TrafficDriver>,
    prober: Prober,
    keeper: &'a Keeper,
    events: Events,
    seen: OnceLock<Seen>,
}

impl<'a> ClusterStage<'a> {
    pub(crate) fn new(
        access: &Access,
        plan: &Plan,
        driver: Box<dyn TrafficDriver>,
        keeper: &'a Keeper,
        events: &Events,
    ) -> Self {
        Self {
            access: access.clone(),
            names: plan.names(),
            prober: Prober::new(&plan.endpoint, &plan.spec.load.path, &plan.run),
            plan: plan.clone(),
            driver,
            keeper,
            events: events.clone(),
            seen: OnceLock::new(),
        }
    }

    fn object(&self, api_version: &str, kind: &str, name: &str) -> ObjectRef {
        ObjectRef::namespaced(api_version, kind, &self.plan.namespace, name)
    }

    fn canary_ref(&self) -> ObjectRef {
        self.object("apps/v1", "Deployment", &self.names.canary)
    }

    fn run(&self) -> (&kubsets_undo::RunId, Option<&str>) {
        (&self.plan.run, self.plan.spec.lab.as_deref())
    }

    /// Writes the undo of everything that follows, and starts the watchdog, before anything is done.
    async fn record(&self) -> Result<(), StageError> {
        let made = [
            self.object("v1", "Service", &self.names.canary),
            self.canary_ref(),
            self.object(GATEWAY_API, "HTTPRoute", &self.names.probe),
        ];
        let route = Entry::restore(self.plan.route_ref(), "/spec", &self.plan.originals.route);
        self.keeper.record(made.into_iter().map(Entry::delete).chain([route])).await?;
        if self.plan.spec.watchdog == WatchdogPolicy::Required {
            let lifetime = self.plan.longest_seconds() as u64 + 600;
            self.keeper.start_watchdog([self.promotion_undo().target()], lifetime).await?;
        }
        Ok(())
    }

    /// The undo of the change that promotes the new version.
    fn promotion_undo(&self) -> Entry {
        Entry::restore(self.plan.deployment_ref(), "/spec/template", &self.plan.originals.deployment)
    }

    async fn apply(&self, object: &Value) -> Result<(), StageError> {
        apply(&self.access, object).await?;
        self.events.object("created", &reference(object));
        Ok(())
    }

    /// Waits until the watchdog has marked the Lease, if there is to be one.
    async fn wait_armed(&self) -> Result<(), StageError> {
        match self.plan.spec.watchdog {
            WatchdogPolicy::Required => Ok(self.keeper.wait_armed().await?),
            WatchdogPolicy::Off => Ok(()),
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

    /// What came of a move of traffic.
    fn moved(&self, result: Result<(), ApiError>) -> Result<(), StageError> {
        result.map_err(|error| match error.kind {
            ApiErrorKind::Conflict => StageError::RulesChanged(self.plan.route_ref().to_string()),
            _ => error.into(),
        })
    }

    /// Who tells answers apart.
    fn witness(&self) -> Witness<'_> {
        Witness { marked: self.plan.marked, canary: &self.names.canary, seen: self.seen.get() }
    }

    /// What both versions call themselves.
    async fn versions(&self, canary: Answer) -> Result<Versions, StageError> {
        let mut stable = Vec::new();
        for _ in 0..IN_A_ROW {
            stable.extend(self.prober.ask(Way::Users).await.version);
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

    /// Makes the route name the side in every answer, and waits until it does. The gateway has what marks
    /// answers before users come to it.
    async fn mark(&self) -> Result<Versions, StageError> {
        self.events.doing("waiting for the route to mark answers with their side");
        self.moved(self.driver.stand_by().await)?;
        self.events.object("changed", &self.plan.route_ref());
        self.wait_marked(Way::Marked).await?;
        self.moved(self.driver.shift(Percent::default()).await)?;
        self.wait_marked(Way::Users).await?;
        let word = |side: Side| side.word().to_owned();
        Ok(Versions { stable: vec![word(Side::Stable)], canary: word(Side::Canary) })
    }

    async fn wait_marked(&self, way: Way) -> Result<(), StageError> {
        let is_stable = |answer: &Answer| marked(answer, Side::Stable);
        let reached = self.prober.until(way, IN_A_ROW, REACH, is_stable).await;
        reached.map(|_| ()).map_err(|_| StageError::NotMarked(SIDE_HEADER))
    }

    /// Milliseconds from `began` to the last answer of a canary that had so many percent. An answer that no probe
    /// saw can have come until the server had the weights.
    async fn last_canary_answer(&self, began: Instant, percent: f64, reach: Reach) -> Option<f64> {
        if percent <= 0.0 {
            return None;
        }
        let witness = self.witness();
        if !witness.tells_canary(reach) {
            sleep(UNWATCHED).await;
            return None;
        }
        let times = probes_to_exclude(percent);
        let last = self.prober.last_miss(began, times, WIRE, |answer| !witness.is_canary(answer)).await;
        if last.is_none() {
            let message = "the canary still answers although it has no weight any more".to_owned();
            self.events.emit(crate::event::RunEvent::Warning { message });
        }
        last.map(|last| last.as_secs_f64() * 1e3)
    }

    /// Leads users back to the rule of before the run while what marks answers still stands by; false where
    /// there is no such thing, or where the pods that they would come to are being replaced.
    async fn stand_by(&self) -> bool {
        self.plan.marked
            && self.seen.get().is_some()
            && self.keeper.journal().await.phase != Phase::Promoting
            && self.driver.stand_by().await.is_ok()
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

impl Stage for ClusterStage<'_> {
    async fn prepare(&self) -> Result<Versions, StageError> {
        self.record().await?;
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
        let mark = self.plan.marked;
        let tells = |answer: &Answer| {
            answer.status > 0 && if mark { marked(answer, Side::Canary) } else { answer.version.is_some() }
        };
        let answer = match self.prober.until(Way::Aimed, IN_A_ROW, REACH, tells).await {
            Ok(answer) => answer,
            Err(last) if last.status == 200 && mark => return Err(StageError::NotMarked(SIDE_HEADER)),
            Err(last) if last.status == 200 => return Err(StageError::NoVersion(VERSION_HEADER)),
            Err(last) => return Err(StageError::NotReached { last: last.words }),
        };
        let pods = answer.pod.is_some();
        let versions = if mark { self.mark().await? } else { self.versions(answer).await? };
        let seen = self.seen.get_or_init(|| Seen { versions, pods });
        Ok(seen.versions.clone())
    }

    async fn scale(&self, replicas: u32) -> Result<(), StageError> {
        let canary = self.canary_ref();
        scale(&self.access, &canary, replicas).await?;
        self.rollout(&canary).await
    }

    async fn shift(&self, share: Percent) -> Result<(), StageError> {
        self.moved(self.driver.shift(share).await)
    }

    async fn replace_stable(&self) -> Result<(), StageError> {
        let target = self.plan.deployment_ref();
        // Before its undo is on record, which would take away what somebody else wrote.
        let now = read(&self.access, &target).await?.unwrap_or_default();
        if !self.plan.has_template(&now) {
            return Err(StageError::TemplateChanged(target.to_string()));
        }
        self.keeper.enter(Phase::Promoting, [self.promotion_undo()]).await?;
        set_at(&self.access, &target, "/spec/template", &self.plan.new_template()).await?;
        self.events.object("changed", &target);
        self.driver.aim_probe(Side::Stable).await?;
        self.rollout(&target).await?;
        self.events.doing("waiting for the new stable pods to answer through the gateway");
        let witness = self.witness();
        let replaced = |answer: &Answer| witness.is_replaced(answer);
        let reached = self.prober.until(Way::Aimed, ALL_NEW, REACH, replaced).await;
        reached.map_err(|last| StageError::StableNotReached { last: last.words })?;
        Ok(self.keeper.enter(Phase::Promoted, []).await?)
    }

    async fn give_back(&self, percent: f64, reach: Reach) -> Result<GiveBack, StageError> {
        let began = Instant::now();
        let stands_by = self.stand_by().await;
        if !stands_by {
            self.keeper.restore(reach).await?;
        }
        let api_ms = began.elapsed().as_secs_f64() * 1e3;
        let wire_ms = self.last_canary_answer(began, percent, reach).await;
        if stands_by {
            // What marks answers goes with the clean-up, and by then nobody may come to it.
            let is_before = |answer: &Answer| answer.status > 0 && answer.side.is_none();
            let _ = self.prober.until(Way::Users, IN_A_ROW, WIRE, is_before).await;
        }
        Ok(GiveBack { api_ms, wire_ms: wire_ms.map(|ms| ms.max(api_ms)) })
    }

    async fn clean_up(&self, reach: Reach) -> Result<Vec<Comparison>, StageError> {
        Ok(self.keeper.undo(reach, self.plan.spec.drain.0).await?)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::driver::HttpRouteDriver;
    use crate::objects::test_objects::{stable_deployment, stable_route};
    use crate::plan::tests::plan_for;
    use crate::probe::tests::server;
    use kubsets_lab::operation::CanarySpec;
    use kubsets_undo::{FakeApi, Silent, StateDir};
    use serde_json::json;

    /// A cluster with a route, and a canary that has its Lease.
    struct Scene {
        api: FakeApi,
        access: Access,
        plan: Plan,
        keeper: Keeper,
        events: Events,
        _folder: tempfile::TempDir,
    }

    impl Scene {
        async fn begin(marked: bool) -> Self {
            let mut spec = CanarySpec::new("demo-app");
            spec.env.insert("APP_VERSION".into(), "2".into());
            spec.watchdog = WatchdogPolicy::Off;
            let plan = Plan { marked, endpoint: server(0).await, ..plan_for(spec).unwrap() };
            let (folder, api) = (tempfile::tempdir().unwrap(), FakeApi::default());
            let (state, access) = (StateDir::at(folder.path()), api.access());
            api.put("httproutes", stable_route());
            let keeper = Keeper::begin(&access, &state, plan.claim(), Arc::new(Silent)).await.unwrap();
            Self { api, access, plan, keeper, events: Events::silent(), _folder: folder }
        }

        fn stage(&self) -> ClusterStage<'_> {
            let driver = Box::new(HttpRouteDriver::new(&self.access, &self.plan));
            ClusterStage::new(&self.access, &self.plan, driver, &self.keeper, &self.events)
        }
    }

    #[tokio::test]
    async fn users_leave_the_rule_that_marks_before_it_goes() {
        for (phase, left) in [(Phase::Running, 2), (Phase::Promoting, 1)] {
            let scene = Scene::begin(true).await;
            let (Scene { api, plan, keeper, .. }, stage) = (&scene, scene.stage());
            let route = Entry::restore(plan.route_ref(), "/spec", &plan.originals.route);
            keeper.enter(phase, [route]).await.unwrap();
            stage.driver.shift(Percent::new(50.0).unwrap()).await.unwrap();
            let versions = Versions { stable: vec!["stable".into()], canary: "canary".into() };
            stage.seen.set(Seen { versions, pods: false }).unwrap();
            let given = stage.give_back(50.0, Reach::Before).await.unwrap();
            assert!(given.wire_ms.is_some());
            let rules = || api.get("httproutes/demo-app")["spec"]["rules"].as_array().cloned().unwrap();
            assert_eq!(rules().len(), left, "{phase:?}");
            assert_eq!(
                rules()[0]["matches"],
                stable_route()["spec"]["rules"][0]["matches"],
                "users go as before"
            );
            let comparisons = stage.clean_up(Reach::Before).await.unwrap();
            assert!(comparisons.iter().all(|one| one.equal), "{comparisons:?}");
            assert_eq!(rules().len(), 1);
        }
    }

    #[tokio::test]
    async fn a_pod_template_that_somebody_changed_meanwhile_is_neither_replaced_nor_restored() {
        let image = json!({"spec": {"containers": [{"name": "demo-app", "image": "demo-app:hotfix"}]}});
        let note = json!({"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}});
        for change in [Some(image), Some(note), None] {
            let scene = Scene::begin(false).await;
            let (Scene { api, plan, keeper, .. }, stage) = (&scene, scene.stage());
            api.put("deployments", stable_deployment());
            stage.record().await.unwrap();
            stage.shift(Percent::new(100.0).unwrap()).await.unwrap();
            let template = || api.get("deployments/demo-app")["spec"]["template"].take();
            let Some(change) = change else {
                stage.replace_stable().await.unwrap();
                assert_eq!(
                    (keeper.journal().await.phase, template()),
                    (Phase::Promoted, plan.new_template())
                );
                continue;
            };
            api.change("deployments/demo-app", &json!({"spec": {"template": change}}));
            let theirs = template();
            let error = stage.replace_stable().await.unwrap_err();
            assert!(
                error.to_string().starts_with("the pod template of Deployment demo-app is no longer"),
                "{error}"
            );
            assert_eq!((error.exit_code(), keeper.journal().await.phase), (5, Phase::Running));
            stage.give_back(100.0, Reach::Before).await.unwrap();
            let comparisons = stage.clean_up(Reach::Before).await.unwrap();
            assert!(comparisons.iter().all(|one| one.equal), "{comparisons:?}");
            assert_eq!(template(), theirs);
        }
    }

    #[tokio::test]
    async fn rules_that_somebody_changed_meanwhile_end_the_run_and_do_not_hinder_the_way_back() {
        let scene = Scene::begin(true).await;
        let (api, stage) = (&scene.api, scene.stage());
        stage.record().await.unwrap();
        let half = Percent::new(50.0).unwrap();
        stage.shift(half).await.unwrap();
        api.change("httproutes/demo-app", &json!({"spec": {"rules": [{"name": "theirs"}]}}));
        let error = stage.shift(half).await.unwrap_err();
        assert!(error.to_string().starts_with("somebody changed the rules of HTTPRoute demo-app"), "{error}");
        assert_eq!(error.exit_code(), 5);
        let versions = Versions { stable: vec!["stable".into()], canary: "canary".into() };
        stage.seen.set(Seen { versions, pods: false }).unwrap();
        stage.give_back(50.0, Reach::Before).await.unwrap();
        let comparisons = stage.clean_up(Reach::Before).await.unwrap();
        assert!(comparisons.iter().all(|one| one.equal), "{comparisons:?}");
    }

    #[test]
    fn an_image_that_cannot_be_had_is_not_waited_for() {
        let problem = |reason: &str| {
            let waiting = json!({"reason": reason, "message": "not found"});
            let pod = serde_json::from_value(json!({"metadata": {"name": "p"}, "status": {
                "containerStatuses": [{"name": "app", "image": "x:1", "imageID": "", "ready": false,
                                       "restartCount": 0, "state": {"waiting": waiting}}]}}));
            diagnose(&pod.unwrap())
        };
        for reason in ["ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName"] {
            assert!(is_hopeless(&problem(reason).unwrap()), "{reason}");
        }
        assert!(problem("ContainerCreating").is_none_or(|one| !is_hopeless(&one)));
    }
}
