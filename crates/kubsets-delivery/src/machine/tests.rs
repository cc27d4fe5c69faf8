//! The machine with a fake stage and made-up seconds: no cluster, no waiting.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use super::*;
use crate::bench::tests::second;
use crate::outcome::RunVerdict;
use crate::plan::tests::plan_for;
use crate::stage::GiveBack;
use kubsets_lab::operation::CanarySpec;
use kubsets_lab::units::Percent;
use kubsets_undo::Comparison;

/// Records what it is asked to do, and remembers the share.
#[derive(Default)]
struct FakeStage {
    calls: Mutex<Vec<String>>,
    share: Arc<Mutex<f64>>,
    fail_at: Option<&'static str>,
    panic_at: Option<&'static str>,
}

impl FakeStage {
    fn call(&self, name: &str, detail: &str) -> Result<(), StageError> {
        self.calls.lock().unwrap().push(format!("{name}{detail}"));
        assert!(self.panic_at != Some(name), "a bug");
        if self.fail_at == Some(name) { Err(StageError::Watchdog("fake".into())) } else { Ok(()) }
    }

    fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }
}

impl Stage for FakeStage {
    async fn prepare(&self) -> Result<Versions, StageError> {
        self.call("prepare", "")?;
        Ok(Versions { stable: vec!["1".into()], canary: "2".into() })
    }

    async fn scale(&self, replicas: u32) -> Result<(), StageError> {
        self.call("scale", &format!(" {replicas}"))
    }

    async fn shift(&self, share: Percent) -> Result<(), StageError> {
        *self.share.lock().unwrap() = share.share();
        self.call("shift", &format!(" {share}"))
    }

    async fn replace_stable(&self) -> Result<(), StageError> {
        self.call("replace", "")
    }

    async fn give_back(&self, _percent: f64, reach: Reach) -> Result<GiveBack, StageError> {
        *self.share.lock().unwrap() = 0.0;
        self.call("give-back", &format!(" {reach:?}"))?;
        Ok(GiveBack { api_ms: 3.0, wire_ms: Some(5.0) })
    }

    async fn clean_up(&self, reach: Reach) -> Result<Vec<Comparison>, StageError> {
        self.call("clean-up", &format!(" {reach:?}"))?;
        Ok(Vec::new())
    }
}

/// Seconds in which the canary gets its share of 200 requests and fails every n-th of its own.
struct FakeTicks {
    share: Arc<Mutex<f64>>,
    fails_every: Option<u64>,
    seen: u64,
    on_second: VecDeque<(u64, CancellationToken)>,
    count: u64,
    /// No requests at all once traffic is to move.
    quiet: bool,
    /// Share that the canary gets whatever is ordered.
    stuck_at: Option<f64>,
    stalls: bool,
    /// Latency of the canary in milliseconds.
    latency: u64,
}

impl FakeTicks {
    fn new(stage: &FakeStage, fails_every: Option<u64>) -> Self {
        let share = Arc::clone(&stage.share);
        Self {
            share,
            fails_every,
            seen: 0,
            on_second: VecDeque::new(),
            count: 0,
            quiet: false,
            stuck_at: None,
            stalls: false,
            latency: 10,
        }
    }
}

impl TickSource for FakeTicks {
    async fn next(&mut self) -> Option<Arc<Tick>> {
        tokio::task::yield_now().await;
        self.count += 1;
        if let Some((_, token)) = self.on_second.pop_front_if(|(second, _)| *second == self.count) {
            token.cancel();
        }
        let ordered = *self.share.lock().unwrap();
        let share = self.stuck_at.filter(|_| ordered > 0.0).unwrap_or(ordered);
        let total = if self.quiet && ordered > 0.0 { 0 } else { 200 };
        let canary = (total as f64 * share).round() as u64;
        let failed = self.fails_every.map_or(0, |every| {
            let before = self.seen / every;
            self.seen += canary;
            self.seen / every - before
        });
        let mut tick = second((total - canary, 0, 10), (canary, failed, self.latency));
        tick.disturbed = self.stalls && ordered > 0.0;
        Some(Arc::new(tick))
    }
}

fn spec() -> CanarySpec {
    let mut spec = CanarySpec::new("demo-app");
    spec.env.insert("APP_VERSION".into(), "2".into());
    spec.load.rate = 200.0;
    spec
}

fn bench(plan: &Plan) -> Bench {
    Bench::new(&plan.judge, plan.spec.judge.latency_floor.0).unwrap()
}

async fn run(spec: CanarySpec, stage: &FakeStage, ticks: FakeTicks, cancel: &CancellationToken) -> Ended {
    let plan = plan_for(spec).unwrap();
    let (_keep, lock) = watch::channel(LockState::Held);
    let machine = Machine::new(&plan, stage, bench(&plan), ticks, &Events::silent(), (cancel, lock));
    machine.run().await
}

#[tokio::test]
async fn a_good_canary_climbs_all_steps_and_is_promoted() {
    let stage = FakeStage::default();
    let ticks = FakeTicks::new(&stage, None);
    let ended = run(spec(), &stage, ticks, &CancellationToken::new()).await;
    assert_eq!(ended.stop.verdict(), (RunVerdict::Promoted, 0));
    assert_eq!(
        stage.calls(),
        [
            "prepare",
            "shift 5%",
            "shift 10%",
            "shift 25%",
            "shift 50%",
            "scale 2",
            "shift 100%",
            "replace",
            "give-back Promoted",
            "clean-up Promoted"
        ]
    );
    assert_eq!(ended.steps.len(), 5);
    assert!(ended.steps.iter().all(|step| step.passed));
    let shown = ended.steps[1].evidence.unwrap();
    assert!(shown.pass >= shown.needed && shown.errors.canary.n >= 299, "{shown:?}");
    let (weakest, _) = crate::outcome::weakest(&ended.steps).unwrap();
    let least = ended.steps.iter().map(|step| step.evidence.unwrap().pass).fold(f64::INFINITY, f64::min);
    assert!((weakest.evidence.unwrap().pass - least).abs() < 1e-9);
    assert!((ended.steps[1].share.percent - 10.0).abs() < 1e-9);
    assert_eq!(ended.switches.len(), 6);
    assert_eq!(ended.totals.failed_for_users, 0);
    assert!(ended.undo.unwrap().equal);
}

#[tokio::test]
async fn a_bad_canary_goes_back_from_its_first_step() {
    let stage = FakeStage::default();
    let ticks = FakeTicks::new(&stage, Some(20));
    let ended = run(spec(), &stage, ticks, &CancellationToken::new()).await;
    assert_eq!(ended.stop.verdict(), (RunVerdict::RolledBack, 1));
    assert_eq!(stage.calls(), ["prepare", "shift 5%", "give-back Before", "clean-up Before"]);
    assert!(ended.totals.canary_failed >= 3);
    assert!(ended.evidence.unwrap().fail >= 100.0);
    assert_eq!(ended.steps.len(), 1);
    assert!(!ended.steps[0].passed);
}

#[tokio::test]
async fn the_record_has_what_a_slow_canary_was_judged_by() {
    let stage = FakeStage::default();
    let ticks = FakeTicks { latency: 200, ..FakeTicks::new(&stage, None) };
    let plan = plan_for(spec()).unwrap();
    let (_keep, lock) = watch::channel(LockState::Held);
    let (sender, mut told) = tokio::sync::mpsc::unbounded_channel();
    let cancel = CancellationToken::new();
    let events = Events::new(sender);
    let ended = Machine::new(&plan, &stage, bench(&plan), ticks, &events, (&cancel, lock)).run().await;
    drop(events);
    assert_eq!(ended.stop.verdict(), (RunVerdict::RolledBack, 1), "{}", ended.stop.reason());
    let mut judge = kubsets_judge::Judge::new(plan.judge.clone()).unwrap();
    let mut verdict = Verdict::Hold;
    while let Some(record) = told.recv().await {
        match record.event {
            RunEvent::Frozen { thresholds_ms, margins, slow, .. } => {
                let margins = margins.unwrap();
                judge.freeze(&kubsets_judge::Thresholds { above: thresholds_ms, margins });
                assert!(slow.is_some_and(|slow| slow.answers > 1000 && slow.above[0] == 0));
            }
            RunEvent::Tick(tick) if tick.judged => {
                let slow = tick.canary.slow.unwrap();
                assert_eq!((slow.answers, slow.above), (tick.canary.requests, [slow.answers; 3]));
                verdict = judge.observe(&tick.judge_tick()).verdict();
            }
            _ => {}
        }
    }
    assert_eq!(verdict, Verdict::Fail);
}

#[tokio::test]
async fn an_interrupt_goes_back_from_where_it_comes() {
    let cancel = CancellationToken::new();
    let stage = FakeStage::default();
    let mut ticks = FakeTicks::new(&stage, None);
    ticks.on_second.push_back((30, cancel.clone()));
    let ended = run(spec(), &stage, ticks, &cancel).await;
    assert_eq!(ended.stop.verdict(), (RunVerdict::Aborted, 130));
    assert!(stage.calls().ends_with(&["give-back Before".to_owned(), "clean-up Before".to_owned()]));
}

#[tokio::test]
async fn another_terminal_ends_a_run_as_its_own_does() {
    let stage = FakeStage::default();
    let plan = plan_for(spec()).unwrap();
    let (sender, lock) = watch::channel(LockState::Held);
    let (ticks, cancel) = (FakeTicks::new(&stage, None), CancellationToken::new());
    let machine = Machine::new(&plan, &stage, bench(&plan), ticks, &Events::silent(), (&cancel, lock));
    sender.send(LockState::AbortWanted("another terminal".into())).unwrap();
    let ended = machine.run().await;
    assert_eq!(ended.stop.verdict(), (RunVerdict::Aborted, 130));
    assert_eq!(ended.stop.reason(), "abort asked for by another terminal");
    assert!(stage.calls().ends_with(&["give-back Before".to_owned(), "clean-up Before".to_owned()]));
}

#[tokio::test]
async fn no_traffic_is_no_evidence() {
    let stage = FakeStage::default();
    let mut ticks = FakeTicks::new(&stage, None);
    ticks.quiet = true;
    let mut spec = spec();
    spec.judge.latency = false;
    let ended = run(spec, &stage, ticks, &CancellationToken::new()).await;
    assert_eq!(ended.stop.verdict(), (RunVerdict::Inconclusive, 3));
    assert!(stage.calls().contains(&"give-back Before".to_owned()));
}

#[tokio::test]
async fn a_wrong_split_and_a_stalled_generator_are_no_want_of_evidence() {
    for (stalls, stuck_at) in [(false, Some(0.2)), (false, Some(0.0)), (true, None)] {
        let stage = FakeStage::default();
        let mut ticks = FakeTicks::new(&stage, None);
        (ticks.stalls, ticks.stuck_at) = (stalls, stuck_at);
        let ended = run(spec(), &stage, ticks, &CancellationToken::new()).await;
        assert_eq!(ended.stop.verdict(), (RunVerdict::Invalid, 3), "{}", ended.stop.reason());
        let part = if stalls { "the load generator stalled in" } else { "not split as ordered" };
        assert!(ended.stop.reason().contains(part), "{}", ended.stop.reason());
        assert!(stage.calls().contains(&"give-back Before".to_owned()));
    }
}

#[tokio::test]
async fn a_failing_stage_goes_back_and_says_why() {
    for fail_at in ["prepare", "shift", "replace"] {
        let stage = FakeStage { fail_at: Some(fail_at), ..FakeStage::default() };
        let ticks = FakeTicks::new(&stage, None);
        let ended = run(spec(), &stage, ticks, &CancellationToken::new()).await;
        assert_eq!(ended.stop.verdict().0, RunVerdict::Error, "{fail_at}");
        let calls = stage.calls();
        assert!(calls.contains(&"give-back Before".to_owned()), "{fail_at}: {calls:?}");
        assert!(ended.stop.reason().contains("fake"));
    }
}

#[tokio::test]
async fn a_panic_goes_back_too() {
    for panic_at in ["prepare", "shift", "replace"] {
        let stage = FakeStage { panic_at: Some(panic_at), ..FakeStage::default() };
        let ticks = FakeTicks::new(&stage, None);
        let ended = run(spec(), &stage, ticks, &CancellationToken::new()).await;
        assert_eq!(ended.stop.verdict(), (RunVerdict::Error, 5), "{panic_at}");
        assert_eq!(ended.stop.reason(), "kubsets itself broke: a bug");
        let calls = stage.calls();
        assert!(calls.ends_with(&["give-back Before".to_owned(), "clean-up Before".to_owned()]), "{calls:?}");
        assert!(ended.undo.is_ok());
    }
}

#[tokio::test]
async fn who_lost_the_lease_touches_nothing_more() {
    let stage = FakeStage::default();
    let ticks = FakeTicks::new(&stage, None);
    let plan = plan_for(spec()).unwrap();
    let (sender, lock) = watch::channel(LockState::Held);
    let machine = Machine::new(
        &plan,
        &stage,
        bench(&plan),
        ticks,
        &Events::silent(),
        (&CancellationToken::new(), lock),
    );
    sender.send(LockState::Lost("kubsets-watchdog has taken the lease over".into())).unwrap();
    let ended = machine.run().await;
    assert!(ended.undo.is_err());
    assert!(!stage.calls().iter().any(|call| call.starts_with("give-back")), "{:?}", stage.calls());
}
