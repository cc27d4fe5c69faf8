//! What builds say, as the progress of a step with its time left.

use std::time::Duration;

use kubsets_cluster::native::config::IMAGE_REPOSITORY;
use kubsets_image::{Event, Expected, Parts, Progress};

use crate::ui::{Estimate, Step};
use crate::usual_times::UsualTimes;

/// Time of one part of a stage that knows its parts, such as a Go package, on two cores.
const PART: Duration = Duration::from_millis(160);
/// The kind of work of such a part.
const PART_KIND: &str = "a part of a build";
/// Share of a stage for what comes after its last part: Go links the program.
const AFTER_PARTS: f64 = 0.05;
/// What is shorter, or has fewer parts, is not worth remembering.
const MOMENT: Duration = Duration::from_secs(2);
const FEW: usize = 50;

/// Passes what builds say on to a step; `ahead` are their stages.
pub(super) fn tell(step: &Step, times: &UsualTimes, mut ahead: Vec<Expected>) -> impl FnMut(Progress) {
    for stage in &mut ahead {
        stage.usual = times.of(&stage.stage, stage.usual);
    }
    let total: Duration = ahead.iter().map(|stage| stage.usual).sum();
    step.change(|estimate, _| estimate.add(total));
    let (step, times) = (step.clone(), times.clone());
    move |Progress { subject, stage, event }| match event {
        Event::Started { estimate: on_two_cores } => {
            let place = ahead.iter().position(|one| (&one.subject, &one.stage) == (&subject, &stage));
            let planned = place.map(|place| ahead.swap_remove(place).usual);
            step.change(|estimate, now| {
                if planned.is_none() {
                    estimate.add(on_two_cores);
                }
                estimate.begin(planned.unwrap_or(on_two_cores), now);
            });
            step.update(format!("{}: {stage}", brief(&subject)));
        }
        Event::Running { parts: Some(Parts { done, of, what }) } => {
            step.change(|estimate, now| {
                if done == 0 {
                    estimate.revise(of_parts(times.of(PART_KIND, PART), of));
                }
                estimate.advance(done as f64 / of as f64 * (1.0 - AFTER_PARTS), now);
            });
            step.flicker(format!("{}: {done} of {of} {what}", brief(&subject)));
        }
        Event::Waiting => {
            step.change(|estimate, now| estimate.begin(Duration::ZERO, now));
            step.update(format!("{}: another process builds it", brief(&subject)));
        }
        Event::Finished { elapsed, parts } => {
            step.change(Estimate::end);
            match parts {
                Some(parts) if parts.of >= FEW => {
                    times.learn(PART_KIND, elapsed.mul_f64(1.0 - AFTER_PARTS) / parts.of as u32);
                }
                None if elapsed >= MOMENT => times.learn(&stage, elapsed),
                _ => {}
            }
        }
        Event::Running { parts: None } | Event::Cached => {}
    }
}

/// An image without the registry that all of ours have, for a line to fit: `envoy:v1.40.0`.
fn brief(subject: &str) -> &str {
    subject.strip_prefix(IMAGE_REPOSITORY).map_or(subject, |image| image.trim_start_matches('/'))
}

/// The time of so many parts and of what comes after them.
fn of_parts(one: Duration, count: usize) -> Duration {
    (one * count as u32).div_f64(1.0 - AFTER_PARTS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::{Printer, PrinterOptions, TimeLeft};

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn left(step: &Step) -> u64 {
        let mut left = None;
        step.change(|estimate, now| left = Some(estimate.left(now)));
        match left {
            Some(TimeLeft::About(left)) => left.as_secs_f64().round() as u64,
            other => panic!("{other:?}"),
        }
    }

    fn progress(stage: &str, event: Event) -> Progress {
        Progress { subject: "kubelet".into(), stage: stage.into(), event }
    }

    #[test]
    fn images_go_without_their_registry() {
        assert_eq!(brief("registry.kubsets.local/kubsets/worker:0.1.0"), "kubsets/worker:0.1.0");
        assert_eq!(brief("kube-apiserver"), "kube-apiserver");
    }

    #[test]
    fn the_time_left_follows_stages_and_their_packages() {
        let folder = tempfile::tempdir().expect("is made");
        let times = UsualTimes::in_cache(folder.path());
        let step = Printer::new(PrinterOptions { quiet: true, ..PrinterOptions::default() }).step("Programs");
        let one = |stage: &str, seconds| Expected {
            subject: "kubelet".into(),
            stage: stage.into(),
            usual: s(seconds),
        };
        times.learn("download", s(30));
        let mut tell = tell(&step, &times, vec![one("download", 55), one("go build", 240)]);
        assert_eq!(left(&step), 270, "as long as the last download took");
        tell(progress("download", Event::Started { estimate: s(55) }));
        tell(progress("download", Event::Finished { elapsed: s(40), parts: None }));
        assert_eq!(times.of("download", s(55)), s(35));
        // all that took no time here, and less is left of the rest because of it
        tell(progress("go build", Event::Started { estimate: s(240) }));
        let packages = |done| Event::Running { parts: Some(Parts { done, of: 95, what: "packages" }) };
        times.learn(PART_KIND, s(1));
        tell(progress("go build", packages(0)));
        assert_eq!(left(&step), 40, "a second for each of 95 packages and for the link, at 2/5 of the time");
        tell(progress("go build", packages(95)));
        assert!(left(&step) < 5, "the link alone: {}", left(&step));
        let parts = Some(Parts { done: 95, of: 95, what: "packages" });
        tell(progress("go build", Event::Finished { elapsed: s(200), parts }));
        assert_eq!(times.of(PART_KIND, PART), Duration::from_millis(1_500));
        assert!(times.of("go build", s(240)) == s(240), "packages tell more than the build");
    }
}
