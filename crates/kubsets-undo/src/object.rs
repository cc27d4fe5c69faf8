//! Reading and writing objects as JSON: the few verbs that a run needs, each safe to repeat.

use std::time::Duration;

use kube::api::{
    Api, DeleteParams, DynamicObject, ListParams, ObjectList, Patch, PatchParams, PostParams, Preconditions,
};
use kubsets_kube::{
    Access, ApiError, ApiErrorKind, During, FIELD_MANAGER, ObjectRef, is_conflict, is_not_found, resource_of,
};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::canonical::merge_patch;

/// How often a gone object is looked for.
const POLL: Duration = Duration::from_millis(150);
/// Tries of a write that other writers may win.
const TRIES: u32 = 6;

/// The reference to an object given as JSON.
pub fn reference(object: &Value) -> ObjectRef {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    ObjectRef {
        api_version: text("/apiVersion"),
        kind: text("/kind"),
        namespace: object.pointer("/metadata/namespace").and_then(Value::as_str).map(str::to_owned),
        name: text("/metadata/name"),
    }
}

/// The value of a label; `None` when the object does not carry it.
pub fn label<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.pointer("/metadata/labels")?.get(key)?.as_str()
}

/// All objects of a kind in a namespace.
///
/// # Errors
/// [`ApiError`] when the kind cannot be listed.
pub async fn list(
    access: &Access,
    namespace: &str,
    api_version: &str,
    kind: &str,
) -> Result<Vec<Value>, ApiError> {
    let resource = resource_of(api_version, kind);
    let api: Api<DynamicObject> = Api::namespaced_with(access.client(), namespace, &resource);
    let found = api.list(&ListParams::default()).await;
    let found = found.during(|| format!("list {} in namespace {namespace}", resource.plural))?;
    Ok(complete(found, api_version, kind))
}

/// All objects of a kind with a label, in every namespace.
///
/// # Errors
/// [`ApiError`] when the kind cannot be listed in the whole cluster.
pub async fn list_everywhere(
    access: &Access,
    api_version: &str,
    kind: &str,
    wanted: (&str, &str),
) -> Result<Vec<Value>, ApiError> {
    let resource = resource_of(api_version, kind);
    let api: Api<DynamicObject> = Api::all_with(access.client(), &resource);
    let params = ListParams::default().labels(&format!("{}={}", wanted.0, wanted.1));
    let found = api.list(&params).await.during(|| format!("list {} in all namespaces", resource.plural))?;
    let mut found = complete(found, api_version, kind);
    found.retain(|object| label(object, wanted.0) == Some(wanted.1));
    Ok(found)
}

/// The items of a list, which do not say what they are.
fn complete(list: ObjectList<DynamicObject>, api_version: &str, kind: &str) -> Vec<Value> {
    let said = |object: DynamicObject| {
        let mut value = serde_json::to_value(object).ok()?;
        value["apiVersion"] = api_version.into();
        value["kind"] = kind.into();
        Some(value)
    };
    list.items.into_iter().filter_map(said).collect()
}

/// An object; `None` when it does not exist.
///
/// # Errors
/// [`ApiError`] when it cannot be read.
pub async fn read(access: &Access, object: &ObjectRef) -> Result<Option<Value>, ApiError> {
    let found = object.api(access).get_opt(&object.name).await.during(|| format!("read {object}"))?;
    Ok(found.and_then(|found| serde_json::to_value(found).ok()))
}

/// Makes an object that must not exist yet; gives it as the server has it.
///
/// # Errors
/// [`ApiError`] when it exists or the server refuses it.
pub async fn create(access: &Access, object: &Value) -> Result<Value, ApiError> {
    let target = reference(object);
    let parsed: DynamicObject = parse(object, &target)?;
    let params = PostParams { field_manager: Some(FIELD_MANAGER.into()), ..PostParams::default() };
    let made = target.api(access).create(&params, &parsed).await.during(|| format!("create {target}"))?;
    Ok(serde_json::to_value(made).unwrap_or(Value::Null))
}

/// Makes an object, or brings ours to this state (server-side apply).
///
/// # Errors
/// [`ApiError`] when the server refuses it.
pub async fn apply(access: &Access, object: &Value) -> Result<Value, ApiError> {
    let target = reference(object);
    let params = PatchParams::apply(FIELD_MANAGER).force();
    let made = target.api(access).patch(&target.name, &params, &Patch::Apply(object)).await;
    let made = made.during(|| format!("apply {target}"))?;
    Ok(serde_json::to_value(made).unwrap_or(Value::Null))
}

/// Merge-patches an object.
///
/// # Errors
/// [`ApiError`] when it does not exist or the server refuses the change.
pub async fn patch(access: &Access, target: &ObjectRef, change: &Value) -> Result<Value, ApiError> {
    let params = PatchParams { field_manager: Some(FIELD_MANAGER.into()), ..PatchParams::default() };
    let patched = target.api(access).patch(&target.name, &params, &Patch::Merge(change)).await;
    let patched = patched.during(|| format!("change {target}"))?;
    Ok(serde_json::to_value(patched).unwrap_or(Value::Null))
}

/// Brings the value at a pointer to `wanted` by the smallest patch, bound to the version that was read.
/// Says whether anything had to change. The pointer leads through maps only; `null` takes the value away.
///
/// # Errors
/// [`ApiError`] when the object does not exist, or other writers win every time.
pub async fn set_at(
    access: &Access,
    target: &ObjectRef,
    pointer: &str,
    wanted: &Value,
) -> Result<bool, ApiError> {
    replace_at(access, target, pointer, wanted, |_| true).await.map(|changed| changed.is_some())
}

/// [`set_at`] where the value that is there `may_go`; another one is a conflict. Gives the object as the server keeps it,
/// `None` where nothing had to change.
///
/// # Errors
/// [`ApiError`] when the object does not exist, the value may not go, or other writers win every time.
pub async fn replace_at(
    access: &Access,
    target: &ObjectRef,
    pointer: &str,
    wanted: &Value,
    may_go: impl Fn(&Value) -> bool,
) -> Result<Option<Value>, ApiError> {
    let mut tries = 0;
    loop {
        let current = read(access, target).await?.ok_or_else(|| cannot_change(target, &GONE))?;
        let found = current.pointer(pointer).unwrap_or(&Value::Null);
        let Some(change) = merge_patch(found, wanted) else { return Ok(None) };
        if !may_go(found) {
            return Err(cannot_change(target, &TAKEN));
        }
        let mut whole = nest(pointer, change);
        whole["metadata"]["resourceVersion"] = current["metadata"]["resourceVersion"].clone();
        match patch(access, target, &whole).await {
            Err(error) if is_conflict(&error.source) && tries < TRIES => tries += 1,
            result => return result.map(Some),
        }
    }
}

/// Scales a workload.
///
/// # Errors
/// [`ApiError`] when it does not exist or the server refuses the change.
pub async fn scale(access: &Access, target: &ObjectRef, replicas: u32) -> Result<(), ApiError> {
    patch(access, target, &json!({"spec": {"replicas": replicas}})).await.map(|_| ())
}

/// Asks for the deletion of an object; a missing one is no error.
///
/// # Errors
/// [`ApiError`] when the server refuses.
pub async fn remove(access: &Access, target: &ObjectRef) -> Result<(), ApiError> {
    delete(access, target, &DeleteParams::background()).await
}

/// Asks for the deletion of the object that was read as `found`, not of another one that has got its
/// name since. A missing one is no error.
///
/// # Errors
/// [`ApiError`], a conflict when another object has the name now.
pub async fn remove_exactly(access: &Access, target: &ObjectRef, found: &Value) -> Result<(), ApiError> {
    let uid = found.pointer("/metadata/uid").and_then(Value::as_str).map(str::to_owned);
    let bound = Preconditions { uid, resource_version: None };
    delete(access, target, &DeleteParams { preconditions: Some(bound), ..DeleteParams::background() }).await
}

async fn delete(access: &Access, target: &ObjectRef, params: &DeleteParams) -> Result<(), ApiError> {
    match target.api(access).delete(&target.name, params).await {
        Err(error) if is_not_found(&error) => Ok(()),
        result => result.map(|_| ()).during(|| format!("delete {target}")),
    }
}

/// Waits until an object is gone.
///
/// # Errors
/// [`ApiError`] when it is still there after `limit`, or cannot be read.
pub async fn wait_gone(access: &Access, target: &ObjectRef, limit: Duration) -> Result<(), ApiError> {
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
///
/// # Errors
/// The [`ApiError`] that does not pass, or the last one.
pub async fn insist<T, F>(limit: Duration, mut request: impl FnMut() -> F) -> Result<T, ApiError>
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

/// Why an object cannot be changed, as the server would say it: message, reason and code.
type Why = (&'static str, &'static str, u16);
const GONE: Why = ("it does not exist", "NotFound", 404);
const TAKEN: Why = ("somebody else changed it", "Conflict", 409);

fn cannot_change(target: &ObjectRef, (message, reason, code): &Why) -> ApiError {
    let status = kube::core::Status::failure(message, reason).with_code(*code).boxed();
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
