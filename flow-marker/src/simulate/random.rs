//! Chance that is the same for the same seed, on every machine.

/// A small generator (`SplitMix64`, Steele, Lea, Flood 2014): what is simulated must not depend on a crate's choice.
#[derive(Debug, Clone)]
pub(super) struct Random(u64);

impl Random {
    /// A generator of its own for the part `part` of what has this seed.
    pub(super) const fn new(seed: u64, part: u64) -> Self {
        let mut random = Self(seed);
        let start = random.next() ^ part.wrapping_mul(0xD134_2543_DE82_EF95);
        let mut random = Self(start);
        random.next();
        random
    }

    pub(super) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ z >> 31
    }

    /// Uniform in (0, 1].
    pub(super) fn unit(&mut self) -> f64 {
        ((self.next() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform between two bounds.
    pub(super) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Exponentially distributed, with this mean.
    pub(super) fn exponential(&mut self, mean: f64) -> f64 {
        -mean * self.unit().ln()
    }

    /// How many packets until one is sampled, that one included, when each is with probability 1/`rate`.
    pub(super) fn packets_to_sample(&mut self, rate: u32) -> u64 {
        if rate <= 1 {
            return 1;
        }
        let quiet = (-1.0 / f64::from(rate)).ln_1p();
        1 + whole(self.unit().ln() / quiet)
    }

    /// Pareto between two bounds with this exponent.
    pub(super) fn pareto(&mut self, low: f64, high: f64, exponent: f64) -> f64 {
        let tail = (low / high).powf(exponent);
        let u = self.unit() * (1.0 - tail) + tail;
        (low / u.powf(1.0 / exponent)).clamp(low, high)
    }
}

/// The whole part of a number that is not negative.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "not negative; saturates"
)]
pub(super) fn whole(number: f64) -> u64 {
    number as u64
}

/// As [`whole`], for 32 bits.
pub(super) fn whole32(number: f64) -> u32 {
    u32::try_from(whole(number)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_has_the_means_it_should() {
        let mut random = Random::new(1, 2);
        let mean = |mut draw: Box<dyn FnMut() -> f64>| (0..100_000).map(|_| draw()).sum::<f64>() / 1e5;
        let mut r = random.clone();
        assert!((mean(Box::new(move || r.packets_to_sample(1000) as f64)) / 1000.0 - 1.0).abs() < 0.02);
        let mut r = random.clone();
        assert!((mean(Box::new(move || r.exponential(3.0))) / 3.0 - 1.0).abs() < 0.02);
        let mut r = random.clone();
        // E = αL^α/(1−(L/H)^α) · (L^(1−α) − H^(1−α))/(α−1) for α = 1.5, L = 1, H = 100.
        let expected = 1.5 / (1.0 - 1e-3) * (1.0 - 0.1) / 0.5;
        assert!((mean(Box::new(move || r.pareto(1.0, 100.0, 1.5))) / expected - 1.0).abs() < 0.02);
        assert_eq!(random.packets_to_sample(1), 1);
        assert_ne!(Random::new(1, 2).next(), Random::new(1, 3).next());
    }
}
