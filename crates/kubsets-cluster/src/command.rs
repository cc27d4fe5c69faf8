//! Programs that a provider runs, behind a trait so that tests can put a transcript in their place.

use std::io::{self, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use crate::{Error, Result};

mod family;

/// Longest time for a program that answers a question.
pub const QUESTION: Duration = Duration::from_secs(30);
/// Longest time for a program that makes, loads or removes something.
pub const WORK: Duration = Duration::from_mins(15);
/// How long what a program wrote is read after its end.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// A program with its arguments, and what goes into its standard input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// The program.
    pub program: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its standard input.
    pub stdin: Option<String>,
    /// Longest time that it may take.
    pub limit: Duration,
}

impl Invocation {
    /// The program without arguments, to answer a question.
    pub fn new(program: impl Into<String>) -> Self {
        Self { program: program.into(), args: Vec::new(), stdin: None, limit: QUESTION }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<S: Into<String>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets the standard input.
    #[must_use]
    pub fn stdin(mut self, text: impl Into<String>) -> Self {
        self.stdin = Some(text.into());
        self
    }

    /// Gives it another time.
    #[must_use]
    pub fn within(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// The command line as a person would type it (arguments are not quoted).
    pub fn line(&self) -> String {
        std::iter::once(self.program.as_str())
            .chain(self.args.iter().map(String::as_str))
            .collect::<Vec<_>>()
            .join(" ")
    }
}

/// Runs programs.
pub trait Runner: Send + Sync {
    /// Runs one to its end and returns its standard output.
    ///
    /// # Errors
    /// [`Error::Start`] where it cannot be started, [`Error::Command`] where it ends with an error, [`Error::Late`] where
    /// it does not end in its time.
    fn run(&self, invocation: &Invocation) -> Result<String>;
}

/// Runs programs of this host.
#[derive(Debug, Clone, Copy, Default)]
pub struct HostRunner;

impl Runner for HostRunner {
    fn run(&self, invocation: &Invocation) -> Result<String> {
        tracing::debug!(command = %invocation.line(), "run");
        let start = |source| Error::Start { program: invocation.line(), source };
        let mut child = Command::new(&invocation.program)
            .args(&invocation.args)
            .stdin(if invocation.stdin.is_some() { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(start)?;
        if let (Some(text), Some(mut pipe)) = (invocation.stdin.clone(), child.stdin.take()) {
            // a program that does not read its input closes the pipe: its exit code tells more than that
            thread::spawn(move || pipe.write_all(text.as_bytes()));
        }
        let (stdout, stderr) = (Output::of(child.stdout.take()), Output::of(child.stderr.take()));
        let Some(status) = end(&mut child, invocation.limit).map_err(start)? else {
            family::kill(&mut child);
            return Err(Error::Late { program: invocation.line(), limit: invocation.limit });
        };
        let deadline = Instant::now() + LAST_WORDS;
        let (stdout, stderr) = (stdout.text(deadline), stderr.text(deadline));
        if status.success() {
            return Ok(stdout);
        }
        let said = if stderr.trim().is_empty() { stdout } else { stderr };
        let output = last_lines(&said, 12);
        Err(Error::Command { program: invocation.line(), code: status.code(), output })
    }
}

/// What a program writes into a pipe, read by a thread of its own.
struct Output(Receiver<Vec<u8>>);

impl Output {
    fn of(pipe: Option<impl Read + Send + 'static>) -> Self {
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            let Some(mut pipe) = pipe else { return };
            let mut buffer = vec![0; 1 << 16];
            // what came before an error is all that there is
            while let Ok(count @ 1..) = pipe.read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self(receiver)
    }

    /// All of it until the pipe is closed or `deadline` has come: a process that was left behind may hold it open.
    fn text(self, deadline: Instant) -> String {
        let mut bytes = Vec::new();
        while let Ok(part) = self.0.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            bytes.extend(part);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// Waits until a program has ended; `None` where that takes longer than `limit`.
fn end(child: &mut Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let began = Instant::now();
    loop {
        let ended = child.try_wait()?;
        let waited = began.elapsed();
        if ended.is_some() || waited >= limit {
            return Ok(ended);
        }
        // short programs are seen at once, long ones cost nothing
        thread::sleep((waited / 10).clamp(Duration::from_millis(1), Duration::from_millis(50)));
    }
}

/// The last `count` lines of a text, without blank ones at its end.
pub(crate) fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

#[cfg(test)]
pub(crate) mod transcript {
    //! A runner that knows in advance which programs will be run and what they answer.

    use std::collections::VecDeque;
    use std::sync::Mutex;

    use super::{Invocation, QUESTION, Runner, WORK};
    use crate::{Error, Result};

    /// Expected command lines with their answers, in order.
    pub(crate) struct Transcript {
        calls: Mutex<VecDeque<(String, Result<String>)>>,
        /// Command lines that were given more time than a question has.
        work: Mutex<Vec<String>>,
    }

    impl Transcript {
        pub(crate) fn new(calls: Vec<(&str, &str)>) -> Self {
            let calls = calls.into_iter().map(|(line, answer)| (line.into(), Ok(answer.into())));
            Self { calls: Mutex::new(calls.collect()), work: Mutex::default() }
        }

        /// Adds a call that fails with the exit code 1 and this output.
        pub(crate) fn failing(self, line: &str, output: &str) -> Self {
            let program = line.to_owned();
            self.ending(line, Error::Command { program, code: Some(1), output: output.into() })
        }

        /// Adds a call that hangs.
        pub(crate) fn hanging(self, line: &str) -> Self {
            self.ending(line, Error::Late { program: line.into(), limit: QUESTION })
        }

        fn ending(self, line: &str, error: Error) -> Self {
            self.calls.lock().unwrap().push_back((line.into(), Err(error)));
            self
        }

        /// Command lines that were given more time than a question has.
        pub(crate) fn work(&self) -> Vec<String> {
            self.work.lock().unwrap().clone()
        }

        /// Panics where calls that were expected did not come.
        pub(crate) fn finish(&self) {
            let left = self.calls.lock().unwrap();
            assert!(left.is_empty(), "not called: {:?}", left.iter().map(|c| &c.0).collect::<Vec<_>>());
        }
    }

    impl Runner for &Transcript {
        fn run(&self, invocation: &Invocation) -> Result<String> {
            let (line, answer) = self.calls.lock().unwrap().pop_front().expect("no further call is expected");
            assert_eq!(invocation.line(), line);
            if invocation.limit > QUESTION {
                assert_eq!(invocation.limit, WORK);
                self.work.lock().unwrap().push(line);
            }
            answer
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::native::process::Process;

    #[test]
    fn output_and_input_pass_through() {
        let out = HostRunner.run(&Invocation::new("cat").stdin("one\ntwo")).unwrap();
        assert_eq!(out, "one\ntwo");
    }

    #[test]
    fn a_failure_carries_code_and_last_lines() {
        let error = HostRunner.run(&Invocation::new("sh").args(["-c", "echo why >&2; exit 3"])).unwrap_err();
        match error {
            Error::Command { code: Some(3), output, .. } => assert_eq!(output, "why"),
            other => panic!("unexpected {other:?}"),
        }
    }

    #[test]
    fn a_program_that_hangs_is_stopped_and_told_with_what_to_try() {
        for script in ["exec sleep 60", "exec >&- 2>&-; exec sleep 60"] {
            let began = Instant::now();
            let hanging = Invocation::new("sh").args(["-c", script]).within(Duration::from_millis(300));
            let error = HostRunner.run(&hanging).unwrap_err();
            assert!(began.elapsed() < Duration::from_secs(20), "{script} took {:?}", began.elapsed());
            let expected = format!("`sh -c {script}` did not end within 300ms and was stopped");
            assert_eq!(error.to_string(), expected);
            assert!(error.hint().unwrap().contains("by hand"));
        }
    }

    #[test]
    fn what_a_program_that_hangs_has_started_is_stopped_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let pids = folder.path().join("pids");
        let script = format!("(sleep 60 & echo $! >> {0}; wait) & echo $! >> {0}; wait", pids.display());
        let hanging = Invocation::new("sh").args(["-c", &script]).within(Duration::from_secs(1));
        assert!(matches!(HostRunner.run(&hanging), Err(Error::Late { .. })));
        let pids = std::fs::read_to_string(pids).unwrap();
        let pids: Vec<i32> = pids.lines().map(|pid| pid.parse().unwrap()).collect();
        assert_eq!(pids.len(), 2);
        let deadline = Instant::now() + Duration::from_secs(5);
        while pids.iter().any(|pid| Process::observe(*pid).is_some()) {
            assert!(Instant::now() < deadline, "one of {pids:?} lives on");
            thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn a_program_has_ended_although_what_it_started_holds_its_output() {
        let began = Instant::now();
        let script = "echo done; sleep 60 & echo $!; exit 0";
        let said = HostRunner.run(&Invocation::new("sh").args(["-c", script])).unwrap();
        assert!(began.elapsed() < Duration::from_secs(20), "took {:?}", began.elapsed());
        let (text, pid) = said.trim().split_once('\n').unwrap();
        assert_eq!(text, "done");
        Process::observe(pid.parse().unwrap()).expect("it is left alone").kill().unwrap();
    }

    #[test]
    fn more_than_a_pipe_holds_passes_through_both_ways() {
        let text = "x".repeat(1 << 20);
        assert_eq!(HostRunner.run(&Invocation::new("cat").stdin(text.clone())).unwrap(), text);
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = HostRunner.run(&Invocation::new("no-such-program-here")).unwrap_err();
        assert!(error.to_string().contains("no-such-program-here"));
    }
}
