//! `pressure/*`: time in which work waited for a resource.

pub(super) const RESOURCES: [&str; 3] = ["cpu", "io", "memory"];

/// Time that work has waited for one resource since the start of the node.
#[derive(Debug, Clone, PartialEq)]
pub struct Pressure {
    /// `cpu`, `io` or `memory`.
    pub resource: &'static str,
    /// Kind (`some` for at least one task, `full` for all of them) and seconds.
    pub seconds: Vec<(&'static str, f64)>,
}

pub(super) fn parse(resource: &'static str, text: &str) -> Option<Pressure> {
    let seconds: Vec<_> = ["some", "full"]
        .into_iter()
        .filter_map(|kind| {
            let line = text.lines().find_map(|line| line.strip_prefix(kind))?;
            let micros: f64 =
                line.split_whitespace().find_map(|word| word.strip_prefix("total="))?.parse().ok()?;
            Some((kind, micros / 1e6))
        })
        .collect();
    (!seconds.is_empty()).then_some(Pressure { resource, seconds })
}
