//! Measures the generator against a lean server in a thread of its own: requests per second, processor time of
//! the generator per request, pacing, and memory.
//!
//! `cargo run --release -p kubsets-load --example throughput -- [SCHEDULE] [SECONDS] [URL]`

#[path = "shared/server.rs"]
mod server;

use std::io::{Read, Write};
use std::time::Duration;

use kubsets_load::{Generator, LoadSpec, Protocol, Schedule};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let first = arguments.next().unwrap_or_else(|| "closed:32".to_owned());
    let schedule: Schedule = first.parse()?;
    let seconds: u64 = arguments.next().map_or(Ok(5), |text| text.parse())?;
    let url = match arguments.next() {
        Some(url) => url,
        None => serve()?,
    };
    let mut spec = LoadSpec::new(url, schedule);
    spec.duration = Some(Duration::from_secs(seconds));
    spec.limits.rate = f64::INFINITY;
    if std::env::var("PROTOCOL").is_ok_and(|name| name == "h2") {
        spec.protocol = Protocol::Http2;
        spec.streams = 32;
    }
    let before = generator_cpu()?;
    let mut running = Generator::start(spec).await?;
    let mut ticks = running.ticks();
    let mut cpu = 0.0;
    while let Some(tick) = ticks.next().await {
        if tick.second < seconds {
            cpu = generator_cpu().map_or(cpu, |now| now - before);
        }
    }
    let report = running.wait().await?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", report.identity)?;
    writeln!(
        out,
        "{:.0} requests/s, {:.1} µs of processor time per request, {:.0} requests per second of processor time",
        report.ok_per_s,
        cpu * 1e6 / report.accounting.ok as f64,
        report.accounting.ok as f64 / cpu
    )?;
    writeln!(out, "corrected   {:?}", report.total.corrected)?;
    writeln!(out, "uncorrected {:?}", report.total.uncorrected)?;
    writeln!(out, "{:?}\n{:?}", report.pacing, report.validity)?;
    writeln!(out, "largest resident memory {} KiB", status_field("VmHWM")?)?;
    Ok(())
}

/// The server on a thread of its own; its address.
fn serve() -> anyhow::Result<String> {
    let (server, address) = server::Server::bind(None)?;
    std::thread::Builder::new().name("server".to_owned()).spawn(move || server.run())?;
    Ok(format!("http://{address}/"))
}

/// Seconds of processor time used by the threads of the generator.
fn generator_cpu() -> anyhow::Result<f64> {
    let mut ticks = 0;
    for task in std::fs::read_dir("/proc/self/task")? {
        let path = task?.path();
        let name = std::fs::read_to_string(path.join("comm"))?;
        if name.starts_with("load-") {
            let stat = std::fs::read_to_string(path.join("stat"))?;
            let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
            ticks += fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
        }
    }
    Ok(ticks as f64 / 100.0)
}

fn status_field(name: &str) -> anyhow::Result<u64> {
    let mut status = String::new();
    std::fs::File::open("/proc/self/status")?.read_to_string(&mut status)?;
    let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    Ok(line.split_whitespace().nth(1).unwrap_or("0").parse()?)
}
