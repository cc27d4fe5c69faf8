//! Runs other programs: keeps their last output for the error and sends progress meanwhile.

use std::{
    collections::{HashSet, VecDeque},
    ffi::OsStr,
    io::{self, BufRead, BufReader, Read},
    process::{Command, ExitStatus, Stdio},
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use crate::progress::Stage;

/// How many of the last lines of each pipe a failed program's error shows.
const KEPT_LINES: usize = 20;

/// A program that the build needs could not be run or failed.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The program is not installed.
    #[error("{program} is not installed; hack/native-prerequisites.sh installs what is missing")]
    Missing {
        /// Name of the program.
        program: String,
    },
    /// The program could not be started or its output could not be read.
    #[error("cannot run {program}")]
    Io {
        /// Name of the program.
        program: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The program ended with an error.
    #[error("{program} failed ({status}):\n{output}")]
    Failed {
        /// Name of the program.
        program: String,
        /// How it ended.
        status: ExitStatus,
        /// The last lines that it printed.
        output: String,
    },
}

fn name_of(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

fn io_error(program: String, source: io::Error) -> CommandError {
    match source.kind() {
        io::ErrorKind::NotFound => CommandError::Missing { program },
        _ => CommandError::Io { program, source },
    }
}

/// Runs a short program and returns what it printed on standard output.
pub(crate) fn output(command: &mut Command) -> Result<String, CommandError> {
    let program = name_of(command);
    tracing::debug!(command = ?command, "run");
    let output = command.stdin(Stdio::null()).output().map_err(|error| io_error(program.clone(), error))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Err(CommandError::Failed { program, status: output.status, output: last_lines(&text) })
}

/// Runs a program that may take minutes and ticks the stage each second.
pub(crate) fn run(command: &mut Command, stage: &mut Stage<'_>) -> Result<(), CommandError> {
    run_counted(command, stage, HashSet::new())
}

/// [`run`] for a program that prints a line with its name for each of these parts: the stage advances by it.
pub(crate) fn run_counted(
    command: &mut Command,
    stage: &mut Stage<'_>,
    parts: HashSet<String>,
) -> Result<(), CommandError> {
    let program = name_of(command);
    tracing::debug!(command = ?command, "run");
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| io_error(program.clone(), error))?;
    let (sender, done) = mpsc::channel();
    let parts = Arc::new(parts);
    let readers = [
        child.stdout.take().map(|pipe| keep_lines(pipe, Arc::clone(&parts), sender.clone())),
        child.stderr.take().map(|pipe| keep_lines(pipe, parts, sender.clone())),
    ];
    drop(sender);
    loop {
        match done.recv_timeout(Duration::from_secs(1)) {
            Ok(()) => stage.advance(),
            Err(mpsc::RecvTimeoutError::Timeout) => stage.tick(),
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
        }
    }
    let lines: Vec<String> =
        readers.into_iter().flatten().filter_map(|reader| reader.join().ok()).flatten().collect();
    let status = child.wait().map_err(|source| CommandError::Io { program: program.clone(), source })?;
    if status.success() {
        return Ok(());
    }
    Err(CommandError::Failed { program, status, output: lines.join("\n") })
}

/// Reads a pipe to its end, tells of parts and returns the last other lines; the sender is dropped with the thread.
fn keep_lines(
    pipe: impl Read + Send + 'static,
    parts: Arc<HashSet<String>>,
    done: mpsc::Sender<()>,
) -> thread::JoinHandle<VecDeque<String>> {
    thread::spawn(move || {
        let mut kept = VecDeque::new();
        for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).into_owned();
            tracing::trace!("{line}");
            if parts.contains(&line) {
                // nobody listens after the end
                let _ = done.send(());
                continue;
            }
            if kept.len() == KEPT_LINES {
                kept.pop_front();
            }
            kept.push_back(line);
        }
        kept
    })
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(KEPT_LINES)..].join("\n")
}

/// A command whose messages are in English, so that errors can be read by everyone.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env("LC_ALL", "C.UTF-8");
    command
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::Event;

    #[test]
    fn failure_shows_the_last_lines() {
        let mut events = Vec::new();
        let mut sink = |progress: crate::Progress| events.push(progress.event);
        let mut stage = Stage::start(&mut sink, "test", "fail", Duration::ZERO);
        let error =
            run(command("sh").args(["-c", "seq 1 100; echo no luck >&2; exit 3"]), &mut stage).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("sh failed (exit status: 3)") && text.contains("no luck"), "{text}");
        assert!(!text.contains("\n10\n"), "old lines are dropped: {text}");
        assert_eq!(events, [Event::Started { estimate: Duration::ZERO }]);
    }

    #[test]
    fn lines_that_name_parts_advance_the_stage_and_are_not_kept() {
        let mut done = Vec::new();
        let mut sink = |progress: crate::Progress| {
            if let Event::Running { parts: Some(parts), .. } = progress.event {
                done.push((parts.done, parts.of));
            }
        };
        let mut stage = Stage::start(&mut sink, "test", "build", Duration::ZERO);
        stage.expect(2, "packages");
        let parts = ["one", "two"].map(str::to_owned).into();
        let script = "echo one; echo '# two'; echo two >&2; exit 1";
        let error = run_counted(command("sh").args(["-c", script]), &mut stage, parts).unwrap_err();
        assert_eq!(done, [(0, 2), (1, 2), (2, 2)]);
        assert!(error.to_string().ends_with(":\n# two"), "{error}");
    }

    #[test]
    fn absent_program_names_the_remedy() {
        let error = output(&mut command("no-such-program-here")).unwrap_err();
        assert!(error.to_string().contains("hack/native-prerequisites.sh"));
    }
}
