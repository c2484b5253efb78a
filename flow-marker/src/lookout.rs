//! What one receiving thread looks out for besides elephants: listed addresses and attacks.
//!
//! To be called with every sampled IP packet of the agents of the inventory. Nearly all of them cost four bits of a
//! small table, and UDP towards our hosts a place of the meter; nothing is allocated, and nobody waits.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::attack::{Attack, Entering, Meter};
use crate::blacklist::teller::{Sighting, Teller};
use crate::blacklist::watch::Watch;
use crate::clock::Time;
use crate::config::Drops;
use crate::flow::AgentId;

/// What was seen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Sign {
    /// Traffic of a listed host.
    Listed(Sighting),
    /// An attack.
    Attack(Attack),
}

/// Takes signs; false when it cannot now.
type Tell = Box<dyn FnMut(Sign) -> bool + Send>;

/// What one receiving thread looks out for.
pub struct Lookout {
    newest: Arc<ArcSwap<Watch>>,
    watch: Arc<Watch>,
    teller: Teller,
    meter: Meter,
    tell: Tell,
}

impl fmt::Debug for Lookout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lookout").finish_non_exhaustive()
    }
}

impl Lookout {
    /// Looks out for what `watch` lists at any time, and for attacks; tells `tell`.
    pub fn new(
        watch: Arc<ArcSwap<Watch>>,
        drops: &Drops,
        tell: impl FnMut(Sign) -> bool + Send + 'static,
    ) -> Self {
        Self {
            watch: watch.load_full(),
            newest: watch,
            teller: Teller::new(),
            meter: Meter::new(drops),
            tell: Box::new(tell),
        }
    }

    /// Takes a sample: the addresses of its packet, the ifIndex of the port that it entered by, and the bytes that it stands
    /// for. `entering` is only to be given for packets that enter the fabric here, since that is where they can be dropped.
    #[inline]
    pub fn sample(
        &mut self,
        now: Time,
        agent: AgentId,
        port: u32,
        (source, destination): (IpAddr, IpAddr),
        entering: Option<&Entering<'_>>,
        bytes: u64,
    ) {
        if self.watch.may_hit(source, destination)
            && let Some(hit) = self.watch.hit(source, destination)
            && let Some(sighting) = self.teller.hit(now, agent, port, hit, bytes)
            && !(self.tell)(Sign::Listed(sighting))
        {
            self.teller.untold(&sighting);
        }
        if let Some(entering) = entering
            && let Some(attack) = self.meter.sample(now, (agent, port), entering, bytes)
        {
            // It is told again in a second, as long as it goes on.
            (self.tell)(Sign::Attack(attack));
        }
    }

    /// To be called between batches: takes newer lists, if there are any.
    #[inline]
    pub fn refresh(&mut self) {
        let newest = self.newest.load();
        if !Arc::ptr_eq(&self.watch, &newest) {
            self.watch = Arc::clone(&newest);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Mutex;

    use super::*;
    use crate::blacklist::watch::List;
    use crate::config::Config;

    #[test]
    fn new_lists_are_seen_after_a_refresh_and_what_was_not_taken_is_told_again() {
        let newest = Arc::new(ArcSwap::from_pointee(Watch::default()));
        let told = Arc::new(Mutex::new(Vec::new()));
        let drops = Config::parse(Path::new("t"), "").unwrap().drop;
        let into = Arc::clone(&told);
        let mut lookout = Lookout::new(Arc::clone(&newest), &drops, move |sign| {
            let mut told = into.lock().unwrap();
            told.push(sign);
            told.len() > 1
        });
        let ends = ([10, 0, 0, 1].into(), [192, 0, 2, 1].into());
        let list = List {
            name: "l".into(),
            prefixes: vec!["192.0.2.0/24".parse().unwrap()].into(),
        };
        newest.store(Arc::new(Watch::new(
            &[list],
            &["10.0.0.0/8".parse().unwrap()],
            &[],
        )));
        lookout.sample(Time::START, AgentId(0), 3, ends, None, 100);
        assert_eq!(told.lock().unwrap().len(), 0);
        lookout.refresh();
        for _ in 0..3 {
            lookout.sample(Time::START, AgentId(0), 3, ends, None, 100);
        }
        let samples = |sign: &Sign| match sign {
            Sign::Listed(sighting) => sighting.samples,
            Sign::Attack(_) => 0,
        };
        let told: Vec<_> = told.lock().unwrap().iter().map(samples).collect();
        assert_eq!(
            told,
            [1, 2],
            "the first was not taken; the third is told in a second"
        );
    }
}
