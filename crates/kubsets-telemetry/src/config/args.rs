//! The flags and environment variables that every service has.

use std::{net::SocketAddr, time::Duration};

use clap::Args;

use crate::{Identity, config::parse_duration};

/// Identity, admin address, stop times and log filter of a service.
#[derive(Debug, Clone, Args)]
pub struct ServiceArgs {
    /// Version that this process says it is: response header, metric label, trace resource.
    #[arg(long, env = "APP_VERSION", default_value = env!("CARGO_PKG_VERSION"))]
    pub app_version: String,
    /// Name of the pod; the host name when it is not given.
    #[arg(long, env = "POD_NAME")]
    pub pod_name: Option<String>,
    /// Namespace of the pod.
    #[arg(long, env = "POD_NAMESPACE")]
    pub pod_namespace: Option<String>,
    /// Name of the node.
    #[arg(long, env = "NODE_NAME")]
    pub node_name: Option<String>,
    /// Address of metrics, health and switches.
    #[arg(long, env = "ADMIN_ADDR", default_value = "0.0.0.0:9090")]
    pub admin_addr: SocketAddr,
    /// Time between "not ready" and the end of accepting work, so that load balancers can follow.
    #[arg(long, env = "DRAIN_DELAY", default_value = "5s", value_parser = parse_duration)]
    pub drain_delay: Duration,
    /// Longest time that work in flight may take to end after that.
    #[arg(long, env = "DRAIN_TIMEOUT", default_value = "15s", value_parser = parse_duration)]
    pub drain_timeout: Duration,
    /// Log filter, such as `info` or `info,demo_app=debug`.
    #[arg(long, env = "RUST_LOG", default_value = "info")]
    pub log: String,
}

impl ServiceArgs {
    /// Who this process is.
    pub fn identity(&self, service: &'static str) -> Identity {
        Identity {
            service,
            version: non_empty(Some(&self.app_version)).unwrap_or(env!("CARGO_PKG_VERSION")).into(),
            pod: non_empty(self.pod_name.as_deref()).map_or_else(host_name, Into::into),
            namespace: non_empty(self.pod_namespace.as_deref()).unwrap_or("default").into(),
            node: non_empty(self.node_name.as_deref()).unwrap_or("local").into(),
        }
    }
}

fn non_empty(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

fn host_name() -> std::sync::Arc<str> {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .as_deref()
        .and_then(|name| non_empty(Some(name)))
        .unwrap_or("local")
        .into()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        service: ServiceArgs,
    }

    #[test]
    fn defaults_are_the_contract() {
        let args = Cli::parse_from(["x"]).service;
        assert_eq!(args.admin_addr.port(), 9090);
        assert_eq!(args.drain_delay, Duration::from_secs(5));
        let identity = args.identity("demo-app");
        assert_eq!(&*identity.version, env!("CARGO_PKG_VERSION"));
        assert!(!identity.pod.is_empty());
    }

    #[test]
    fn a_bad_duration_names_the_accepted_form() {
        let error = Cli::try_parse_from(["x", "--drain-delay", "soon"]).err().unwrap().to_string();
        assert!(error.contains("200ms, 5s, 2m or 1h"), "{error}");
    }

    #[test]
    fn blank_values_count_as_absent() {
        let args = Cli::parse_from(["x", "--pod-name", " ", "--app-version", ""]).service;
        let identity = args.identity("worker");
        assert!(!identity.pod.trim().is_empty());
        assert_eq!(&*identity.version, env!("CARGO_PKG_VERSION"));
    }
}
