//! Migration Job of the demo stack: versioned schema, safe to run side by side.

fn main() {}
