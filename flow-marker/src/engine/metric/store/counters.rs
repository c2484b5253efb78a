//! Counter records become metrics.

use std::borrow::Cow;
use std::time::Duration;

use super::writer::Writer;
use super::{Origin, Store, Watch, lasts};
use crate::clock::Time;
use crate::engine::metric::agent::{Cell, Readings};
use crate::engine::metric::derive::{Known, derive};
use crate::engine::metric::rate::{Reading, Seen, Step, step};
use crate::engine::metric::source::SourceName;
use crate::engine::metric::table::{self, Derived, Entry, Field, Kind, Record};
use crate::engine::metric::value::Value;
use crate::sflow::{CounterFormat, SourceClass};

/// Records of one data source and sub-agent that have counters: all that the tables know.
const MAX_READINGS: usize = 64;
/// Fields of a record: the longest known has 36, a transceiver with 16 lanes 164.
const MAX_FIELDS: usize = 256;

/// Takes the records of one counter sample.
#[derive(Debug)]
pub struct CounterWriter<'a> {
    store: &'a mut Store,
    origin: Origin,
    name: SourceName,
    changed: bool,
}

impl Store {
    /// Begins a counter sample; its records follow.
    pub fn counters(&mut self, origin: Origin) -> CounterWriter<'_> {
        self.changed.clear();
        CounterWriter {
            name: SourceName::Sflow(origin.source),
            store: self,
            origin,
            changed: false,
        }
    }
}

impl CounterWriter<'_> {
    /// Takes a record: its fields in wire order, with the names that they have there. Fields that it lacks at its end are
    /// missing values. A record that the tables do not know has metrics of its fields' names, in lower case.
    pub fn record(&mut self, format: CounterFormat, fields: &[(&'static str, Field<'_>)]) {
        let logical = self.origin.source.class == SourceClass::LOGICAL_ENTITY;
        let record = table::find(format, logical);
        let items = record.map_or_else(|| untabled(fields), |record| tabled(record, fields));
        if items.is_empty() {
            self.store.tally.other_records += 1;
            return;
        }
        let derived = record.map_or(Derived::Nothing, |record| record.derived);
        let pending = std::mem::take(&mut self.store.changed);
        let Some(mut writer) = self.store.writer(self.origin.agent, &self.name) else {
            return;
        };
        *writer.changed = pending;
        writer.record(format, &items, derived, &self.origin);
        self.changed = true;
    }

    /// Ends the sample: whoever watches hears of all numbers that it has updated.
    pub fn finish(self, watch: &mut impl Watch) {
        if !self.changed {
            return;
        }
        let pending = std::mem::take(&mut self.store.changed);
        if let Some(mut writer) = self.store.writer(self.origin.agent, &self.name) {
            *writer.changed = pending;
            writer.tell(self.origin.seen.at, watch);
        }
    }
}

/// What a record's counters say.
struct Steps {
    /// Seconds since the last reading, when there is a rate.
    seconds: Option<f64>,
    /// What was counted, by position.
    steps: Vec<Option<u64>>,
    lasts: Duration,
}

impl Steps {
    fn rate(&self, at: usize) -> Option<f64> {
        let step = (*self.steps.get(at)?)?;
        Some(step as f64 / self.seconds?)
    }
}

/// A field that becomes a metric.
struct Item<'a> {
    name: Cow<'static, str>,
    kind: Kind,
    field: Field<'a>,
}

fn tabled<'a>(record: &'static Record, fields: &[(&'static str, Field<'a>)]) -> Vec<Item<'a>> {
    let groups =
        (1..=Record::MAX_GROUPS).flat_map(|n| record.group.iter().map(move |entry| (Some(n), entry)));
    let entries = record.fields.iter().map(|entry| (None, entry)).chain(groups);
    let item = |((group, entry), (_, field)): ((Option<usize>, &Entry), &(_, Field<'a>))| Item {
        name: match group {
            Some(n) => format!("{}_{n}", entry.name).into(),
            None => entry.name.into(),
        },
        kind: entry.kind,
        field: *field,
    };
    entries.zip(fields).map(item).collect()
}

fn untabled<'a>(fields: &[(&'static str, Field<'a>)]) -> Vec<Item<'a>> {
    let item = |(name, field): &(&'static str, Field<'a>)| Item {
        name: name.to_ascii_lowercase().into(),
        kind: match field {
            Field::Count32(_) | Field::Count64(_) => Kind::Rate,
            Field::Bytes(_) => Kind::Text,
            Field::Mac(_) => Kind::Mac,
            Field::Uuid(_) => Kind::Uuid,
            Field::U32(_) | Field::U64(_) | Field::I32(_) | Field::F32(_) => Kind::Gauge(1.0),
            Field::Unknown => Kind::Skip,
        },
        field: *field,
    };
    fields.iter().take(MAX_FIELDS).map(item).collect()
}

impl Writer<'_> {
    fn record(&mut self, format: CounterFormat, items: &[Item<'_>], derived: Derived, origin: &Origin) {
        let Some(steps) = self.readings(format, items, origin) else {
            return;
        };
        self.tally.records += 1;
        let now = origin.seen.at;
        let shares = items
            .iter()
            .enumerate()
            .filter(|(_, item)| matches!(item.kind, Kind::Share));
        let whole: f64 = shares.filter_map(|(at, _)| steps.rate(at)).sum();
        for (at, item) in items.iter().enumerate() {
            let value = match item.kind {
                Kind::Rate => steps.rate(at).map(Value::Number),
                Kind::Share | Kind::Within => steps
                    .rate(at)
                    .filter(|_| whole > 0.0)
                    .map(|rate| Value::Number(100.0 * rate / whole)),
                Kind::Status => {
                    let status = plain(item.field);
                    self.store("ifoperstatus", status.map(|s| up(s, 2)), steps.lasts, now);
                    status.map(|s| up(s, 1))
                }
                Kind::Skip => continue,
                kind => gauge(kind, item.field),
            };
            self.store(&item.name, value, steps.lasts, now);
        }
        self.derived(derived, steps.lasts, now);
    }

    fn store(&mut self, name: &str, value: Option<Value>, lasts: Duration, at: Time) {
        match value {
            Some(value) => self.put_named(name, Cell { value, at, lasts }),
            None => self.remove(name),
        }
    }

    fn derived(&mut self, what: Derived, lasts: Duration, at: Time) {
        struct Just<'a, 'b>(&'a Writer<'b>, Time);
        impl Known for Just<'_, '_> {
            fn get(&self, name: &str) -> Option<f64> {
                let cell = self.0.source.get(self.0.names.find(name)?, self.1)?;
                cell.value.number().filter(|_| cell.at == self.1)
            }
            fn host_cpus(&self) -> Option<f64> {
                let (cpus, cell) = self.0.host.as_ref()?;
                (cell.is_current(self.1) && *cpus > 0.0).then_some(*cpus)
            }
        }
        let mut found = Vec::new();
        derive(what, &Just(self, at), |name, value| found.push((name, value)));
        for (name, value) in found {
            self.store(name, value.map(Value::Number), lasts, at);
        }
    }

    /// Compares the record's counters with the last reading and remembers them; `None` when the record is to be left
    /// out.
    fn readings(&mut self, format: CounterFormat, items: &[Item<'_>], origin: &Origin) -> Option<Steps> {
        let seen = origin.seen;
        let counts: Vec<Option<Reading>> = items.iter().map(reading).collect();
        let known = self
            .source
            .readings
            .iter_mut()
            .find(|r| r.format == format && r.sub_agent == origin.sub_agent);
        let Some(last) = known else {
            if self.source.readings.len() >= MAX_READINGS || !self.room.sources.take() {
                self.tally.refused_values += 1;
                return None;
            }
            self.source.readings.push(Readings {
                sub_agent: origin.sub_agent,
                format,
                seen,
                counts: counts.iter().map(|r| r.and_then(Reading::known)).collect(),
                interval: None,
            });
            return Some(Steps {
                seconds: None,
                steps: Vec::new(),
                lasts: lasts::UNKNOWN,
            });
        };
        let mut seconds = None;
        match step(last.seen, seen, lasts::LONGEST) {
            Step::Duplicate => {
                self.tally.duplicates += 1;
                return None;
            }
            Step::OutOfOrder => {
                self.tally.out_of_order += 1;
                return None;
            }
            Step::Restart => self.tally.restarts += 1,
            Step::Gap => self.tally.gaps += 1,
            Step::Elapsed(elapsed) => {
                seconds = Some(elapsed);
                last.interval = Some(interval(last.interval, last.seen, seen));
            }
        }
        let steps: Vec<Option<u64>> = steps(&counts, &last.counts);
        if seconds.is_some() && set_back(&counts, &last.counts) {
            self.tally.resets += 1;
            seconds = None;
        }
        last.seen = seen;
        last.counts.clear();
        last.counts
            .extend(counts.iter().map(|r| r.and_then(Reading::known)));
        Some(Steps {
            seconds,
            steps,
            lasts: lasts::after(last.interval),
        })
    }
}

/// The interval, when samples are not lost: a longer one is believed slowly, a shorter one at once.
fn interval(usual: Option<Duration>, last: Seen, next: Seen) -> Duration {
    let samples = next.sequence.wrapping_sub(last.sequence).clamp(1, 1000);
    let one = next.at.since(last.at) / samples;
    usual.map_or(one, |usual| if one < usual { one } else { (usual * 3 + one) / 4 })
}

fn steps(next: &[Option<Reading>], last: &[Option<u64>]) -> Vec<Option<u64>> {
    let pairs = next.iter().zip(last);
    pairs
        .map(|(next, last)| {
            let next = (*next)?;
            next.known()?;
            next.since((*last)?)
        })
        .collect()
}

/// Whether the counters of the record were set back: several of them, and most of those that have changed, have fallen.
/// A single one has wrapped.
fn set_back(next: &[Option<Reading>], last: &[Option<u64>]) -> bool {
    let pairs = next.iter().zip(last);
    let pairs = pairs.filter_map(|(next, last)| (*next)?.known().zip(*last));
    let (mut changed, mut fallen) = (0, 0);
    for (next, last) in pairs {
        changed += usize::from(next != last);
        fallen += usize::from(next < last);
    }
    fallen >= 2 && fallen * 2 > changed
}

fn reading(item: &Item<'_>) -> Option<Reading> {
    match (item.kind, item.field) {
        (Kind::Rate | Kind::Share | Kind::Within, Field::Count32(count) | Field::U32(count)) => {
            Some(Reading::Narrow(count))
        }
        (Kind::Rate | Kind::Share | Kind::Within, Field::Count64(count) | Field::U64(count)) => {
            Some(Reading::Wide(count))
        }
        _ => None,
    }
}

fn plain(field: Field<'_>) -> Option<u64> {
    match field {
        Field::U32(n) | Field::Count32(n) => Some(u64::from(n)),
        Field::U64(n) | Field::Count64(n) => Some(n),
        Field::I32(_) | Field::F32(_) | Field::Bytes(_) | Field::Mac(_) | Field::Uuid(_) | Field::Unknown => {
            None
        }
    }
}

fn up(status: u64, bit: u64) -> Value {
    Value::Word(if status & bit == bit { "up" } else { "down" })
}

/// A number of which all ones, or −1.0, means that the agent does not know.
fn known_number(field: Field<'_>) -> Option<f64> {
    match field {
        Field::U32(u32::MAX) | Field::U64(u64::MAX) => None,
        Field::F32(n) => (n.is_finite() && n != -1.0).then(|| f64::from(n)),
        field => any_number(field),
    }
}

fn any_number(field: Field<'_>) -> Option<f64> {
    match field {
        Field::U32(n) | Field::Count32(n) => Some(f64::from(n)),
        Field::U64(n) | Field::Count64(n) => Some(n as f64),
        Field::I32(n) => Some(f64::from(n)),
        Field::F32(n) => n.is_finite().then(|| f64::from(n)),
        Field::Bytes(_) | Field::Mac(_) | Field::Uuid(_) | Field::Unknown => None,
    }
}

fn gauge(kind: Kind, field: Field<'_>) -> Option<Value> {
    match (kind, field) {
        (Kind::Gauge(factor), field) => known_number(field).map(|n| Value::Number(n * factor)),
        (Kind::Plain, field) => any_number(field).map(Value::Number),
        (Kind::Text, Field::Bytes(bytes)) => Value::text(bytes),
        (Kind::Words(words), field) => {
            let number = plain(field)?;
            let word = words.iter().find(|(n, _)| u64::from(*n) == number);
            Some(word.map_or(Value::Number(number as f64), |(_, word)| Value::Word(word)))
        }
        (Kind::Uuid, Field::Uuid(bytes)) => uuid(bytes).map(|text| Value::Text(text.into())),
        (Kind::Mac, Field::Mac(mac)) => {
            let text: String = mac.iter().map(|b| format!("{b:02X}")).collect();
            Some(Value::Text(text.into()))
        }
        _ => None,
    }
}

/// A UUID as in RFC 9562; `None` for the nil one, which agents send that have none.
fn uuid(bytes: [u8; 16]) -> Option<String> {
    if bytes == [0; 16] {
        return None;
    }
    let hex = |part: &[u8]| -> String { part.iter().map(|b| format!("{b:02x}")).collect() };
    let (a, rest) = bytes.split_at(4);
    let (b, rest) = rest.split_at(2);
    let (c, rest) = rest.split_at(2);
    let (d, e) = rest.split_at(2);
    Some([hex(a), hex(b), hex(c), hex(d), hex(e)].join("-"))
}
