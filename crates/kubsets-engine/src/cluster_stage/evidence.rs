//! What is collected when a lab fails, before everything is undone.

use k8s_openapi::api::core::v1::Event;
use kube::api::{Api, ListParams};
use kubsets_kube::{LogOptions, diagnose, with_causes};
use kubsets_lab::FailureEvidence;

use super::{ClusterStage, pod};

/// Characters of one piece of evidence.
const LONGEST: usize = 16 * 1024;
/// Events kept.
const MOST_EVENTS: usize = 30;

impl ClusterStage<'_> {
    pub(super) async fn evidence(&self, evidence: &FailureEvidence) -> (String, String) {
        let (title, text) = match evidence {
            FailureEvidence::Logs { selector, tail } => {
                (format!("logs of pods {selector}"), self.tails(selector, *tail).await)
            }
            FailureEvidence::Events {} => ("events".to_owned(), self.warnings().await),
            FailureEvidence::Pods {} => ("pods".to_owned(), self.pod_problems().await),
        };
        // Evidence that cannot be had is told, and no reason to miss the undo.
        let text = text.unwrap_or_else(|error| format!("not to be had: {error}"));
        (title, text.chars().take(LONGEST).collect())
    }

    async fn tails(&self, selector: &str, tail: u32) -> Result<String, String> {
        let pods =
            pod::find(&self.access, &self.namespace, selector).await.map_err(|error| with_causes(&error))?;
        let mut text = String::new();
        for one in &pods {
            let containers = one.spec.iter().flat_map(|spec| &spec.containers);
            for container in containers {
                let name = pod::name(one);
                let options = LogOptions {
                    container: Some(container.name.clone()),
                    tail: Some(tail),
                    ..LogOptions::default()
                };
                let lines = kubsets_kube::logs(&self.access, &self.namespace, &name, &options).await;
                let lines = lines.unwrap_or_else(|error| error.to_string());
                text.extend(["== ", name.as_str(), " ", container.name.as_str(), "\n", lines.as_str(), "\n"]);
            }
        }
        Ok(text)
    }

    async fn warnings(&self) -> Result<String, String> {
        let events = Api::<Event>::namespaced(self.access.client(), &self.namespace);
        let found = events
            .list(&ListParams::default().fields("type!=Normal"))
            .await
            .map_err(|error| with_causes(&error))?;
        let mut lines: Vec<(String, String)> = found
            .items
            .into_iter()
            .filter(|event| event.last_timestamp.as_ref().is_none_or(|time| time.0 >= self.began))
            .map(|event| {
                let at = event.last_timestamp.map(|time| time.0.to_string()).unwrap_or_default();
                let object = format!(
                    "{} {}",
                    event.involved_object.kind.unwrap_or_default(),
                    event.involved_object.name.unwrap_or_default()
                );
                let line = format!(
                    "{at} {object}: {} {}",
                    event.reason.unwrap_or_default(),
                    event.message.unwrap_or_default()
                );
                (at, line)
            })
            .collect();
        lines.sort_by(|a, b| b.cmp(a));
        lines.truncate(MOST_EVENTS);
        Ok(lines.into_iter().map(|(_, line)| line).collect::<Vec<_>>().join("\n"))
    }

    async fn pod_problems(&self) -> Result<String, String> {
        let pods = pod::find(&self.access, &self.namespace, "").await.map_err(|error| with_causes(&error))?;
        let line = |one: &k8s_openapi::api::core::v1::Pod| {
            let state = diagnose(one).map_or_else(|| "no problem".to_owned(), |problem| problem.to_string());
            format!("{}: {state}", pod::name(one))
        };
        Ok(pods.iter().map(line).collect::<Vec<_>>().join("\n"))
    }
}
