//! What is known of the ports of one switch.

use std::collections::HashMap;
use std::sync::Arc;

use shared::units::BitRate;

use crate::config::{self, Role};
use crate::flow::Lags;

/// What is known of a port.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Port {
    /// Its name, such as `swp1`.
    pub name: Option<Arc<str>>,
    /// Its speed; `None` when unknown, also when the agent says 0, as ports that are down do.
    pub speed: Option<BitRate>,
    /// What it is connected to.
    pub role: Role,
}

/// The ports of one switch, in order of their ifIndex.
pub type PortList = Vec<(u32, Port)>;

/// One switch of the inventory.
#[derive(Debug)]
pub struct Switch {
    ports: HashMap<u32, Known>,
    lags: Lags,
}

/// A port and which of its facts the configuration has fixed.
#[derive(Debug, Default)]
struct Known {
    port: Port,
    name_fixed: bool,
    speed_fixed: bool,
}

/// The limit of known ports of a switch was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooManyPorts;

impl Switch {
    /// The largest chassis have fewer than 1,200 ports; each may be split into four.
    pub const MAX_PORTS: usize = 4800;

    /// What the configuration says.
    pub fn new(switch: &config::Switch) -> Self {
        let ports = switch.ports.iter().map(|(&if_index, port)| {
            let known = Known {
                port: Port {
                    name: port.name.as_deref().map(Arc::from),
                    speed: port.speed,
                    role: port.role,
                },
                name_fixed: port.name.is_some(),
                speed_fixed: port.speed.is_some(),
            };
            (if_index, known)
        });
        Self {
            ports: ports.collect(),
            lags: Lags::new(
                switch
                    .ports
                    .iter()
                    .filter_map(|(&port, known)| Some((port, known.lag?))),
            ),
        }
    }

    /// The members of its LAGs, as far as the configuration says.
    pub fn lags(&self) -> Lags {
        self.lags.clone()
    }

    /// What is known of the port with this ifIndex.
    pub fn port(&self, if_index: u32) -> Option<&Port> {
        self.ports.get(&if_index).map(|known| &known.port)
    }

    /// All known ports, in order of their ifIndex.
    pub fn ports(&self) -> PortList {
        let mut ports: Vec<_> = self
            .ports
            .iter()
            .map(|(&i, known)| (i, known.port.clone()))
            .collect();
        ports.sort_unstable_by_key(|(if_index, _)| *if_index);
        ports
    }

    /// How many ports are known.
    pub fn port_count(&self) -> usize {
        self.ports.len()
    }

    fn entry(&mut self, if_index: u32) -> Result<&mut Known, TooManyPorts> {
        if self.ports.len() >= Self::MAX_PORTS && !self.ports.contains_key(&if_index) {
            return Err(TooManyPorts);
        }
        Ok(self.ports.entry(if_index).or_default())
    }

    /// Remembers a speed in bits per second that the agent told; true when that was news. 0 is no news: a port that is
    /// down keeps the speed it had.
    ///
    /// # Errors
    /// [`TooManyPorts`]
    pub fn learn_speed(&mut self, if_index: u32, bits_per_second: u64) -> Result<bool, TooManyPorts> {
        let known = self.entry(if_index)?;
        let speed = Some(BitRate::from_bits_per_second(bits_per_second));
        if known.speed_fixed || bits_per_second == 0 || known.port.speed == speed {
            return Ok(false);
        }
        known.port.speed = speed;
        Ok(true)
    }

    /// Remembers a name that the agent told; true when that was news.
    ///
    /// # Errors
    /// [`TooManyPorts`]
    pub fn learn_name(&mut self, if_index: u32, name: &str) -> Result<bool, TooManyPorts> {
        /// Names are shown to people; longer ones than ifName's usual 64 characters are nonsense.
        const MAX_NAME: usize = 64;
        let known = self.entry(if_index)?;
        let new = known.port.name.as_deref() != Some(name);
        if known.name_fixed || !new || name.len() > MAX_NAME {
            return Ok(false);
        }
        known.port.name = Some(name.into());
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn switch() -> Switch {
        let text = "[[switch]]\nagent = \"10.0.0.1\"\nacl = \"http://a\"\n[switch.ports.3]\nspeed = \"10G\"\nname = \"swp3\"\n";
        Switch::new(&config::Config::parse(Path::new("t"), text).unwrap().switches[0])
    }

    #[test]
    fn what_is_configured_overrides_what_is_learned() {
        let mut switch = switch();
        assert_eq!(switch.learn_speed(3, 1_000_000_000), Ok(false));
        assert_eq!(switch.learn_name(3, "other"), Ok(false));
        assert_eq!(switch.port(3).unwrap().speed, Some("10G".parse().unwrap()));
        assert_eq!(switch.port(3).unwrap().name.as_deref(), Some("swp3"));
    }

    #[test]
    fn a_learned_speed_survives_a_port_that_goes_down() {
        let mut switch = switch();
        assert_eq!(switch.learn_speed(7, 0), Ok(false));
        assert_eq!(switch.port(7).unwrap().speed, None);
        assert_eq!(switch.learn_speed(7, 1_000_000_000), Ok(true));
        assert_eq!(switch.learn_speed(7, 0), Ok(false));
        assert_eq!(switch.port(7).unwrap().speed, Some("1G".parse().unwrap()));
        assert_eq!(switch.learn_speed(7, 100_000_000), Ok(true));
    }

    #[test]
    fn forged_ports_fill_a_bounded_list() {
        let mut switch = switch();
        let refused = (0..10_000).filter(|&n| switch.learn_speed(n, 1).is_err()).count();
        assert_eq!(switch.port_count(), Switch::MAX_PORTS);
        assert_eq!(refused, 10_000 - Switch::MAX_PORTS);
        assert_eq!(switch.learn_name(3, "x"), Ok(false), "known ports stay");
    }
}
