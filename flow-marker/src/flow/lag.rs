//! Which ports of an agent are members of which LAG (IEEE 802.1AX, link aggregation group).

/// The members of one agent's LAGs, by ifIndex: what the configuration says, and what LAG port counters tell.
#[derive(Debug, Clone, Default)]
pub struct Lags {
    /// In order of their ports.
    members: Vec<Member>,
}

#[derive(Debug, Clone, Copy)]
struct Member {
    port: u32,
    lag: u32,
    is_fixed: bool,
}

impl Lags {
    /// Most members of an agent, in 12 bytes each: the largest chassis have fewer than 1,200 ports, each of which may be
    /// split into four.
    pub const MAX: usize = 4800;

    /// What the configuration says: pairs of a member and its LAG. Nothing that is learned changes these.
    pub fn new(fixed: impl IntoIterator<Item = (u32, u32)>) -> Self {
        let members = fixed.into_iter().map(|(port, lag)| Member {
            port,
            lag,
            is_fixed: true,
        });
        let mut members: Vec<_> = members.take(Self::MAX).collect();
        members.sort_unstable_by_key(|member| member.port);
        members.dedup_by_key(|member| member.port);
        Self { members }
    }

    /// Takes what a port tells of itself: the ifIndex of its LAG, 0 when it is in none
    /// (IEEE8023-LAG-MIB, `dot3adAggPortAttachedAggID`); a LAG may name itself. False when there is no room.
    pub fn learn(&mut self, port: u32, lag: u32) -> bool {
        let found = self.members.binary_search_by_key(&port, |member| member.port);
        let is_member = lag != 0 && lag != port;
        match (found, is_member) {
            (Ok(at), _) => {
                if self.members.get(at).is_some_and(|member| member.is_fixed) {
                    return true;
                }
                if !is_member {
                    self.members.remove(at);
                } else if let Some(member) = self.members.get_mut(at) {
                    member.lag = lag;
                }
            }
            (Err(_), false) => {}
            (Err(_), true) if self.members.len() >= Self::MAX => return false,
            (Err(at), true) => {
                let is_fixed = false;
                self.members.insert(at, Member { port, lag, is_fixed });
            }
        }
        true
    }

    /// The LAG that one of two ports is and the other a member of.
    pub(super) fn common(&self, one: u32, other: u32) -> Option<u32> {
        if self.of(one) == Some(other) {
            return Some(other);
        }
        (self.of(other) == Some(one)).then_some(one)
    }

    /// Members and their LAGs.
    pub fn members(&self) -> impl Iterator<Item = (u32, u32)> {
        self.members.iter().map(|member| (member.port, member.lag))
    }

    /// The LAG that a port is a member of.
    pub fn of(&self, port: u32) -> Option<u32> {
        let at = self
            .members
            .binary_search_by_key(&port, |member| member.port)
            .ok()?;
        self.members.get(at).map(|member| member.lag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_joins_changes_and_leaves() {
        let mut lags = Lags::default();
        assert!(lags.learn(7, 1001));
        assert_eq!(
            (lags.common(7, 1001), lags.common(1001, 7)),
            (Some(1001), Some(1001))
        );
        assert!(lags.learn(7, 1002));
        assert_eq!((lags.common(7, 1001), lags.common(7, 1002)), (None, Some(1002)));
        assert!(lags.learn(7, 0));
        assert_eq!(lags.common(7, 1002), None);
        // A LAG that tells of itself is no member of itself.
        assert!(lags.learn(1002, 1002));
        assert_eq!(lags.common(1002, 1002), None);
    }

    #[test]
    fn what_is_configured_stays() {
        let mut lags = Lags::new([(8, 1001), (7, 1001)]);
        assert!(lags.learn(7, 5) && lags.learn(8, 0) && lags.learn(9, 1001));
        for member in [7, 8, 9] {
            assert_eq!(lags.common(member, 1001), Some(1001), "{member}");
        }
    }

    #[test]
    fn forged_members_fill_a_bounded_list() {
        let mut lags = Lags::new([(7, 1001)]);
        let refused = (10..20_000).filter(|port| !lags.learn(*port, 1)).count();
        assert_eq!(refused, 19_990 - (Lags::MAX - 1));
        assert_eq!(lags.common(7, 1001), Some(1001));
        assert!(
            lags.learn(10, 0) && lags.learn(19_999, 1),
            "one leaves, one joins"
        );
        assert_eq!(lags.common(19_999, 1), Some(1));
    }
}
