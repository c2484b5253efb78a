use std::collections::{BTreeMap, HashMap};
use std::io::IoSliceMut;
use std::os::fd::AsRawFd as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt};
use nix::sys::time::TimeSpec;
use socket2::{Domain, Protocol, Socket, Type};

use crate::netns::Namespace;
use crate::wait;

/// Reads whole packets.
mod packet;

pub use packet::{Flow, Transport, read};

/// `ETH_P_ALL` in network byte order, as packet(7) wants it: every protocol, both directions.
const EVERY_PROTOCOL: u16 = 0x0003_u16.to_be();

/// Room for half a second of a flow of 1 Gb/s while the capturing thread is not scheduled.
const BUFFER: usize = 64 * 1024 * 1024;

/// Ethernet, IPv6 and ports, with room to spare; the rest of a packet is not copied.
const SNAP: usize = 96;

/// How often the thread looks whether it should end.
const TURN: Duration = Duration::from_millis(50);

/// What has been seen of one flow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// Packets by DSCP (0–63).
    pub by_dscp: BTreeMap<u8, u64>,
    /// Bytes of their frames, without the frame check sequence, by DSCP.
    pub bytes_by_dscp: BTreeMap<u8, u64>,
    /// When the first packet passed, by the kernel's clock.
    pub first: Option<SystemTime>,
    /// When the last one passed.
    pub last: Option<SystemTime>,
    /// When the first packet with a DSCP other than 0 passed.
    pub first_marked: Option<SystemTime>,
    /// When the last of those passed.
    pub last_marked: Option<SystemTime>,
}

impl Seen {
    /// All packets.
    pub fn packets(&self) -> u64 {
        self.by_dscp.values().sum()
    }

    /// Packets with a DSCP other than 0.
    pub fn marked(&self) -> u64 {
        self.packets() - self.with_dscp(0)
    }

    /// Packets with this DSCP.
    pub fn with_dscp(&self, dscp: u8) -> u64 {
        self.by_dscp.get(&dscp).copied().unwrap_or(0)
    }

    /// The part of its bytes that had this DSCP, from 0 to 1; not a number when there were none.
    #[expect(clippy::cast_precision_loss, reason = "a share of what one test sends")]
    pub fn share_of_bytes(&self, dscp: u8) -> f64 {
        let of = self.bytes_by_dscp.get(&dscp).copied().unwrap_or(0);
        of as f64 / self.bytes_by_dscp.values().sum::<u64>() as f64
    }

    fn add(&mut self, dscp: u8, length: usize, at: SystemTime) {
        *self.by_dscp.entry(dscp).or_default() += 1;
        *self.bytes_by_dscp.entry(dscp).or_default() += u64::try_from(length).unwrap_or(u64::MAX);
        self.first.get_or_insert(at);
        self.last = Some(at);
        if dscp != 0 {
            self.first_marked.get_or_insert(at);
            self.last_marked = Some(at);
        }
    }
}

#[derive(Debug, Default)]
struct State {
    flows: Mutex<HashMap<Flow, Seen>>,
    end: AtomicBool,
}

impl State {
    fn flows(&self) -> MutexGuard<'_, HashMap<Flow, Seen>> {
        self.flows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts the TCP and UDP packets that pass the interfaces of a namespace, until it is dropped.
#[derive(Debug)]
pub struct Capture {
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

impl Capture {
    /// Begins to capture; packets that pass after this has returned are counted.
    ///
    /// # Errors
    /// The namespace cannot be entered, or the caller is not root.
    pub fn start(namespace: &Namespace) -> Result<Self> {
        let socket = namespace
            .inside(open)?
            .with_context(|| format!("capture in {}", namespace.name()))?;
        let state = Arc::new(State::default());
        let thread = std::thread::Builder::new().name("capture".into()).spawn({
            let state = Arc::clone(&state);
            move || receive(&socket, &state)
        })?;
        Ok(Self {
            state,
            thread: Some(thread),
        })
    }

    /// What has been seen of `flow`; nothing is a [`Seen`] without packets.
    pub fn flow(&self, flow: &Flow) -> Seen {
        self.state.flows().get(flow).cloned().unwrap_or_default()
    }

    /// Everything that has been seen.
    pub fn flows(&self) -> HashMap<Flow, Seen> {
        self.state.flows().clone()
    }

    /// Waits until what has been seen of `flow` satisfies `condition`, and returns it.
    ///
    /// # Errors
    /// The time is over: the error shows what has been seen.
    pub fn wait_for(
        &self,
        what: &str,
        flow: &Flow,
        limit: Duration,
        mut condition: impl FnMut(&Seen) -> bool,
    ) -> Result<Seen> {
        let found = wait::until(what, limit, || Some(self.flow(flow)).filter(&mut condition));
        found.with_context(|| format!("{flow}: {:?}", self.flow(flow)))
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.state.end.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed; what it had counted is still there.
            let _ = thread.join();
        }
    }
}

fn open() -> Result<Socket> {
    let socket = Socket::new(
        Domain::PACKET,
        Type::RAW,
        Some(Protocol::from(i32::from(EVERY_PROTOCOL))),
    )?;
    setsockopt(&socket, sockopt::RcvBufForce, &BUFFER)?;
    setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
    socket.set_read_timeout(Some(TURN))?;
    Ok(socket)
}

fn receive(socket: &Socket, state: &State) {
    let mut buffer = [0; SNAP];
    let mut control = nix::cmsg_space!(TimeSpec);
    while !state.end.load(Ordering::Relaxed) {
        let mut slices = [IoSliceMut::new(&mut buffer)];
        let received = recvmsg::<()>(
            socket.as_raw_fd(),
            &mut slices,
            Some(&mut control),
            // The length is that of the packet, however much of it is copied.
            MsgFlags::MSG_TRUNC,
        );
        let (length, at) = match received {
            Ok(message) => {
                let stamp = message
                    .cmsgs()
                    .into_iter()
                    .flatten()
                    .find_map(|message| match message {
                        ControlMessageOwned::ScmTimestampns(stamp) => Some(stamp),
                        _ => None,
                    });
                (message.bytes, stamp)
            }
            Err(Errno::EAGAIN | Errno::EINTR) => continue,
            // An interface went down: others may still be up.
            Err(Errno::ENETDOWN) => continue,
            Err(_) => return,
        };
        let packet = buffer.get(..length.min(SNAP)).and_then(read);
        if let Some(((flow, dscp), at)) =
            packet.zip(at.map(|stamp| SystemTime::UNIX_EPOCH + Duration::from(stamp)))
        {
            state.flows().entry(flow).or_default().add(dscp, length, at);
        }
    }
}
