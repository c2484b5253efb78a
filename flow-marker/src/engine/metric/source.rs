//! Names of data sources, as the REST API writes them.

use std::fmt;
use std::sync::Arc;

use crate::sflow::{DataSource, SourceClass};

/// A data source: an interface is its ifIndex (`4`), another class is `class.index` (`2.1`), and what names itself is
/// that name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SourceName {
    /// A data source of sFlow samples.
    Sflow(DataSource),
    /// One that an agent, or somebody here, has named.
    Named(Arc<str>),
}

impl SourceName {
    /// The longest name, in bytes.
    pub const MAX_LENGTH: usize = 128;

    /// Reads a name. Numbers that are not written as we write them (`04`, `0.4`) are names like any other.
    pub fn parse(text: &str) -> Self {
        Self::parse_sflow(text).map_or_else(|| Self::Named(text.into()), Self::Sflow)
    }

    fn parse_sflow(text: &str) -> Option<DataSource> {
        fn number(text: &str) -> Option<u32> {
            let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
            plain.then(|| text.parse().ok()).flatten()
        }
        match text.split_once('.') {
            None => number(text).map(DataSource::interface),
            Some((class, index)) => Some(DataSource {
                class: number(class)
                    .map(SourceClass)
                    .filter(|class| *class != SourceClass::INTERFACE)?,
                index: number(index)?,
            }),
        }
    }

    /// The ifIndex, when this is an interface.
    pub const fn if_index(&self) -> Option<u32> {
        match self {
            Self::Sflow(source) => source.if_index(),
            Self::Named(_) => None,
        }
    }
}

impl From<DataSource> for SourceName {
    fn from(source: DataSource) -> Self {
        Self::Sflow(source)
    }
}

impl fmt::Display for SourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sflow(source) => match source.if_index() {
                Some(index) => write!(f, "{index}"),
                None => write!(f, "{}.{}", source.class.0, source.index),
            },
            Self::Named(name) => f.write_str(name),
        }
    }
}

impl serde::Serialize for SourceName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn interfaces_are_numbers_and_entities_have_a_dot() {
        assert_eq!(SourceName::parse("4").if_index(), Some(4));
        let host = SourceName::parse("2.1");
        assert_eq!(
            host,
            SourceName::Sflow(DataSource {
                class: SourceClass::PHYSICAL_ENTITY,
                index: 1
            })
        );
        for odd in ["04", "0.4", "2.01", "+4", "4294967296", "2.1.3", "swp1", "", "1."] {
            assert_eq!(SourceName::parse(odd), SourceName::Named(odd.into()), "{odd}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(class in 0_u32..5, index: u32) {
            let source = SourceName::Sflow(DataSource { class: SourceClass(class), index });
            prop_assert_eq!(SourceName::parse(&source.to_string()), source);
        }

        #[test]
        fn every_text_is_written_as_it_was_read(text in "[0-9.a-z+]{0,12}") {
            prop_assert_eq!(SourceName::parse(&text).to_string(), text);
        }
    }
}
