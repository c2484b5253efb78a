//! Who is a switch of the inventory, and what comes in its name.

use super::*;

const FABRIC: &str = "[mark]\nthreshold = \"1M\"\nprofile = \"average\"\n\
                      [fabric]\nagents = [\"10.0.0.0/24\"]\nacl = \"https://{agent}\"\nmax_switches = 1\n";

/// A datagram of an agent by way of an address, with one sample.
fn send_by(shard: &mut Shard, number: u32, (agent, from): (&str, &str)) {
    let mut bytes = datagram(agent.parse().unwrap(), &[sample(1, 1, 9)]);
    bytes[16..20].copy_from_slice(&number.to_be_bytes());
    let from = SocketAddr::new(from.parse().unwrap(), 6343);
    shard.batch(at(1), &[Received { from, bytes: &bytes }]);
}

fn standing(shard: &Shard, agent: &str) -> Option<&'static str> {
    let statuses = shard.statuses().into_iter();
    let mut of = statuses.filter(|status| status.agent.to_string() == agent);
    of.next().map(|status| status.inventory)
}

#[test]
fn an_agent_is_a_switch_when_it_sends_itself_and_not_before() {
    let taker = Taker {
        takes: true,
        ..Taker::default()
    };
    let (mut shard, metrics) = shard(FABRIC, &taker);
    let thread = Arc::clone(&metrics.threads()[0]);
    for number in 1..4 {
        send_by(&mut shard, number, ("10.0.0.7", "10.0.0.66"));
    }
    assert_eq!(standing(&shard, "10.0.0.7"), Some("no: source differs"));
    assert_eq!(thread.not_admitted_source.get(), 3);
    assert_eq!(
        (metrics.agents().len(), taker.elephants.lock().unwrap().len()),
        (1, 0)
    );
    // The sequence numbers of a stranger are not those of the switch, nor are his losses.
    send_by(&mut shard, 1, ("10.0.0.7", "::ffff:10.0.0.7"));
    assert_eq!(standing(&shard, "10.0.0.7"), Some("template"));
    let agents = metrics.agents();
    let [_, seven] = &agents[..] else {
        panic!("{agents:?}")
    };
    assert_eq!((seven.decoded.get(), seven.flow_counted.get()), (1, 1));
    assert_eq!(seven.datagrams_duplicate.get(), 0);
    {
        let elephants = taker.elephants.lock().unwrap();
        let [Event::Started(elephant)] = elephants.as_slice() else {
            panic!("{elephants:?}");
        };
        assert_eq!(elephant.key.agent.index(), 1);
    }
    // Nothing in its name is taken from anybody else now.
    send_by(&mut shard, 2, ("10.0.0.7", "10.0.0.66"));
    assert_eq!((seven.decoded.get(), thread.rejected_source.get()), (1, 1));
    // There is room for one.
    send_by(&mut shard, 1, ("10.0.0.8", "10.0.0.8"));
    send_by(&mut shard, 2, ("10.0.0.8", "10.0.0.66"));
    assert_eq!(standing(&shard, "10.0.0.8"), Some("no: source differs"));
    send_by(&mut shard, 3, ("10.0.0.8", "10.0.0.8"));
    assert_eq!(standing(&shard, "10.0.0.8"), Some("no: template is full"));
    assert_eq!(
        (thread.not_admitted_full.get(), thread.not_admitted_source.get()),
        (2, 4)
    );
    // Whom nothing allows for is listened to as ever.
    send_by(&mut shard, 1, ("10.9.9.9", "10.0.0.66"));
    assert_eq!(standing(&shard, "10.9.9.9"), Some("no"));
}

#[test]
fn a_switch_comes_in_when_all_places_for_others_are_taken() {
    let (mut shard, _) = shard(&format!("{FABRIC}[sflow]\nmax_agents = 1\n"), &Taker::default());
    send_by(&mut shard, 1, ("192.0.2.1", "192.0.2.1"));
    send_by(&mut shard, 1, ("192.0.2.2", "192.0.2.2"));
    assert_eq!(standing(&shard, "192.0.2.2"), None);
    send_by(&mut shard, 1, ("10.0.0.7", "10.0.0.7"));
    assert_eq!(standing(&shard, "10.0.0.7"), Some("template"));
    assert_eq!(standing(&shard, "192.0.2.1"), Some("no"));
}

#[test]
fn a_switch_with_a_source_is_heard_from_there_alone_and_others_from_anywhere() {
    let second = "[[switch]]\nagent = \"10.0.0.2\"\nacl = \"http://b\"\nsource = [\"192.0.2.2\"]\n";
    let (mut shard, metrics) = shard(second, &Taker::default());
    for (number, (agent, from)) in [
        ("10.0.0.1", "192.0.2.66"),
        ("10.0.0.2", "10.0.0.2"),
        ("10.0.0.2", "192.0.2.2"),
    ]
    .into_iter()
    .enumerate()
    {
        send_by(&mut shard, u32::try_from(number).unwrap(), (agent, from));
    }
    let decoded: Vec<_> = metrics.agents().iter().map(|agent| agent.decoded.get()).collect();
    assert_eq!(
        (decoded, metrics.threads()[0].rejected_source.get()),
        (vec![1, 1], 1)
    );
    assert_eq!(standing(&shard, "10.0.0.2"), Some("switch"));
}
