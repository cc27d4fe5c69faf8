//! What a provider tells while it works.

use serde::Serialize;

/// One piece of news from a provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum Event {
    /// A stage of the work began.
    Stage {
        /// What is being done, e.g. `starting the control plane`.
        name: String,
        /// What takes its time.
        work: Work,
    },
    /// A fact worth a line, e.g. that a half-dead cluster was found and repaired.
    Note {
        /// The sentence.
        text: String,
    },
}

/// Work of one kind takes about as long each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Work {
    /// The kind, the same in every cluster, e.g. `start a control plane`.
    pub kind: &'static str,
    /// How much of it there is, e.g. how many images are loaded.
    pub count: u32,
    /// Seconds of one on two cores.
    pub usual_s: u32,
}

impl Work {
    /// Work that is done once.
    pub const fn once(kind: &'static str, usual_s: u32) -> Self {
        Self { kind, count: 1, usual_s }
    }

    /// Work that is done for each of so many.
    pub const fn each(kind: &'static str, usual_s: u32, count: usize) -> Self {
        Self { kind, count: count as u32, usual_s }
    }
}

/// Where a provider sends its news.
pub trait Events: Sync {
    /// Takes one event.
    fn emit(&self, event: Event);

    /// A stage began.
    fn stage(&self, name: &str, work: Work) {
        self.emit(Event::Stage { name: name.into(), work });
    }

    /// A fact worth a line.
    fn note(&self, text: &str) {
        self.emit(Event::Note { text: text.into() });
    }
}

impl<F: Fn(Event) + Sync> Events for F {
    fn emit(&self, event: Event) {
        self(event);
    }
}
