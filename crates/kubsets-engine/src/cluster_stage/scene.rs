//! A stage on an API server in memory, for tests.

use std::sync::Arc;

use kubsets_lab::{LabSource, Plan, Values};
use kubsets_undo::{Claim, FakeApi, Keeper, RunId, Silent, StateDir};
use tokio::sync::mpsc::unbounded_channel;
use tokio_util::sync::CancellationToken;

use super::{ClusterStage, World};
use crate::event::LabEvents;

const LAB: &str = "\
apiVersion: kubsets.dev/v1alpha1
kind: Lab
metadata: {name: x, family: demo, level: 1, minutes: 1}
spec:
  question: Does it come back?
  steps:
    - {name: a pause, pause: {message: x}}
  expect:
    - {name: it does, that: 1 < 2}
";

/// What a stage stands on.
pub(super) struct Scene {
    pub(super) api: FakeApi,
    pub(super) run: RunId,
    plan: Plan,
    state: StateDir,
    _folder: tempfile::TempDir,
}

impl Scene {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let source = LabSource { lab_yaml: LAB.to_owned(), ..LabSource::default() };
        Self {
            api: FakeApi::default(),
            plan: Plan::new(&source, &Values::new()).unwrap(),
            state: StateDir::at(folder.path()),
            run: RunId::generate(),
            _folder: folder,
        }
    }

    /// A stage that has its Lease and an open journal.
    pub(super) async fn stage(&self) -> ClusterStage<'_> {
        let (sender, _) = unbounded_channel();
        let access = self.api.access();
        let claim = Claim::lab(self.run.clone(), &self.plan.lab, "shop");
        let keeper = Keeper::begin(&access, &self.state, claim, Arc::new(Silent)).await.unwrap();
        let world = World {
            access,
            gateway: Ok("http://gateway".into()),
            run: self.run.clone(),
            plan: &self.plan,
            state: &self.state,
            cancel: CancellationToken::new(),
            release: None,
            presented: false,
            prometheus: None,
        };
        let stage = ClusterStage::new(world, LabEvents::new(sender));
        *stage.keeper.lock().await = Some(keeper);
        stage
    }
}
