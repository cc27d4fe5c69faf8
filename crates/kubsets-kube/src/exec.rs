//! A command in a container.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, AttachParams};
use thiserror::Error;
use tokio::io::AsyncReadExt;

use crate::access::Access;
use crate::error::{ApiError, During, Hint};

/// What a command printed and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecOutput {
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// Exit code; 0 is success.
    pub exit_code: i32,
}

/// Why a command did not run to its end.
#[derive(Debug, Error)]
pub enum ExecError {
    /// The command could not be started.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The command did not end in time.
    #[error("`{command}` in pod {pod} did not end within {timeout:?}")]
    Timeout {
        /// The command.
        command: String,
        /// The pod.
        pod: String,
        /// The time it had.
        timeout: Duration,
    },
    /// The connection broke.
    #[error("lost the connection to `{command}` in pod {pod}")]
    Connection {
        /// The command.
        command: String,
        /// The pod.
        pod: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
}

impl Hint for ExecError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Api(error) => error.hint(),
            Self::Timeout { .. } | Self::Connection { .. } => None,
        }
    }
}

/// Runs a command in a container and collects its output.
///
/// # Errors
/// [`ExecError`]; a command that ends with a code other than 0 is no error.
///
/// # Cancel safety
/// Dropping the future closes the connection; the command itself may go on.
pub async fn exec(
    access: &Access,
    namespace: &str,
    pod: &str,
    container: Option<&str>,
    command: &[&str],
    timeout: Duration,
) -> Result<ExecOutput, ExecError> {
    let words = command.join(" ");
    let work = run(access, namespace, pod, container, command);
    match tokio::time::timeout(timeout, work).await {
        Ok(result) => result,
        Err(_) => Err(ExecError::Timeout { command: words, pod: pod.to_owned(), timeout }),
    }
}

async fn run(
    access: &Access,
    namespace: &str,
    pod: &str,
    container: Option<&str>,
    command: &[&str],
) -> Result<ExecOutput, ExecError> {
    let words = command.join(" ");
    let params = AttachParams { container: container.map(str::to_owned), ..AttachParams::default() };
    let mut process = Api::<Pod>::namespaced(access.client(), namespace)
        .exec(pod, command.iter().copied(), &params)
        .await
        .during(|| format!("run `{words}` in pod {pod}"))?;
    let status = process.take_status();
    let (out, err) = (process.stdout(), process.stderr());
    let lost = |source| ExecError::Connection { command: words.clone(), pod: pod.to_owned(), source };
    let (stdout, stderr) = tokio::try_join!(read_all(out), read_all(err)).map_err(lost)?;
    let status = match status {
        Some(status) => status.await,
        None => None,
    };
    let exit_code = status.map_or(-1, |status| exit_code(&status));
    Ok(ExecOutput { stdout, stderr, exit_code })
}

async fn read_all<R: tokio::io::AsyncRead + Unpin>(reader: Option<R>) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    if let Some(mut reader) = reader {
        reader.read_to_end(&mut bytes).await?;
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Reads the exit code from the status that ends an exec session.
fn exit_code(status: &k8s_openapi::apimachinery::pkg::apis::meta::v1::Status) -> i32 {
    if status.status.as_deref() == Some("Success") {
        return 0;
    }
    let causes = status.details.iter().flat_map(|details| details.causes.iter().flatten());
    let mut code = causes.filter(|cause| cause.reason.as_deref() == Some("ExitCode"));
    code.find_map(|cause| cause.message.as_deref()?.parse().ok()).unwrap_or(-1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn exit_code_is_in_the_causes() {
        let failed = json!({"status": "Failure", "reason": "NonZeroExitCode",
            "details": {"causes": [{"reason": "ExitCode", "message": "3"}]}});
        assert_eq!(exit_code(&serde_json::from_value(failed).unwrap()), 3);
        assert_eq!(exit_code(&serde_json::from_value(json!({"status": "Success"})).unwrap()), 0);
        assert_eq!(exit_code(&serde_json::from_value(json!({"status": "Failure"})).unwrap()), -1);
    }
}
