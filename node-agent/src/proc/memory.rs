//! `meminfo`.

/// Memory in bytes, by kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Memory {
    /// Kind and bytes.
    pub bytes: Vec<(&'static str, f64)>,
}

const KINDS: [(&str, &str); 7] = [
    ("MemTotal:", "total"),
    ("MemAvailable:", "available"),
    ("MemFree:", "free"),
    ("Cached:", "cached"),
    ("Slab:", "slab"),
    ("SwapTotal:", "swap_total"),
    ("SwapFree:", "swap_free"),
];

pub(super) fn parse(text: &str) -> Option<Memory> {
    let bytes: Vec<_> = KINDS
        .into_iter()
        .filter_map(|(name, kind)| {
            let value = text.lines().find_map(|line| line.strip_prefix(name))?;
            let kibibytes: f64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
            Some((kind, kibibytes * 1024.0))
        })
        .collect();
    bytes.iter().any(|(kind, _)| *kind == "total").then_some(Memory { bytes })
}
