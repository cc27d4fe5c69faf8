//! `canary plan`: exactly what a run would do.

use kubsets_delivery::{Action, Plan, plan};
use kubsets_kube::Access;

use super::release::Release;
use crate::app::App;
use crate::ui::{ExitCode, Style, Table, Tone};

/// Prints the plan; nothing is changed.
pub(super) async fn run(app: &App, release: &Release) -> anyhow::Result<ExitCode> {
    let (_, plan) = make(app, release).await?;
    app.ui.emit("CanaryPlan", &plan, |style| describe(&plan, style))?;
    Ok(ExitCode::Success)
}

/// The cluster and the plan for it.
///
/// # Errors
/// When the release is not one, there is no cluster, or the canary cannot work there.
pub(super) async fn make(app: &App, release: &Release) -> anyhow::Result<(Access, Plan)> {
    let lab = release.lab()?;
    let spec = release.spec(lab.as_ref())?;
    let access = app.stack_access().await?;
    let access = match &spec.namespace {
        Some(namespace) if app.global.namespace.is_none() => access.with_namespace(namespace),
        _ => access,
    };
    app.ui.detail("reading the cluster and making the plan");
    let plan = plan(&access, spec).await?;
    Ok((access, plan))
}

/// The plan for people.
fn describe(plan: &Plan, style: Style) -> String {
    let mut text = String::new();
    if let Some(facts) = &plan.access {
        text.push_str(&format!("{facts}\n"));
    }
    let versions =
        (plan.stable_version.as_deref().unwrap_or("?"), plan.canary_version.as_deref().unwrap_or("?"));
    text.push_str(&format!(
        "Deployment {} ({} {} {}), {} requests/s through {} ({})\n",
        style.paint(Tone::Strong, &plan.spec.deployment),
        versions.0,
        style.arrow(),
        versions.1,
        plan.spec.load.rate,
        style.paint(Tone::Hint, &plan.endpoint.url),
        plan.endpoint.source,
    ));

    title(&mut text, "What changes in the pods", style);
    for line in &plan.diff {
        let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "(none)".to_owned());
        text.push_str(&format!(
            "  {}: {} {} {}\n",
            line.path,
            value(&line.before),
            style.arrow(),
            value(&line.after)
        ));
    }

    title(&mut text, "Steps", style);
    let heads = ["SHARE", "PODS", "CANARY REQ/S", "REQUESTS TO PASS", "TAKES AT LEAST", "AT MOST"];
    let mut steps = Table::new(heads).right(0..6).indent(2);
    for step in &plan.steps {
        steps.row([
            format!("{} %", step.percent.value()).into(),
            step.replicas.to_string().into(),
            format!("{:.1}", step.canary_rate).into(),
            step.requests_to_pass.to_string().into(),
            format!("{:.0} s", step.seconds_to_pass).into(),
            format!("{:.0} s", step.budget_seconds).into(),
        ]);
    }
    text.push_str(&steps.render(style));

    title(&mut text, "What to expect", style);
    let expect = &plan.expectation;
    text.push_str(&format!(
        "  promoted after {:.0} s if no request fails, over after {:.0} s whatever happens\n",
        expect.shortest_seconds, expect.longest_seconds
    ));
    if let Some(seconds) = expect.detect_seconds {
        text.push_str(&format!(
            "  a version with 5 % errors is caught {seconds:.0} s after the first shift, at {:.0} failed requests\n",
            expect.bad_requests
        ));
    }
    text.push_str(&format!(
        "  a good version is rolled back in at most {} % of runs\n",
        expect.false_alarm * 100.0
    ));
    text.push_str(&format!("  {}\n", plan.blast_radius.summary));

    title(&mut text, "Objects", style);
    let mut objects = Table::new([]).indent(2);
    for planned in &plan.objects {
        let action = match planned.action {
            Action::CreateAndRemove => "made, removed at the end",
            Action::ChangeAndRestore => "changed, as before at the end",
            Action::ChangeOnPromotion => "changed on promotion only",
        };
        objects.row([planned.object.to_string().into(), action.into()]);
    }
    text.push_str(&objects.render(style));
    for warning in &plan.warnings {
        text.push_str(&format!("{} {warning}\n", style.paint(Tone::Warn, "warning:")));
    }
    text.push_str(&format!("plan {}\n", style.paint(Tone::Dim, &plan.hash)));
    text
}

fn title(text: &mut String, title: &str, style: Style) {
    text.push_str(&format!("\n{}\n", style.paint(Tone::Strong, title)));
}
