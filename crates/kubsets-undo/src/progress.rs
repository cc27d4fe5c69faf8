//! What an undo tells while it goes on.

use std::fmt;

use kubsets_kube::ObjectRef;

/// What happened to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It was made.
    Created,
    /// It, or a value of it, is as before again.
    Restored,
    /// It was removed.
    Removed,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Created => "created",
            Self::Restored => "restored",
            Self::Removed => "removed",
        })
    }
}

/// Whoever wants to know what is being done.
pub trait Progress: Send + Sync {
    /// Something is being done that may take a while, in words.
    fn doing(&self, what: &str);

    /// An object was made, restored or removed.
    fn object(&self, change: Change, object: &ObjectRef);
}

/// Nobody wants to know.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn doing(&self, _what: &str) {}

    fn object(&self, _change: Change, _object: &ObjectRef) {}
}
