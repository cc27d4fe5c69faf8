//! A generator that is itself frozen must say so. It runs in a child process, which is stopped for a second.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use kubsets_load::{Generator, LoadReport, LoadSpec, Schedule};

use crate::server::{Reply, Server};

const URL: &str = "KUBSETS_LOAD_TEST_URL";
const OUT: &str = "KUBSETS_LOAD_TEST_OUT";

#[tokio::test]
async fn a_frozen_generator_calls_the_run_invalid() {
    let server = Server::start(|_| Reply::ok());
    let out = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("freeze-{}.json", std::process::id()));
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "freeze::child", "--ignored"])
        .env(URL, server.url("/"))
        .env(OUT, &out)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while server.requests.load(std::sync::atomic::Ordering::Relaxed) < 50 {
        assert!(child.try_wait().unwrap().is_none(), "the child ended early");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    signal("-STOP", child.id());
    tokio::time::sleep(Duration::from_secs(1)).await;
    signal("-CONT", child.id());
    assert!(tokio::task::spawn_blocking(move || child.wait()).await.unwrap().unwrap().success());
    let report = read(&out);
    std::fs::remove_file(&out).unwrap();

    assert!(!report.is_valid());
    assert!(
        report.validity.reasons[0].contains("the generator itself stood still for"),
        "{:?}",
        report.validity
    );
    assert!((900.0..2000.0).contains(&report.pacing.longest_pause_ms), "{:?}", report.pacing);
    // The second of the standstill, the one in which it ended and the next are marked.
    let disturbed = report.seconds.iter().filter(|second| second.disturbed).count();
    assert!(disturbed >= 3, "{:?}", report.seconds);
    assert!(!report.seconds[0].disturbed || report.seconds[0].lag_ms > 250.0);
    // Nothing is swept under the rug: the plan was kept, and what it cost is in the percentiles.
    assert!(report.accounting.holds(), "{}", report.identity);
    assert_eq!(report.accounting.planned, 250);
    assert!(report.total.corrected.p90 > 500.0 || report.total.corrected.p99 > 800.0, "{:?}", report.total);
}

#[test]
#[ignore = "run by a_frozen_generator_calls_the_run_invalid"]
fn child() {
    let (Ok(url), Ok(out)) = (std::env::var(URL), std::env::var(OUT)) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let report = runtime.block_on(async {
        let mut spec = LoadSpec::new(url, Schedule::constant(100.0));
        spec.duration = Some(Duration::from_millis(2500));
        Generator::start(spec).await.unwrap().wait().await.unwrap()
    });
    std::fs::write(out, serde_json::to_vec(&report).unwrap()).unwrap();
}

fn read(path: &Path) -> LoadReport {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn signal(name: &str, process: u32) {
    let status = Command::new("kill").args([name, &process.to_string()]).status().unwrap();
    assert!(status.success());
}
