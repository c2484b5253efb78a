//! From layer to layer.

use super::step::{Carries, Fault, Step, step};
use super::{Ending, MAX_LAYERS, Place, Stack};
use crate::packet::kind::Kind;

/// Reads all layers. Each turn adds a place, of which there are [`MAX_LAYERS`], so there are no more turns than that.
pub(super) fn parse(first: Carries, bytes: &[u8]) -> Stack<'_> {
    // Offsets have 16 bits; a sampled header is some hundred bytes long.
    let bytes = bytes.get(..usize::from(Place::UNKNOWN)).unwrap_or(bytes);
    let mut stack = Stack {
        bytes,
        places: [Place::NONE; MAX_LAYERS],
        count: 0,
        ending: Ending::Unsupported,
    };
    let mut walk = Walk {
        at: 0,
        end: usize::from(Place::UNKNOWN),
    };
    let mut carries = first;
    let mut before = None;
    stack.ending = loop {
        let kind = match (carries, before) {
            (Carries::Layer(kind), _) => kind,
            (_, None) => break Ending::Unsupported,
            (Carries::Nothing, _) => break Ending::Complete,
            (Carries::Unknown, Some(kind)) => break Ending::Behind(kind),
            (Carries::Fragment, Some(kind)) => break Ending::Fragment(kind),
            (Carries::Hidden, Some(kind)) => break Ending::Cut(kind),
        };
        match walk.layer(&mut stack, kind) {
            Ok(next) => carries = next,
            Err(ending) => break ending,
        }
        before = Some(kind);
    };
    stack
}

struct Walk {
    /// Where the next layer begins.
    at: usize,
    /// Where everything ends on the wire, by the lengths of all layers so far.
    end: usize,
}

impl Walk {
    /// Reads one layer; says what it carries.
    fn layer(&mut self, stack: &mut Stack<'_>, kind: Kind) -> Result<Carries, Ending> {
        let all = stack.bytes;
        let bytes = all.get(self.at..self.end.min(all.len())).unwrap_or(&[]);
        if bytes.is_empty() {
            return Err(Ending::Cut(kind));
        }
        let Some(place) = stack.places.get_mut(stack.count) else {
            return Err(Ending::Full);
        };
        let step = step(kind, bytes, self.end - self.at);
        if matches!(step, Err(Fault::Other)) {
            return Err(Ending::Malformed(kind));
        }
        stack.count += 1;
        *place = Place {
            kind,
            start: offset(self.at),
            payload: Place::UNKNOWN,
            end: offset(self.end),
        };
        let Step {
            header,
            gap,
            total,
            carries,
        } = match step {
            Ok(step) => step,
            Err(Fault::Cut) => return Err(Ending::Cut(kind)),
            Err(_) => return Err(Ending::Malformed(kind)),
        };
        let end = total.map_or(self.end, |total| self.end.min(self.at + total));
        if self.at + header > end {
            return Err(Ending::Malformed(kind));
        }
        place.payload = offset(self.at + header);
        place.end = offset(end);
        if header > bytes.len() {
            return Err(Ending::Cut(kind));
        }
        self.at += header + gap;
        self.end = end;
        Ok(carries)
    }
}

fn offset(at: usize) -> u16 {
    u16::try_from(at).unwrap_or(Place::UNKNOWN)
}
