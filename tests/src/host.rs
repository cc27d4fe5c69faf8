//! What a native cluster could leave behind on its host.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

/// The host's traces of clusters, each as a line of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Host(BTreeSet<String>);

impl Host {
    /// The host as it is now.
    pub(crate) fn observe() -> anyhow::Result<Self> {
        let mut traces = BTreeSet::new();
        processes(&mut traces)?;
        lines(&mut traces, "mount", &fs::read_to_string("/proc/self/mountinfo")?);
        for (kind, line) in [
            ("link", &["ip", "-brief", "link"][..]),
            ("address", &["ip", "-brief", "-4", "address"]),
            ("address6", &["ip", "-brief", "-6", "address"]),
            ("route", &["ip", "-4", "route", "show", "table", "all"]),
            ("route6", &["ip", "-6", "route", "show", "table", "all"]),
            ("rule", &["ip", "-4", "rule"]),
            ("netns", &["ip", "netns", "list"]),
            // rules of today's iptables are in it as well; -s leaves the counters out
            ("nft", &["nft", "-s", "list", "ruleset"]),
        ] {
            command(&mut traces, kind, line)?;
        }
        // tables of the older iptables; a kernel without it has no such file
        lines(&mut traces, "iptables", &fs::read_to_string("/proc/net/ip_tables_names").unwrap_or_default());
        let handed_down = fs::read_to_string("/sys/fs/cgroup/cgroup.subtree_control").unwrap_or_default();
        lines(&mut traces, "controllers", &handed_down);
        // deeper ones come and go with the host's own programs; ours begin at the top
        groups(&mut traces, Path::new("/sys/fs/cgroup"), 2)?;
        for folder in ["/etc", "/var/lib", "/var/log", "/run", "/usr/libexec", "/opt", "/etc/cni"] {
            entries(&mut traces, Path::new(folder));
        }
        if let Some(home) = std::env::var_os("HOME") {
            entries(&mut traces, &Path::new(&home).join(".kube"));
            entries(&mut traces, &Path::new(&home).join(".kube/cache/discovery"));
        }
        for setting in [
            "vm/overcommit_memory",
            "vm/panic_on_oom",
            "kernel/panic",
            "kernel/panic_on_oops",
            "kernel/keys/root_maxkeys",
            "kernel/keys/root_maxbytes",
            "net/ipv4/ip_forward",
        ] {
            let value = fs::read_to_string(Path::new("/proc/sys").join(setting))?;
            traces.insert(format!("sysctl {setting} {}", value.trim()));
        }
        Ok(Self(traces))
    }

    /// Fails where the host differs from this picture; processes that are ending get a few seconds.
    pub(crate) fn must_be_unchanged(&self) -> anyhow::Result<()> {
        let limit = Instant::now() + Duration::from_secs(10);
        loop {
            let now = Self::observe()?;
            if now == *self || Instant::now() > limit {
                let new: Vec<_> = now.0.difference(&self.0).collect();
                let gone: Vec<_> = self.0.difference(&now.0).collect();
                ensure!(
                    new.is_empty() && gone.is_empty(),
                    "the host changed; new: {new:#?}; gone: {gone:#?}"
                );
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

/// Processes that live in namespaces of their own or run a program of a cluster.
fn processes(traces: &mut BTreeSet<String>) -> anyhow::Result<()> {
    let own = |kind: &str| fs::read_link(format!("/proc/self/ns/{kind}")).ok();
    for entry in fs::read_dir("/proc")?.filter_map(Result::ok) {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.parse::<u32>().is_err() {
            continue;
        }
        // one that ended and waits for the host's own first process to take note of it
        if fs::read_to_string(entry.path().join("stat")).is_ok_and(|stat| stat.contains(") Z ")) {
            continue;
        }
        let comm = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
        let exe = fs::read_link(entry.path().join("exe")).unwrap_or_default();
        let foreign = ["mnt", "net", "uts", "pid"].iter().any(|kind| {
            fs::read_link(entry.path().join("ns").join(kind)).is_ok_and(|ns| Some(ns) != own(kind))
        });
        if foreign || is_ours(&exe) {
            traces.insert(format!("process {name} {}", comm.trim()));
        }
    }
    Ok(())
}

/// Whether a program belongs to a cluster or is the plugin itself, which supervises nodes, by a copy or link of it too.
fn is_ours(exe: &Path) -> bool {
    let name = exe.file_name().unwrap_or_default().to_string_lossy();
    // the kernel puts a word behind the path of a program whose file is gone
    exe.starts_with("/var/lib/kubsets") || name.trim_end_matches(" (deleted)") == "kubectl-kubsets"
}

fn groups(traces: &mut BTreeSet<String>, folder: &Path, depth: u8) -> anyhow::Result<()> {
    traces.insert(format!("cgroup {}", folder.display()));
    if depth == 0 {
        return Ok(());
    }
    for entry in fs::read_dir(folder)?.filter_map(Result::ok) {
        if entry.file_type().is_ok_and(|t| t.is_dir()) {
            groups(traces, &entry.path(), depth - 1)?;
        }
    }
    Ok(())
}

fn entries(traces: &mut BTreeSet<String>, folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok) {
        traces.insert(format!("file {}", entry.path().display()));
    }
}

fn command(traces: &mut BTreeSet<String>, kind: &str, line: &[&str]) -> anyhow::Result<()> {
    let output = Command::new(line[0]).args(&line[1..]).output().with_context(|| line.join(" "))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    // what cannot be looked at would compare nothing with nothing
    ensure!(output.status.success(), "`{}` ended with {}: {}", line.join(" "), output.status, errors.trim());
    lines(traces, kind, &String::from_utf8_lossy(&output.stdout));
    Ok(())
}

fn lines(traces: &mut BTreeSet<String>, kind: &str, text: &str) {
    traces.extend(text.lines().map(|line| format!("{kind} {}", steady(line))));
}

/// A line without the time that is left of what it tells.
fn steady(line: &str) -> String {
    let mut words: Vec<&str> = line.split_whitespace().collect();
    while let Some(place) = words.iter().position(|word| *word == "expires") {
        words.drain(place..(place + 2).min(words.len()));
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_fails_is_no_empty_picture() {
        let mut traces = BTreeSet::new();
        let error = command(&mut traces, "x", &["sh", "-c", "echo why >&2; exit 3"]).expect_err("it failed");
        assert!(error.to_string().contains("why"), "{error}");
        assert!(command(&mut traces, "x", &["no-such-program-of-kubsets"]).is_err());
        assert!(traces.is_empty());
        command(&mut traces, "x", &["echo", " line "]).expect("it works");
        assert!(traces.contains("x line"));
    }

    #[test]
    fn time_that_runs_out_is_no_change() {
        let route = |left: &str| steady(&format!("default via fe80::1 dev eth0 expires {left} pref medium "));
        assert_eq!(route("1790sec"), route("1789sec"));
        assert_eq!(route("1sec"), "default via fe80::1 dev eth0 pref medium");
    }

    #[test]
    fn our_processes_are_known_by_their_programs() {
        for exe in ["/var/lib/kubsets/a/bin/kubelet", "/x/kubectl-kubsets", "/x/kubectl-kubsets (deleted)"] {
            assert!(is_ours(Path::new(exe)), "{exe}");
        }
        assert!(!is_ours(Path::new("/usr/bin/kubectl")));
    }
}
