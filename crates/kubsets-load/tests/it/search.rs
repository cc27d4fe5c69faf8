//! The search for the highest rate.

use std::time::Duration;

use kubsets_load::{FindMaxOptions, LoadSpec, Objective, Schedule, find_max};

use crate::server::{Reply, Server};

#[tokio::test]
async fn the_capacity_of_a_server_is_found() {
    // One at a time and at least 10 ms each: not more than 100 per second.
    let server = Server::start(|_| Reply { alone: true, ..Reply::after(Duration::from_millis(10)) });
    let mut base = LoadSpec::new(server.url("/"), Schedule::constant(1.0));
    base.drain = Some(Duration::from_millis(500));
    base.stall_limit = Duration::from_secs(1);
    base.late_limit = Duration::from_secs(1);
    let objective = Objective { p99: Duration::from_millis(250), error_rate: 0.0 };
    let options = FindMaxOptions {
        start: 10.0,
        trial: Duration::from_secs(1),
        precision: 0.25,
        pause: Duration::from_millis(300),
        ..FindMaxOptions::default()
    };
    let mut told = 0;
    let found = find_max(&base, objective, options, |_| told += 1).await.unwrap();
    let rate = found.rate.unwrap();
    assert!((10.0..=125.0).contains(&rate), "{found:?}");
    assert!(found.broken_at.unwrap() > rate);
    assert_eq!(told, found.trials.len());
}

#[tokio::test]
async fn senseless_options_are_refused() {
    let base = LoadSpec::new("http://127.0.0.1:1/", Schedule::constant(1.0));
    let objective = Objective { p99: Duration::from_millis(50), error_rate: 0.0 };
    let options = FindMaxOptions { precision: 0.0, ..FindMaxOptions::default() };
    let error = find_max(&base, objective, options, |_| {}).await.unwrap_err();
    assert_eq!(error.to_string(), "the precision must be between 0 and 1");
}
