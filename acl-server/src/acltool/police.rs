//! `-j POLICE` as a token bucket of the kernel: the match `hashlimit` (`iptables-extensions(8)`).
//!
//! hashlimit counts in coarse steps, so rates and bursts come out near what was asked. Where the difference is more than
//! a hundredth it is said as a warning.

use crate::rules::{Police, PoliceMode};

/// A bucket that can be installed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Bucket {
    /// The match, without its name.
    pub(super) options: String,
    /// How the kernel's bucket differs from the one that was asked for.
    pub(super) warning: Option<String>,
}

/// Packets a second, and packets in a bucket, that hashlimit takes at most.
const MAX_PACKETS: u32 = 1_000_000;

/// Seconds for which hashlimit remembers an idle bucket when nothing else is said.
const DEFAULT_EXPIRY: u32 = 10;

/// The match that holds for what is above the rate, or why there is none.
pub(super) fn bucket(police: &Police) -> Result<Bucket, String> {
    match police.mode {
        PoliceMode::Packets => packets(police.rate, police.burst),
        PoliceMode::KiloBytes => kilobytes(police.rate, police.burst),
    }
}

fn packets(rate: u32, burst: u32) -> Result<Bucket, String> {
    if rate > MAX_PACKETS || burst > MAX_PACKETS {
        return Err(format!(
            "POLICE of {rate} packets a second, burst {burst}: the kernel's hashlimit counts to {MAX_PACKETS}"
        ));
    }
    let mut options = format!("--hashlimit-above {rate}/s --hashlimit-burst {burst}");
    // A bucket that is forgotten is full again: it must live as long as it takes to fill.
    let fill = burst.div_ceil(rate.max(1));
    if fill > DEFAULT_EXPIRY {
        options += &format!(" --hashlimit-htable-expire {}", u64::from(fill) * 1000);
    }
    // iptables keeps the time between packets, in whole microseconds.
    let kept = MAX_PACKETS / (MAX_PACKETS / rate.max(1));
    let warning = differs(rate.into(), kept.into())
        .then(|| format!("POLICE: the kernel polices at {kept} instead of {rate} packets a second"));
    Ok(Bucket { options, warning })
}

/// hashlimit in bytes: a bucket of one second at the rate, and a number of further whole seconds as burst.
fn kilobytes(rate: u32, burst: u32) -> Result<Bucket, String> {
    const KILO: u64 = 1024;
    let all = u64::from(u32::MAX);
    let wanted = u64::from(rate) * KILO;
    // iptables keeps the cost of 16 bytes as a fraction of 2³²; below 16 such steps are too coarse to be called a rate.
    let cost = all / ((wanted >> 4) + 1);
    if cost < 16 {
        return Err(format!(
            "POLICE of {rate} KB a second is faster than the kernel's hashlimit can count"
        ));
    }
    let kept = ((all / cost) - 1) << 4;
    let asked = u64::from(burst) * KILO;
    // One further second reads back from iptables-save as less than a second, which iptables then refuses to restore.
    let further = match asked.div_ceil(kept).saturating_sub(1) {
        1 => 2,
        seconds => seconds,
    };
    let mut options = format!("--hashlimit-above {rate}kb/s");
    if further > 0 {
        options += &format!(" --hashlimit-burst {}kb", further * kept / KILO);
    }
    let holds = (further + 1) * kept;
    let mut warnings = Vec::new();
    if differs(wanted, kept) {
        warnings.push(format!("at {} instead of {rate} KB a second", kept / KILO));
    }
    if differs(asked, holds) {
        warnings.push(format!(
            "with a burst of {} instead of {burst} KB (whole seconds of the rate)",
            holds / KILO
        ));
    }
    let warning =
        (!warnings.is_empty()).then(|| format!("POLICE: the kernel polices {}", warnings.join(" and ")));
    Ok(Bucket { options, warning })
}

fn differs(asked: u64, kept: u64) -> bool {
    asked.abs_diff(kept) > asked / 100
}

#[cfg(test)]
mod tests {
    use super::*;

    fn police(mode: PoliceMode, rate: u32, burst: u32) -> Result<Bucket, String> {
        bucket(&Police {
            mode,
            rate,
            burst,
            class: None,
        })
    }

    #[test]
    fn packets_a_second() {
        let plain = police(PoliceMode::Packets, 2000, 2000);
        let options = "--hashlimit-above 2000/s --hashlimit-burst 2000".to_owned();
        assert_eq!(
            plain,
            Ok(Bucket {
                options,
                warning: None
            })
        );
        let slow = police(PoliceMode::Packets, 1, 1_000_000).expect("slow");
        assert!(
            slow.options.ends_with("--hashlimit-htable-expire 1000000000"),
            "{slow:?}"
        );
        let coarse = police(PoliceMode::Packets, 400_000, 1).expect("coarse");
        assert_eq!(
            coarse.warning.as_deref(),
            Some("POLICE: the kernel polices at 500000 instead of 400000 packets a second")
        );
        assert!(police(PoliceMode::Packets, 1_000_001, 1).is_err());
        assert!(police(PoliceMode::Packets, 1, 1_000_001).is_err());
    }

    #[test]
    fn kilobytes_a_second() {
        let exact = police(PoliceMode::KiloBytes, 100, 100);
        assert_eq!(
            exact,
            Ok(Bucket {
                options: "--hashlimit-above 100kb/s".to_owned(),
                warning: None
            })
        );
        let small = police(PoliceMode::KiloBytes, 100, 5).expect("a burst below a second");
        assert_eq!(small.options, "--hashlimit-above 100kb/s");
        assert!(
            small
                .warning
                .is_some_and(|text| text.contains("burst of 100 instead of 5 KB"))
        );
        let large = police(PoliceMode::KiloBytes, 100, 1000).expect("ten seconds");
        assert_eq!(
            large,
            Bucket {
                options: "--hashlimit-above 100kb/s --hashlimit-burst 900kb".to_owned(),
                warning: None
            }
        );
        // Two seconds would not survive iptables-save.
        let two = police(PoliceMode::KiloBytes, 1500, 3000).expect("two seconds");
        assert_eq!(two.options, "--hashlimit-above 1500kb/s --hashlimit-burst 3000kb");
        assert!(two.warning.is_some_and(|text| text.contains("burst of 4500")));
    }

    #[test]
    fn any_rate_is_policed_or_refused() {
        for rate in [1, 7, 1023, 1025, 122_070, 1_250_000, 4_194_304, u32::MAX] {
            for burst in [1, rate, u32::MAX] {
                let _ = police(PoliceMode::KiloBytes, rate, burst);
                let _ = police(PoliceMode::Packets, rate, burst);
            }
        }
        assert!(police(PoliceMode::KiloBytes, u32::MAX, 1).is_err());
    }
}
