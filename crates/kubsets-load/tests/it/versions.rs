//! What is read out of answers and put into requests.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use kubsets_load::{Generator, LoadReport, LoadSpec, Parcel, Protocol, Schedule, Share, Target};

use crate::server::{Reply, Server};

#[tokio::test]
async fn versions_are_counted_with_their_bad_answers_and_latencies() {
    let server = Server::start(|ask| match ask.number % 10 {
        0 => Reply::after(Duration::from_millis(60)).version("2.0"),
        5 => Reply::ok().version("2.0").status(500),
        7 => Reply::ok(),
        _ => Reply::ok().version("1.0"),
    });
    let mut spec = LoadSpec::new(server.url("/api/info"), Schedule::constant(200.0));
    spec.duration = Some(Duration::from_secs(2));
    let mut running = Generator::start(spec).await.unwrap();
    let mut ticks = running.ticks();
    let (mut stable, mut canary, mut slow, mut unversioned) = (0, (0, 0), 0, 0);
    while let Some(tick) = ticks.next().await {
        stable += tick.version("1.0").map_or(0, |v| v.count);
        if let Some(version) = tick.version("2.0") {
            canary = (canary.0 + version.count, canary.1 + version.bad);
            slow += version.latencies.count_above(Duration::from_millis(50));
        }
        unversioned += tick.unversioned.count;
        assert_eq!(tick.unanswered(), 0);
    }
    assert_eq!((stable, canary, unversioned), (280, (80, 40), 40));
    assert_eq!(slow, 40);
    let report = running.wait().await.unwrap();
    let names: Vec<&str> = report.versions.iter().map(|v| v.name.as_str()).collect();
    assert_eq!(names, ["1.0", "2.0"]);
    assert_eq!(report.versions[1].accounting.failed, 40);
    assert!(report.versions[1].corrected.min >= 60.0);
    assert_eq!(report.total.statuses["5xx"], 40);
    assert_eq!(report.version_table().rows.len(), 2);
    let (answers, bad) = report.seconds[0].versions["2.0"];
    assert!((36..=40).contains(&answers) && bad <= answers, "{answers} {bad}");
}

#[tokio::test]
async fn reports_of_several_generators_add_up() {
    let run = |delay, version: &'static str| async move {
        let server = Server::start(move |_| Reply::after(Duration::from_millis(delay)).version(version));
        let mut spec = LoadSpec::new(server.url("/"), Schedule::constant(100.0));
        spec.targets[0].name = "api".to_owned();
        spec.duration = Some(Duration::from_secs(1));
        Generator::start(spec).await.unwrap().wait().await.unwrap()
    };
    let (fast, slow) = tokio::join!(run(5, "1.0"), run(200, "2.0"));
    let whole = LoadReport::merge([fast.clone(), slow.clone()]).unwrap();
    assert!(whole.accounting.holds());
    assert_eq!(whole.accounting.planned, 200);
    assert_eq!(whole.targets.len(), 1);
    assert_eq!(whole.targets[0].accounting, whole.accounting);
    assert_eq!(whole.versions.len(), 2);
    assert_eq!(whole.total.histograms.corrected.count(), 200);
    let mut all = fast.total.histograms.corrected.clone();
    all.merge(&slow.total.histograms.corrected);
    let p90 = all.quantile(0.9).unwrap().as_secs_f64() * 1e3;
    assert!((whole.total.corrected.p90 - p90).abs() < 1e-9);
    assert!(p90 > fast.total.corrected.p50 && p90 <= slow.total.corrected.max);
    assert_eq!(whole.seconds.iter().map(|second| second.planned).sum::<u64>(), 200);
    assert_eq!(whole.is_valid(), fast.is_valid() && slow.is_valid());
    assert_eq!(LoadReport::merge([]), None);
}

#[tokio::test]
async fn parts_that_travelled_add_up_to_the_whole_run() {
    let paths = Arc::new(Mutex::new(Vec::new()));
    let store = Arc::clone(&paths);
    let server = Server::start(move |ask| {
        store.lock().unwrap().push(ask.path.trim_start_matches('/').parse::<u64>().unwrap());
        Reply::after(Duration::from_millis(5 + ask.number % 7)).version("1.0")
    });
    let run = |index| {
        let mut spec = LoadSpec::new(server.url("/{{seq}}"), Schedule::constant(90.0));
        spec.duration = Some(Duration::from_secs(1));
        spec.part = Share { index, of: 3 };
        spec.workers = 2;
        async move { Generator::start(spec).await.unwrap().wait().await.unwrap() }
    };
    let (one, two, three) = tokio::join!(run(0), run(1), run(2));
    let mut direct = one.total.histograms.corrected.clone();
    direct.merge(&two.total.histograms.corrected);
    direct.merge(&three.total.histograms.corrected);
    let travelled = [one, two, three].map(|report| {
        assert_eq!(report.accounting.planned, 30);
        let line = serde_json::to_string(&Parcel::pack(report.clone()).unwrap()).unwrap();
        assert!(!line.contains('\n'));
        let opened = serde_json::from_str::<Parcel>(&line).unwrap().open().unwrap();
        assert_eq!(opened.accounting, report.accounting);
        // The text of a figure may lose its last binary digit; what figures are made from does not.
        for (travelled, stayed) in [
            (&opened.total, &report.total),
            (&opened.targets[0], &report.targets[0]),
            (&opened.versions[0], &report.versions[0]),
        ] {
            assert_eq!(travelled.histograms, stayed.histograms);
            assert_eq!(travelled.accounting, stayed.accounting);
        }
        opened
    });
    let whole = LoadReport::merge(travelled).unwrap();
    assert!(whole.accounting.holds());
    assert_eq!((whole.accounting.planned, whole.accounting.ok), (90, 90));
    assert_eq!(whole.total.histograms.corrected, direct);
    assert_eq!(whole.versions[0].accounting.ok, 90);
    assert!((whole.seconds[0].rate.unwrap() - 90.0).abs() < 1e-9);
    let mut paths = paths.lock().unwrap().clone();
    paths.sort_unstable();
    assert_eq!(paths, (0..90).collect::<Vec<_>>());
    let mut spec = LoadSpec::new(server.url("/"), Schedule::constant(1.0));
    spec.part = Share { index: 3, of: 3 };
    assert_eq!(spec.check().unwrap_err().to_string(), "part 3 of 3 does not exist (parts count from 0)");
}

#[tokio::test]
async fn requests_carry_what_the_target_says() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let store = Arc::clone(&seen);
    let server = Server::start(move |ask| {
        let header = |name: &str| ask.headers.get(name).map(|v| v.to_str().unwrap().to_owned());
        store.lock().unwrap().push((
            ask.path.clone(),
            header("x-order"),
            header("traceparent"),
            String::from_utf8(ask.body.to_vec()).unwrap(),
        ));
        Reply::ok().version("1")
    });
    let target = Target {
        method: "POST".to_owned(),
        headers: vec![("x-order".to_owned(), "{{uuid}}".to_owned())],
        body: "{\"item\":\"tea\",\"n\":{{seq}}}".to_owned(),
        ..Target::get(server.url("/orders/{{seq}}"))
    };
    let mut spec = LoadSpec::new("", Schedule::constant(100.0));
    spec.targets = vec![target];
    spec.trace_ratio = Some(1.0);
    spec.duration = Some(Duration::from_millis(500));
    let report = Generator::start(spec).await.unwrap().wait().await.unwrap();
    assert_eq!(report.accounting.ok, 50);
    let mut seen = seen.lock().unwrap().clone();
    seen.sort_by_key(|(path, ..)| path.trim_start_matches("/orders/").parse::<u32>().unwrap());
    for (number, (path, id, parent, body)) in seen.iter().enumerate() {
        assert_eq!(path, &format!("/orders/{number}"));
        assert_eq!(id.as_ref().unwrap().len(), 36);
        assert!(parent.as_ref().unwrap().ends_with("-01"));
        assert_eq!(body, &format!("{{\"item\":\"tea\",\"n\":{number}}}"));
    }
    let traces: Vec<_> = report.exemplars.iter().map(|e| e.trace_id.clone().unwrap()).collect();
    assert_eq!(traces.len(), 8);
    assert!(
        traces.iter().all(|id| seen.iter().any(|(_, _, parent, _)| parent.as_ref().unwrap().contains(id)))
    );
}

#[tokio::test]
async fn connections_are_kept_made_anew_or_shared() {
    for (protocol, least, most) in
        [(Protocol::Http1, 1, 12), (Protocol::Http1PerRequest, 100, 100), (Protocol::Http2, 1, 1)]
    {
        let server = Server::start(|_| Reply::after(Duration::from_millis(20)));
        let mut spec = LoadSpec::new(server.url("/"), Schedule::constant(200.0));
        spec.duration = Some(Duration::from_millis(500));
        spec.connections = 12;
        spec.protocol = protocol;
        let report = Generator::start(spec).await.unwrap().wait().await.unwrap();
        assert_eq!(report.accounting.ok, 100, "{protocol:?} {:?}", report.total.errors);
        let connections = server.connections.load(std::sync::atomic::Ordering::Relaxed);
        assert!((least..=most).contains(&connections), "{protocol:?} {connections}");
    }
}
