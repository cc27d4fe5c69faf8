//! Sequential tests that judge a canary: pure, no I/O.
