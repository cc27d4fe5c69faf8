//! The views of a lab, from runs made of events.

use kubsets_delivery::{Record, RunEvent, ShareReport, SideTick, TickEvent};
use kubsets_engine::{
    Checked, LabEvent, LabRecord, LoadTick, Outcome, PodChanges, PodSeen, StepStatus, UndoReport, Verdict,
    When,
};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::*;
use crate::ui::tui::lab::LabFacts;

const PLAIN: Look = Look { unicode: true, color: false };
const ASCII: Look = Look { unicode: false, color: false };

fn tell(view: &mut LabView, seconds: f64, event: LabEvent) {
    let record = LabRecord { at: "2026-01-01T12:00:00Z".into(), seconds, event };
    view.take(&record);
}

fn second(view: &mut LabView, second: u64) {
    let failed = if (10..13).contains(&second) { 8 } else { 0 };
    let tick = LoadTick {
        load: "users".into(),
        second,
        planned: 100,
        ok: 100 - failed,
        failed,
        never_sent: 0,
        in_flight: 2,
        p50_ms: Some(1.25),
        p99_ms: Some(6.5 + (second % 4) as f64),
        ..LoadTick::default()
    };
    tell(view, 5.0 + second as f64, LabEvent::Load(tick));
}

fn began(view: &mut LabView, seconds: f64, step: usize, name: &str, operation: &str) {
    let question = (step == 2).then(|| "How many requests fail until the Service knows?".into());
    let (name, operation) = (name.into(), operation.into());
    tell(view, seconds, LabEvent::StepBegan { step, name, operation, question, timeout_seconds: 60.0 });
}

fn ended(view: &mut LabView, at: f64, step: usize, status: StepStatus, seconds: f64, message: &str) {
    let result = serde_json::Value::Null;
    tell(view, at, LabEvent::StepEnded { step, status, seconds, message: message.into(), result });
}

fn checked(expected: &str, seen: &str, held: bool) -> Checked {
    Checked { expected: expected.into(), seen: seen.into(), held }
}

/// A run in the middle of its third step.
fn view() -> LabView {
    let facts = LabFacts { context: "kubsets".into(), lab: "chaos/pod-kill".into() };
    let mut view = LabView::new(facts);
    let started = LabEvent::Started {
        run: "260101-120000-ab12".into(),
        lab: "chaos/pod-kill".into(),
        question:
            "What do users notice when one of three pods is killed, and for how long does the rest carry \
                   the load alone?"
                .into(),
        namespace: "kubsets-demo".into(),
        plan_hash: "00".into(),
        steps: ["traffic", "kill a pod", "wait until all pods are ready", "count"].map(Into::into).to_vec(),
        longest_seconds: 240.0,
    };
    tell(&mut view, 0.0, started);
    let steady = checked("three pods are ready", "ready was 3", true);
    tell(&mut view, 0.5, LabEvent::Steady { when: When::Before, checked: steady });
    began(&mut view, 1.0, 1, "traffic", "load");
    ended(&mut view, 5.0, 1, StepStatus::Passed, 4.0, "in the background");
    (0..9).for_each(|at| second(&mut view, at));
    began(&mut view, 14.0, 2, "kill a pod", "delete");
    tell(&mut view, 14.1, LabEvent::Doing { what: "deleting pod demo-app-1".into() });
    ended(&mut view, 14.6, 2, StepStatus::Passed, 0.6, "demo-app-1 is gone");
    began(&mut view, 14.7, 3, "wait until all pods are ready", "wait");
    (9..13).for_each(|at| second(&mut view, at));
    tell(&mut view, 18.0, LabEvent::Doing { what: "2 of 3 pods are ready".into() });
    view
}

/// The same run at its end.
fn over(verdict: Verdict) -> LabView {
    let mut view = view();
    (13..20).for_each(|at| second(&mut view, at));
    ended(&mut view, 25.0, 3, StepStatus::Passed, 10.3, "3 of 3");
    began(&mut view, 25.0, 4, "count", "query");
    ended(&mut view, 25.2, 4, StepStatus::Failed, 0.2, "prometheus does not answer");
    let held = verdict == Verdict::Pass;
    tell(&mut view, 25.3, LabEvent::Expected(checked("few requests fail", "users.failed was 24", held)));
    tell(&mut view, 26.0, LabEvent::Evidence { title: "events".into(), text: "first\nsecond".into() });
    let undo = UndoReport { seconds: 0.7, comparisons: Vec::new(), equal: true };
    tell(&mut view, 26.7, LabEvent::Undone(undo));
    let outcome = Outcome {
        api_version: String::new(),
        kind: String::new(),
        run: "260101-120000-ab12".into(),
        lab: "chaos/pod-kill".into(),
        question: String::new(),
        namespace: String::new(),
        params: kubsets_lab::Values::default(),
        verdict,
        reason: "not so: few requests fail (users.failed was 24)".into(),
        steps: Vec::new(),
        steady_state: Vec::new(),
        expectations: Vec::new(),
        results: serde_json::Map::new(),
        seconds: 26.8,
        undo: None,
        repeat_command: "kubectl kubsets lab run chaos/pod-kill".into(),
        cleanup_command: None,
        exit_code: 1,
    };
    tell(&mut view, 26.8, LabEvent::Finished(Box::new(outcome)));
    view
}

fn screen(view: &LabView, page: Page, look: Look) -> String {
    sized(view, page, look, (80, 24))
}

fn sized(view: &LabView, page: Page, look: Look, (width, height): (u16, u16)) -> String {
    let view = LabView { chosen: Some(page), ..view.clone() };
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("is made");
    terminal.draw(|frame| draw(frame, &view, look)).expect("is drawn");
    terminal.backend().to_string()
}

#[test]
fn overview() {
    insta::assert_snapshot!(screen(&view(), Page::Overview, PLAIN));
}

#[test]
fn overview_at_the_end() {
    insta::assert_snapshot!(screen(&over(Verdict::Fail), Page::Overview, ASCII));
}

#[test]
fn traffic() {
    insta::assert_snapshot!(screen(&view(), Page::Traffic, PLAIN));
}

#[test]
fn steps() {
    insta::assert_snapshot!(screen(&over(Verdict::Fail), Page::Steps, PLAIN));
}

#[test]
fn log() {
    insta::assert_snapshot!(screen(&over(Verdict::Fail), Page::Log, PLAIN));
}

#[test]
fn help() {
    insta::assert_snapshot!(screen(&view(), Page::Help, PLAIN));
}

#[test]
fn pods() {
    let mut view = view();
    let pod = |name: &str, ready, state: &str| PodSeen {
        name: name.into(),
        ready,
        containers: 1,
        state: state.into(),
        restarts: 0,
        node: "worker-1".into(),
        created: Some("2026-01-01T11:47:30Z".into()),
    };
    let first = PodChanges {
        changed: vec![
            pod("demo-app-7c9f8b6d5-abcde", 1, "Running"),
            pod("demo-app-7c9f8b6d5-fghij", 1, "Running"),
            pod("demo-app-7c9f8b6d5-zzzzz", 1, "Terminating"),
            pod("migrate-x7k2p", 0, "Succeeded"),
        ],
        gone: Vec::new(),
    };
    tell(&mut view, 18.0, LabEvent::Pods(first));
    let next = PodChanges {
        changed: vec![pod("demo-app-7c9f8b6d5-fghij", 0, "CrashLoopBackOff")],
        gone: vec!["demo-app-7c9f8b6d5-zzzzz".into()],
    };
    tell(&mut view, 18.0, LabEvent::Pods(next));
    insta::assert_snapshot!(screen(&view, Page::Pods, PLAIN));
    // What was not told again grows older all the same.
    view.seconds += 60.0;
    assert!(screen(&view, Page::Pods, PLAIN).contains("13m 30s"));
}

/// A `canary run` in its first step: a lab of one canary.
fn canary() -> LabView {
    let facts = LabFacts { context: "kubsets".into(), lab: "canary/bad-errors".into() };
    let mut view = LabView::new(facts);
    let started = LabEvent::Started {
        run: "260101-120000-ab12".into(),
        lab: "canary/bad-errors".into(),
        question: "How many users notice a new version that fails 5 % of its requests?".into(),
        namespace: "kubsets-demo".into(),
        plan_hash: "00".into(),
        steps: vec!["release".into()],
        longest_seconds: 240.0,
    };
    tell(&mut view, 0.0, started);
    began(&mut view, 0.5, 1, "release", "canary");
    let canary = |seconds, event| {
        let inner = Record { at: "2026-01-01T12:00:00Z".into(), seconds, event };
        LabEvent::Canary(Box::new(inner))
    };
    let began = RunEvent::StepBegan { step: 1, of: 1, percent: 10.0, replicas: 1, budget_seconds: 120.0 };
    tell(&mut view, 31.0, canary(1.0, began));
    let side = |requests, failed| SideTick { requests, failed, ..SideTick::default() };
    for second in 0..20 {
        let tick = TickEvent {
            second,
            percent: 10.0,
            judged: true,
            stable: side(90, 0),
            canary: side(10, second % 4),
            fail_evidence: 12.0 + second as f64,
            fail_needed: 100.0,
            pass_evidence: 0.4,
            pass_needed: 20.0,
            share: Some(ShareReport::new(10.0, 10 * (second + 1), 100 * (second + 1))),
            ..TickEvent::default()
        };
        let at = 2.0 + second as f64;
        tell(&mut view, 31.0 + at, canary(at, RunEvent::Tick(Box::new(tick))));
    }
    view
}

#[test]
fn a_canary_run_has_the_views_of_a_lab_on_small_and_large_terminals() {
    for size in [(80, 24), (120, 40)] {
        let page = |page| sized(&canary(), page, PLAIN, size);
        let overview = page(Page::Overview);
        for words in [
            "[1 overview]",
            "lab canary/bad-errors",
            "step 1 of 1: release (canary)",
            "canary at 10 %: stable 90/s, 0 failed; canary 10/s, 3 failed",
            "share 10.0 ±",
            "evidence: worse 31.0 of 100, as good 0.4 of 20",
        ] {
            assert!(overview.contains(words), "{words}: {overview}");
        }
        let traffic = page(Page::Traffic);
        for words in ["[2 traffic]", "FAIL canary is worse", "31.0 of 100", "target 10 %", "measured 10.0 ±"]
        {
            assert!(traffic.contains(words), "{words}: {traffic}");
        }
        assert!(page(Page::Steps).contains("release"));
        assert!(
            page(Page::Log).contains("[4 log]") && page(Page::Help).contains("abort and undo everything")
        );
        let lines = |text: &str| text.lines().count();
        assert!([&overview, &traffic].iter().all(|text| lines(text) == usize::from(size.1)), "{size:?}");
    }
}

#[test]
fn a_canary_is_shown_by_itself_until_the_verdict() {
    assert_eq!(view().page(), Page::Overview, "a lab of other steps");
    let mut canary = canary();
    assert_eq!(canary.page(), Page::Traffic);
    canary.ending = over(Verdict::Fail).ending;
    assert_eq!(canary.page(), Page::Overview);
    canary.chosen = Some(Page::Log);
    assert_eq!(canary.page(), Page::Log, "a choice stays");
}

#[test]
fn what_failed_is_marked_without_colour() {
    let text = screen(&over(Verdict::Fail), Page::Steps, ASCII);
    assert!(text.lines().any(|line| line.contains("! ") && line.contains("prometheus")), "{text}");
}

#[test]
fn a_replay_says_so_and_offers_no_undo() {
    let text = screen(&view().replayed(10.0), Page::Overview, PLAIN);
    assert!(text.contains("replay x10") && !text.contains("abort"), "{text}");
}
