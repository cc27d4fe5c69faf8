//! Logs of a container.

use std::time::Duration;

use futures::stream::BoxStream;
use futures::{AsyncBufReadExt, StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, LogParams};

use crate::access::Access;
use crate::error::{ApiError, During};

/// Which part of the logs.
#[derive(Debug, Clone, Default)]
pub struct LogOptions {
    /// Container; without it the pod's only one.
    pub container: Option<String>,
    /// The last lines only.
    pub tail: Option<u32>,
    /// Lines of this last time only.
    pub since: Option<Duration>,
    /// Logs of the container before its last restart.
    pub previous: bool,
}

impl LogOptions {
    fn params(&self, follow: bool) -> LogParams {
        LogParams {
            container: self.container.clone(),
            tail_lines: self.tail.map(i64::from),
            since_seconds: self.since.map(|since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX).max(1)),
            previous: self.previous,
            follow,
            ..LogParams::default()
        }
    }
}

/// The logs so far.
///
/// # Errors
/// [`ApiError`] when pod or container do not exist or may not be read.
pub async fn logs(
    access: &Access,
    namespace: &str,
    pod: &str,
    options: &LogOptions,
) -> Result<String, ApiError> {
    Api::<Pod>::namespaced(access.client(), namespace)
        .logs(pod, &options.params(false))
        .await
        .during(|| format!("read the logs of pod {pod}"))
}

/// Lines as they are written; the stream ends when the container does.
///
/// # Errors
/// [`ApiError`] when the stream cannot be opened; later errors are items of the stream.
pub async fn follow_logs(
    access: &Access,
    namespace: &str,
    pod: &str,
    options: &LogOptions,
) -> Result<BoxStream<'static, std::io::Result<String>>, ApiError> {
    let stream = Api::<Pod>::namespaced(access.client(), namespace)
        .log_stream(pod, &options.params(true))
        .await
        .during(|| format!("follow the logs of pod {pod}"))?;
    Ok(stream.lines().into_stream().boxed())
}
