//! `stat`: processor time, start of the node, running and blocked processes.

/// Ticks per second of processor times, the same on all systems the images are made for.
const TICKS_PER_SECOND: f64 = 100.0;
const MODES: [&str; 8] = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"];

/// Processor time of all processors together.
#[derive(Debug, Clone, PartialEq)]
pub struct Cpu {
    /// Seconds by mode since the start of the node.
    pub seconds: Vec<(&'static str, f64)>,
    /// Number of processors.
    pub processors: u32,
    /// Start of the node, in seconds since 1970.
    pub boot_time: Option<f64>,
    /// Processes that run.
    pub running: Option<f64>,
    /// Processes that wait for a disk.
    pub blocked: Option<f64>,
}

pub(super) fn parse(text: &str) -> Option<Cpu> {
    let total = text.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let ticks: Vec<f64> = total.split_whitespace().map_while(|tick| tick.parse().ok()).collect();
    // Old kernels do not know all modes, but these four are as old as the file.
    if ticks.len() < 4 {
        return None;
    }
    let is_processor = |line: &str| {
        line.strip_prefix("cpu").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    let number = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    Some(Cpu {
        seconds: MODES.into_iter().zip(ticks).map(|(mode, ticks)| (mode, ticks / TICKS_PER_SECOND)).collect(),
        processors: text.lines().filter(|line| is_processor(line)).count() as u32,
        boot_time: number("btime "),
        running: number("procs_running "),
        blocked: number("procs_blocked "),
    })
}
