//! Which ports flows enter the fabric by: there they are marked, and nowhere else.

use shared::units::BitRate;

use crate::config::{Edge, Mark, Role};

/// What a port is, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judged {
    /// What it is.
    pub role: Role,
    /// Why.
    pub why: Why,
}

/// Why a port is what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The configuration says so.
    Configured,
    /// The configuration says nothing of it, and only ports that it names are edge.
    NotConfigured,
    /// Its speed is none of `edge_speeds`.
    Speed,
    /// Its speed is not known, and `edge_speeds` asks for it.
    SpeedUnknown,
    /// The topology has a link on it, or on its LAG.
    Link,
    /// The topology has no link on it.
    NoLink,
    /// Nothing says otherwise.
    Default,
}

impl Why {
    /// For people.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Configured => "`role` in the configuration",
            Self::NotConfigured => "no `role` in the configuration",
            Self::Speed => "its speed is none of `edge_speeds`",
            Self::SpeedUnknown => "its speed is not known",
            Self::Link => "a link of the topology",
            Self::NoLink => "no link of the topology",
            Self::Default => "nothing says otherwise",
        }
    }
}

/// What decides it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    by: Edge,
    /// Only ports of these speeds are edge; empty: of any.
    speeds: Vec<BitRate>,
}

impl Policy {
    /// What the configuration says.
    pub fn new(mark: &Mark) -> Self {
        Self {
            by: mark.edge,
            speeds: mark.edge_speeds.clone(),
        }
    }

    /// Whether it asks for links.
    pub fn needs_links(&self) -> bool {
        self.by == Edge::Topology
    }

    /// What a port is: by what the configuration says of it, its speed, and whether it, or its LAG, is in a link.
    pub fn judge(
        &self,
        said: Option<Role>,
        speed: Option<BitRate>,
        is_linked: impl FnOnce() -> bool,
    ) -> Judged {
        let (edge, core) = (
            |why| Judged {
                role: Role::Edge,
                why,
            },
            |why| Judged {
                role: Role::Core,
                why,
            },
        );
        if let Some(role) = said {
            let why = Why::Configured;
            return Judged { role, why };
        }
        match speed {
            _ if self.speeds.is_empty() => {}
            None => return core(Why::SpeedUnknown),
            Some(speed) if !self.speeds.contains(&speed) => return core(Why::Speed),
            Some(_) => {}
        }
        match self.by {
            Edge::All => edge(Why::Default),
            Edge::Configured => core(Why::NotConfigured),
            Edge::Topology if is_linked() => core(Why::Link),
            Edge::Topology => edge(Why::NoLink),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;

    #[test]
    fn configuration_beats_speed_and_speed_beats_topology() {
        let policy = |keys: &str| {
            let config = Config::parse(Path::new("t"), &format!("[mark]\n{keys}\n")).unwrap();
            Policy::new(&config.mark)
        };
        let (giga, ten) = (Some("1G".parse().unwrap()), Some("10G".parse().unwrap()));
        let (edge, core) = (Role::Edge, Role::Core);
        let slow = "edge_speeds = [\"1G\", \"100M\"]";
        let slow_topology = format!("{slow}\nedge = \"topology\"");
        for (keys, said, speed, linked, role, why) in [
            ("", None, None, true, edge, Why::Default),
            ("", Some(core), None, false, core, Why::Configured),
            (
                "edge = \"configured\"",
                None,
                giga,
                false,
                core,
                Why::NotConfigured,
            ),
            (
                "edge = \"configured\"",
                Some(edge),
                giga,
                true,
                edge,
                Why::Configured,
            ),
            (slow, None, giga, true, edge, Why::Default),
            (slow, None, ten, false, core, Why::Speed),
            (slow, None, None, false, core, Why::SpeedUnknown),
            (slow, Some(edge), ten, true, edge, Why::Configured),
            ("edge = \"topology\"", None, None, true, core, Why::Link),
            ("edge = \"topology\"", None, None, false, edge, Why::NoLink),
            (
                "edge = \"topology\"",
                Some(edge),
                None,
                true,
                edge,
                Why::Configured,
            ),
            (&slow_topology, None, giga, true, core, Why::Link),
            (&slow_topology, None, ten, true, core, Why::Speed),
        ] {
            let judged = policy(keys).judge(said, speed, || linked);
            assert_eq!(judged, Judged { role, why }, "{keys} {said:?} {speed:?} {linked}");
        }
    }
}
