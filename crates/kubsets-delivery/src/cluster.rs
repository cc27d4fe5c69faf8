//! Writing objects: the few verbs that a canary needs, each safe to repeat.

use std::time::Duration;

use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kubsets_kube::{
    Access, ApiError, ApiErrorKind, During, FIELD_MANAGER, ObjectRef, is_conflict, is_not_found,
};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::canonical::merge_patch;
use crate::facts::read;

/// How often a gone object is looked for.
const POLL: Duration = Duration::from_millis(150);
/// Tries of a write that other writers may win.
const TRIES: u32 = 6;

/// The reference to an object given as JSON.
pub(crate) fn reference(object: &Value) -> ObjectRef {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    ObjectRef {
        api_version: text("/apiVersion"),
        kind: text("/kind"),
        namespace: object.pointer("/metadata/namespace").and_then(Value::as_str).map(str::to_owned),
        name: text("/metadata/name"),
    }
}

/// Makes an object that must not exist yet.
pub(crate) async fn create(access: &Access, object: &Value) -> Result<Value, ApiError> {
    let target = reference(object);
    let parsed: DynamicObject = parse(object, &target)?;
    let params = PostParams { field_manager: Some(FIELD_MANAGER.into()), ..PostParams::default() };
    let made = target.api(access).create(&params, &parsed).await.during(|| format!("create {target}"))?;
    Ok(serde_json::to_value(made).unwrap_or(Value::Null))
}

/// Makes an object, or brings ours to this state (server-side apply).
pub(crate) async fn apply(access: &Access, object: &Value) -> Result<Value, ApiError> {
    let target = reference(object);
    let params = PatchParams::apply(FIELD_MANAGER).force();
    let made = target.api(access).patch(&target.name, &params, &Patch::Apply(object)).await;
    let made = made.during(|| format!("apply {target}"))?;
    Ok(serde_json::to_value(made).unwrap_or(Value::Null))
}

/// Merge-patches an object.
pub(crate) async fn patch(access: &Access, target: &ObjectRef, change: &Value) -> Result<Value, ApiError> {
    let params = PatchParams { field_manager: Some(FIELD_MANAGER.into()), ..PatchParams::default() };
    let patched = target.api(access).patch(&target.name, &params, &Patch::Merge(change)).await;
    let patched = patched.during(|| format!("change {target}"))?;
    Ok(serde_json::to_value(patched).unwrap_or(Value::Null))
}

/// Brings the value at a pointer to `wanted` by the smallest patch, bound to the version that was read.
/// Says whether anything had to change.
pub(crate) async fn set_at(
    access: &Access,
    target: &ObjectRef,
    pointer: &str,
    wanted: &Value,
) -> Result<bool, ApiError> {
    let mut tries = 0;
    loop {
        let current = read(access, target).await?.ok_or_else(|| gone(target))?;
        let Some(change) = merge_patch(current.pointer(pointer).unwrap_or(&Value::Null), wanted) else {
            return Ok(false);
        };
        let mut whole = nest(pointer, change);
        whole["metadata"] = json!({"resourceVersion": current["metadata"]["resourceVersion"]});
        match patch(access, target, &whole).await {
            Err(error) if is_conflict(&error.source) && tries < TRIES => tries += 1,
            result => return result.map(|_| true),
        }
    }
}

/// Scales a Deployment of ours.
pub(crate) async fn scale(access: &Access, target: &ObjectRef, replicas: u32) -> Result<(), ApiError> {
    patch(access, target, &json!({"spec": {"replicas": replicas}})).await.map(|_| ())
}

/// Asks for the deletion of an object; a missing one is no error.
pub(crate) async fn remove(access: &Access, target: &ObjectRef) -> Result<(), ApiError> {
    match target.api(access).delete(&target.name, &DeleteParams::background()).await {
        Err(error) if is_not_found(&error) => Ok(()),
        result => result.map(|_| ()).during(|| format!("delete {target}")),
    }
}

/// Waits until an object is gone.
pub(crate) async fn wait_gone(access: &Access, target: &ObjectRef, limit: Duration) -> Result<(), ApiError> {
    let deadline = Instant::now() + limit;
    while read(access, target).await?.is_some() {
        if Instant::now() >= deadline {
            let status = kube::core::Status::failure("it is still there", "Timeout").with_code(504).boxed();
            return Err(ApiError::new(format!("delete {target}"), kube::Error::Api(status)));
        }
        sleep(POLL).await;
    }
    Ok(())
}

/// Repeats a request while its failure may pass, up to `limit`.
pub(crate) async fn insist<T, F>(limit: Duration, mut request: impl FnMut() -> F) -> Result<T, ApiError>
where
    F: Future<Output = Result<T, ApiError>>,
{
    let deadline = Instant::now() + limit;
    let mut pause = Duration::from_millis(100);
    loop {
        match request().await {
            Err(error) if error.is_transient() && Instant::now() < deadline => {
                tracing::warn!(%error, "trying again");
                sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(2));
            }
            result => return result,
        }
    }
}

fn gone(target: &ObjectRef) -> ApiError {
    let status = kube::core::Status::failure("it does not exist", "NotFound").with_code(404).boxed();
    ApiError::new(format!("change {target}"), kube::Error::Api(status))
}

fn parse(object: &Value, target: &ObjectRef) -> Result<DynamicObject, ApiError> {
    serde_json::from_value(object.clone()).map_err(|error| {
        let kind = ApiErrorKind::Invalid(error.to_string());
        let source = Box::new(kube::Error::SerdeError(error));
        ApiError { action: format!("create {target}"), kind, source }
    })
}

/// Puts a value at a pointer inside nested objects.
fn nest(pointer: &str, value: Value) -> Value {
    pointer.rsplit('/').filter(|part| !part.is_empty()).fold(value, |inner, part| {
        let key = part.replace("~1", "/").replace("~0", "~");
        json!({key: inner})
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_nested_along_the_pointer() {
        assert_eq!(nest("/spec/template", json!(1)), json!({"spec": {"template": 1}}));
        assert_eq!(nest("/metadata/labels/a~1b", json!("x")), json!({"metadata": {"labels": {"a/b": "x"}}}));
    }
}
