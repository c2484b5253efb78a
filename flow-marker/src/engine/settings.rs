//! What users have asked for, by name. Every list is bounded.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use ipnet::IpNet;

/// A bounded list of things with names, in the order of their names.
#[derive(Debug, Clone)]
pub struct Named<T> {
    things: BTreeMap<Arc<str>, Arc<T>>,
    most: usize,
}

/// The list is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there are {most} already, and no more are kept")]
pub struct TooMany {
    /// How many there may be.
    pub most: usize,
}

impl<T> Named<T> {
    /// An empty list that takes so many.
    pub const fn new(most: usize) -> Self {
        Self {
            things: BTreeMap::new(),
            most,
        }
    }

    /// The thing of this name.
    pub fn get(&self, name: &str) -> Option<&Arc<T>> {
        self.things.get(name)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Arc<T>)> {
        self.things.iter()
    }

    /// All of them, to be kept.
    pub fn copies(&self) -> Vec<(Arc<str>, Arc<T>)> {
        self.iter()
            .map(|(name, thing)| (Arc::clone(name), Arc::clone(thing)))
            .collect()
    }

    /// Adds or replaces a thing; true when it is new.
    ///
    /// # Errors
    /// [`TooMany`]
    pub fn put(&mut self, name: &str, thing: T) -> Result<bool, TooMany> {
        if let Some(present) = self.things.get_mut(name) {
            *present = Arc::new(thing);
            return Ok(false);
        }
        if self.things.len() >= self.most {
            return Err(TooMany { most: self.most });
        }
        self.things.insert(name.into(), Arc::new(thing));
        Ok(true)
    }

    /// Takes a thing out; false when there was none of this name.
    pub fn remove(&mut self, name: &str) -> bool {
        self.things.remove(name).is_some()
    }
}

/// Names of address ranges (sFlow-RT, `/group`): label → prefixes. An address belongs to the label of its longest prefix.
pub type Group = BTreeMap<String, Vec<IpNet>>;

/// Names of values of a key (sFlow-RT, `/map`): label → values.
pub type Map = BTreeMap<String, Vec<String>>;

/// Where datagrams are sent on to (sFlow-RT, `/forwarding`).
pub type Forwarding = Named<SocketAddr>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_list_takes_other_values_but_no_other_names() {
        let mut named = Named::new(2);
        assert_eq!(named.put("a", 1), Ok(true));
        assert_eq!(named.put("b", 2), Ok(true));
        assert_eq!(named.put("c", 3), Err(TooMany { most: 2 }));
        assert_eq!(named.put("a", 4), Ok(false));
        assert_eq!(named.get("a").map(|n| **n), Some(4));
        assert!(named.remove("b") && !named.remove("b"));
        assert_eq!(named.put("c", 3), Ok(true));
        assert_eq!(
            named.iter().map(|(name, _)| &**name).collect::<Vec<_>>(),
            ["a", "c"]
        );
    }
}
