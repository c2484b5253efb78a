//! The largest flows of one data source.
//!
//! The rates of a table decay together, so the order of two flows changes only with a sample of one of them. A list that
//! is offered every flow after each of its samples is therefore exact, at the cost of one comparison a sample. Only when
//! a listed flow leaves, or falls, nobody knows who is next: then the list is stale until the table is looked through.

/// A flow in the list.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Member {
    /// Its line in the table.
    pub(super) line: u32,
    /// Its value, in the unit of the table's epoch.
    pub(super) value: f64,
}

/// What became of an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Offer {
    /// Smaller than all that are listed.
    Declined,
    /// Listed at this place; this line lost it.
    Taken(u16, Option<u32>),
}

/// The list.
#[derive(Debug, Clone)]
pub(super) struct Top {
    members: Vec<Member>,
    /// The place of the smallest, when the list is full.
    smallest: usize,
    most: usize,
    pub(super) epoch: u32,
    pub(super) stale: bool,
}

impl Top {
    /// An empty list of at most so many.
    pub(super) const fn new(most: usize, epoch: u32) -> Self {
        Self {
            members: Vec::new(),
            smallest: 0,
            most,
            epoch,
            stale: false,
        }
    }

    pub(super) fn members(&self) -> &[Member] {
        &self.members
    }

    /// Changes all values, in a way that keeps their order.
    pub(super) fn carry(&mut self, epoch: u32, carry: impl Fn(f64) -> f64) {
        self.epoch = epoch;
        for member in &mut self.members {
            member.value = carry(member.value);
        }
    }

    fn find_smallest(&mut self) {
        let places = self.members.iter().enumerate();
        let smallest = places.min_by(|(_, a), (_, b)| a.value.total_cmp(&b.value));
        self.smallest = smallest.map_or(0, |(place, _)| place);
    }

    /// Changes the value of a listed flow.
    #[inline]
    pub(super) fn update(&mut self, rank: u16, value: f64) {
        let rank = usize::from(rank);
        let Some(member) = self.members.get_mut(rank) else {
            return;
        };
        let fell = value < member.value;
        member.value = value;
        if fell {
            // Whether somebody who is not listed is larger now is not known here.
            self.stale |= self.members.len() == self.most;
            self.find_smallest();
        } else if rank == self.smallest {
            self.find_smallest();
        }
    }

    /// Offers a flow that is not listed.
    #[inline]
    pub(super) fn offer(&mut self, line: u32, value: f64) -> Offer {
        let member = Member { line, value };
        if self.members.len() < self.most {
            self.members.push(member);
            self.find_smallest();
            return Offer::Taken(rank(self.members.len() - 1), None);
        }
        match self.members.get_mut(self.smallest) {
            Some(smallest) if smallest.value < value => {
                let lost = std::mem::replace(smallest, member).line;
                let place = rank(self.smallest);
                self.find_smallest();
                Offer::Taken(place, Some(lost))
            }
            _ => Offer::Declined,
        }
    }

    /// Takes a flow out. Returns the line whose place is now this one.
    pub(super) fn remove(&mut self, place: u16) -> Option<u32> {
        let at = usize::from(place);
        if at >= self.members.len() {
            return None;
        }
        self.stale |= self.members.len() == self.most;
        self.members.swap_remove(at);
        self.find_smallest();
        self.members.get(at).map(|moved| moved.line)
    }

    /// Forgets everybody, to be offered all flows again.
    pub(super) fn clear(&mut self) {
        self.members.clear();
        self.stale = false;
    }
}

#[expect(clippy::cast_possible_truncation, reason = "`most` is far below")]
const fn rank(place: usize) -> u16 {
    place as u16
}
