//! What each command is beyond its own arguments: it says which global flags have a meaning there.

/// A property of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trait {
    /// Changes a cluster, its nodes or a registry: `--read-only` forbids it.
    Changes,
    /// Works in one namespace: `-n` chooses it.
    Namespaced,
    /// Works in every namespace where it is told to: `-A` tells it.
    Everywhere,
    /// Ends with a verdict: `--exit-zero` keeps that out of the exit code.
    Judges,
    /// Lists what has names: `-o name` prints these.
    Lists,
}

use Trait::{Changes, Everywhere, Judges, Lists, Namespaced};

/// Every command but the hidden ones. `load` changes a cluster only with `--in-cluster`, which it refuses itself.
const COMMANDS: &[(&[&str], &[Trait])] = &[
    (&["up"], &[Changes]),
    (&["down"], &[Changes]),
    (&["status"], &[Namespaced]),
    (&["smoke"], &[Namespaced]),
    (&["canary", "list"], &[Lists]),
    (&["canary", "show"], &[]),
    (&["canary", "plan"], &[Namespaced]),
    (&["canary", "run"], &[Changes, Namespaced, Judges]),
    (&["canary", "status"], &[Namespaced, Everywhere]),
    (&["canary", "abort"], &[Changes, Namespaced]),
    (&["canary", "undo"], &[Changes, Namespaced]),
    (&["canary", "clean"], &[Changes, Namespaced, Everywhere]),
    (&["canary", "replay"], &[]),
    (&["canary", "report"], &[Lists]),
    (&["canary", "lint"], &[]),
    (&["canary", "new"], &[]),
    (&["canary", "simulate"], &[]),
    (&["lab", "list"], &[Lists]),
    (&["lab", "show"], &[]),
    (&["lab", "plan"], &[]),
    (&["lab", "run"], &[Changes, Namespaced, Judges]),
    (&["lab", "status"], &[Namespaced, Everywhere]),
    (&["lab", "abort"], &[Changes, Namespaced]),
    (&["lab", "clean"], &[Changes, Namespaced, Everywhere]),
    (&["lab", "replay"], &[]),
    (&["lab", "report"], &[Lists]),
    (&["lab", "lint"], &[]),
    (&["lab", "new"], &[]),
    (&["report"], &[Lists]),
    (&["load"], &[Namespaced, Judges]),
    (&["images", "build"], &[Lists]),
    (&["images", "list"], &[Lists]),
    (&["images", "load"], &[Changes]),
    (&["images", "save"], &[]),
    (&["images", "push"], &[Changes, Lists]),
    (&["doctor"], &[Namespaced]),
    (&["cluster", "create"], &[Changes]),
    (&["cluster", "delete"], &[Changes]),
    (&["cluster", "list"], &[Lists]),
    (&["cluster", "status"], &[]),
    (&["cluster", "kubeconfig"], &[]),
    (&["cluster", "add-node"], &[Changes]),
    (&["cluster", "remove-node"], &[Changes]),
    (&["cluster", "load-image"], &[Changes]),
    (&["version"], &[]),
    (&["completion", "bash"], &[]),
    (&["completion", "zsh"], &[]),
    (&["completion", "fish"], &[]),
    (&["completion", "powershell"], &[]),
    (&["completion", "install-kubectl"], &[]),
];

/// Families of labs, whose verbs are those of `lab`.
const FAMILIES: [&str; 6] = ["chaos", "autoscaling", "gateway", "networking", "storage", "observability"];

/// What the command at a path below the plugin is; `None` for a hidden one.
pub(crate) fn traits(path: &[&str]) -> Option<&'static [Trait]> {
    let path: Vec<&str> =
        path.iter().map(|name| if FAMILIES.contains(name) { "lab" } else { *name }).collect();
    COMMANDS.iter().find(|(known, _)| *known == path).map(|(_, traits)| *traits)
}

/// The commands that have a property, for a hint.
pub(crate) fn commands_with(wanted: Trait) -> String {
    let having = COMMANDS.iter().filter(|(_, traits)| traits.contains(&wanted));
    having.map(|(path, _)| path.join(" ")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_known() {
        fn walk<'a>(command: &'a clap::Command, path: &mut Vec<&'a str>) {
            for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
                path.push(sub.get_name());
                if sub.has_subcommands() {
                    walk(sub, path);
                } else {
                    assert!(traits(path).is_some(), "{path:?} is not in the table");
                }
                path.pop();
            }
        }
        walk(&crate::cli::command(), &mut Vec::new());
    }

    #[test]
    fn every_known_command_exists() {
        for (path, _) in COMMANDS {
            let mut command = &crate::cli::command();
            for name in *path {
                command = command.find_subcommand(name).unwrap_or_else(|| panic!("no command {path:?}"));
            }
        }
    }
}
