//! What was planned, and what it ran on.

use kubsets_delivery::{Action, OnInconclusive, Plan, WatchdogPolicy};
use kubsets_report::{Block, Section, Table, Unit};

use crate::report::CanaryRecord;
use crate::report::pieces;

pub(super) fn section(record: &CanaryRecord) -> Section {
    let plan = &record.plan;
    let blocks = vec![
        Block::Table(steps(plan)),
        Block::Table(changes(plan)),
        Block::Table(rules(plan)),
        Block::Table(objects(plan)),
    ];
    pieces::section("The plan", &format!("What can go wrong at most: {}.", plan.blast_radius.summary), blocks)
}

fn steps(plan: &Plan) -> Table {
    let heads = ["step", "pods", "canary requests/s", "requests to pass", "shortest", "at most"];
    let mut table = Table::with_heads("Steps", heads)
        .figures([1, 2, 3, 4, 5])
        .note("Requests to pass and shortest hold when none of them fails.");
    for step in &plan.steps {
        table.row([
            step.percent.to_string().into(),
            step.replicas.to_string().into(),
            Unit::Count.text(step.canary_rate).into(),
            Unit::Count.text(step.requests_to_pass as f64).into(),
            Unit::Seconds.text(step.seconds_to_pass).into(),
            Unit::Seconds.text(step.budget_seconds).into(),
        ]);
    }
    table
}

fn changes(plan: &Plan) -> Table {
    let mut table = Table::with_heads("What the new version changes", ["place", "before", "after"]);
    for line in &plan.diff {
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".into());
        table.row([line.path.clone().into(), text(&line.before).into(), text(&line.after).into()]);
    }
    table
}

fn rules(plan: &Plan) -> Table {
    let spec = &plan.spec;
    let judge = &spec.judge;
    let mut table = Table::facts("Rules");
    table.fact("error limit", judge.error_limit.to_string());
    table.fact("false alarm", format!("at most {} of runs", judge.false_alarm));
    table.fact("false pass of a step", format!("at most {}", judge.false_pass));
    let latency = if judge.latency {
        format!("judged; slower by less than {} is no matter", judge.latency_floor)
    } else {
        "not judged".into()
    };
    table.fact("latency", latency);
    table.fact("warm-up, settling, drain", format!("{}, {}, {}", spec.warm_up, spec.settle, spec.drain));
    let unsure = match spec.on_inconclusive {
        OnInconclusive::RollBack => "roll back",
        OnInconclusive::GoOn => "go on",
    };
    table.fact("without a verdict in time", unsure);
    let watchdog = match spec.watchdog {
        WatchdogPolicy::Required => "in the cluster",
        WatchdogPolicy::Off => "off",
    };
    table.fact("watchdog", watchdog);
    let expect = &plan.expectation;
    table.fact(
        "length",
        format!(
            "{} if all is well, at most {}",
            Unit::Seconds.text(expect.shortest_seconds),
            Unit::Seconds.text(expect.longest_seconds)
        ),
    );
    if let Some(seconds) = expect.detect_seconds {
        let requests = Unit::Requests.text(expect.bad_requests);
        table.fact(
            "5 % errors are caught",
            format!("in {} and {requests} as a rule (median)", Unit::Seconds.text(seconds)),
        );
    }
    table.fact("hash of the plan", plan.hash.chars().take(16).collect::<String>());
    table
}

fn objects(plan: &Plan) -> Table {
    let mut table =
        Table::with_heads("Objects in the order in which they are touched", ["object", "what happens"]);
    for one in &plan.objects {
        let action = match one.action {
            Action::CreateAndRemove => "created, removed at the end",
            Action::ChangeAndRestore => "changed, restored at the end",
            Action::ChangeOnPromotion => "changed on promotion only",
        };
        table.row([one.object.to_string().into(), action.into()]);
    }
    table
}

/// Versions and places.
pub(super) fn environment(record: &CanaryRecord) -> Section {
    let plan = &record.plan;
    let unknown = || "not on record".to_owned();
    let here = record.environment.as_ref();
    let mut versions = Table::facts("Versions");
    versions.fact("stable", record.stable_version().map_or_else(unknown, str::to_owned));
    versions.fact("canary", record.canary_version().map_or_else(unknown, str::to_owned));
    versions.fact("Kubernetes", here.and_then(|here| here.kubernetes.clone()).unwrap_or_else(unknown));
    versions.fact(
        "plugin",
        here.map_or_else(unknown, |here| format!("{} (commit {})", here.plugin, here.commit)),
    );
    let mut places = Table::facts("Places");
    if let Some(access) = &plan.access {
        places.fact("context", access.context.clone());
        places.fact("API server", access.server.clone());
    }
    places.fact("namespace", plan.namespace.clone());
    places.fact("Deployment, container", format!("{}, {}", plan.spec.deployment, plan.container));
    places.fact("traffic driver", plan.driver.clone());
    let host = plan.endpoint.host.as_ref().map(|host| format!(", host {host}")).unwrap_or_default();
    places.fact(
        "requests enter at",
        format!("{}{}{host} ({})", plan.endpoint.url, plan.spec.load.path, plan.endpoint.source),
    );
    let driver = here.map_or_else(unknown, |here| {
        let cores = here.processors.map(|cores| format!(", {cores} processors")).unwrap_or_default();
        format!("{}{cores}", here.platform)
    });
    places.fact("driven from", driver);
    let mut blocks = vec![Block::Table(versions), Block::Table(places)];
    blocks.extend(plan.warnings.iter().map(|warning| Block::Text(format!("Warning of the plan: {warning}"))));
    pieces::section("Versions and environment", "", blocks)
}
