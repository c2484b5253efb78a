//! Interfaces, what is in and below them, and protocols.

use super::{Entry, Kind, SKIP, entry, gauge, milli, percent, plain, rate, text};

const DIRECTIONS: Kind = Kind::Words(&[
    (0, "unknown"),
    (1, "full-duplex"),
    (2, "half-duplex"),
    (3, "in"),
    (4, "out"),
]);

/// IANAifType of what switches and hosts have; others are shown as numbers.
const INTERFACE_TYPES: Kind = Kind::Words(&[
    (1, "other"),
    (6, "ethernetCsmacd"),
    (7, "iso88023Csmacd"),
    (9, "iso88025TokenRing"),
    (15, "fddi"),
    (23, "ppp"),
    (24, "softwareLoopback"),
    (26, "ethernet3Mbit"),
    (37, "atm"),
    (39, "sonet"),
    (53, "propVirtual"),
    (56, "fibreChannel"),
    (71, "ieee80211"),
    (117, "gigabitEthernet"),
    (131, "tunnel"),
    (135, "l2vlan"),
    (136, "l3ipvlan"),
    (150, "mplsTunnel"),
    (161, "ieee8023adLag"),
    (166, "mpls"),
    (199, "infiniband"),
    (209, "bridge"),
]);

pub(super) const INTERFACE: &[Entry] = &[
    plain("ifindex"),
    entry("iftype", INTERFACE_TYPES),
    gauge("ifspeed"),
    entry("ifdirection", DIRECTIONS),
    entry("ifadminstatus", Kind::Status),
    rate("ifinoctets"),
    rate("ifinucastpkts"),
    rate("ifinmulticastpkts"),
    rate("ifinbroadcastpkts"),
    rate("ifindiscards"),
    rate("ifinerrors"),
    rate("ifinunknownprotos"),
    rate("ifoutoctets"),
    rate("ifoutucastpkts"),
    rate("ifoutmulticastpkts"),
    rate("ifoutbroadcastpkts"),
    rate("ifoutdiscards"),
    rate("ifouterrors"),
    plain("ifpromiscuous"),
];

pub(super) const ETHERNET: &[Entry] = &[
    rate("eth_alignmenterrors"),
    rate("eth_fcserrors"),
    rate("eth_singlecollisions"),
    rate("eth_multiplecollisions"),
    rate("eth_sqetesterrors"),
    rate("eth_deferredtx"),
    rate("eth_latecollision"),
    rate("eth_excessivecollision"),
    rate("eth_internalmactxerrors"),
    rate("eth_carriersenseerrors"),
    rate("eth_frametoolongs"),
    rate("eth_internalmacrxerrors"),
    rate("eth_symbolerrors"),
];

pub(super) const TOKEN_RING: &[Entry] = &[
    rate("tr_lineerrors"),
    rate("tr_bursterrors"),
    rate("tr_acerrors"),
    rate("tr_aborttranserrors"),
    rate("tr_internalerrors"),
    rate("tr_lostframeerrors"),
    rate("tr_receivecongestions"),
    rate("tr_framecopiederrors"),
    rate("tr_tokenerrors"),
    rate("tr_softerrors"),
    rate("tr_harderrors"),
    rate("tr_signalloss"),
    rate("tr_transmitbeacons"),
    rate("tr_recoverys"),
    rate("tr_lobewires"),
    rate("tr_removes"),
    rate("tr_singles"),
    rate("tr_freqerrors"),
];

pub(super) const VG: &[Entry] = &[
    rate("vg_inhighpriorityframes"),
    rate("vg_inhighpriorityoctets"),
    rate("vg_innormpriorityframes"),
    rate("vg_innormpriorityoctets"),
    rate("vg_inipmerrors"),
    rate("vg_inoversizeframeerrors"),
    rate("vg_indataerrors"),
    rate("vg_innulladdressedframes"),
    rate("vg_outhighpriorityframes"),
    rate("vg_outhighpriorityoctets"),
    rate("vg_transitionintotrainings"),
    rate("vg_hcinhighpriorityoctets"),
    rate("vg_hcinnormpriorityoctets"),
    rate("vg_hcouthighpriorityoctets"),
];

pub(super) const VLAN: &[Entry] = &[
    plain("vlan_id"),
    rate("vlan_octets"),
    rate("vlan_ucastpkts"),
    rate("vlan_multicastpkts"),
    rate("vlan_broadcastpkts"),
    rate("vlan_discards"),
];

pub(super) const WIRELESS: &[Entry] = &[
    rate("dot11_transmittedfragments"),
    rate("dot11_multicasttransmittedframes"),
    rate("dot11_failures"),
    rate("dot11_retries"),
    rate("dot11_multipleretries"),
    rate("dot11_frameduplicates"),
    rate("dot11_rtssuccesses"),
    rate("dot11_rtsfailures"),
    rate("dot11_ackfailures"),
    rate("dot11_receivedfragments"),
    rate("dot11_multicastreceivedframes"),
    rate("dot11_fcserrors"),
    rate("dot11_transmittedframes"),
    rate("dot11_wepundecryptables"),
    rate("dot11_qosdiscardedfragments"),
    gauge("dot11_associatedstations"),
    rate("dot11_qoscfpollsreceived"),
    rate("dot11_qoscfpollsunused"),
    rate("dot11_qoscfpollsunusable"),
    rate("dot11_qoscfpollslost"),
];

pub(super) const LAG: &[Entry] = &[
    entry("lag_actorsystemid", Kind::Mac),
    entry("lag_partnersystemid", Kind::Mac),
    plain("lag_attachedaggid"),
    plain("lag_actoradminstate"),
    plain("lag_actoroperstate"),
    plain("lag_partneradminstate"),
    plain("lag_partneroperstate"),
    rate("lag_lacpdusrx"),
    rate("lag_markerpdusrx"),
    rate("lag_markerresponsepdusrx"),
    rate("lag_unknownrx"),
    rate("lag_illegalrx"),
    rate("lag_lacpdustx"),
    rate("lag_markerpdustx"),
    rate("lag_markerresponsepdustx"),
];

pub(super) const SLOW_PATH: &[Entry] = &[
    rate("slowpath_unknown"),
    rate("slowpath_other"),
    rate("slowpath_cammiss"),
    rate("slowpath_camfull"),
    rate("slowpath_nohwsupport"),
    rate("slowpath_cntrl"),
];

pub(super) const TRANSCEIVER: &[Entry] = &[
    plain("optic_module_id"),
    gauge("optic_module_num_lanes"),
    milli("optic_module_supply_voltage"),
    milli("optic_module_temperature"),
];
pub(super) const LANE: &[Entry] = &[
    SKIP,
    gauge("optic_lane_tx_bias_current"),
    gauge("optic_lane_tx_power"),
    gauge("optic_lane_tx_power_min"),
    gauge("optic_lane_tx_power_max"),
    gauge("optic_lane_tx_wavelength"),
    gauge("optic_lane_rx_power"),
    gauge("optic_lane_rx_power_min"),
    gauge("optic_lane_rx_power_max"),
    gauge("optic_lane_rx_wavelength"),
];

pub(super) const PFC: &[Entry] = &[
    rate("pfc_requests"),
    rate("pfc_indications"),
    rate("pfc_pause_us"),
    rate("pfc_storms_detected"),
    rate("pfc_storms_restored"),
];

pub(super) const PROCESSOR: &[Entry] = &[
    percent("5s_cpu"),
    percent("1m_cpu"),
    percent("5m_cpu"),
    gauge("total_memory"),
    gauge("free_memory"),
];

pub(super) const RADIO: &[Entry] = &[
    rate("radio_elapsed_ms"),
    rate("radio_on_channel_ms"),
    rate("radio_on_channel_busy_ms"),
];

pub(super) const OPENFLOW_PORT: &[Entry] = &[plain("of_dpid"), plain("of_port")];
pub(super) const PORT_NAME: &[Entry] = &[text("ifname")];

pub(super) const IP: &[Entry] = &[
    plain("ip_forwarding"),
    plain("ip_defaultttl"),
    rate("ip_inreceives"),
    rate("ip_inhdrerrors"),
    rate("ip_inaddrerrors"),
    rate("ip_forwdatagrams"),
    rate("ip_inunknownprotos"),
    rate("ip_indiscards"),
    rate("ip_indelivers"),
    rate("ip_outrequests"),
    rate("ip_outdiscards"),
    rate("ip_outnoroutes"),
    gauge("ip_reasmtimeout"),
    rate("ip_reasmreqds"),
    rate("ip_reasmoks"),
    rate("ip_reasmfails"),
    rate("ip_fragoks"),
    rate("ip_fragfails"),
    rate("ip_fragcreates"),
];

pub(super) const ICMP: &[Entry] = &[
    rate("icmp_inmsgs"),
    rate("icmp_inerrors"),
    rate("icmp_indestunreachs"),
    rate("icmp_intimeexcds"),
    rate("icmp_inparamprobs"),
    rate("icmp_insrcquenchs"),
    rate("icmp_inredirects"),
    rate("icmp_inechos"),
    rate("icmp_inechoreps"),
    rate("icmp_intimestamps"),
    rate("icmp_inaddrmasks"),
    rate("icmp_inaddrmaskreps"),
    rate("icmp_outmsgs"),
    rate("icmp_outerrors"),
    rate("icmp_outdestunreachs"),
    rate("icmp_outtimeexcds"),
    rate("icmp_outparamprobs"),
    rate("icmp_outsrcquenchs"),
    rate("icmp_outredirects"),
    rate("icmp_outechos"),
    rate("icmp_outechoreps"),
    rate("icmp_outtimestamps"),
    rate("icmp_outtimestampreps"),
    rate("icmp_outaddrmasks"),
    rate("icmp_outaddrmaskreps"),
];

pub(super) const TCP: &[Entry] = &[
    plain("tcp_rtoalgorithm"),
    gauge("tcp_rtomin"),
    gauge("tcp_rtomax"),
    gauge("tcp_maxconn"),
    rate("tcp_activeopens"),
    rate("tcp_passiveopens"),
    rate("tcp_attemptfails"),
    rate("tcp_estabresets"),
    gauge("tcp_currestab"),
    rate("tcp_insegs"),
    rate("tcp_outsegs"),
    rate("tcp_retranssegs"),
    rate("tcp_inerrs"),
    rate("tcp_outrsts"),
    rate("tcp_incsumerrors"),
];

pub(super) const UDP: &[Entry] = &[
    rate("udp_indatagrams"),
    rate("udp_noports"),
    rate("udp_inerrors"),
    rate("udp_outdatagrams"),
    rate("udp_rcvbuferrors"),
    rate("udp_sndbuferrors"),
    rate("udp_incsumerrors"),
];
