//! The line between the command and its pods. Pods cannot ask the API server whether the command still lives, so it says so
//! on their standard input: one byte every few seconds. A pod that hears nothing for long ends by itself.

use std::collections::BTreeMap;
use std::io::Read;
use std::time::Duration;

use anyhow::Context as _;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, AttachParams};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::job::CONTAINER;

/// "I live."
const ALIVE: u8 = b'.';

/// "Plan nothing new and tell what you have."
const STOP: u8 = b's';

/// Time between two signs of life.
const EVERY: Duration = Duration::from_secs(4);

/// Time before a broken line is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// Silence after which the command is dead: some lost signs, or a line that is made anew, are none.
pub(super) const SILENCE: Duration = Duration::from_secs(20);

/// The command's ends of the lines; they break when it is dropped.
pub(super) struct Lines {
    pods: Api<Pod>,
    stop: CancellationToken,
    trouble: watch::Sender<String>,
    open: BTreeMap<String, AbortOnDropHandle<()>>,
}

impl Lines {
    /// No line yet. `stop` tells all pods to come to an end.
    pub(super) fn new(pods: Api<Pod>, stop: CancellationToken) -> Self {
        Self { pods, stop, trouble: watch::Sender::default(), open: BTreeMap::new() }
    }

    /// Holds a line to each of these pods and to no other.
    pub(super) fn hold(&mut self, names: impl IntoIterator<Item = String>) {
        let mut before = std::mem::take(&mut self.open);
        for name in names {
            let line = before.remove(&name).unwrap_or_else(|| {
                let (pods, stop, trouble) = (self.pods.clone(), self.stop.clone(), self.trouble.clone());
                let name = name.clone();
                AbortOnDropHandle::new(tokio::spawn(async move {
                    loop {
                        if let Err(error) = talk(&pods, &name, &stop).await {
                            trouble.send_replace(format!("{error:#}"));
                        }
                        sleep(AGAIN).await;
                    }
                }))
            });
            self.open.insert(name, line);
        }
    }

    /// Why a line broke last; empty when none did.
    pub(super) fn trouble(&self) -> String {
        self.trouble.borrow().clone()
    }
}

/// Says to one pod that the command lives, until the line breaks.
async fn talk(pods: &Api<Pod>, name: &str, stop: &CancellationToken) -> anyhow::Result<()> {
    let only_in = AttachParams::default().container(CONTAINER).stdin(true).stdout(false).stderr(false);
    let mut process =
        pods.attach(name, &only_in).await.with_context(|| format!("cannot attach to pod {name}"))?;
    let mut line = process.stdin().with_context(|| format!("pod {name} has no standard input"))?;
    loop {
        let stopping = stop.is_cancelled();
        line.write_all(&[if stopping { STOP } else { ALIVE }]).await.context("the line broke")?;
        line.flush().await.context("the line broke")?;
        tokio::select! {
            () = sleep(EVERY) => {}
            () = stop.cancelled(), if !stopping => {}
        }
    }
}

/// What a pod has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// Plan nothing new; the report is wanted.
    Stop,
    /// The command is dead, and nobody wants the report.
    Nothing,
}

/// A pod's end of the line.
pub(super) struct Line {
    words: UnboundedReceiver<u8>,
    heard: Instant,
    silence: Duration,
}

impl Line {
    /// Listens, on a thread of its own: reading blocks, and a pod does not wait for it at its end. After so much `silence`
    /// the command is dead.
    pub(super) fn hear(mut input: impl Read + Send + 'static, silence: Duration) -> Self {
        let (sender, words) = unbounded_channel();
        std::thread::spawn(move || {
            let mut chunk = [0; 64];
            while let Ok(length @ 1..) = input.read(&mut chunk) {
                let word = if chunk[..length].contains(&STOP) { STOP } else { ALIVE };
                if sender.send(word).is_err() {
                    return;
                }
            }
        });
        Self { words, heard: Instant::now(), silence }
    }

    /// Waits until there is something to do. Nothing is lost when the wait is given up and begun again.
    pub(super) async fn next(&mut self) -> Said {
        loop {
            let dead = self.heard + self.silence;
            match timeout_at(dead, self.words.recv()).await {
                Ok(Some(word)) => {
                    self.heard = Instant::now();
                    if word == STOP {
                        return Said::Stop;
                    }
                }
                // Nothing more can come, and nothing but silence tells the end of the command.
                Ok(None) => {
                    sleep_until(dead).await;
                    return Said::Nothing;
                }
                Err(_) => return Said::Nothing,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Input from a channel, as a pipe gives it: it blocks, and ends with its writer.
    struct Pipe(std::sync::mpsc::Receiver<u8>);

    impl Read for Pipe {
        fn read(&mut self, chunk: &mut [u8]) -> std::io::Result<usize> {
            Ok(self.0.recv().map_or(0, |word| {
                chunk[0] = word;
                1
            }))
        }
    }

    #[tokio::test]
    async fn a_pod_hears_the_wish_to_stop_and_the_end_of_the_line() {
        let (say, pipe) = std::sync::mpsc::channel();
        let mut line = Line::hear(Pipe(pipe), Duration::from_millis(200));
        for word in [ALIVE, STOP, ALIVE] {
            say.send(word).unwrap();
        }
        assert_eq!(line.next().await, Said::Stop);
        drop(say);
        assert_eq!(line.next().await, Said::Nothing);
    }

    #[tokio::test]
    async fn a_silent_command_is_dead_and_one_that_speaks_is_not() {
        let (silence, (say, words)) = (Duration::from_secs(1), unbounded_channel());
        let mut line = Line { words, heard: Instant::now(), silence };
        for _ in 0..4 {
            say.send(ALIVE).unwrap();
            // As when other things happen meanwhile.
            assert!(tokio::time::timeout(silence / 2, line.next()).await.is_err());
        }
        // The line stays, as it does when the machine of the command is gone; giving the wait up did not prolong it.
        let began = Instant::now();
        assert_eq!(line.next().await, Said::Nothing);
        assert!(began.elapsed() < silence * 3 / 4, "{:?}", began.elapsed());
        drop(say);
    }
}
