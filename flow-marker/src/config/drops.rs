//! Section `[drop]`: which attacks are dropped.

use std::time::Duration;

use ipnet::IpNet;
use serde::Deserialize;
use shared::units::{BitRate, TimeSpan};
use toml::Spanned;

use super::address::Prefix;
use super::values::{MaxRules, Mode};
use super::{Mistake, mistake};

/// Which attacks are dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drops {
    /// Whether switches are contacted.
    pub mode: Mode,
    /// Whose hosts are protected.
    pub local: Vec<IpNet>,
    /// The rate towards one host that makes an attack.
    pub threshold: BitRate,
    /// The packets a second that open TCP connections to one service which make a flood.
    pub syn_rate: u32,
    /// UDP source ports that answer more than they are asked: amplification.
    pub ports: Vec<u16>,
    /// Drops on one switch at most.
    pub max_rules: usize,
    /// How long a drop stays at first, and at most when it had to come again and again.
    pub ttl: (Duration, Duration),
    /// Never drop what is from or to these.
    pub exclude: Vec<IpNet>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Table {
    mode: Spanned<Mode>,
    local: Vec<Prefix>,
    threshold: BitRate,
    syn_rate: u32,
    ports: Vec<u16>,
    max_rules: MaxRules,
    ttl: Spanned<TimeSpan>,
    ttl_max: TimeSpan,
    exclude: Vec<Prefix>,
}

/// Services that attacks are reflected by: chargen, DNS, portmapper, NTP, NetBIOS, SNMP, CLDAP, SSDP, WS-Discovery, CoAP,
/// memcached.
const AMPLIFIERS: [u16; 11] = [19, 53, 111, 123, 137, 161, 389, 1900, 3702, 5683, 11211];

impl Default for Table {
    fn default() -> Self {
        Self {
            mode: Spanned::new(0..0, Mode::default()),
            local: Vec::new(),
            threshold: BitRate::from_bits_per_second(1_000_000_000),
            // A server of today takes as many new connections, and no more.
            syn_rate: 50_000,
            ports: AMPLIFIERS.to_vec(),
            max_rules: MaxRules(4),
            ttl: Spanned::new(0..0, TimeSpan(Duration::from_secs(300))),
            ttl_max: TimeSpan(Duration::from_secs(3600)),
            exclude: Vec::new(),
        }
    }
}

impl Table {
    pub(super) fn check(self, local: &[IpNet]) -> Result<Drops, Mistake> {
        let (ttl, ttl_max) = (self.ttl.get_ref().0, self.ttl_max.0);
        if ttl < Duration::from_secs(10) || ttl > ttl_max {
            let message = format!(
                "`ttl`: {} is not 10s to `ttl_max`, {}",
                TimeSpan(ttl),
                self.ttl_max
            );
            return Err(mistake(&self.ttl, message));
        }
        let prefixes = |prefixes: Vec<Prefix>| prefixes.into_iter().map(|prefix| prefix.0);
        let own: Vec<_> = prefixes(self.local).collect();
        let local = if own.is_empty() { local.to_vec() } else { own };
        if *self.mode.get_ref() == Mode::Act && local.is_empty() {
            let message = "`mode`: drops need `local`, the prefixes of our hosts, here or in [capture]";
            return Err(mistake(&self.mode, message));
        }
        Ok(Drops {
            mode: self.mode.into_inner(),
            local,
            threshold: self.threshold,
            syn_rate: self.syn_rate,
            ports: self.ports,
            max_rules: self.max_rules.0,
            ttl: (ttl, ttl_max),
            exclude: prefixes(self.exclude).collect(),
        })
    }
}
