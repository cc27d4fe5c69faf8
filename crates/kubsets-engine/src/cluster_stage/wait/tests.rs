//! Conditions without a cluster, and on an API server in memory.

use kubsets_kube::ApiError;

use super::*;
use crate::cluster_stage::load::BackgroundLoad;
use crate::cluster_stage::scene::Scene;

fn condition(value: Value) -> Condition {
    serde_json::from_value(value).unwrap()
}

fn seen(holds: Option<bool>) -> Seen {
    Seen::new(holds, format!("{holds:?}"))
}

#[test]
fn what_cannot_be_said_decides_nothing() {
    let (yes, no, unknown) = (Some(true), Some(false), None);
    for (all, parts, expected) in [
        (true, [yes, yes], yes),
        (true, [yes, unknown], unknown),
        (true, [no, unknown], no),
        (false, [no, no], no),
        (false, [no, unknown], unknown),
        (false, [yes, unknown], yes),
    ] {
        let together = Seen::several(parts.map(seen).to_vec(), all);
        assert_eq!(together.holds, expected, "{all} {parts:?}");
        assert!(together.text.contains(&format!("{expected:?}")), "{together:?}");
    }
}

#[test]
fn a_hiccup_is_something_seen_and_a_refusal_is_an_error() {
    let error = |code: u16| {
        let status = kube::core::Status::failure("not now", "Reason").with_code(code).boxed();
        api(&ApiError::new("read Pod web", kube::Error::Api(status)))
    };
    let passed = passing(Err(error(503))).unwrap();
    assert!(passed.holds.is_none() && passed.text.contains("not now"), "{passed:?}");
    assert!(matches!(passing(Err(error(403))), Err(StepError::Cluster(_))));
}

#[test]
fn a_missing_field_neither_holds_nor_fails() {
    let look = |that: &str| expression(that, &Bindings::default(), "result", json!({"a": 1}));
    assert_eq!(look("result.a == 1").unwrap().holds, Some(true));
    assert_eq!(look("result.a == 2").unwrap().holds, Some(false));
    assert_eq!(look("result.b == 2").unwrap().holds, None);
    assert!(matches!(look("result.a + 'x' == 1"), Err(StepError::Invalid(_))));
}

#[test]
fn no_look_comes_later_than_the_time_that_is_to_pass() {
    let (span, soon) = (condition(json!({"passed": "1s"})), Duration::from_millis(900));
    assert_eq!(pause(&span, Duration::ZERO), LOOK);
    assert_eq!(pause(&span, soon), Duration::from_millis(100));
    let traffic = json!({"http": {"http": {"path": "/"}, "that": "true"}});
    assert_eq!(pause(&condition(json!({"not": traffic})), soon), LOOK_AT_TRAFFIC);
    assert_eq!(pause(&condition(json!({"all": [{"passed": "1s"}, traffic]})), soon), LOOK_AT_TRAFFIC);
}

#[tokio::test]
async fn time_and_loads_stand_among_other_conditions() {
    let scene = Scene::new();
    let stage = scene.stage().await;
    scene.api.put("configmaps", json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}));
    let task = tokio::spawn(async {
        sleep(Duration::from_millis(50)).await;
        Ok(json!({"failed": 0, "summary": "10 of 10 ok"}))
    });
    let load = BackgroundLoad::Running { stop: tokio_util::sync::CancellationToken::new(), task };
    stage.loads.lock().await.insert("users".into(), load);
    let exists = json!({"exists": {"kind": "ConfigMap", "name": "x"}});
    let all = condition(json!({"all": [{"finished": "users"}, {"passed": "300ms"}, exists]}));
    let limit = Duration::from_secs(5);
    let result = stage.wait(&all, &Bindings::default(), limit).await.unwrap();
    assert!(result["seconds"].as_f64().unwrap() >= 0.3, "{result}");
    assert_eq!(result["finished"], json!({"users": {"failed": 0, "summary": "10 of 10 ok"}}));
    // Alone, the load's report is the result, however often it is asked for.
    let alone = condition(json!({"finished": "users"}));
    assert_eq!(stage.wait(&alone, &Bindings::default(), limit).await.unwrap()["failed"], 0);
    let unknown = stage.wait(&condition(json!({"finished": "other"})), &Bindings::default(), limit).await;
    assert!(matches!(unknown, Err(StepError::Invalid(_))), "{unknown:?}");
}

#[tokio::test]
async fn a_load_that_cannot_be_believed_ends_the_wait() {
    let scene = Scene::new();
    let stage = scene.stage().await;
    let task = tokio::spawn(async { Err(StepError::Inconclusive("it stood still".into())) });
    let load = BackgroundLoad::Running { stop: tokio_util::sync::CancellationToken::new(), task };
    stage.loads.lock().await.insert("users".into(), load);
    let alone = condition(json!({"finished": "users"}));
    let ended = stage.wait(&alone, &Bindings::default(), Duration::from_secs(5)).await;
    assert!(matches!(ended, Err(StepError::Inconclusive(_))), "{ended:?}");
    stage.end_loads().await;
}

#[tokio::test]
async fn a_wait_that_is_too_long_tells_what_it_saw_last() {
    let scene = Scene::new();
    let stage = scene.stage().await;
    let never =
        condition(json!({"all": [{"exists": {"kind": "ConfigMap", "name": "x"}}, {"passed": "1ms"}]}));
    let error = stage.wait(&never, &Bindings::default(), Duration::from_millis(10)).await.unwrap_err();
    assert!(matches!(error, StepError::Timeout(_)), "{error:?}");
    assert!(error.to_string().ends_with("last seen: ConfigMap x: it does not exist"), "{error}");
    let doing = stage.events.last_doing().unwrap();
    assert!(doing.starts_with("waiting: ConfigMap x: it does not exist"), "{doing}");
}
