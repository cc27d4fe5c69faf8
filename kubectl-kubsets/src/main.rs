//! The kubectl plugin: clusters, the demo stack, labs with a verdict.

fn main() {}
