//! A panic as a value, so that it keeps nobody from the way back.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;

/// Drives work to its end.
///
/// # Errors
/// What the work panicked with. It is not driven on then; what it held is given back.
pub fn caught<F: Future>(work: F) -> impl Future<Output = Result<F::Output, String>> {
    let mut work = Box::pin(work);
    std::future::poll_fn(move |context| {
        // Whoever goes on after this only undoes, or only shows: both look at the world anew.
        match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(done)) => Poll::Ready(Ok(done)),
            Err(panic) => Poll::Ready(Err(message(&*panic))),
        }
    })
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_told_by_its_message() {
        let later = async |number: u32| {
            tokio::task::yield_now().await;
            assert!(number < 3, "{number} of them");
            assert!(number < 2, "two of them");
        };
        assert_eq!(caught(later(1)).await, Ok(()));
        assert_eq!(caught(later(2)).await, Err("two of them".to_owned()));
        assert_eq!(caught(later(3)).await, Err("3 of them".to_owned()));
    }
}
