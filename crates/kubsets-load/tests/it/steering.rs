//! Changing and ending a run while it goes on.

use std::time::{Duration, Instant};

use kubsets_load::{Generator, LoadError, LoadSpec, Schedule, Tick};

use crate::server::{Reply, Server};

/// Asserts that as many requests were planned as the rate says, as far as the machine let the generator run.
fn near(tick: &Tick, rate: f64) {
    let allowed = 3.0 + rate * tick.lag_ms * 2.0 / 1e3;
    let planned = tick.planned as f64;
    assert!((planned - rate).abs() <= allowed, "{planned} planned at {rate}, lag {} ms", tick.lag_ms);
}

#[tokio::test]
async fn the_rate_follows_and_the_run_ends_when_told() {
    let server = Server::start(|_| Reply::ok());
    let spec = LoadSpec::new(server.url("/"), Schedule::constant(50.0));
    let running = Generator::start(spec).await.unwrap();
    let mut ticks = running.ticks();
    let first = ticks.next().await.unwrap();
    near(&first, 50.0);
    assert_eq!(first.rate, Some(50.0));
    running.set_rate(300.0).unwrap();
    ticks.next().await.unwrap();
    let third = ticks.next().await.unwrap();
    near(&third, 300.0);
    assert_eq!(third.rate, Some(300.0));
    running.set_rate(0.0).unwrap();
    ticks.next().await.unwrap();
    assert_eq!(ticks.next().await.unwrap().planned, 0);
    assert!(matches!(running.set_rate(1e9), Err(LoadError::Spec(_))));
    assert!(matches!(running.set_rate(f64::NAN), Err(LoadError::Spec(_))));
    let report = running.stop().await.unwrap();
    assert!(report.accounting.holds(), "{}", report.identity);
    assert_eq!(report.accounting.ok, report.accounting.planned);
    assert!((4.9..6.0).contains(&report.planned_s), "{}", report.planned_s);
    while ticks.next().await.is_some() {}
}

#[tokio::test]
async fn an_aborted_run_waits_for_nothing() {
    let server = Server::start(|_| Reply::after(Duration::from_secs(20)));
    let running = Generator::start(LoadSpec::new(server.url("/"), Schedule::constant(20.0))).await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let start = Instant::now();
    let report = running.abort().await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    assert_eq!(report.accounting.in_flight_at_end, report.accounting.planned);
    assert!(report.accounting.planned > 5);
}

#[tokio::test]
async fn waiting_can_be_given_up_and_taken_up_again() {
    let server = Server::start(|_| Reply::ok());
    let mut spec = LoadSpec::new(server.url("/"), "closed:2/5ms".parse().unwrap());
    spec.duration = Some(Duration::from_secs(1));
    let mut running = Generator::start(spec).await.unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(100), running.wait()).await.is_err());
    assert!(matches!(running.set_rate(5.0), Err(LoadError::NotSteerable)));
    let report = running.wait().await.unwrap();
    assert!(report.accounting.ok > 20);
    assert!(matches!(running.wait().await, Err(LoadError::Lost)));
}
