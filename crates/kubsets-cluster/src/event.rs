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
        /// How long it usually takes, in seconds.
        expected_s: u32,
    },
    /// A fact worth a line, e.g. that a half-dead cluster was found and repaired.
    Note {
        /// The sentence.
        text: String,
    },
}

/// Where a provider sends its news.
pub trait Events: Sync {
    /// Takes one event.
    fn emit(&self, event: Event);

    /// A stage began.
    fn stage(&self, name: &str, expected_s: u32) {
        self.emit(Event::Stage { name: name.into(), expected_s });
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
