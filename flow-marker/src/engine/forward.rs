//! Sends every datagram on to other collectors, as it arrived.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;

use crate::metrics;

/// The way out of one receiving thread. What cannot be sent at once is dropped and counted: UDP promises no more.
#[derive(Debug)]
pub(super) struct Forwarder {
    targets: Vec<(SocketAddr, Arc<UdpSocket>)>,
    thread: Arc<metrics::Thread>,
}

impl Forwarder {
    /// Sends to nobody.
    pub(super) const fn new(thread: Arc<metrics::Thread>) -> Self {
        Self {
            targets: Vec::new(),
            thread,
        }
    }

    /// Sends to these from now on. Addresses of a family that this machine lacks are counted as failures at each datagram.
    pub(super) fn follow(&mut self, targets: &[SocketAddr]) {
        let mut sockets: [Option<Arc<UdpSocket>>; 2] = [None, None];
        self.targets.clear();
        for &target in targets {
            let [v4, v6] = &mut sockets;
            let (slot, any): (_, IpAddr) = match target.ip() {
                IpAddr::V4(_) => (v4, Ipv4Addr::UNSPECIFIED.into()),
                IpAddr::V6(_) => (v6, Ipv6Addr::UNSPECIFIED.into()),
            };
            if slot.is_none() {
                match open(any) {
                    Ok(socket) => *slot = Some(Arc::new(socket)),
                    Err(error) => {
                        self.thread.forward_failed.bump();
                        tracing::error!(%error, %target, "no socket to forward datagrams with");
                    }
                }
            }
            if let Some(socket) = slot {
                self.targets.push((target, Arc::clone(socket)));
            }
        }
    }

    /// Sends one datagram to all targets.
    #[inline]
    pub(super) fn send(&self, bytes: &[u8]) {
        for (target, socket) in &self.targets {
            match socket.send_to(bytes, target) {
                Ok(_) => self.thread.forwarded.bump(),
                Err(_) => self.thread.forward_failed.bump(),
            }
        }
    }
}

fn open(any: IpAddr) -> std::io::Result<UdpSocket> {
    let socket = UdpSocket::bind((any, 0))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Whether datagrams sent there would come back to a socket that is bound to `sflow`: they would circle for ever.
pub(super) fn comes_back(target: SocketAddr, sflow: SocketAddr) -> bool {
    if target.port() != sflow.port() {
        return false;
    }
    let (target, own) = (target.ip().to_canonical(), sflow.ip().to_canonical());
    // An address can be bound where it is an address of this machine.
    target == own || target.is_unspecified() || (own.is_unspecified() && UdpSocket::bind((target, 0)).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_gets_every_datagram() {
        let collectors: Vec<_> = (0..2).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
        let targets: Vec<_> = collectors.iter().map(|c| c.local_addr().unwrap()).collect();
        let thread = Arc::<metrics::Thread>::default();
        let mut forwarder = Forwarder::new(Arc::clone(&thread));
        forwarder.send(b"nobody");
        forwarder.follow(&targets);
        forwarder.send(b"datagram");
        for collector in &collectors {
            let mut buffer = [0; 100];
            let length = collector.recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..length], b"datagram");
        }
        assert_eq!((thread.forwarded.get(), thread.forward_failed.get()), (2, 0));
        forwarder.follow(&[]);
        forwarder.send(b"nobody");
        assert_eq!(thread.forwarded.get(), 2);
    }

    #[test]
    fn a_circle_is_seen() {
        for (target, sflow, circle) in [
            ("127.0.0.1:6343", "[::]:6343", true),
            ("127.0.0.1:6343", "127.0.0.1:6343", true),
            ("127.0.0.2:6343", "127.0.0.1:6343", false),
            ("127.0.0.1:6344", "[::]:6343", false),
            ("0.0.0.0:6343", "10.0.0.1:6343", true),
            ("192.0.2.7:6343", "0.0.0.0:6343", false),
        ] {
            let answer = comes_back(target.parse().unwrap(), sflow.parse().unwrap());
            assert_eq!(answer, circle, "{target} {sflow}");
        }
    }
}
