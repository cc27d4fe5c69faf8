//! `canary plan`: exactly what a run would do.

use kubsets_delivery::{Action, Plan, PlanError, plan};
use kubsets_kube::Access;

use super::release::Release;
use crate::app::App;
use crate::entrance::{self, Entrance};
use crate::ui::{ExitCode, Style, Table, Tone};

/// Prints the plan; nothing is changed.
pub(super) async fn run(app: &App, release: &Release) -> anyhow::Result<ExitCode> {
    let (_, plan, _) = make(app, release).await?;
    let shown = plan.without_secrets();
    app.ui.emit("CanaryPlan", &shown, |style| describe(&shown, style))?;
    Ok(ExitCode::Success)
}

/// The cluster, the plan for it, and what keeps a forwarded port open.
///
/// # Errors
/// When the release is not one, there is no cluster, or the canary cannot work there.
pub(super) async fn make(app: &App, release: &Release) -> anyhow::Result<(Access, Plan, Option<Entrance>)> {
    let lab = release.lab()?;
    let spec = release.spec(lab.as_ref())?;
    let access = app.stack_access().await?;
    let access = match &spec.namespace {
        Some(namespace) if app.global.namespace.is_none() => access.with_namespace(namespace),
        _ => access,
    };
    access.permit_namespace(access.namespace()).await?;
    app.ui.detail("reading the cluster and making the plan");
    let refused = match plan(&access, spec.clone()).await {
        Ok(plan) => return Ok((access, plan, None)),
        Err(refused) => refused,
    };
    if !matches!(refused, PlanError::NoEndpoint { .. }) {
        return Err(refused.into());
    }
    // Node ports of merged gateways and forwarded ports are found here only.
    let Ok(entrance) = entrance::find_gateway(&app.ui, &access).await else { return Err(refused.into()) };
    let mut spec = spec;
    spec.load.url = Some(entrance.url.clone());
    let mut plan = plan(&access, spec).await?;
    entrance.how.clone_into(&mut plan.endpoint.source);
    Ok((access, plan, Some(entrance)))
}

/// The plan for people.
fn describe(plan: &Plan, style: Style) -> String {
    let mut text = String::new();
    if let Some(facts) = &plan.access {
        append!(text, "{facts}\n");
    }
    let versions =
        (plan.stable_version.as_deref().unwrap_or("?"), plan.canary_version.as_deref().unwrap_or("?"));
    append!(
        text,
        "Deployment {} ({} {} {}), {} requests/s through {} ({})\n",
        style.paint(Tone::Strong, &plan.spec.deployment),
        versions.0,
        style.arrow(),
        versions.1,
        plan.spec.load.rate,
        style.paint(Tone::Hint, &plan.endpoint.url),
        plan.endpoint.source,
    );

    title(&mut text, "What changes in the pods", style);
    for line in &plan.diff {
        let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "(none)".to_owned());
        append!(text, "  {}: {} {} {}\n", line.path, value(&line.before), style.arrow(), value(&line.after));
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
    append!(
        text,
        "  promoted after {:.0} s if no request fails, over after {:.0} s whatever happens\n",
        expect.shortest_seconds,
        expect.longest_seconds
    );
    if let Some(seconds) = expect.detect_seconds {
        append!(
            text,
            "  a version with 5 % errors is caught {seconds:.0} s after the first shift, at {:.0} failed requests\n",
            expect.bad_requests
        );
    }
    append!(text, "  a good version is rolled back in at most {} % of runs\n", expect.false_alarm * 100.0);
    append!(text, "  {}\n", plan.blast_radius.summary);

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
        append!(text, "{} {warning}\n", style.paint(Tone::Warn, "warning:"));
    }
    append!(text, "plan {}\n", style.paint(Tone::Dim, &plan.hash));
    text
}

fn title(text: &mut String, title: &str, style: Style) {
    append!(text, "\n{}\n", style.paint(Tone::Strong, title));
}
