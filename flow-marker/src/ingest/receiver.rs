//! Takes datagrams from a socket, many with one call.

use std::io::IoSliceMut;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd as _;

use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, MultiHeaders, SockaddrIn, SockaddrIn6, SockaddrLike, recvmmsg, recvmsg,
};

use super::sink::Received;

/// Datagrams taken with one call. More make calls cheaper, but the buffer outgrows the processor's cache.
pub(super) const BATCH: usize = 64;

/// A datagram is at most this long: what the length field of UDP can say. (Jumbograms of RFC 2675 may be longer; they are
/// told from others by `MSG_TRUNC`, and counted.)
const MAX_DATAGRAM: usize = 65_535;

/// Between the starts of two slots: 19 cache lines more than 64 KiB, so that the first lines of the slots, where all
/// usual datagrams are, do not fall into the same sets of the processor's caches. The slots take 4 MiB of addresses, but
/// memory only where datagrams were written: with usual datagrams a page each, 256 KiB in all.
const STRIDE: usize = (64 << 10) + 19 * 64;

/// What one call to the kernel said about a slot.
#[derive(Debug, Clone, Copy)]
struct Arrived {
    from: SocketAddr,
    length: usize,
    too_long: bool,
}

impl Arrived {
    const NOTHING: Self = Self {
        from: SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0),
        length: 0,
        too_long: false,
    };
}

/// What is prepared for the kernel; its addresses are those of the socket's family.
enum Headers {
    V4(MultiHeaders<SockaddrIn>),
    V6(MultiHeaders<SockaddrIn6>),
}

/// A socket and room for a batch of datagrams.
pub(super) struct Receiver {
    socket: UdpSocket,
    headers: Headers,
    buffer: Vec<u8>,
    arrived: [Arrived; BATCH],
    count: usize,
    control: Vec<u8>,
    drops: Option<u32>,
}

impl Receiver {
    /// Takes datagrams from `socket`, which blocks for as long as its time limit says.
    pub(super) fn new(socket: UdpSocket) -> std::io::Result<Self> {
        let headers = match socket.local_addr()? {
            SocketAddr::V4(_) => Headers::V4(MultiHeaders::preallocate(BATCH, None)),
            SocketAddr::V6(_) => Headers::V6(MultiHeaders::preallocate(BATCH, None)),
        };
        Ok(Self {
            socket,
            headers,
            buffer: vec![0; STRIDE * BATCH],
            arrived: [Arrived::NOTHING; BATCH],
            count: 0,
            control: nix::cmsg_space!(u32),
            drops: None,
        })
    }

    /// The socket.
    pub(super) const fn socket(&self) -> &UdpSocket {
        &self.socket
    }

    /// Takes a batch; with `wait` the call waits for its first datagram. The batch is empty when there was none.
    pub(super) fn receive(&mut self, wait: bool) -> Result<usize, Errno> {
        self.count = 0;
        let flags = match wait {
            true => MsgFlags::MSG_WAITFORONE,
            false => MsgFlags::MSG_DONTWAIT,
        };
        self.many(0, flags)
    }

    /// As [`Self::receive`], and asks the kernel what it has dropped: see [`Self::drops`]. It costs a second call.
    ///
    /// (`recvmmsg` of this library could bring the count with every datagram, but its prepared headers have room for it
    /// only until their first use.)
    pub(super) fn receive_with_drops(&mut self, wait: bool) -> Result<usize, Errno> {
        self.count = 0;
        let flags = match wait {
            true => MsgFlags::empty(),
            false => MsgFlags::MSG_DONTWAIT,
        };
        match self.headers {
            Headers::V4(_) => self.one::<SockaddrIn>(flags)?,
            Headers::V6(_) => self.one::<SockaddrIn6>(flags)?,
        }
        if self.count == 0 {
            return Ok(0);
        }
        self.many(1, MsgFlags::MSG_DONTWAIT)
    }

    /// The kernel's count of dropped datagrams that came with the last batch.
    pub(super) const fn drops(&mut self) -> Option<u32> {
        self.drops.take()
    }

    /// The datagrams of the last batch; `None` for one that was longer than any slot.
    pub(super) fn batch(&self) -> impl Iterator<Item = Option<Received<'_>>> {
        let slots = self.buffer.chunks(STRIDE).zip(&self.arrived);
        slots.take(self.count).map(|(slot, arrived)| {
            let bytes = slot.get(..arrived.length).filter(|_| !arrived.too_long)?;
            let from = arrived.from;
            Some(Received { from, bytes })
        })
    }

    /// Takes one datagram into the first slot, and what comes with it.
    fn one<S>(&mut self, flags: MsgFlags) -> Result<(), Errno>
    where
        S: SockaddrLike + Copy + Into<SocketAddr>,
    {
        let Some((slot, arrived)) = self.buffer.get_mut(..MAX_DATAGRAM).zip(self.arrived.first_mut()) else {
            return Ok(());
        };
        let mut slot = [IoSliceMut::new(slot)];
        let fd = self.socket.as_raw_fd();
        let message = match recvmsg::<S>(fd, &mut slot, Some(&mut self.control), flags) {
            Ok(message) => message,
            Err(error) => return nothing_came(error),
        };
        *arrived = arrival(message.address, message.bytes, message.flags);
        let mut controls = message.cmsgs().into_iter().flatten();
        // No count comes while it is 0.
        self.drops = controls.find_map(|control| match control {
            ControlMessageOwned::RxqOvfl(count) => Some(count),
            _ => None,
        });
        self.count = 1;
        Ok(())
    }

    fn many(&mut self, first: usize, flags: MsgFlags) -> Result<usize, Errno> {
        let fd = self.socket.as_raw_fd();
        let slots = self.buffer.chunks_mut(STRIDE).skip(first);
        let arrived = self.arrived.iter_mut().skip(first);
        let taken = match &mut self.headers {
            Headers::V4(headers) => take(fd, headers, slots, arrived, flags),
            Headers::V6(headers) => take(fd, headers, slots, arrived, flags),
        };
        match taken {
            Ok(taken) => self.count = first + taken,
            Err(error) => nothing_came(error)?,
        }
        Ok(self.count)
    }
}

/// No error: the time limit, or a signal.
const fn nothing_came(error: Errno) -> Result<(), Errno> {
    match error {
        Errno::EAGAIN | Errno::EINTR => Ok(()),
        other => Err(other),
    }
}

/// Takes datagrams into `slots`; how many came.
fn take<'s, S>(
    fd: i32,
    headers: &mut MultiHeaders<S>,
    slots: impl Iterator<Item = &'s mut [u8]>,
    arrived: impl Iterator<Item = &'s mut Arrived>,
    flags: MsgFlags,
) -> Result<usize, Errno>
where
    S: SockaddrLike + Copy + Into<SocketAddr>,
{
    let mut pieces: [[IoSliceMut<'_>; 1]; BATCH] = std::array::from_fn(|_| [IoSliceMut::new(&mut [])]);
    let mut prepared = 0;
    for (piece, slot) in pieces.iter_mut().zip(slots) {
        let slot = slot.get_mut(..MAX_DATAGRAM).unwrap_or_default();
        *piece = [IoSliceMut::new(slot)];
        prepared += 1;
    }
    let messages = recvmmsg(fd, headers, pieces.iter_mut().take(prepared), flags, None)?;
    let mut taken = 0;
    for (message, arrived) in messages.zip(arrived) {
        *arrived = arrival(message.address, message.bytes, message.flags);
        taken += 1;
    }
    Ok(taken)
}

fn arrival<S: Into<SocketAddr>>(from: Option<S>, length: usize, flags: MsgFlags) -> Arrived {
    let from = from.map_or(Arrived::NOTHING.from, Into::into);
    Arrived {
        // An IPv4 sender of a socket for both families.
        from: SocketAddr::new(from.ip().to_canonical(), from.port()),
        length,
        too_long: flags.contains(MsgFlags::MSG_TRUNC),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A receiver, and who sends to it.
    fn pair(address: &str, buffer: usize) -> (Receiver, UdpSocket) {
        let socket = UdpSocket::bind(address).unwrap();
        socket2::SockRef::from(&socket)
            .set_recv_buffer_size(buffer)
            .unwrap();
        nix::sys::socket::setsockopt(&socket, nix::sys::socket::sockopt::RxqOvfl, &1).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        sender
            .connect(("127.0.0.1", socket.local_addr().unwrap().port()))
            .unwrap();
        (Receiver::new(socket).unwrap(), sender)
    }

    fn lengths(receiver: &Receiver) -> Vec<usize> {
        receiver
            .batch()
            .map(|datagram| datagram.unwrap().bytes.len())
            .collect()
    }

    #[test]
    fn batches_keep_order_senders_and_bytes_whatever_the_length() {
        for address in ["127.0.0.1:0", "[::]:0"] {
            let (mut receiver, sender) = pair(address, 8 << 20);
            assert_eq!(receiver.receive(false), Ok(0));
            assert_eq!(receiver.receive(true), Ok(0), "the time limit");
            let sent = [0, 1, 1400, 65_507, 9000, 2];
            for (n, length) in (1..).zip(sent) {
                sender.send(&vec![n; length]).unwrap();
            }
            assert_eq!(receiver.receive(true), Ok(sent.len()));
            assert_eq!(lengths(&receiver), sent);
            for (n, datagram) in (1..).zip(receiver.batch()) {
                let datagram = datagram.unwrap();
                assert_eq!(datagram.from, sender.local_addr().unwrap(), "canonical");
                assert!(datagram.bytes.iter().all(|byte| *byte == n));
            }
            assert_eq!(receiver.receive(false), Ok(0));
            assert_eq!(receiver.batch().count(), 0, "nothing of the last batch");
        }
    }

    #[test]
    fn one_call_takes_a_batch_at_most() {
        let (mut receiver, sender) = pair("127.0.0.1:0", 8 << 20);
        for _ in 0..2 * BATCH + 3 {
            sender.send(b"x").unwrap();
        }
        assert_eq!(receiver.receive_with_drops(true), Ok(BATCH));
        assert_eq!(receiver.receive(false), Ok(BATCH));
        assert_eq!(receiver.receive_with_drops(false), Ok(3));
        assert_eq!(receiver.receive_with_drops(false), Ok(0));
    }

    #[test]
    fn drops_come_with_the_next_datagram_again_and_again() {
        let (mut receiver, sender) = pair("127.0.0.1:0", 1);
        let (mut received, mut sent) = (0, 0);
        for _ in 0..3 {
            for _ in 0..100 {
                sender.send(&[0; 1400]).unwrap();
                sent += 1;
            }
            received += receiver.receive(false).unwrap();
            while let Ok(more @ 1..) = receiver.receive(false) {
                received += more;
            }
            sender.send(b"brings the count").unwrap();
            assert_eq!(receiver.receive_with_drops(true), Ok(1));
            assert_eq!(
                receiver.drops(),
                Some(u32::try_from(sent - received).unwrap()),
                "all so far"
            );
            assert_eq!(receiver.drops(), None, "told once");
        }
        assert!(sent > received);
    }
}
