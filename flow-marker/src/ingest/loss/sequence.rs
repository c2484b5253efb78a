//! One row of sequence numbers: what is missing in it, came late, came twice, or began again.

/// Numbers that are remembered one by one, the highest included: what comes later than this is no longer told from a
/// duplicate.
const WINDOW: u32 = u64::BITS;

/// A gap of so many numbers is no loss: at 10,000 datagrams a second nothing would have arrived for half an hour. The
/// agent has begun to count elsewhere, or the number is damaged.
const JUMP: u32 = 1 << 24;

/// What has been counted, over one or several rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// All that came, duplicates included.
    pub received: u64,
    /// Missing at present. Falls when something comes late.
    pub lost: u64,
    /// Of those missing, the ones that are given up: nothing that comes reduces them any more. Only grows.
    pub given_up: u64,
    /// Came after a higher number.
    pub out_of_order: u64,
    /// Came a second time.
    pub duplicates: u64,
    /// How often counting began again.
    pub restarts: u64,
}

/// What a number meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// The first one, or higher than all before; numbers between are missing.
    Next,
    /// Lower than another, and new.
    Late,
    /// It was here before.
    Duplicate,
    /// Counting began again with it.
    Restart,
}

/// One row of numbers, which count up by one and wrap.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sequence {
    highest: u32,
    /// Bit n: the number n below the highest has come.
    seen: u64,
    /// Numbers of the window, from the highest, that come after the row's first one: those among them that are not seen
    /// are missing. 0: nothing has come.
    span: u8,
    /// The last number that did not fit in, if that was the last one at all.
    stray: Option<u32>,
}

impl Sequence {
    /// Whether anything has come.
    pub const fn is_started(&self) -> bool {
        self.span > 0
    }

    /// Takes the next number that came, and counts it.
    pub fn take(&mut self, number: u32, counts: &mut Counts) -> Arrival {
        if !self.is_started() {
            counts.received += 1;
            self.start(number);
            return Arrival::Next;
        }
        let ahead = number.wrapping_sub(self.highest);
        let behind = self.highest.wrapping_sub(number);
        if (1..JUMP).contains(&ahead) {
            counts.received += 1;
            self.advance(ahead, counts);
            return Arrival::Next;
        }
        if behind < WINDOW {
            counts.received += 1;
            self.stray = None;
            return self.recall(behind, counts);
        }
        // One that does not fit in may be very late or damaged. Two that follow each other are a new beginning.
        counts.received += 1;
        if let Some(stray) = self.stray
            && let further @ 1..WINDOW = number.wrapping_sub(stray)
        {
            // The first of them was counted as late.
            counts.out_of_order -= 1;
            self.forget(counts);
            counts.restarts += 1;
            self.start(stray);
            self.advance(further, counts);
            return Arrival::Restart;
        }
        counts.out_of_order += 1;
        self.stray = Some(number);
        Arrival::Late
    }

    /// Takes a number of which it is known that counting has begun again before it.
    pub fn restart(&mut self, number: u32, counts: &mut Counts) -> Arrival {
        self.forget(counts);
        counts.received += 1;
        counts.restarts += 1;
        self.start(number);
        Arrival::Restart
    }

    /// Counting begins again with the next number, whatever it is.
    pub const fn forget(&mut self, counts: &mut Counts) {
        counts.given_up += self.missing() as u64;
        self.span = 0;
        self.stray = None;
    }

    const fn start(&mut self, number: u32) {
        self.highest = number;
        self.seen = 1;
        self.span = 1;
        self.stray = None;
    }

    /// Numbers of the window that are missing.
    const fn missing(&self) -> u32 {
        self.span as u32 - (self.seen & ones(self.span as u32)).count_ones()
    }

    fn advance(&mut self, ahead: u32, counts: &mut Counts) {
        counts.lost += u64::from(ahead - 1);
        // All that is missing leaves the window, or stays in it.
        let missing_before = self.missing() + (ahead - 1);
        self.seen = self.seen.checked_shl(ahead).unwrap_or(0) | 1;
        let span = u32::from(self.span).saturating_add(ahead).min(WINDOW);
        self.span = u8::try_from(span).unwrap_or(u8::MAX);
        counts.given_up += u64::from(missing_before - self.missing());
        self.highest = self.highest.wrapping_add(ahead);
        self.stray = None;
    }

    fn recall(&mut self, behind: u32, counts: &mut Counts) -> Arrival {
        let bit = 1_u64.checked_shl(behind).unwrap_or(0);
        if self.seen & bit != 0 {
            counts.duplicates += 1;
            return Arrival::Duplicate;
        }
        self.seen |= bit;
        counts.out_of_order += 1;
        // One from before the row's first was never missed.
        if behind < u32::from(self.span) {
            counts.lost -= 1;
        }
        Arrival::Late
    }
}

/// The lowest `n` bits.
const fn ones(n: u32) -> u64 {
    if n >= u64::BITS { u64::MAX } else { (1 << n) - 1 }
}
