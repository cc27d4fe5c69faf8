//! Facts of this machine that decide about native clusters.

use std::fs;
use std::path::Path;

use super::Check;
use crate::ui::bytes;

/// Memory that one node with the stack needs.
const MEMORY_NEEDED: u64 = 3 << 30;

/// Disk that binaries, images and a cluster need.
const DISK_NEEDED: u64 = 12 << 30;

pub(super) fn checks() -> Vec<Check> {
    let mut checks = vec![system()];
    checks.extend(memory());
    checks.extend(disk());
    if cfg!(target_os = "linux") {
        checks.extend([user(), cgroups(), namespaces()]);
    }
    checks
}

fn system() -> Check {
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let text =
        format!("{} {} {}, {cores} cores", std::env::consts::OS, std::env::consts::ARCH, kernel.trim());
    if cores >= 2 {
        Check::ok("system", text)
    } else {
        Check::warning("system", text, "two cores or more are advised")
    }
}

fn memory() -> Option<Check> {
    let available = meminfo(&fs::read_to_string("/proc/meminfo").ok()?, "MemAvailable")?;
    let text = format!("{} available", bytes(available));
    Some(if available >= MEMORY_NEEDED {
        Check::ok("memory", text)
    } else {
        Check::warning(
            "memory",
            text,
            format!("the stack wants {}: end other programs", bytes(MEMORY_NEEDED)),
        )
    })
}

/// A value of /proc/meminfo in bytes.
fn meminfo(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    let kibibytes: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kibibytes * 1024)
}

fn disk() -> Option<Check> {
    let place = [Path::new("/var/lib/kubsets"), Path::new("/var/lib"), Path::new("/")];
    let place = place.into_iter().find(|path| path.exists())?;
    let status = nix::sys::statvfs::statvfs(place).ok()?;
    let free = status.blocks_available() as u64 * status.fragment_size() as u64;
    let text = format!("{} free at {}", bytes(free), place.display());
    Some(if free >= DISK_NEEDED {
        Check::ok("disk", text)
    } else {
        Check::warning("disk", text, format!("a first `up` needs about {}", bytes(DISK_NEEDED)))
    })
}

fn user() -> Check {
    if nix::unistd::geteuid().is_root() {
        Check::ok("user", "root")
    } else {
        Check::warning("user", "not root", "only the native provider needs root: run it with sudo")
    }
}

fn cgroups() -> Check {
    let root = Path::new("/sys/fs/cgroup");
    if root.join("cgroup.controllers").exists() {
        return Check::ok("cgroups", "version 2");
    }
    let version1 = ["cpu", "memory", "pids"].iter().all(|name| root.join(name).is_dir());
    if version1 {
        Check::ok("cgroups", "version 1 (hybrid)")
    } else {
        Check::missing("cgroups", "none are mounted", "mount -t cgroup2 none /sys/fs/cgroup")
    }
}

fn namespaces() -> Check {
    let absent: Vec<&str> = ["mnt", "net", "uts", "pid", "ipc"]
        .into_iter()
        .filter(|name| !Path::new("/proc/self/ns").join(name).exists())
        .collect();
    if absent.is_empty() {
        Check::ok("namespaces", "mount, network, host name, processes")
    } else {
        Check::missing(
            "namespaces",
            format!("the kernel lacks {}", absent.join(", ")),
            "use a kernel with namespaces",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_in_bytes() {
        let text = "MemTotal:       16384 kB\nMemAvailable:    2048 kB\n";
        assert_eq!(meminfo(text, "MemAvailable"), Some(2048 * 1024));
        assert_eq!(meminfo(text, "SwapFree"), None);
    }
}
