//! The values that labels may have: each set is closed, so that nobody's input makes a time series.

/// A closed set of values of one label.
macro_rules! label {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$doc])* $variant,)+
        }

        impl $name {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// As the label has it.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }
    };
}

label!(
    /// How a run of the tool ended.
    ToolOutcome {
        /// The rules are installed.
        Accepted = "accepted",
        /// The tool did not want them.
        Refused = "refused",
        /// It took too long.
        TimedOut = "timed_out",
        /// A signal ended it.
        Killed = "killed",
        /// It could not be started.
        NotStarted = "not_started",
    }
);

label!(
    /// What became of a change.
    Verdict {
        /// It is on the switch.
        Installed = "installed",
        /// It was there already.
        Unchanged = "unchanged",
        /// It is on the switch, and will be taken back unless somebody confirms it.
        Unconfirmed = "unconfirmed",
        /// The tool refused it.
        Refused = "refused",
        /// The tool refuses what was there before.
        BaseRefused = "base_refused",
        /// The tool took too long.
        TimedOut = "timed_out",
        /// The tool could not run, or died.
        Failed = "failed",
        /// There was no time to find out who is to blame.
        Undecided = "undecided",
        /// `If-Match` or `If-None-Match` did not hold.
        Precondition = "precondition",
        /// It would not fit.
        NoRoom = "no_room",
        /// Another ACL has the same rule.
        Duplicate = "duplicate",
        /// Somebody has changed the file by hand.
        Drift = "drift",
        /// It awaits somebody's confirmation.
        Locked = "locked",
        /// The caller may not do what the rules do.
        Forbidden = "forbidden",
        /// Nothing had to be done any more.
        Moot = "moot",
        /// Files or journal could not be written.
        StoreFailed = "store_failed",
        /// The queue was full.
        QueueFull = "queue_full",
        /// The daemon was about to end.
        ShuttingDown = "shutting_down",
        /// The first commit had not succeeded yet.
        NotReady = "not_ready",
    }
);

label!(
    /// How a listing ended.
    ListingOutcome {
        /// It was read.
        Read = "read",
        /// A commit came first.
        Busy = "busy",
        /// The tool failed, or could not be started.
        Failed = "failed",
        /// The tool took too long.
        TimedOut = "timed_out",
    }
);

label!(
    /// Why somebody was turned away.
    AuthFailure {
        /// No credentials where they are needed.
        Missing = "missing",
        /// Credentials that are not known, or malformed.
        Invalid = "invalid",
        /// Known, but not allowed to do this.
        Forbidden = "forbidden",
        /// A request that a browser or a proxy has passed on, or for another host.
        Forwarded = "forwarded",
        /// A client certificate that is not accepted.
        Certificate = "certificate",
    }
);

/// The templates of all paths (`acl-server` contract §1).
pub const ROUTES: [&str; 14] = [
    "/acl/",
    "/acl/{name}",
    "/acl/{name}/counters",
    "/acl/renew",
    "/acl/lasterror",
    "/commit/{id}",
    "/commit/{id}/confirm",
    "/capacity",
    "/events",
    "/healthz",
    "/readyz",
    "/metrics",
    "/version",
    "/openapi.json",
];

const METHODS: [&str; 7] = ["GET", "PUT", "DELETE", "PATCH", "POST", "HEAD", "OPTIONS"];

/// What is in none of the lists.
const OTHER: &str = "other";

fn listed(list: &[&'static str], text: &str) -> &'static str {
    list.iter()
        .find(|known| **known == text)
        .copied()
        .unwrap_or(OTHER)
}

/// The template of a path, or `other`.
pub(super) fn route(text: &str) -> &'static str {
    listed(&ROUTES, text)
}

/// A method of HTTP, or `other`.
pub(super) fn method(text: &str) -> &'static str {
    listed(&METHODS, text)
}

/// The class of a status.
pub(super) fn status_class(status: u16) -> &'static str {
    match status {
        100..200 => "1xx",
        200..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        500..600 => "5xx",
        _ => OTHER,
    }
}
