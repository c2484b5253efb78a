//! What a number of runs says.

/// The quantile `q` of values in order; infinity where it is among runs that found nothing.
pub(super) fn quantile(sorted: &[f64], q: f64) -> f64 {
    let last = sorted.len().saturating_sub(1) as f64;
    let at = usize::try_from(super::random::whole((q * last).round())).unwrap_or(0);
    sorted.get(at).copied().unwrap_or(f64::INFINITY)
}

/// The upper bound, with 95 % of confidence, of the expected number of events when `count` were seen (Garwood 1936): the
/// mean at which so few are seen once in twenty times. 3.0 when none was.
pub(super) fn poisson_upper(count: u64) -> f64 {
    let k = count as f64;
    if count > 400 {
        return k + 1.645 * k.sqrt() + 1.35; // Its normal approximation, to 0.1 %.
    }
    let at_most = |mean: f64| {
        let (mut term, mut sum) = ((-mean).exp(), 0.0);
        for n in 0..=count {
            sum += term;
            term *= mean / (n + 1) as f64;
        }
        sum
    };
    let (mut low, mut high) = (k, k + 10.0 + 4.0 * k.sqrt());
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if at_most(middle) > 0.05 {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_those_of_the_tables() {
        for (count, bound) in [
            (0, 2.996),
            (1, 4.744),
            (5, 10.51),
            (10, 16.96),
            (100, 118.1),
            (500, 538.4),
        ] {
            assert!(
                (poisson_upper(count) / bound - 1.0).abs() < 2e-3,
                "{count}: {}",
                poisson_upper(count)
            );
        }
    }

    #[test]
    fn quantiles_are_values_that_were_seen() {
        let values: Vec<f64> = (0..=100).map(f64::from).collect();
        assert_eq!([quantile(&values, 0.5), quantile(&values, 0.99)], [50.0, 99.0]);
        assert_eq!(quantile(&[], 0.5), f64::INFINITY);
        assert_eq!(quantile(&[1.0, f64::INFINITY], 0.99), f64::INFINITY);
    }
}
