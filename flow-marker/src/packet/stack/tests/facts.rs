//! All that a stack says, as a flat list: what a cut packet says must be among what the whole packet says.
//!
//! The fuzz target includes this file.

use std::collections::BTreeMap;
use std::fmt::Debug;

use super::packet::Kind;
use super::packet::stack::Stack;
use super::packet::view::{self, View};

/// Layer, number of its occurrence, field; and the value.
pub(super) type Facts = BTreeMap<(&'static str, usize, &'static str), String>;

/// Every field that is there.
pub(super) fn facts(stack: &Stack<'_>) -> Facts {
    let mut facts = Facts::new();
    // Kinds without fields have their place below.
    macro_rules! fields {
        ($($view:ident: $($field:ident)*;)*) => {$(
            each::<view::$view<'_>>(stack, |n, view| {
                let kind = <view::$view<'_> as View<'_>>::KIND.name();
                $(add(&mut facts, (kind, n, stringify!($field)), view.$field());)*
            });
        )*};
    }
    fields! {
        Ethernet: destination source ethertype;
        Vlan: id priority drop_eligible ethertype;
        Llc: dsap ssap;
        Snap: organization protocol;
        Mpls: label traffic_class bottom ttl;
        Arp: operation sender_mac sender_ip target_mac target_ip;
        Ipv4: header_length tos dscp ecn total_length identification flags fragment_offset ttl protocol source
            destination options;
        Ipv6: traffic_class dscp ecn flow_label payload_length next_header hop_limit source destination;
        Routing: routing_type segments_left;
        Fragment: offset more identification;
        Ah: spi sequence;
        Esp: spi sequence;
        Tcp: source_port destination_port sequence acknowledgement header_length flags window timestamps;
        Udp: source_port destination_port length;
        Sctp: source_port destination_port verification_tag;
        Icmp: kind code identifier sequence unreachable;
        Icmp6: kind code identifier sequence unreachable;
        Igmp: kind;
        Gre: version protocol key virtual_subnet sequence;
        Erspan: version vlan session;
        Vxlan: vni;
        Geneve: version header_length protocol vni;
        Gtp: message tunnel;
        Bth: opcode is_cnp solicited_event migrated partition destination_qp acknowledge sequence;
        Dns: id is_response opcode response_code questions question_type;
    }
    each::<view::Dns<'_>>(stack, |n, dns| {
        let name = dns.name().map(|name| name.to_string());
        add(&mut facts, ("dns", n, "name"), name);
    });
    for n in 0..stack.kinds().filter(|kind| *kind == Kind::Ethernet).count() {
        add(&mut facts, ("eth", n, "protocol"), stack.ethertype(n));
    }
    for (n, layer) in stack.layers().enumerate() {
        add(&mut facts, (layer.kind.name(), n, "offset"), Some(layer.offset));
        add(
            &mut facts,
            (layer.kind.name(), n, "payload length"),
            layer.payload_length,
        );
    }
    facts
}

fn each<'a, V: View<'a>>(stack: &Stack<'a>, mut with: impl FnMut(usize, V)) {
    let mut n = 0;
    while let Some(view) = stack.nth::<V>(n) {
        with(n, view);
        n += 1;
    }
}

fn add(facts: &mut Facts, name: (&'static str, usize, &'static str), value: Option<impl Debug>) {
    if let Some(value) = value {
        facts.insert(name, format!("{value:?}"));
    }
}

/// What `part`, made from fewer bytes, says otherwise than `whole`.
pub(super) fn contradiction(part: &Stack<'_>, whole: &Stack<'_>) -> Option<String> {
    let (names, all) = (part.names().to_string(), whole.names().to_string());
    if !all.starts_with(&names) {
        return Some(format!("{names} is no beginning of {all}"));
    }
    let whole = facts(whole);
    facts(part)
        .into_iter()
        .find(|(name, value)| whole.get(name) != Some(value))
        .map(|(name, value)| format!("{name:?} is {value}, but {:?} of the whole", whole.get(&name)))
}
