//! Stories for tests: one with every kind of part, and the same with hostile words in every text.

use serde_json::Value;

use super::*;

/// Words that try to get out of text, attribute, script, style and table.
const HOSTILE: &str = "\"' onload='alert(1)' </script></style><script>alert(1)</script><img src=x onerror=alert(1)> | `x` & \u{0} \n";

fn line(name: &str, role: Role, shape: Shape) -> Line {
    let value = |i: i32| (i % 7 != 3).then(|| f64::from(i % 11) + 0.5);
    Line {
        name: name.into(),
        role,
        shape,
        points: (1..=30).map(|i| (f64::from(i), value(i))).collect(),
        band: vec![Band { x: 2.0, low: 1.0, high: 4.0 }, Band { x: 9.0, low: 2.0, high: 3.0 }],
    }
}

fn chart(id: &str, extent: Extent, scale: Scale, shape: Shape) -> Chart {
    Chart {
        id: id.into(),
        title: format!("chart {id}"),
        note: "how to read it".into(),
        extent,
        axis: Axis { unit: Unit::Milliseconds, scale, low: None, high: None },
        lines: [Role::Baseline, Role::Candidate, Role::Wanted, Role::Harm, Role::Gain, Role::Other]
            .map(|role| line(&format!("{role:?}"), role, shape))
            .to_vec(),
        limits: vec![Limit { name: "limit".into(), value: 5.0 }],
    }
}

fn sections() -> Vec<Section> {
    let map = |name: &str, role| HeatMap {
        name: name.into(),
        role,
        unit: Unit::Milliseconds,
        bounds: (0..40).map(|i| 0.1 * 10_f64.powf(f64::from(i) / 8.0)).collect(),
        columns: (1..=30)
            .map(|i| HeatColumn { x: f64::from(i), cells: vec![(7, 80), (9 + i as usize % 5, 3)] })
            .collect(),
        limits: vec![Limit { name: "slow".into(), value: 1.5 }],
    };
    let interval = |label: &str, tone| Interval {
        label: label.into(),
        target: 10.0,
        value: 11.0,
        low: 8.0,
        high: 13.0,
        note: "600 requests".into(),
        tone,
    };
    let mut table = Table::with_heads("a table", ["what", "how much"]).figures([1]).note("a note");
    table.row(["one".into(), Cell::new(Tone::Good, "1")]);
    let mut facts = Table::facts("facts");
    facts.fact("name", "value");
    vec![
        Section {
            title: "Latency".into(),
            intro: "how fast it was".into(),
            blocks: vec![
                Block::Text("a paragraph".into()),
                Block::Chart(chart("percentiles", Extent::Percentile, Scale::Log, Shape::Line)),
                Block::HeatMaps(vec![map("stable", Role::Baseline), map("canary", Role::Candidate)]),
            ],
        },
        Section {
            title: "Traffic".into(),
            intro: String::new(),
            blocks: vec![
                Block::Intervals(Intervals {
                    title: "measured share".into(),
                    note: "a note".into(),
                    unit: Unit::Percent,
                    confidence: 0.95,
                    rows: vec![interval("10 %", Tone::Good), interval("25 %", Tone::Bad)],
                }),
                Block::Table(table),
                Block::Table(facts),
            ],
        },
    ]
}

/// A story with every kind of part.
pub(crate) fn story() -> Story {
    let measure = |group: &str, name: &str, unit, better| Measure {
        group: group.into(),
        name: name.into(),
        value: Some(12.0),
        unit,
        better,
        range: Some(Range { low: Some(11.0), high: Some(13.0) }),
    };
    let mark = |at, label: &str, tone| Mark { at, label: label.into(), tone };
    Story {
        api_version: API_VERSION.into(),
        run: "261120-163148-d80d".into(),
        title: "Canary of demo-app".into(),
        question: Some("Is it noticed?".into()),
        started_at: Some("2026-11-20T16:31:48.273Z".into()),
        seconds: Some(30.0),
        verdict: Verdict { tone: Tone::Bad, word: "FAIL".into(), meaning: "rolled back".into() },
        reason: "the canary is worse".into(),
        numbers: vec![Number {
            label: "users saw".into(),
            value: "5 errors".into(),
            note: "of 3,001".into(),
            tone: Tone::Bad,
        }],
        commands: ["repeats this run", "compares it"]
            .map(|purpose| Command {
                purpose: purpose.into(),
                line: format!("kubectl kubsets report # {purpose}"),
            })
            .to_vec(),
        timeline: Timeline {
            seconds: 30.0,
            turns: vec![mark(20.0, "decided", Tone::Bad), mark(20.5, "undone", Tone::Good)],
            lanes: vec![Lane {
                name: "steps".into(),
                spans: vec![Span {
                    from: 1.0,
                    to: 12.0,
                    label: "10 %".into(),
                    detail: "passed".into(),
                    tone: Tone::Good,
                }],
                marks: vec![mark(3.0, "created", Tone::Plain), mark(3.1, "changed", Tone::Warn)],
            }],
            charts: vec![
                chart("weights", Extent::Time, Scale::Linear, Shape::Steps),
                chart("errors", Extent::Time, Scale::Linear, Shape::Bars),
            ],
        },
        sections: sections(),
        measures: vec![
            measure("Times", "to the verdict", Unit::Seconds, Better::Lower),
            measure("Times", "in all", Unit::Seconds, Better::Neither),
            measure("Latency", "p99", Unit::Milliseconds, Better::Lower),
        ],
    }
}

/// The same with hostile words in every text that is free, and these words.
pub(crate) fn hostile() -> (Story, &'static str) {
    let mut value = serde_json::to_value(story()).unwrap();
    let mut replaced = 0;
    for pointer in texts(&value) {
        let place = value.pointer_mut(&pointer).unwrap();
        let before = std::mem::replace(place, HOSTILE.into());
        // A word of a fixed set cannot be replaced.
        if serde_json::from_value::<Story>(value.clone()).is_err() {
            *value.pointer_mut(&pointer).unwrap() = before;
        } else {
            replaced += 1;
        }
    }
    assert!(replaced > 60, "{replaced}");
    (serde_json::from_value(value).unwrap(), "<script>alert(1)")
}

fn texts(value: &Value) -> Vec<String> {
    fn below(value: &Value, path: &str, found: &mut Vec<String>) {
        match value {
            Value::String(_) => found.push(path.to_owned()),
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(i, item)| below(item, &format!("{path}/{i}"), found));
            }
            Value::Object(fields) => {
                fields.iter().for_each(|(name, field)| below(field, &format!("{path}/{name}"), found));
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    below(value, "", &mut found);
    found
}
