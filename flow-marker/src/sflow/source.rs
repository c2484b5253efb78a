//! What samples, and where packets come in and go out.

use std::fmt;

/// What a data source's index counts (sFlow v5 §5, `sflow_data_source`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceClass(pub u32);

impl SourceClass {
    /// An interface; the index is its ifIndex.
    pub const INTERFACE: Self = Self(0);
    /// A VLAN (smonVlanDataSource).
    pub const VLAN: Self = Self(1);
    /// A physical entity (entPhysicalEntry).
    pub const PHYSICAL_ENTITY: Self = Self(2);
    /// A logical entity (entLogicalEntry).
    pub const LOGICAL_ENTITY: Self = Self(3);
}

/// What samples or counts at an agent; displayed as `class:index`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DataSource {
    /// What the index counts.
    pub class: SourceClass,
    /// Which of them.
    pub index: u32,
}

impl DataSource {
    /// The data source of an interface.
    pub const fn interface(if_index: u32) -> Self {
        Self {
            class: SourceClass::INTERFACE,
            index: if_index,
        }
    }

    /// Class in the top 8 bits, index in the other 24.
    pub(super) const fn compact(word: u32) -> Self {
        Self {
            class: SourceClass(word >> 24),
            index: word & 0x00FF_FFFF,
        }
    }

    /// The ifIndex, when this is an interface.
    pub const fn if_index(self) -> Option<u32> {
        match self.class {
            SourceClass::INTERFACE => Some(self.index),
            _ => None,
        }
    }
}

impl fmt::Display for DataSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.class.0, self.index)
    }
}

/// Where a packet came in or went out (sFlow v5 §5, `interface` and `interface_expanded`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Interface {
    /// A port, by its ifIndex.
    Index(u32),
    /// Nowhere: the packet was discarded, for this reason.
    Discarded(u32),
    /// So many ports; 0 means more than one, nobody knows how many.
    Multiple(u32),
    /// The device itself.
    Internal,
    /// The agent does not know.
    Unknown,
    /// A form that the specification does not define.
    Undefined {
        /// Its number.
        format: u32,
        /// What came with it.
        value: u32,
    },
}

impl Interface {
    /// All bits of a compact index: the device itself, in the expanded form too.
    const INTERNAL: u32 = 0x3FFF_FFFF;

    #[inline]
    pub(super) const fn new(format: u32, value: u32) -> Self {
        match (format, value) {
            (0, 0) => Self::Unknown,
            (0, Self::INTERNAL) => Self::Internal,
            (0, index) => Self::Index(index),
            (1, reason) => Self::Discarded(reason),
            (2, ports) => Self::Multiple(ports),
            (format, value) => Self::Undefined { format, value },
        }
    }

    /// Format in the top 2 bits, value in the other 30.
    #[inline]
    pub(super) const fn compact(word: u32) -> Self {
        Self::new(word >> 30, word & 0x3FFF_FFFF)
    }

    /// The ifIndex, when this is exactly one known port.
    pub const fn if_index(self) -> Option<u32> {
        match self {
            Self::Index(index) => Some(index),
            _ => None,
        }
    }
}
