//! What the engine itself costs: a plan of many steps on a stage that answers at once, with its record on
//! disk. `cargo run --release -p kubsets-engine --example overhead [STEPS]`

use std::time::Instant;

use kubsets_engine::{Comparison, LabEvents, Need, Setting, Stage, StepError};
use kubsets_lab::plan::PlannedStep;
use kubsets_lab::{Bindings, FailureEvidence, LabSource, Operation, Plan, Requirement, Values};
use kubsets_undo::{LockState, RunId, StateDir};
use serde_json::{Value, json};
use tokio::sync::mpsc::unbounded_channel;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// A stage on which nothing takes time.
struct Idle;

impl Stage for Idle {
    async fn check(&self, _: &Requirement) -> Result<Need, StepError> {
        Ok(Need { met: true, need: String::new(), detail: String::new() })
    }

    fn lacks(&self, _: &Operation) -> Option<String> {
        None
    }

    async fn begin(&self) -> Result<Option<watch::Receiver<LockState>>, StepError> {
        Ok(None)
    }

    async fn perform(&self, step: &PlannedStep, _: &Bindings) -> Result<Value, StepError> {
        Ok(json!({"status": 200, "step": step.index}))
    }

    async fn settle(&self) {}

    async fn collect(&self, _: &FailureEvidence) -> (String, String) {
        (String::new(), String::new())
    }

    async fn undo(&self) -> Result<Vec<Comparison>, StepError> {
        Ok(Vec::new())
    }
}

/// A lab whose steps ask, bind what they got and check it.
fn lab(steps: usize) -> LabSource {
    let steps: Vec<Value> = (0..steps)
        .map(|index| {
            json!({
                "name": format!("step {index}"), "as": format!("answer{index}"),
                "http": {"path": "/"}, "that": "result.status == 200",
            })
        })
        .collect();
    let lab = json!({
        "apiVersion": "kubsets.dev/v1alpha1", "kind": "Lab",
        "metadata": {"name": "overhead", "family": "demo", "level": 1, "minutes": 1},
        "spec": {
            "question": "What does the engine cost?", "steps": steps,
            "expect": [{"name": "all are answered", "that": "answer0.status == 200"}],
        },
    });
    LabSource { lab_yaml: lab.to_string(), ..LabSource::default() }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let steps: usize = std::env::args().nth(1).map_or(Ok(1000), |count| count.parse())?;
    let folder = tempfile::tempdir()?;
    let state = StateDir::at(folder.path());
    let began = Instant::now();
    let plan = Plan::new(&lab(steps), &Values::new())?;
    let planned = began.elapsed();
    let (listener, mut events) = unbounded_channel();
    let cancel = CancellationToken::new();
    let setting = Setting {
        run: RunId::generate(),
        namespace: "demo".into(),
        state: &state,
        listener,
        cancel: &cancel,
        presenter: None,
        repeat_command: String::new(),
    };
    let began = Instant::now();
    let outcome = kubsets_engine::run(&plan, setting, |_: LabEvents| Idle).await;
    let ran = began.elapsed();
    let told = std::iter::from_fn(|| events.try_recv().ok()).count();
    let line = format!(
        "{} steps: planned in {:.0} ms, run and recorded in {:.0} ms, {told} events, {:?}\n",
        outcome.steps.len(),
        planned.as_secs_f64() * 1000.0,
        ran.as_secs_f64() * 1000.0,
        outcome.verdict
    );
    std::io::Write::write_all(&mut std::io::stdout(), line.as_bytes())?;
    Ok(())
}
