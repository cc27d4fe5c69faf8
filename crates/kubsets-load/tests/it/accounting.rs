//! The accounting identity, ticks that add up to the report, and the forms of the report.

use std::time::Duration;

use kubsets_load::{
    Generator, HdrLog, LoadReport, LoadSpec, Protocol, Schedule, Target, Threshold, seconds_csv,
};

use crate::server::{Reply, Server};

fn mixed() -> Server {
    Server::start(|ask| match ask.number % 10 {
        0 => Reply::ok().status(503),
        1 => Reply { hang_up: true, ..Reply::ok() },
        2 => Reply::after(Duration::from_millis(400)),
        _ => Reply::after(Duration::from_millis(5)).version("1.0"),
    })
}

async fn check(change: impl FnOnce(&mut LoadSpec)) -> LoadReport {
    let server = mixed();
    let mut spec = LoadSpec::new(server.url("/"), "poisson:300".parse().unwrap());
    spec.duration = Some(Duration::from_millis(1500));
    spec.timeout = Duration::from_millis(200);
    change(&mut spec);
    let mut running = Generator::start(spec).await.unwrap();
    let mut ticks = running.ticks();
    let mut log = HdrLog::begin(Vec::new(), running.started()).unwrap();
    let (mut planned, mut done, mut never_sent, mut in_flight, mut lower_bounds) = (0, 0, 0, 0, 0);
    while let Some(tick) = ticks.next().await {
        planned += tick.planned;
        done += tick.ok + tick.failed + tick.timed_out;
        never_sent += tick.never_sent;
        in_flight = tick.in_flight;
        lower_bounds += tick.lower_bounds.count();
        assert!(tick.pending.count() >= tick.queued);
        assert_eq!(tick.ok, tick.latencies.count());
        assert_eq!(tick.ok, tick.uncorrected.count());
        assert_eq!(tick.failed + tick.timed_out, tick.errors.values().sum::<u64>());
        log.write(&tick).unwrap();
    }
    let report = running.wait().await.unwrap();
    let counts = report.accounting;
    assert!(counts.holds(), "{counts}");
    assert_eq!(planned, counts.planned);
    assert_eq!(done, counts.ok + counts.failed + counts.timed_out);
    assert_eq!(never_sent, counts.never_sent);
    assert_eq!(in_flight, counts.in_flight_at_end);
    assert_eq!(lower_bounds, counts.timed_out + counts.in_flight_at_end + counts.never_sent);
    assert_eq!(report.seconds.iter().map(|second| second.lower_bounds).sum::<u64>(), lower_bounds);
    for target in &report.targets {
        assert!(target.accounting.holds(), "{}", target.accounting);
    }
    assert_eq!(report.targets.iter().map(|t| t.accounting.planned).sum::<u64>(), counts.planned);
    let seconds = report.seconds.len();
    assert_eq!(seconds_csv(&report.seconds).lines().count(), seconds + 1);
    assert!(String::from_utf8(log.finish().unwrap()).unwrap().lines().count() > seconds);
    report
}

#[tokio::test]
async fn the_identity_holds_with_every_kind_of_end() {
    let report = check(|_| {}).await;
    let counts = report.accounting;
    assert!(counts.ok > 0 && counts.failed > 0 && counts.timed_out > 0, "{counts}");
    let breach = |text: &str| text.parse::<Threshold>().unwrap().breach(&report);
    assert_eq!(breach("p99 > 10s"), None);
    assert!(breach("errors > 0.1%").unwrap().starts_with("errors > 0.1%, measured "));
    assert_eq!(breach("failed < 0"), None);
    let text = serde_json::to_string(&report).unwrap();
    let again: LoadReport = serde_json::from_str(&text).unwrap();
    assert_eq!(again.accounting, counts);
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["apiVersion"], "kubsets.dev/v1alpha1");
    assert_eq!(value["kind"], "LoadReport");
    assert!(value["total"]["corrected"]["p99.9"].is_number());
    assert!(value["total"]["errors"]["reset"].as_u64().unwrap() > 0);
    assert!(value["total"]["errors"]["5xx"].as_u64().unwrap() > 0);
}

#[tokio::test]
async fn it_holds_with_too_few_connections_and_an_abrupt_end() {
    let report = check(|spec| {
        spec.connections = 3;
        spec.queue = 10;
        spec.drain = Some(Duration::ZERO);
    })
    .await;
    assert!(report.accounting.never_sent > 0, "{}", report.identity);
}

#[tokio::test]
async fn it_holds_with_several_workers_targets_and_protocols() {
    for protocol in [Protocol::Http1PerRequest, Protocol::Http2] {
        let report = check(|spec| {
            let mut second = Target::get(spec.targets[0].url.clone() + "other");
            second.weight = 3;
            spec.targets.push(second);
            spec.workers = 3;
            spec.protocol = protocol;
        })
        .await;
        let [one, three] = report.targets.as_slice() else { panic!("two targets") };
        let share = three.accounting.planned as f64 / report.accounting.planned as f64;
        assert!((share - 0.75).abs() < 0.01, "{share} {}", one.accounting);
    }
}

#[tokio::test]
async fn a_generator_that_cannot_keep_up_still_takes_up_the_whole_plan() {
    let server = Server::start(|_| Reply::after(Duration::from_millis(400)));
    let mut spec = LoadSpec::new(server.url("/"), Schedule::constant(2e7));
    spec.limits.rate = f64::INFINITY;
    spec.duration = Some(Duration::from_millis(50));
    (spec.connections, spec.queue) = (1, 10);
    spec.drain = Some(Duration::ZERO);
    let report = Generator::start(spec).await.unwrap().wait().await.unwrap();
    assert!(report.accounting.holds(), "{}", report.identity);
    assert_eq!(report.accounting.planned, 1_000_000);
    assert_eq!(report.total.corrected.count, 1_000_000);
}

#[tokio::test]
async fn a_stall_is_in_the_seconds_in_which_it_is() {
    let server = Server::start(|_| Reply::after(Duration::from_secs(20)));
    let mut spec = LoadSpec::new(server.url("/"), Schedule::constant(50.0));
    spec.duration = Some(Duration::from_secs(3));
    spec.timeout = Duration::from_millis(1200);
    (spec.connections, spec.queue) = (5, 10);
    let mut running = Generator::start(spec).await.unwrap();
    let mut ticks = running.ticks();
    let first = ticks.next().await.unwrap();
    assert!(first.latencies.is_empty() && first.lower_bounds.is_empty());
    assert!(first.pending.max().unwrap() >= Duration::from_millis(800), "{:?}", first.pending);
    assert!(first.pending.count() >= 40, "refused requests wait too: {}", first.pending.count());
    // The timeouts of the first second are told long before the end.
    let mut early = 0;
    for _ in 0..2 {
        early += ticks.next().await.unwrap().corrected().count_above(Duration::from_secs(1));
    }
    assert!(early >= 5, "{early}");
    let report = running.wait().await.unwrap();
    assert!(report.seconds[1].p99_ms.unwrap() >= 1000.0, "{:?}", report.seconds[1]);
}

#[tokio::test]
async fn it_holds_in_a_closed_loop() {
    let report = check(|spec| spec.schedule = "closed:7/10ms".parse().unwrap()).await;
    assert_eq!(report.model, "closed");
    assert!(report.accounting.planned > 50, "{}", report.identity);
    let apart = report.total.corrected.p50 - report.total.uncorrected.p50;
    assert!(apart.abs() < 1.0, "{apart} ms");
}

#[tokio::test]
async fn a_replay_sends_at_its_instants_and_ends() {
    let server = Server::start(|_| Reply::ok());
    let schedule = kubsets_load::parse_instants("0\n100ms\n0.2\n0.9\n").unwrap();
    let mut running = Generator::start(LoadSpec::new(server.url("/"), schedule)).await.unwrap();
    let report = running.wait().await.unwrap();
    assert_eq!(report.accounting.ok, 4);
    assert!((0.9..2.0).contains(&report.elapsed_s), "{}", report.elapsed_s);
}
