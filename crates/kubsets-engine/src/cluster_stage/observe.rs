//! Operations that only look: commands, logs, questions to Prometheus.

use std::time::Duration;

use kubsets_kube::{ExecError, LogOptions, with_causes};
use kubsets_lab::operation::{Exec, Http, Logs, Query};
use serde_json::{Value, json};

use super::http::NoAnswer;
use super::{ClusterStage, cluster, pod};
use crate::stage::StepError;

/// Characters of output kept.
const LONGEST_OUTPUT: usize = 32 * 1024;
/// Lines of logs kept in a result.
const MOST_LINES: usize = 20;

impl ClusterStage<'_> {
    /// `stdout`, `stderr`, `exitCode`, and `lines`: the lines of the output that are not empty.
    pub(super) async fn exec(&self, exec: &Exec, limit: Duration) -> Result<Value, StepError> {
        let pods = pod::find(&self.access, &self.namespace, &exec.pods).await.map_err(|e| cluster(&e))?;
        let ready = pods.iter().find(|pod| pod::is_ready(pod));
        let ready = ready.ok_or_else(|| StepError::Failed(format!("no ready pod {}", exec.pods)))?;
        let command: Vec<&str> = exec.command.iter().map(String::as_str).collect();
        let name = pod::name(ready);
        let done =
            kubsets_kube::exec(&self.access, &self.namespace, &name, Some(&exec.container), &command, limit)
                .await;
        let output = done.map_err(|error| match error {
            ExecError::Timeout { .. } => StepError::Timeout(error.to_string()),
            other => StepError::Cluster(with_causes(&other)),
        })?;
        if output.exit_code < 0 {
            return Err(StepError::Failed(format!(
                "`{}` cannot be run in pod {name}",
                exec.command.join(" ")
            )));
        }
        let lines: Vec<&str> = output.stdout.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let summary = match (output.exit_code, lines.first()) {
            (0, Some(first)) => first.chars().take(120).collect(),
            (code, _) => format!("exit code {code}"),
        };
        Ok(json!({
            "pod": name,
            "stdout": bounded(&output.stdout),
            "stderr": bounded(&output.stderr),
            "exitCode": output.exit_code,
            "lines": lines,
            "summary": summary,
        }))
    }

    /// `count` of the lines that contain the text, and the last `lines` of them.
    pub(super) async fn logs(&self, logs: &Logs) -> Result<Value, StepError> {
        let cluster = |error: kubsets_kube::ApiError| StepError::Cluster(with_causes(&error));
        let pods = pod::find(&self.access, &self.namespace, &logs.pods).await.map_err(cluster)?;
        let options = LogOptions {
            container: Some(logs.container.clone()),
            tail: Some(logs.tail),
            ..LogOptions::default()
        };
        let mut found = Vec::new();
        for one in &pods {
            let text = kubsets_kube::logs(&self.access, &self.namespace, &pod::name(one), &options)
                .await
                .map_err(cluster)?;
            found.extend(text.lines().filter(|line| line.contains(&logs.contains)).map(str::to_owned));
        }
        let count = found.len();
        let lines = found.split_off(count.saturating_sub(MOST_LINES));
        let parsed: Vec<Value> = lines
            .iter()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| line.clone().into()))
            .collect();
        let summary = format!("{count} lines in {} pods", pods.len());
        Ok(json!({"count": count, "lines": parsed, "pods": pods.len(), "summary": summary}))
    }

    /// `value` of the only sample (absent when there are several or none) and `samples`.
    pub(super) async fn query(&self, query: &Query, limit: Duration) -> Result<Value, StepError> {
        let address = self.prometheus().await?;
        let request = Http::get(format!("/api/v1/query?query={}", encoded(&query.promql)));
        let answer = match self.http.send(&address.url, &request, limit).await {
            Ok(answer) => answer,
            Err(NoAnswer::Invalid(why)) => return Err(StepError::Invalid(why)),
            // Prometheus is no subject of a lab: that it does not answer is no verdict on one.
            Err(NoAnswer::Broken(why) | NoAnswer::Late(why)) => {
                self.forget(&address).await;
                return Err(StepError::Passing(why));
            }
        };
        if answer["status"].as_u64().is_some_and(|status| status >= 500) {
            return Err(StepError::Passing(format!("Prometheus answers {}", answer["status"])));
        }
        if answer["body"]["status"] != "success" {
            let why = answer["body"]["error"].as_str().unwrap_or("no answer that Prometheus gives");
            return Err(StepError::Invalid(format!("Prometheus refuses {:?}: {why}", query.promql)));
        }
        Ok(samples(&answer["body"]["data"]))
    }
}

/// The samples of an instant vector or scalar.
fn samples(data: &Value) -> Value {
    let number =
        |pair: &Value| pair[1].as_str().and_then(|text| text.parse::<f64>().ok()).filter(|n| n.is_finite());
    let samples: Vec<Value> = if data["resultType"] == "scalar" {
        vec![json!({"labels": {}, "value": number(&data["result"])})]
    } else {
        let all = data["result"].as_array().into_iter().flatten();
        all.map(|one| json!({"labels": one["metric"], "value": number(&one["value"])})).collect()
    };
    match samples.as_slice() {
        [one] if one["value"].is_number() => {
            let value = one["value"].clone();
            json!({"value": value, "samples": samples, "summary": format!("{value}")})
        }
        _ => json!({"samples": samples, "summary": format!("{} samples", samples.len())}),
    }
}

/// A text as a part of a query string.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len() * 2), |mut done, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            done.push(char::from(byte));
        } else {
            done.push('%');
            done.push(char::from(b"0123456789ABCDEF"[usize::from(byte >> 4)]));
            done.push(char::from(b"0123456789ABCDEF"[usize::from(byte & 15)]));
        }
        done
    })
}

fn bounded(text: &str) -> String {
    text.chars().take(LONGEST_OUTPUT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_sample_has_a_value() {
        let data =
            json!({"resultType": "vector", "result": [{"metric": {"app": "a"}, "value": [1.0, "12.5"]}]});
        assert_eq!(samples(&data)["value"], 12.5);
        let none = json!({"resultType": "vector", "result": []});
        assert_eq!(samples(&none), json!({"samples": [], "summary": "0 samples"}));
        let nan = json!({"resultType": "scalar", "result": [1.0, "NaN"]});
        assert_eq!(samples(&nan).get("value"), None);
    }

    #[test]
    fn questions_are_encoded() {
        assert_eq!(encoded("sum(up{a=\"b\"})"), "sum%28up%7Ba%3D%22b%22%7D%29");
    }
}
