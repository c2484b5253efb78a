//! Any text as keys and as a filter of a flow definition: no panic; a refusal points at a word of the text; what is accepted
//! prints to a text that means the same, compiles or says which value cannot be, and runs on a packet made of the rest.
#![no_main]

use std::net::Ipv4Addr;
use std::sync::Arc;

use flow_marker::flow::language::{self, Expression, Fault, Filter, Needs};
use flow_marker::flow::lookup::Lookup;
use flow_marker::flow::program::{KeyText, Program};
use flow_marker::flow::{Direction, View};
use flow_marker::sflow::{DataSource, HeaderProtocol, Interface, RawHeader};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    // Keys, a filter and a packet, with line ends between them.
    let mut parts = data.splitn(3, |byte| *byte == b'\n');
    let mut text = || String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    let (keys, filter) = (text(), text());
    let packet = parts.next().unwrap_or_default();
    let keys = read_keys(&keys);
    let filter = read_filter(&filter);
    let Ok(program) = Program::new(&keys, &[], filter.as_ref()) else {
        return;
    };
    let mut view = View::new(
        Ipv4Addr::LOCALHOST.into(),
        DataSource::interface(1),
        (Interface::Index(1), Interface::Unknown),
        Direction::Ingress(1),
        100,
    );
    let raw = RawHeader {
        protocol: HeaderProtocol::ETHERNET,
        frame_length: 1500,
        stripped: 0,
        header: packet,
    };
    view.set_header(raw, None);
    view.prepare(Needs::ALL);
    let mut workspace = program.workspace(&Arc::new(Lookup::new()));
    if program.key(&view, &mut workspace, &[]).is_ok() {
        let shown = KeyText::new(workspace.key(), ",").to_string();
        assert!(shown.len() <= 8 * 1024, "texts are bounded");
        let candidates = program.candidates(&shown, ",");
        assert!(candidates.len() <= 64);
    }
});

fn read_keys(text: &str) -> Vec<Expression> {
    match language::keys(text) {
        Ok(keys) => {
            let printed: Vec<String> = keys.iter().map(ToString::to_string).collect();
            assert_eq!(
                language::keys(&printed.join(",")).as_ref(),
                Ok(&keys),
                "{printed:?}"
            );
            keys
        }
        Err(fault) => {
            check(text, &fault);
            Vec::new()
        }
    }
}

fn read_filter(text: &str) -> Option<Filter> {
    match Filter::parse(text) {
        Ok(filter) => {
            if let Some(filter) = &filter {
                let printed = filter.to_string();
                assert_eq!(
                    Filter::parse(&printed).as_ref(),
                    Ok(&Some(filter.clone())),
                    "{printed}"
                );
                if let Err(fault) = Program::new(&[], &[], Some(filter)) {
                    assert!(text.get(fault.at..).is_some(), "{fault}");
                }
            }
            filter
        }
        Err(fault) => {
            check(text, &fault);
            None
        }
    }
}

fn check(text: &str, fault: &Fault) {
    let rest = text.get(fault.at..).expect("it points into the text");
    assert!(rest.starts_with(&fault.word), "{fault}");
}
