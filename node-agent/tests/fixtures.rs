//! Metrics from copies of the files of a node.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::path::{Path, PathBuf};

use clap::Parser;
use kubsets_telemetry::{Identity, Metrics, logs::LogLevel};
use node_agent::{NodeAgent, NodeCollector, ProcError, ProcFiles, Settings};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn render(name: &str) -> String {
    let identity = Identity { node: "node-7".into(), ..Identity::local("node-agent") };
    let metrics = Metrics::with_labels(&identity, [("node_name", identity.node.clone())]);
    metrics.collect(NodeCollector::new(ProcFiles::new(&fixture(name))));
    metrics.render(None).text
}

/// The value of the series with this name and all of these labels.
fn value(text: &str, name: &str, labels: &[&str]) -> Option<f64> {
    let line = text.lines().find(|line| {
        line.starts_with(&format!("{name}{{")) && labels.iter().all(|label| line.contains(label))
    })?;
    assert!(line.contains(r#"node_name="node-7""#), "{line}");
    line.rsplit(' ').next()?.parse().ok()
}

#[test]
fn all_files_become_metrics() {
    let text = render("full");
    for (name, labels, expected) in [
        ("kubsets_node_cpu_seconds_total", &[r#"mode="user""#][..], 100.0),
        ("kubsets_node_cpu_seconds_total", &[r#"mode="steal""#], 0.3),
        ("kubsets_node_cpus", &[], 2.0),
        ("kubsets_node_boot_time_seconds", &[], 1_700_000_000.0),
        ("kubsets_node_processes_running", &[], 3.0),
        ("kubsets_node_processes_blocked", &[], 1.0),
        ("kubsets_node_memory_bytes", &[r#"kind="total""#], 16_384_000.0 * 1024.0),
        ("kubsets_node_memory_bytes", &[r#"kind="available""#], 8_192_000.0 * 1024.0),
        ("kubsets_node_memory_bytes", &[r#"kind="swap_total""#], 0.0),
        ("kubsets_node_load", &[r#"window="5m""#], 1.25),
        ("kubsets_node_disk_bytes_total", &[r#"device="sda""#, r#"direction="read""#], 2000.0 * 512.0),
        ("kubsets_node_disk_bytes_total", &[r#"device="nvme0n1""#, r#"direction="write""#], 160.0 * 512.0),
        ("kubsets_node_disk_busy_seconds_total", &[r#"device="sda""#], 1.5),
        (
            "kubsets_node_network_bytes_total",
            &[r#"interface="eth0""#, r#"direction="transmit""#, r#"scope="node""#],
            2000.0,
        ),
        ("kubsets_node_network_errors_total", &[r#"interface="eth0""#], 4.0),
        ("kubsets_node_network_drops_total", &[r#"interface="eth0""#], 6.0),
        ("kubsets_node_pressure_seconds_total", &[r#"resource="io""#, r#"kind="full""#], 0.5),
        ("kubsets_node_pressure_seconds_total", &[r#"resource="cpu""#, r#"kind="some""#], 2.5),
        ("kubsets_node_unreadable_files", &[], 0.0),
    ] {
        assert_eq!(value(&text, name, labels), Some(expected), "{name} {labels:?}\n{text}");
    }
}

#[test]
fn the_number_of_series_is_bounded() {
    let text = render("full");
    let devices =
        text.lines().filter(|line| line.starts_with("kubsets_node_disk_busy_seconds_total{")).count();
    assert_eq!(devices, 16);
    for hidden in ["loop0", "sda1", "nvme0n1p1", "vethab12", "\"lo\""] {
        assert!(!text.contains(hidden), "{hidden} is shown");
    }
}

#[test]
fn missing_files_cost_only_themselves() {
    let text = render("small");
    assert_eq!(value(&text, "kubsets_node_cpu_seconds_total", &[r#"mode="idle""#]), Some(0.04));
    assert_eq!(value(&text, "kubsets_node_memory_bytes", &[]), None);
    assert_eq!(value(&text, "kubsets_node_unreadable_files", &[]), Some(4.0));
    assert!(!text.contains("kubsets_node_pressure_seconds"));
    let files = ProcFiles::new(&fixture("small"));
    assert!(matches!(files.memory(), Err(ProcError::Format { what: "MemTotal", .. })));
    assert!(matches!(files.load(), Err(ProcError::Read { .. })));
}

#[test]
fn this_machine_can_be_read() {
    let files = ProcFiles::new(Path::new("/proc"));
    assert!(files.cpu().unwrap().processors >= 1);
    assert!(files.memory().unwrap().bytes[0].1 > 1e6);
    assert!(files.load().unwrap().averages[0].1 >= 0.0);
    files.disks().unwrap();
    files.interfaces().unwrap();
}

#[tokio::test]
async fn the_agent_serves_and_stops() {
    let root = format!("--proc-root={}", fixture("full").display());
    let settings = Settings::parse_from([
        "node-agent",
        "--admin-addr=127.0.0.1:0",
        "--drain-delay=0",
        "--node-name=node-7",
        &root,
    ]);
    let agent = NodeAgent::build(settings, LogLevel::detached()).await.unwrap();
    let address = agent.admin_address();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let mut stopped = Some(stopped);
    let task = tokio::spawn(agent.run_until_stopped(move || {
        let signal = stopped.take();
        async move {
            match signal {
                Some(signal) => drop(signal.await),
                None => std::future::pending().await,
            }
        }
    }));
    for path in ["/readyz", "/metrics"] {
        let mut answer = String::new();
        for _ in 0..100 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            answer.clear();
            stream.read_to_string(&mut answer).await.unwrap();
            if answer.starts_with("HTTP/1.1 200") {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
        if path == "/metrics" {
            assert_eq!(value(&answer, "kubsets_node_cpus", &[]), Some(2.0));
        }
    }
    stop.send(()).unwrap();
    task.await.unwrap().unwrap();
}
