//! Turns the files into metrics at the moment of the scrape.

use std::fmt;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
};

use crate::proc::{Disk, Interface, ProcError, ProcFiles};

/// Metrics of a node. A file that cannot be read costs its own metrics only and is counted in
/// `kubsets_node_unreadable_files`.
#[derive(Debug)]
pub struct NodeCollector {
    files: ProcFiles,
}

type Series<'a> = Vec<(Vec<(&'static str, &'a str)>, f64)>;

impl NodeCollector {
    /// Metrics from these files.
    pub fn new(files: ProcFiles) -> Self {
        Self { files }
    }

    fn encode_all(&self, out: &mut Out<'_>) -> fmt::Result {
        if let Some(cpu) = out.take(self.files.cpu()) {
            let series =
                cpu.seconds.iter().map(|(mode, seconds)| (vec![("mode", *mode)], *seconds)).collect();
            out.counters("kubsets_node_cpu_seconds", "Processor time of all processors.", &series)?;
            out.gauge("kubsets_node_cpus", "Number of processors.", f64::from(cpu.processors))?;
            for (name, help, value) in [
                ("kubsets_node_boot_time_seconds", "Start of the node since 1970.", cpu.boot_time),
                ("kubsets_node_processes_running", "Processes that run.", cpu.running),
                ("kubsets_node_processes_blocked", "Processes that wait for a disk.", cpu.blocked),
            ] {
                if let Some(value) = value {
                    out.gauge(name, help, value)?;
                }
            }
        }
        if let Some(memory) = out.take(self.files.memory()) {
            let series = memory.bytes.iter().map(|(kind, bytes)| (vec![("kind", *kind)], *bytes)).collect();
            out.gauges("kubsets_node_memory_bytes", "Memory by kind.", &series)?;
        }
        if let Some(load) = out.take(self.files.load()) {
            let series =
                load.averages.iter().map(|(window, load)| (vec![("window", *window)], *load)).collect();
            out.gauges("kubsets_node_load", "Load average.", &series)?;
        }
        if let Some(disks) = out.take(self.files.disks()) {
            out.disks(&disks)?;
        }
        if let Some((scope, interfaces)) = out.take(self.files.interfaces()) {
            out.interfaces(scope.label(), &interfaces)?;
        }
        let pressure = self.files.pressure();
        let series = pressure
            .iter()
            .flat_map(|of| {
                of.seconds.iter().map(|(kind, s)| (vec![("resource", of.resource), ("kind", *kind)], *s))
            })
            .collect();
        out.counters("kubsets_node_pressure_seconds", "Time in which work waited.", &series)?;
        out.gauge("kubsets_node_unreadable_files", "Files that could not be read.", f64::from(out.unreadable))
    }
}

impl Collector for NodeCollector {
    fn encode(&self, encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        self.encode_all(&mut Out { encoder, unreadable: 0 })
    }
}

struct Out<'a> {
    encoder: DescriptorEncoder<'a>,
    unreadable: u32,
}

impl Out<'_> {
    fn take<T>(&mut self, read: Result<T, ProcError>) -> Option<T> {
        read.inspect_err(|error| {
            self.unreadable += 1;
            tracing::debug!(error = %error, "file of the node cannot be used");
        })
        .ok()
    }

    fn gauge(&mut self, name: &str, help: &str, value: f64) -> fmt::Result {
        let gauge = ConstGauge::new(value);
        gauge.encode(self.encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)
    }

    fn gauges(&mut self, name: &str, help: &str, series: &Series<'_>) -> fmt::Result {
        if series.is_empty() {
            return Ok(());
        }
        let mut family = self.encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (labels, value) in series {
            ConstGauge::new(*value).encode(family.encode_family(&labels.as_slice())?)?;
        }
        Ok(())
    }

    fn counters(&mut self, name: &str, help: &str, series: &Series<'_>) -> fmt::Result {
        if series.is_empty() {
            return Ok(());
        }
        let mut family = self.encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (labels, value) in series {
            ConstCounter::new(*value).encode(family.encode_family(&labels.as_slice())?)?;
        }
        Ok(())
    }

    fn disks(&mut self, disks: &[Disk]) -> fmt::Result {
        let bytes = disks
            .iter()
            .flat_map(|disk| {
                let labels = |direction| vec![("device", disk.name.as_str()), ("direction", direction)];
                [(labels("read"), disk.read_bytes), (labels("write"), disk.written_bytes)]
            })
            .collect();
        self.counters("kubsets_node_disk_bytes", "Bytes read and written.", &bytes)?;
        let busy =
            disks.iter().map(|disk| (vec![("device", disk.name.as_str())], disk.busy_seconds)).collect();
        self.counters("kubsets_node_disk_busy_seconds", "Time in which the disk was busy.", &busy)
    }

    fn interfaces(&mut self, scope: &'static str, interfaces: &[Interface]) -> fmt::Result {
        let labels = |interface| vec![("interface", interface), ("scope", scope)];
        let bytes = interfaces
            .iter()
            .flat_map(|interface| {
                let with = |direction| {
                    let mut all = labels(interface.name.as_str());
                    all.push(("direction", direction));
                    all
                };
                [(with("receive"), interface.received_bytes), (with("transmit"), interface.sent_bytes)]
            })
            .collect();
        self.counters("kubsets_node_network_bytes", "Bytes received and sent.", &bytes)?;
        let errors = interfaces.iter().map(|of| (labels(of.name.as_str()), of.errors)).collect();
        self.counters("kubsets_node_network_errors", "Damaged packets.", &errors)?;
        let drops = interfaces.iter().map(|of| (labels(of.name.as_str()), of.drops)).collect();
        self.counters("kubsets_node_network_drops", "Packets thrown away.", &drops)
    }
}
