use std::time::SystemTime;

use anyhow::{Context, Result, ensure};

use super::fabric::{Control, Elephant, Fabric, FlowEnds, RATE, Tally};
use crate::lab::{AclServer, AclServerOptions, Family, FlowMarker, Lab, LabOptions, Mice, mark_config};
use crate::wire::{Capture, Flow, Seen};

/// The fabric of network namespaces: Open vSwitch samples, the kernel routes and marks, iperf3 sends.
#[derive(Debug)]
pub struct LabFabric {
    // In the order in which they must end.
    elephant: Option<crate::lab::Elephant>,
    mice: Mice,
    sent: Capture,
    received: Capture,
    flow_marker: FlowMarker,
    acl_server: AclServer,
    lab: Lab,
}

impl LabFabric {
    /// Builds the fabric, starts both daemons and the mice.
    ///
    /// # Errors
    /// Not root, a package is missing, or a daemon does not come up.
    pub fn start() -> Result<Self> {
        let lab = Lab::start(LabOptions::default())?;
        let acl_server = lab.acl_server(&AclServerOptions::default())?;
        let flow_marker = lab.flow_marker(&mark_config(&lab, "act")?)?;
        let (sent, received) = (lab.capture_sent()?, lab.capture_received()?);
        let mice = lab.mice()?;
        Ok(Self {
            elephant: None,
            mice,
            sent,
            received,
            flow_marker,
            acl_server,
            lab,
        })
    }

    fn flow(&self) -> Option<Flow> {
        self.elephant.as_ref().map(|elephant| elephant.flow)
    }
}

impl Fabric for LabFabric {
    fn description(&self) -> Vec<String> {
        [
            "A fabric of network namespaces on this machine, with real packets:",
            "",
            "  host a ──► swp1 │ leaf: Open vSwitch samples 1 in 100 (sFlow) │ swp2 ──► host b",
            "                  │ the kernel routes; iptables marks           │",
            "                  │ acl-server + acltool on 10.0.0.233:8080     │ mgmt ◄──► flow-marker on 10.0.0.162",
            "",
            "Mice run all the time: small requests and answers over TCP and UDP. An elephant is a flow of 10 % of the",
            "port's 1 Gb/s or more; it is to be marked with DSCP 10 where it enters, and the mice never.",
            "",
        ]
        .map(str::to_owned)
        .into()
    }

    fn far_end(&self) -> Option<&'static str> {
        Some("host b")
    }

    fn start(&mut self, elephant: Elephant, seconds: u32) -> Result<FlowEnds> {
        let family = match elephant {
            Elephant::V4 => Family::V4,
            Elephant::V6 => Family::V6,
        };
        let started = self.lab.elephant(family, &RATE.to_string(), seconds)?;
        let ends = FlowEnds {
            source: started.flow.source,
            destination: started.flow.destination,
        };
        self.elephant = Some(started);
        Ok(ends)
    }

    fn first_packet(&self) -> Option<SystemTime> {
        self.sent.flow(&self.flow()?).first
    }

    fn first_marked(&self, dscp: u8) -> Option<SystemTime> {
        let seen = self.received.flow(&self.flow()?);
        seen.first_marked.filter(|_| seen.with_dscp(dscp) > 0)
    }

    fn flow_has_ended(&self) -> bool {
        self.elephant
            .as_ref()
            .is_some_and(|elephant| !elephant.is_running())
    }

    fn last_packet(&self) -> Option<SystemTime> {
        self.sent.flow(&self.flow()?).last
    }

    fn controls(&self) -> Result<Vec<Control>> {
        Control::read_all(&self.flow_marker.get("/controls/json")?.json()?)
    }

    fn tally(&self, dscp: u8) -> Result<Tally> {
        let elephant = self.received.flow(&self.flow().context("no elephant")?);
        let flows = self.received.flows();
        let mice = || {
            flows
                .iter()
                .filter(|(flow, _)| Mice::is_mouse(flow))
                .map(|(_, seen)| seen)
        };
        let (packets, marked) = (
            mice().map(Seen::packets).sum::<u64>(),
            mice().map(Seen::marked).sum::<u64>(),
        );
        let share = percent(elephant.with_dscp(dscp), elephant.packets());
        let strange = elephant.marked() - elephant.with_dscp(dscp);
        let text = format!(
            "marked: {share} of the elephant's {} packets, {marked} of the mice's {packets}",
            elephant.packets()
        );
        Ok(Tally {
            text,
            fine: marked == 0 && strange == 0 && packets > 0,
        })
    }

    fn closing(&self) -> Result<String> {
        let left = self.acl_server.request("GET", "/acl/", None)?.text();
        ensure!(left.trim() == "[]", "ACLs are left on the switch: {left}");
        Ok(format!(
            "\nThe loop has closed twice; no ACL is left on the switch. {} mice were answered, {} were not.",
            self.mice.answered(),
            self.mice.lost()
        ))
    }

    fn logs(&self) -> String {
        format!(
            "{}\n{}",
            self.flow_marker.process.output_end(),
            self.acl_server.process.output_end()
        )
    }
}

#[expect(clippy::cast_precision_loss, reason = "a percentage for people")]
fn percent(part: u64, whole: u64) -> String {
    format!("{:.1} %", 100.0 * part as f64 / whole.max(1) as f64)
}
