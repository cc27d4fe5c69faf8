//! Puts rendered components into a cluster and waits until they are ready.

use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, DynamicObject};
use kubsets_kube::{
    Access, Answer, Applier, ApplyOptions, Condition, ObjectRef, Timeouts, Trial, is_not_found, wait_for,
    wait_for_rollout,
};

use super::journal::InstallJournal;
use super::render::Rendered;
use super::survey::{is_of_others, survey};
use crate::app::{App, STACK_NAMESPACE};
use crate::ui::{Printer, number_of};
use crate::usual_times::UsualTimes;

/// What a component and the gateway take until they are ready, where it was never measured.
const USUAL_WAIT: Duration = Duration::from_secs(4);

/// Applies and waits.
pub(crate) struct Installer<'a> {
    access: &'a Access,
    applier: Applier,
    ui: &'a Printer,
    times: UsualTimes,
    journal: Option<InstallJournal>,
    /// Objects of others that do as well as ours.
    kept: Vec<ObjectRef>,
}

impl<'a> Installer<'a> {
    /// An installer. With a journal it writes down what it adds, for clusters that outlive `down`.
    pub(crate) fn new(access: &'a Access, app: &'a App, journal: Option<InstallJournal>) -> Self {
        // definitions of new kinds and the webhooks behind them take their time on a busy machine
        let timeouts = Timeouts { apply: Duration::from_mins(2), ..Timeouts::default() };
        let applier = Applier::new(access, timeouts);
        Self { access, applier, ui: &app.ui, times: app.usual_times(), journal, kept: Vec::new() }
    }

    /// Looks for objects of others in a cluster that is not ours, before anything is applied; pairs of objects and
    /// the namespace of those that name none.
    ///
    /// # Errors
    /// When something of others would have to be changed.
    pub(crate) async fn look_around(&mut self, wanted: &[(&str, &[DynamicObject])]) -> anyhow::Result<()> {
        let Some(journal) = &self.journal else { return Ok(()) };
        let step = self.ui.step("Looking at what is there");
        let targets: Vec<(ObjectRef, &DynamicObject)> = wanted
            .iter()
            .flat_map(|(namespace, objects)| objects.iter().map(|object| (target(object, namespace), object)))
            .collect();
        self.kept = survey(self.access, journal, &targets).await?;
        step.done("");
        for theirs in &self.kept {
            self.ui.message(format!("{theirs} is there already and stays as it is"));
        }
        Ok(())
    }

    /// Asks the API server for every object, and for the database's password where there is none.
    ///
    /// # Errors
    /// When the server gives no answer.
    pub(crate) async fn try_out(&self, wanted: &[(&str, &[DynamicObject])]) -> anyhow::Result<Vec<Trial>> {
        let step = self.ui.step("Asking the API server");
        let mut objects = Vec::new();
        for (namespace, batch) in wanted {
            objects.extend(batch.iter().filter_map(|object| {
                let place = target(object, namespace);
                let mut object = object.clone();
                object.metadata.namespace.clone_from(&place.namespace);
                (!self.kept.contains(&place)).then_some(object)
            }));
        }
        objects.extend(self.missing_secret().await?);
        let options = ApplyOptions { force: true, dry_run: true, namespace: None };
        let trials = self.applier.try_all(&objects, &options).await?;
        step.done(number_of(trials.len(), "object"));
        Ok(trials.into_iter().map(renewed).collect())
    }

    /// Applies objects in order.
    ///
    /// # Errors
    /// The first object that the cluster refuses.
    pub(crate) async fn apply(
        &mut self,
        what: &str,
        objects: &[DynamicObject],
        namespace: &str,
    ) -> anyhow::Result<()> {
        let step = self.ui.step(format!("Applying {what}"));
        let kept = |object: &&DynamicObject| self.kept.contains(&target(object, namespace));
        let objects: Vec<DynamicObject> = objects.iter().filter(|object| !kept(object)).cloned().collect();
        if let Some(journal) = &mut self.journal {
            let mut new = Vec::new();
            for object in &objects {
                let reference = target(object, namespace);
                match reference.api(self.access).get_opt(&reference.name).await {
                    Ok(Some(_)) => {}
                    // a kind that is not served yet has no objects
                    Ok(None) | Err(kube::Error::Api(_)) => new.push(reference),
                    Err(error) => return Err(error.into()),
                }
            }
            journal.will_make(new)?;
        }
        let options = ApplyOptions {
            force: true,
            dry_run: false,
            namespace: Some(namespace.to_owned()).filter(|n| !n.is_empty()),
        };
        for job in objects.iter().filter(|o| kind(o) == "Job") {
            self.clear_job(job, &options).await?;
        }
        let applied = self.applier.apply_all(&objects, &options).await?;
        step.done(number_of(applied.len(), "object"));
        Ok(())
    }

    /// Removes a Job of another shape: what a Job runs cannot be changed, only run anew.
    async fn clear_job(&self, job: &DynamicObject, options: &ApplyOptions) -> anyhow::Result<()> {
        let mut target = ObjectRef::of(job);
        target.namespace = target.namespace.or_else(|| options.namespace.clone());
        if target.api(self.access).get_opt(&target.name).await?.is_none() {
            return Ok(());
        }
        let trial = ApplyOptions { dry_run: true, ..options.clone() };
        if self.applier.apply(job, &trial).await.is_err() {
            self.ui.detail(format!("{target} runs anew, in its new form"));
            self.applier.delete(&target).await?;
        }
        Ok(())
    }

    /// Makes the database's password where it does not exist; it never leaves the cluster.
    ///
    /// # Errors
    /// When the cluster refuses.
    pub(crate) async fn ensure_database_secret(&mut self) -> anyhow::Result<()> {
        match self.missing_secret().await? {
            Some(secret) => self.apply("the database's password", &[secret], STACK_NAMESPACE).await,
            None => Ok(()),
        }
    }

    /// A new password for the database; `None` where there is one.
    async fn missing_secret(&self) -> anyhow::Result<Option<DynamicObject>> {
        let api: Api<Secret> = Api::namespaced(self.access.client(), STACK_NAMESPACE);
        match api.get("postgres").await {
            Ok(_) => return Ok(None),
            Err(error) if is_not_found(&error) => {}
            Err(error) => return Err(error.into()),
        }
        let password = format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple());
        Ok(Some(serde_json::from_value(serde_json::json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {
                "name": "postgres", "namespace": STACK_NAMESPACE,
                "labels": {
                    "app.kubernetes.io/name": "postgres", "app.kubernetes.io/instance": "kubsets",
                    "app.kubernetes.io/part-of": "kubsets", "app.kubernetes.io/managed-by": "kubsets",
                },
            },
            "type": "Opaque",
            "stringData": {"password": password},
        }))?))
    }

    /// Waits until everything that the components call ready is so.
    ///
    /// # Errors
    /// The first workload that is not ready in time, with what its pods suffer from.
    pub(crate) async fn wait_ready(&self, components: &[Rendered], limit: Duration) -> anyhow::Result<()> {
        let deadline = tokio::time::Instant::now() + limit;
        for rendered in components {
            let (spec, name) = (&rendered.component.spec, &rendered.component.name);
            if spec.ready.is_empty() {
                continue;
            }
            let step = self.ui.step(format!("Waiting for {name}"));
            step.expect_usual(&self.times, &format!("wait for {name}"), 1, USUAL_WAIT);
            for workload in &spec.ready {
                let left = deadline
                    .saturating_duration_since(tokio::time::Instant::now())
                    .max(Duration::from_secs(1));
                let version = if workload.kind == "Job" { "batch/v1" } else { "apps/v1" };
                let target =
                    ObjectRef::namespaced(version, &workload.kind, &spec.install.namespace, &workload.name);
                step.update(target.to_string());
                if workload.kind == "Job" {
                    wait_for(self.access, &target, &Condition::Status("Complete".into()), left).await?;
                } else {
                    wait_for_rollout(self.access, &target, left).await?;
                }
            }
            step.done("ready");
        }
        Ok(())
    }

    /// Waits until the gateway has taken the stack's route in.
    ///
    /// # Errors
    /// When it is not programmed in time.
    pub(crate) async fn wait_gateway(&self, limit: Duration) -> anyhow::Result<()> {
        let step = self.ui.step("Waiting for the gateway");
        step.expect_usual(&self.times, "wait for the gateway", 1, USUAL_WAIT);
        let gateway =
            ObjectRef::namespaced("gateway.networking.k8s.io/v1", "Gateway", STACK_NAMESPACE, "kubsets");
        wait_for(self.access, &gateway, &Condition::Status("Programmed".into()), limit).await?;
        step.done("programmed");
        Ok(())
    }

    /// Takes away what a journal lists and is still ours, last made first. Returns how many objects went.
    ///
    /// # Errors
    /// The first object that cannot be deleted; the journal stays then.
    pub(crate) async fn remove(self) -> anyhow::Result<usize> {
        let Some(journal) = self.journal else { return Ok(0) };
        if journal.stale {
            self.ui.message(format!(
                "what kubsets installed by context {} was in another cluster: nothing is removed from this one",
                journal.context
            ));
            return Ok(0);
        }
        let step = self.ui.step(format!(
            "Removing {} from {}",
            number_of(journal.objects.len(), "object"),
            journal.context
        ));
        let (mut count, mut kept) = (0, Vec::new());
        for object in journal.objects.iter().rev() {
            step.update(object.to_string());
            if is_of_others(self.access, object).await? {
                kept.push(object.to_string());
            } else {
                self.applier.delete(object).await?;
                count += 1;
            }
        }
        journal.forget()?;
        step.done("");
        for theirs in kept {
            self.ui.message(format!("{theirs} is no longer labelled ours and stays as it is"));
        }
        Ok(count)
    }
}

/// The trial of a Job that cannot be changed: an installation removes it first.
fn renewed(trial: Trial) -> Trial {
    match &trial.answer {
        Answer::Refused(why) if trial.object.kind == "Job" && why.contains("immutable") => Trial {
            answer: Answer::Unknown("after the Job of an earlier form is removed".to_owned()),
            ..trial
        },
        _ => trial,
    }
}

/// The object that an apply makes, in `namespace` if it names none and needs one.
fn target(object: &DynamicObject, namespace: &str) -> ObjectRef {
    let mut reference = ObjectRef::of(object);
    if reference.namespace.is_none() && is_namespaced(object) {
        reference.namespace = Some(namespace.to_owned());
    }
    reference
}

/// Kinds of our components without a namespace.
fn is_namespaced(object: &DynamicObject) -> bool {
    !matches!(
        kind(object),
        "Namespace"
            | "CustomResourceDefinition"
            | "ClusterRole"
            | "ClusterRoleBinding"
            | "StorageClass"
            | "GatewayClass"
            | "APIService"
            | "ValidatingAdmissionPolicy"
            | "ValidatingAdmissionPolicyBinding"
            | "MutatingWebhookConfiguration"
            | "ValidatingWebhookConfiguration"
    )
}

fn kind(object: &DynamicObject) -> &str {
    object.types.as_ref().map_or("", |types| types.kind.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use kubsets_kube::{MANAGED_BY, MANAGER};
    use kubsets_undo::FakeApi;
    use serde_json::json;

    #[tokio::test]
    async fn what_somebody_else_made_under_our_names_is_not_removed() {
        let app = App::new(crate::cli::GlobalArgs { quiet: true, no_tty: true, ..Default::default() });
        let (api, folder) = (FakeApi::default(), tempfile::tempdir().expect("can be made"));
        let services = json!({"name": "services", "singularName": "service", "namespaced": true,
                              "kind": "Service", "verbs": ["delete", "get", "patch"]});
        api.put(
            "api",
            json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "v1",
                   "metadata": {"name": "v1"}, "resources": [services]}),
        );
        let fill = |name: &str, labels: serde_json::Value| {
            api.put("services", json!({"metadata": {"name": name, "labels": labels}}));
        };
        let cluster = |uid: &str| Some(uid.to_owned());
        let open = |uid: &str| InstallJournal::open(folder.path(), "fake", cluster(uid)).expect("is opened");
        let remove = async |uid: &str| {
            Installer::new(&api.access(), &app, Some(open(uid))).remove().await.expect("is removed")
        };
        let service = |name: &str| ObjectRef::namespaced("v1", "Service", "shop", name);
        fill("ours", json!({MANAGED_BY: MANAGER}));
        fill("theirs", json!({"app": "shop"}));
        open("1").will_make(["ours", "theirs", "gone"].map(service)).expect("is written");

        assert_eq!(remove("2").await, 0);
        assert_eq!(api.changes(), 0);
        assert_eq!(open("1").objects.len(), 3);

        remove("1").await;
        assert_eq!(api.names(), ["api/v1", "services/theirs"]);
        assert!(open("1").objects.is_empty());
    }
}
