//! Records of counter samples.

mod application;
mod device;
mod host;
mod interface;
mod machine;
mod port;

pub use application::{
    Application, ApplicationResources, ApplicationWorkers, Http, Memcache, MemcacheOld, OvsDatapath, Vdi,
};
pub use device::{BroadcomDevice, BroadcomPort, BroadcomTables, Energy, Fans, Humidity, Temperature};
pub use host::{
    HostAdapters, HostCpu, HostDescription, HostDisk, HostIcmp, HostIp, HostMemory, HostNetwork, HostParent,
    HostTcp, HostUdp,
};
pub use interface::{BaseVg, Ethernet, GenericInterface, TokenRing, Vlan, Wireless};
pub use machine::{
    Gpu, JvmRuntime, JvmStatistics, VirtualCpu, VirtualDisk, VirtualMemory, VirtualNetwork, VirtualNode,
};
pub use port::{
    InfiniBand, LagPort, OpenFlowPort, Optics, Pfc, PortName, Processor, QueueLength, Radio, SlowPath,
};

use super::catalogue::catalogue;
use super::error::DecodeError;
use super::reader::Reader;
use super::record::Decode;

catalogue! {
    /// What a record of a counter sample is; displayed as `enterprise:number`.
    format CounterFormat

    /// One record of a counter sample: a block of counters.
    record CounterRecord {
        GENERIC_INTERFACE = 1 => GenericInterface(GenericInterface), "generic interface";
        ETHERNET = 2 => Ethernet(Ethernet), "Ethernet";
        TOKEN_RING = 3 => TokenRing(TokenRing), "token ring";
        BASE_VG = 4 => BaseVg(BaseVg), "100BaseVG";
        VLAN = 5 => Vlan(Vlan), "VLAN";
        WIRELESS = 6 => Wireless(Wireless), "802.11";
        LAG_PORT = 7 => LagPort(LagPort), "LAG";
        SLOW_PATH = 8 => SlowPath(SlowPath), "slow path";
        INFINIBAND = 9 => InfiniBand(InfiniBand), "InfiniBand";
        OPTICS = 10 => Optics(Optics<'a>), "SFP/QSFP lanes";
        PFC = 11 => Pfc(Pfc), "PFC";
        PROCESSOR = 1001 => Processor(Processor), "processor";
        RADIO = 1002 => Radio(Radio), "radio utilisation";
        QUEUE_LENGTH = 1003 => QueueLength(QueueLength), "queue length";
        OPENFLOW_PORT = 1004 => OpenFlowPort(OpenFlowPort), "OpenFlow port";
        PORT_NAME = 1005 => PortName(PortName<'a>), "port name";
        HOST_DESCRIPTION = 2000 => HostDescription(HostDescription<'a>), "host description";
        HOST_ADAPTERS = 2001 => HostAdapters(HostAdapters<'a>), "host adapters";
        HOST_PARENT = 2002 => HostParent(HostParent), "host parent";
        HOST_CPU = 2003 => HostCpu(HostCpu), "host CPU";
        HOST_MEMORY = 2004 => HostMemory(HostMemory), "host memory";
        HOST_DISK = 2005 => HostDisk(HostDisk), "host disk";
        HOST_NETWORK = 2006 => HostNetwork(HostNetwork), "host network";
        HOST_IP = 2007 => HostIp(HostIp), "MIB-2 ip";
        HOST_ICMP = 2008 => HostIcmp(HostIcmp), "MIB-2 icmp";
        HOST_TCP = 2009 => HostTcp(HostTcp), "MIB-2 tcp";
        HOST_UDP = 2010 => HostUdp(HostUdp), "MIB-2 udp";
        VIRTUAL_NODE = 2100 => VirtualNode(VirtualNode), "virtual node";
        VIRTUAL_CPU = 2101 => VirtualCpu(VirtualCpu), "virtual CPU";
        VIRTUAL_MEMORY = 2102 => VirtualMemory(VirtualMemory), "virtual memory";
        VIRTUAL_DISK = 2103 => VirtualDisk(VirtualDisk), "virtual disk";
        VIRTUAL_NETWORK = 2104 => VirtualNetwork(VirtualNetwork), "virtual network";
        JVM_RUNTIME = 2105 => JvmRuntime(JvmRuntime<'a>), "JVM names";
        JVM_STATISTICS = 2106 => JvmStatistics(JvmStatistics), "JVM statistics";
        MEMCACHE_OLD = 2200 => MemcacheOld(MemcacheOld), "memcache (old)";
        HTTP = 2201 => Http(Http), "HTTP";
        APPLICATION = 2202 => Application(Application<'a>), "application";
        APPLICATION_RESOURCES = 2203 => ApplicationResources(ApplicationResources), "application resources";
        MEMCACHE = 2204 => Memcache(Memcache), "memcache";
        VDI = 2205 => Vdi(Vdi), "VDI";
        APPLICATION_WORKERS = 2206 => ApplicationWorkers(ApplicationWorkers), "application workers";
        OVS_DATAPATH = 2207 => OvsDatapath(OvsDatapath), "Open vSwitch datapath";
        ENERGY = 3000 => Energy(Energy), "energy";
        TEMPERATURE = 3001 => Temperature(Temperature), "temperature";
        HUMIDITY = 3002 => Humidity(Humidity), "humidity";
        FANS = 3003 => Fans(Fans), "fans";
        BROADCOM_DEVICE = 4413 << 12 | 1 => BroadcomDevice(BroadcomDevice), "Broadcom device buffers";
        BROADCOM_PORT = 4413 << 12 | 2 => BroadcomPort(BroadcomPort<'a>), "Broadcom port buffers";
        BROADCOM_TABLES = 4413 << 12 | 3 => BroadcomTables(BroadcomTables), "Broadcom tables";
        GPU = 5703 << 12 | 1 => Gpu(Gpu), "GPU";
    }
}

impl<'a> Decode<'a> for CounterRecord<'a> {
    fn is_known(format: u32) -> bool {
        CounterFormat(format).name().is_some()
    }

    fn decode(format: u32, body: Reader<'a>) -> Result<Self, DecodeError> {
        Self::any(CounterFormat(format), body)
    }
}

impl GenericInterface {
    /// Whether the port is administratively and operationally up.
    pub const fn is_up(&self) -> bool {
        self.status & 3 == 3
    }
}

impl<'a> PortName<'a> {
    /// The name as text; `None` when it is empty, not UTF-8, or has control characters, which no port's name has.
    pub fn as_str(&self) -> Option<&'a str> {
        self.name.as_str()
    }
}
