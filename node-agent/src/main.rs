//! Node agent DaemonSet of the demo stack: telemetry of its node.

fn main() {}
