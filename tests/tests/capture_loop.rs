//! Captures, end to end, on real packets: a host talks to an address that a served list has, Open vSwitch samples it,
//! flow-marker looks it up, acl-server installs the ERSPAN rules, and the analyzer has both directions of that
//! conversation and nothing else.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests, which fail by panics"
)]

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tests::lab::{AclServer, AclServerOptions, CONTROLLER, Family, Lab, LabOptions, mark_config};
use tests::wait;
use tests::wire::{Capture, Flow, Transport};

const PATIENCE: Duration = Duration::from_secs(20);
/// An address of host b that is on the list.
const LISTED: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 100, 20, 66));
/// Its other address is not.
fn unlisted() -> IpAddr {
    Family::V4.host_b()
}

/// A conversation over UDP from a port of host a with port 7070 of an address of host b, until it is dropped: two hundred
/// questions a second, each answered.
struct Conversation {
    flow: Flow,
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Conversation {
    fn start(lab: &Lab, address: IpAddr, port: u16) -> Self {
        let flow = Flow {
            transport: Transport::Udp,
            source: SocketAddr::new(Family::V4.host_a(), port),
            destination: SocketAddr::new(address, 7070),
        };
        let bind = |address: SocketAddr| {
            let socket = UdpSocket::bind(address).unwrap();
            socket.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
            socket
        };
        let server = lab.host_b().inside(|| bind(flow.destination)).unwrap();
        let client = lab.host_a().inside(|| bind(flow.source)).unwrap();
        client.connect(flow.destination).unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let (asking, answering) = (Arc::clone(&over), Arc::clone(&over));
        let threads = vec![
            thread::spawn(move || {
                let mut bytes = [0; 1000];
                while !asking.load(Ordering::Relaxed) {
                    let _ = client.send(&[7; 1000]);
                    let _ = client.recv(&mut bytes);
                    wait::pause(Duration::from_millis(4));
                }
            }),
            thread::spawn(move || {
                let mut bytes = [0; 1000];
                while !answering.load(Ordering::Relaxed) {
                    if let Ok((length, from)) = server.recv_from(&mut bytes) {
                        let _ = server.send_to(&bytes[..length], from);
                    }
                }
            }),
        ];
        Self { flow, over, threads }
    }

    fn answers(&self) -> Flow {
        Flow {
            transport: self.flow.transport,
            source: self.flow.destination,
            destination: self.flow.source,
        }
    }
}

impl Drop for Conversation {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// A server of one list in the controller's namespace, for as long as the test program lives.
fn serve(lab: &Lab, list: &'static str) -> SocketAddr {
    let listener = lab
        .controller()
        .inside(|| TcpListener::bind((CONTROLLER, 0)).unwrap())
        .unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n";
            let _ = write!(stream, "{head}Content-Length: {}\r\n\r\n{list}", list.len());
        }
    });
    address
}

fn acls(acl_server: &AclServer) -> Vec<String> {
    serde_json::from_value(acl_server.request("GET", "/acl/", None).unwrap().json().unwrap()).unwrap()
}

fn packets(analyzer: &Capture, address: IpAddr) -> u64 {
    let flows = analyzer.flows();
    let of = flows
        .iter()
        .filter(|(flow, _)| [flow.source.ip(), flow.destination.ip()].contains(&address));
    of.map(|(_, seen)| seen.packets()).sum()
}

#[test]
fn lab_the_analyzer_gets_both_directions_of_a_listed_conversation_and_nothing_else() {
    let lab = Lab::start(LabOptions {
        sampling: 20,
        ..LabOptions::default()
    });
    let lab = lab.unwrap_or_else(|error| panic!("{error:#}"));
    let listed = format!("{LISTED}/24");
    lab.host_b()
        .run("ip", &["addr", "add", &listed, "dev", "eth0"])
        .unwrap();
    let acl_server = lab.acl_server(&AclServerOptions::default()).unwrap();
    let url = serve(&lab, "# emerging\n192.0.2.0/24\n10.100.20.66\n2001:db8::/32\n");
    let config = format!(
        "{}[capture]\nmode = \"act\"\nanalyzer = [\"{CONTROLLER}\"]\nlocal = [\"10.100.10.0/24\"]\nquiet = \"10s\"\n\
         [[capture.blacklist]]\nname = \"emerging\"\nurl = \"http://{url}/block.txt\"\n",
        mark_config(&lab, "observe").unwrap()
    );
    let _marker = lab.flow_marker(&config).unwrap();
    let analyzer = Capture::start(lab.controller()).unwrap();
    let received = lab.capture_received().unwrap();

    let other = Conversation::start(&lab, unlisted(), 50_001);
    let suspicious = Conversation::start(&lab, LISTED, 50_002);
    for flow in [suspicious.flow, suspicious.answers()] {
        let copies = analyzer.wait_for("copies", &flow, PATIENCE, |seen| seen.packets() > 100);
        copies.unwrap_or_else(|error| panic!("{error}: {:?}", acls(&acl_server)));
    }
    let names = acls(&acl_server);
    assert!(names.len() == 1 && names[0].starts_with("fm_cap_"), "{names:?}");
    // The other one was sampled as well, for as long.
    assert!(received.flow(&other.flow).packets() > 100);
    assert_eq!(packets(&analyzer, unlisted()), 0);

    // It ends when the conversation is quiet, whatever else goes on.
    let flow = suspicious.flow;
    drop(suspicious);
    let gone = wait::until("the capture to end", Duration::from_secs(40), || {
        acls(&acl_server).is_empty().then_some(())
    });
    gone.unwrap_or_else(|error| panic!("{error}: {:?}", acls(&acl_server)));
    let before = analyzer.flow(&flow).packets();
    assert!(
        before <= received.flow(&flow).packets(),
        "no packet was copied twice"
    );
    assert_eq!(packets(&analyzer, unlisted()), 0);
    drop(other);
}
