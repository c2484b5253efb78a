//! The largest flows of one data source.
//!
//! All flows of a definition decay alike, so that their order changes only when one is touched, and then only that one
//! rises. A member's score here may be too small, never too large: it is looked up again only when it would have to go.
//! Members leave the table only when all flows that compete with them for a place are members too, or when nothing is
//! left of their value; a place that becomes empty so is taken by the next flow that is touched.

use super::super::cache::Slot;

/// A flow, and what its score was when it was last looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member {
    score: f64,
    pub(super) slot: Slot,
}

/// The members, the one with the smallest score in front (a binary heap).
#[derive(Debug, Default)]
pub(super) struct Top {
    members: Vec<Member>,
}

/// What became of a flow that was touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entered {
    /// It is a member now, in an empty place.
    Added,
    /// It is a member now, and this one is none any more.
    Replaced(Slot),
    /// It is too small.
    Not,
}

impl Top {
    /// A flow that is no member was touched. `score_of` looks up what scores are now; in the scale of `score`.
    pub(super) fn enter(
        &mut self,
        slot: Slot,
        score: f64,
        most: usize,
        score_of: impl Fn(Slot) -> f64,
    ) -> Entered {
        if self.members.len() < most {
            self.members.push(Member { score, slot });
            self.up(self.members.len() - 1);
            return Entered::Added;
        }
        // Each turn but the last corrects a member that has risen since: as many turns as there were touches.
        while let Some(first) = self.members.first_mut() {
            if score <= first.score {
                return Entered::Not;
            }
            let now = score_of(first.slot);
            if now > first.score {
                first.score = now;
                self.down(0);
                continue;
            }
            let gone = first.slot;
            *first = Member { score, slot };
            self.down(0);
            return Entered::Replaced(gone);
        }
        Entered::Not
    }

    /// All scores are in another scale now.
    pub(super) fn rescale(&mut self, factor: f64) {
        for member in &mut self.members {
            member.score *= factor;
        }
    }

    /// A member has another place in the table.
    pub(super) fn relocate(&mut self, from: Slot, to: Slot) {
        if let Some(member) = self.members.iter_mut().find(|member| member.slot == from) {
            member.slot = to;
        }
    }

    /// A member is gone.
    pub(super) fn remove(&mut self, slot: Slot) {
        let Some(at) = self.members.iter().position(|member| member.slot == slot) else {
            return;
        };
        self.members.swap_remove(at);
        if at < self.members.len() {
            self.down(at);
            self.up(at);
        }
    }

    /// The members, in no order.
    pub(super) fn slots(&self) -> impl Iterator<Item = Slot> + '_ {
        self.members.iter().map(|member| member.slot)
    }

    fn score(&self, at: usize) -> Option<f64> {
        self.members.get(at).map(|member| member.score)
    }

    fn up(&mut self, mut at: usize) {
        while at > 0 && self.score(at) < self.score((at - 1) / 2) {
            self.members.swap(at, (at - 1) / 2);
            at = (at - 1) / 2;
        }
    }

    fn down(&mut self, mut at: usize) {
        loop {
            let children = [2 * at + 1, 2 * at + 2]
                .into_iter()
                .filter(|child| *child < self.members.len());
            let smallest = children.min_by(|a, b| {
                let scores = self.score(*a).zip(self.score(*b));
                scores.map_or(std::cmp::Ordering::Equal, |(a, b)| a.total_cmp(&b))
            });
            match smallest {
                Some(child) if self.score(child) < self.score(at) => {
                    self.members.swap(child, at);
                    at = child;
                }
                _ => return,
            }
        }
    }
}
