//! What the kernel dropped because a socket's receive buffer was full.
//!
//! The kernel counts in 32 bits, from the socket's creation. With `SO_RXQ_OVFL` each datagram brings the count as it was
//! when the datagram was queued, so what was dropped after the last datagram comes with none; `/proc/net/udp` tells it.

use std::fs;
use std::net::UdpSocket;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::MetadataExt as _;

/// The count of one socket, without its wrap.
#[derive(Debug, Default)]
pub(super) struct Drops(u32);

impl Drops {
    /// Takes the kernel's present count; how many were dropped since the last call. A count of an earlier moment, as a
    /// datagram brings that waited in the queue, is no news.
    pub(super) const fn seen(&mut self, count: u32) -> u64 {
        let new = count.wrapping_sub(self.0);
        if new > u32::MAX / 2 {
            return 0;
        }
        self.0 = count;
        new as u64
    }
}

/// The kernel's count for this socket, from its table of sockets; `None` when that cannot be read.
pub(super) fn in_table(socket: &UdpSocket) -> Option<u32> {
    let inode = fs::metadata(format!("/proc/self/fd/{}", socket.as_raw_fd()))
        .ok()?
        .ino();
    let table = match socket.local_addr().ok()?.is_ipv6() {
        // The thread's, since it may live in another network namespace than the rest of the process.
        true => "/proc/thread-self/net/udp6",
        false => "/proc/thread-self/net/udp",
    };
    of_inode(&fs::read_to_string(table).ok()?, inode)
}

/// The column `drops` of the socket with this inode (proc_pid_net(5)).
fn of_inode(table: &str, inode: u64) -> Option<u32> {
    const INODE: usize = 9;
    const DROPS_AFTER: usize = 2;
    let mut sockets = table.lines().skip(1).map(str::split_ascii_whitespace);
    sockets.find_map(|mut fields| {
        if fields.nth(INODE)?.parse() != Ok(inode) {
            return None;
        }
        // Older kernels print it with a sign.
        let drops: i64 = fields.nth(DROPS_AFTER)?.parse().ok()?;
        u32::try_from(drops & i64::from(u32::MAX)).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_of_32_bits_wraps_and_older_counts_are_no_news() {
        let mut drops = Drops::default();
        assert_eq!([5, 5, 3, 9].map(|count| drops.seen(count)), [5, 0, 0, 4]);
        let mut drops = Drops(u32::MAX - 1);
        assert_eq!(
            [u32::MAX, 3, u32::MAX, 4].map(|count| drops.seen(count)),
            [1, 4, 0, 1]
        );
    }

    #[test]
    fn the_column_of_the_socket_is_found() {
        let table = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n  \
            345: 00000000:18C7 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1234 2 ffff8880 17\n  \
            346: 00000000:18C8 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1235 2 0000000000000000 -2\n  \
            347: cut";
        assert_eq!(of_inode(table, 1234), Some(17));
        assert_eq!(of_inode(table, 1235), Some(u32::MAX - 1));
        assert_eq!(of_inode(table, 1), None);
    }

    #[test]
    fn the_table_agrees_with_what_was_lost() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(receiver) = UdpSocket::bind(address) else {
                continue; // A machine without IPv6.
            };
            socket2::SockRef::from(&receiver).set_recv_buffer_size(1).unwrap();
            receiver.set_nonblocking(true).unwrap();
            assert_eq!(in_table(&receiver), Some(0));
            let sender = UdpSocket::bind(address).unwrap();
            for _ in 0..100 {
                sender
                    .send_to(&[0; 1400], receiver.local_addr().unwrap())
                    .unwrap();
            }
            let mut received = 0;
            while receiver.recv(&mut [0; 2000]).is_ok() {
                received += 1;
            }
            assert!(received < 100, "the smallest buffer holds fewer");
            assert_eq!(in_table(&receiver), Some(100 - received));
        }
    }
}
