//! The data sources of a shard's agents, by dense positions.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use crate::engine::metric::SourceName;
use crate::flow::SourceId;
use crate::keyed::Keyed;
use crate::sflow::DataSource;

/// Where flows were sampled. Positions are used again when their agent is forgotten.
#[derive(Debug, Default)]
pub(super) struct Sources {
    places: Vec<Option<(IpAddr, SourceName)>>,
    free: BTreeSet<u32>,
}

impl Sources {
    /// The most positions, as many as flow definitions tell apart.
    const MOST: usize = 1 << 16;
    /// As many of them may agents outside of the inventory have: whoever invents some leaves room for the others.
    const MOST_OTHERS: usize = Self::MOST / 4 * 3;

    fn add(&mut self, agent: IpAddr, source: SourceName, is_known: bool) -> Option<SourceId> {
        let taken = self.places.len() - self.free.len();
        if !is_known && taken >= Self::MOST_OTHERS {
            return None;
        }
        if let Some(position) = self.free.pop_first() {
            *self.places.get_mut(usize::try_from(position).ok()?)? = Some((agent, source));
            return Some(SourceId(position));
        }
        let position = u32::try_from(self.places.len()).ok()?;
        if self.places.len() >= Self::MOST {
            return None;
        }
        self.places.push(Some((agent, source)));
        Some(SourceId(position))
    }

    /// What stands at a position.
    pub(super) fn get(&self, id: SourceId) -> Option<&(IpAddr, SourceName)> {
        self.places.get(usize::try_from(id.0).ok()?)?.as_ref()
    }

    /// Takes a position back.
    pub(super) fn remove(&mut self, id: SourceId) {
        let place = usize::try_from(id.0).ok().and_then(|at| self.places.get_mut(at));
        if place.is_some_and(|place| place.take().is_some()) {
            self.free.insert(id.0);
        }
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = (SourceId, IpAddr, &SourceName)> {
        let places = (0..).zip(&self.places);
        places.filter_map(|(position, place)| {
            let (agent, source) = place.as_ref()?;
            Some((SourceId(position), *agent, source))
        })
    }
}

/// The data sources of one agent.
#[derive(Debug, Default)]
pub(super) struct AgentSources {
    /// The one that was used last is found at once: samples of one data source come together.
    last: Option<(DataSource, SourceId)>,
    is_known: bool,
    ids: HashMap<DataSource, SourceId, Keyed>,
}

impl AgentSources {
    /// Data sources of one agent, so that it cannot take the places of all others.
    const MOST: usize = 9600;

    /// Of an agent that is, or is not, in the inventory.
    pub(super) fn new(is_known: bool) -> Self {
        Self {
            is_known,
            ..Self::default()
        }
    }

    /// The position of a data source; `None` when there are too many.
    #[inline]
    pub(super) fn id(&mut self, agent: IpAddr, source: DataSource, all: &mut Sources) -> Option<SourceId> {
        if let Some((_, id)) = self.last.filter(|(last, _)| *last == source) {
            return Some(id);
        }
        let id = match self.ids.get(&source) {
            Some(id) => *id,
            None if self.ids.len() >= Self::MOST => return None,
            None => {
                let id = all.add(agent, SourceName::Sflow(source), self.is_known)?;
                self.ids.insert(source, id);
                id
            }
        };
        self.last = Some((source, id));
        Some(id)
    }

    /// All of them, when the agent is forgotten.
    pub(super) fn ids(&self) -> impl Iterator<Item = SourceId> + '_ {
        self.ids.values().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_dense_and_used_again() {
        let (mut all, mut agent) = (Sources::default(), AgentSources::default());
        let address = IpAddr::from([10, 0, 0, 1]);
        let ids: Vec<_> = (1..4)
            .map(|port| agent.id(address, DataSource::interface(port), &mut all))
            .collect();
        assert_eq!(ids, [0, 1, 2].map(|n| Some(SourceId(n))));
        assert_eq!(
            agent.id(address, DataSource::interface(2), &mut all),
            Some(SourceId(1))
        );
        assert_eq!(agent.ids().count(), 3);
        all.remove(SourceId(1));
        all.remove(SourceId(1));
        assert_eq!(all.get(SourceId(1)), None);
        assert_eq!(all.iter().count(), 2);
        assert_eq!(
            agent.id(address, DataSource::interface(9), &mut all),
            Some(SourceId(1))
        );
        assert_eq!(
            agent.id(address, DataSource::interface(10), &mut all),
            Some(SourceId(3))
        );
    }

    #[test]
    fn agents_that_are_invented_leave_room_for_the_inventory() {
        let mut all = Sources::default();
        let mut taken = 0;
        for n in 0..=255 {
            let mut forged = AgentSources::default();
            let port = |port| forged.id([10, 0, 0, n].into(), DataSource::interface(port), &mut all);
            taken += (0..1000).filter_map(port).count();
        }
        assert_eq!(taken, Sources::MOST_OTHERS);
        let mut switch = AgentSources::new(true);
        let port = |port| switch.id([192, 0, 2, 1].into(), DataSource::interface(port), &mut all);
        assert_eq!((0..4800).filter_map(port).count(), 4800);
    }

    #[test]
    fn one_agent_cannot_take_all_places() {
        let (mut all, mut agent) = (Sources::default(), AgentSources::default());
        let taken = (0..20_000)
            .filter(|port| {
                agent
                    .id([10, 0, 0, 1].into(), DataSource::interface(*port), &mut all)
                    .is_some()
            })
            .count();
        assert_eq!(taken, AgentSources::MOST);
    }
}
