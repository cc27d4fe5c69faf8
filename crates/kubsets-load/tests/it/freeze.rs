//! A generator that is itself frozen must say so, and still tell what that cost. It runs in a child process, which is
//! stopped for two seconds.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use kubsets_load::{Generator, LoadReport, LoadSpec, Schedule};

use crate::server::{Reply, Server};

const URL: &str = "KUBSETS_LOAD_TEST_URL";
const OUT: &str = "KUBSETS_LOAD_TEST_OUT";
const RATE: &str = "KUBSETS_LOAD_TEST_RATE";
const SECONDS: &str = "KUBSETS_LOAD_TEST_SECONDS";
/// How long it is stopped.
const PAUSE: Duration = Duration::from_secs(2);
/// Most that a busy machine may add to what a figure may be off, in milliseconds.
const MOST_SLACK_MS: f64 = 100.0;

#[tokio::test]
async fn a_frozen_generator_calls_the_run_invalid() {
    let (rate, seconds) = (200.0, 5);
    let server = Server::start(|_| Reply::ok());
    let (mut child, out) = start(&server, rate, seconds);
    has_begun(&server, &mut child).await;
    // The pause lies between these: a signal arrives some time before `kill` has ended.
    let (before_stop, stopped) = signal("-STOP", child.id());
    tokio::time::sleep(PAUSE).await;
    let (before_go, going) = signal("-CONT", child.id());
    let (shortest, longest) = (ms(before_go - stopped), ms(going - before_stop));
    assert!(tokio::task::spawn_blocking(move || child.wait()).await.unwrap().unwrap().success());
    let report = read(&out);
    std::fs::remove_file(&out).unwrap();

    assert!(!report.is_valid());
    assert!(
        report.validity.reasons[0].contains("the generator itself stood still for"),
        "{:?}",
        report.validity
    );
    let slack = (server.lag_ms() + longest - shortest).min(MOST_SLACK_MS);
    let near = |measured: f64, truth: f64| {
        let miss = (measured - truth).abs();
        assert!(miss <= truth * 0.02 + slack, "measured {measured} ms, truth {truth} ms, slack {slack} ms");
    };
    let pause = f64::midpoint(shortest, longest);
    near(report.pacing.longest_pause_ms, pause);
    // The second of the standstill, the one in which it ended and the next are marked.
    let disturbed = report.seconds.iter().filter(|second| second.disturbed).count();
    assert!(disturbed >= 4, "{:?}", report.seconds);
    assert!(!report.seconds[0].disturbed || report.seconds[0].lag_ms > 250.0);
    // Nothing is swept under the rug: the plan was kept, and what it cost is in the percentiles.
    assert!(report.accounting.holds(), "{}", report.identity);
    let planned = rate * seconds as f64;
    assert!((report.accounting.planned as f64 - planned).abs() < 1e-9, "{}", report.identity);
    // Those planned in the pause are sent at its end: the first waited for all of it, each next one a step less.
    let step = 1e3 / rate;
    let with_so_many_slower = |count: f64| pause - (count + 0.5) * step;
    near(report.total.corrected.p90, with_so_many_slower(planned * 0.1));
    near(report.total.corrected.p99, with_so_many_slower(planned * 0.01));
}

#[tokio::test]
async fn a_freeze_over_the_end_loses_no_planned_request() {
    let (rate, seconds) = (1_000.0, 1);
    let server = Server::start(|_| Reply::ok());
    let (mut child, out) = start(&server, rate, seconds);
    has_begun(&server, &mut child).await;
    signal("-STOP", child.id());
    tokio::time::sleep(PAUSE).await;
    signal("-CONT", child.id());
    assert!(tokio::task::spawn_blocking(move || child.wait()).await.unwrap().unwrap().success());
    let report = read(&out);
    std::fs::remove_file(&out).unwrap();
    let wanted = Schedule::constant(rate).requests(Duration::from_secs(seconds)).unwrap();
    assert!((report.accounting.planned as f64 - wanted).abs() < 1e-9, "{}", report.identity);
    assert!(report.accounting.holds() && !report.is_valid(), "{:?}", report.validity);
    assert_eq!(report.total.corrected.count + report.accounting.failed, report.accounting.planned);
    assert!((report.planned_s - seconds as f64).abs() < 1e-9, "{}", report.planned_s);
}

/// A generator in a process of its own, and the file for its report.
fn start(server: &Server, rate: f64, seconds: u64) -> (Child, PathBuf) {
    let name = format!("freeze-{}-{rate}.json", std::process::id());
    let out = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "freeze::child", "--ignored"])
        .env(URL, server.url("/"))
        .env(OUT, &out)
        .env(RATE, rate.to_string())
        .env(SECONDS, seconds.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    (child, out)
}

async fn has_begun(server: &Server, child: &mut Child) {
    while server.requests.load(std::sync::atomic::Ordering::Relaxed) < 50 {
        assert!(child.try_wait().unwrap().is_none(), "the child ended early");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[test]
#[ignore = "run by the tests above"]
fn child() {
    let (Ok(url), Ok(out)) = (std::env::var(URL), std::env::var(OUT)) else { return };
    let number = |name| std::env::var(name).unwrap().parse::<f64>().unwrap();
    let (rate, seconds) = (number(RATE), number(SECONDS));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let report = runtime.block_on(async {
        let mut spec = LoadSpec::new(url, Schedule::constant(rate));
        spec.duration = Some(Duration::from_secs_f64(seconds));
        Generator::start(spec).await.unwrap().wait().await.unwrap()
    });
    std::fs::write(out, serde_json::to_vec(&report).unwrap()).unwrap();
}

fn read(path: &Path) -> LoadReport {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Sends a signal; the instants before and after.
fn signal(name: &str, process: u32) -> (Instant, Instant) {
    let before = Instant::now();
    let status = Command::new("kill").args([name, &process.to_string()]).status().unwrap();
    assert!(status.success());
    (before, Instant::now())
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
