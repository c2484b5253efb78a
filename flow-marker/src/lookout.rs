//! What one receiving thread looks out for besides elephants: listed addresses, attacks, and marks that arrive.
//!
//! To be called with every sampled IP packet of the agents of the inventory. Nearly all of them cost a few bits of small
//! tables, and UDP towards our hosts a place of the meter; nothing is allocated, and nobody waits.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::attack::{Attack, Entering, Meter};
use crate::blacklist::teller::{Sighting, Teller};
use crate::blacklist::watch::Watch;
use crate::clock::Time;
use crate::config::Drops;
use crate::flow::AgentId;
use crate::marked::{Exit, Marked};
use crate::packet::Header;

/// What was seen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Sign {
    /// Traffic of a listed host.
    Listed(Sighting),
    /// An attack.
    Attack(Attack),
}

/// A sampled packet.
#[derive(Debug, Clone, Copy)]
pub struct Sampled<'a> {
    /// Who sampled it.
    pub agent: AgentId,
    /// ifIndex of the port that it entered by.
    pub port: u32,
    /// What it says.
    pub header: &'a Header,
    /// What is to know of it where it enters the fabric, since that is where it can be dropped.
    pub entering: Option<Entering<'a>>,
    /// Bytes that it stands for; `None`: that cannot be.
    pub bytes: Option<u64>,
    /// How it left, if the agent says so.
    pub exit: Option<Exit>,
}

/// Takes signs; false when it cannot now.
type Tell = Box<dyn FnMut(Sign) -> bool + Send>;

/// What one receiving thread looks out for.
pub struct Lookout {
    watch: Newest<Watch>,
    marked: Newest<Marked>,
    teller: Teller,
    meter: Meter,
    tell: Tell,
}

/// Something that is replaced as a whole, as it was when it was looked at last.
struct Newest<T> {
    newest: Arc<ArcSwap<T>>,
    known: Arc<T>,
}

impl<T> Newest<T> {
    fn new(newest: Arc<ArcSwap<T>>) -> Self {
        Self {
            known: newest.load_full(),
            newest,
        }
    }

    #[inline]
    fn refresh(&mut self) {
        let newest = self.newest.load();
        if !Arc::ptr_eq(&self.known, &newest) {
            self.known = Arc::clone(&newest);
        }
    }
}

impl fmt::Debug for Lookout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lookout").finish_non_exhaustive()
    }
}

impl Lookout {
    /// Looks out for what `watch` lists at any time, and for attacks; tells `tell`. What it sees of the flows of `marked`
    /// is noted there.
    pub fn new(
        watch: Arc<ArcSwap<Watch>>,
        marked: Arc<ArcSwap<Marked>>,
        drops: &Drops,
        tell: impl FnMut(Sign) -> bool + Send + 'static,
    ) -> Self {
        Self {
            watch: Newest::new(watch),
            marked: Newest::new(marked),
            teller: Teller::new(),
            meter: Meter::new(drops),
            tell: Box::new(tell),
        }
    }

    /// Looks out for what is an attack by this configuration from now on.
    pub fn follow(&mut self, drops: &Drops) {
        self.meter.follow(drops);
    }

    /// Takes a sampled packet.
    #[inline]
    pub fn sample(&mut self, now: Time, sampled: &Sampled<'_>) {
        let Sampled { agent, port, .. } = *sampled;
        self.marked.known.sample(now, agent, sampled.header, sampled.exit);
        let (Some(ip), Some(bytes)) = (&sampled.header.ip, sampled.bytes) else {
            return;
        };
        let watch = &self.watch.known;
        if watch.may_hit(ip.source, ip.destination)
            && let Some(hit) = watch.hit(ip.source, ip.destination)
            && let Some(sighting) = self.teller.hit(now, agent, port, hit, bytes)
            && !(self.tell)(Sign::Listed(sighting))
        {
            self.teller.untold(&sighting);
        }
        if let Some(entering) = &sampled.entering
            && let Some(attack) = self.meter.sample(now, (agent, port), entering, bytes)
        {
            // It is told again in a second, as long as it goes on.
            (self.tell)(Sign::Attack(attack));
        }
    }

    /// To be called between batches: takes newer lists and marks, if there are any.
    #[inline]
    pub fn refresh(&mut self) {
        self.watch.refresh();
        self.marked.refresh();
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Mutex;

    use super::*;
    use crate::blacklist::watch::List;
    use crate::config::Config;
    use crate::packet::EtherType;

    #[test]
    fn new_lists_are_seen_after_a_refresh_and_what_was_not_taken_is_told_again() {
        let newest = Arc::new(ArcSwap::from_pointee(Watch::default()));
        let told = Arc::new(Mutex::new(Vec::new()));
        let drops = Config::parse(Path::new("t"), "").unwrap().drop;
        let into = Arc::clone(&told);
        let mut lookout = Lookout::new(Arc::clone(&newest), Arc::default(), &drops, move |sign| {
            let mut told = into.lock().unwrap();
            told.push(sign);
            told.len() > 1
        });
        let mut bytes = [0; 40];
        (bytes[0], bytes[3], bytes[9]) = (0x45, 40, 6);
        bytes[12..20].copy_from_slice(&[10, 0, 0, 1, 192, 0, 2, 1]);
        let header = Header::parse_ethertype(EtherType::IPV4, &bytes);
        let sampled = Sampled {
            agent: AgentId(0),
            port: 3,
            header: &header,
            entering: None,
            bytes: Some(100),
            exit: None,
        };
        let list = List {
            name: "l".into(),
            prefixes: vec!["192.0.2.0/24".parse().unwrap()].into(),
        };
        newest.store(Arc::new(Watch::new(
            &[list],
            &["10.0.0.0/8".parse().unwrap()],
            &[],
        )));
        lookout.sample(Time::START, &sampled);
        assert_eq!(told.lock().unwrap().len(), 0);
        lookout.refresh();
        for _ in 0..3 {
            lookout.sample(Time::START, &sampled);
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
