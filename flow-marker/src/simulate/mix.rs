//! Traffic without elephants.

/// What a port carries besides elephants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Mix {
    /// One steady flow of a fifth of the threshold.
    #[value(name = "steady-20")]
    Steady20,
    /// One steady flow of half of the threshold.
    #[value(name = "steady-50")]
    Steady50,
    /// One steady flow of four fifths of the threshold.
    #[value(name = "steady-80")]
    Steady80,
    /// One flow of half of the threshold in bursts of 64 KB at line rate.
    #[value(name = "bursts-64k")]
    Bursts64k,
    /// One flow of half of the threshold in bursts of 1 MB at line rate.
    #[value(name = "bursts-1m")]
    Bursts1m,
    /// One flow of a fifth of the threshold in bursts of 8 MB at line rate.
    #[value(name = "bursts-8m")]
    Bursts8m,
    /// Hundreds of flows: short ones with TCP's start and bounded Pareto sizes up to what the threshold carries in 0.96 s
    /// (20 % of the link), 40 with bursts of 64 KB to 8 MB and 200 steady ones (20 % each), four of 0.3 × the threshold
    /// (12 %).
    Stress,
    /// The short flows of `stress` alone.
    Short,
    /// The flows with bursts of `stress` alone.
    Bursts,
    /// `stress`, among 24 elephants of 1.25 × the threshold, whose marks are none of a mouse: for thresholds of 2 % and less.
    Crowded,
}

impl Mix {
    /// The name in tables.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Steady20 => "steady-20",
            Self::Steady50 => "steady-50",
            Self::Steady80 => "steady-80",
            Self::Bursts64k => "bursts-64k",
            Self::Bursts1m => "bursts-1m",
            Self::Bursts8m => "bursts-8m",
            Self::Stress => "stress",
            Self::Short => "short",
            Self::Bursts => "bursts",
            Self::Crowded => "crowded",
        }
    }

    /// Whether it is one flow.
    pub(super) const fn is_single(self) -> bool {
        !matches!(self, Self::Stress | Self::Short | Self::Bursts | Self::Crowded)
    }

    /// Places that a table needs for it.
    pub(super) const fn flows(self) -> usize {
        if self.is_single() { 64 } else { 1 << 14 }
    }
}
