//! The picture at two sizes, from a run made of events.

use kubsets_delivery::{Record, RunEvent, ShareReport, SideTick, SwitchReport, TickEvent};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::Color;

use super::*;
use crate::ui::tui::model::Facts;

const PLAIN: Look = Look { unicode: true, color: false };

fn at(seconds: f64, event: RunEvent) -> Record {
    Record { at: "2026-01-01T12:00:00Z".into(), seconds, event }
}

fn tick(second: u64, percent: f64) -> RunEvent {
    let canary = (percent as u64) + second % 2;
    let failed = u64::from(second.is_multiple_of(5));
    RunEvent::Tick(Box::new(TickEvent {
        second,
        percent,
        judged: true,
        stalled: false,
        planned: 100,
        stable: SideTick {
            requests: 100 - canary,
            failed: 0,
            p50_ms: Some(1.2),
            p99_ms: Some(4.0 + (second % 3) as f64),
            ..SideTick::default()
        },
        canary: SideTick {
            requests: canary,
            failed,
            p50_ms: Some(1.4),
            p99_ms: Some(6.0 + (second % 7) as f64),
            ..SideTick::default()
        },
        dropped: 0,
        never_sent: 0,
        in_flight: 2,
        fail_evidence: 1.0 + second as f64 / 4.0,
        fail_needed: 100.0,
        pass_evidence: 2.5,
        pass_needed: 20.0,
        share: Some(ShareReport::new(percent, second * percent as u64, second * 100)),
        reason: "hold: 4 of 220 canary requests failed, 0 of 1980 of stable".into(),
    }))
}

/// A run in the middle of its second step.
fn view() -> CanaryView {
    let mut view = CanaryView::new(Facts { context: "kubsets".into(), title: "bad-errors".into() });
    let began = RunEvent::Started {
        run: "260101-120000-ab12".into(),
        lab: Some("canary.bad-errors".into()),
        deployment: "demo-app".into(),
        namespace: "kubsets-demo".into(),
        plan_hash: "00".into(),
        url: "http://198.19.128.11:30080/api/info".into(),
        rate: 100.0,
        steps: vec![5.0, 10.0, 25.0, 50.0, 100.0],
    };
    view.update(&at(0.0, began));
    view.update(&at(0.1, RunEvent::Doing { what: "waiting for the canary's pods".into() }));
    view.update(&at(8.0, RunEvent::Ready { stable: vec!["0.1.0".into()], canary: "0.1.1-bad".into() }));
    view.update(&at(
        23.0,
        RunEvent::Frozen { requests: 1500, thresholds_ms: [1.2, 2.1, 4.9], margins: None, slow: None },
    ));
    let step = |step, percent, budget_seconds| RunEvent::StepBegan {
        step,
        of: 5,
        percent,
        replicas: 1,
        budget_seconds,
    };
    view.update(&at(23.0, step(1, 5.0, 120.0)));
    for second in 23..50 {
        view.update(&at(second as f64, tick(second, 5.0)));
    }
    let share = ShareReport::new(5.0, 130, 2600);
    view.update(&at(50.0, RunEvent::StepEnded { step: 1, passed: true, seconds: 27.0, share }));
    view.update(&at(
        50.2,
        RunEvent::Switched(SwitchReport {
            from_percent: 5.0,
            to_percent: 10.0,
            at_seconds: 50.2,
            api_ms: 12.0,
            requests: 300,
            dropped: 0,
            stable_failed: 0,
            canary_failed: 1,
        }),
    ));
    view.update(&at(50.3, step(2, 10.0, 120.0)));
    for second in 51..73 {
        view.update(&at(second as f64, tick(second, 10.0)));
    }
    view
}

fn screen(view: &CanaryView, width: u16, height: u16, look: Look) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("is made");
    terminal.draw(|frame| draw(frame, view, look)).expect("is drawn");
    terminal.backend().to_string()
}

#[test]
fn evidence_stays_on_the_way_back() {
    let mut view = view();
    let evidence = |view: &CanaryView| {
        let screen = screen(view, 80, 24, PLAIN);
        let lines = screen.lines().filter(|line| line.contains("FAIL canary") || line.contains("PASS under"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let before = evidence(&view);
    let unjudged = TickEvent { fail_needed: 100.0, pass_needed: 20.0, ..TickEvent::default() };
    view.update(&at(74.0, RunEvent::Tick(Box::new(unjudged))));
    assert_eq!(before.len(), 2);
    assert_eq!(evidence(&view), before);
}

#[test]
fn a_small_terminal() {
    insta::assert_snapshot!(screen(&view(), 80, 24, PLAIN));
}

#[test]
fn a_small_terminal_without_unicode() {
    insta::assert_snapshot!(screen(&view(), 80, 24, Look { unicode: false, color: false }));
}

#[test]
fn a_large_terminal() {
    insta::assert_snapshot!(screen(&view(), 120, 40, PLAIN));
}

#[test]
fn before_the_first_event() {
    let view = CanaryView::new(Facts { context: "kubsets".into(), title: "good-release".into() });
    insta::assert_snapshot!(screen(&view, 80, 24, PLAIN));
}

#[test]
fn a_share_of_no_requests_is_not_measured() {
    let mut view = view();
    view.share = None;
    let RunEvent::Tick(mut tick) = tick(70, 10.0) else { panic!("a tick") };
    tick.share = Some(ShareReport::new(10.0, 0, 0));
    view.update(&at(70.0, RunEvent::Tick(tick)));
    assert!(screen(&view, 80, 24, PLAIN).contains("not measured yet"));
}

#[test]
fn the_question_takes_the_last_line() {
    let mut view = view();
    view.ask(true);
    let screen = screen(&view, 80, 24, PLAIN);
    assert!(
        screen.lines().last().is_some_and(|line| line.contains("Abort and give all traffic back")),
        "{screen}"
    );
}

#[test]
fn failure_is_red_and_success_green() {
    let mut view = view();
    view.update(&at(
        73.0,
        RunEvent::Decided { decision: "roll-back".into(), reason: "the canary is worse".into() },
    ));
    let mut terminal = Terminal::new(TestBackend::new(80, 24)).expect("is made");
    let look = Look { unicode: true, color: true };
    terminal.draw(|frame| draw(frame, &view, look)).expect("is drawn");
    let first: Vec<_> =
        terminal.backend().buffer().content()[..80].iter().filter(|cell| cell.fg == Color::Red).collect();
    assert_eq!(first.len(), "roll-back".len());
}

#[test]
fn a_screen_that_is_too_small_says_so() {
    assert!(screen(&view(), 60, 10, PLAIN).contains("needs 80x24, has 60x10"));
}

#[test]
fn events_alone_take_the_screen_on_demand() {
    let mut view = view();
    view.toggle_log();
    let screen = screen(&view, 80, 24, PLAIN);
    assert!(!screen.contains("Evidence") && screen.contains("both versions answer"), "{screen}");
}
