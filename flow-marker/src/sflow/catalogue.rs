//! One table for each space of numbers: the numbers, their names, the record and its decoder come from the same lines.

/// Makes the type of a format number and the enumeration of the records that have one.
macro_rules! catalogue {
    (
        $(#[$format_doc:meta])*
        format $Format:ident

        $(#[$doc:meta])*
        record $Record:ident {
            $($constant:ident = $number:expr => $variant:ident($body:ty), $name:literal;)*
        }
    ) => {
        $crate::sflow::format::number_space! {
            $(#[$format_doc])*
            $Format { $($constant = $number, $name;)* }
        }

        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq)]
        #[non_exhaustive]
        pub enum $Record<'a> {
            $(
                #[doc = concat!("`", $name, "`, format `", stringify!($number), "`.")]
                $variant($body),
            )*
            /// A structure that is not decoded.
            Other {
                /// What it is.
                format: $Format,
                /// Its body.
                bytes: &'a [u8],
            },
        }

        impl<'a> $Record<'a> {
            /// Decodes a record, whichever it is. Not inlined: where flow samples are walked, the few records that come
            /// with every one are decoded in line, and these would only be in their way.
            #[inline(never)]
            fn any(
                format: $Format,
                mut body: $crate::sflow::Reader<'a>,
            ) -> Result<Self, $crate::sflow::DecodeError> {
                use $crate::sflow::structure::Body as _;
                match format {
                    $($Format::$constant => <$body>::decode(&mut body).map(Self::$variant),)*
                    format => Ok(Self::Other {
                        format,
                        bytes: body.rest(),
                    }),
                }
            }

            /// What the record is.
            pub const fn format(&self) -> $Format {
                match self {
                    $(Self::$variant(_) => $Format::$constant,)*
                    Self::Other { format, .. } => *format,
                }
            }

            /// Shows every field in the order of the wire, with its name there. The names are those that sflowtool
            /// prints, and in its style where it prints none.
            pub fn fields(&self, visit: &mut dyn FnMut(&'static str, $crate::sflow::Value<'a>)) {
                use $crate::sflow::structure::Body as _;
                match self {
                    $(Self::$variant(body) => body.fields(visit),)*
                    Self::Other { .. } => {}
                }
            }
        }
    };
}
pub(super) use catalogue;
