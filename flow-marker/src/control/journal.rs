//! What was decided: one bounded list of decisions, and the totals that outlast it.
//!
//! Whoever decides says so here: the desired states by what they note, the dispatcher and the watchman where they refuse,
//! the loops when a switch answers or does not, and people through the API. A decision that repeats one within an hour (the
//! same refusal of the same traffic at the same switch) is counted in the record of the first. Each new record is one line
//! of the log, with the target `audit`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use shared::AclName;
use tokio::sync::watch;

use super::desired::{Decision, Split, View, What};
use super::shadow::{Shadow, Totals};
use crate::clock::Time;
use crate::engine::event::{Answer, Log, Older};

/// Decisions that are kept: an evening of a large fabric.
pub const RECORDS: usize = 10_000;

/// Bytes that they may take: 1.6 kB for each, where 0.8 kB is usual.
const BYTES: usize = 16 << 20;

/// What a record takes at most besides its texts: decision, control, cause and view.
const RECORD: usize = 800;

/// So long is a repetition counted in the record of the first.
const SAME: Duration = Duration::from_secs(3600);

/// Controls that are over, as far as they are shown among controls: an evening's work.
const HISTORY: usize = 200;

/// A switch of the inventory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Its position.
    pub index: usize,
    /// Its agent.
    pub agent: IpAddr,
}

/// A decision as it is kept. Cheap to copy.
#[derive(Debug, Clone)]
pub struct Record {
    /// What was decided.
    pub decision: Arc<Decision>,
    /// On which switch; `None`: on all, or none in particular.
    pub place: Option<Place>,
    /// How often.
    pub count: u64,
    /// When last.
    pub last: Time,
}

/// What makes two decisions the same.
type Same = (What, Option<&'static str>, Option<usize>, String);

#[derive(Debug)]
struct Kept {
    log: Log<Record>,
    bytes: usize,
    /// The records of what may repeat itself.
    same: HashMap<Same, u64>,
    /// Records that were repeated since somebody has asked; each is in the log.
    repeated: BTreeSet<u64>,
    /// The budget of a switch.
    budget: usize,
    all: Shadow,
    each: BTreeMap<usize, (IpAddr, Shadow)>,
}

/// All decisions. Locked for moments.
#[derive(Debug)]
pub struct Journal {
    kept: Mutex<Kept>,
    version: watch::Sender<u64>,
}

impl Default for Journal {
    /// For switches without a budget.
    fn default() -> Self {
        Self::new(0, usize::MAX)
    }
}

/// Which decisions are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Question {
    /// The last id that was seen.
    pub after: Option<i64>,
    /// At most so many.
    pub max: usize,
    /// Of the control with this name.
    pub control: Option<String>,
    /// Of the switch with this agent.
    pub switch: Option<IpAddr>,
    /// Of these kinds, by their words; none: of all.
    pub kinds: Vec<String>,
}

impl Question {
    fn means(&self, record: &Record) -> bool {
        let decision = &record.decision;
        let is_control = |name: &String| decision.name().is_some_and(|known| known.as_str() == name);
        let is_switch = |agent: IpAddr| record.place.is_some_and(|place| place.agent == agent);
        self.control.as_ref().is_none_or(is_control)
            && self.switch.is_none_or(is_switch)
            && (self.kinds.is_empty() || self.kinds.iter().any(|kind| kind == decision.what.word()))
    }
}

fn same(decision: &Decision, place: Option<Place>) -> Option<Same> {
    // What has a control of its own is told by what becomes of that.
    let repeats = match decision.what {
        What::Guarded => true,
        What::OverBudget => decision.view().is_none(),
        _ => false,
    };
    let key = || {
        let place = place.map(|place| place.index);
        (decision.what, decision.reason, place, decision.subject())
    };
    repeats.then(key)
}

fn size(decision: &Decision) -> usize {
    RECORD + decision.why.as_ref().map_or(0, String::len)
}

impl Journal {
    /// An empty journal, whose first decision has this id, for switches on which ours may be so many.
    pub fn new(first: u64, budget: usize) -> Self {
        Self {
            kept: Mutex::new(Kept {
                log: Log::new(RECORDS, first),
                bytes: 0,
                same: HashMap::new(),
                repeated: BTreeSet::new(),
                budget,
                all: Shadow::default(),
                each: BTreeMap::new(),
            }),
            version: watch::Sender::new(first),
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps decisions about a switch, or about none in particular, and tells the log.
    pub fn record(&self, place: Option<Place>, decisions: impl IntoIterator<Item = Decision>) {
        self.keep(place, decisions).tell();
    }

    /// Keeps decisions; the log is still to be told.
    #[must_use = "the log is to be told"]
    pub fn keep(&self, place: Option<Place>, decisions: impl IntoIterator<Item = Decision>) -> Untold {
        let mut new = Vec::new();
        let mut kept = self.kept();
        for decision in decisions {
            let decision = Arc::new(decision);
            if let Some(id) = kept.keep(place, &decision) {
                new.push((id, decision));
            }
        }
        let version = kept.log.version();
        drop(kept);
        if !new.is_empty() {
            self.version.send_replace(version);
        }
        Untold { place, new }
    }

    /// Ours may be so many on a switch from now on.
    pub fn set_budget(&self, budget: usize) {
        self.kept().budget = budget;
    }

    /// A marked flow of a switch has ended, after so many bytes.
    pub fn covered(&self, place: Place, now: Time, bytes: u64) {
        let mut kept = self.kept();
        kept.all.covered(now, bytes);
        kept.shadow(place).covered(now, bytes);
    }

    /// What is known for a question, newest first.
    pub fn ask(&self, question: &Question) -> Answer<Record> {
        let kept = self.kept();
        kept.log
            .ask_for(question.after, question.max, |record| question.means(record))
    }

    /// The newest records since `from`, newest first, those that are `meant`; at most `max`.
    pub fn recent(&self, from: Time, max: usize, meant: impl Fn(&Record) -> bool) -> Vec<(u64, Record)> {
        let kept = self.kept();
        let ids = (0..kept.log.version()).rev();
        let newest = ids.zip(kept.log.iter().rev());
        let newest = newest.take_while(|(_, record)| record.decision.at >= from);
        let meant = newest.filter(|(_, record)| meant(record));
        meant.take(max).map(|(id, record)| (id, record.clone())).collect()
    }

    /// The newest records with lower ids than `before` that are asked for and `meant`; what the question says of ids does not
    /// count.
    pub fn older(
        &self,
        question: &Question,
        before: Option<u64>,
        meant: impl Fn(&Record) -> bool,
    ) -> Older<Record> {
        let kept = self.kept();
        let asked = |record: &Record| question.means(record) && meant(record);
        kept.log.older(before, question.max, asked)
    }

    /// Ids of records that were repeated since this was asked last, for the one who keeps them elsewhere.
    pub fn repeated(&self) -> Vec<u64> {
        std::mem::take(&mut self.kept().repeated).into_iter().collect()
    }

    /// The record with this id, while there is one.
    pub fn get(&self, id: u64) -> Option<Record> {
        self.kept().log.get_mut(id).cloned()
    }

    /// Changes with every new record.
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// Controls that are over with the position of their switch in the inventory, the oldest first.
    pub fn finished(&self) -> Vec<(usize, View)> {
        let kept = self.kept();
        let finished = kept.log.iter().rev().filter_map(|record| {
            let view = record.decision.finished()?;
            Some((record.place?.index, view.clone()))
        });
        let mut finished: Vec<_> = finished.take(HISTORY).collect();
        drop(kept);
        finished.reverse();
        finished
    }

    /// The totals of a span of time: of all switches together, and of each of which there is something.
    pub fn shadow(&self, from: Time, until: Time) -> (Totals, Vec<(IpAddr, Totals)>) {
        let kept = self.kept();
        let each = kept.each.values();
        let each = each.map(|(agent, shadow)| (*agent, shadow.sum(from, until)));
        (kept.all.sum(from, until), each.collect())
    }
}

impl Kept {
    /// The id of a new record; `None` when it is a repetition.
    fn keep(&mut self, place: Option<Place>, decision: &Arc<Decision>) -> Option<u64> {
        let same = same(decision, place);
        if let Some(id) = same.as_ref().and_then(|same| self.same.get(same))
            && let Some(record) = self.log.get_mut(*id)
            && decision.at.since(record.decision.at) < SAME
        {
            (record.count, record.last) = (record.count.saturating_add(1), decision.at);
            self.repeated.insert(*id);
            return None;
        }
        let over = place.is_some_and(|place| {
            let budget = self.budget;
            self.shadow(place).take(decision, budget, false)
        });
        self.all.take(decision, usize::MAX, over);
        while self.log.len() >= RECORDS || (self.bytes > BYTES && !self.log.is_empty()) {
            self.drop_oldest();
        }
        self.bytes += size(decision);
        let id = self.log.push(Record {
            decision: Arc::clone(decision),
            place,
            count: 1,
            last: decision.at,
        });
        if let Some(same) = same {
            self.same.insert(same, id);
        }
        Some(id)
    }

    fn drop_oldest(&mut self) {
        if let Some((id, record)) = self.log.drop_oldest() {
            self.bytes = self.bytes.saturating_sub(size(&record.decision));
            self.repeated.remove(&id);
            if let Some(same) = same(&record.decision, record.place)
                && self.same.get(&same) == Some(&id)
            {
                self.same.remove(&same);
            }
        }
    }

    fn shadow(&mut self, place: Place) -> &mut Shadow {
        let slot = self.each.entry(place.index);
        &mut slot.or_insert_with(|| (place.agent, Shadow::default())).1
    }
}

/// Decisions that the log does not know yet: it may be slow.
#[derive(Debug)]
pub struct Untold {
    place: Option<Place>,
    new: Vec<(u64, Arc<Decision>)>,
}

impl Untold {
    /// Tells the log.
    pub fn tell(self) {
        for (id, decision) in self.new {
            audit(id, self.place, &decision);
        }
    }
}

/// One line of the log for a decision.
fn audit(id: u64, place: Option<Place>, decision: &Decision) {
    let switch = place.map(|place| place.agent.to_string());
    let (switch, what) = (switch.as_deref(), decision.subject());
    let control = decision.name().map(AclName::as_str);
    let (who, why) = (
        decision.who.as_deref().unwrap_or("controller"),
        decision.why.as_deref(),
    );
    let evidence = decision.cause().map(|cause| &cause.evidence);
    let times = decision.view().map(|view| view.times);
    let detected = decision.cause().map(|cause| cause.detected);
    let ms = |time: Option<Time>| {
        let span = time?.since(detected?).as_millis();
        u64::try_from(span).ok()
    };
    let split = decision.view().map(|view| Split::of(view).to_string());
    macro_rules! line {
        ($level:ident) => {
            tracing::$level!(
                target: "audit",
                id,
                decision = decision.what.word(),
                switch,
                control,
                what,
                who,
                reason = decision.reason,
                why,
                path = evidence.map(|evidence| evidence.path.name()),
                clock = evidence.map(|evidence| evidence.clock.name()),
                bytes = evidence.map(|evidence| evidence.bytes),
                seconds = evidence.map(|evidence| evidence.span.as_secs_f64()),
                samples = evidence.map(|evidence| evidence.samples),
                rate_bps = evidence.map(|evidence| evidence.rate.bits_per_second()),
                threshold_bps = evidence.map(|evidence| evidence.threshold.bits_per_second()),
                confidence = evidence.map(|evidence| evidence.confidence),
                installed_after_ms = ms(times.and_then(|times| times.installed)),
                split,
                "{}",
                decision.what.text()
            )
        };
    }
    match decision.what.is_grave() {
        true => line!(warn),
        false => line!(info),
    }
}

#[cfg(test)]
mod tests;
