//! A process that can be told from a later one with the same id.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// A process by id, start time and boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Process {
    /// Its id in the host's process namespace.
    pub pid: i32,
    /// When it started, in clock ticks since boot (field 22 of `/proc/PID/stat`).
    pub start_ticks: u64,
    /// The boot it belongs to.
    pub boot: String,
}

impl Process {
    /// The process that has this id now; `None` where none has.
    pub fn observe(pid: i32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let Stat { state, start_ticks, .. } = parse_stat(&stat)?;
        (state != 'Z').then(|| Self { pid, start_ticks, boot: boot_id() })
    }

    /// Whether it still runs.
    pub fn is_alive(&self) -> bool {
        Self::observe(self.pid).as_ref() == Some(self)
    }

    /// Kills it and waits until it is gone.
    ///
    /// # Errors
    /// [`Error::Timeout`] where it is still there after 20 s.
    pub fn kill(&self) -> Result<()> {
        let limit = Duration::from_secs(20);
        let began = Instant::now();
        while self.is_alive() {
            // it may end by itself between the two lines
            let _ = kill(Pid::from_raw(self.pid), Signal::SIGKILL);
            if began.elapsed() > limit {
                return Err(Error::Timeout {
                    what: format!("the end of process {}", self.pid),
                    waited: limit,
                    last: "it is still there after SIGKILL".into(),
                });
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Reads a process that was written down; `None` where the file is missing or damaged.
    pub fn read(path: &Path) -> Option<Self> {
        serde_json::from_str(&fs::read_to_string(path).ok()?).ok()
    }
}

/// The id of this boot.
pub(super) fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|id| id.trim().to_owned()).unwrap_or_default()
}

/// The process that started one, or that took it over; `None` where there is none.
pub(crate) fn parent(pid: i32) -> Option<i32> {
    parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?).map(|stat| stat.parent)
}

/// What we take of a line of `/proc/PID/stat`.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    /// Its letter.
    state: char,
    parent: i32,
    start_ticks: u64,
}

/// Reads a line of `/proc/PID/stat`; the command in parentheses may hold anything.
fn parse_stat(stat: &str) -> Option<Stat> {
    let rest = &stat[stat.rfind(')')? + 1..];
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    let parent = fields.next()?.parse().ok()?;
    let start_ticks = fields.nth(17)?.parse().ok()?;
    Some(Stat { state, parent, start_ticks })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_command_with_parentheses_does_not_confuse() {
        let stat = "7 (a) b) S 3 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4242 0 0";
        assert_eq!(parse_stat(stat), Some(Stat { state: 'S', parent: 3, start_ticks: 4242 }));
    }

    #[test]
    fn a_process_is_told_from_its_successor() {
        let mut child = Command::new("sleep").arg("30").spawn().unwrap();
        let process = Process::observe(child.id().try_into().unwrap()).unwrap();
        assert!(process.is_alive());
        let other = Process { start_ticks: process.start_ticks + 1, ..process.clone() };
        assert!(!other.is_alive());
        process.kill().unwrap();
        child.wait().unwrap();
        assert!(!process.is_alive());
    }
}
