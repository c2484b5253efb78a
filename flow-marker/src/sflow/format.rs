//! The numbers of structures: `enterprise << 12 | number`.
//!
//! Samples, flow records and counter records have a number space each: 2100 is a socket in a flow sample and a virtual
//! node in a counter sample. Hence three types.

use std::fmt;

macro_rules! number_space {
    ($(#[$doc:meta])* $name:ident { $($(#[$constant_doc:meta])* $constant:ident = $number:expr;)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);

        impl $name {
            $($(#[$constant_doc])* pub const $constant: Self = Self($number);)*

            /// The enterprise that defined the structure; 0 is sFlow.org.
            pub const fn enterprise(self) -> u32 {
                self.0 >> 12
            }

            /// The number of the structure at that enterprise.
            pub const fn number(self) -> u32 {
                self.0 & 0xFFF
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}:{}", self.enterprise(), self.number())
            }
        }

        impl From<u32> for $name {
            fn from(format: u32) -> Self {
                Self(format)
            }
        }
    };
}

number_space! {
    /// What a sample is; displayed as `enterprise:number`.
    SampleFormat {
        /// Flow sample.
        FLOW = 1;
        /// Counter sample.
        COUNTERS = 2;
        /// Flow sample with 32-bit interface numbers.
        EXPANDED_FLOW = 3;
        /// Counter sample with a 32-bit source index.
        EXPANDED_COUNTERS = 4;
        /// Notification of a discarded packet.
        DISCARDED_PACKET = 5;
    }
}

number_space! {
    /// What a record of a flow sample is; displayed as `enterprise:number`.
    FlowFormat {
        /// The first bytes of the sampled packet.
        RAW_HEADER = 1;
    }
}

number_space! {
    /// What a record of a counter sample is; displayed as `enterprise:number`.
    CounterFormat {
        /// Generic interface counters.
        GENERIC_INTERFACE = 1;
        /// The port's name.
        PORT_NAME = 1005;
    }
}
