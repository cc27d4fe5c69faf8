//! Why a plan is refused, with what to do about it.

use kubsets_kube::{ApiError, Hint};
use thiserror::Error;

use crate::route::RouteError;

/// Why a canary cannot be planned. Nothing was changed.
#[derive(Debug, Error)]
pub enum PlanError {
    /// The cluster cannot be read.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// A field of the specification is wrong.
    #[error("{field}: {reason}")]
    Field {
        /// Name of the field.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The warm-up is too short to learn stable's latency from.
    #[error("warmUp: {seconds} s at {rate} requests/s give {:.0} requests, but {needed} are needed to know stable's latency", .rate * .seconds)]
    ShortWarmUp {
        /// Requests per second.
        rate: f64,
        /// Length of the warm-up.
        seconds: f64,
        /// Requests that it must give.
        needed: u64,
    },
    /// The Deployment does not exist.
    #[error("no Deployment {name:?} in namespace {namespace}")]
    NoDeployment {
        /// Name asked for.
        name: String,
        /// The namespace.
        namespace: String,
        /// Similar names, or all when none is similar.
        nearest: Vec<String>,
    },
    /// The Deployment does not run well by itself.
    #[error("Deployment {name} is not healthy: {state}")]
    NotHealthy {
        /// Name of the Deployment.
        name: String,
        /// Its state in words.
        state: String,
    },
    /// Nothing of the Gateway API is installed.
    #[error("the cluster has no Gateway API (no HTTPRoute in gateway.networking.k8s.io/v1)")]
    NoGatewayApi,
    /// The route does not exist.
    #[error("no HTTPRoute {name:?} in namespace {namespace}")]
    NoRoute {
        /// Name asked for.
        name: String,
        /// The namespace.
        namespace: String,
        /// Similar names, or all when none is similar.
        nearest: Vec<String>,
    },
    /// The route cannot carry a canary.
    #[error("HTTPRoute {route} cannot carry the canary: {source}")]
    Route {
        /// Name of the route.
        route: String,
        /// Why.
        source: RouteError,
    },
    /// No label tells stable and canary pods apart.
    #[error("Deployment {0} and its Service share no label in their selectors")]
    NoCommonLabel(String),
    /// The named container does not exist.
    #[error("no container {name:?} in Deployment {deployment}")]
    NoContainer {
        /// Name asked for.
        name: String,
        /// The Deployment.
        deployment: String,
        /// The containers that exist.
        containers: Vec<String>,
    },
    /// The image is on none of the nodes, and they cannot pull it.
    #[error("no node has image {image}")]
    UnknownImage {
        /// Image asked for.
        image: String,
        /// Whether it is one of ours, which are built here.
        own: bool,
        /// Images of the same name that the nodes have.
        known: Vec<String>,
    },
    /// The new template equals the old one.
    #[error("nothing would change in Deployment {deployment}")]
    NoChange {
        /// The Deployment.
        deployment: String,
    },
    /// Another canary holds the Lease of the Deployment.
    #[error("canary {run} is running on Deployment {deployment}")]
    AlreadyRunning {
        /// The run.
        run: String,
        /// The Deployment.
        deployment: String,
    },
    /// An object with a needed name exists.
    #[error("{object} exists already")]
    InTheWay {
        /// The object.
        object: String,
        /// The run that left it, if it is ours.
        run: Option<String>,
    },
    /// The gateway's address was not found.
    #[error("no address of the gateway of HTTPRoute {route} answers{}", .problem.as_ref().map(|p| format!(" ({p})")).unwrap_or_default())]
    NoEndpoint {
        /// Name of the route.
        route: String,
        /// What the route's status says, if something is wrong there.
        problem: Option<String>,
    },
    /// A step cannot reach a verdict in its time.
    #[error(
        "the step with {percent} % cannot pass in {budget_seconds:.0} s: it needs {requests} canary requests, \
         which take {needed_seconds:.0} s at {rate} requests per second"
    )]
    TooSlow {
        /// Share of the step in percent.
        percent: f64,
        /// Time of the step.
        budget_seconds: f64,
        /// Canary requests needed when none fails.
        requests: u64,
        /// Time that they take.
        needed_seconds: f64,
        /// Requests per second in all.
        rate: f64,
        /// Requests per second that would be enough.
        enough: f64,
    },
    /// The judge refuses its settings or the plan.
    #[error("the judge cannot work with this plan: {message}")]
    Judge {
        /// Why.
        message: String,
        /// What to change.
        advice: Option<String>,
    },
}

impl PlanError {
    /// Whether the cluster is at fault (exit code 5) and not the request (exit code 2).
    pub fn is_cluster_error(&self) -> bool {
        matches!(self, Self::Api(_) | Self::NoGatewayApi | Self::NoEndpoint { .. } | Self::NotHealthy { .. })
    }
}

impl Hint for PlanError {
    fn hint(&self) -> Option<String> {
        let one_of =
            |names: &[String]| (!names.is_empty()).then(|| format!("there are: {}", names.join(", ")));
        match self {
            Self::Api(error) => error.hint(),
            Self::NoDeployment { nearest, .. } | Self::NoRoute { nearest, .. } => one_of(nearest),
            Self::NoContainer { containers, .. } => one_of(containers),
            Self::UnknownImage { own: false, .. } => Some(
                "the nodes of a native cluster pull nothing: `docker save IMAGE --output FILE`, then `kubectl \
                 kubsets cluster load-image FILE`"
                    .into(),
            ),
            Self::UnknownImage { known, .. } if known.is_empty() => {
                Some("build and load it first: `kubectl kubsets images build` and `images load`".into())
            }
            Self::UnknownImage { known, .. } => one_of(known),
            Self::NotHealthy { name, .. } => {
                Some(format!("repair it first: kubectl rollout status deployment/{name}"))
            }
            Self::NoGatewayApi => {
                Some("install it with `kubectl kubsets up`, or choose another context".into())
            }
            Self::NoChange { .. } => Some("pass another --image, or --set NAME=VALUE".into()),
            Self::AlreadyRunning { run, .. } => Some(format!(
                "watch it with `kubectl kubsets canary status`, end it with `kubectl kubsets canary abort {run}`"
            )),
            Self::InTheWay { run: Some(run), .. } => {
                Some(format!("an earlier run left it: kubectl kubsets canary undo {run}"))
            }
            Self::InTheWay { run: None, .. } => Some("remove or rename it".into()),
            Self::NoEndpoint { .. } => Some("pass the gateway's address with --url http://HOST:PORT".into()),
            Self::TooSlow { needed_seconds, enough, .. } => Some(format!(
                "raise --rate to {enough} or --step-budget to {:.0}s, or begin with a larger share",
                needed_seconds.ceil()
            )),
            Self::Judge { advice, .. } => advice.clone(),
            Self::Route { source: RouteError::AlreadySplit(_), .. } => {
                Some("an earlier canary may have been left: kubectl kubsets canary undo".into())
            }
            Self::Route { .. } => Some("name another route with --route".into()),
            Self::NoCommonLabel(_) => Some("give both selectors the label app.kubernetes.io/name".into()),
            Self::ShortWarmUp { rate, seconds, needed } => {
                let needed = *needed as f64;
                let (rate, seconds) = ((needed / seconds).ceil(), (needed / rate).ceil());
                Some(if rate.is_finite() {
                    format!("raise --rate to {rate} or --warm-up to {seconds}s")
                } else {
                    format!("give --warm-up {seconds}s")
                })
            }
            Self::Field { .. } => None,
        }
    }
}
