//! Which agents, data sources and metrics are meant.

use std::net::IpAddr;
use std::sync::Arc;

use super::{QueryError, list};
use crate::engine::metric::pattern::Pattern;
use crate::engine::metric::source::SourceName;
use crate::engine::topology::Topology;

/// One word of a list of agents.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Who {
    Edge,
    Core,
    Topology,
    Address(IpAddr),
    /// A node of the topology.
    Node(Arc<str>),
}

/// A list of agents: addresses and names of nodes, `ALL`, `TOPOLOGY` (all agents in the topology), `CORE` (their ports
/// that are in a link) and `EDGE` (their other ports), with `;` between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agents(Option<Vec<Who>>);

impl Agents {
    /// All of them.
    pub const ALL: Self = Self(None);

    /// Reads a list.
    ///
    /// # Errors
    /// [`QueryError`]: a word is missing.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        let mut who = Vec::new();
        for word in list(text, &[';', ','])? {
            who.push(match word {
                "ALL" => return Ok(Self::ALL),
                "EDGE" => Who::Edge,
                "CORE" => Who::Core,
                "TOPOLOGY" => Who::Topology,
                word => match word.parse::<IpAddr>() {
                    Ok(address) => Who::Address(address.to_canonical()),
                    Err(_) => Who::Node(word.into()),
                },
            });
        }
        Ok(Self(Some(who)))
    }

    /// Whether any data source of the agent may be meant.
    pub fn selects(&self, agent: IpAddr, topology: &Topology) -> bool {
        let Some(who) = &self.0 else {
            return true;
        };
        who.iter().any(|who| match who {
            Who::Edge | Who::Core | Who::Topology => topology.has_agent(agent),
            Who::Address(address) => *address == agent,
            Who::Node(node) => topology.agent_of(node) == Some(agent),
        })
    }

    /// Whether a data source of a selected agent is meant; `ifname` is the port's name, when it is one.
    pub fn selects_source(
        &self,
        (agent, source): (IpAddr, &SourceName),
        ifname: Option<&str>,
        topology: &Topology,
    ) -> bool {
        let Some(who) = &self.0 else {
            return true;
        };
        who.iter().any(|who| match who {
            Who::Edge => source
                .if_index()
                .is_some_and(|i| topology.is_edge(agent, i, ifname)),
            Who::Core => source
                .if_index()
                .is_some_and(|i| topology.is_core(agent, i, ifname)),
            Who::Topology => topology.has_agent(agent),
            Who::Address(address) => *address == agent,
            Who::Node(node) => topology.agent_of(node) == Some(agent),
        })
    }

    /// Whether data sources are selected one by one, and not whole agents.
    pub(super) fn needs_ports(&self) -> bool {
        let who = self.0.as_deref().unwrap_or_default();
        who.iter().any(|who| matches!(who, Who::Edge | Who::Core))
    }
}

/// A metric: by its name, in whatever data source, or with a data source before it (`2.1.load_one`).
///
/// Both may hold dots, so every dot is a place where the data source may end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) name: Arc<str>,
    pub(super) splits: Vec<(SourceName, Arc<str>)>,
}

impl Wanted {
    /// The longest word: name, dot and data source.
    const MAX_LENGTH: usize = 257;
    /// No name that is in use has more.
    const MAX_DOTS: usize = 16;

    pub(super) fn parse(word: &str) -> Result<Self, QueryError> {
        if word.is_empty() {
            return Err(QueryError::new(word, "the name of a metric is missing"));
        }
        let dots = word.match_indices('.');
        if word.len() > Self::MAX_LENGTH || dots.clone().count() > Self::MAX_DOTS {
            return Err(QueryError::new(word, "no metric has such a long name"));
        }
        let splits = dots.filter_map(|(at, _)| {
            let (source, name) = (word.get(..at)?, word.get(at + 1..)?);
            (!source.is_empty() && !name.is_empty()).then(|| (SourceName::parse(source), name.into()))
        });
        Ok(Self {
            name: word.into(),
            splits: splits.collect(),
        })
    }
}

/// Agents are selected by the values of their metrics: for each metric one of the patterns must match, in one of the
/// agent's data sources.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Filter(pub(super) Vec<(Wanted, Vec<Pattern>)>);

impl Filter {
    pub(super) const NONE: Self = Self(Vec::new());

    /// A metric that is named twice may have either value, as may one with a list (`cpu_num=2,4`).
    pub(super) fn parse<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, QueryError> {
        let mut filter: Vec<(Wanted, Vec<Pattern>)> = Vec::new();
        for (name, values) in pairs {
            let wanted = Wanted::parse(name)?;
            let mut patterns = Vec::new();
            for value in list(values, &[','])? {
                patterns.push(Pattern::parse(value).map_err(|e| QueryError::new(name, e))?);
            }
            match filter.iter_mut().find(|(other, _)| *other == wanted) {
                Some((_, known)) => known.extend(patterns),
                None => filter.push((wanted, patterns)),
            }
            if filter.iter().map(|(_, p)| p.len()).sum::<usize>() > super::Query::MAX_METRICS {
                return Err(QueryError::new(name, "the filter has too many values"));
            }
        }
        Ok(Self(filter))
    }
}
