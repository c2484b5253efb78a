//! Sockets that are bound here, or were passed by systemd.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, SockRef, Socket, TcpKeepalive, Type};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};

use super::peer::{Peer, UnixPeer};

mod activation;

pub use activation::{Passed, PassedSockets, take_passed};

/// Who may connect to a unix socket: its owner and its group.
const SOCKET_MODE: u32 = 0o660;
/// A TCP peer that vanished without a word is noticed after a quarter of an hour at most.
const KEEPALIVE: TcpKeepalive = TcpKeepalive::new().with_time(std::time::Duration::from_secs(60));

/// A socket that is listened on.
#[derive(Debug)]
pub struct Listener {
    socket: Bound,
    tls: bool,
}

#[derive(Debug)]
enum Bound {
    Tcp(TcpListener),
    Unix(UnixListener, Option<SocketFile>),
}

/// A connection, whatever it goes over.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl Listener {
    /// Binds a TCP address; `tls` is whether connections are to be encrypted.
    ///
    /// # Errors
    /// The address is in use or not ours.
    pub async fn tcp(address: SocketAddr, tls: bool) -> io::Result<Self> {
        let socket = Bound::Tcp(TcpListener::bind(address).await?);
        Ok(Self { socket, tls })
    }

    /// Binds a unix socket at `path`, for its owner and its group. A socket that somebody left there is replaced; the
    /// file is removed in the end. A directory that does not exist is made, if the one above it does.
    ///
    /// # Errors
    /// Somebody answers at `path`, or something else than a socket is there, or the system refuses.
    pub fn unix(path: &Path) -> io::Result<Self> {
        if let Some(directory) = path.parent()
            && !directory.exists()
        {
            std::fs::DirBuilder::new().mode(0o755).create(directory)?;
        }
        refuse_unless_stale(path)?;
        // Under another name until its mode is right, so that nobody slips in before.
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(format!(".{}", std::process::id()));
        let temporary = PathBuf::from(temporary);
        refuse_unless_stale(&temporary)?;
        let _ = std::fs::remove_file(&temporary);
        let listener = UnixListener::bind(&temporary)?;
        let file = SocketFile::of(&temporary)?;
        std::fs::set_permissions(&temporary, std::fs::Permissions::from_mode(SOCKET_MODE))?;
        std::fs::rename(&temporary, path)?;
        let file = file.moved_to(path);
        Ok(Self {
            socket: Bound::Unix(listener, Some(file)),
            tls: false,
        })
    }

    /// A socket that was passed by systemd; `tls` is whether TCP connections are to be encrypted.
    ///
    /// # Errors
    /// The runtime cannot watch it.
    fn passed(socket: Passed, tls: bool) -> io::Result<Self> {
        Ok(match socket {
            Passed::Tcp(listener) => Self {
                socket: Bound::Tcp(TcpListener::from_std(listener)?),
                tls,
            },
            Passed::Unix(listener) => Self {
                socket: Bound::Unix(UnixListener::from_std(listener)?, None),
                tls: false,
            },
        })
    }

    /// The sockets that were passed by systemd; `is_tls` says of an address whether connections there are to be encrypted.
    ///
    /// # Errors
    /// The runtime cannot watch one of them.
    pub fn all_passed(sockets: Vec<Passed>, is_tls: impl Fn(SocketAddr) -> bool) -> io::Result<Vec<Self>> {
        let listeners = sockets.into_iter().map(|socket| {
            let tls = match &socket {
                Passed::Tcp(listener) => is_tls(listener.local_addr()?),
                Passed::Unix(_) => false,
            };
            Self::passed(socket, tls)
        });
        let listeners = listeners.collect::<io::Result<_>>()?;
        tracing::info!("listening on the sockets that were passed, and not on those of the settings");
        Ok(listeners)
    }

    /// Where it listens; `None` for a unix socket.
    pub fn address(&self) -> Option<SocketAddr> {
        match &self.socket {
            Bound::Tcp(listener) => listener.local_addr().ok(),
            Bound::Unix(..) => None,
        }
    }

    /// Whether connections are encrypted.
    pub const fn is_tls(&self) -> bool {
        self.tls
    }

    /// Where it listens, for people.
    pub fn name(&self) -> String {
        match &self.socket {
            Bound::Tcp(listener) => listener
                .local_addr()
                .map_or_else(|_| "a TCP socket".to_owned(), |address| address.to_string()),
            Bound::Unix(_, Some(file)) => file.path.display().to_string(),
            Bound::Unix(listener, None) => listener
                .local_addr()
                .ok()
                .and_then(|address| Some(address.as_pathname()?.display().to_string()))
                .unwrap_or_else(|| "a unix socket".to_owned()),
        }
    }

    /// The next connection and what is known of its peer.
    pub(super) async fn accept(&self) -> io::Result<(Box<dyn Stream>, Peer)> {
        match &self.socket {
            Bound::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                // A peer that has gone already is noticed by whoever reads.
                let _ = stream.set_nodelay(true);
                let _ = SockRef::from(&stream).set_tcp_keepalive(&KEEPALIVE);
                let peer = Peer {
                    address: Some(canonical(address)),
                    local: stream.local_addr().ok().map(canonical),
                    tls: self.tls,
                    ..Peer::default()
                };
                Ok((Box::new(stream), peer))
            }
            Bound::Unix(listener, _) => {
                let (stream, _) = listener.accept().await?;
                let credentials = stream.peer_cred()?;
                let unix = UnixPeer {
                    uid: credentials.uid(),
                    gid: credentials.gid(),
                    pid: credentials.pid(),
                };
                let peer = Peer {
                    unix: Some(unix),
                    ..Peer::default()
                };
                Ok((Box::new(stream), peer))
            }
        }
    }

    /// Whether it is counted apart from the network.
    pub(super) const fn is_unix(&self) -> bool {
        matches!(self.socket, Bound::Unix(..))
    }
}

/// On a dual-stack socket IPv4 peers have IPv6 addresses.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// Nothing at `path`, or a socket that nobody answers on.
fn refuse_unless_stale(path: &Path) -> io::Result<()> {
    let found = match std::fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !found.file_type().is_socket() {
        let message = "there is something else than a socket";
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, message));
    }
    let probe = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // A full queue must not make us wait: it means that somebody is there.
    probe.set_nonblocking(true)?;
    match probe.connect(&SockAddr::unix(path)?) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
        _ => {
            let message = "somebody else listens there";
            Err(io::Error::new(io::ErrorKind::AddrInUse, message))
        }
    }
}

/// The file of a socket, removed with it unless it has become somebody else's.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl SocketFile {
    fn of(path: &Path) -> io::Result<Self> {
        let found = std::fs::symlink_metadata(path)?;
        Ok(Self {
            path: path.to_owned(),
            device: found.dev(),
            inode: found.ino(),
        })
    }

    fn moved_to(mut self, path: &Path) -> Self {
        path.clone_into(&mut self.path);
        self
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let ours = std::fs::symlink_metadata(&self.path)
            .is_ok_and(|found| (found.dev(), found.ino()) == (self.device, self.inode));
        if ours {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[tokio::test]
    async fn a_unix_socket_is_for_owner_and_group_and_goes_with_its_listener() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("new/api.sock");
        let listener = Listener::unix(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o7777, 0o660);
        assert_eq!(listener.name(), path.display().to_string());
        let _client = UnixStream::connect(&path).unwrap();
        let (_, peer) = listener.accept().await.unwrap();
        let unix = peer.unix.unwrap();
        let ours = std::fs::metadata("/proc/self").unwrap();
        assert_eq!((unix.uid, unix.gid), (ours.uid(), ours.gid()));
        assert_eq!(unix.pid, i32::try_from(std::process::id()).ok());
        drop(listener);
        assert!(!path.exists());
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn what_is_in_the_way_is_replaced_only_if_it_is_a_socket_without_a_listener() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("api.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists(), "std leaves the file");
        let first = Listener::unix(&path).unwrap();
        let error = Listener::unix(&path).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        UnixStream::connect(&path).unwrap();
        // Somebody else's by now: it stays.
        std::fs::remove_file(&path).unwrap();
        let _other = std::os::unix::net::UnixListener::bind(&path).unwrap();
        drop(first);
        assert!(path.exists());
        let file = directory.path().join("file");
        std::fs::write(&file, "precious").unwrap();
        let error = Listener::unix(&file).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(Listener::unix(&link).is_err());
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "precious");
    }

    #[tokio::test]
    async fn ipv4_peers_of_a_dual_stack_socket_are_ipv4() {
        let Ok(listener) = Listener::tcp("[::]:0".parse().unwrap(), false).await else {
            return; // A machine without IPv6.
        };
        let port = listener.address().unwrap().port();
        let _client = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        let (_, peer) = listener.accept().await.unwrap();
        assert!(peer.is_local() && peer.address.unwrap().is_ipv4() && peer.local.unwrap().is_ipv4());
    }
}
