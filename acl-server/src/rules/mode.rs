//! How much a rule may use that this parser does not know.

/// How much a rule may use that this parser does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Only the matches, options and targets that are known here, and that the switch's hardware has.
    #[default]
    Strict,
    /// Anything that cannot inject and cannot vanish. Matches, options and targets that are not known here are kept as
    /// they are, what hardware lacks (negation, ranges of ports on egress) is left for the tool to judge. Everything
    /// that the tool is known to misread is refused as in `Strict`: so is a word that may name a file, a command, a host
    /// or a service.
    Lenient,
}
