//! Examples: the first thing that a help text shows.

/// Examples of one command: its path below the plugin, then lines of (what it is for, command).
type Examples = (&'static [&'static str], &'static [(&'static str, &'static str)]);

const EXAMPLES: &[Examples] = &[
    (
        &[],
        &[
            ("a cluster with the demo stack", "up"),
            ("what a bad canary would do to your users", "canary simulate --error 5% --rps 100 --weights 10"),
        ],
    ),
    (
        &["up"],
        &[("a cluster that suits this machine, and the stack", "up"), ("without questions", "up --yes")],
    ),
    (&["down"], &[("remove what up made", "down"), ("without a question", "down --yes")]),
    (
        &["status"],
        &[("one look", "status"), ("wait until all is healthy", "status --until-healthy --timeout 5m")],
    ),
    (
        &["smoke"],
        &[("through the gateway", "smoke"), ("through an address", "smoke --url http://127.0.0.1:8080")],
    ),
    (
        &["load"],
        &[
            (
                "400 requests/s for 20 s, as JSON",
                "load http://127.0.0.1:8080/ --rate 400 --duration 20s -o json",
            ),
            ("the demo app, as a gate", "load --rate poisson:200 --fail-if 'p99>50ms' --fail-if 'errors>1%'"),
        ],
    ),
    (
        &["cluster", "create"],
        &[
            ("a cluster that suits this machine", "cluster create"),
            ("a second one with three nodes", "cluster create --name second --nodes 3"),
        ],
    ),
    (&["cluster", "delete"], &[("without a question", "cluster delete --name second --confirm second")]),
    (&["cluster", "status"], &[("its nodes", "cluster status")]),
    (&["cluster", "kubeconfig"], &[("for a program of its own", "cluster kubeconfig > kubeconfig.yaml")]),
    (&["cluster", "remove-node"], &[("the second worker", "cluster remove-node kubsets-worker2")]),
    (&["cluster", "load-image"], &[("an image that docker built", "cluster load-image api.tar")]),
    (&["images", "build"], &[("all images", "images build"), ("one of them", "images build demo-app")]),
    (&["images", "save"], &[("an archive for docker load", "images save demo-app --to demo-app.tar")]),
    (&["images", "push"], &[("to a local registry", "images push demo-app --to localhost:5000")]),
    (&["doctor"], &[("what is possible on this machine", "doctor"), ("for a script", "doctor -o json")]),
    (
        &["lab", "run"],
        &[
            ("a pod is killed under load", "lab run chaos/pod-kill"),
            ("with another rate", "lab run chaos/pod-kill --set rate=300"),
            ("for an audience: a question before each step", "lab run chaos/pod-kill --step"),
            ("exactly what was planned before", "lab run --plan plan.json"),
            ("for a program that reads along", "lab run chaos/pod-kill --events"),
        ],
    ),
    (&["lab", "plan"], &[("a plan to be run later", "lab plan chaos/pod-kill -o json > plan.json")]),
    (
        &["lab", "lint"],
        &[
            ("one lab", "lab lint chaos/pod-kill"),
            ("a folder", "lab lint labs"),
            ("a text", "lab lint - < lab.yaml"),
        ],
    ),
    (&["lab", "abort"], &[("the only run under way", "lab abort")]),
    (&["lab", "new"], &[("a new lab", "lab new chaos/slow-disk")]),
    (
        &["lab", "replay"],
        &[
            ("the last run again, ten times as fast", "lab replay --speed 10"),
            ("all lines of a run at once", "lab replay 261120-163148-d80d --speed 0 --plain"),
        ],
    ),
    (&["lab", "clean"], &[("finish the undo of a killed run", "lab clean")]),
    (
        &["canary", "run"],
        &[
            ("a version with 5 % errors, which is caught and rolled back", "canary run bad-errors"),
            ("a new image of any Deployment", "canary run --image registry.example/api:2 --deployment api"),
            ("for a program that reads along", "canary run bad-errors --events"),
        ],
    ),
    (
        &["canary", "plan"],
        &[
            ("what a lab would do", "canary plan good-release"),
            ("with other steps", "canary plan good-release --weights 10,50 --rate 200"),
        ],
    ),
    (&["canary", "status"], &[("one look", "canary status"), ("until it is over", "canary status --watch")]),
    (
        &["report"],
        &[
            ("the last run, as a page for a browser", "report --open-path report.html"),
            ("for a pull request", "report 261120-163148-d80d -o markdown"),
            (
                "what two runs have in common",
                "report --compare 261120-163001-d4fb 261120-163148-d80d -o markdown",
            ),
        ],
    ),
    (
        &["canary", "replay"],
        &[
            ("a run again, ten times as fast", "canary replay 261120-163148-d80d --speed 10"),
            ("what the rules of other tools say to its seconds", "canary replay 261120-163148-d80d --judge"),
            ("with a stricter judge", "canary replay --judge --error-limit 0.5% --false-alarm 0.1%"),
        ],
    ),
    (&["canary", "undo"], &[("the last run", "canary undo --yes")]),
    (
        &["canary", "simulate"],
        &[
            (
                "5 % errors at 100 requests/s and 10 % weight",
                "canary simulate --error 5% --rps 100 --weights 10",
            ),
            ("beside the rules of other tools", "canary simulate --error 2% --rps 20 --compare"),
        ],
    ),
    (&["version"], &[("plugin and cluster", "version"), ("with commit and compiler", "version -o json")]),
    (
        &["completion"],
        &[
            ("let kubectl complete this plugin", "completion install-kubectl"),
            (
                "complete the binary itself in bash",
                "completion bash > ~/.local/share/bash-completion/completions/kubectl-kubsets",
            ),
        ],
    ),
];

/// Adds the examples and the help order to `command` and everything below it.
pub(super) fn add(command: clap::Command, template: &'static str) -> clap::Command {
    below(command, &mut Vec::new(), template)
}

fn below(command: clap::Command, path: &mut Vec<String>, template: &'static str) -> clap::Command {
    let names: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    let mut command = command.help_template(template);
    if let Some(text) = text(path) {
        command = command.before_help(text);
    }
    for name in names {
        path.push(name.clone());
        command = command.mut_subcommand(name, |sub| below(sub, path, template));
        path.pop();
    }
    command
}

/// The examples of the command at `path`, as a block that ends with an empty line.
pub(super) fn text(path: &[String]) -> Option<String> {
    let (_, lines) =
        EXAMPLES.iter().find(|(at, _)| at.len() == path.len() && at.iter().zip(path).all(|(a, b)| a == b))?;
    let mut text = "Examples:\n".to_owned();
    for (purpose, arguments) in *lines {
        append!(text, "  # {purpose}\n  {} {arguments}\n", super::AS_PLUGIN);
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[test]
    fn every_example_parses() {
        for (_, lines) in EXAMPLES {
            for (_, arguments) in *lines {
                let words = arguments.split(" > ").next().unwrap_or_default().split_whitespace();
                let words =
                    std::iter::once(crate::cli::BINARY).chain(words.map(|word| word.trim_matches('\'')));
                if let Err(error) = crate::cli::Cli::try_parse_from(words) {
                    panic!("`{arguments}`: {error}");
                }
            }
        }
    }

    #[test]
    fn a_shell_takes_no_part_of_an_example_for_a_file() {
        for (_, lines) in EXAMPLES {
            for (_, arguments) in *lines {
                let unquoted: String = arguments.split('\'').step_by(2).collect();
                let rest = unquoted.replacen(" > ", "", 1).replacen(" < ", "", 1);
                assert!(!rest.contains(['<', '>', '|', '&', ';', '*', '$']), "{arguments}");
            }
        }
    }

    #[test]
    fn every_command_that_has_examples_exists() {
        for (path, _) in EXAMPLES {
            let mut command = &crate::cli::command();
            for name in *path {
                command = command.find_subcommand(name).unwrap_or_else(|| panic!("no command {path:?}"));
            }
        }
    }
}
