use serde_json::json;

use super::*;

fn value(text: &str) -> Result<Value, ExpressionError> {
    let mut bindings = Bindings::new(json!({"rate": 100, "share": 0.05}));
    bindings.set(
        "result",
        json!({
            "status": 200, "p99Ms": 12.5, "whole": 12.0, "failed": 3, "planned": 400, "none": null, "zero": 0,
            "big": u64::MAX, "text": "demo-app-7", "ok": true,
            "steps": [{"percent": 10, "share": 9.8, "total": 100}, {"percent": 100, "share": 100, "total": 0}],
        }),
    );
    Expression::compile(text)?.evaluate(&bindings)
}

fn holds(text: &str) {
    assert_eq!(value(text), Ok(Value::Bool(true)), "{text}");
}

#[test]
fn json_numbers_compare_whatever_their_kind() {
    for text in [
        "result.status == 200",
        "result.zero == 0",
        "result.p99Ms < 50",
        "result.p99Ms > 12",
        "result.p99Ms != 12",
        "50 >= result.p99Ms",
        "result.whole == 12",
        "result.failed < 3.5",
        "result.failed == 3.0",
        "result.big > 1",
        "result.status in [200, 201]",
        "params.share == 0.05",
    ] {
        holds(text);
    }
}

#[test]
fn json_numbers_calculate_whatever_their_kind() {
    for text in [
        "result.failed + 1 == 4",
        "result.failed + 0.5 == 3.5",
        "0.5 + result.failed == 3.5",
        "result.p99Ms * 2 == 25",
        "result.p99Ms - 12 == 0.5",
        "result.planned / 4 == 100",
        "result.failed / result.planned < 0.01",
        "result.failed / result.planned > 0.007",
        "result.failed / result.planned == 0.0075",
        "params.rate * params.share == 5",
        "-result.failed == -3",
        "result.planned % 7 == 1",
        "result.steps.map(s, s.percent + 0.5) == [10.5, 100.5]",
        "result.steps.filter(s, s.total / 2 > 10).size() == 1",
        "'a' + 'b' == 'ab' && [1] + [2] == [1, 2]",
    ] {
        holds(text);
    }
}

#[test]
fn own_functions() {
    for text in [
        "abs(result.failed - 10) == 7",
        "abs(-0.5) == 0.5",
        "min(1, 0.5) == 0.5 && max(2, 1.5) == 2",
        "sum(result.steps.map(s, s.percent)) == 110",
        "sum([0.5, 1]) == 1.5 && sum([]) == 0",
        "seconds('1m30s') == 90",
        "percent('5%') == 0.05",
        "double(result.failed) == 3.0 && string(result.status) == '200' && int('7') == 7",
    ] {
        holds(text);
    }
}

#[test]
fn fields_lists_and_texts() {
    for text in [
        "has(result.status) && !has(result.other)",
        "result.none == null && result.none != 30 && result.ok",
        "result.none == null || result.none <= 30",
        "result.steps.all(s, s.total == 0 || abs(s.share - s.percent) <= 2)",
        "result.steps.exists(s, s.share == 100)",
        "size(result.steps) == 2 && result.steps[0].percent == 10",
        "result.text.startsWith('demo') && result.text.endsWith('7') && result.text.contains('-app-')",
        "result.text.matches('^demo-[a-z]+-[0-9]$')",
        "result.?none.orValue(1) == null && result.?other.orValue(7) == 7",
        "result['status'] == 200",
    ] {
        holds(text);
    }
}

#[test]
fn what_cannot_be_calculated_is_an_error_and_never_false() {
    let fails = |text: &str| value(text).expect_err(text).to_string();
    assert_eq!(fails("result.other == 0"), "there is no field `other`");
    assert_eq!(fails("other.field == 0"), "nothing is called `other` here");
    assert_eq!(fails("result.failed / result.zero > 1"), "divide: division by zero");
    assert_eq!(fails("result.failed / 0.0 > 1"), "divide: division by zero");
    assert_eq!(fails("result.none <= 30"), "`<=` does not work with null and int");
    assert_eq!(fails("result.text + 1 == 2"), "cannot add \"demo-app-7\" and 1");
    assert_eq!(fails("seconds('30')").split(": ").next(), Some("seconds"));
    assert!(fails("abs('x')").contains("no number"));
    assert!(fails("9223372036854775807 + 1 > 0").contains("verflow"));
    assert!(fails("result.nothing()").contains("nothing"));
}

#[test]
fn only_true_and_false_hold() {
    let expression = Expression::compile("1 + 1").unwrap();
    let error = expression.holds(&Bindings::default()).unwrap_err();
    assert_eq!(error.to_string(), "the value is 2, not true or false");
    assert_eq!(Expression::compile("1 < 2").unwrap().holds(&Bindings::default()), Ok(true));
}

#[test]
fn syntax_errors_have_a_place() {
    let error = Expression::compile("result.status = 200").unwrap_err();
    assert!(matches!(error, ExpressionError::Syntax { line: 1, column: 15, .. }), "{error:?}");
    assert!(Expression::compile("").is_err());
    assert!(Expression::compile("a &&").is_err());
    assert!(Expression::compile("'open").is_err());
}

#[test]
fn size_and_depth_are_bounded() {
    assert!(matches!(Expression::compile(&"1+".repeat(LONGEST)), Err(ExpressionError::TooLong { .. })));
    let deep = format!("{}1{}", "(".repeat(40), ")".repeat(40));
    assert_eq!(Expression::compile(&deep).unwrap_err(), ExpressionError::TooDeep);
    let loops = "[1].all(a, [1].all(b, [1].all(c, [1].all(d, true))))";
    assert_eq!(Expression::compile(loops).unwrap_err(), ExpressionError::TooDeep);
    assert!(Expression::compile("[1].all(a, [1].all(b, a == b))").is_ok());
    // Long chains of one operator are as deep as they are long.
    for text in
        ["!".repeat(1500) + "true", "-".repeat(1500) + "1", vec!["1"; 900].join("+"), "a.b".repeat(300)]
    {
        let _ = Expression::compile(&text).map(|expression| expression.evaluate(&Bindings::default()));
    }
}

#[test]
fn references_are_the_paths_that_are_looked_at() {
    let text = "release.undo != null && release.undo.apiMs <= params.limit && has(release.run) \
                && release.steps.all(s, s.share > base[0].share && s.x == release.undo.apiMs)";
    let expression = Expression::compile(text).unwrap();
    assert_eq!(
        expression.references(),
        [
            "release.undo",
            "release.undo.apiMs",
            "params.limit",
            "release.run",
            "release.steps",
            "base[0].share"
        ]
    );
    assert_eq!(
        expression.names().iter().map(String::as_str).collect::<Vec<_>>(),
        ["base", "params", "release"]
    );
    let expression = Expression::compile("abs(a.b) > 1 && c.startsWith('x') && [1].all(d, d > 0)").unwrap();
    assert_eq!(expression.functions().iter().map(String::as_str).collect::<Vec<_>>(), ["abs", "startsWith"]);
}

#[test]
fn what_was_seen_is_told() {
    let mut bindings = Bindings::default();
    bindings.set("release", json!({"secondsInStep": 7.2, "steps": [1, 2, 3, 4], "verdict": "rolled-back"}));
    let text = "release.secondsInStep <= 30 && release.verdict == 'x' && has(release.undo) && size(release.steps) > 1";
    let seen: Vec<String> =
        Expression::compile(text).unwrap().seen(&bindings).iter().map(ToString::to_string).collect();
    assert_eq!(
        seen,
        [
            "release.secondsInStep was 7.2",
            "release.verdict was \"rolled-back\"",
            "release.undo was absent",
            "release.steps was a list of 4"
        ]
    );
}

#[test]
fn only_the_leaves_are_told() {
    let mut bindings = Bindings::default();
    bindings.set("release", json!({"undo": {"apiMs": 10.987_654, "steps": [1]}, "undone": true}));
    let told = |text: &str| {
        let seen = Expression::compile(text).unwrap().seen(&bindings);
        seen.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(
        told("release.undo != null && release.undone && release.undo.apiMs <= 2000"),
        "release.undone was true, release.undo.apiMs was 10.99"
    );
    assert_eq!(told("has(release.undo.steps) && release.undo.steps[0] == 1"), "release.undo.steps[0] was 1");
    assert_eq!(told("release.undo != null"), "release.undo was {\"apiMs\":10.99,\"steps\":[1]}");
}

#[test]
fn a_scope_adds_a_name_and_hides_another_one() {
    let mut outer = Bindings::default();
    outer.set("result", json!(1));
    outer.set("other", json!(2));
    let value = json!(3);
    let scope = Scope { outer: &outer, name: "result", value: &value };
    let sum = Expression::compile("result + other").unwrap();
    assert_eq!(sum.evaluate(&scope), Ok(json!(5)));
    assert_eq!(sum.evaluate(&outer), Ok(json!(3)));
    let missing = Expression::compile("nothing == 1").unwrap();
    assert!(matches!(missing.holds(&scope), Err(ExpressionError::Unbound { .. })));
}
