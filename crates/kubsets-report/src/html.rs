//! The page: one file with everything in it, for a browser without a network, and for paper.
//!
//! Every value goes through the escaping of `maud`; what is written unescaped is only the style sheet and the
//! script of this crate. A content security policy forbids every other script and every request.

mod block;
mod comparison;
mod head;
mod page;
mod report;

pub use comparison::comparison;
pub use report::report;
