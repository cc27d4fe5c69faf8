//! The picture at two sizes, from made-up seconds.

use std::time::Duration;

use kubsets_load::{Latencies, Tick, VersionTick};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::*;
use crate::ui::tui::load::model::LoadFacts;

const PLAIN: Look = Look { unicode: true, color: false };

/// Buckets as a report holds them.
fn latencies(buckets: &[(u64, u64)]) -> Latencies {
    serde_json::from_value(serde_json::json!(buckets)).expect("is a list of bounds and counts")
}

fn tick(second: u64) -> Tick {
    let slow = if second % 9 == 8 { 40 } else { 2 };
    let good = latencies(&[(700_000, 300), (4_000_000, 90 - slow), (180_000_000, slow)]);
    let mut tick = Tick {
        second,
        planned: 400,
        ok: 390,
        failed: 8,
        timed_out: 1,
        never_sent: 1,
        in_flight: 3,
        queued: 7,
        rate: Some(400.0),
        lag_ms: 0.2,
        uncorrected: latencies(&[(700_000, 300), (4_000_000, 90)]),
        ..Tick::default()
    };
    tick.errors = serde_json::from_str(r#"{"5xx": 8, "timeout": 1}"#).expect("are kinds");
    tick.versions.insert("1.0".to_owned(), VersionTick { count: 398, bad: 8, latencies: good.clone() });
    tick.latencies = good;
    tick
}

fn view() -> LoadView {
    let mut view = LoadView::new(LoadFacts {
        title: "GET http://127.0.0.1:8080/api/info".into(),
        how: "400 (open loop), http/1.1, at most 128 connections".into(),
        duration: Some(Duration::from_mins(1)),
        steerable: true,
    });
    (0..45).for_each(|second| view.update(&tick(second)));
    view
}

fn screen(view: &LoadView, width: u16, height: u16, look: Look) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("is made");
    terminal.draw(|frame| draw(frame, view, look)).expect("is drawn");
    terminal.backend().to_string()
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
fn the_keys_are_explained_in_place_of_the_strip() {
    let mut view = view();
    view.help = true;
    view.paused_at = Some(400.0);
    insta::assert_snapshot!(screen(&view, 80, 24, PLAIN));
}

#[test]
fn a_stall_is_seen_while_it_lasts() {
    let mut view = view();
    let pending = latencies(&[(9_000_000_000, 400)]);
    view.update(&Tick { second: 45, planned: 400, in_flight: 128, queued: 272, pending, ..Tick::default() });
    let text = screen(&view, 80, 24, PLAIN);
    let newest = text.lines().find(|line| line.contains("last second")).expect("is drawn");
    assert!(newest.contains("400   ≥ 9.00 s   ≥ 9.00 s"), "{newest}");
    let text = screen(&view, 80, 24, Look { unicode: false, color: false });
    assert!(text.contains(">= 9.00 s") && text.is_ascii(), "{text}");
}

#[test]
fn before_the_first_second_and_too_small() {
    let view = LoadView::new(LoadFacts { title: "x".repeat(300), ..LoadFacts::default() });
    let text = screen(&view, 80, 24, PLAIN);
    assert!(text.contains("running") && text.contains("0:00"), "{text}");
    assert!(screen(&view, 60, 10, PLAIN).contains("needs 80x24, has 60x10"));
}
