//! The UDP sockets: one for each receiving thread, all on one port.

use std::io::{Error, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::num::NonZeroUsize;

use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

/// The bound sockets of one group.
#[derive(Debug)]
pub struct Sockets {
    bound: Vec<UdpSocket>,
    receive_buffers: Vec<usize>,
    address: SocketAddr,
}

impl Sockets {
    /// Where datagrams arrive.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many threads can receive: as many as were asked for, or one where the kernel knows no groups.
    pub const fn threads(&self) -> usize {
        self.bound.len()
    }

    /// The sockets with the sizes of their receive buffers in bytes, as the kernel granted them.
    pub(super) fn into_parts(self) -> impl Iterator<Item = (UdpSocket, usize)> {
        self.bound.into_iter().zip(self.receive_buffers)
    }
}

/// Binds so many sockets for sFlow, each with a receive buffer of so many bytes if the kernel grants it; `[::]` receives
/// IPv4 too, and port 0 is any free one.
///
/// # Errors
/// The address cannot be bound, for example because another program receives there. Where the kernel has no IPv6, `[::]`
/// becomes `0.0.0.0`.
pub fn bind(address: SocketAddr, threads: NonZeroUsize, receive_buffer: usize) -> std::io::Result<Sockets> {
    match open_all(address, threads, receive_buffer) {
        Err(error) if address.is_ipv6() && address.ip().is_unspecified() && lacks_ipv6(&error) => {
            let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port()));
            tracing::warn!(%error, %address, "no IPv6 here, receiving over IPv4 only");
            open_all(address, threads, receive_buffer)
        }
        other => other,
    }
}

/// The sockets that systemd has bound and passed, each for a thread of its own; `None` when there are none. Each is to have
/// a receive buffer of so many bytes, unless it has a larger one already (`ReceiveBuffer=` of the unit, for which systemd
/// needs nobody's leave).
///
/// # Errors
/// One of them is not bound, or cannot be asked.
pub fn adopt(passed: Vec<UdpSocket>, receive_buffer: usize) -> std::io::Result<Option<Sockets>> {
    let Some(first) = passed.first() else {
        return Ok(None);
    };
    let address = first.local_addr()?;
    let mut receive_buffers = Vec::with_capacity(passed.len());
    for socket in &passed {
        if socket.local_addr()?.port() == 0 {
            return Err(Error::new(ErrorKind::InvalidInput, "it is not bound to a port"));
        }
        let socket = SockRef::from(socket);
        if granted(&socket)? < receive_buffer {
            enlarge(&socket, receive_buffer);
        }
        tell_of_drops(&socket);
        receive_buffers.push(granted(&socket)?);
    }
    tracing::info!(
        threads = passed.len(),
        "receiving from the sockets that were passed, a thread for each, and not where the settings say"
    );
    report(&receive_buffers, receive_buffer);
    Ok(Some(Sockets {
        bound: passed,
        receive_buffers,
        address,
    }))
}

fn lacks_ipv6(error: &Error) -> bool {
    // EAFNOSUPPORT has no kind of its own.
    error.kind() == ErrorKind::AddrNotAvailable || error.raw_os_error() == Some(97)
}

fn open_all(address: SocketAddr, threads: NonZeroUsize, receive_buffer: usize) -> std::io::Result<Sockets> {
    let first = open(address, receive_buffer, false)?;
    let address = first.local_addr()?.as_socket().unwrap_or(address);
    let mut sockets = vec![first];
    if threads.get() > 1 {
        // The first one is bound alone and opens its port to the group afterwards. Otherwise a second flow-marker of the
        // same user would join the group, and each of both would silently get a part of what agents send.
        let group = sockets.iter().try_for_each(|first| first.set_reuse_port(true));
        match group {
            Ok(()) => {
                for _ in 1..threads.get() {
                    sockets.push(open(address, receive_buffer, true)?);
                }
            }
            Err(error) => {
                tracing::warn!(%error, threads, "the kernel has no SO_REUSEPORT (Linux 3.9): one thread receives");
            }
        }
    }
    let receive_buffers: Vec<_> = sockets.iter().map(granted).collect::<Result<_, _>>()?;
    report(&receive_buffers, receive_buffer);
    Ok(Sockets {
        bound: sockets.into_iter().map(UdpSocket::from).collect(),
        receive_buffers,
        address,
    })
}

fn open(address: SocketAddr, receive_buffer: usize, group: bool) -> std::io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    enlarge(&socket, receive_buffer);
    tell_of_drops(&socket);
    socket.set_reuse_port(group)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Asks for a receive buffer, beyond `net.core.rmem_max` for who has `CAP_NET_ADMIN`. Granted in part or not at all: what
/// counts is what is read back.
fn enlarge(socket: &Socket, receive_buffer: usize) {
    if setsockopt(socket, sockopt::RcvBufForce, &receive_buffer).is_err() {
        let _ = socket.set_recv_buffer_size(receive_buffer);
    }
}

fn tell_of_drops(socket: &Socket) {
    if let Err(error) = setsockopt(socket, sockopt::RxqOvfl, &1) {
        tracing::warn!(%error, "the kernel does not say what it drops while datagrams arrive");
    }
}

/// The kernel reports twice what was asked for, since half of it is for bookkeeping (socket(7)).
fn granted(socket: &Socket) -> std::io::Result<usize> {
    Ok(socket.recv_buffer_size()? / 2)
}

fn report(granted: &[usize], asked: usize) {
    let smallest = granted.iter().min().copied().unwrap_or_default();
    if smallest < asked {
        tracing::warn!(
            granted = smallest,
            asked,
            "the receive buffer (bytes) is smaller than asked for: \
             `sysctl -w net.core.rmem_max={asked}`, or give the service CAP_NET_ADMIN"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: &str = "127.0.0.1:0";

    fn threads(n: usize) -> NonZeroUsize {
        NonZeroUsize::new(n).unwrap()
    }

    #[test]
    fn a_group_shares_the_port_that_the_first_one_got() {
        let sockets = bind(ANY.parse().unwrap(), threads(3), 1 << 20).unwrap();
        assert_eq!(sockets.threads(), 3);
        let address = sockets.address();
        assert_ne!(address.port(), 0);
        for (socket, granted) in sockets.into_parts() {
            assert_eq!(socket.local_addr().unwrap(), address);
            assert!(granted > 0 && granted <= 1 << 20, "{granted}");
        }
    }

    #[test]
    fn a_second_program_is_refused_instead_of_sharing_silently() {
        for first in [1, 2] {
            let sockets = bind(ANY.parse().unwrap(), threads(first), 1 << 20).unwrap();
            for second in [1, 2] {
                let error = bind(sockets.address(), threads(second), 1 << 20).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::AddrInUse);
            }
        }
    }

    #[test]
    fn sockets_that_are_passed_are_a_thread_each() {
        assert!(adopt(Vec::new(), 1 << 20).unwrap().is_none());
        let passed = [(); 2].map(|()| UdpSocket::bind(ANY).unwrap());
        let addresses = passed.each_ref().map(|socket| socket.local_addr().unwrap());
        // What systemd has granted stays, when it is more than is asked for.
        let large = granted(&SockRef::from(&passed[0])).unwrap();
        let sockets = adopt(passed.into(), 4096).unwrap().unwrap();
        assert_eq!((sockets.threads(), sockets.address()), (2, addresses[0]));
        let sender = UdpSocket::bind(ANY).unwrap();
        for ((socket, granted), address) in sockets.into_parts().zip(addresses) {
            assert_eq!(granted, large);
            sender.send_to(b"x", address).unwrap();
            assert_eq!(socket.recv(&mut [0; 9]).unwrap(), 1);
        }
        let unbound = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).unwrap();
        assert!(adopt(vec![unbound.into()], 4096).is_err());
    }

    #[test]
    fn ipv4_arrives_on_the_address_of_everything() {
        let sockets = bind("[::]:0".parse().unwrap(), threads(1), 1 << 20).unwrap();
        let port = sockets.address().port();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        sender.send_to(b"x", ("127.0.0.1", port)).unwrap();
        let (socket, _) = sockets.into_parts().next().unwrap();
        assert_eq!(socket.recv(&mut [0; 9]).unwrap(), 1);
    }
}
