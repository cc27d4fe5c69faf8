//! A second as an event.

use kubsets_load::{Tick, VersionTick};

use super::{Machine, TickSource};
use crate::bench::{Look, dropped, split};
use crate::event::{RunEvent, SideTick, Spread, TickEvent};
use crate::stage::Stage;

impl<S: Stage, T: TickSource> Machine<'_, S, T> {
    /// Tells what happened in a second, and what the judge thinks of it.
    pub(super) fn tell(&self, tick: &Tick, look: Option<&Look>) {
        let canary = self.versions.as_ref().map_or("", |versions| versions.canary.as_str());
        let (stable, canary) = split(tick, canary);
        let evidence = look.map(|look| look.decision.evidence());
        self.events.emit(RunEvent::Tick(Box::new(TickEvent {
            second: tick.second,
            percent: self.percent,
            judged: look.is_some(),
            planned: tick.planned,
            stalled: tick.disturbed,
            stable: SideTick { slow: self.bench.slow(&stable), ..side(&stable) },
            canary: SideTick { slow: self.bench.slow(&canary), ..side(&canary) },
            dropped: dropped(tick),
            never_sent: tick.never_sent,
            in_flight: tick.in_flight,
            fail_evidence: evidence.map_or(0.0, |evidence| evidence.fail),
            fail_needed: self.bench.fail_needed(),
            pass_evidence: look.map_or(0.0, |look| look.step_evidence),
            pass_needed: self.bench.pass_needed(),
            share: self.ledger.share(),
            reason: evidence.map(|evidence| evidence.reason.clone()).unwrap_or_default(),
        })));
    }
}

fn side(version: &VersionTick) -> SideTick {
    let millis = |q| version.latencies.quantile(q).map(|latency| latency.as_secs_f64() * 1e3);
    SideTick {
        requests: version.count,
        failed: version.bad,
        p50_ms: millis(0.5),
        p99_ms: millis(0.99),
        spread: Spread::of(&version.latencies),
        slow: None,
    }
}
