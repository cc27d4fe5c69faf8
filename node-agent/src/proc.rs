//! Reads the files of proc(5).

mod cpu;
mod disk;
mod load;
mod memory;
mod network;
mod pressure;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

pub use cpu::Cpu;
pub use disk::Disk;
pub use load::Load;
pub use memory::Memory;
pub use network::{Interface, Scope};
pub use pressure::Pressure;

/// Most disks and most network interfaces that are shown.
const MAX_DEVICES: usize = 16;

/// A process file system, real or a copy for tests.
#[derive(Debug, Clone)]
pub struct ProcFiles {
    root: PathBuf,
}

/// A file that tells nothing.
#[derive(Debug, thiserror::Error)]
pub enum ProcError {
    /// It cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is not written as expected.
    #[error("{path} has no usable `{what}`")]
    Format {
        /// The file.
        path: PathBuf,
        /// What is missing.
        what: &'static str,
    },
}

impl ProcFiles {
    /// The process file system at `root`.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Processor time since the start of the node.
    ///
    /// # Errors
    /// When `stat` cannot be read.
    pub fn cpu(&self) -> Result<Cpu, ProcError> {
        self.parse("stat", "cpu", cpu::parse)
    }

    /// Memory of the node.
    ///
    /// # Errors
    /// When `meminfo` cannot be read.
    pub fn memory(&self) -> Result<Memory, ProcError> {
        self.parse("meminfo", "MemTotal", memory::parse)
    }

    /// Load averages.
    ///
    /// # Errors
    /// When `loadavg` cannot be read.
    pub fn load(&self) -> Result<Load, ProcError> {
        self.parse("loadavg", "three averages", load::parse)
    }

    /// Whole disks, without partitions and without those that are only files.
    ///
    /// # Errors
    /// When `diskstats` cannot be read.
    pub fn disks(&self) -> Result<Vec<Disk>, ProcError> {
        self.parse("diskstats", "disk", |text| Some(disk::parse(text, MAX_DEVICES)))
    }

    /// Network interfaces, of the node when the host's files are mounted, else of this pod.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn interfaces(&self) -> Result<(Scope, Vec<Interface>), ProcError> {
        // `net` leads to the reader's own network; process 1 of the host is in the host's.
        let (scope, file) = if self.root == Path::new("/proc") {
            (Scope::Pod, "net/dev")
        } else {
            (Scope::Node, "1/net/dev")
        };
        self.parse(file, "interface", |text| Some((scope, network::parse(text, MAX_DEVICES))))
    }

    /// Pressure stall times, for what the kernel tells; nothing where it is switched off.
    pub fn pressure(&self) -> Vec<Pressure> {
        pressure::RESOURCES
            .into_iter()
            .filter_map(|resource| {
                let text = fs::read_to_string(self.root.join("pressure").join(resource)).ok()?;
                pressure::parse(resource, &text)
            })
            .collect()
    }

    fn parse<T>(
        &self,
        file: &str,
        what: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, ProcError> {
        let path = self.root.join(file);
        match fs::read_to_string(&path) {
            Ok(text) => parse(&text).ok_or(ProcError::Format { path, what }),
            Err(source) => Err(ProcError::Read { path, source }),
        }
    }
}
