//! `lab plan`: exactly what a run would do.

use kubsets_lab::LabSource;
use kubsets_lab::lint::{Finding, Severity, lint};
use kubsets_lab::operation::Operation;
use kubsets_lab::plan::{Plan, PlannedStep};

use super::catalog;
use super::plan_file::Written;
use crate::app::App;
use crate::ui::{ExitCode, Failure, Format, Style, Table, Tone};

/// Values for parameters.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Values {
    /// Value of one of the lab's parameters
    #[arg(long, value_name = "NAME=VALUE", value_parser = crate::cli::values::parse_assignment)]
    set: Vec<(String, String)>,
}

/// Arguments of `lab plan`.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    #[command(flatten)]
    choice: catalog::Choice,

    #[command(flatten)]
    values: Values,
}

/// The plans of a lab, one for each combination of its matrix.
///
/// # Errors
/// When the lab or a value is not valid, `lab lint` refuses the lab with these values, or a step of a canary cannot pass
/// in its time.
pub(super) fn make(source: &LabSource, values: &Values) -> anyhow::Result<Vec<Plan>> {
    let given: kubsets_lab::Values = values.set.iter().cloned().collect();
    let lab = source.parse(&given)?;
    let mut plans = Vec::new();
    for variant in lab.variants(&given)? {
        must_be_sound(source, &variant)?;
        let plan = Plan::new(source, &variant)?;
        for step in &plan.steps {
            if let Operation::Canary(spec) = &step.operation {
                kubsets_delivery::check_steps(spec)?;
            }
        }
        plans.push(plan);
    }
    Ok(plans)
}

/// Refuses what `lab lint` calls an error.
pub(in crate::commands) fn must_be_sound(
    source: &LabSource,
    values: &kubsets_lab::Values,
) -> anyhow::Result<()> {
    let findings = lint(source, values);
    let errors: Vec<&Finding> =
        findings.iter().filter(|finding| finding.severity == Severity::Error).collect();
    let Some(first) = errors.first() else { return Ok(()) };
    let more = match errors.len() {
        1 => String::new(),
        count => format!(", and {} more", count - 1),
    };
    Err(Failure::usage(format!("{}: {first}{more}", source.folder))
        .with_hint(format!("`kubectl kubsets lab lint {}` says all", source.folder))
        .into())
}

/// Prints the plan; nothing is changed, no cluster is needed.
pub(super) fn run(app: &App, family: Option<&str>, args: &Args) -> anyhow::Result<ExitCode> {
    show(app, &make(&catalog::find(family, &args.choice)?, &args.values)?)
}

/// Prints plans: for people without secrets, for a file with everything that a run needs.
pub(super) fn show(app: &App, plans: &[Plan]) -> anyhow::Result<ExitCode> {
    for plan in plans {
        if app.ui.format() != Format::Table && plan.holds_secrets() {
            app.ui.warn("this plan holds secret values: keep it to yourself");
        }
        app.ui
            .emit("LabPlan", &Written::new(plan), |style| plan.untold().hidden_in(&describe(plan, style)))?;
    }
    Ok(ExitCode::Success)
}

/// A plan in one line.
pub(super) fn sentence(plan: &Plan) -> String {
    plan.untold().hidden_in(&format!(
        "{}: about {:.0} s, at most {:.0} s; {}",
        plan.lab, plan.usual_seconds, plan.longest_seconds, plan.blast_radius.summary
    ))
}

fn describe(plan: &Plan, style: Style) -> String {
    let mut text = format!("{}\n{}\n", style.paint(Tone::Strong, &sentence(plan)), plan.question.trim());
    let mut section = |title: &str, body: String| {
        if !body.is_empty() {
            append!(text, "\n{}\n{body}", style.paint(Tone::Strong, title));
        }
    };
    section("Needs", list(plan.requires.iter().map(ToString::to_string)));
    section("Steady state, before and after", steps(&plan.steady_state, style));
    section("Steps", steps(&plan.steps, style));
    let changes = plan.blast_radius.changes.iter();
    section("Changes", list(changes.map(|change| format!("{} {}", change.verb.word(), change.target))));
    section("What should come out", list(plan.expect.iter().map(|one| one.name.clone())));
    append!(text, "\n  {} requests, plan {}\n", plan.requests, &plan.hash[..12]);
    text
}

/// Lines of a section.
fn list(lines: impl Iterator<Item = String>) -> String {
    let mut text = String::new();
    for line in lines {
        append!(text, "  {line}\n");
    }
    text
}

fn steps(steps: &[PlannedStep], style: Style) -> String {
    let mut table = Table::new(["", "STEP", "OPERATION", "AT MOST", "CHANGES"]).indent(2).right([0, 3]);
    for step in steps {
        let changes: Vec<String> = step.changes.iter().map(|change| change.target.clone()).collect();
        table.row([
            (step.index + 1).to_string().into(),
            step.name.clone().into(),
            step.operation.kind().into(),
            step.timeout.to_string().into(),
            changes.join(", ").into(),
        ]);
    }
    if steps.is_empty() { String::new() } else { table.render(style) }
}
