//! Access to a Kubernetes cluster: apply, wait, exec, logs, port-forward, preflight.
