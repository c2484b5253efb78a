//! What was decided, and why: the values that the journal keeps.

use std::net::IpAddr;
use std::sync::Arc;

use shared::AclName;

use super::entry::Cause;
use super::view::{State, View};
use crate::actuator::Kind;
use crate::clock::Time;
use crate::config::Mode;

/// Declares the kinds of decisions, each with its word and what the log says.
macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $word:literal $level:ident $text:literal;)*) => {
        /// What was decided, or has happened.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum What {
            $($(#[$doc])* $variant,)*
        }

        impl What {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The word that programs know it by.
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }

            /// What the log says.
            pub const fn text(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }

            /// Whether somebody should look.
            pub const fn is_grave(self) -> bool {
                matches!(match self { $(Self::$variant => Level::$level,)* }, Level::Warn)
            }
        }
    };
}

enum Level {
    Info,
    Warn,
}

kinds! {
    /// A control is to be on the switch.
    Wanted = "wanted" Info "control wanted";
    /// It would be, were the mode `act`.
    WouldHave = "would_have" Info "control would be made; the mode is `observe`";
    /// A person wants what is wanted already: for longer, or shorter.
    Prolonged = "prolonged" Info "a person wants the control that there is";
    /// Traffic that gets no control.
    Guarded = "guarded" Info "no control is made";
    /// The switch has it.
    Installed = "installed" Info "control installed";
    /// The switch does not want the change.
    Refused = "refused" Warn "switch refuses the change; tried again in a minute";
    /// It does not fit on the switch.
    NoRoom = "no_room" Warn "switch has no room for the control; tried again in a minute";
    /// Ours may be no more than are there.
    OverBudget = "over_budget" Warn "no place for the control within the budget";
    /// It makes room for another one, or for a smaller budget.
    Displaced = "displaced" Info "control gives up its place; it is installed again when there is one";
    /// It came again so soon that it stays twice as long.
    HoldDoubled = "hold_doubled" Info "control came again within a minute; it stays twice as long";
    /// Nobody wants it any more.
    Released = "released" Info "control is not wanted any more";
    /// The switch does not have it any more, and it is over.
    Removed = "removed" Info "control removed";
    /// The switch does not have it any more, and it is still wanted.
    Vacated = "vacated" Info "control removed that is still wanted; it is installed again when it may be";
    /// A person wants it away.
    Dismissed = "dismissed" Warn "a person has released the control";
    /// What was on the switch before this start is wanted.
    OrphanAdopted = "orphan_adopted" Info "a control from before is wanted again";
    /// What was on the switch under our prefix and nobody wants is gone.
    OrphanRemoved = "orphan_removed" Info "a control that nobody wants was removed";
    /// Samples of another switch show it.
    Arrives = "mark_arrives" Info "mark arrives";
    /// It should have been seen to work, and was not.
    NoEffect = "no_effect" Warn "no effect seen";
    /// Somebody has changed it on the switch.
    ByHand = "changed_by_hand" Warn "a control was changed by hand on the switch; it is replaced, and the switch keeps a copy of that work";
    /// Everything is withdrawn.
    PauseBegun = "pause_begun" Warn "paused: everything is withdrawn from all switches";
    /// What is wanted comes back.
    PauseEnded = "pause_ended" Warn "the pause has ended: what is wanted comes back";
    /// A controller has another mode, or the one that the configuration says.
    ModeChanged = "mode_changed" Warn "a controller has another mode";
    /// The configuration was read again, and is in force or was not taken.
    Reloaded = "reloaded" Info "reload of the configuration";
    /// A newer blacklist is in force.
    ListLoaded = "list_loaded" Info "blacklist is the newest";
    /// There is no newer blacklist; the last good one stays.
    ListFailed = "list_failed" Warn "no newer blacklist; the last good one stays";
    /// The switch does not answer as it should.
    Unreachable = "unreachable" Warn "switch does not answer as it should";
    /// The switch answers.
    Reachable = "reachable" Info "switch answers";
}

/// Why a control is not wanted any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Nothing was seen of its traffic.
    Silence,
    /// The flow said goodbye: FIN or RST.
    Goodbye,
    /// Its time is over.
    Expired,
    /// The configuration does not ask for it any more.
    Configuration,
    /// The process ends.
    Stop,
}

impl Ending {
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Silence => ("silence", "nothing is seen of its traffic any more"),
            Self::Goodbye => ("fin", "its flow has said goodbye (FIN or RST)"),
            Self::Expired => ("expired", "its time is over"),
            Self::Configuration => ("configuration", "the configuration does not ask for it any more"),
            Self::Stop => ("stop", "flow-marker ends"),
        }
    }
}

/// What a decision is about.
#[derive(Debug, Clone, PartialEq)]
pub enum About {
    /// A control, as it was then.
    Control(Box<View>),
    /// Something of this name on the switch.
    Orphan(AclName),
    /// Traffic that has no control.
    Traffic {
        /// Which controller it is about.
        kind: Kind,
        /// What it is.
        text: String,
        /// What was found, if more than that.
        cause: Option<Arc<Cause>>,
    },
    /// A controller.
    Controller(Kind),
    /// The blacklist of this name.
    List(Arc<str>),
    /// The switch itself, or all.
    Switch,
}

/// One decision.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// When.
    pub at: Time,
    /// What.
    pub what: What,
    /// What it is about.
    pub about: About,
    /// The mode of the controller then; `act` for what a person wants.
    pub mode: Mode,
    /// Why, as a word for programs.
    pub reason: Option<&'static str>,
    /// Why, for people.
    pub why: Option<String>,
    /// Who; `None`: the controller.
    pub who: Option<Arc<str>>,
}

/// Longest text of a decision, in characters: a refusal of the tool with the line that it is about.
const MAX_WHY: usize = 1000;

impl Decision {
    /// Of the controllers, without a reason.
    pub const fn new(at: Time, what: What, about: About) -> Self {
        Self {
            at,
            what,
            about,
            mode: Mode::Act,
            reason: None,
            why: None,
            who: None,
        }
    }

    /// With a reason.
    #[must_use]
    pub fn because(mut self, reason: &'static str, why: &str) -> Self {
        self.reason = Some(reason);
        self.why(why)
    }

    /// With a reason for people.
    #[must_use]
    pub fn why(mut self, why: &str) -> Self {
        self.why = Some(why.chars().take(MAX_WHY).collect());
        self
    }

    /// With the reason of an end.
    #[must_use]
    pub(super) fn ending(self, ending: Ending) -> Self {
        let (reason, why) = ending.words();
        self.because(reason, why)
    }

    /// Decided by this caller.
    #[must_use]
    pub fn by(mut self, who: Option<Arc<str>>) -> Self {
        self.who = who;
        self
    }

    /// In this mode.
    #[must_use]
    pub const fn in_mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// The control that it is about, as it was then.
    pub fn view(&self) -> Option<&View> {
        match &self.about {
            About::Control(view) => Some(view),
            _ => None,
        }
    }

    /// The control that is over with it.
    pub fn finished(&self) -> Option<&View> {
        self.view().filter(|view| view.state == State::Released)
    }

    /// The name of the control.
    pub fn name(&self) -> Option<&AclName> {
        match &self.about {
            About::Control(view) => Some(&view.control.name),
            About::Orphan(name) => Some(name),
            About::Traffic { .. } | About::Controller(_) | About::List(_) | About::Switch => None,
        }
    }

    /// Which controller it is about.
    pub fn kind(&self) -> Option<Kind> {
        match &self.about {
            About::Control(view) => Some(view.control.kind()),
            About::Traffic { kind, .. } | About::Controller(kind) => Some(*kind),
            About::List(_) => Some(Kind::Capture),
            About::Orphan(_) | About::Switch => None,
        }
    }

    /// What was found.
    pub fn cause(&self) -> Option<&Cause> {
        match &self.about {
            About::Control(view) => Some(&view.cause),
            About::Traffic { cause, .. } => cause.as_deref(),
            _ => None,
        }
    }

    /// What it is about, for people: what is matched, the name of a list.
    pub fn subject(&self) -> String {
        match &self.about {
            About::Control(view) => view.control.action.to_string(),
            About::Orphan(name) => name.to_string(),
            About::Traffic { text, .. } => text.clone(),
            About::Controller(kind) => kind.name().to_owned(),
            About::List(name) => name.to_string(),
            About::Switch => String::new(),
        }
    }

    /// The agent that saw it, where something was seen.
    pub fn agent(&self) -> Option<IpAddr> {
        self.cause().map(|cause| cause.agent)
    }
}
