//! Cluster providers: native, kind, k3d and the current context.
