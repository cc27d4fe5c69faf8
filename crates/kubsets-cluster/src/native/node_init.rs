//! The first process of a node: it mounts what the node sees, then keeps containerd and the kubelet running.
//!
//! It runs in two acts. The supervisor leaves the host's namespaces, starts the init and ends; the init is
//! process 1 of the node. When it dies, the kernel ends every process of the node.

use std::collections::HashMap;
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use serde::{Deserialize, Serialize};

use super::cgroup;
use super::enter::SYSTEM_PATH;
use super::host::MOUNTPOINTS;
use super::process::Process;
use super::state::{read_json, write_json};
use super::wait::wait;
use crate::{Error, Result};

/// What a node's first process has to know.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NodeInit {
    /// The node's host name.
    pub name: String,
    /// The folder of the cluster's programs.
    pub programs: PathBuf,
    /// The control group of the node's own processes, relative to the mount.
    pub group: String,
}

impl NodeInit {
    fn read(folder: &Path) -> Result<Self> {
        let path = folder.join("node.json");
        read_json(&path)?.ok_or_else(|| Error::Format { path, reason: "the file is missing".into() })
    }
}

/// A log is cut to nothing when it grows over this many bytes.
const LOG_LIMIT: u64 = 32 << 20;
/// How often the logs' sizes are looked at.
const LOG_CHECK: Duration = Duration::from_mins(1);
/// How often the init looks at its services.
const TICK: Duration = Duration::from_millis(200);
/// Pauses before a service that ended is started again: the first, and the longest.
const RESTART: (Duration, Duration) = (Duration::from_millis(300), Duration::from_secs(10));

/// First act: leaves the caller's session and control groups and the host's namespaces, and starts `init` (this program's own second act) as process 1.
/// Must be called in a process with one thread.
///
/// # Errors
/// [`Error::Kernel`] where namespaces are refused, [`Error::Format`] where `node.json` is missing or damaged.
pub fn supervise(folder: &Path, init: &mut Command) -> Result<()> {
    // a leader of a session already is one after all
    let _ = nix::unistd::setsid();
    // what ends the caller's session, unit or job ends all that is in its groups
    if let Err(error) = cgroup::enter(&NodeInit::read(folder)?.group, std::process::id()) {
        // a node that stays in one of the caller's groups works all the same
        tracing::warn!(%error, "the node stays in a control group of its caller");
    }
    let namespaces = CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWUTS
        | CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWPID;
    unshare(namespaces).map_err(Error::kernel("make the node's namespaces"))?;
    let mut child = init
        .stdin(Stdio::null())
        .spawn()
        .map_err(|source| Error::Start { program: "the node's init".into(), source })?;
    let pid = i32::try_from(child.id()).expect("a process id fits into 31 bits");
    let record = || {
        let process = Process::observe(pid).ok_or_else(|| Error::Command {
            program: "the node's init".into(),
            code: None,
            output: "it ended at once".into(),
        })?;
        write_json(&folder.join("process.json"), &process)
    };
    record().inspect_err(|_| {
        // nobody would find a node that is not written down
        let _ = child.kill();
    })
}

/// Second act: mounts, then supervises for ever.
///
/// # Errors
/// [`Error::Kernel`] or [`Error::File`] where the node cannot be set up.
pub fn init(folder: &Path) -> Result<std::convert::Infallible> {
    let spec = NodeInit::read(folder)?;
    // the first act reads this process's start time from the host's /proc, which the mounts below cover
    let written = folder.join("process.json");
    wait("the record of the node's first process", Duration::from_secs(10), || {
        Ok((!written.exists()).then(|| "it is missing".into()))
    })?;
    mount_all(folder)?;
    nix::unistd::sethostname(&spec.name).map_err(Error::kernel("set the node's host name"))?;
    fs::write("/proc/sys/net/ipv4/ip_forward", "1")
        .map_err(Error::file("write", "/proc/sys/net/ipv4/ip_forward"))?;
    let ready = folder.join("ready");
    fs::write(&ready, "").map_err(Error::file("write", &ready))?;
    Supervisor::new(folder, spec).run()
}

fn mount_all(folder: &Path) -> Result<()> {
    const NONE: Option<&str> = None;
    let simple = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    let what = |text: &str| Error::kernel(text.to_owned());
    mount(NONE, "/", NONE, MsFlags::MS_REC | MsFlags::MS_PRIVATE, NONE)
        .map_err(what("keep the node's mounts from the host"))?;
    mount(Some("proc"), "/proc", Some("proc"), simple, NONE).map_err(what("mount /proc in the node"))?;

    // a fresh sysfs shows the node's own network devices; the control groups have to be carried over it
    let carried = folder.join("cgroup");
    fs::create_dir_all(&carried).map_err(Error::file("create", &carried))?;
    let bind = MsFlags::MS_BIND | MsFlags::MS_REC;
    mount(Some("/sys/fs/cgroup"), &carried, NONE, bind, NONE)
        .map_err(what("carry the control groups over"))?;
    mount(Some("sysfs"), "/sys", Some("sysfs"), simple, NONE).map_err(what("mount /sys in the node"))?;
    mount(Some(&carried), "/sys/fs/cgroup", NONE, bind, NONE)
        .map_err(what("mount the control groups in the node"))?;
    umount2(&carried, MntFlags::MNT_DETACH).map_err(what("let go of the carried control groups"))?;

    mount(Some("tmpfs"), "/run", Some("tmpfs"), MsFlags::MS_NOSUID | MsFlags::MS_NODEV, Some("mode=755"))
        .map_err(what("mount /run in the node"))?;
    for (mountpoint, own) in MOUNTPOINTS {
        mount(Some(&folder.join(own)), mountpoint, NONE, bind, NONE)
            .map_err(Error::kernel(format!("mount {mountpoint} in the node")))?;
    }
    // private to the host, shared inside the node: mounts that a pod shares both ways need it. Not before the
    // control groups were carried over, or the unmount above would reach them.
    mount(NONE, "/", NONE, MsFlags::MS_REC | MsFlags::MS_SHARED, NONE)
        .map_err(what("share mounts inside the node"))
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Service {
    Containerd,
    Kubelet,
}

struct Slot {
    pid: Option<i32>,
    started: Instant,
    pause: Duration,
    not_before: Instant,
}

struct Supervisor<'a> {
    folder: &'a Path,
    spec: NodeInit,
    slots: HashMap<Service, Slot>,
}

impl<'a> Supervisor<'a> {
    fn new(folder: &'a Path, spec: NodeInit) -> Self {
        let now = Instant::now();
        let slot = || Slot { pid: None, started: now, pause: RESTART.0, not_before: now };
        let slots = [Service::Containerd, Service::Kubelet].into_iter().map(|s| (s, slot())).collect();
        Self { folder, spec, slots }
    }

    fn run(mut self) -> ! {
        let mut logs_trimmed = Instant::now();
        loop {
            self.reap();
            for service in [Service::Containerd, Service::Kubelet] {
                self.keep(service);
            }
            if logs_trimmed.elapsed() > LOG_CHECK {
                logs_trimmed = Instant::now();
                for log in ["containerd.log", "kubelet.log"] {
                    // the services append, so they go on at the new end
                    let _ = open_log(&self.folder.join(log));
                }
            }
            std::thread::sleep(TICK);
        }
    }

    /// Collects every process that ended: as process 1 this one inherits the orphans.
    fn reap(&mut self) {
        loop {
            let pid = match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, _) | WaitStatus::Signaled(pid, _, _)) => pid.as_raw(),
                Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return,
                Ok(_) | Err(_) => continue,
            };
            for slot in self.slots.values_mut().filter(|s| s.pid == Some(pid)) {
                slot.pid = None;
                slot.pause = if slot.started.elapsed() > Duration::from_secs(30) {
                    RESTART.0
                } else {
                    (slot.pause * 2).min(RESTART.1)
                };
                slot.not_before = Instant::now() + slot.pause;
            }
        }
    }

    fn keep(&mut self, service: Service) {
        let slot = &self.slots[&service];
        if slot.pid.is_some() || Instant::now() < slot.not_before {
            return;
        }
        let Some((mut command, log)) = self.command(service) else { return };
        let pid = open_log(&self.folder.join(log))
            .and_then(|file| Ok((file.try_clone()?, file)))
            .and_then(|(out, err)| {
                command.stdin(Stdio::null()).stdout(out).stderr(err).current_dir("/").spawn()
            })
            .ok()
            .and_then(|child| i32::try_from(child.id()).ok());
        let slot = self.slots.get_mut(&service).expect("every service has a slot");
        slot.pid = pid;
        slot.started = Instant::now();
        if pid.is_none() {
            slot.not_before = Instant::now() + RESTART.1;
        }
    }

    /// The command of a service with its log's name; `None` while it has nothing to run with.
    fn command(&self, service: Service) -> Option<(Command, &'static str)> {
        let program = |name: &str| {
            let mut command = Command::new(self.spec.programs.join(name));
            command.env_clear();
            command.env("PATH", format!("{}:{SYSTEM_PATH}", self.spec.programs.display()));
            command.env("HOME", self.folder);
            command
        };
        match service {
            Service::Containerd => {
                let mut command = program("containerd");
                command.arg("--config").arg(self.folder.join("containerd.toml"));
                Some((command, "containerd.log"))
            }
            Service::Kubelet => {
                let exists = |path: &str| Path::new(path).exists();
                let bootstrapped = exists("/etc/kubernetes/kubelet.conf")
                    || exists("/etc/kubernetes/bootstrap-kubelet.conf");
                if !exists("/var/lib/kubelet/config.yaml") || !bootstrapped {
                    return None;
                }
                // kubeadm writes it after the configuration; a kubelet without it would work in the host's own
                // control groups and under any address
                let flags = fs::read_to_string("/var/lib/kubelet/kubeadm-flags.env").unwrap_or_default();
                let flags = kubeadm_flags(&flags)?;
                let mut command = program("kubelet");
                command
                    .arg("--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf")
                    .arg("--kubeconfig=/etc/kubernetes/kubelet.conf")
                    .arg("--config=/var/lib/kubelet/config.yaml")
                    .args(flags);
                Some((command, "kubelet.log"))
            }
        }
    }
}

/// The arguments in a file such as `KUBELET_KUBEADM_ARGS="--a=1 --b=2"`; none while it is not written to its end.
fn kubeadm_flags(file: &str) -> Option<Vec<String>> {
    let line = file.lines().find_map(|l| l.trim().strip_prefix("KUBELET_KUBEADM_ARGS="))?;
    let words = line.strip_prefix('"')?.strip_suffix('"')?;
    Some(words.split_ascii_whitespace().map(str::to_owned).collect())
}

fn open_log(path: &Path) -> std::io::Result<fs::File> {
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    if file.metadata()?.len() > LOG_LIMIT {
        file.set_len(0)?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_of_kubeadm_become_arguments() {
        let file = "KUBELET_KUBEADM_ARGS=\"--node-ip=198.19.128.11 --cgroup-root=/kubsets/a/b\"\n";
        let flags = kubeadm_flags(file).unwrap();
        assert_eq!(flags, ["--node-ip=198.19.128.11", "--cgroup-root=/kubsets/a/b"]);
        for partial in ["", "KUBELET_KUBEADM_ARGS=", "KUBELET_KUBEADM_ARGS=\"--node-ip=198.19"] {
            assert_eq!(kubeadm_flags(partial), None, "{partial}");
        }
    }

    #[test]
    fn a_log_over_the_limit_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        fs::File::create(&path).unwrap().set_len(LOG_LIMIT + 1).unwrap();
        assert_eq!(open_log(&path).unwrap().metadata().unwrap().len(), 0);
    }
}
