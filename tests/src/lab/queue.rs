use anyhow::Result;

use super::Lab;
use crate::process;

/// Packets that each queue holds. With full frames at 150 Mb/s: 32 ms, what a switch with a shared buffer may well have
/// for one port.
const PACKETS: u32 = 400;

impl Lab {
    /// Makes the link from the leaf to host b a bottleneck of `bits_per_second`, with two queues: packets with the DSCP
    /// `low` wait in one that is served only while the other is empty (but for a tenth of the link, so that nothing
    /// starves), all others in that other. A queue that looks for another DSCP than the marks have is misconfigured.
    ///
    /// # Errors
    /// The system refuses.
    pub fn bottleneck(&self, bits_per_second: u64, low: u8) -> Result<()> {
        self.without_bottleneck()?;
        let (most, least) = (bits_per_second - bits_per_second / 10, bits_per_second / 10);
        // The upper six bits of the field that was called type of service, and later traffic class.
        let field = low << 2;
        let small = "burst 3k cburst 3k";
        let batch = format!(
            "qdisc add dev swp2 root handle 1: htb default 10\n\
             class add dev swp2 parent 1: classid 1:1 htb rate {bits_per_second} ceil {bits_per_second} {small}\n\
             class add dev swp2 parent 1:1 classid 1:10 htb rate {most} ceil {bits_per_second} prio 0 {small}\n\
             class add dev swp2 parent 1:1 classid 1:20 htb rate {least} ceil {bits_per_second} prio 1 {small}\n\
             qdisc add dev swp2 parent 1:10 handle 10: pfifo limit {PACKETS}\n\
             qdisc add dev swp2 parent 1:20 handle 20: pfifo limit {PACKETS}\n\
             filter add dev swp2 parent 1: protocol ip prio 1 u32 match ip dsfield {field} 0xfc flowid 1:20\n\
             filter add dev swp2 parent 1: protocol ipv6 prio 2 u32 match ip6 priority {field} 0xfc flowid 1:20\n"
        );
        self.traffic_control(&batch)
    }

    /// Takes the bottleneck away, if there is one.
    ///
    /// # Errors
    /// The system refuses.
    pub fn without_bottleneck(&self) -> Result<()> {
        // What is replaced can be deleted, whatever was there before.
        self.traffic_control("qdisc replace dev swp2 root handle 2: pfifo\nqdisc del dev swp2 root\n")
    }

    fn traffic_control(&self, batch: &str) -> Result<()> {
        let mut tc = process::command("tc");
        tc.args(["-n", self.leaf().name(), "-batch", "-"]);
        process::run_with_input(tc, batch).map(drop)
    }
}
