//! Records of flow samples.

mod application;
mod header;
mod host;
mod medium;
mod network;
mod packet;
mod queue;

pub use application::{
    AppInitiator, AppOperation, AppParent, AppTarget, HttpOld, HttpRequest, HttpTransaction,
    MemcacheOperation, NavigationTiming, NfsTransaction, ProxyRequest, ScsiTransaction, Transaction,
};
pub use header::{HeaderProtocol, RawHeader, Switch};
pub use host::{Entities, SocketV4, SocketV6, TcpInfo};
pub use medium::{
    Aggregation, FibreChannel, InfiniBandBth, InfiniBandGrh, InfiniBandLrh, OpenFlow, WirelessPayload,
    WirelessRx, WirelessTx,
};
pub use network::{
    Decapsulate, Gateway, Mpls, MplsFtn, MplsLdpFec, MplsTunnel, MplsVc, Nat, NatPort, Router, Url, User,
    VlanIn, VlanOut, VlanTunnel, Vni,
};
pub use packet::{EthernetFrame, Ipv4Packet, Ipv6Packet};
pub use queue::{
    Acl, BroadcomEgressQueue, EgressQueue, Function, HardwareTrap, LinuxDropReason, QueueDepth, QueueLength,
    Timestamp, TransitDelay,
};

use super::catalogue::catalogue;
use super::error::DecodeError;
use super::reader::Reader;
use super::record::Decode;
use super::structure::{Body as _, Lazy};

catalogue! {
    /// What a record of a flow sample is; displayed as `enterprise:number`.
    format FlowFormat

    /// One record of a flow sample.
    record FlowRecord {
        RAW_HEADER = 1 => RawHeader(RawHeader<'a>), "raw header";
        ETHERNET = 2 => Ethernet(EthernetFrame), "Ethernet";
        IPV4 = 3 => Ipv4(Ipv4Packet), "IPv4";
        IPV6 = 4 => Ipv6(Ipv6Packet), "IPv6";
        SWITCH = 1001 => Switch(Switch), "switch";
        ROUTER = 1002 => Router(Router), "router";
        GATEWAY = 1003 => Gateway(Lazy<'a, Gateway<'a>>), "gateway";
        USER = 1004 => User(User<'a>), "user";
        URL = 1005 => Url(Url<'a>), "URL";
        MPLS = 1006 => Mpls(Lazy<'a, Mpls<'a>>), "MPLS";
        NAT = 1007 => Nat(Nat), "NAT addresses";
        MPLS_TUNNEL = 1008 => MplsTunnel(MplsTunnel<'a>), "MPLS tunnel";
        MPLS_VC = 1009 => MplsVc(MplsVc<'a>), "MPLS VC";
        MPLS_FTN = 1010 => MplsFtn(MplsFtn<'a>), "MPLS FTN";
        MPLS_LDP_FEC = 1011 => MplsLdpFec(MplsLdpFec), "MPLS LDP FEC";
        VLAN_TUNNEL = 1012 => VlanTunnel(VlanTunnel<'a>), "VLAN tunnel";
        WIRELESS_PAYLOAD = 1013 => WirelessPayload(WirelessPayload<'a>), "802.11 payload";
        WIRELESS_RX = 1014 => WirelessRx(Lazy<'a, WirelessRx<'a>>), "802.11 rx";
        WIRELESS_TX = 1015 => WirelessTx(Lazy<'a, WirelessTx<'a>>), "802.11 tx";
        AGGREGATION = 1016 => Aggregation(Aggregation<'a>), "802.11 aggregation";
        OPENFLOW = 1017 => OpenFlow(OpenFlow), "OpenFlow";
        FIBRE_CHANNEL = 1018 => FibreChannel(FibreChannel), "Fibre Channel";
        QUEUE_LENGTH = 1019 => QueueLength(QueueLength), "queue length";
        NAT_PORT = 1020 => NatPort(NatPort), "NAT ports";
        L2_TUNNEL_EGRESS = 1021 => L2TunnelEgress(EthernetFrame), "L2 tunnel egress";
        L2_TUNNEL_INGRESS = 1022 => L2TunnelIngress(EthernetFrame), "L2 tunnel ingress";
        IPV4_TUNNEL_EGRESS = 1023 => Ipv4TunnelEgress(Ipv4Packet), "IPv4 tunnel egress";
        IPV4_TUNNEL_INGRESS = 1024 => Ipv4TunnelIngress(Ipv4Packet), "IPv4 tunnel ingress";
        IPV6_TUNNEL_EGRESS = 1025 => Ipv6TunnelEgress(Ipv6Packet), "IPv6 tunnel egress";
        IPV6_TUNNEL_INGRESS = 1026 => Ipv6TunnelIngress(Ipv6Packet), "IPv6 tunnel ingress";
        DECAPSULATE_EGRESS = 1027 => DecapsulateEgress(Decapsulate), "decapsulate egress";
        DECAPSULATE_INGRESS = 1028 => DecapsulateIngress(Decapsulate), "decapsulate ingress";
        VNI_EGRESS = 1029 => VniEgress(Vni), "VNI egress";
        VNI_INGRESS = 1030 => VniIngress(Vni), "VNI ingress";
        INFINIBAND_LRH = 1031 => InfiniBandLrh(Lazy<'a, InfiniBandLrh>), "InfiniBand LRH";
        INFINIBAND_GRH = 1032 => InfiniBandGrh(Lazy<'a, InfiniBandGrh>), "InfiniBand GRH";
        INFINIBAND_BTH = 1033 => InfiniBandBth(InfiniBandBth), "InfiniBand BTH";
        VLAN_IN = 1034 => VlanIn(VlanIn<'a>), "VLAN stack in";
        VLAN_OUT = 1035 => VlanOut(VlanOut<'a>), "VLAN stack out";
        EGRESS_QUEUE = 1036 => EgressQueue(EgressQueue), "egress queue";
        ACL = 1037 => Acl(Acl<'a>), "ACL";
        FUNCTION = 1038 => Function(Function<'a>), "function";
        TRANSIT_DELAY = 1039 => TransitDelay(TransitDelay), "transit delay";
        QUEUE_DEPTH = 1040 => QueueDepth(QueueDepth), "queue depth";
        HARDWARE_TRAP = 1041 => HardwareTrap(HardwareTrap<'a>), "hardware trap";
        LINUX_DROP_REASON = 1042 => LinuxDropReason(LinuxDropReason<'a>), "Linux drop reason";
        TIMESTAMP = 1043 => Timestamp(Timestamp), "timestamp";
        TRANSACTION = 2000 => Transaction(Lazy<'a, Transaction>), "transaction";
        NFS_TRANSACTION = 2001 => NfsTransaction(NfsTransaction<'a>), "NFS transaction";
        SCSI_TRANSACTION = 2002 => ScsiTransaction(ScsiTransaction), "SCSI transaction";
        HTTP_TRANSACTION = 2003 => HttpTransaction(Lazy<'a, HttpTransaction<'a>>), "HTTP transaction";
        SOCKET_V4 = 2100 => SocketV4(SocketV4), "IPv4 socket";
        SOCKET_V6 = 2101 => SocketV6(SocketV6), "IPv6 socket";
        PROXY_SOCKET_V4 = 2102 => ProxySocketV4(SocketV4), "IPv4 proxy socket";
        PROXY_SOCKET_V6 = 2103 => ProxySocketV6(SocketV6), "IPv6 proxy socket";
        MEMCACHE_OPERATION = 2200 => MemcacheOperation(Lazy<'a, MemcacheOperation<'a>>), "memcache";
        HTTP_OLD = 2201 => HttpOld(Lazy<'a, HttpOld<'a>>), "HTTP request (old)";
        APP_OPERATION = 2202 => AppOperation(Lazy<'a, AppOperation<'a>>), "application operation";
        APP_PARENT = 2203 => AppParent(Lazy<'a, AppParent<'a>>), "application parent";
        APP_INITIATOR = 2204 => AppInitiator(AppInitiator<'a>), "application initiator";
        APP_TARGET = 2205 => AppTarget(AppTarget<'a>), "application target";
        HTTP_REQUEST = 2206 => HttpRequest(Lazy<'a, HttpRequest<'a>>), "HTTP request";
        PROXY_REQUEST = 2207 => ProxyRequest(ProxyRequest<'a>), "proxy request";
        NAVIGATION_TIMING = 2208 => NavigationTiming(Lazy<'a, NavigationTiming>), "navigation timing";
        TCP_INFO = 2209 => TcpInfo(TcpInfo), "TCP info";
        ENTITIES = 2210 => Entities(Entities), "entities";
        BROADCOM_EGRESS_QUEUE = 4413 << 12 | 1 => BroadcomEgressQueue(BroadcomEgressQueue), "Broadcom egress queue";
    }
}

impl<'a> Decode<'a> for FlowRecord<'a> {
    fn is_known(format: u32) -> bool {
        FlowFormat(format).name().is_some()
    }

    #[inline]
    fn decode(format: u32, mut body: Reader<'a>) -> Result<Self, DecodeError> {
        // Nearly all records of nearly all agents are these two.
        match FlowFormat(format) {
            FlowFormat::RAW_HEADER => RawHeader::decode(&mut body).map(Self::RawHeader),
            FlowFormat::SWITCH => Switch::decode(&mut body).map(Self::Switch),
            format => Self::any(format, body),
        }
    }
}
