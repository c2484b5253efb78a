//! The numbers of structures: `enterprise << 12 | number`.
//!
//! Samples, flow records and counter records have a number space each: 2100 is a socket in a flow sample and a virtual
//! node in a counter sample. Hence three types.

macro_rules! number_space {
    ($(#[$doc:meta])* $name:ident { $($constant:ident = $number:expr, $what:literal;)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);

        impl $name {
            $(
                #[doc = concat!("`", $what, "`.")]
                pub const $constant: Self = Self($number);
            )*

            /// What the structure is called; `None` when it is not one that is known here.
            pub const fn name(self) -> Option<&'static str> {
                match self {
                    $(Self::$constant => Some($what),)*
                    _ => None,
                }
            }

            /// The enterprise that defined the structure; 0 is sFlow.org.
            pub const fn enterprise(self) -> u32 {
                self.0 >> 12
            }

            /// The number of the structure at that enterprise.
            pub const fn number(self) -> u32 {
                self.0 & 0xFFF
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
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

pub(super) use number_space;

number_space! {
    /// What a sample is; displayed as `enterprise:number`.
    SampleFormat {
        FLOW = 1, "flow";
        COUNTERS = 2, "counters";
        EXPANDED_FLOW = 3, "expanded flow";
        EXPANDED_COUNTERS = 4, "expanded counters";
        DISCARDED_PACKET = 5, "discarded packet";
        RT_METRIC = 4300 << 12 | 1002, "rtmetric";
        RT_FLOW = 4300 << 12 | 1003, "rtflow";
    }
}
