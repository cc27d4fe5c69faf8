//! A person who shows a lab to others and says when it goes on.

use std::pin::Pin;

/// Asked before each step when a lab is presented.
pub trait Presenter: Send + Sync {
    /// Shows the question of the next step and waits for a sign to go on.
    fn ask<'a>(
        &'a self,
        step: usize,
        name: &'a str,
        question: &'a str,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>>;
}
