//! Poisson counts with a fixed mean, one table lookup each.

use rand_chacha::rand_core::Rng;

/// Outcomes rarer than this are left out of the table.
const RARE: f64 = 1e-15;

/// Sampler by the alias method: a column is picked at random, and then one of its two outcomes.
#[derive(Debug, Clone)]
pub(super) struct Poisson {
    least: u64,
    keep: Vec<f64>,
    alias: Vec<u32>,
}

impl Poisson {
    /// A sampler with this mean; a mean of 0 gives 0 always.
    pub(super) fn new(mean: f64) -> Self {
        let (least, weights) = probabilities(mean.max(0.0));
        let columns = weights.len();
        let mut scaled: Vec<f64> = weights.iter().map(|weight| weight * columns as f64).collect();
        let mut keep = vec![1.0; columns];
        let mut alias: Vec<u32> = (0..columns as u32).collect();
        let (mut small, mut large): (Vec<usize>, Vec<usize>) = (0..columns).partition(|&at| scaled[at] < 1.0);
        while let (Some(&poor), Some(&rich)) = (small.last(), large.last()) {
            small.pop();
            keep[poor] = scaled[poor];
            alias[poor] = rich as u32;
            scaled[rich] -= 1.0 - scaled[poor];
            if scaled[rich] < 1.0 {
                large.pop();
                small.push(rich);
            }
        }
        Self { least, keep, alias }
    }

    pub(super) fn draw(&self, random: &mut impl Rng) -> u64 {
        if self.keep.len() == 1 {
            return self.least;
        }
        let bits = random.next_u64();
        let column = (((bits >> 32) * self.keep.len() as u64) >> 32) as usize;
        let coin = (bits & 0xffff_ffff) as f64 / 4_294_967_296.0;
        let outcome = if coin < self.keep[column] { column as u64 } else { u64::from(self.alias[column]) };
        self.least + outcome
    }
}

/// Probabilities from the first outcome on that is not rare, built outwards from the most likely one.
fn probabilities(mean: f64) -> (u64, Vec<f64>) {
    let mode = mean.floor();
    let mut down = Vec::new();
    let (mut at, mut weight) = (mode, 1.0);
    while at > 0.0 && weight > RARE {
        weight *= at / mean;
        at -= 1.0;
        down.push(weight);
    }
    let mut weights: Vec<f64> = down.into_iter().rev().collect();
    weights.push(1.0);
    let (mut next, mut weight) = (mode, 1.0);
    while mean > 0.0 && weight > RARE {
        next += 1.0;
        weight *= mean / next;
        weights.push(weight);
    }
    let sum: f64 = weights.iter().sum();
    for weight in &mut weights {
        *weight /= sum;
    }
    (at as u64, weights)
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    #[test]
    fn probabilities_are_those_of_poisson() {
        let (least, weights) = probabilities(3.0);
        assert_eq!(least, 0);
        // e^-3 * 3^2 / 2
        assert!((weights[2] - (-3.0f64).exp() * 4.5).abs() < 1e-12);
        let (least, weights) = probabilities(10_000.0);
        assert!(least > 8_000 && weights.len() < 2_500, "{least} {}", weights.len());
    }

    #[test]
    fn mean_and_variance_come_out() {
        for mean in [0.01, 0.9, 7.5, 90.0, 4000.0] {
            let sampler = Poisson::new(mean);
            let mut random = ChaCha8Rng::seed_from_u64(11);
            let draws: Vec<f64> = (0..200_000).map(|_| sampler.draw(&mut random) as f64).collect();
            let average = draws.iter().sum::<f64>() / draws.len() as f64;
            let variance = draws.iter().map(|x| (x - average).powi(2)).sum::<f64>() / draws.len() as f64;
            assert!((average - mean).abs() < 5.0 * (mean / 200_000.0).sqrt(), "{mean}: mean {average}");
            assert!((variance / mean - 1.0).abs() < 0.15, "{mean}: variance {variance}");
        }
    }

    #[test]
    fn zero_mean_gives_zero() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        assert_eq!((0..100).map(|_| Poisson::new(0.0).draw(&mut random)).sum::<u64>(), 0);
    }
}
