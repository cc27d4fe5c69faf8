//! `net/dev`.

/// Whose network was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// That of the node.
    Node,
    /// That of the pod that reads.
    Pod,
}

impl Scope {
    /// The value of the label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Pod => "pod",
        }
    }
}

/// Work of one interface since it was made.
#[derive(Debug, Clone, PartialEq)]
pub struct Interface {
    /// Name such as `eth0`.
    pub name: String,
    /// Bytes in.
    pub received_bytes: f64,
    /// Bytes out.
    pub sent_bytes: f64,
    /// Packets in either direction that were damaged.
    pub errors: f64,
    /// Packets in either direction that were thrown away.
    pub drops: f64,
}

/// Interfaces with these names come and go with pods.
const SHORT_LIVED: [&str; 6] = ["veth", "cali", "lxc", "vnet", "tap", "gke"];

pub(super) fn parse(text: &str, most: usize) -> Vec<Interface> {
    let mut interfaces: Vec<_> = text.lines().filter_map(parse_line).collect();
    interfaces.retain(|interface| {
        interface.name != "lo" && !SHORT_LIVED.iter().any(|prefix| interface.name.starts_with(prefix))
    });
    interfaces.sort_by(|a, b| a.name.cmp(&b.name));
    interfaces.truncate(most);
    interfaces
}

fn parse_line(line: &str) -> Option<Interface> {
    let (name, rest) = line.split_once(':')?;
    let numbers: Vec<f64> = rest.split_whitespace().map_while(|word| word.parse().ok()).collect();
    let at = |index: usize| numbers.get(index).copied();
    Some(Interface {
        name: name.trim().to_owned(),
        received_bytes: at(0)?,
        sent_bytes: at(8)?,
        errors: at(2)? + at(10)?,
        drops: at(3)? + at(11)?,
    })
}
