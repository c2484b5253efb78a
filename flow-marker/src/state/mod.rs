//! What survives the end of the process, however it ends: what people have said, and what was learned.
//!
//! One small JSON file holds the pause, modes that were set, controls that people want, what they have released, and the
//! speeds and names of ports; the last good version of each blacklist has a file of its own beside it. They are written by
//! one task, off every hot path, as a new file that takes the old one's name once it is on the disk. Without a directory
//! that can be written, flow-marker runs all the same, and forgets. What cannot be read is moved aside.

/// Files that are there whole or not at all.
mod files;
/// What the file says.
mod saved;
/// The task that writes.
mod keeper;

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use files::Files;
use saved::Saved;
use shared::units::BitRate;

pub use keeper::{Keeper, Sources, Writer};

use crate::blacklist::text::{self, MAX_ENTRIES};
use crate::clock::{Clock, Time};
use crate::config::{Config, Switch as Configured};
use crate::control::capture::Pair;
use crate::control::desk::Kept;
use crate::control::manual::Asked;
use crate::control::overrides::Overrides;
use crate::control::pause::Pause;
use crate::control::switches::Switches;
use crate::inventory::{PortFacts, PortList, Roster};

/// Where it is unless the configuration or `--state-dir` says otherwise; it is used if it is there, and never made.
pub const DEFAULT_DIRECTORY: &str = "/var/lib/flow-marker";

/// The longest file: 4,800 ports of some hundred switches, or a blacklist of as many entries as there may be.
const MAX_BYTES: u64 = (MAX_ENTRIES as u64) * 48;

/// What was kept of the life before.
#[derive(Debug)]
pub struct State {
    files: Option<Files>,
    saved: Saved,
}

impl State {
    /// Reads what is there, for the controller `id`. What goes wrong is said in the log, and stops nobody.
    pub fn open(directory: Result<PathBuf, String>, id: &str) -> Self {
        let files = match directory.and_then(|directory| Files::open(&directory, id)) {
            Ok(files) => Some(files),
            Err(error) => {
                tracing::warn!(error, "nothing will be remembered over a restart");
                None
            }
        };
        let saved = files.as_ref().and_then(|files| {
            let bytes = files.read(STATE)?;
            match Saved::parse(&bytes) {
                Ok(saved) => Some(saved),
                Err(error) => {
                    files.move_aside(STATE, &error);
                    None
                }
            }
        });
        Self {
            files,
            saved: saved.unwrap_or_default(),
        }
    }

    /// Tells the roster what was known of ports. To be called before anybody learns more.
    pub fn recall_ports(&self, roster: &Roster) {
        roster.remember(self.saved.learned());
    }

    /// Says again what people have said: the pause, and modes.
    pub fn recall_words(&self, now: Time, switches: &Switches, pause: &Pause, overrides: &Overrides) {
        for (kind, set) in &self.saved.modes {
            let (controller, caller) = (kind.name(), &set.said.caller);
            tracing::warn!(controller, mode = ?set.mode, caller, "this mode was set before the start, and still is");
            overrides.set(switches, now, *kind, set.clone());
        }
        if let Some(said) = &self.saved.pause {
            let (caller, reason) = (&said.caller, said.reason.as_deref().unwrap_or_default());
            tracing::warn!(
                caller,
                reason,
                "paused since before the start: nothing is installed until the pause ends"
            );
            pause.begin(switches, now, said.clone());
        }
    }

    /// What people wanted and have released, for as long as that still lasts.
    pub fn recall_controls(&self, clock: &Clock, now: Time) -> Kept {
        self.saved.kept(clock.unix_ns(now), now)
    }

    /// Lets data sources not have what people have released.
    pub fn recall_rests(&self, clock: &Clock, now: Time, switches: &Switches) {
        let switches = switches.all();
        for (agent, name, until) in self.saved.rests(clock.unix_ns(now), now) {
            if let Some(switch) = switches.iter().find(|switch| switch.config.agent == agent) {
                switch.edit(|desired| desired.rest(now, name, until));
            }
        }
    }

    /// The last good version of the blacklist that is kept under this key.
    pub fn recall_list(&self, key: &str) -> Option<text::Entries> {
        let files = self.files.as_ref()?;
        let name = list_file(key);
        let bytes = files.read(&name)?;
        match text::read(&bytes) {
            Ok(entries) => Some(entries),
            Err(error) => {
                files.move_aside(&name, &error.to_string());
                None
            }
        }
    }

    /// What writes from now on, and how it is asked to.
    pub fn keep(self, sources: Sources) -> (Keeper, Option<Writer>) {
        Writer::new(self.files, self.saved, sources)
    }
}

/// The state's file, after the id of the controller.
const STATE: &str = "state.json";

fn list_file(key: &str) -> String {
    format!("blacklist-{key}.txt")
}

/// The directory for what survives, made if it was asked for by name.
///
/// # Errors
/// There is none, which is said.
pub fn directory(config: &Config) -> Result<PathBuf, String> {
    let Some(path) = config.state_dir.as_deref() else {
        let usual = Path::new(DEFAULT_DIRECTORY);
        return match usual.is_dir() {
            true => Ok(usual.to_owned()),
            false => Err(format!("there is no {DEFAULT_DIRECTORY}")),
        };
    };
    match std::fs::create_dir(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(format!("{}: {error}", path.display()))
        }
        _ => Ok(path.to_owned()),
    }
}

/// What an agent has told of its ports.
type Learned = (IpAddr, Vec<PortFacts>);

/// What was learned of the ports of a switch. What the configuration says is none of it: it may say something else tomorrow.
fn learned(config: &Configured, ports: &PortList) -> Learned {
    let facts = ports.iter().filter_map(|(if_index, port)| {
        let fixed = config.ports.get(if_index);
        let name = port
            .name
            .as_deref()
            .filter(|_| fixed.is_none_or(|fixed| fixed.name.is_none()));
        let speed = port
            .speed
            .filter(|_| fixed.is_none_or(|fixed| fixed.speed.is_none()));
        let is_known = name.is_some() || speed.is_some();
        is_known.then(|| {
            (
                *if_index,
                name.map(str::to_owned),
                speed.map(BitRate::bits_per_second),
            )
        })
    });
    (config.agent, facts.collect())
}

/// What rests: until when.
type Rest<T> = (T, Time);

/// Conversations that rest.
type RestingPairs = Vec<Rest<Pair>>;

/// Requests that are to be made again.
type Wanted = Vec<Asked>;

#[cfg(test)]
mod tests;
