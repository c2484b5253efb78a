use serde_json::json;

use super::*;

fn read(value: &Value) -> Definition {
    Definition::from_json(value).unwrap_or_else(|wrong| panic!("{value}: {wrong}"))
}

#[test]
fn what_is_left_out_has_the_defaults_of_sflow_rt() {
    let definition = read(&json!({ "keys": "ipsource,ipdestination" }));
    assert_eq!(
        serde_json::to_value(&definition).unwrap(),
        json!({
            "keys": "ipsource,ipdestination",
            "value": "bytes",
            "n": 5,
            "t": 2,
            "fs": ",",
            "log": false,
            "flowStart": false,
            "activeTimeout": 60,
            "dropped": false,
        })
    );
    assert_eq!(read(&json!({})), Definition::default());
}

#[test]
fn definitions_of_public_clients_are_read_and_printed_as_the_same() {
    for value in [
        json!({ "keys": "ipsource,ipdestination", "value": "bytes", "t": "2", "log": "true" }),
        json!({ "keys": ["null:ipprotocol:0", "stack"], "value": "frames", "t": 5, "n": 20 }),
        json!({ "keys": "ipdestination,group:ipdestination:ddos_protect", "value": "frames",
            "values": "count:ipsource,avg:ipbytes", "filter": "ipprotocol=6&tcpflags~....1..1." }),
        json!({ "value": "avg:duration", "keys": "uripath", "fs": "_SEP_", "log": true, "flowStart": true }),
        json!({ "value": "requests", "keys": "suffix:dnsqname:.:2", "activeTimeout": 10, "dropped": true }),
        json!({ "keys": "", "value": "rate:bytes", "aggMode": "sum", "filter": "", "values": "" }),
        json!({ "value": "count:[or:ipsource:ip6source]", "keys": "vlan" }),
        json!({ "values": ["max:queuedepth", "min:[bits:tcpflags:2]"], "t": 0.5 }),
        json!({ "name": "pair", "ipfixCollectors": ["10.0.0.1"], "keys": null }),
    ] {
        let definition = read(&value);
        let printed = serde_json::to_value(&definition).unwrap();
        let mut again = read(&printed);
        assert_eq!(serde_json::to_value(&again).unwrap(), printed);
        again.ignored.clone_from(&definition.ignored);
        assert_eq!(again, definition, "{printed}");
    }
}

#[test]
fn numbers_outside_their_bounds_are_put_at_the_bound() {
    for (n, t, timeout, expected) in [
        (0.0, 0.0, 0.0, (1, 0.2, 1.0)),
        (5000.0, 5000.0, 1e9, (1000, 600.0, 86_400.0)),
        (7.9, 1.5, 30.0, (7, 1.5, 30.0)),
        (-3.0, -1.0, -1.0, (1, 0.2, 1.0)),
    ] {
        let definition = read(&json!({ "n": n, "t": t, "activeTimeout": timeout }));
        assert_eq!((definition.n, definition.t, definition.active_timeout), expected);
    }
}

#[test]
fn what_is_wrong_is_pointed_at() {
    for (value, attribute, at, word, meant) in [
        (json!({ "key": "ipsource" }), "key", 0, "key", Some("keys")),
        (
            json!({ "flowstart": true }),
            "flowstart",
            0,
            "flowstart",
            Some("flowStart"),
        ),
        (
            json!({ "keys": "ipsource,ipdestinatoin" }),
            "keys",
            9,
            "ipdestinatoin",
            Some("ipdestination"),
        ),
        (
            json!({ "keys": ["ipsource", "vlam"] }),
            "keys",
            9,
            "vlam",
            Some("vlan"),
        ),
        (json!({ "keys": 7 }), "keys", 0, "7", None),
        (json!({ "keys": ["ipsource", 7] }), "keys", 0, "7", None),
        (json!({ "value": "byts" }), "value", 0, "byts", Some("bytes")),
        (json!({ "value": "avg:ipsource" }), "value", 4, "ipsource", None),
        (
            json!({ "value": "bytes,frames" }),
            "value",
            0,
            "bytes,frames",
            None,
        ),
        (json!({ "value": "sum:bytes" }), "value", 0, "sum", None),
        (
            json!({ "values": "avg:ipbytes, count:ipsorce" }),
            "values",
            19,
            "ipsorce",
            Some("ipsource"),
        ),
        (
            json!({ "filter": "vlan=1 & ipsorce=1" }),
            "filter",
            9,
            "ipsorce",
            Some("ipsource"),
        ),
        (
            json!({ "filter": "vlan=1 & ipsource=ten" }),
            "filter",
            18,
            "ten",
            None,
        ),
        (json!({ "filter": "  ipsource~(" }), "filter", 11, "(", None),
        (
            json!({ "filter": "httphost~ok,\"a\\\"b)\"" }),
            "filter",
            12,
            "\"a\\\"b)\"",
            None,
        ),
        (
            json!({ "filter": "ipprotocol=\"t=n\"" }),
            "filter",
            11,
            "\"t=n\"",
            None,
        ),
        (json!({ "n": "many" }), "n", 0, "many", None),
        (json!({ "t": [] }), "t", 0, "[]", None),
        (json!({ "log": "ture" }), "log", 0, "ture", Some("true")),
        (json!({ "fs": "a\nb" }), "fs", 0, "a\nb", None),
        (json!({ "aggMode": "som" }), "aggMode", 0, "som", Some("sum")),
        (json!([]), "definition", 0, "[]", None),
    ] {
        let wrong = Definition::from_json(&value).unwrap_err();
        let found = (
            wrong.attribute.as_str(),
            wrong.fault.at,
            wrong.fault.word.as_str(),
        );
        assert_eq!(found, (attribute, at, word), "{value}: {wrong}");
        if meant.is_some() {
            assert_eq!(wrong.fault.meant.as_deref(), meant, "{value}: {wrong}");
        }
        let text = &wrong.text;
        assert!(
            text.get(at..).is_some_and(|rest| rest.starts_with(word)),
            "{value}: {text:?}"
        );
    }
}

#[test]
fn what_has_no_effect_is_said() {
    let definition = read(&json!({ "name": "x", "ipfixCollectors": "10.0.0.1" }));
    assert_eq!(definition.ignored, ["name", "ipfixCollectors"]);
}
