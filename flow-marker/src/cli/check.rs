//! `flow-marker check`: what a configuration would do.

use std::io::Write;
use std::sync::Arc;

use anyhow::Context as _;
use shared::serve::tls::Fresh;
use shared::units::TimeSpan;

use crate::actuator::acl::AclActuator;
use crate::actuator::{Action, Control, Mark, rule};
use crate::config::{Config, Edge, Fabric, Interface, Mode, Profile, Role, Switch, Threshold};
use crate::flow::FiveTuple;
use crate::inventory::Policy;
use crate::packet::IpProtocol;
use crate::webhook::Hook;

/// Prints what would be done; contacts nobody.
///
/// # Errors
/// A token or certificate cannot be read, or `out` cannot be written to.
pub(super) fn check(config: &Config, out: &mut dyn Write) -> anyhow::Result<()> {
    config.http.check(config.file.as_deref())?;
    config.http.credentials()?;
    if let Some(tls) = &config.http.tls {
        Fresh::read(&tls.files()).context("[http.tls]")?;
    }
    let mark = &config.mark;
    match mark.mode {
        Mode::Observe => writeln!(
            out,
            "mode observe: elephants are found and shown, no switch is contacted unless a person asks for a control"
        )?,
        Mode::Act => writeln!(out, "mode act: elephants are marked on {}", switches(config))?,
    }
    write!(out, "threshold {}", mark.threshold)?;
    if matches!(mark.threshold, Threshold::Share(_)) {
        write!(out, ", at most {}bit/s", mark.threshold_max)?;
    }
    writeln!(out, "; {}", evidence(mark.profile))?;
    writeln!(
        out,
        "at most {} rules on a switch, named {}_mark_…, each for at least {}; gone {} after the end of flow-marker; changed at most every {} after a burst of three; only flows with DSCP {}{}",
        mark.max_rules,
        config.id,
        TimeSpan(mark.hold),
        TimeSpan(mark.ttl),
        TimeSpan(mark.commit_interval),
        mark.only_dscp,
        if mark.udp { ", TCP and UDP" } else { ", TCP only" },
    )?;
    if !mark.exclude.is_empty() {
        writeln!(out, "never from or to {}", mark.exclude)?;
    }
    if !mark.edge_speeds.is_empty() {
        let list: Vec<_> = mark
            .edge_speeds
            .iter()
            .map(|speed| format!("{speed}bit/s"))
            .collect();
        writeln!(out, "only flows that enter by a port of {}", list.join(" or "))?;
    }
    match mark.edge {
        Edge::All => {}
        Edge::Configured => writeln!(out, "only flows that enter by a port with `role = \"edge\"`")?,
        Edge::Topology => writeln!(
            out,
            "only flows that enter by a port without a link in the topology (PUT /topology/json)"
        )?,
    }
    for switch in &config.switches {
        one_switch(config, switch, out)?;
    }
    for fabric in &config.fabrics {
        one_template(config, fabric, out)?;
    }
    for list in &config.capture.blacklists {
        list.check_file()?;
    }
    for webhook in &config.webhooks {
        // Reads token and certificates, as `run` would.
        Hook::new(webhook, &config.id, Arc::default())?;
        let (name, host) = (&webhook.name, webhook.url.host_str().unwrap_or_default());
        let kinds: Vec<_> = webhook.events.iter().map(|kind| kind.word()).collect();
        writeln!(out, "\nwebhook {name}: tells {host} of {}", kinds.join(", "))?;
    }
    if config.switches.is_empty() && config.fabrics.is_empty() {
        writeln!(
            out,
            "no [[switch]] and no [fabric]: every datagram would be from an unknown agent"
        )?;
    }
    Ok(())
}

/// What makes an elephant, in words.
const fn evidence(profile: Profile) -> &'static str {
    match profile {
        Profile::Fast => "profile fast: 0.32 s at that rate, by TCP sequence numbers",
        Profile::Balanced => "profile balanced: 0.72 s at that rate, by TCP sequence numbers",
        Profile::Strict => "profile strict: 1 s at that rate, by TCP sequence numbers",
        Profile::Average => "profile average: an exponential average over 1 s",
    }
}

/// How many switches are marked on.
fn switches(config: &Config) -> String {
    let some = match config.switches.len() {
        1 => "1 switch".to_owned(),
        some => format!("{some} switches"),
    };
    match config.fabrics.iter().map(|fabric| fabric.max_switches).sum() {
        0_usize => some,
        more => format!("{some}, and up to {more} by templates"),
    }
}

fn one_template(config: &Config, fabric: &Fabric, out: &mut dyn Write) -> anyhow::Result<()> {
    let prefixes: Vec<_> = fabric.agents.iter().map(ToString::to_string).collect();
    writeln!(
        out,
        "\ntemplate: agents in {}, at most {}, whose datagrams come from the agent itself",
        prefixes.join(", "),
        fabric.max_switches
    )?;
    for (agent, sources) in &fabric.aliases {
        let sources: Vec<_> = sources.iter().map(ToString::to_string).collect();
        writeln!(out, "  {agent}: or from {}", sources.join(", "))?;
    }
    let example = fabric.agents.iter().filter_map(|prefix| prefix.hosts().next());
    for agent in example {
        let Some(switch) = fabric.switch(agent) else {
            continue;
        };
        writeln!(out, "  {agent} would be at {}", switch.acl)?;
        match &switch.token_file {
            // One for each switch: they need not be there yet.
            Some(file) if fabric.has_token_each() => {
                writeln!(out, "    with the token in {}", file.display())?;
            }
            // Reads token and certificates, as `run` would.
            _ => drop(AclActuator::new(&switch, String::new())?),
        }
        writeln!(out, "    a mark looks like this:")?;
        for line in rule::lines(switch.platform, &example_mark(config, &switch)?) {
            writeln!(out, "      {line}")?;
        }
    }
    Ok(())
}

fn one_switch(config: &Config, switch: &Switch, out: &mut dyn Write) -> anyhow::Result<()> {
    // Reads token and certificates, as `run` would.
    AclActuator::new(switch, String::new())?;
    let mark = &config.mark;
    writeln!(out, "\nswitch {} at {}", switch.agent, switch.acl)?;
    for (if_index, port) in &switch.ports {
        let name = port.name.as_deref().unwrap_or("(name from the switch)");
        let speed = port
            .speed
            .map_or_else(|| "speed from counters".to_owned(), |s| format!("{s}bit/s"));
        let judged = Policy::new(mark).judge(port.role, port.speed, || false);
        let threshold = match (
            judged.role,
            mark.threshold.of_port(port.speed, mark.threshold_max),
        ) {
            (Role::Core, _) => format!(
                "core ({}): flows that enter here are not marked",
                judged.why.text()
            ),
            (Role::Edge, Some(threshold)) => format!("elephants from {threshold}bit/s"),
            (Role::Edge, None) => "elephants when the speed is known".to_owned(),
        };
        let lag = port
            .lag
            .map_or_else(String::new, |lag| format!(", member of the LAG {lag}"));
        writeln!(out, "  port {if_index} {name}: {speed}, {threshold}{lag}")?;
    }
    if mark.edge == Edge::Configured {
        writeln!(out, "  other ports: not marked")?;
    } else {
        match mark.threshold.of_port(None, mark.threshold_max) {
            Some(threshold) => writeln!(out, "  other ports: elephants from {threshold}bit/s")?,
            None => writeln!(
                out,
                "  other ports: when their speed is known from counter samples"
            )?,
        }
    }
    writeln!(out, "  a mark looks like this:")?;
    for line in rule::lines(switch.platform, &example_mark(config, switch)?) {
        writeln!(out, "    {line}")?;
    }
    Ok(())
}

/// A flow between addresses for documentation (RFC 5737).
fn example_mark(config: &Config, switch: &Switch) -> anyhow::Result<Control> {
    Ok(Control {
        name: format!("{}_mark_example", config.id).parse()?,
        interface: match &switch.interface {
            Interface::Pattern(pattern) => pattern.clone(),
            Interface::Ingress => "PORT".to_owned(),
        },
        action: Action::Mark {
            flow: FiveTuple {
                source: [192, 0, 2, 1].into(),
                destination: [198, 51, 100, 2].into(),
                protocol: IpProtocol::TCP,
                source_port: 40_000,
                destination_port: 5001,
            },
            mark: Mark {
                dscp: config.mark.dscp,
                cos: config.mark.cos,
            },
        },
    })
}
