//! `loadavg`.

/// Load averages.
#[derive(Debug, Clone, PartialEq)]
pub struct Load {
    /// Window and average.
    pub averages: [(&'static str, f64); 3],
}

pub(super) fn parse(text: &str) -> Option<Load> {
    let mut numbers = text.split_whitespace().map(|word| word.parse::<f64>().ok());
    let mut next = |window| Some((window, numbers.next()??));
    Some(Load { averages: [next("1m")?, next("5m")?, next("15m")?] })
}
