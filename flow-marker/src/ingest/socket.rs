//! The UDP socket.

use std::io::{Error, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use socket2::{Domain, Protocol, Socket, Type};

/// At 1 M datagrams a second of 1.2 kB this is 14 ms: longer than a thread waits for its processor. The kernel counts
/// bookkeeping too, and grants at most `net.core.rmem_max`.
const RECEIVE_BUFFER: usize = 16 << 20;

/// Binds a socket for sFlow; `[::]` receives IPv4 too. Returns it with the size in bytes of the receive buffer that the
/// kernel granted.
///
/// # Errors
/// The address cannot be bound. Where the kernel has no IPv6, `[::]` becomes `0.0.0.0`.
pub fn bind(address: SocketAddr) -> std::io::Result<(UdpSocket, usize)> {
    match open(address) {
        Err(error) if address.is_ipv6() && address.ip().is_unspecified() && lacks_ipv6(&error) => {
            let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port()));
            tracing::warn!(%error, %address, "no IPv6 here, receiving over IPv4 only");
            open(address)
        }
        other => other,
    }
}

fn lacks_ipv6(error: &Error) -> bool {
    // EAFNOSUPPORT has no kind of its own.
    error.kind() == ErrorKind::AddrNotAvailable || error.raw_os_error() == Some(97)
}

fn open(address: SocketAddr) -> std::io::Result<(UdpSocket, usize)> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    // Granted in part or not at all: what counts is what is read back.
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
    socket.bind(&address.into())?;
    // The kernel reports twice what was asked for, since half of it is for bookkeeping (socket(7)).
    let granted = socket.recv_buffer_size()? / 2;
    if granted < RECEIVE_BUFFER {
        tracing::info!(
            granted,
            asked = RECEIVE_BUFFER,
            "receive buffer in bytes; `sysctl net.core.rmem_max={RECEIVE_BUFFER}` allows all of it"
        );
    }
    Ok((socket.into(), granted))
}
