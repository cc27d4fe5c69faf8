//! Kafka worker of the demo stack: fulfils orders once.

fn main() {}
