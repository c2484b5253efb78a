//! Any bytes as a sampled header: nothing panics, the fast header and the stack of layers agree, and what a cut header
//! says is among what the whole one says.
#![no_main]

use flow_marker::packet::{self, Header, Kind, MacAddress, Stack, view};
use flow_marker::sflow::HeaderProtocol;
use libfuzzer_sys::fuzz_target;

#[path = "../../flow-marker/src/packet/stack/tests/facts.rs"]
mod facts;

fuzz_target!(|data: &[u8]| {
    // The first two bytes say what the sample announces and where the header is cut for comparison.
    let &[protocol, cut, ref bytes @ ..] = data else {
        return;
    };
    let protocol = HeaderProtocol(protocol.into());
    let stack = Stack::parse(protocol, bytes);
    let header = Header::parse(protocol, bytes);
    assert!(stack.len() <= packet::stack::MAX_LAYERS);
    assert!(stack.names().to_string().split('.').count() <= packet::stack::MAX_LAYERS);
    agree(&header, &stack, bytes);

    let part = &bytes[..bytes.len().min(cut.into())];
    let found = facts::contradiction(&Stack::parse(protocol, part), &stack);
    assert_eq!(found, None, "{} of {} bytes", part.len(), bytes.len());
});

/// The fast header reads the same packet.
fn agree(header: &Header, stack: &Stack<'_>, bytes: &[u8]) {
    if let Some(ethernet) = header.ethernet {
        let frame = stack.nth::<view::Ethernet<'_>>(0).expect("a frame");
        let addresses: [Option<MacAddress>; 2] = [frame.destination(), frame.source()];
        assert_eq!(addresses, [Some(ethernet.destination), Some(ethernet.source)]);
    }
    let _ = header.payload_length(bytes);
    let Some(transport) = header.transport else {
        return;
    };
    let mut layers = stack.layers();
    let Some(layer) = layers.find(|layer| matches!(layer.kind, Kind::Tcp | Kind::Udp)) else {
        panic!("{:?} {:?}", header, stack.ending());
    };
    assert_eq!(layer.offset, transport.offset);
    if let Some(tcp) = transport.tcp_view(bytes) {
        assert_eq!(Some(tcp), stack.nth(0));
        assert_eq!(tcp.source_port(), Some(transport.source_port));
        assert_eq!(tcp.sequence(), transport.tcp.map(|tcp| tcp.sequence));
    }
    if let Some(bth) = transport.bth_view(bytes) {
        assert!(
            stack
                .nth::<view::Bth<'_>>(0)
                .is_none_or(|other| other.opcode() == bth.opcode())
        );
    }
}
