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
    /// The stage still runs. Sent about once a second for stages that run another program, and when a part is done.
    Running {
        /// How far it is, where that is known.
        parts: Option<Parts>,
    },
    /// The stage waits for another process that builds the same thing.
    Waiting,
    /// The stage ended well.
    Finished {
        /// Time the stage took.
        elapsed: Duration,
        /// The parts that it consisted of, where that is known.
        parts: Option<Parts>,
    },
    /// Nothing had to be done.
    Cached,
}

/// A stage that lies ahead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// The subject of its messages.
    pub subject: String,
    /// Its name in them.
    pub stage: String,
    /// How long it takes on two cores.
    pub usual: Duration,
}

impl Expected {
    pub(crate) fn new(subject: &str, stage: impl Into<String>, usual: Duration) -> Self {
        Self { subject: subject.to_owned(), stage: stage.into(), usual }
    }

    /// Begins it.
    pub(crate) fn start(self, sink: Sink<'_>) -> Stage<'_> {
        Stage::start(sink, &self.subject, self.stage, self.usual)
    }

    /// Adds it to others, unless it is among them.
    pub(crate) fn join(self, others: &mut Vec<Self>) {
        if !others.iter().any(|other| (&other.subject, &other.stage) == (&self.subject, &self.stage)) {
            others.push(self);
        }
    }
}

/// How far a stage is that consists of parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts {
    /// Parts that are done.
    pub done: usize,
    /// All parts, at least one.
    pub of: usize,
    /// What they are, for example `packages`.
    pub what: &'static str,
}

/// The caller's callback.
pub(crate) type Sink<'a> = &'a mut dyn FnMut(Progress);

/// A stage that has begun: sends the messages that belong to it.
pub(crate) struct Stage<'a> {
    sink: Sink<'a>,
    subject: String,
    name: String,
    parts: Option<Parts>,
    started: Instant,
}

impl<'a> Stage<'a> {
    pub(crate) fn start(sink: Sink<'a>, subject: &str, name: impl Into<String>, estimate: Duration) -> Self {
        let mut stage = Self {
            sink,
            subject: subject.to_owned(),
            name: name.into(),
            parts: None,
            started: Instant::now(),
        };
        stage.send(Event::Started { estimate });
        stage
    }

    pub(crate) fn tick(&mut self) {
        self.send(Event::Running { parts: self.parts });
    }

    /// Says of how many parts the stage consists; of none, nothing is known.
    pub(crate) fn expect(&mut self, of: usize, what: &'static str) {
        self.parts = (of > 0).then_some(Parts { done: 0, of, what });
        self.tick();
    }

    /// One more part is done.
    pub(crate) fn advance(&mut self) {
        if let Some(parts) = &mut self.parts {
            parts.done = parts.of.min(parts.done + 1);
        }
        self.tick();
    }

    pub(crate) fn finish(mut self) {
        let elapsed = self.started.elapsed();
        self.send(Event::Finished { elapsed, parts: self.parts });
    }

    fn send(&mut self, event: Event) {
        (self.sink)(Progress { subject: self.subject.clone(), stage: self.name.clone(), event });
    }
}

/// Reports a stage that had nothing to do.
pub(crate) fn cached(sink: Sink<'_>, subject: &str, stage: impl Into<String>) {
    sink(Progress { subject: subject.to_owned(), stage: stage.into(), event: Event::Cached });
}
