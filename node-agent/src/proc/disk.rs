//! `diskstats`.

/// The file counts in sectors of this size, whatever the disk has.
const SECTOR_BYTES: f64 = 512.0;

/// Work of one disk since the start of the node.
#[derive(Debug, Clone, PartialEq)]
pub struct Disk {
    /// Name such as `sda` or `nvme0n1`.
    pub name: String,
    /// Bytes read.
    pub read_bytes: f64,
    /// Bytes written.
    pub written_bytes: f64,
    /// Seconds in which the disk was busy.
    pub busy_seconds: f64,
}

pub(super) fn parse(text: &str, most: usize) -> Vec<Disk> {
    let all: Vec<Disk> = text.lines().filter_map(parse_line).collect();
    let mut disks: Vec<Disk> = all
        .iter()
        .filter(|disk| {
            !is_only_a_file(&disk.name) && !all.iter().any(|whole| is_part_of(&disk.name, &whole.name))
        })
        .cloned()
        .collect();
    disks.sort_by(|a, b| a.name.cmp(&b.name));
    disks.truncate(most);
    disks
}

fn parse_line(line: &str) -> Option<Disk> {
    let mut words = line.split_whitespace().skip(2);
    let name = words.next()?.to_owned();
    let numbers: Vec<f64> = words.map_while(|word| word.parse().ok()).collect();
    Some(Disk {
        name,
        read_bytes: numbers.get(2)? * SECTOR_BYTES,
        written_bytes: numbers.get(6)? * SECTOR_BYTES,
        busy_seconds: numbers.get(9)? / 1000.0,
    })
}

fn is_only_a_file(name: &str) -> bool {
    ["loop", "ram", "zram", "fd", "sr"].iter().any(|prefix| {
        name.strip_prefix(prefix).is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
    })
}

/// `sda1` is a part of `sda`, `nvme0n1p1` of `nvme0n1`.
fn is_part_of(name: &str, whole: &str) -> bool {
    let Some(rest) = name.strip_prefix(whole) else { return false };
    let number =
        if whole.ends_with(|c: char| c.is_ascii_digit()) { rest.strip_prefix('p') } else { Some(rest) };
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}
