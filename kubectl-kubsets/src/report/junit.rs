//! Runs as `JUnit` XML, for machines that show the results of tests: one test suite for each run; of a lab a test case
//! for each probe of the steady state, step, expectation, and for the undo, of a load one for each threshold.

mod case;
mod load;
mod release;
mod xml;

use kubsets_engine::Outcome;
use kubsets_lab::Plan;

use case::{Case, Ending, cases};
pub(crate) use load::load_document;
pub(crate) use release::released;
use xml::Xml;

/// A run with its plan.
#[derive(Debug)]
pub(crate) struct Suite {
    /// What was planned.
    pub(crate) plan: Plan,
    /// What it came to.
    pub(crate) outcome: Outcome,
    /// When it began, RFC 3339.
    pub(crate) started_at: String,
}

impl Suite {
    /// A run that began at this time.
    pub(crate) fn new(plan: Plan, outcome: Outcome, started_at: jiff::Timestamp) -> Self {
        Self { plan, outcome, started_at: timestamp(started_at) }
    }
}

/// A time; readers of the form do without parts of a second.
fn timestamp(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Counts of test cases.
#[derive(Debug, Default)]
struct Counts {
    tests: usize,
    failures: usize,
    errors: usize,
    skipped: usize,
}

impl Counts {
    fn of<'a>(cases: impl IntoIterator<Item = &'a Case>) -> Self {
        let mut counts = Self::default();
        for case in cases {
            counts.tests += 1;
            match case.ending {
                Ending::Passed => {}
                Ending::Failed(_) => counts.failures += 1,
                Ending::Error(_) => counts.errors += 1,
                Ending::Skipped(_) => counts.skipped += 1,
            }
        }
        counts
    }

    fn attributes(&self) -> [(&'static str, String); 4] {
        [
            ("tests", self.tests.to_string()),
            ("failures", self.failures.to_string()),
            ("errors", self.errors.to_string()),
            ("skipped", self.skipped.to_string()),
        ]
    }
}

/// A suite as it is written.
#[derive(Debug)]
struct Written {
    name: String,
    seconds: f64,
    started_at: String,
    properties: Vec<(String, String)>,
    cases: Vec<Case>,
}

impl From<&Suite> for Written {
    fn from(suite: &Suite) -> Self {
        let outcome = &suite.outcome;
        let facts = [
            ("run", outcome.run.as_str()),
            ("namespace", &outcome.namespace),
            ("verdict", outcome.verdict.word()),
            ("reason", &outcome.reason),
            ("repeat", &outcome.repeat_command),
        ];
        let facts = facts.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let params = outcome.params.iter().map(|(name, value)| (format!("param.{name}"), value.clone()));
        Self {
            name: outcome.lab.clone(),
            seconds: outcome.seconds,
            started_at: suite.started_at.clone(),
            properties: facts.into_iter().chain(params).collect(),
            cases: cases(&suite.plan, outcome),
        }
    }
}

/// Runs as one document. Times are in seconds; the same runs give the same bytes.
pub(crate) fn document(suites: &[Suite]) -> String {
    written(&suites.iter().map(Written::from).collect::<Vec<_>>())
}

fn written(suites: &[Written]) -> String {
    let mut xml = Xml::document();
    let mut attributes = vec![("name", "kubsets".to_owned())];
    attributes.extend(Counts::of(suites.iter().flat_map(|suite| &suite.cases)).attributes());
    attributes.push(("time", seconds(suites.iter().map(|suite| suite.seconds).sum())));
    xml.open("testsuites", &attributes);
    for suite in suites {
        write_suite(&mut xml, suite);
    }
    xml.close("testsuites");
    xml.into_text()
}

fn write_suite(xml: &mut Xml, suite: &Written) {
    let mut attributes = vec![("name", suite.name.clone())];
    attributes.extend(Counts::of(&suite.cases).attributes());
    attributes.extend([("time", seconds(suite.seconds)), ("timestamp", suite.started_at.clone())]);
    xml.open("testsuite", &attributes);
    xml.open("properties", &[]);
    for (name, value) in &suite.properties {
        xml.empty("property", &[("name", name.clone()), ("value", value.clone())]);
    }
    xml.close("properties");
    for case in &suite.cases {
        write_case(xml, case);
    }
    xml.close("testsuite");
}

fn write_case(xml: &mut Xml, case: &Case) {
    let attributes =
        [("name", case.name.clone()), ("classname", case.class.clone()), ("time", seconds(case.seconds))];
    let (element, why) = match &case.ending {
        Ending::Passed => {
            xml.empty("testcase", &attributes);
            return;
        }
        Ending::Failed(why) => ("failure", why),
        Ending::Error(why) => ("error", why),
        Ending::Skipped(why) => {
            xml.open("testcase", &attributes);
            xml.empty("skipped", &[("message", why.clone())]);
            xml.close("testcase");
            return;
        }
    };
    xml.open("testcase", &attributes);
    xml.text(element, &[("message", why.clone()), ("type", case.kind.to_owned())], &case.seen);
    xml.close("testcase");
}

/// Seconds with milliseconds, as the form wants them.
fn seconds(value: f64) -> String {
    format!("{:.3}", if value.is_finite() { value.max(0.0) } else { 0.0 })
}

#[cfg(test)]
mod tests;
