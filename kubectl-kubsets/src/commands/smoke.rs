//! `smoke`: one order all the way through the stack, as a timeline with times.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use http::Method;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::cli::values::{parse_base_url, parse_duration};
use crate::entrance::{self, Entrance, Through};
use crate::http::Http;
use crate::ui::{ExitCode, Failure, Style, Table, Tone, millis};

/// Time between two looks at the order.
const PERIOD: Duration = Duration::from_millis(50);

/// Arguments of `smoke`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Address of the stack instead of the one found at the gateway
    #[arg(long, value_name = "URL", value_parser = parse_base_url, value_hint = clap::ValueHint::Url)]
    url: Option<String>,

    /// Go around the gateway, straight to the Service of the stack
    #[arg(long, conflicts_with = "url")]
    direct: bool,

    /// How long the order may take to be fulfilled
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "30s")]
    timeout: Duration,
}

/// An order as the API shows it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all(serialize = "camelCase"))]
struct Order {
    id: String,
    state: String,
    #[serde(default)]
    item: Option<String>,
    #[serde(default)]
    quantity: Option<u32>,
    #[serde(default)]
    version: Option<String>,
    #[serde(default)]
    trace_id: Option<String>,
    #[serde(default)]
    created_at: Option<jiff::Timestamp>,
    #[serde(default)]
    published_at: Option<jiff::Timestamp>,
    #[serde(default)]
    fulfilled_at: Option<jiff::Timestamp>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Smoke {
    passed: bool,
    /// What happened, in a sentence.
    summary: String,
    url: String,
    /// How the address was found.
    route: String,
    through: Through,
    order: Option<Order>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pod: Option<String>,
    events: Vec<Moment>,
}

/// One point of the timeline.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Moment {
    /// Milliseconds since the request was sent.
    at_ms: f64,
    /// Placed by the stack's own clock, whose distance to ours is not known.
    estimated: bool,
    what: &'static str,
    detail: String,
}

/// Sends one order and follows it. Exit code: 0 fulfilled, 1 not, 5 no cluster or no way in.
///
/// # Errors
/// When there is no cluster, or nothing answers.
pub(crate) async fn run(app: &App, args: Args) -> anyhow::Result<ExitCode> {
    let way = way(app, &args).await?;
    app.ui.detail(format!("sending one order to {} ({})", way.url, way.how));
    let smoke = follow(&way, args.timeout).await?;
    app.ui.emit("Smoke", &smoke, |style| render(&smoke, style))?;
    if smoke.passed {
        return Ok(ExitCode::Success);
    }
    app.ui.hint("`kubectl kubsets status` says what is wrong and where to look first");
    Ok(ExitCode::VerdictFailed)
}

/// The way in that was asked for. A stack whose gateway is down has not passed, whatever its Service says.
async fn way(app: &App, args: &Args) -> anyhow::Result<Entrance> {
    if let Some(url) = &args.url {
        return Ok(entrance::given(url));
    }
    let access = app.stack_access().await?;
    if args.direct {
        return entrance::find_service(&access).await;
    }
    entrance::find_gateway(&app.ui, &access).await.map_err(no_gateway)
}

fn no_gateway(error: anyhow::Error) -> anyhow::Error {
    Failure::new(ExitCode::Cluster, "the gateway does not let the order in")
        .because(error)
        .with_hint("`kubectl kubsets status` says what is wrong; --direct goes around the gateway")
        .into()
}

async fn follow(way: &Entrance, timeout: Duration) -> anyhow::Result<Smoke> {
    let url = &way.url;
    let http = Http::new();
    let sent = Instant::now();
    let since = || sent.elapsed().as_secs_f64() * 1000.0;
    let mut smoke = Smoke {
        passed: false,
        summary: String::new(),
        url: url.clone(),
        route: way.how.clone(),
        through: way.through,
        order: None,
        pod: None,
        events: vec![Moment::seen(0.0, "sent", "POST /orders".to_owned())],
    };
    let body = r#"{"item":"smoke","quantity":1}"#.to_owned();
    let answer = http.send(Method::POST, &format!("{url}/orders"), Some(body)).await.map_err(|error| {
        Failure::new(ExitCode::Cluster, "the stack does not answer")
            .because(error)
            .with_hint("`kubectl kubsets status` says what is wrong; is the address right?")
    })?;
    smoke.pod = answer.headers.get("x-kubsets-pod").and_then(|value| value.to_str().ok()).map(str::to_owned);
    if !answer.status.is_success() {
        let text = answer.body.chars().take(200).collect::<String>();
        smoke.summary =
            format!("the order was refused with status {}: {}", answer.status.as_u16(), text.trim());
        return Ok(smoke);
    }
    let order: Order =
        serde_json::from_str(&answer.body).context("the answer to POST /orders is not an order")?;
    let by = smoke.pod.clone().unwrap_or_else(|| "demo-app".to_owned());
    let trace = order.trace_id.as_ref().map(|id| format!(", trace {id}")).unwrap_or_default();
    let detail = format!("by {by}, order {}{trace}", order.id);
    smoke.events.push(Moment::seen(since(), "accepted", detail));

    let link = format!("{url}/orders/{}", order.id);
    let mut seen = order;
    while sent.elapsed() < timeout && !matches!(seen.state.as_str(), "fulfilled" | "dead") {
        tokio::time::sleep(PERIOD).await;
        // A pod that is just going away is no reason to give up.
        if let Ok(answer) = http.send(Method::GET, &link, None).await
            && let Ok(order) = serde_json::from_str(&answer.body)
        {
            seen = order;
        }
    }
    finish(&mut smoke, seen, since());
    Ok(smoke)
}

impl Moment {
    /// What happened here, at a time of our own clock.
    fn seen(at_ms: f64, what: &'static str, detail: String) -> Self {
        Self { at_ms, estimated: false, what, detail }
    }
}

/// Adds what the server's own times say, and the verdict.
fn finish(smoke: &mut Smoke, order: Order, elapsed_ms: f64) {
    // The server's clock may differ from ours: it made the order between our sending and its answer, so half of
    // that is a guess.
    let made_ms = smoke.events.last().map_or(0.0, |moment| moment.at_ms) / 2.0;
    let mut add = |time: Option<jiff::Timestamp>, what: &'static str, detail: &str| {
        let span = time.zip(order.created_at).map(|(time, made)| time.duration_since(made).as_secs_f64());
        let at_ms = span.map(|span| (made_ms + span * 1000.0).min(elapsed_ms));
        smoke.events.push(Moment {
            at_ms: at_ms.unwrap_or(elapsed_ms),
            estimated: at_ms.is_some(),
            what,
            detail: detail.to_owned(),
        });
    };
    if order.published_at.is_some() {
        add(order.published_at, "published", "from the outbox to the topic orders");
    }
    if order.state == "fulfilled" {
        add(order.fulfilled_at, "fulfilled", "by the worker");
    }
    smoke.events.sort_by(|a, b| a.at_ms.total_cmp(&b.at_ms));
    if order.state == "fulfilled" {
        smoke.events.push(Moment::seen(elapsed_ms, "seen", "fulfilled, through the API".to_owned()));
    }
    smoke.passed = order.state == "fulfilled";
    smoke.summary = match order.state.as_str() {
        "fulfilled" => format!("fulfilled within {}", millis(elapsed_ms)),
        "dead" => {
            "the worker gave the order up: it is in the topic orders.dlq, see the worker's log".to_owned()
        }
        _ if order.published_at.is_some() => {
            format!("published, but not fulfilled after {}: look at the worker", millis(elapsed_ms))
        }
        _ => format!(
            "accepted, but not published after {}: look at Kafka and the relay in demo-app",
            millis(elapsed_ms)
        ),
    };
    smoke.order = Some(order);
}

fn render(smoke: &Smoke, style: Style) -> String {
    let mut text = format!("one order through {} ({})\n", style.paint(Tone::Hint, &smoke.url), smoke.route);
    let mut table = Table::new([]).right([0]).indent(2);
    for moment in &smoke.events {
        let sign = if moment.estimated { '~' } else { '+' };
        table.row([
            format!("{sign}{}", millis(moment.at_ms)).into(),
            moment.what.into(),
            moment.detail.clone().into(),
        ]);
    }
    text.push_str(&table.render(style));
    if smoke.events.iter().any(|moment| moment.estimated) {
        append!(text, "  ~ by the stack's own clock, set to half the time of the first answer\n");
    }
    let (tone, word) = if smoke.passed { (Tone::Good, "passed") } else { (Tone::Bad, "FAILED") };
    append!(text, "{} {}: {}\n", style.icon(tone), style.paint(tone, word), smoke.summary);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begun() -> Smoke {
        Smoke {
            passed: false,
            summary: String::new(),
            url: "http://127.0.0.1:30080".into(),
            route: "given with --url".into(),
            through: Through::Url,
            order: None,
            pod: Some("demo-app-1".into()),
            events: vec![
                Moment::seen(0.0, "sent", "POST /orders".into()),
                Moment::seen(12.0, "accepted", "by demo-app-1, order 7".into()),
            ],
        }
    }

    fn order(state: &str, published: Option<&str>, fulfilled: Option<&str>) -> Order {
        serde_json::from_value(serde_json::json!({
            "id": "7", "state": state, "created_at": "2026-01-01T00:00:00Z",
            "published_at": published, "fulfilled_at": fulfilled}))
        .expect("is an order")
    }

    #[test]
    fn a_fulfilled_order_is_a_timeline() {
        let mut smoke = begun();
        let order = order("fulfilled", Some("2026-01-01T00:00:00.080Z"), Some("2026-01-01T00:00:00.140Z"));
        finish(&mut smoke, order, 200.0);
        assert!(smoke.passed);
        let expected = "\
one order through http://127.0.0.1:30080 (given with --url)
  +0.00 ms  sent       POST /orders
  +12.0 ms  accepted   by demo-app-1, order 7
  ~86.0 ms  published  from the outbox to the topic orders
   ~146 ms  fulfilled  by the worker
   +200 ms  seen       fulfilled, through the API
  ~ by the stack's own clock, set to half the time of the first answer
ok passed: fulfilled within 200 ms
";
        assert_eq!(render(&smoke, Style::PLAIN), expected);
    }

    #[test]
    fn times_of_another_clock_are_marked_and_the_way_is_named() {
        let mut smoke = begun();
        let order = order("fulfilled", Some("2026-01-01T00:00:00.080Z"), Some("2026-01-01T00:00:00.140Z"));
        finish(&mut smoke, order, 200.0);
        let report = serde_json::to_value(&smoke).expect("is JSON");
        assert_eq!(report["through"], "url");
        let estimated: Vec<_> = smoke.events.iter().map(|one| (one.what, one.estimated)).collect();
        let expected =
            [("sent", false), ("accepted", false), ("published", true), ("fulfilled", true), ("seen", false)];
        assert_eq!(estimated, expected);
    }

    #[test]
    fn an_order_that_hangs_says_where() {
        let mut smoke = begun();
        finish(&mut smoke, order("accepted", None, None), 30_000.0);
        assert!(!smoke.passed && smoke.summary.contains("not published"), "{}", smoke.summary);
        let mut smoke = begun();
        finish(&mut smoke, order("accepted", Some("2026-01-01T00:00:00.080Z"), None), 30_000.0);
        assert!(smoke.summary.contains("look at the worker"), "{}", smoke.summary);
    }
}
