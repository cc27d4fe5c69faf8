//! Open-loop HTTP load generator with honest latency.
