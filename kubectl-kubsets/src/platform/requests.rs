//! What a component asks of the cluster.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What the pods of a component request when all of them run at once; of a `DaemonSet` one pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Requests {
    /// CPU.
    pub(crate) cpu: Cpu,
    /// Memory.
    pub(crate) memory: Memory,
}

/// CPU in thousandths of a core, written `250m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Cpu(u32);

/// Memory in mebibytes, written `64Mi`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Memory(u32);

/// A number of the unit `suffix`.
fn number(field: &str, text: &str, suffix: &str) -> Result<u32, String> {
    let digits = text.strip_suffix(suffix).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    let number = digits.and_then(|digits| digits.parse().ok()).filter(|number| *number > 0);
    number.ok_or_else(|| {
        format!(
            "requests.{field}: `{text}` is not accepted; it takes a whole number above 0 and {suffix}: 100{suffix}"
        )
    })
}

impl TryFrom<String> for Cpu {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        number("cpu", &text, "m").map(Self)
    }
}

impl TryFrom<String> for Memory {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        number("memory", &text, "Mi").map(Self)
    }
}

impl fmt::Display for Cpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}m", self.0)
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}Mi", self.0)
    }
}

impl From<Cpu> for String {
    fn from(cpu: Cpu) -> Self {
        cpu.to_string()
    }
}

impl From<Memory> for String {
    fn from(memory: Memory) -> Self {
        memory.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_have_one_form_each() {
        let read = |text: &str| serde_saphyr::from_str::<Requests>(text);
        let requests = read("{cpu: 170m, memory: 152Mi}").unwrap();
        assert_eq!((requests.cpu, requests.memory), (Cpu(170), Memory(152)));
        assert_eq!((requests.cpu.to_string(), requests.memory.to_string()), ("170m".into(), "152Mi".into()));
        for (wrong, told) in [
            ("{cpu: '0.1', memory: 1Mi}", "requests.cpu: `0.1` is not accepted"),
            ("{cpu: 0m, memory: 1Mi}", "requests.cpu: `0m` is not accepted"),
            ("{cpu: +1m, memory: 1Mi}", "requests.cpu: `+1m` is not accepted"),
            ("{cpu: 1m, memory: 1Gi}", "requests.memory: `1Gi` is not accepted"),
            ("{cpu: 1m, memory: '1'}", "whole number above 0 and Mi: 100Mi"),
            ("{cpu: 1m}", "missing field `memory`"),
        ] {
            let error = read(wrong).unwrap_err().to_string();
            assert!(error.contains(told), "{wrong}: {error}");
        }
    }
}
