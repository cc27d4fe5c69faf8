//! A run from a plan to its outcome.

use std::sync::Arc;
use std::time::Duration;

use kubsets_kube::{Access, Hint, with_causes};
use kubsets_lab::{HIDDEN, Secrets};
use kubsets_load::{Generator, LoadSpec, Running, Schedule, Target, shown};
use kubsets_undo::canonical::hash;
use kubsets_undo::object::read;
use kubsets_undo::{Keeper, Recorder, StateDir};
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;

use crate::bench::Bench;
use crate::driver::HttpRouteDriver;
use crate::event::{Events, Record, RunEvent};
use crate::machine::{Ended, Machine, Stop};
use crate::objects::SIDE_HEADER;
use crate::outcome::{Outcome, RunVerdict, Totals, exit, weakest};
use crate::plan::Plan;
use crate::record::{EVENTS_FILE, LOAD_FILE, PLAN_FILE, RUN_FILE};
use crate::stage::{ClusterStage, StageError};

/// Executes a plan. It ends with the new version everywhere or the old one everywhere, and says which.
///
/// Events go to `listener` and into the run's folder. Cancelling the token brings the old version
/// back before this returns; it is cancelled too when another terminal asks for an end, so that what the
/// run is a part of hears of it. Should this process die, the watchdog in the cluster does it.
pub async fn run(
    access: &Access,
    plan: &Plan,
    state: &StateDir,
    listener: UnboundedSender<Record>,
    cancel: &CancellationToken,
) -> Outcome {
    let access = access.clone().with_namespace(&plan.namespace);
    let record = &state.hiding(&plan.secrets());
    if let Err(error) = record.write(&plan.run, PLAN_FILE, &plan.without_secrets()) {
        return outcome(plan, failed(error.into()), 0.0);
    }
    let (recorder, sender) = Recorder::start(record, &plan.run, EVENTS_FILE, listener);
    let events = Events::new(sender);
    events.emit(RunEvent::Started {
        run: plan.run.to_string(),
        lab: plan.spec.lab.clone(),
        deployment: plan.spec.deployment.clone(),
        namespace: plan.namespace.clone(),
        plan_hash: plan.hash.clone(),
        url: shown(&format!("{}{}", plan.endpoint.url, plan.spec.load.path)),
        rate: plan.spec.load.rate,
        steps: plan.steps.iter().map(|step| step.percent.value()).collect(),
    });
    let ended = match Box::pin(execute(&access, plan, (state, record), &events, cancel)).await {
        Ok(ended) => ended,
        Err(error) => failed(error),
    };
    let outcome = told(outcome(plan, ended, events.seconds()), record.secrets());
    if let Err(error) = record.write(&plan.run, RUN_FILE, &outcome) {
        events.emit(RunEvent::Warning { message: error.to_string() });
    }
    events.emit(RunEvent::Finished(Box::new(outcome.clone())));
    drop(events);
    recorder.finish().await;
    outcome
}

/// Everything between taking the Lease and giving it back. The journal goes to `state`, reports to `record`.
async fn execute(
    access: &Access,
    plan: &Plan,
    (state, record): (&StateDir, &StateDir),
    events: &Events,
    cancel: &CancellationToken,
) -> Result<Ended, StageError> {
    // Whatever can be refused without the cluster comes before the Lease.
    let bench = Bench::new(&plan.judge, plan.spec.judge.latency_floor.0)
        .map_err(|error| StageError::Judge(error.to_string()))?;
    access.permit_namespace(&plan.namespace).await?;
    still_as_planned(access, plan).await?;
    let keeper = Keeper::begin(access, state, plan.claim(), Arc::new(events.clone())).await?;
    let driver = Box::new(HttpRouteDriver::new(access, plan));
    let stage = ClusterStage::new(access, plan, driver, &keeper, events);
    let load = match Generator::start(load_spec(plan)).await {
        Ok(load) => load,
        Err(error) => {
            keeper.close().await?;
            return Err(StageError::Load(with_causes(&error)));
        }
    };
    let machine = Machine::new(plan, &stage, bench, load.ticks(), events, (cancel, keeper.lock_state()));
    let mut ended = Box::pin(machine.run()).await;
    // Without an answer of the server there is no wish that could be heard.
    let wish = keeper.abort_wish().await.ok().flatten();
    if wish.is_some() {
        cancel.cancel();
    }
    ended.stop = ended.stop.when_asked(wish, cancel.is_cancelled());
    keep_report(load, plan, record, events).await;
    // What is not as before stays on record: the watchdog tries again, and so does `canary undo`.
    if ended.undo.as_ref().is_ok_and(|undo| undo.equal) {
        keeper.close().await?;
    }
    Ok(ended)
}

/// The plan was made from these very objects; otherwise it is worth nothing.
async fn still_as_planned(access: &Access, plan: &Plan) -> Result<(), StageError> {
    let planned =
        [(plan.deployment_ref(), &plan.originals.deployment), (plan.route_ref(), &plan.originals.route)];
    for (object, original) in planned {
        let now = read(access, &object).await?.unwrap_or_default();
        if hash(&now["spec"]) != hash(&original["spec"]) {
            return Err(StageError::Changed(object.to_string()));
        }
    }
    Ok(())
}

/// The load that a plan asks for, until it is stopped.
fn load_spec(plan: &Plan) -> LoadSpec {
    let settings = &plan.spec.load;
    let mut target = Target::get(format!("{}{}", plan.endpoint.url, settings.path));
    if let Some(host) = &plan.endpoint.host {
        target.headers.push(("host".into(), host.clone()));
    }
    let mut spec = LoadSpec::new(target.url.clone(), Schedule::constant(settings.rate));
    spec.targets = vec![target];
    if plan.marked {
        SIDE_HEADER.clone_into(&mut spec.version_header);
    }
    spec.connections = settings.connections;
    spec.timeout = settings.timeout.0;
    spec.drain = Some(Duration::from_secs(2));
    spec.limits.duration = Duration::from_secs_f64(plan.longest_seconds() + 300.0);
    spec.duration = Some(spec.limits.duration);
    spec.limits.rate = spec.limits.rate.max(settings.rate);
    // The address is that of the cluster that the user named, not of a stranger.
    spec.vouch_for(&plan.endpoint.url);
    spec
}

async fn keep_report(load: Running, plan: &Plan, record: &StateDir, events: &Events) {
    match load.stop().await {
        Ok(report) => {
            for reason in &report.validity.reasons {
                events.emit(RunEvent::Warning { message: format!("load generator: {reason}") });
            }
            if let Err(error) = record.write(&plan.run, LOAD_FILE, &report) {
                events.emit(RunEvent::Warning { message: error.to_string() });
            }
        }
        Err(error) => events.emit(RunEvent::Warning { message: error.to_string() }),
    }
}

/// A run that ended before its machine began.
fn failed(error: StageError) -> Ended {
    Ended {
        stop: Stop::Failed(error),
        undo: Ok(crate::outcome::UndoReport {
            api_ms: 0.0,
            wire_ms: None,
            total_ms: 0.0,
            comparisons: Vec::new(),
            equal: true,
        }),
        versions: None,
        evidence: None,
        totals: Totals::default(),
        steps: Vec::new(),
        switches: Vec::new(),
        seconds_to_verdict: None,
        seconds_in_step: None,
    }
}

/// An outcome without secrets.
fn told(outcome: Outcome, secrets: &Secrets) -> Outcome {
    if secrets.is_empty() {
        return outcome;
    }
    // Where a secret stood in the place of a word with a meaning, the words are left out.
    secrets.removed_from(&outcome).unwrap_or_else(|| Outcome {
        reason: HIDDEN.into(),
        hint: None,
        stable_version: None,
        canary_version: None,
        evidence: None,
        steps: Vec::new(),
        switches: Vec::new(),
        undo: None,
        ..outcome
    })
}

/// The outcome of what happened.
fn outcome(plan: &Plan, ended: Ended, seconds: f64) -> Outcome {
    let (verdict, mut exit_code) = ended.stop.verdict();
    let mut reason = ended.stop.reason();
    if let (Stop::Passed(None), Some((step, shown))) = (&ended.stop, weakest(&ended.steps)) {
        let (percent, pass, needed) = (step.percent, shown.pass, shown.needed);
        reason = format!("{reason}, at {percent}% with the least evidence: {pass:.0} of {needed:.0} needed");
    }
    let mut hint = ended.stop.hint();
    let taken_over = matches!(ended.stop, Stop::TakenOver(_));
    let incomplete = match &ended.undo {
        Ok(report) => !report.equal,
        Err(error) => {
            if !taken_over {
                reason = format!("{reason}; the way back failed: {error}");
                hint = hint.or_else(|| error.hint());
            }
            !taken_over
        }
    };
    let undone_command = format!("kubectl kubsets canary undo {}", plan.run);
    if incomplete {
        exit_code = exit::CLEANUP;
    }
    // Marks are no versions.
    let versions = ended.versions.filter(|_| !plan.marked);
    let mut outcome = Outcome {
        api_version: "kubsets.dev/v1alpha1".into(),
        kind: "CanaryOutcome".into(),
        run: plan.run.clone(),
        lab: plan.spec.lab.clone(),
        namespace: plan.namespace.clone(),
        deployment: plan.spec.deployment.clone(),
        stable_version: versions.as_ref().map(|all| all.stable.join(", ")).or(plan.stable_version.clone()),
        canary_version: versions.map(|all| all.canary).or(plan.canary_version.clone()),
        verdict,
        reason,
        hint,
        evidence: ended.evidence,
        dropped_by_switching: ended.switches.iter().map(|switch| switch.dropped).sum(),
        steps: ended.steps,
        switches: ended.switches,
        totals: ended.totals,
        seconds_to_verdict: ended.seconds_to_verdict,
        seconds_in_step: ended.seconds_in_step,
        seconds,
        undo: ended.undo.ok(),
        cleanup_command: incomplete.then_some(undone_command),
        exit_code,
        expectations: Vec::new(),
    };
    if verdict == RunVerdict::Error && outcome.exit_code == exit::PROMOTED {
        outcome.exit_code = exit::CLUSTER;
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::plan_for;
    use kubsets_lab::operation::CanarySpec;
    use kubsets_undo::FakeApi;
    use serde_json::json;
    use tokio::sync::mpsc::unbounded_channel;

    fn plan() -> Plan {
        let mut spec = CanarySpec::new("demo-app");
        spec.env.insert("APP_VERSION".into(), "2".into());
        plan_for(spec).unwrap()
    }

    #[test]
    fn load_goes_to_the_gateway_for_as_long_as_needed() {
        let plan = plan();
        let spec = load_spec(&plan);
        spec.check().unwrap();
        assert_eq!(spec.targets[0].url, "http://127.0.0.1:30080/api/info");
        assert!(spec.duration.unwrap().as_secs_f64() > plan.longest_seconds());
        assert!(spec.allow_hosts.contains(&"127.0.0.1".to_owned()));
    }

    #[tokio::test]
    async fn a_namespace_that_is_not_ours_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let api = FakeApi::default();
        api.put("namespaces", json!({"metadata": {"name": "shop"}}));
        let (listener, _events) = unbounded_channel();
        let (state, cancel) = (StateDir::at(folder.path()), CancellationToken::new());
        let outcome = run(&api.access(), &plan(), &state, listener, &cancel).await;
        assert_eq!((outcome.exit_code, api.changes()), (exit::USAGE, 0));
        assert!(outcome.reason.contains("does not carry the label"), "{}", outcome.reason);
    }

    #[tokio::test]
    async fn no_file_of_a_run_holds_a_secret() {
        let folder = tempfile::tempdir().unwrap();
        let api = FakeApi::default();
        api.put("namespaces", json!({"metadata": {"name": "shop"}}));
        let mut spec = CanarySpec::new("demo-app");
        spec.env.insert("API_TOKEN".into(), "t0ken-of-mine".into());
        spec.load.path = "/api/info?key=p4th-t0ken".into();
        let plan = plan_for(spec).unwrap();
        let (listener, mut events) = unbounded_channel();
        let (state, cancel) = (StateDir::at(folder.path()), CancellationToken::new());
        run(&api.access(), &plan, &state, listener, &cancel).await;
        let mut texts: Vec<String> = std::fs::read_dir(state.run(&plan.run))
            .unwrap()
            .map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap())
            .collect();
        assert_eq!(texts.len(), 3, "plan, events, outcome");
        texts.extend(std::iter::from_fn(|| events.try_recv().ok()).map(|one| format!("{one:?}")));
        for text in texts {
            assert!(!text.contains("t0ken"), "{text}");
        }
    }

    #[test]
    fn marks_tell_sides_and_are_no_versions() {
        let plain = plan();
        assert_eq!(load_spec(&plain).version_header, "x-kubsets-version");
        let marked = Plan { marked: true, ..plain };
        assert_eq!(load_spec(&marked).version_header, "x-kubsets-side");
        let mut ended = failed(StageError::NotMarked("x"));
        ended.versions =
            Some(crate::stage::Versions { stable: vec!["stable".into()], canary: "canary".into() });
        let outcome = outcome(&marked, ended, 1.0);
        assert_eq!(
            (outcome.stable_version.as_deref(), outcome.canary_version.as_deref()),
            (Some("0.1.0"), Some("2"))
        );
        // Something was changed, and taken back: not what exit code 2 means.
        assert_eq!(outcome.exit_code, 5);
        assert!(outcome.hint.is_some());
    }

    #[tokio::test]
    async fn a_judge_that_is_refused_leaves_no_lease() {
        let (folder, api) = (tempfile::tempdir().unwrap(), kubsets_undo::FakeApi::default());
        let state = StateDir::at(folder.path());
        let mut plan = plan();
        plan.judge.alpha = 7.0;
        let cancel = CancellationToken::new();
        let refused = execute(&api.access(), &plan, (&state, &state), &Events::silent(), &cancel).await;
        assert!(matches!(refused, Err(StageError::Judge(_))), "{refused:?}");
        assert!(api.requests().is_empty(), "{:?}", api.requests());
    }

    #[test]
    fn an_incomplete_way_back_has_its_own_exit_code_and_command() {
        let mut ended = failed(StageError::NoVersion("x"));
        ended.stop = Stop::Worse("worse".into());
        assert_eq!(
            outcome(&plan(), failed(StageError::NoVersion("x")), 1.0).hint,
            StageError::NoVersion("x").hint()
        );
        assert_eq!(outcome(&plan(), ended, 1.0).exit_code, 1);
        let mut ended = failed(StageError::NoVersion("x"));
        ended.stop = Stop::Worse("worse".into());
        ended.undo = Err(StageError::Load("gone".into()));
        let outcome = outcome(&plan(), ended, 1.0);
        assert_eq!(outcome.exit_code, 7);
        assert_eq!(outcome.cleanup_command.unwrap(), "kubectl kubsets canary undo 261120-120000-abcd");
        assert!(outcome.reason.contains("the way back failed"));
    }
}
