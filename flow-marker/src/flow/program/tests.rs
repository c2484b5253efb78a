use proptest::prelude::*;

use super::*;
use crate::flow::lookup::Port;
use crate::flow::testing::*;
use crate::flow::{Direction, language};
use crate::sflow::{DropReason, Interface};

/// What an expression yields, as a text.
fn eval_with(text: &str, view: &View<'_>, lookup: &Arc<Lookup>) -> Option<String> {
    let key = language::keys(text).unwrap_or_else(|fault| panic!("{text}: {fault}"));
    let program = Program::new(&key, &[], None).unwrap();
    let mut workspace = program.workspace(lookup);
    let Workspace { bound, scratch, .. } = &mut workspace;
    scratch.clear();
    extract::shown(program.keys[0].read(view, bound, scratch), scratch)
}

fn eval(text: &str, view: &View<'_>) -> Option<String> {
    eval_with(text, view, &Arc::default())
}

fn takes(filter: &str, view: &View<'_>) -> bool {
    let filter = Filter::parse(filter).unwrap().unwrap();
    let program = Program::new(&[], &[], Some(&filter)).unwrap();
    program.takes(view, &mut program.workspace(&Arc::default()))
}

fn dns(name: &[&str], response: bool, kind: u16) -> Vec<u8> {
    let mut message = vec![
        0,
        1,
        if response { 0x81 } else { 0x01 },
        0,
        0,
        1,
        0,
        0,
        0,
        0,
        0,
        0,
    ];
    for label in name {
        message.push(u8::try_from(label.len()).unwrap());
        message.extend(label.as_bytes());
    }
    message.push(0);
    message.extend(kind.to_be_bytes());
    message.extend([0, 1]);
    message
}

fn expect(view: &View<'_>, expected: &[(&str, &str)]) {
    for (key, value) in expected {
        let found = eval(key, view);
        assert_eq!(found.as_deref().unwrap_or("null"), *value, "{key}");
    }
}

#[test]
fn keys_of_a_segment() {
    let frame = segment(40_000, 443);
    expect(
        &view(&frame),
        &[
            ("macsource", "001122AABBDD"),
            ("macdestination", "001122AABBCC"),
            ("ethernetprotocol", "2048"),
            ("isunicast", "true"),
            ("ismulticast", "false"),
            ("isbroadcast", "false"),
            ("vlan", "null"),
            ("ipsource", "10.0.0.1"),
            ("ipdestination", "10.0.1.2"),
            ("ipprotocol", "6"),
            ("ipbytes", "40"),
            ("iptos", "43"),
            ("ipdscp", "10"),
            ("ipdscpname", "af11"),
            ("ipecn", "11"),
            ("ipflags", "010"),
            ("ipfragoffset", "0"),
            ("ipttl", "61"),
            ("ip6source", "null"),
            ("ip6nexthdr", "null"),
            ("ip6fragoffset", "null"),
            ("tcpsourceport", "40000"),
            ("tcpdestinationport", "443"),
            ("tcpflags", "00010010"),
            ("tcpseqno", "7"),
            ("udpsourceport", "null"),
            ("icmptype", "null"),
            ("vni", "null"),
            ("stack", "eth.ip.tcp"),
            ("inputifindex", "3"),
            ("outputifindex", "9"),
            ("direction", "ingress"),
            ("agent", "192.0.2.1"),
            ("datasource", "3"),
            ("reason", "null"),
            ("bytes", "1500"),
            ("frames", "1"),
            ("requests", "1"),
            ("stripped", "4"),
            ("ip_offset", "14"),
            ("tcp_offset", "34"),
            ("udp_offset", "null"),
            ("ipsource.1", "null"),
            ("bgpas", "null"),
            ("httpurl", "null"),
            ("queueindex", "null"),
        ],
    );
}

#[test]
fn keys_of_ipv6_and_tags() {
    let ip = ipv6(
        v6("2001:db8::1"),
        v6("2001:db8::2"),
        17,
        &udp(53, 5353, &dns(&["www", "example"], true, 28)),
    );
    let frame = ethernet(0x8100, &vlan(7, 0x86DD, &ip));
    expect(
        &view(&frame),
        &[
            ("vlan", "7"),
            ("priority", "5"),
            ("ethernetprotocol", "34525"),
            ("ip6source", "2001:db8::1"),
            ("ip6destination", "2001:db8::2"),
            ("ip6nexthdr", "17"),
            ("ip6bytes", "77"),
            ("ip6dscp", "46"),
            ("ip6dscpname", "ef"),
            ("ip6ecn", "01"),
            ("ip6tos", "185"),
            ("ip6flowlabel", "74565"),
            ("ip6ttl", "62"),
            ("ip6fragoffset", "0"),
            ("ipsource", "null"),
            ("udpsourceport", "53"),
            ("udpdestinationport", "5353"),
            ("dnsqr", "true"),
            ("dnsqname", "www.example."),
            ("dnsqtypename", "AAAA"),
            ("suffix:dnsqname:.:2", "example."),
            ("stack", "eth.vlan.ip6.udp.dns"),
        ],
    );
}

#[test]
fn inner_layers_of_a_tunnel() {
    let inner = ethernet(
        0x0800,
        &ipv4([172, 16, 0, 1], [172, 16, 0, 2], 6, &tcp(1, 2, 0x02)),
    );
    let outer = ipv4(
        [10, 0, 0, 1],
        [10, 0, 0, 2],
        17,
        &udp(50_000, 4789, &vxlan(77, &inner)),
    );
    let frame = ethernet(0x0800, &outer);
    // Not asked for all layers, but the packet may be a tunnel.
    for view in [view(&frame), fast_view(&frame)] {
        expect(
            &view,
            &[
                ("ipsource", "10.0.0.1"),
                ("ipsource.1", "172.16.0.1"),
                ("ipdestination.1", "172.16.0.2"),
                ("ipsource.2", "null"),
                ("macsource.1", "001122AABBDD"),
                ("ipprotocol", "17"),
                ("ipprotocol.1", "6"),
                // The first TCP layer is the inner one.
                ("tcpsourceport", "1"),
                ("tcpflags", "00000010"),
                ("udpdestinationport", "4789"),
                ("vni", "77"),
                ("vxlanvni", "77"),
                ("genevevni", "null"),
                ("ipdscpname", "af11"),
                ("stack", "eth.ip.udp.vxlan.eth.ip.tcp"),
                ("first:stack:.:ip6:ip", "ip"),
                ("prefix:stack:.:3", "eth.ip.udp"),
            ],
        );
    }
}

#[test]
fn functions() {
    let frame = segment(40_000, 443);
    let mut lookup = Lookup::new();
    let nets = [("external", "0.0.0.0/0"), ("private", "10.0.0.0/8")];
    lookup
        .group("g", nets.map(|(name, net)| (name, net.parse().unwrap())))
        .unwrap();
    lookup
        .group("h", [("lab", "10.0.1.0/24".parse().unwrap())])
        .unwrap();
    lookup
        .map("names", [("uplink", "00:11:22:aa:bb:dd"), ("https", "443")])
        .unwrap();
    let port = Port {
        link: Some("leaf1-spine2".into()),
        name: Some("swp3".into()),
    };
    lookup.port("192.0.2.1".parse().unwrap(), 3, port).unwrap();
    lookup.node("192.0.2.1".parse().unwrap(), "leaf1").unwrap();
    let lookup = Arc::new(lookup);
    let view = view(&frame);
    for (text, expected) in [
        ("group:ipsource:g", "private"),
        ("group:ipdestination:h:g", "lab"),
        ("group:ipsource:h:g", "private"),
        ("group:ipsource:none", "null"),
        ("group:ip6source:g", "null"),
        ("group:macsource:g", "null"),
        ("map:macsource:names", "uplink"),
        ("map:tcpdestinationport:names", "https"),
        ("map:tcpsourceport:names", "null"),
        ("link:inputifindex", "leaf1-spine2"),
        ("link:outputifindex", "null"),
        ("node:inputifindex", "leaf1"),
        ("ifname:inputifindex", "swp3"),
        ("mask:ipsource:8", "10.0.0.0"),
        ("mask:ipsource:0", "0.0.0.0"),
        ("mask:ipdestination:24", "10.0.1.0"),
        ("mask:ipsource:128", "10.0.0.1"),
        ("null:vlan:undefined", "undefined"),
        ("null:vlan", "null"),
        ("null:ipttl:x", "61"),
        ("or:udpsourceport:tcpsourceport", "40000"),
        ("or:udpsourceport:vlan", "null"),
        ("if:direction:ingress:ipsource:ipdestination", "10.0.0.1"),
        ("if:direction:egress:ipsource:ipdestination", "10.0.1.2"),
        ("if:direction:egress:ipsource", "null"),
        ("if:vlan:null:\"untagged\":vlan", "untagged"),
        ("if:ipprotocol:6:\"tcp\":null", "tcp"),
        (
            "if:[first:stack:.:ip:ip6]:ip:[mask:ipsource:16]:ip6source",
            "10.0.0.0",
        ),
        ("first:stack:.:tcp:ip", "ip"),
        ("first:stack:.:udp", "null"),
        ("range:bytes:1000:2000", "true"),
        ("range:bytes::1499", "false"),
        ("range:bytes:1500", "true"),
        ("range:vlan:1", "null"),
        ("eq:ipsource:ipsource", "true"),
        ("eq:ipsource:ipdestination", "false"),
        ("eq:bytes:ipbytes", "false"),
        ("eq:vlan:vlan", "null"),
        (
            "concat:-:ipsource:tcpsourceport:stack",
            "10.0.0.1-40000-eth.ip.tcp",
        ),
        (
            "concat:[, ]:[mask:ipsource:8]:[concat:/:ipttl:ipdscpname]",
            "10.0.0.0, 61/af11",
        ),
        ("concat:-:ipsource:vlan", "null"),
        ("bits:tcpflags:0x12", "18"),
        ("bits:tcpflags:4", "0"),
        ("bits:vlan:1", "null"),
        ("prefix:stack:.:1", "eth"),
        ("prefix:stack:.:9", "eth.ip.tcp"),
        ("suffix:stack:.:1", "tcp"),
        ("suffix:stack:.:9", "eth.ip.tcp"),
        ("suffix:ipsource:.:2", "0.1"),
        ("prefix:vlan:.:2", "null"),
        ("country:ipsource", "null"),
        ("asn:ipsource", "null"),
        ("dns:ipsource", "null"),
        ("oui:macsource:name", "null"),
        ("host:ipsource", "null"),
    ] {
        assert_eq!(
            eval_with(text, &view, &lookup).as_deref().unwrap_or("null"),
            expected,
            "{text}"
        );
    }
}

#[test]
fn interfaces_that_are_none_have_names() {
    let frame = segment(1, 2);
    let mut view = view(&frame);
    for (output, expected) in [
        (Interface::Discarded(258), "discard"),
        (Interface::Multiple(4), "multiple"),
        (Interface::Internal, "internal"),
        (Interface::Unknown, "unknown"),
    ] {
        view.output = output;
        assert_eq!(eval("outputifindex", &view).as_deref(), Some(expected));
    }
    view.output = Interface::Discarded(258);
    assert_eq!(eval("reason", &view).as_deref(), Some("acl"));
    view.reason = Some(DropReason(257));
    assert_eq!(eval("reason", &view).as_deref(), Some("ttl_exceeded"));
    view.reason = Some(DropReason(9999));
    assert_eq!(eval("reason", &view).as_deref(), Some("9999"));
    assert_eq!(eval("direction", &view).as_deref(), Some("ingress"));
    for elsewhere in [Direction::Egress, Direction::OtherPort] {
        view.direction = elsewhere;
        assert_eq!(eval("direction", &view).as_deref(), Some("egress"));
    }
    view.source = crate::sflow::DataSource {
        class: crate::sflow::SourceClass::PHYSICAL_ENTITY,
        index: 1000,
    };
    assert_eq!(eval("datasource", &view).as_deref(), Some("2.1000"));
}

#[test]
fn filters_take_what_they_say() {
    let frame = segment(40_000, 443);
    let view = view(&frame);
    for (filter, expected) in [
        ("ipsource=10.0.0.1", true),
        ("ipsource=10.0.0.2,10.0.0.1", true),
        ("ipsource!=10.0.0.2", true),
        ("ipsource!=10.0.0.1", false),
        ("ipprotocol=6,17&direction=ingress", true),
        ("ipprotocol=17|tcpdestinationport=443", true),
        ("(ipprotocol=17|tcpdestinationport=80)&vlan=null", false),
        ("vlan=null", true),
        ("vlan!=null", false),
        ("vlan=7", false),
        // What is not there is not 7 either.
        ("vlan!=7", true),
        ("vlan=null,7", true),
        ("vlan~.*", false),
        ("vlan!~.*", true),
        ("tcpflags~....1..1.", false),
        ("tcpflags~...1..1.", true),
        ("tcpflags=00010010", true),
        ("macsource=00:11:22:aa:bb:dd", true),
        ("macsource=001122aabbdd", true),
        ("isbroadcast=false", true),
        ("range:bytes:1500=true", true),
        ("eq:ipsource:ipdestination=true", false),
        // The whole of it, as Java's matches().
        ("ipsource~10\\.0", false),
        ("ipsource~10\\.0\\..*,192.*", true),
        ("stack~eth\\.ip6?\\.(tcp|udp)", true),
        ("mask:ipsource:24=10.0.0.0", true),
        ("ip6source=2001:DB8::1,null", true),
        ("outputifindex!=discard", true),
        ("inputifindex=3,4", true),
        ("country:ipsource=DE", false),
        ("null:vlan:0=0", true),
    ] {
        assert_eq!(takes(filter, &view), expected, "{filter}");
    }
}

#[test]
fn values_that_a_key_cannot_have_are_pointed_at() {
    for (filter, at, word) in [
        ("ipsource=10.0.0", 9, "10.0.0"),
        ("vlan=1&ipsource=10.0.0.1,external", 25, "external"),
        ("direction=in", 10, "in"),
        ("inputifindex=swp3", 13, "swp3"),
        ("ipprotocol=tcp", 11, "tcp"),
        ("tcpflags=SYN", 9, "SYN"),
        ("isbroadcast=yes", 12, "yes"),
        ("ip6source=10.0.0.1", 10, "10.0.0.1"),
        ("ipsource~10.(", 9, "10.("),
        ("ipsource~a{1000}{1000}", 9, "a{1000}{1000}"),
    ] {
        let read = Filter::parse(filter).unwrap().unwrap();
        let fault = Program::new(&[], &[], Some(&read)).unwrap_err();
        assert_eq!((fault.at, fault.word.as_str()), (at, word), "{filter}: {fault}");
    }
}

#[test]
fn what_a_program_needs_is_what_it_reads() {
    let needs = |keys: &str, filter: &str| {
        let filter = Filter::parse(filter).unwrap();
        Program::new(&language::keys(keys).unwrap(), &[], filter.as_ref())
            .unwrap()
            .needs()
    };
    assert_eq!(needs("ipsource,tcpsourceport", ""), Needs::HEADER);
    assert_eq!(needs("inputifindex", "direction=ingress"), Needs::NONE);
    assert!(needs("ipsource.1", "").contains(Needs::STACK));
    assert!(needs("", "first:stack:.:ip=ip").contains(Needs::STACK));
    assert!(needs("bgpas", "httpurl~x").contains(Needs::GATEWAY | Needs::APPLICATION));
    assert!(needs("group:ipsource:g,link:inputifindex", "").contains(Needs::GROUPS | Needs::TOPOLOGY));
    assert!(!needs("vlansource", "").intersects(Needs::HEADER));
}

#[test]
fn a_key_that_is_shown_leads_back_to_its_bytes() {
    let frame = segment(40_000, 443);
    let view = view(&frame);
    for keys in [
        "ipsource,ipdestination,ipprotocol,tcpsourceport,tcpdestinationport",
        "macsource,isunicast,tcpflags,ipecn,direction,inputifindex",
        "or:ip6source:ipsource,null:vlan:undefined,stack",
        "datasource,agent,null:ipttl:none",
        "",
        "stack",
    ] {
        let program = Program::new(&language::keys(keys).unwrap(), &[], None).unwrap();
        let mut workspace = program.workspace(&Arc::default());
        program.key(&view, &mut workspace, &[]).unwrap();
        let text = KeyText::new(workspace.key(), ",").to_string();
        let candidates = program.candidates(&text, ",");
        assert!(
            candidates.iter().any(|key| key == workspace.key()),
            "{keys}: {text}"
        );
    }
    let program = Program::new(&language::keys("ipsource,vlan").unwrap(), &[], None).unwrap();
    let mut workspace = program.workspace(&Arc::default());
    assert_eq!(program.key(&view, &mut workspace, &[]), Err(Left::Null));
    assert!(program.candidates("10.0.0.1", ",").is_empty());
}

#[test]
fn texts_are_cut_and_keys_bounded() {
    let label = "a".repeat(60);
    let name = [label.as_str(); 4];
    let ip = ipv4(
        [10, 0, 0, 1],
        [10, 0, 0, 2],
        17,
        &udp(5353, 53, &dns(&name, false, 1)),
    );
    let frame = ethernet(0x0800, &ip);
    let view = view(&frame);
    let text = eval("concat:-:dnsqname:dnsqname:dnsqname", &view).unwrap();
    assert_eq!(text.len(), 512);
    assert!(text.starts_with(&label));
    let five = ["dnsqname"; 5].join(",");
    let program = Program::new(&language::keys(&five).unwrap(), &[], None).unwrap();
    let mut workspace = program.workspace(&Arc::default());
    assert_eq!(program.key(&view, &mut workspace, &[]), Err(Left::TooLong));
}

/// Frames of many kinds, and then some bytes of them changed or cut off.
fn frame() -> impl Strategy<Value = Vec<u8>> {
    let inner = prop_oneof![
        (any::<u16>(), any::<u16>(), any::<u8>()).prop_map(|(a, b, flags)| (6, tcp(a, b, flags))),
        (any::<u16>(), any::<u16>()).prop_map(|(a, b)| (17, udp(a, b, &[1, 2, 3]))),
        Just((17, udp(9, 4789, &vxlan(5, &segment(7, 8))))),
        Just((17, udp(9, 53, &dns(&["a"], false, 1)))),
        Just((1, vec![8, 0, 0, 0, 0, 1, 0, 2])),
        Just((47, vec![0, 0, 8, 0])),
        Just((4, ipv4([1, 1, 1, 1], [2, 2, 2, 2], 6, &tcp(3, 4, 0)))),
        Just((41, ipv6(v6("::1"), v6("::2"), 6, &tcp(3, 4, 0)))),
    ];
    let packet = (inner, any::<bool>(), any::<bool>()).prop_map(|((protocol, payload), six, tagged)| {
        let (ethertype, ip) = match six {
            true => (
                0x86DD,
                ipv6(v6("2001:db8::1"), v6("2001:db8::2"), protocol, &payload),
            ),
            false => (0x0800, ipv4([10, 0, 0, 1], [10, 0, 0, 2], protocol, &payload)),
        };
        match tagged {
            true => ethernet(0x8100, &vlan(7, ethertype, &ip)),
            false => ethernet(ethertype, &ip),
        }
    });
    let changes = proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..4);
    (packet, changes, any::<proptest::sample::Index>(), any::<bool>()).prop_map(
        |(mut frame, changes, cut, cuts)| {
            for (at, byte) in changes {
                let at = at.index(frame.len());
                frame[at] = byte;
            }
            if cuts {
                frame.truncate(cut.index(frame.len()));
            }
            frame
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn the_fast_way_and_the_layers_agree(frame in frame()) {
        let (fast, slow) = (fast_view(&frame), view(&frame).without_fast());
        for field in Field::ALL.iter().filter(|field| field.needs() == Needs::HEADER) {
            let name = field.name();
            let (fast, slow) = (eval(name, &fast), eval(name, &slow));
            // Where the length of an IP packet is 0 or contradicts itself, each way has its own opinion.
            prop_assert_eq!(fast, slow, "{}", name);
        }
    }

    #[test]
    fn nothing_in_a_packet_makes_a_key_panic(frame in frame()) {
        let view = view(&frame);
        for field in Field::ALL {
            for nth in 0..if field.is_layered() { 3 } else { 1 } {
                let text = format!("{}.{nth}", field.name());
                let shown = eval(text.trim_end_matches(".0"), &view);
                prop_assert!(shown.is_none_or(|text| text.len() <= 512));
            }
        }
    }

    #[test]
    fn a_compiled_filter_agrees_with_a_naive_one(frame in frame(), filter in simple_filter()) {
        let view = view(&frame);
        let program = Program::new(&[], &[], Some(&filter)).unwrap();
        let taken = program.takes(&view, &mut program.workspace(&Arc::default()));
        prop_assert_eq!(taken, naive(&filter, &view), "{}", filter);
    }
}

/// Filters whose values are written as keys are shown.
fn simple_filter() -> impl Strategy<Value = Filter> {
    let tests = proptest::sample::select(vec![
        "ipsource=10.0.0.1",
        "ipsource!=10.0.0.1,null",
        "ipprotocol=6,17",
        "tcpsourceport=3,7,null",
        "udpdestinationport!=4789",
        "vlan=7",
        "vlan!~7",
        "stack~eth\\.ip.*",
        "stack!~.*tcp,.*udp",
        "tcpflags~....1..1.",
        "isunicast=true",
        "range:ipbytes:40=false",
        "eq:ipsource:ipsource=true",
        "or:ipsource:ip6source=2001:db8::1,10.0.0.1",
        "mask:ip6source:16=2001::",
        "null:vlan:none=none",
        "if:vlan:7:ipttl:ip6ttl=61,62",
        "concat:-:ipttl:ipprotocol=61-6",
        "ipsource.1=172.16.0.1,1.1.1.1",
        "vni=5",
    ]);
    let test = tests.prop_map(|text| Filter::parse(text).unwrap().unwrap());
    test.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 1..4).prop_map(Filter::All),
            proptest::collection::vec(inner, 1..4).prop_map(Filter::Any),
        ]
    })
}

/// Compares texts, one after the other, and always all of them.
fn naive(filter: &Filter, view: &View<'_>) -> bool {
    match filter {
        Filter::All(parts) => parts
            .iter()
            .map(|part| naive(part, view))
            .fold(true, |all, one| all & one),
        Filter::Any(parts) => parts
            .iter()
            .map(|part| naive(part, view))
            .fold(false, |any, one| any | one),
        Filter::Test(test) => {
            let value = eval(&test.key.to_string(), view);
            let found = test
                .values
                .iter()
                .any(|word| match (test.operator.is_pattern(), &value) {
                    (true, Some(value)) => {
                        let whole = regex::Regex::new(&format!("^(?:{})$", word.text)).unwrap();
                        whole.is_match(value)
                    }
                    (true, None) => false,
                    (false, value) => value.as_deref().unwrap_or("null") == word.text,
                });
            found != test.operator.is_negated()
        }
    }
}
