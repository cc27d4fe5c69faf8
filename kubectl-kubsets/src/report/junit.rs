//! Lab runs as `JUnit` XML, for machines that show the results of tests: one test suite for each run, a test case
//! for each probe of the steady state, step, expectation, and for the undo.

mod case;
mod xml;

use kubsets_engine::Outcome;
use kubsets_lab::Plan;

use case::{Case, Ending, cases};
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

/// Runs as one document. Times are in seconds; the same runs give the same bytes.
pub(crate) fn document(suites: &[Suite]) -> String {
    let listed: Vec<(&Suite, Vec<Case>)> =
        suites.iter().map(|suite| (suite, cases(&suite.plan, &suite.outcome))).collect();
    let mut xml = Xml::document();
    let mut attributes = vec![("name", "kubsets".to_owned())];
    attributes.extend(Counts::of(listed.iter().flat_map(|(_, cases)| cases)).attributes());
    attributes.push(("time", seconds(suites.iter().map(|suite| suite.outcome.seconds).sum())));
    xml.open("testsuites", &attributes);
    for (suite, cases) in &listed {
        write_suite(&mut xml, suite, cases);
    }
    xml.close("testsuites");
    xml.into_text()
}

fn write_suite(xml: &mut Xml, suite: &Suite, cases: &[Case]) {
    let outcome = &suite.outcome;
    let mut attributes = vec![("name", outcome.lab.clone())];
    attributes.extend(Counts::of(cases).attributes());
    attributes.extend([("time", seconds(outcome.seconds)), ("timestamp", suite.started_at.clone())]);
    xml.open("testsuite", &attributes);
    xml.open("properties", &[]);
    let mut property =
        |name: &str, value: &str| xml.empty("property", &[("name", name.into()), ("value", value.into())]);
    property("run", &outcome.run);
    property("namespace", &outcome.namespace);
    property("verdict", outcome.verdict.word());
    property("reason", &outcome.reason);
    property("repeat", &outcome.repeat_command);
    for (name, value) in &outcome.params {
        property(&format!("param.{name}"), value);
    }
    xml.close("properties");
    for case in cases {
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
