//! Properties of schedules: planned instants against the integral of the rate.

use std::time::Duration;

use kubsets_schedule::{Arrivals, Next, Pacer, Schedule, Shape, Share};
use proptest::prelude::*;

const SECOND: u64 = 1_000_000_000;

fn shape() -> impl Strategy<Value = Shape> {
    let rate = || 0.0..500.0_f64;
    let time = || (1_u64..10_000).prop_map(Duration::from_millis);
    prop_oneof![
        rate().prop_map(|rate| Shape::Constant { rate }),
        (rate(), rate(), time()).prop_map(|(from, to, over)| Shape::Ramp { from, to, over }),
        (prop::collection::vec(rate(), 1..6), time()).prop_map(|(rates, each)| Shape::Steps { rates, each }),
        (rate(), rate(), time(), time()).prop_map(|(base, peak, at, length)| Shape::Spike {
            base,
            peak,
            at,
            length
        }),
        (1.0..500.0_f64, 0.0..1.0_f64, time()).prop_map(|(mean, part, period)| Shape::Sine {
            mean,
            amplitude: mean * part,
            period
        }),
    ]
}

/// The integral of the rate, by summing up a thousand slices for each second.
fn integral(shape: &Shape, seconds: f64) -> f64 {
    let slices = (seconds * 1000.0).ceil() as u32;
    let step = seconds / f64::from(slices);
    (0..slices).map(|slice| rate(shape, (f64::from(slice) + 0.5) * step) * step).sum()
}

fn rate(shape: &Shape, at: f64) -> f64 {
    match shape {
        Shape::Constant { rate } => *rate,
        Shape::Ramp { from, to, over } => from + (to - from) * (at / over.as_secs_f64()).min(1.0),
        Shape::Steps { rates, each } => rates[((at / each.as_secs_f64()) as usize).min(rates.len() - 1)],
        Shape::Spike { base, peak, at: start, length } => {
            let (start, length) = (start.as_secs_f64(), length.as_secs_f64());
            if at >= start && at < start + length { *peak } else { *base }
        }
        Shape::Sine { mean, amplitude, period } => {
            mean + amplitude * (std::f64::consts::TAU * at / period.as_secs_f64()).sin()
        }
    }
}

fn open(shape: Shape, arrivals: Arrivals) -> Schedule {
    Schedule::Open { shape, arrivals }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn even_arrivals_are_as_many_as_the_rate_says(shape in shape(), millis in 100_u64..12_000) {
        let end = Duration::from_millis(millis);
        let wanted = integral(&shape, end.as_secs_f64());
        let schedule = open(shape, Arrivals::Even);
        let instants: Vec<u64> = Pacer::new(&schedule, Share::WHOLE, Some(end), 1).collect();
        prop_assert!(instants.is_sorted());
        prop_assert!(instants.iter().all(|at| u128::from(*at) < end.as_nanos()));
        let count = instants.len() as f64;
        // One for the first request at the very start, and the error of the slices at jumps of the rate.
        prop_assert!((count - wanted).abs() <= 2.6, "{count} planned, {wanted} wanted");
    }

    #[test]
    fn shares_together_are_the_whole(shape in shape(), of in 1_usize..5) {
        let end = Some(Duration::from_secs(5));
        let schedule = open(shape, Arrivals::Even);
        let whole: Vec<u64> = Pacer::new(&schedule, Share::WHOLE, end, 1).collect();
        let mut parts: Vec<u64> =
            (0..of).flat_map(|index| Pacer::new(&schedule, Share { index, of }, end, 1)).collect();
        parts.sort_unstable();
        prop_assert_eq!(whole, parts);
    }

    #[test]
    fn texts_are_read_back(shape in shape(), poisson in any::<bool>()) {
        let schedule = open(shape, if poisson { Arrivals::Poisson } else { Arrivals::Even });
        let text = schedule.to_string();
        prop_assert_eq!(text.parse::<Schedule>().unwrap(), schedule, "{}", text);
    }

    #[test]
    fn any_text_is_read_or_refused_without_panic(text in "[0-9a-z.,:~^@/ -]{0,24}") {
        if let Ok(schedule) = text.parse::<Schedule>() {
            prop_assert_eq!(schedule.check(), Ok(()));
            let pacer = Pacer::new(&schedule, Share::WHOLE, Some(Duration::from_millis(1)), 1);
            prop_assert!(pacer.take(10_000).collect::<Vec<_>>().is_sorted());
        }
    }

    #[test]
    fn steering_keeps_the_phase(first in 1.0..400.0_f64, second in 1.0..400.0_f64, millis in 1_u64..5000) {
        let at = millis * 1_000_000;
        let schedule = Schedule::constant(first);
        let mut pacer = Pacer::new(&schedule, Share::WHOLE, Some(Duration::from_secs(10)), 1);
        let mut count = 0;
        while pacer.take_due(at).is_some() {
            count += 1;
        }
        pacer.steer(at, second);
        let rest: Vec<u64> = pacer.collect();
        prop_assert!(rest.is_sorted() && rest.iter().all(|instant| *instant >= at));
        let seconds = at as f64 / SECOND as f64;
        let wanted = first * seconds + second * (10.0 - seconds);
        let planned = (count + rest.len()) as f64;
        prop_assert!((planned - wanted).abs() <= 1.01, "{planned} planned, {wanted} wanted");
    }
}

#[test]
fn poisson_arrivals_have_the_mean_and_the_spread_of_one() {
    let schedule: Schedule = "poisson:200".parse().unwrap();
    let end = Some(Duration::from_secs(500));
    let instants: Vec<u64> = Pacer::new(&schedule, Share::WHOLE, end, 7).collect();
    let mut bins = vec![0_u32; 5000];
    for instant in &instants {
        bins[(instant / (SECOND / 10)) as usize] += 1;
    }
    let mean = instants.len() as f64 / 5000.0;
    let variance = bins.iter().map(|n| (f64::from(*n) - mean).powi(2)).sum::<f64>() / 5000.0;
    assert!((mean - 20.0).abs() < 0.4, "{mean}");
    // In a Poisson process the variance of a count is its mean; evenly spaced it would be near 0.
    assert!((variance / mean - 1.0).abs() < 0.1, "{variance} {mean}");
    let again: Vec<u64> = Pacer::new(&schedule, Share::WHOLE, end, 7).collect();
    assert_eq!(instants, again);
}

#[test]
fn shares_of_a_poisson_process_differ_and_add_up() {
    let schedule: Schedule = "poisson:100".parse().unwrap();
    let end = Some(Duration::from_secs(100));
    let part = |index| Pacer::new(&schedule, Share { index, of: 2 }, end, 7).collect::<Vec<u64>>();
    let (one, two) = (part(0), part(1));
    assert_ne!(one[..10], two[..10]);
    let all = one.len() + two.len();
    assert!((9_600..10_400).contains(&all), "{all}");
}

#[test]
fn a_pause_can_be_steered_out_of() {
    let schedule = Schedule::constant(100.0);
    let mut pacer = Pacer::new(&schedule, Share::WHOLE, Some(Duration::from_secs(10)), 1);
    while pacer.take_due(SECOND).is_some() {}
    pacer.steer(SECOND, 0.0);
    assert_eq!(pacer.peek(), Next::Idle);
    assert_eq!(pacer.take_due(5 * SECOND), None);
    pacer.steer(6 * SECOND, 10.0);
    assert_eq!(pacer.by_ref().take_while(|at| *at <= 7 * SECOND).count(), 10);
    pacer.end_at(8 * SECOND);
    assert!(pacer.all(|at| at < 8 * SECOND));
}
