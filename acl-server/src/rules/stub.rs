//! Stand-ins.
use super::{Policy, RuleError};
/// Mode
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// s
    Strict,
    /// l
    Lenient,
}
/// Actions
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Actions(u8);
impl Actions {
    /// all
    pub const fn all() -> Self {
        Self(15)
    }
    /// union
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
    /// without
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
    /// empty
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}
/// p
pub fn parse_with<S: AsRef<str>>(lines: &[S], _: Mode) -> Result<Policy, RuleError> {
    super::parse(lines)
}
impl Policy {
    /// a
    pub fn actions(&self) -> Actions {
        Actions::default()
    }
}
