//! From an elephant to the control that marks it.

use shared::AclName;

use crate::actuator::{Action, Control, Kind, Mark};
use crate::config::{self, Interface, Switch};
use crate::control::name;
use crate::detect::Elephant;
use crate::flow::FiveTuple;

/// The control that marks `elephant` on `switch`; `None` when the rule needs the name of a port and there is none.
pub fn control(
    id: &str,
    config: &config::Mark,
    switch: &Switch,
    elephant: &Elephant,
    port_name: Option<&str>,
) -> Option<Control> {
    let interface = match &switch.interface {
        Interface::Pattern(pattern) => pattern.as_str(),
        Interface::Ingress => port_name.filter(|name| config::is_interface_name(name))?,
    };
    of_flow(id, config, switch, interface, elephant.key.tuple)
}

/// The control that marks a flow on `switch`, where it enters by `interface`.
pub(super) fn of_flow(
    id: &str,
    config: &config::Mark,
    switch: &Switch,
    interface: &str,
    flow: FiveTuple,
) -> Option<Control> {
    Some(Control {
        name: name(id, switch, interface, &flow)?,
        interface: interface.to_owned(),
        action: Action::Mark {
            flow,
            mark: Mark {
                dscp: config.dscp,
                cos: config.cos,
            },
        },
    })
}

/// The name of a flow's mark. The interface is part of it, since with `interface = "ingress"` a flow that enters by two
/// ports needs two rules.
fn name(id: &str, switch: &Switch, interface: &str, flow: &FiveTuple) -> Option<AclName> {
    let agent = switch.agent.to_string();
    name::of(
        id,
        Kind::Mark,
        &[agent.as_bytes(), interface.as_bytes(), &flow.to_bytes()],
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::packet::IpProtocol;

    #[test]
    fn names_are_stable_legal_and_different() {
        let id = "x".repeat(24);
        let text = format!(
            "id = \"{id}\"\n[[switch]]\nagent = \"10.0.0.1\"\nacl = \"http://a\"\n[[switch]]\nagent = \"10.0.0.2\"\nacl = \"http://b\"\n"
        );
        let config = config::Config::parse(Path::new("t"), &text).unwrap();
        let flow = FiveTuple {
            source: "10.0.0.1".parse().unwrap(),
            destination: "10.0.0.2".parse().unwrap(),
            protocol: IpProtocol::TCP,
            source_port: 1,
            destination_port: 2,
        };
        let [one, two] = &config.switches[..] else {
            panic!("two switches")
        };
        let first = name(&config.id, one, "swp+", &flow).unwrap();
        assert_eq!(first, name(&config.id, one, "swp+", &flow).unwrap());
        assert_ne!(first, name(&config.id, two, "swp+", &flow).unwrap());
        assert_ne!(first, name(&config.id, one, "swp1", &flow).unwrap());
        assert_eq!(
            name("fm", one, "swp+", &flow).unwrap().as_str(),
            "fm_mark_67f18645cb6a775a946f10acd5f63671",
            "a new hash would orphan every rule at an upgrade"
        );
    }
}
