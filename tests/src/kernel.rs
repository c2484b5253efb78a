//! What the kernel tells of UDP and of processor time.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

/// Clock ticks a second in `/proc` (`USER_HZ`), the same on every machine that Linux is built for here.
const TICKS: u32 = 100;

/// Datagrams that the kernel has dropped at the UDP sockets of a local port, of both families.
///
/// # Errors
/// The tables cannot be read.
pub fn udp_drops(port: u16) -> Result<u64> {
    sum(port, |fields| fields.get(12)?.parse().ok())
}

/// Bytes, by the kernel's bookkeeping, that wait at the UDP sockets of a local port.
///
/// # Errors
/// As [`udp_drops`].
pub fn udp_waiting(port: u16) -> Result<u64> {
    sum(port, |fields| {
        let (_, waiting) = fields.get(4)?.split_once(':')?;
        u64::from_str_radix(waiting, 16).ok()
    })
}

fn sum(port: u16, column: fn(&[&str]) -> Option<u64>) -> Result<u64> {
    let mut sum = 0;
    for table in ["/proc/net/udp", "/proc/net/udp6"] {
        // A kernel without IPv6 has no second table.
        let text = match fs::read_to_string(table) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            other => other.context(table)?,
        };
        sum += of_port(&text, port, column);
    }
    Ok(sum)
}

/// The sum of a column over the sockets with this local port (proc_pid_net(5)).
fn of_port(table: &str, port: u16, column: fn(&[&str]) -> Option<u64>) -> u64 {
    let local = format!(":{port:04X}");
    let sockets = table.lines().skip(1).filter_map(|line| {
        let fields: Vec<_> = line.split_ascii_whitespace().collect();
        fields.get(1).filter(|address| address.ends_with(&local))?;
        column(&fields)
    });
    sockets.sum()
}

/// Datagrams for which any UDP socket of this network namespace had no room in its receive buffer, of both families.
///
/// # Errors
/// The counters cannot be read.
pub fn receive_buffer_errors() -> Result<u64> {
    let text = fs::read_to_string("/proc/net/snmp").context("/proc/net/snmp")?;
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("Udp: "));
    let (names, values) = lines.next().zip(lines.next()).context("no line Udp")?;
    let column = names.split(' ').position(|name| name == "RcvbufErrors");
    let value = values.split(' ').nth(column.context("no RcvbufErrors")?);
    let ipv4: u64 = value.context("no value")?.parse()?;
    let ipv6 = fs::read_to_string("/proc/net/snmp6").unwrap_or_default();
    let ipv6 = ipv6
        .lines()
        .find_map(|line| line.strip_prefix("Udp6RcvbufErrors"));
    Ok(ipv4
        + ipv6
            .and_then(|value| value.trim().parse::<u64>().ok())
            .unwrap_or(0))
}

/// Processor time that all processes of a group have used so far, in user mode and in the kernel: what getrusage(2) says.
///
/// # Errors
/// The processes cannot be listed.
pub fn group_time(group: u32) -> Result<Duration> {
    let mut ticks = 0;
    for entry in fs::read_dir("/proc").context("/proc")? {
        let stat = fs::read_to_string(entry?.path().join("stat")).unwrap_or_default();
        // The name of the program, in parentheses, may hold anything.
        let Some((_, fields)) = stat.rsplit_once(')') else {
            continue;
        };
        let fields: Vec<_> = fields.split_ascii_whitespace().collect();
        // Numbered as in proc_pid_stat(5), of which the first two are before the parenthesis.
        let field = |number: usize| fields.get(number - 3).and_then(|text| text.parse::<u64>().ok());
        if field(5) == Some(group.into()) {
            ticks += field(14).unwrap_or(0) + field(15).unwrap_or(0);
        }
    }
    Ok(of_ticks(ticks))
}

/// A figure of a process in MiB, by its name in proc_pid_status(5): `VmRSS` is what it has in memory, `VmHWM` the most
/// that it had.
///
/// # Errors
/// There is no such process or figure.
pub fn memory(pid: u32, key: &str) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(key));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    Ok(kib.context(key.to_owned())?.parse::<f64>()? / 1024.0)
}

/// Time that all processors have spent in software interrupts so far: on loopback, a datagram's way from the sender to
/// the socket. It is charged to whoever runs then, usually to the sender.
///
/// # Errors
/// The counters cannot be read.
pub fn softirq_time() -> Result<Duration> {
    let text = fs::read_to_string("/proc/stat").context("/proc/stat")?;
    let all = text.lines().find_map(|line| line.strip_prefix("cpu "));
    let softirq = all.and_then(|all| all.split_ascii_whitespace().nth(6));
    Ok(of_ticks(softirq.context("no softirq in /proc/stat")?.parse()?))
}

fn of_ticks(ticks: u64) -> Duration {
    Duration::from_secs(ticks) / TICKS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_are_those_of_the_port() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n  \
            10: 0100007F:18C7 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 11 2 0 17\n  \
            11: 0100007F:18C7 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 12 2 0 4\n  \
            12: 0100007F:18C8 00000000:18C7 07 00000000:00000000 00:00000000 00000000     0        0 13 2 0 100\n";
        let drops = |fields: &[&str]| fields.get(12)?.parse().ok();
        assert_eq!(of_port(table, 6343, drops), 21);
        assert_eq!(of_port(table, 1, drops), 0);
    }

    #[test]
    fn this_kernel_tells_all_of_it() {
        assert_eq!((udp_drops(1).unwrap(), udp_waiting(1).unwrap()), (0, 0));
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        socket.send_to(b"x", address).unwrap();
        assert!(udp_waiting(address.port()).unwrap() > 0);
        receive_buffer_errors().unwrap();
        softirq_time().unwrap();
        let group = nix::unistd::getpgrp().as_raw().cast_unsigned();
        assert!(memory(std::process::id(), "VmRSS").unwrap() > 1.0);
        let before = group_time(group).unwrap();
        let mut sum = 0_u64;
        while group_time(group).unwrap() == before {
            sum = sum.wrapping_add(1);
        }
        assert!(sum < u64::MAX);
    }
}
