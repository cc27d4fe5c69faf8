//! The record of a load or of a search, as it lies in its folder: one file.

use std::path::Path;

use anyhow::Context as _;
use kubsets_load::{FindMaxReport, LoadReport, Parcel};
use kubsets_report::Story;
use kubsets_undo::{RunId, StateDir};
use serde::{Deserialize, Serialize};

use super::{LoadPlan, Slo};
use crate::report::Environment;
use crate::report::record::file;

/// File with the record in the folder of a run.
pub(crate) const LOAD_RUN_FILE: &str = "load-run.json";

/// A load that has ended.
#[derive(Debug)]
pub(crate) struct LoadRun {
    /// Name of the run.
    pub(crate) run: String,
    /// The command that repeats it, without the values of headers, bodies and queries.
    pub(crate) repeat: String,
    /// The thresholds that it crossed, with what was measured.
    pub(crate) crossed: Vec<String>,
    /// Share of requests (0 to 1) that an objective wants to be good.
    pub(crate) objective: Option<f64>,
    /// What it was to do; absent in records of older plugins.
    pub(crate) plan: Option<LoadPlan>,
    /// What it ran on; absent in records of older plugins.
    pub(crate) environment: Option<Environment>,
    /// What the generator said.
    pub(crate) report: LoadReport,
}

/// A search for the highest rate that has ended.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SearchRun {
    /// Name of the run.
    pub(crate) run: String,
    /// The command that repeats it, without the values of headers, bodies and queries.
    pub(crate) repeat: String,
    /// When it began, RFC 3339.
    pub(crate) started_at: String,
    /// How long it took.
    pub(crate) seconds: f64,
    /// What was to be kept, in words.
    pub(crate) objective: String,
    /// What each trial was to do, but for its rate and length.
    pub(crate) plan: LoadPlan,
    /// What it ran on.
    pub(crate) environment: Environment,
    /// What came out.
    #[serde(rename = "search")]
    pub(crate) report: FindMaxReport,
}

/// What a record is of.
#[derive(Debug)]
pub(crate) enum LoadRecord {
    /// One run of the generator.
    Run(Box<LoadRun>),
    /// A search.
    Search(Box<SearchRun>),
}

/// The form on disk, with packed histograms.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stored {
    run: String,
    repeat: String,
    crossed: Vec<String>,
    objective: Option<f64>,
    plan: Option<LoadPlan>,
    environment: Option<Environment>,
    load: Parcel,
}

impl LoadRecord {
    /// Reads a record; `None` when the folder has none of a load.
    ///
    /// # Errors
    /// When the file is there but cannot be read.
    pub(crate) fn read(folder: &Path) -> anyhow::Result<Option<Self>> {
        let Some(value) = file::<serde_json::Value>(folder, LOAD_RUN_FILE)? else { return Ok(None) };
        let wrong = || format!("cannot read the load in {}", folder.display());
        if value.get("search").is_some() {
            return Ok(Some(Self::Search(serde_json::from_value(value).with_context(wrong)?)));
        }
        let Stored { run, repeat, crossed, objective, plan, environment, load } =
            serde_json::from_value(value).with_context(wrong)?;
        let report = load.open().with_context(wrong)?;
        let load = LoadRun { run, repeat, crossed, objective, plan, environment, report };
        Ok(Some(Self::Run(Box::new(load))))
    }

    /// Tells it.
    pub(crate) fn story(&self) -> Story {
        match self {
            Self::Run(run) => super::story(run),
            Self::Search(search) => super::search::story(search),
        }
    }
}

impl SearchRun {
    /// Writes the record into the folder of its run.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub(crate) fn write(&self, state: &StateDir, run: &RunId) -> anyhow::Result<()> {
        Ok(state.write(run, LOAD_RUN_FILE, self)?)
    }
}

impl LoadRun {
    /// Writes the record into the folder of its run.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub(crate) fn write(&self, state: &StateDir, run: &RunId) -> anyhow::Result<()> {
        let stored = Stored {
            run: self.run.clone(),
            repeat: self.repeat.clone(),
            crossed: self.crossed.clone(),
            objective: self.objective,
            plan: self.plan.clone(),
            environment: self.environment.clone(),
            load: Parcel::pack(self.report.clone())?,
        };
        Ok(state.write(run, LOAD_RUN_FILE, &stored)?)
    }

    /// What the load burnt of its error budget; `None` without an objective.
    pub(crate) fn slo(&self) -> Option<Slo> {
        self.objective.and_then(|objective| Slo::of(&self.report, objective))
    }
}

#[cfg(test)]
mod tests {
    use kubsets_load::{LoadSpec, Target};

    use super::*;

    fn plan() -> LoadPlan {
        let mut spec = LoadSpec::new("http://127.0.0.1:1/", "100".parse().expect("is a schedule"));
        spec.targets = vec![Target {
            headers: vec![("authorization".into(), "Bearer of-a-secret".into())],
            body: "of-a-secret".into(),
            ..Target::get("http://127.0.0.1:1/?token=of-a-secret")
        }];
        LoadPlan::new(&spec, Some(3))
    }

    #[test]
    fn a_plan_tells_no_secret() {
        let text = serde_json::to_string(&plan()).expect("is JSON");
        assert!(text.contains("authorization") && !text.contains("of-a-secret"), "{text}");
    }

    #[test]
    fn a_search_is_told_from_its_record() {
        let folder = tempfile::tempdir().expect("is made");
        let (state, id) = (StateDir::at(folder.path()), RunId::generate());
        let report = serde_json::json!({
            "rate": 200.0, "brokenAt": 400.0, "generatorLimit": null,
            "trials": [{"rate": 400.0, "kept": false, "reason": "p99 120 ms", "p99Ms": 120.0, "errorRate": 0.0}],
        });
        let search = SearchRun {
            run: id.to_string(),
            repeat: "kubectl kubsets load --find-max".into(),
            started_at: "2026-11-20T12:00:00Z".into(),
            seconds: 20.0,
            objective: "p99 within 100 ms".into(),
            plan: plan(),
            environment: Environment::of_machine(),
            report: serde_json::from_value(report).expect("is a report"),
        };
        search.write(&state, &id).expect("is written");
        let story = LoadRecord::read(&state.run(&id)).expect("is read").expect("is there").story();
        assert_eq!((story.verdict.word.as_str(), story.seconds), ("FOUND", Some(20.0)));
        let text = kubsets_report::report_markdown(&story);
        for words in
            ["p99 120 ms", "kubectl kubsets load --find-max", "3 pods", "GET http://127.0.0.1:1/?token=VALUE"]
        {
            assert!(text.contains(words), "{words}: {text}");
        }
        assert!(kubsets_report::report_html(&story).contains("FOUND"));
    }
}
