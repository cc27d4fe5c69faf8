//! End-to-end tests of kubsets on a real cluster.

fn main() {}
