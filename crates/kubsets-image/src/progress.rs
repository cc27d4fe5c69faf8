//! What a build tells its caller while it runs.

use std::time::{Duration, Instant};

/// One message about one stage of a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// What is being made, for example an image reference or `kubelet`.
    pub subject: String,
    /// The stage in plain words, for example `go build k8s.io/kubernetes/cmd/kubelet`.
    pub stage: String,
    /// What happened.
    pub event: Event,
}

/// What happened to a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The stage began; on two cores it takes about this long.
    Started {
        /// Measured on two cores with nothing cached.
        estimate: Duration,
    },
    /// The stage still runs. Sent about once a second for stages that run another program.
    Running {
        /// Time since the start of the stage.
        elapsed: Duration,
        /// The same estimate as at the start.
        estimate: Duration,
    },
    /// The stage waits for another process that builds the same thing.
    Waiting,
    /// The stage ended well.
    Finished {
        /// Time the stage took.
        elapsed: Duration,
    },
    /// Nothing had to be done.
    Cached,
}

/// The caller's callback.
pub(crate) type Sink<'a> = &'a mut dyn FnMut(Progress);

/// A stage that has begun: sends the messages that belong to it.
pub(crate) struct Stage<'a> {
    sink: Sink<'a>,
    subject: String,
    name: String,
    estimate: Duration,
    started: Instant,
}

impl<'a> Stage<'a> {
    pub(crate) fn start(sink: Sink<'a>, subject: &str, name: impl Into<String>, estimate: Duration) -> Self {
        let mut stage =
            Self { sink, subject: subject.to_owned(), name: name.into(), estimate, started: Instant::now() };
        stage.send(Event::Started { estimate });
        stage
    }

    pub(crate) fn tick(&mut self) {
        let (elapsed, estimate) = (self.started.elapsed(), self.estimate);
        self.send(Event::Running { elapsed, estimate });
    }

    pub(crate) fn finish(mut self) {
        let elapsed = self.started.elapsed();
        self.send(Event::Finished { elapsed });
    }

    fn send(&mut self, event: Event) {
        (self.sink)(Progress { subject: self.subject.clone(), stage: self.name.clone(), event });
    }
}

/// Reports a stage that had nothing to do.
pub(crate) fn cached(sink: Sink<'_>, subject: &str, stage: impl Into<String>) {
    sink(Progress { subject: subject.to_owned(), stage: stage.into(), event: Event::Cached });
}
