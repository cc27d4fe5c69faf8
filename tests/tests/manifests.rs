//! The manifests of the demo stack and of the platform, checked without a cluster.
//!
//! `kubectl` renders k8s/, `helm` renders helm/kubsets (found by `KUBSETS_HELM`, else on PATH). Both have to give
//! the same objects, and every object has to keep the rules that a reader of the contract relies on.

#[path = "manifests/chart.rs"]
mod chart;
#[path = "manifests/compare.rs"]
mod compare;
#[path = "manifests/costs.rs"]
mod costs;
#[path = "manifests/platform.rs"]
mod platform;
#[path = "manifests/render.rs"]
mod render;
#[path = "manifests/rules.rs"]
mod rules;
#[path = "manifests/stack.rs"]
mod stack;
#[path = "manifests/typed.rs"]
mod typed;
