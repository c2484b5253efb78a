//! Sockets that systemd has opened (`sd_listen_fds`(3)).

use std::io;
use std::net::{TcpListener, UdpSocket};
use std::os::fd::AsFd;
use std::os::unix::net::UnixListener;

use listenfd::ListenFd;
use socket2::SockRef;

/// A listening socket that was passed to this process.
#[derive(Debug)]
pub enum Passed {
    /// TCP, IPv4 or IPv6.
    Tcp(TcpListener),
    /// A unix stream socket.
    Unix(UnixListener),
}

/// The sockets that were passed to this process, in systemd's order.
#[derive(Debug, Default)]
pub struct PassedSockets {
    /// Those that are listened on.
    pub streams: Vec<Passed>,
    /// Those that receive UDP datagrams.
    pub datagrams: Vec<UdpSocket>,
}

impl PassedSockets {
    /// The sockets that are listened on, for who receives no datagrams.
    ///
    /// # Errors
    /// There are others.
    pub fn only_streams(self) -> io::Result<Vec<Passed>> {
        match self.datagrams.first() {
            None => Ok(self.streams),
            Some(socket) => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{socket:?} was passed: datagrams are not received here"),
            )),
        }
    }
}

/// The sockets that were passed to this process; none when it was started without.
///
/// To be called once, before there are threads: it takes the variables out of the environment, so that the sockets have
/// one owner and no child takes them for its own.
///
/// # Errors
/// One of them is neither a listening stream socket nor one for UDP; the error says which, by its name if it has one.
pub fn take_passed() -> io::Result<PassedSockets> {
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
    let names: Vec<&str> = names.split(':').collect();
    let mut passed = ListenFd::from_env();
    let mut taken = PassedSockets::default();
    for index in 0..passed.len() {
        // The first try fails for every stream socket.
        if let Ok(Some(socket)) = passed.take_udp_socket(index) {
            taken.datagrams.push(socket);
            continue;
        }
        let stream = take(&mut passed, index).map_err(|error| {
            let name = names.get(index).copied().unwrap_or_default();
            let text = format!("socket {index} ({name:?}) that was passed: {error}");
            io::Error::new(error.kind(), text)
        })?;
        taken.streams.push(stream);
    }
    Ok(taken)
}

fn take(passed: &mut ListenFd, index: usize) -> io::Result<Passed> {
    let unusable = || {
        let text = "neither a listening stream socket nor one for UDP";
        io::Error::new(io::ErrorKind::InvalidInput, text)
    };
    // The first try fails for every unix socket.
    let socket = match passed.take_tcp_listener(index) {
        Ok(Some(listener)) => Passed::Tcp(listener),
        _ => match passed.take_unix_listener(index) {
            Ok(Some(listener)) => Passed::Unix(listener),
            _ => return Err(unusable()),
        },
    };
    match &socket {
        Passed::Tcp(listener) => {
            listener.set_nonblocking(true)?;
            is_listening(listener)
        }
        Passed::Unix(listener) => {
            listener.set_nonblocking(true)?;
            is_listening(listener)
        }
    }
    .then_some(socket)
    .ok_or_else(unusable)
}

fn is_listening(socket: &impl AsFd) -> bool {
    SockRef::from(socket).is_listener().unwrap_or(false)
}
