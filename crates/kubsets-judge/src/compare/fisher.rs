//! Fisher's exact test.

use statrs::function::factorial::ln_binomial;

use crate::tick::Block;

/// One-sided p-value of Fisher's exact test that canary fails more often; valid for one look only.
/// It is 1 when either version served nothing.
pub fn fisher_p(block: Block) -> f64 {
    let (n_canary, n_stable) = (block.canary.n, block.stable.n);
    let bad_canary = block.canary.bad.min(n_canary);
    let bad = bad_canary + block.stable.bad.min(n_stable);
    if n_canary == 0 || n_stable == 0 || bad_canary == 0 {
        return 1.0;
    }
    let most = bad.min(n_canary);
    let log = |k: u64| ln_binomial(n_canary, k) + ln_binomial(n_stable, bad - k);
    let mut chance = (log(bad_canary) - ln_binomial(n_canary + n_stable, bad)).exp();
    let mut sum = chance;
    for k in bad_canary..most {
        // Ratio of neighbouring hypergeometric probabilities.
        let up = (n_canary - k) as f64 * (bad - k) as f64;
        let down = (k + 1) as f64 * ((n_stable + k + 1) as f64 - bad as f64);
        chance *= up / down;
        sum += chance;
        if chance < sum * 1e-16 {
            break;
        }
    }
    sum.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tick::Counts;

    fn p(stable: (u64, u64), canary: (u64, u64)) -> f64 {
        fisher_p(Block::new(Counts::new(stable.0, stable.1), Counts::new(canary.0, canary.1)))
    }

    #[test]
    fn tea_tasting() {
        // Fisher's own example: 3 of 4 against 1 of 4 has a one-sided p of 17/70; 4 of 4 against none 1/70.
        assert!((p((4, 1), (4, 3)) - 17.0 / 70.0).abs() < 1e-12);
        assert!((p((4, 0), (4, 4)) - 1.0 / 70.0).abs() < 1e-12);
    }

    #[test]
    fn nothing_bad_or_nothing_served_is_no_evidence() {
        assert!((p((100, 5), (10, 0)) - 1.0).abs() < f64::EPSILON);
        assert!((p((0, 0), (10, 3)) - 1.0).abs() < f64::EPSILON);
        assert!((p((10, 10), (10, 10)) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn one_failure_in_a_small_canary() {
        // One failure in all, in the version with a tenth of the requests: p is that tenth.
        assert!((p((900, 0), (100, 1)) - 0.1).abs() < 1e-12);
    }
}
