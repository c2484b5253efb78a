//! How much evidence makes an elephant.
//!
//! A rate alone proves nothing: every burst is fast for a moment. So besides the rate R a flow must show B bytes at that
//! rate, and B is the trade between speed and false marks that the operator chooses.

use shared::units::BitRate;

use crate::config::Profile;

/// What a flow has to show, for one port and one size of samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rule {
    /// R in bytes per second.
    pub(super) rate: f64,
    /// B in bytes.
    pub(super) evidence: f64,
    /// Bytes between two anchors, at least.
    pub(super) spacing: f64,
    /// An older anchor proves nothing about now, in seconds.
    pub(super) age: f64,
    /// The most bytes that one sample of the flow stood for.
    pub(super) largest: f64,
}

impl Rule {
    /// The share of R that suffices: sequence numbers do not count headers (52 of 1500 bytes), and the sender's clock has
    /// ticks.
    pub(super) const SHARE: f64 = 0.95;

    /// Between two anchors, as a share of B.
    pub(super) const SPACING: f64 = 1.0 / 3.0;

    /// The rule of a profile for a threshold and the largest sample of a flow, in bytes, and anchors
    /// that stand apart by the share `spacing` of the evidence; `None` for profiles that look
    /// at counts only.
    pub(super) fn new(profile: Profile, threshold: BitRate, largest: f64, spacing: f64) -> Option<Self> {
        let seconds = seconds(profile)?;
        let rate = threshold.as_f64() / 8.0;
        // Evidence of fewer than two gaps between samples could be one long burst.
        let evidence = (seconds * rate).max(LEAST_SAMPLES * largest);
        Some(Self {
            rate,
            evidence,
            spacing: evidence * spacing,
            // Coarse sampling needs more than two seconds for so many samples at R.
            age: (3.0 * evidence / rate.max(1.0)).clamp(2.0, 10.0),
            largest,
        })
    }
}

/// The fewest samples that B may stand for.
const LEAST_SAMPLES: f64 = 2.7;

/// B as the time that a flow of rate R takes for it. Chosen by simulation (`docs/DETECTION.md`).
const fn seconds(profile: Profile) -> Option<f64> {
    match profile {
        Profile::Fast => Some(0.32),
        Profile::Balanced => Some(0.72),
        Profile::Strict => Some(1.0),
        Profile::Average => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_goes_with_the_threshold_and_never_below_three_samples() {
        let rule = |profile, largest| Rule::new(profile, "100M".parse().unwrap(), largest, Rule::SPACING);
        let evidence = |profile, largest| rule(profile, largest).unwrap().evidence;
        assert_eq!(evidence(Profile::Balanced, 1.5e6), 9e6);
        assert_eq!(evidence(Profile::Strict, 1.5e6), 12.5e6);
        assert!((evidence(Profile::Fast, 1.5e6) - 4.05e6).abs() < 1.0);
        assert_eq!(evidence(Profile::Balanced, 9e6), 2.7 * 9e6);
        assert!(rule(Profile::Balanced, 9e6).unwrap().age > 5.0);
        assert_eq!(rule(Profile::Average, 1.5e6), None);
    }
}
