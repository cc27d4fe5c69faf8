//! Lab files as far as a canary needs them.
//!
//! A lab is data: a question, parameters, steps with exactly one typed operation each, and what is
//! expected. Unknown fields are refused; errors name line and column.

mod expect;
mod params;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::spec::CanarySpec;

pub use expect::{Checked, Expectation, check};
pub use params::{Param, ParamKind};

/// Why a lab file is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LabError {
    /// The text does not fit; the message shows the place.
    #[error("line {line}, column {column}: {message}")]
    Syntax {
        /// Line, from 1.
        line: u64,
        /// Column, from 1.
        column: u64,
        /// What is wrong.
        message: String,
    },
    /// A value for a parameter that the lab does not have.
    #[error("the lab has no parameter {name:?}, it has: {known}")]
    UnknownParam {
        /// Name given.
        name: String,
        /// Names that exist.
        known: String,
    },
    /// A value that does not fit its parameter.
    #[error("parameter {name}: {reason}")]
    BadParam {
        /// Name of the parameter.
        name: String,
        /// What is wrong with the value.
        reason: String,
    },
    /// A place that refers to a parameter that does not exist.
    #[error("line {line}: ${{{name}}} is no parameter of this lab")]
    UnknownReference {
        /// Line, from 1.
        line: usize,
        /// Name referred to.
        name: String,
    },
    /// The parts do not fit together.
    #[error("{0}")]
    Invalid(String),
}

/// A lab.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Lab {
    /// `kubsets.dev/v1alpha1`.
    pub api_version: String,
    /// `Lab`.
    pub kind: String,
    /// Name and place in the catalogue.
    pub metadata: LabMetadata,
    /// What it does.
    pub spec: LabSpec,
}

/// Name and place of a lab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LabMetadata {
    /// Name, the folder's.
    pub name: String,
    /// Family, the parent folder's name.
    pub family: String,
    /// Difficulty from 1 to 3.
    pub level: u8,
    /// Minutes that it takes as a rule.
    pub minutes: u32,
}

/// What a lab does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LabSpec {
    /// The question that the lab answers.
    pub question: String,
    /// What the cluster must have.
    #[serde(default)]
    pub requires: Vec<Requirement>,
    /// Values that a user may set.
    #[serde(default)]
    pub params: BTreeMap<String, Param>,
    /// What is done, in order.
    pub steps: Vec<LabStep>,
    /// What must come out.
    #[serde(default)]
    pub expect: Vec<Expectation>,
}

/// A need of a lab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Requirement {
    /// A group and version of the API.
    Api(String),
    /// A Deployment in the lab's namespace.
    Deployment(String),
}

/// A step: a name and exactly one operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LabStep {
    /// Name of the step.
    pub name: String,
    /// A canary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<CanarySpec>,
}

impl Lab {
    /// Reads a lab, with values for its parameters.
    ///
    /// # Errors
    /// [`LabError`] with the place of what is wrong.
    pub fn parse(text: &str, values: &BTreeMap<String, String>) -> Result<Self, LabError> {
        let params = params::read(text)?;
        let text = params::substitute(text, &params, values)?;
        let lab: Self = serde_saphyr::from_str(&text).map_err(|error| syntax(&error))?;
        lab.check()?;
        Ok(lab)
    }

    /// Full name, such as `canary/bad-errors`.
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.metadata.family, self.metadata.name)
    }

    /// The canary of a lab that consists of one.
    ///
    /// # Errors
    /// [`LabError::Invalid`] when the lab does something else.
    pub fn canary(&self) -> Result<CanarySpec, LabError> {
        let [LabStep { canary: Some(spec), .. }] = self.spec.steps.as_slice() else {
            return Err(LabError::Invalid(format!("{} is no lab of one canary", self.full_name())));
        };
        // Labels cannot hold a slash.
        Ok(CanarySpec { lab: Some(self.full_name().replace('/', ".")), ..spec.clone() })
    }

    fn check(&self) -> Result<(), LabError> {
        let invalid = |message: String| Err(LabError::Invalid(message));
        if self.api_version != "kubsets.dev/v1alpha1" {
            return invalid(format!("apiVersion {:?} is not kubsets.dev/v1alpha1", self.api_version));
        }
        if self.kind != "Lab" {
            return invalid(format!("kind {:?} is not Lab", self.kind));
        }
        if self.spec.steps.is_empty() {
            return invalid("spec.steps is empty".into());
        }
        match self.spec.steps.iter().find(|step| step.canary.is_none()) {
            Some(step) => invalid(format!("step {:?} has no operation, one of: canary", step.name)),
            None => Ok(()),
        }
    }
}

/// A parser's error with its place.
fn syntax(error: &serde_saphyr::Error) -> LabError {
    let (line, column) = error.location().map_or((0, 0), |place| (place.line(), place.column()));
    let message = error.without_snippet().to_string();
    let message = message.lines().next().unwrap_or_default().to_owned();
    LabError::Syntax { line, column, message }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "\
apiVersion: kubsets.dev/v1alpha1
kind: Lab
metadata: {name: x, family: canary, level: 1, minutes: 2}
spec:
  question: Does it work?
  params:
    rate: {type: number, default: '100', about: Requests per second}
  steps:
    - name: release
      canary:
        deployment: demo-app
        env: {APP_VERSION: 0.2.0}
        load: {rate: \"${rate}\"}
  expect:
    - verdict: promoted
";

    fn parse(text: &str) -> Result<Lab, LabError> {
        Lab::parse(text, &BTreeMap::new())
    }

    #[test]
    fn defaults_and_values_fill_the_parameters() {
        let lab = parse(GOOD).unwrap();
        assert!((lab.canary().unwrap().load.rate - 100.0).abs() < 1e-9);
        assert_eq!(lab.canary().unwrap().lab.as_deref(), Some("canary.x"));
        let values = BTreeMap::from([("rate".to_owned(), "250".to_owned())]);
        assert!((Lab::parse(GOOD, &values).unwrap().canary().unwrap().load.rate - 250.0).abs() < 1e-9);
        let values = BTreeMap::from([("rate".to_owned(), "fast".to_owned())]);
        let error = Lab::parse(GOOD, &values).unwrap_err();
        assert_eq!(error.to_string(), "parameter rate: \"fast\" is no number");
        let values = BTreeMap::from([("speed".to_owned(), "1".to_owned())]);
        assert!(Lab::parse(GOOD, &values).unwrap_err().to_string().contains("it has: rate"));
    }

    #[test]
    fn errors_name_line_and_column() {
        let error = parse(&GOOD.replace("deployment:", "deploymnt:")).unwrap_err();
        let LabError::Syntax { line, column, message } = error else { panic!("{error}") };
        assert_eq!((line, column), (11, 9), "{message}");
        assert!(message.contains("deploymnt"), "{message}");
        let error = parse(&GOOD.replace("minutes: 2", "minutes: soon")).unwrap_err();
        assert!(matches!(error, LabError::Syntax { line: 3, .. }), "{error}");
        let error = parse(&GOOD.replace("${rate}", "${speed}")).unwrap_err();
        assert_eq!(error.to_string(), "line 13: ${speed} is no parameter of this lab");
    }

    #[test]
    fn a_step_has_exactly_one_known_operation() {
        let error = parse(&GOOD.replace("canary:\n", "shell:\n")).unwrap_err();
        assert!(error.to_string().contains("shell"), "{error}");
        let none = "apiVersion: kubsets.dev/v1alpha1\nkind: Lab\n\
                    metadata: {name: x, family: canary, level: 1, minutes: 2}\n\
                    spec: {question: q, steps: [{name: a}]}\n";
        assert_eq!(parse(none).unwrap_err().to_string(), "step \"a\" has no operation, one of: canary");
    }

    #[test]
    fn the_labs_in_the_catalogue_are_valid() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../kubectl-kubsets/labs/canary");
        let mut names = Vec::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let folder = entry.unwrap().path();
            let text = std::fs::read_to_string(folder.join("lab.yaml")).unwrap();
            let lab = parse(&text).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
            assert_eq!(lab.metadata.name, folder.file_name().unwrap().to_str().unwrap());
            assert_eq!(lab.metadata.family, "canary");
            assert!(!lab.spec.expect.is_empty());
            assert!(folder.join("README.md").is_file());
            lab.canary().unwrap();
            names.push(lab.metadata.name);
        }
        names.sort();
        assert_eq!(names, ["bad-errors", "good-release", "slow-release"]);
    }
}
