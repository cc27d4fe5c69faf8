//! Undo as events of a run.

use kubsets_kube::ObjectRef;
use kubsets_undo::{Change, Progress};

use crate::event::Events;

impl Progress for Events {
    fn doing(&self, what: &str) {
        Events::doing(self, what);
    }

    fn object(&self, change: Change, object: &ObjectRef) {
        Events::object(self, &change.to_string(), object);
    }
}
