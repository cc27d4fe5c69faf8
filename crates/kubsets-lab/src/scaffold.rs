//! The first text of a new lab: it runs against the demo stack as it is, and is then changed.

use thiserror::Error;

use crate::schema::FIRST_LINE;
use crate::source::LabSource;

/// Why a lab cannot get this name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is no name for a lab, write FAMILY/NAME with lower-case letters, digits and hyphens")]
pub struct NameError(String);

/// Texts of a new lab `FAMILY/NAME`: `lab.yaml` and `README.md`. They pass [`crate::lint()`].
///
/// # Errors
/// [`NameError`] when the name is not of the form `FAMILY/NAME`.
pub fn scaffold(full_name: &str) -> Result<LabSource, NameError> {
    let wrong = || NameError(full_name.to_owned());
    let (family, name) = full_name.split_once('/').ok_or_else(wrong)?;
    let is_name = crate::lint::is_dns_label;
    if !is_name(family) || !is_name(name) || full_name.len() > 63 {
        return Err(wrong());
    }
    let fill = |text: &str| {
        text.replace("<first line>", FIRST_LINE).replace("<family>", family).replace("<name>", name)
    };
    Ok(LabSource {
        folder: full_name.to_owned(),
        lab_yaml: fill(LAB),
        files: [("README.md".to_owned(), fill(README))].into(),
    })
}

const LAB: &str = "\
<first line>
apiVersion: kubsets.dev/v1alpha1
kind: Lab
# level: 1 easy to 3 hard; minutes: what it takes as a rule
metadata: {name: <name>, family: <family>, level: 1, minutes: 1}
spec:
  # One question that the verdict answers.
  question: Does the demo app answer every request for half a minute?
  # Without one of these the lab is skipped and says how to get it.
  requires:
    - deployment: demo-app
  # Set with --set NAME=VALUE; ${rate} in this file, params.rate in expressions.
  params:
    rate: {type: number, default: 50, about: Requests per second}
  # Looked at before the first step and again after everything was undone.
  steadyState:
    - name: the demo app answers
      http: {path: /api/info}
      that: result.status == 200
  # Each step does exactly one thing. What it changes is undone at the end, in reverse order.
  steps:
    - name: traffic
      as: traffic
      load: {path: /api/info, rate: \"${rate}\", for: 30s}
  # Expressions in CEL over what steps bound with `as`. None should hold when nothing was seen.
  expect:
    - name: every request is answered
      that: traffic.planned > 0 && traffic.ok == traffic.planned
  # Collected when the lab fails, before the undo.
  onFailure:
    - events: {}
    - logs: {selector: app.kubernetes.io/name=demo-app}
";

const README: &str = "\
# <family>/<name>

Does the demo app answer every request for half a minute?

```
kubectl kubsets lab run <family>/<name>
```

## What happens
1. The demo app is asked once through the gateway.
2. 50 requests per second go through the gateway for 30 seconds.

## What to look at
- `ok` against `planned`: each request that came due has to get a good answer.

## Expected
Passed, exit code 0, after about half a minute.

## Try
- `--set rate=200`: four times the traffic.
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Plan;
    use crate::template::Values;

    #[test]
    fn a_new_lab_is_valid_as_it_is() {
        let source = scaffold("chaos/pod-kill").unwrap();
        assert_eq!(crate::lint(&source, &Values::new()), []);
        let plan = Plan::new(&source, &Values::new()).unwrap();
        assert_eq!((plan.lab.as_str(), plan.steps.len(), plan.requests), ("chaos/pod-kill", 1, 1500));
    }

    #[test]
    fn wrong_names_are_refused() {
        for name in ["pod-kill", "a/b/c", "A/b", "a/", "/b", "a/b c", &format!("a/{}", "b".repeat(63))] {
            assert!(scaffold(name).is_err(), "{name}");
        }
    }
}
