//! What native clusters change on the host itself, written down first and put back after the last one.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::cgroup;
use super::process::boot_id;
use super::state::{Layout, read_json, write_json};
use crate::command::{HostRunner, Invocation, Runner};
use crate::{Error, Result};

/// Folders that a node mounts its own files over: where it is mounted, and the folder below the node's.
pub const MOUNTPOINTS: [(&str, &str); 6] = [
    ("/etc/kubernetes", "kubernetes"),
    ("/var/lib/kubelet", "kubelet"),
    ("/var/lib/cni", "cni-cache"),
    ("/var/lib/kubsets-volumes", "volumes"),
    ("/var/log/pods", "log-pods"),
    ("/var/log/containers", "log-containers"),
];

/// Kernel settings without a namespace that the kubelet writes when it starts.
const SYSCTLS: [&str; 6] = [
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
];

/// The host as it was before the first native cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HostJournal {
    /// Folders that we made, parents first.
    pub folders: Vec<PathBuf>,
    /// Kernel settings with their values, by path below `/proc/sys`.
    pub sysctls: BTreeMap<String, String>,
    /// Controllers of control groups that the root did not hand down (version 2).
    #[serde(default)]
    pub controllers: Vec<String>,
    /// The boot that the settings and controllers are of; unknown in a record of an earlier version.
    #[serde(default)]
    pub boot: Option<String>,
}

impl HostJournal {
    fn path(layout: &Layout) -> PathBuf {
        layout.root().join("host.json")
    }

    /// Whether the host is changed, or was changed by one that did not come to its end.
    pub fn exists(layout: &Layout) -> bool {
        Self::path(layout).exists()
    }

    /// Forgets what ended with the boot that it was written down in.
    fn keep_for(&mut self, boot: String) {
        if self.boot.as_ref().is_some_and(|recorded| *recorded != boot) {
            self.sysctls.clear();
            self.controllers.clear();
        }
        self.boot = Some(boot);
    }

    /// Writes down what the host has, then makes the folders that are missing.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn prepare(layout: &Layout) -> Result<()> {
        let mut journal: Self = read_json(&Self::path(layout))?.unwrap_or_default();
        journal.keep_for(boot_id());
        for (mountpoint, _) in MOUNTPOINTS {
            for folder in missing(Path::new(mountpoint)) {
                if !journal.folders.contains(&folder) {
                    journal.folders.push(folder);
                }
            }
        }
        for name in SYSCTLS {
            if let Ok(value) = fs::read_to_string(Path::new("/proc/sys").join(name)) {
                journal.sysctls.entry(name.into()).or_insert_with(|| value.trim().into());
            }
        }
        for controller in cgroup::not_handed_down()? {
            if !journal.controllers.contains(&controller) {
                journal.controllers.push(controller);
            }
        }
        journal.save(layout)?;
        for (mountpoint, _) in MOUNTPOINTS {
            fs::create_dir_all(mountpoint).map_err(Error::file("create", mountpoint))?;
        }
        Ok(())
    }

    pub(super) fn save(&self, layout: &Layout) -> Result<()> {
        write_json(&Self::path(layout), self)
    }

    /// Puts the host back; call it when no native cluster is left.
    ///
    /// # Errors
    /// [`Error::File`] where a setting or folder cannot be put back.
    pub fn restore(layout: &Layout) -> Result<()> {
        let Some(mut journal) = read_json::<Self>(&Self::path(layout))? else { return Ok(()) };
        journal.keep_for(boot_id());
        for (name, value) in &journal.sysctls {
            let path = Path::new("/proc/sys").join(name);
            let now = fs::read_to_string(&path).map_err(Error::file("read", &path))?;
            if now.trim() != value {
                fs::write(&path, value).map_err(Error::file("write", &path))?;
            }
        }
        cgroup::switch_off(&journal.controllers)?;
        for folder in journal.folders.iter().rev() {
            match fs::remove_dir(folder) {
                Ok(()) => {}
                // somebody else put files there meanwhile: they are not ours to remove
                Err(e)
                    if matches!(
                        e.kind(),
                        std::io::ErrorKind::NotFound | std::io::ErrorKind::DirectoryNotEmpty
                    ) => {}
                Err(e) => return Err(Error::file("remove", folder)(e)),
            }
        }
        fs::remove_file(Self::path(layout)).map_err(Error::file("remove", Self::path(layout)))
    }
}

/// The folders of a path that do not exist, parents first.
fn missing(path: &Path) -> Vec<PathBuf> {
    let mut list: Vec<PathBuf> =
        path.ancestors().take_while(|p| !p.exists()).map(Path::to_path_buf).collect();
    list.reverse();
    list
}

/// Programs of the host that nodes need, with the Debian package of each.
const PROGRAMS: [(&str, &str); 7] = [
    ("ip", "iproute2"),
    ("nsenter", "util-linux"),
    ("mount", "mount"),
    ("runc", "runc"),
    ("nft", "nftables"),
    ("iptables", "iptables"),
    ("conntrack", "conntrack"),
];
/// Where the CNI plugins of Debian's package lie.
pub const CNI_PLUGINS: &str = "/usr/lib/cni";
const SEARCH: [&str; 6] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// Debian packages that are missing on this host, sorted.
pub fn missing_packages() -> Vec<&'static str> {
    let found = |program: &str| SEARCH.iter().any(|folder| Path::new(folder).join(program).exists());
    let mut packages: Vec<&str> =
        PROGRAMS.iter().filter(|(program, _)| !found(program)).map(|(_, package)| *package).collect();
    if !["ptp", "host-local", "loopback", "portmap"].iter().all(|p| Path::new(CNI_PLUGINS).join(p).exists()) {
        packages.push("containernetworking-plugins");
    }
    packages.sort_unstable();
    packages
}

/// Whether this host can hold nodes at all.
///
/// # Errors
/// [`Error::Unavailable`] with the reason and the fix.
pub fn check() -> Result<()> {
    let unavailable =
        |reason: String, fix: String| Err(Error::Unavailable { provider: "native", reason, fix });
    if !cfg!(target_os = "linux") {
        return unavailable("it needs Linux".into(), "use a Linux machine, also a virtual one".into());
    }
    if !nix::unistd::geteuid().is_root() {
        return unavailable("it needs root to make namespaces".into(), "run the command with sudo".into());
    }
    for (namespace, purpose) in
        [("mnt", "mounts"), ("net", "networks"), ("uts", "host names"), ("pid", "processes")]
    {
        if !Path::new("/proc/self/ns").join(namespace).exists() {
            return unavailable(
                format!("the kernel has no namespaces for {purpose}"),
                "use a kernel with namespaces, or kind or k3d".into(),
            );
        }
    }
    let packages = missing_packages();
    if !packages.is_empty() {
        let list = packages.join(" ");
        return unavailable(
            format!("these packages are missing: {list}"),
            format!("apt-get install -y {list}"),
        );
    }
    try_namespaces(&HostRunner)?;
    cgroup::probe().or_else(|error| refused(&error))
}

/// Makes the namespaces and the mounts of a node in a process of its own: root in a container may not.
fn try_namespaces(runner: &dyn Runner) -> Result<()> {
    let namespaces = ["--mount", "--uts", "--net", "--pid", "--fork", "--mount-proc"];
    let mount = ["mount", "-t", "sysfs", "kubsets", "/sys"];
    let attempt = runner.run(&Invocation::new("unshare").args(namespaces).args(mount));
    attempt.map(drop).or_else(|error| refused(&error))
}

fn refused(error: &Error) -> Result<()> {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    Err(Error::Unavailable {
        provider: "native",
        reason: format!("root has not enough rights here: {error}{cause}"),
        fix: "run it on the host itself, in a virtual machine or in a privileged container".into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::transcript::Transcript;

    #[test]
    fn missing_folders_come_parents_first() {
        let root = tempfile::tempdir().unwrap();
        let deep = root.path().join("a/b");
        assert_eq!(missing(&deep), vec![root.path().join("a"), deep.clone()]);
        fs::create_dir_all(&deep).unwrap();
        assert!(missing(&deep).is_empty());
    }

    #[test]
    fn namespaces_that_are_refused_are_told_with_the_reason() {
        let line = "unshare --mount --uts --net --pid --fork --mount-proc mount -t sysfs kubsets /sys";
        let refusing = Transcript::new(vec![]).failing(line, "unshare failed: Operation not permitted");
        let error = try_namespaces(&&refusing).unwrap_err();
        assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
        assert!(error.to_string().contains("Operation not permitted"), "{error}");
        try_namespaces(&&Transcript::new(vec![(line, "")])).unwrap();
    }

    #[test]
    fn settings_of_an_earlier_boot_are_forgotten() {
        let old = r#"{"folders": ["/a"], "sysctls": {"kernel/panic": "0"}, "controllers": ["io"]}"#;
        let mut journal: HostJournal = serde_json::from_str(old).unwrap();
        for boot in ["first", "first"] {
            journal.keep_for(boot.into());
            assert_eq!((journal.sysctls.len(), journal.controllers.len()), (1, 1), "they are of this boot");
        }
        journal.keep_for("second".into());
        assert!(journal.sysctls.is_empty() && journal.controllers.is_empty());
        assert_eq!((journal.folders.len(), journal.boot.as_deref()), (1, Some("second")));
    }

    #[test]
    fn restore_removes_only_what_is_written_down_and_empty() {
        let root = tempfile::tempdir().unwrap();
        let layout = Layout::new(root.path().join("state"));
        let (ours, used) = (root.path().join("ours"), root.path().join("used"));
        for folder in [&ours, &used] {
            fs::create_dir_all(folder).unwrap();
        }
        fs::write(used.join("file"), "theirs").unwrap();
        let journal = HostJournal { folders: vec![ours.clone(), used.clone()], ..HostJournal::default() };
        journal.save(&layout).unwrap();
        HostJournal::restore(&layout).unwrap();
        assert!(!ours.exists() && used.exists());
        assert!(!HostJournal::path(&layout).exists());
        HostJournal::restore(&layout).unwrap();
    }
}
