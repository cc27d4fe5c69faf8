//! An error together with what caused it.

use std::error::Error;

/// An error with its causes, in one line; a cause that is already in the words is not said again.
pub fn with_causes(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let text = inner.to_string();
        if !words.contains(&text) {
            words = format!("{words}: {text}");
        }
        cause = inner.source();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Outer(&'static str, #[source] std::io::Error);

    #[test]
    fn causes_are_said_once() {
        let refused = || std::io::Error::other("connection refused");
        assert_eq!(with_causes(&Outer("cannot connect", refused())), "cannot connect: connection refused");
        assert_eq!(with_causes(&Outer("lost: connection refused", refused())), "lost: connection refused");
    }
}
