//! A program with the processes that it started. It shares our process group, so that Ctrl-C reaches it as it reaches us.

use std::collections::BTreeSet;
use std::fs;
use std::process::Child;

use nix::sys::signal::{Signal, kill as send};
use nix::unistd::Pid;

use crate::native::process;

/// Kills a program and all that it started, where `/proc` tells what that is.
pub(super) fn kill(child: &mut Child) {
    let root = child.id().cast_signed();
    let mut family = BTreeSet::from([root]);
    let mut found = vec![root];
    while !found.is_empty() {
        // stopped, nobody starts another one, and nobody ends and leaves his id to a stranger
        signal(&found, Signal::SIGSTOP);
        found = children(&family);
        family.extend(&found);
    }
    signal(family.iter(), Signal::SIGKILL);
    let _ = child.wait();
}

/// Sends a signal; who has ended meanwhile needs none.
fn signal<'a>(pids: impl IntoIterator<Item = &'a i32>, signal: Signal) {
    for pid in pids {
        let _ = send(Pid::from_raw(*pid), signal);
    }
}

/// Children of these processes that are not among them.
fn children(family: &BTreeSet<i32>) -> Vec<i32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let is_new =
        |pid: &i32| !family.contains(pid) && process::parent(*pid).is_some_and(|p| family.contains(&p));
    pids.filter(is_new).collect()
}
