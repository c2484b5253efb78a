//! What the controllers may do, which changes while the process runs. What people want needs no permission but that nothing
//! is paused.

use crate::actuator::Kind;
use crate::config::Mode;

/// Whether each controller acts, and whether all of them are paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Modes {
    /// Of marks.
    pub mark: Mode,
    /// Of captures.
    pub capture: Mode,
    /// Of drops.
    pub drop: Mode,
    /// Nothing of ours is on any switch, whatever the modes say.
    pub paused: bool,
}

impl Modes {
    /// What a controller was told.
    pub const fn of(&self, kind: Kind) -> Mode {
        match kind {
            Kind::Mark => self.mark,
            Kind::Capture => self.capture,
            Kind::Drop => self.drop,
        }
    }

    /// The same with another mode of one controller.
    #[must_use]
    pub const fn with(mut self, kind: Kind, mode: Mode) -> Self {
        match kind {
            Kind::Mark => self.mark = mode,
            Kind::Capture => self.capture = mode,
            Kind::Drop => self.drop = mode,
        }
        self
    }

    /// Whether the controls of a controller may be on switches.
    pub fn permit(&self, kind: Kind) -> bool {
        !self.paused && self.of(kind) == Mode::Act
    }

    /// Whether anything may be on switches.
    pub fn permit_any(&self) -> bool {
        Kind::ALL.into_iter().any(|kind| self.permit(kind))
    }
}
