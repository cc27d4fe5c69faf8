//! What can go wrong with a provider, and what to do about it.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Result of a provider operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What helps where the kernel refuses.
const AS_ROOT: &str = "native clusters are root's: run it as root, for example with sudo";

/// A provider operation that failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A value that a person gave is not of the accepted form.
    #[error("{field}: `{value}` is not accepted; it takes {accepted}")]
    Invalid {
        /// The field's name as the person knows it.
        field: &'static str,
        /// What was given.
        value: String,
        /// What is accepted, in words.
        accepted: &'static str,
    },
    /// The provider cannot work on this machine as it is.
    #[error("the {provider} provider cannot be used here: {reason}")]
    Unavailable {
        /// The provider's name.
        provider: &'static str,
        /// What is missing.
        reason: String,
        /// A command or an act that supplies it.
        fix: String,
    },
    /// There is no cluster of that name.
    #[error("there is no cluster named `{name}`")]
    NoCluster {
        /// The name asked for.
        name: String,
    },
    /// A node of that name is not in the cluster.
    #[error("cluster `{cluster}` has no node `{node}`")]
    NoNode {
        /// The cluster.
        cluster: String,
        /// The node asked for.
        node: String,
        /// The nodes that there are, separated by commas.
        known: String,
    },
    /// A node of a native cluster does not run.
    #[error(
        "node `{node}` of cluster `{cluster}` is dead: its first process is gone, and kubelet and containerd with it"
    )]
    DeadNode {
        /// The cluster.
        cluster: String,
        /// The node.
        node: String,
        /// How many nodes the cluster has.
        nodes: usize,
    },
    /// A program ended with an error.
    #[error("`{program}` failed{}: {output}", code.map(|c| format!(" with exit code {c}")).unwrap_or_default())]
    Command {
        /// The command line.
        program: String,
        /// Its exit code; none where a signal ended it.
        code: Option<i32>,
        /// The last lines that it wrote.
        output: String,
    },
    /// A program did not end in the time that it has.
    #[error("`{program}` did not end within {limit:?} and was stopped")]
    Late {
        /// The command line.
        program: String,
        /// Its time.
        limit: Duration,
    },
    /// What nodes are made of could not be built or found; the cause says what helps.
    #[error("failed to make what the nodes are made of")]
    Parts {
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A program could not be started.
    #[error("failed to start `{program}`")]
    Start {
        /// The command line.
        program: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file or folder could not be read or written.
    #[error("failed to {action} {}", path.display())]
    File {
        /// The act, as a verb.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A state or kubeconfig file has a form that we do not understand.
    #[error("{} is not readable: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A call to the kernel was refused.
    #[error("failed to {action}")]
    Kernel {
        /// What was asked of the kernel.
        action: String,
        /// Its answer.
        #[source]
        source: nix::Error,
    },
    /// Something did not come about in time.
    #[error("{what} did not happen within {} s; last seen: {last}", waited.as_secs())]
    Timeout {
        /// What was waited for.
        what: String,
        /// For how long.
        waited: Duration,
        /// The last state observed.
        last: String,
    },
    /// Addresses that the cluster needs are in use.
    #[error("the address range {range} is in use by {owner}")]
    AddressInUse {
        /// The range that was wanted.
        range: String,
        /// The link or route that has it.
        owner: String,
    },
    /// Another process is changing the same cluster.
    #[error("another kubsets process ({owner}) is working on cluster `{name}`")]
    Busy {
        /// The cluster.
        name: String,
        /// Who holds the lock.
        owner: String,
    },
    /// Something of the cluster could not be removed.
    #[error("cluster `{name}` was not removed completely: {left}")]
    Leftover {
        /// The cluster.
        name: String,
        /// What is left.
        left: String,
    },
}

impl Error {
    /// The tool of a provider does not run.
    pub(crate) fn no_tool(provider: &'static str, why: &Self) -> Self {
        let fix = why.late_hint().unwrap_or_else(|| format!("install {provider} and put it on the PATH"));
        Self::Unavailable { provider, reason: why.to_string(), fix }
    }

    /// The tool of a provider finds no container engine.
    pub(crate) fn no_engine(provider: &'static str, why: &Self) -> Self {
        let reason = format!("no container engine answers: {why}");
        let start = || "start Docker, or use `--provider native` on Linux".into();
        Self::Unavailable { provider, reason, fix: why.late_hint().unwrap_or_else(start) }
    }

    /// What helps against a program that hangs.
    pub(crate) fn late_hint(&self) -> Option<String> {
        let Self::Late { program, .. } = self else { return None };
        let program = program.split(' ').next().unwrap_or_default();
        Some(match program.rsplit('/').next().unwrap_or_default() {
            "docker" | "kind" | "k3d" => {
                "the container engine may hang: see whether `docker ps` answers and \
                 restart it, or name another provider, such as `--provider native`"
                    .into()
            }
            "kubectl" => {
                "see whether the cluster answers, and whether a login program of the kubeconfig waits for \
                 input: `kubectl get --raw /readyz`"
                    .into()
            }
            _ => "run it by hand to see what it waits for".into(),
        })
    }

    /// What a person can do next, where we know it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unavailable { fix, .. } => Some(fix.clone()),
            Self::NoCluster { .. } => {
                Some("`kubectl kubsets cluster list` shows the clusters that there are".into())
            }
            Self::NoNode { known, .. } => Some(format!("its nodes are {known}")),
            Self::DeadNode { cluster, nodes, .. } => Some(format!(
                "`kubectl kubsets cluster create --name {cluster} --nodes {nodes}` starts it again"
            )),
            Self::Late { .. } => self.late_hint(),
            Self::Timeout { .. } => Some("`kubectl kubsets status` says where to look first".into()),
            Self::AddressInUse { .. } => Some(
                "remove what uses it; a cluster of ours that is there takes other addresses when it is deleted and created anew"
                    .into(),
            ),
            Self::Busy { .. } => Some("wait for it, or end that process".into()),
            Self::Leftover { name, .. } => {
                Some(format!("run `kubectl kubsets cluster delete --name {name}` once more"))
            }
            Self::Format { path, .. } => Some(format!("correct or move away {}", path.display())),
            Self::Start { program, source } if source.kind() == io::ErrorKind::NotFound => {
                let program = program.split(' ').next().unwrap_or_default();
                Some(format!("install {program} and put it on the PATH"))
            }
            Self::File { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                Some(AS_ROOT.into())
            }
            Self::Kernel { source: nix::Error::EPERM | nix::Error::EACCES, .. } => Some(AS_ROOT.into()),
            Self::Invalid { .. }
            | Self::Command { .. }
            | Self::Parts { .. }
            | Self::Start { .. }
            | Self::File { .. }
            | Self::Kernel { .. } => None,
        }
    }

    /// Turns an I/O error into [`Error::File`]; for `map_err`.
    pub(crate) fn file(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { action, path, source }
    }

    /// Turns an errno into [`Error::Kernel`]; for `map_err`.
    pub(crate) fn kernel(action: impl Into<String>) -> impl FnOnce(nix::Error) -> Self {
        let action = action.into();
        move |source| Self::Kernel { action, source }
    }
}
