//! Questions and answers, in the form that clients see.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::clock::Time;
use crate::engine::metric::{Limits, Named, Pattern, SourceName, Store};
use crate::engine::topology::Topology;

fn at(seconds: u64) -> Time {
    Time::START + Duration::from_secs(seconds)
}

const NOW: u64 = 100;

fn agent(n: u8) -> IpAddr {
    IpAddr::from([10, 0, 0, n])
}

fn set(store: &mut Store, n: u8, source: &str, name: &str, value: f64, seconds: u64) {
    let source = SourceName::parse(source);
    let lasts = Duration::from_secs(600);
    assert!(store.set((agent(n), &source), name, value, lasts, at(seconds), &mut ()));
}

fn text(store: &mut Store, n: u8, source: &str, name: &str, value: &str) {
    let value = Named::Text(value.as_bytes());
    assert!(store.named(
        (agent(n), source.as_bytes()),
        name.as_bytes(),
        value,
        at(90),
        &mut ()
    ));
}

fn view<'a>(store: &'a Store, live: &'a dyn Live, topology: &'a Topology) -> View<'a> {
    View {
        store,
        live,
        topology,
        now: at(NOW),
    }
}

fn answer(query: &Query, stores: &[&Store], live: &dyn Live, topology: &Topology) -> serde_json::Value {
    let partials = stores
        .iter()
        .map(|store| query.collect(&view(store, live, topology)));
    serde_json::to_value(query.merge(partials).unwrap()).unwrap()
}

fn ask(query: &Query, stores: &[&Store]) -> serde_json::Value {
    answer(query, stores, &NoLive, &Topology::default())
}

/// Two hosts and two switches, in two shards.
fn fabric() -> [Store; 2] {
    let mut shards = [Store::new(Limits::default()), Store::new(Limits::default())];
    let [a, b] = &mut shards;
    for (store, n, load, name) in [(&mut *a, 1, 0.5, "web1.a"), (&mut *b, 2, 1.5, "db1.a")] {
        set(store, n, "2.1", "load_one", load, 90);
        set(store, n, "2.1", "cpu_num", f64::from(n) * 2.0, 80);
        text(store, n, "2.1", "host_name", name);
        text(store, n, "2.1", "os_name", "linux");
    }
    for (store, n) in [(&mut *a, 3), (&mut *b, 4)] {
        for port in 1..=3_u8 {
            let source = port.to_string();
            set(
                store,
                n,
                &source,
                "ifinoctets",
                f64::from(n) * 1000.0 + f64::from(port),
                60 + u64::from(port),
            );
            text(store, n, &source, "ifname", &format!("swp{port}"));
        }
    }
    shards
}

fn metrics(agents: &str, metrics: &str, filter: &[(&str, &str)]) -> serde_json::Value {
    let [a, b] = fabric();
    ask(
        &Query::metrics(agents, metrics, filter.iter().copied()).unwrap(),
        &[&a, &b],
    )
}

#[test]
fn a_maximum_says_where_it_is_and_a_sum_how_old() {
    assert_eq!(
        metrics("ALL", "load_one,sum:load_one,min:ifinoctets,none", &[]),
        json!([
            {"agent": "10.0.0.2", "dataSource": "2.1", "metricName": "load_one", "metricValue": 1.5, "metricN": 2, "lastUpdate": 10_000},
            {"metricName": "sum:load_one", "metricValue": 2, "metricN": 2, "lastUpdateMin": 10_000, "lastUpdateMax": 10_000},
            {"agent": "10.0.0.3", "dataSource": "1", "metricName": "min:ifinoctets", "metricValue": 3001, "metricN": 6, "lastUpdate": 39_000},
            {"metricName": "none", "metricN": 0}
        ])
    );
    let sum = &metrics("10.0.0.3;10.0.0.4", "sum:ifinoctets", &[])[0];
    assert_eq!(
        (&sum["lastUpdateMin"], &sum["lastUpdateMax"]),
        (&json!(37_000), &json!(39_000))
    );
    assert_eq!(sum["metricValue"], json!(21_012));
}

#[test]
fn every_statistic_is_that_of_all_shards() {
    let words = "max min sum avg var sdev med q1 q2 q3 iqr any";
    let list: Vec<String> = words.split(' ').map(|w| format!("{w}:load_one")).collect();
    let answer = metrics("ALL", &list.join(","), &[]);
    let values: Vec<f64> = answer
        .as_array()
        .unwrap()
        .iter()
        .map(|m| m["metricValue"].as_f64().unwrap())
        .collect();
    let expected = [
        1.5,
        0.5,
        2.0,
        1.0,
        0.5,
        0.5_f64.sqrt(),
        1.0,
        0.75,
        1.0,
        1.25,
        0.5,
        0.5,
    ];
    assert_eq!(values, expected);
    assert_eq!(answer[0]["metricName"], json!("max:load_one"), "as it was asked");
}

#[test]
fn a_data_source_can_be_named_with_dots_or_without() {
    let value = |metric| metrics("ALL", metric, &[])[0]["metricValue"].clone();
    assert_eq!(value("2.1.load_one"), json!(1.5));
    assert_eq!(value("2.ifinoctets"), json!(4002));
    assert_eq!(value("2.load_one"), json!(null));
    assert_eq!(value("host_name"), json!("web1.a"), "the largest text");
    assert_eq!(value("sum:host_name"), json!(null));
}

#[test]
fn agents_are_filtered_by_their_metrics() {
    let load = |filter: &[(&str, &str)]| metrics("ALL", "sum:load_one", filter)[0]["metricN"].clone();
    assert_eq!(load(&[("os_name", "linux")]), json!(2));
    assert_eq!(load(&[("os_name", "linux"), ("host_name", "*web*")]), json!(1));
    assert_eq!(load(&[("cpu_num", "2"), ("cpu_num", "4")]), json!(2), "either");
    assert_eq!(load(&[("cpu_num", "2,4")]), json!(2), "a list");
    assert_eq!(load(&[("cpu_num", "4.0")]), json!(1));
    assert_eq!(load(&[("2.1.cpu_num", "4")]), json!(1));
    assert_eq!(load(&[("ifname", "*")]), json!(0), "the hosts have no ports");
    assert_eq!(load(&[("os_name", "windows")]), json!(0));
}

#[test]
fn agents_are_selected_by_address_node_and_place() {
    let topology = Topology::parse(json!({
        "nodes": {"s3": {"agent": "10.0.0.3", "ports": {"a": {"ifindex": 1}}}, "s4": {"agent": "10.0.0.4"}},
        "links": {"l": {"node1": "s3", "port1": "a", "node2": "s4", "port2": "swp2"}}
    }))
    .unwrap();
    let [a, b] = fabric();
    let ports = |agents: &str| -> Vec<String> {
        let query = Query::dump(agents, "ifinoctets", []).unwrap();
        let answer = answer(&query, &[&a, &b], &NoLive, &topology);
        let values = answer
            .as_array()
            .unwrap()
            .iter()
            .map(|v| v["metricValue"].to_string());
        values.collect()
    };
    assert_eq!(ports("CORE"), ["3001", "4002"]);
    assert_eq!(ports("EDGE"), ["3002", "3003", "4001", "4003"]);
    assert_eq!(ports("TOPOLOGY").len(), 6);
    assert_eq!(ports("s4"), ["4001", "4002", "4003"]);
    assert_eq!(ports("10.0.0.3;CORE"), ["3001", "3002", "3003", "4002"]);
    assert_eq!(ports("::ffff:10.0.0.3").len(), 3);
    assert_eq!(ports("nobody").len(), 0);
}

#[test]
fn a_table_has_a_row_for_each_data_source() {
    let [a, b] = fabric();
    let table = |metrics: &str| ask(&Query::table("ALL", metrics, []).unwrap(), &[&a, &b]);
    assert_eq!(
        table("ifname,sort:ifinoctets:-2"),
        json!([
            [
                {"agent": "10.0.0.4", "dataSource": "3", "metricName": "ifname", "metricValue": "swp3"},
                {"agent": "10.0.0.4", "dataSource": "3", "metricName": "ifinoctets", "metricValue": 4003}
            ],
            [
                {"agent": "10.0.0.4", "dataSource": "2", "metricName": "ifname", "metricValue": "swp2"},
                {"agent": "10.0.0.4", "dataSource": "2", "metricName": "ifinoctets", "metricValue": 4002}
            ]
        ])
    );
    assert_eq!(table("host_name,ifname"), json!([]), "no data source has both");
    let nulls = table("host_name,null:ifname");
    assert_eq!(nulls.as_array().unwrap().len(), 2);
    assert_eq!(nulls[0][1], json!(null));
    assert_eq!(table("ifinoctets").as_array().unwrap().len(), 6);
    let ascending = table("sort:ifinoctets:1");
    assert_eq!(ascending[0][0]["metricValue"], json!(3001));
    let one = table("2.1.load_one,2.1.host_name");
    assert_eq!(one.as_array().unwrap().len(), 2, "a row for each agent");
    let sorted = table("sort:null:load_one,null:ifname:x,null:ifinoctets");
    assert_eq!(
        sorted[0][0]["metricValue"],
        json!(0.5),
        "what is missing comes last"
    );
    assert_eq!(sorted[7][0], json!(null));
}

#[test]
fn a_dump_has_values_of_all_or_of_some() {
    let [a, b] = fabric();
    let dump = |metrics: &str| ask(&Query::dump("10.0.0.1", metrics, []).unwrap(), &[&a, &b]);
    let load =
        json!({"agent": "10.0.0.1", "dataSource": "2.1", "metricName": "load_one", "metricValue": 0.5});
    assert_eq!(dump("load_one"), json!([load]));
    assert_eq!(dump("load_one;cpu_num").as_array().unwrap().len(), 2);
    assert_eq!(dump("ALL").as_array().unwrap().len(), 4);
}

#[test]
fn an_agent_is_an_object_of_data_source_and_metric() {
    let [a, b] = fabric();
    assert_eq!(
        ask(&Query::agent(agent(1)), &[&a, &b]),
        json!({"2.1.load_one": 0.5, "2.1.cpu_num": 2, "2.1.host_name": "web1.a", "2.1.os_name": "linux"})
    );
    assert_eq!(ask(&Query::agent(agent(9)), &[&a, &b]), json!({}));
    let names = ask(&Query::names(), &[&a, &b]);
    assert_eq!(names["load_one"], json!(10_000));
    assert_eq!(names["ifinoctets"], json!(37_000));
    assert_eq!(names.as_object().unwrap().len(), 6);
}

#[test]
fn errors_show_the_wrong_word() {
    let wrong = |result: Result<Query, QueryError>| result.unwrap_err().word;
    assert_eq!(wrong(Query::metrics("ALL", "a,,b", [])), "a,,b");
    assert_eq!(wrong(Query::metrics("", "a", [])), "");
    assert_eq!(wrong(Query::metrics("ALL", "sum:", [])), "");
    assert_eq!(wrong(Query::table("ALL", "a,sort:b:x", [])), "sort:b:x");
    assert_eq!(wrong(Query::table("ALL", "a,sort:b:0", [])), "sort:b:0");
    assert_eq!(wrong(Query::table("ALL", "sort:a,sort:b", [])), "sort:b");
    let long = "x".repeat(Pattern::MAX_LENGTH + 1);
    assert_eq!(
        wrong(Query::dump("ALL", "a", [("os_name", long.as_str())])),
        "os_name"
    );
    let many = vec!["a"; Query::MAX_METRICS + 1].join(",");
    assert!(Query::metrics("ALL", &many, []).is_err());
    let error = Query::table("ALL", "sort:b:0", []).unwrap_err();
    assert_eq!(
        error.to_string(),
        "\"sort:b:0\": a number of rows is expected at the end, such as :-10"
    );
}

/// A flow definition, at two data sources.
struct Flows;

impl Live for Flows {
    fn agents(&self) -> Vec<IpAddr> {
        vec![agent(3), agent(7)]
    }

    fn visit(
        &self,
        agent: IpAddr,
        name: Option<&str>,
        visit: &mut dyn FnMut(&SourceName, &Arc<str>, LiveValue),
    ) {
        if name.is_none_or(|name| name == "elephants") && self.agents().contains(&agent) {
            for (source, value) in [
                ("1", f64::from(u8::from(agent == self::agent(7))) + 5.0),
                ("2", f64::NAN),
            ] {
                let keys = vec![TopKey {
                    key: "10.1.1.1".to_owned(),
                    value,
                }];
                let live = LiveValue {
                    value,
                    at: at(99),
                    keys,
                };
                visit(&SourceName::parse(source), &"elephants".into(), live);
            }
        }
    }
}

#[test]
fn a_flow_definition_is_a_metric_with_its_largest_keys() {
    let [a, b] = fabric();
    let topology = Topology::default();
    // Live metrics belong to one shard.
    let collect = |query: &Query| {
        let partials = [
            query.collect(&view(&a, &Flows, &topology)),
            query.collect(&view(&b, &NoLive, &topology)),
        ];
        serde_json::to_value(query.merge(partials).unwrap()).unwrap()
    };
    let value = collect(&Query::metrics("ALL", "elephants,1.elephants,sum:elephants", []).unwrap());
    assert_eq!(
        value[0],
        json!({
            "agent": "10.0.0.7", "dataSource": "1", "metricName": "elephants", "metricValue": 6, "metricN": 2,
            "lastUpdate": 1000, "topKeys": [{"key": "10.1.1.1", "value": 6}]
        })
    );
    assert_eq!(
        (&value[1]["metricValue"], &value[2]["metricValue"]),
        (&json!(6), &json!(11))
    );
    let table = collect(&Query::table("ALL", "ifname,elephants", []).unwrap());
    assert_eq!(table[0][1]["topKeys"][0]["key"], json!("10.1.1.1"));
    assert_eq!(collect(&Query::names())["elephants"], json!(1000));
    assert_eq!(collect(&Query::agent(agent(7))), json!({"1.elephants": 6}));
    let dump = collect(&Query::dump("ALL", "elephants", [("elephants", "6")]).unwrap());
    assert_eq!(dump.as_array().unwrap().len(), 1);
}

#[test]
fn an_answer_that_is_too_large_is_an_error_and_no_part() {
    let query = Query::dump("ALL", "ALL", []).unwrap();
    let mut store = Store::new(Limits::default());
    set(&mut store, 1, "1", "x", 1.0, 1);
    let one = query.collect(&view(&store, &NoLive, &Topology::default()));
    let many = std::iter::repeat_n(one, Partial::MAX_VALUES + 1);
    assert_eq!(query.merge(many), Err(TooLarge));
}

type Values = Vec<(u8, u8, i16)>;

/// The values, each agent in one of the shards.
fn shards(values: &Values, assignment: [u8; 8], count: u8) -> Vec<Store> {
    let mut stores: Vec<Store> = (0..count).map(|_| Store::new(Limits::default())).collect();
    for (agent, source, value) in values {
        let shard = assignment[usize::from(*agent)] % count;
        let store = &mut stores[usize::from(shard)];
        set(
            store,
            *agent,
            &source.to_string(),
            "x",
            f64::from(*value) / 7.0,
            50 + u64::from(*source),
        );
        set(
            store,
            *agent,
            &source.to_string(),
            "y",
            f64::from(*source % 3),
            50,
        );
    }
    stores
}

proptest! {
    #[test]
    fn the_answer_does_not_depend_on_the_shards(
        values in prop::collection::vec((0_u8..8, 0_u8..20, any::<i16>()), 1..60),
        assignment: [u8; 8],
        count in 1_u8..5,
    ) {
        let (one, many) = (shards(&values, assignment, 1), shards(&values, assignment, count));
        let words = ["max", "min", "sum", "avg", "var", "sdev", "med", "q1", "q2", "q3", "iqr", "any"];
        let terms: Vec<String> = words.iter().map(|w| format!("{w}:x")).collect();
        for query in [
            Query::metrics("ALL", &terms.join(","), []).unwrap(),
            Query::table("ALL", "y,sort:x:-5", []).unwrap(),
            Query::table("ALL", "sort:y:7,x", []).unwrap(),
            Query::table("ALL", "y,x", [("y", "1")]).unwrap(),
            Query::dump("ALL", "ALL", []).unwrap(),
            Query::names(),
        ] {
            let refs = |stores: &[Store]| ask(&query, &stores.iter().collect::<Vec<_>>());
            prop_assert_eq!(refs(&one), refs(&many));
        }
    }

    /// Whatever is asked is answered or refused with a word of it.
    #[test]
    fn no_question_breaks_it(
        agents in "[A-Z0-9.;,: ]{0,20}", words in "[a-z0-9.:,;* -]{0,40}", name in "[a-z._]{0,8}", value in "\\PC{0,12}",
    ) {
        let [a, b] = fabric();
        for query in [Query::metrics, Query::table, Query::dump] {
            match query(&agents, &words, [(name.as_str(), value.as_str())]) {
                Ok(query) => drop(ask(&query, &[&a, &b])),
                Err(error) => {
                    let places = [&agents, &words, &name, &value];
                    prop_assert!(places.iter().any(|place| place.contains(&error.word)), "{error}");
                }
            }
        }
    }

    /// Statistics against a naive computation on the list of values.
    #[test]
    fn statistics_are_those_of_the_values(values in prop::collection::vec((0_u8..8, 0_u8..20, any::<i16>()), 1..60)) {
        let stores = shards(&values, [0; 8], 1);
        let last: std::collections::BTreeMap<(u8, u8), f64> =
            values.iter().map(|(a, s, v)| ((*a, *s), f64::from(*v) / 7.0)).collect();
        let mut sorted: Vec<f64> = last.values().copied().collect();
        sorted.sort_by(f64::total_cmp);
        let n = sorted.len();
        let quantile = |q: usize| {
            // In quarters of the distance between neighbours.
            let quarters = (n - 1) * q;
            let (low, high) = (sorted[quarters / 4], sorted[quarters.div_ceil(4)]);
            low + (high - low) * (quarters % 4) as f64 / 4.0
        };
        let answer = ask(&Query::metrics("ALL", "sum:x,avg:x,med:x,q1:x,q3:x,max:x,min:x", []).unwrap(), &[&stores[0]]);
        let sum: f64 = sorted.iter().sum();
        let expected = [sum, sum / n as f64, quantile(2), quantile(1), quantile(3), sorted[n - 1], sorted[0]];
        for (found, expected) in answer.as_array().unwrap().iter().zip(expected) {
            prop_assert!((found["metricValue"].as_f64().unwrap() - expected).abs() < 1e-6, "{found} {expected}");
            prop_assert_eq!(found["metricN"].as_u64(), Some(n as u64));
        }
    }
}
