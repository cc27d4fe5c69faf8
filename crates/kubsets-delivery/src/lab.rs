//! Expectations of the lab that a canary is a step of; the lab itself is read elsewhere.

pub use kubsets_lab::Checked;
