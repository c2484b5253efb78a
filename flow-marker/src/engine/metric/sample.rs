//! Samples of the decoder become metrics.

use super::store::{Named, Origin, Store, Watch};
use super::table::Field;
use crate::clock::Time;
use crate::sflow::{CounterRecord, DecodeError, MetricValue, RtMetric, Value};

impl Store {
    /// Takes a counter sample: every record that can be read. Those that cannot are for whoever counts decoding errors.
    pub fn counter_sample<'a>(
        &mut self,
        origin: Origin,
        records: impl IntoIterator<Item = Result<CounterRecord<'a>, DecodeError>>,
        watch: &mut impl Watch,
    ) {
        let mut sample = self.counters(origin);
        let mut fields = Vec::new();
        for record in records.into_iter().flatten() {
            fields.clear();
            record.fields(&mut |name, value| match value {
                Value::Lanes(lanes) => {
                    for lane in lanes.iter() {
                        lane_fields(&lane, &mut fields);
                    }
                }
                value => fields.push((name, field(&value))),
            });
            sample.record(record.format(), &fields);
        }
        sample.finish(watch);
    }

    /// Takes the metrics that an agent has named itself, up to the first that cannot be read; false when there is one.
    pub fn rtmetric(
        &mut self,
        agent: std::net::IpAddr,
        sample: &RtMetric<'_>,
        now: Time,
        watch: &mut impl Watch,
    ) -> bool {
        for entry in sample.entries() {
            let Ok(entry) = entry else {
                return false;
            };
            let value = match entry.value {
                MetricValue::Text(text) => Named::Text(text.0),
                MetricValue::Counter32(count) => Named::Counter32(count),
                MetricValue::Counter64(count) => Named::Counter64(count),
                MetricValue::Gauge32(number) => Named::Gauge(f64::from(number)),
                MetricValue::Gauge64(number) => Named::Gauge(number as f64),
                MetricValue::Float(number) => Named::Gauge(f64::from(number)),
                MetricValue::Double(number) => Named::Gauge(number),
            };
            self.named((agent, sample.source.0), entry.name.0, value, now, watch);
        }
        true
    }
}

/// A field as the tables know it.
fn field<'a>(value: &Value<'a>) -> Field<'a> {
    if value.is_unknown() {
        return Field::Unknown;
    }
    match *value {
        Value::Counter32(count) => Field::Count32(count),
        Value::Counter64(count) => Field::Count64(count),
        Value::Byte(byte) => Field::U32(u32::from(byte)),
        Value::Gauge32(number) | Value::Percent(number) => Field::U32(number),
        Value::Gauge64(number) | Value::Hex64(number) => Field::U64(number),
        Value::Signed(number) => Field::I32(number),
        Value::Float(number) => Field::F32(number),
        Value::Text(text) => Field::Bytes(text.0),
        Value::Mac(mac) => Field::Mac(mac),
        Value::Uuid(uuid) => Field::Uuid(uuid),
        // Lists and addresses are no metrics.
        _ => Field::Unknown,
    }
}

fn lane_fields<'a>(lane: &crate::sflow::Lane, fields: &mut Vec<(&'static str, Field<'a>)>) {
    let words = [
        lane.index,
        lane.bias_current_ua,
        lane.power_out_uw,
        lane.power_out_min_uw,
        lane.power_out_max_uw,
        lane.wavelength_out_nm,
        lane.power_in_uw,
        lane.power_in_min_uw,
        lane.power_in_max_uw,
        lane.wavelength_in_nm,
    ];
    fields.extend(words.map(|word| ("", field(&Value::Gauge32(word)))));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::metric::table::{self, Kind, formats};
    use crate::engine::metric::tests::{agent, at, host, origin};
    use crate::engine::metric::{Limits, SourceName};
    use crate::sflow::{CounterFormat, DataSource, Decode, Reader};

    /// A field of the wire and an entry of the table that agree on what a number is.
    fn agree(value: &Value<'_>, kind: Kind) -> bool {
        match value {
            Value::Counter32(_) | Value::Counter64(_) => {
                matches!(kind, Kind::Rate | Kind::Share | Kind::Within)
            }
            Value::Text(_) => matches!(kind, Kind::Text),
            Value::Mac(_) => matches!(kind, Kind::Mac),
            Value::Uuid(_) => matches!(kind, Kind::Uuid),
            Value::Percent(_) => matches!(kind, Kind::Gauge(factor) if (factor - 0.01).abs() < 1e-9),
            Value::Float(_) | Value::Signed(_) => matches!(kind, Kind::Gauge(_)),
            Value::Gauge32(_) | Value::Gauge64(_) | Value::Byte(_) | Value::Hex64(_) => {
                matches!(kind, Kind::Gauge(_) | Kind::Plain | Kind::Words(_) | Kind::Status)
            }
            _ => false,
        }
    }

    #[test]
    fn the_tables_have_every_field_of_the_decoder_in_its_place() {
        let body = [0_u8; 4096];
        let mut wrong = Vec::new();
        for format in formats() {
            let record = CounterRecord::decode(format.0, Reader::new(&body)).unwrap();
            let table = table::find(format, false).unwrap();
            let mut fields = Vec::new();
            record.fields(&mut |name, value| {
                if !matches!(value, Value::Lanes(_) | Value::Percents(_) | Value::Adapters(_)) {
                    fields.push((name, value));
                }
            });
            if fields.len() != table.fields.len() {
                wrong.push(format!(
                    "{format}: {} fields, {} in the table",
                    fields.len(),
                    table.fields.len()
                ));
            }
            for ((name, value), entry) in fields.iter().zip(table.fields) {
                if !agree(value, entry.kind) {
                    wrong.push(format!(
                        "{format} {name} {value:?} {}: {:?}",
                        entry.name, entry.kind
                    ));
                }
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    #[test]
    fn every_record_of_the_decoder_becomes_metrics() {
        let body = [1_u8; 4096];
        let mut store = Store::new(Limits::default());
        let known = (1..6000).chain([4413 << 12 | 1, 4413 << 12 | 2, 4413 << 12 | 3, 5703 << 12 | 1]);
        let mut without = Vec::new();
        for format in known.filter(|format| CounterFormat(*format).name().is_some()) {
            let record = CounterRecord::decode(format, Reader::new(&body));
            let before = store.tally().records;
            store.counter_sample(origin(DataSource::interface(format), 1, 1.0), [record], &mut ());
            if store.tally().records == before {
                without.push(format);
            }
        }
        // A text of 0x01010101 bytes is not there to be read.
        assert_eq!(without, [10, 1005, 2000, 2001, 2105, 2202, 4413 << 12 | 2]);
    }

    #[test]
    fn a_decoded_record_has_its_values() {
        let mut store = Store::new(Limits::default());
        let mut body = Vec::new();
        for word in [4_u32, u32::from_be_bytes(*b"swp7")] {
            body.extend(word.to_be_bytes());
        }
        let memory: Vec<u8> = [1000_u64, 250, 0, 0, 0, 0, u64::MAX]
            .iter()
            .flat_map(|n| n.to_be_bytes())
            .collect();
        let memory = [memory, vec![0; 16]].concat();
        let records = [
            CounterRecord::decode(1005, Reader::new(&body)),
            CounterRecord::decode(2004, Reader::new(&memory)),
            CounterRecord::decode(1, Reader::new(&body)),
        ];
        assert!(records[2].is_err(), "it is cut");
        store.counter_sample(origin(host(), 1, 1.0), records, &mut ());
        let value = |metric| {
            let cell = store.get(agent(), &SourceName::from(host()), metric, at(1.0));
            cell.map(|cell| cell.value.to_string())
        };
        assert_eq!(value("ifname").as_deref(), Some("swp7"));
        assert_eq!(value("mem_utilization").as_deref(), Some("75"));
        assert_eq!(value("swap_free"), None, "unknown");
    }
}
