//! Lists of addresses whose traffic is captured, and what samples have to do with them.
//!
//! `text` reads a list, `source` fetches one, `lists` decides when, and keeps the last good version of each. All of them
//! together are one `Watch`, which never changes and is replaced as a whole; receiving threads ask it about every
//! sampled packet, so its first question costs a nanosecond. `Teller` keeps the answer from being told a thousand times.

/// Fetches lists.
pub mod source;
/// When to fetch which list, and the last good version of each.
pub mod lists;
/// Whether a packet is from or to a listed address.
pub mod watch;
/// What is told to the controller, and how often.
pub mod teller;
/// Reads a list.
pub mod text;
