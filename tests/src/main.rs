//! End-to-end tests of kubsets on a native cluster, from nothing to nothing.
//!
//! The steps share one cluster and run in order; the last line is their count. `--extended` adds the long
//! matrix, `--keep` leaves the cluster, `--only TEXT` runs the steps whose name has this text (with the cluster
//! as it is).

#![expect(clippy::print_stdout, reason = "a test runner reports on standard output")]

mod canary;
mod cluster;
mod host;
mod kubectl;
mod labs;
mod load;
mod plugin;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use plugin::Plugin;

/// One step: its name, what it does, whether it belongs to the long matrix only.
struct Step {
    name: &'static str,
    run: fn(&Plugin) -> anyhow::Result<()>,
    extended: bool,
}

const fn step(name: &'static str, run: fn(&Plugin) -> anyhow::Result<()>) -> Step {
    Step { name, run, extended: false }
}

const fn extended(name: &'static str, run: fn(&Plugin) -> anyhow::Result<()>) -> Step {
    Step { name, run, extended: true }
}

const STEPS: &[Step] = &[
    step("up brings a healthy cluster and stack", cluster::up),
    step("up again changes nothing", cluster::up_again),
    step("the server takes every manifest", cluster::dry_run),
    step("kube-proxy reads its own elements back", cluster::proxy_reads_back),
    step("kubectl calls and completes the plugin", kubectl::as_plugin),
    step("smoke follows one order", cluster::smoke),
    step("status is healthy", cluster::status),
    step("pods of a Job send one load", load::in_cluster),
    extended("pods of a killed load end by themselves", load::killed),
    extended("pods that wait for the start end with their command", load::killed_before_start),
    step("an interrupted load in pods tells what it has", load::interrupted),
    extended("a load in pods outlives a broken line", load::broken_line),
    step("a load in pods is refused where it must be", load::refused),
    step("a good release is promoted", canary::good),
    step("a bad release is rolled back", canary::bad),
    step("a plain server is released like any other", canary::plain),
    step("a killed canary is undone by the cluster", canary::killed),
    step("an interrupted canary is undone at once", canary::interrupted),
    step("bad input changes nothing", canary::refused),
    step("a pod is killed under load", labs::pod_kill),
    step("one order is followed", labs::order),
    step("types of Services answer as they should", labs::service_types),
    step("retries hide errors and cost requests", labs::retries),
    step("a lost database comes back", labs::backup),
    step("load makes pods", labs::autoscaling),
    step("canaries are labs", labs::canaries),
    extended("every canary is a lab", labs::longer_canaries),
    step("a lab of one's own runs", labs::written_by_a_stranger),
    extended("a lab that is killed in any step is undone", labs::killed_in_each_step),
    extended("a canary lab that is killed in any step is undone", labs::canaries_killed),
    extended("ten bad releases are found in time", canary::ten_bad),
    extended("twenty good releases are not refused", canary::twenty_good),
    step("a node joins and leaves", cluster::nodes),
    step("a killed node comes back with up", cluster::killed_node),
    extended("a killed control plane comes back with up", cluster::killed_control_plane),
    extended("killed services of nodes come back by themselves", cluster::killed_services),
    extended("up starts a cluster again after a reboot", cluster::rebooted),
    step("down leaves nothing", cluster::down),
    step("a killed up is taken away by down", cluster::killed_up),
    extended("an up that is killed later is taken away by down", cluster::killed_up_later),
    step("a killed down is ended by the next", cluster::killed_down),
    extended("ten times up and down leave nothing", cluster::ten_times),
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| args.iter().any(|a| a == flag);
    let only = args.iter().position(|a| a == "--only").and_then(|i| args.get(i + 1));
    let known =
        |arg: &&String| ["--extended", "--keep", "--only"].contains(&arg.as_str()) || Some(*arg) == only;
    if let Some(unknown) = args.iter().find(|arg| !known(arg)) {
        println!("unknown argument {unknown}; accepted are --extended, --keep and --only TEXT");
        return ExitCode::FAILURE;
    }
    let plugin = match Plugin::find() {
        Ok(plugin) => plugin,
        Err(error) => {
            println!("{error:#}");
            return ExitCode::FAILURE;
        }
    };
    if only.is_none()
        && let Err(error) = plugin.start_afresh()
    {
        println!("{error:#}");
        return ExitCode::FAILURE;
    }
    let (mut passed, mut failed) = (0, 0);
    let mut times: Vec<(&str, Duration)> = Vec::new();
    for step in STEPS {
        let chosen = match only {
            Some(text) => step.name.contains(text.as_str()),
            None => {
                (!step.extended || has("--extended")) && !(has("--keep") && step.name.starts_with("down"))
            }
        };
        if !chosen {
            continue;
        }
        println!("\n-- {}", step.name);
        let began = Instant::now();
        let result = (step.run)(&plugin);
        times.push((step.name, began.elapsed()));
        match result {
            Ok(()) => {
                passed += 1;
                println!("ok: {} ({:.1} s)", step.name, began.elapsed().as_secs_f64());
            }
            Err(error) => {
                failed += 1;
                println!("FAILED: {} ({:.1} s): {error:#}", step.name, began.elapsed().as_secs_f64());
                cluster::describe(&plugin);
            }
        }
    }
    println!();
    for (name, time) in times {
        println!("{:8.1} s  {name}", time.as_secs_f64());
    }
    // what a failure wrote stays to be looked at
    if failed == 0
        && only.is_none()
        && !has("--keep")
        && let Err(error) = plugin.leave_nothing()
    {
        failed += 1;
        println!("FAILED: {error:#}");
    }
    println!("end-to-end: {passed} passed, {failed} failed");
    if failed == 0 && passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
