//! Plans in files: `lab plan -o json` writes them, `lab run --plan` runs exactly them.

use std::path::Path;

use anyhow::Context as _;
use kubsets_lab::Plan;
use kubsets_lab::model::API_VERSION;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::ui::Failure;

/// Version of this program, which is to be the same when the plan is run.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A plan as it is written.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Written<'a> {
    /// Version of the program that planned.
    plugin_version: &'static str,
    #[serde(flatten)]
    plan: &'a Plan,
}

impl<'a> Written<'a> {
    /// A plan for a file.
    pub(super) fn new(plan: &'a Plan) -> Self {
        Self { plugin_version: VERSION, plan }
    }
}

/// The plans of a file, of labs of a family or of any.
///
/// # Errors
/// When the file cannot be read, holds no plan, was changed, or comes from another version.
pub(super) fn read(path: &Path, family: Option<&str>) -> anyhow::Result<Vec<Plan>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let refused = |why: String| {
        let command = format!("kubectl kubsets {} plan LAB -o json", family.unwrap_or("lab"));
        Failure::usage(format!("{}: {why}", path.display())).with_hint(format!("`{command}` plans anew"))
    };
    let plans = parse(&text).map_err(refused)?;
    if let Some(family) = family
        && let Some(other) = plans.iter().find(|plan| plan.lab.split('/').next() != Some(family))
    {
        return Err(refused(format!("{} is no {family} lab", other.lab)).into());
    }
    Ok(plans)
}

/// The plans of a text: one document after the other, one for each combination of a matrix.
fn parse(text: &str) -> Result<Vec<Plan>, String> {
    let documents = serde_json::Deserializer::from_str(text).into_iter::<Map<String, Value>>();
    let plans: Vec<Plan> = documents
        .map(|document| plan(document.map_err(|error| format!("it is no JSON of a plan: {error}"))?))
        .collect::<Result<_, _>>()?;
    if plans.is_empty() { Err("it holds no plan".to_owned()) } else { Ok(plans) }
}

fn plan(mut document: Map<String, Value>) -> Result<Plan, String> {
    for (field, expected) in [("apiVersion", API_VERSION), ("kind", "LabPlan"), ("pluginVersion", VERSION)] {
        match document.remove(field) {
            Some(Value::String(found)) if found == expected => {}
            Some(found) => return Err(format!("its {field} is {found}, only {expected:?} is accepted")),
            None => return Err(format!("it has no {field}, only {expected:?} is accepted")),
        }
    }
    let plan: Plan =
        serde_json::from_value(document.into()).map_err(|error| format!("it is no plan: {error}"))?;
    if plan.fingerprint() != plan.hash {
        return Err(format!(
            "it was changed after {} was planned: its hash is that of another plan",
            plan.lab
        ));
    }
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use kubsets_lab::Values;

    use super::*;

    fn plans() -> Vec<Plan> {
        let labs = crate::commands::lab::catalog::embedded();
        labs.iter().map(|lab| Plan::new(lab, &Values::new()).expect("is one")).collect()
    }

    /// As the printer writes them.
    fn file(plans: &[Plan]) -> String {
        let document = |plan| {
            let Value::Object(mut fields) = serde_json::to_value(Written::new(plan)).expect("is JSON") else {
                panic!("a plan is an object")
            };
            fields.insert("apiVersion".into(), API_VERSION.into());
            fields.insert("kind".into(), "LabPlan".into());
            format!("{:#}\n", Value::Object(fields))
        };
        plans.iter().map(document).collect()
    }

    #[test]
    fn every_plan_comes_back_as_it_was() {
        assert_eq!(parse(&file(&plans())), Ok(plans()));
    }

    #[test]
    fn a_changed_file_and_another_version_are_refused() {
        let text = file(&plans()[..1]);
        for (from, to, why) in [
            ("\"requests\": ", "\"requests\": 9", "was changed after"),
            (VERSION, "9.9.9", "its pluginVersion is \"9.9.9\""),
            ("v1alpha1\"", "v2\"", "its apiVersion is \"kubsets.dev/v2\""),
            ("LabPlan", "LabOutcome", "its kind is"),
            ("\"question\"", "\"riddle\"", "it is no plan: "),
        ] {
            let changed = text.replacen(from, to, 1);
            assert_ne!(changed, text, "{from}");
            let error = parse(&changed).expect_err(from);
            assert!(error.contains(why), "{error}");
        }
        assert_eq!(parse(""), Err("it holds no plan".to_owned()));
        assert!(parse("[1").is_err());
    }
}
