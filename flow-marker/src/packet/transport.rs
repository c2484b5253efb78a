//! TCP, UDP and ICMP.

use super::bytes::{array, offset_in, u16};
use super::header::{Header, Icmp, IpProtocol, Layer, Stop, Tcp, TcpFlags, Transport, Udp};

/// Reads a transport header; `whole` is the length of everything that is parsed.
#[inline]
pub(super) fn parse(header: &mut Header, protocol: IpProtocol, bytes: &[u8], whole: usize) -> Stop {
    match protocol {
        IpProtocol::TCP | IpProtocol::UDP => ports(header, protocol, bytes, whole),
        IpProtocol::ICMP | IpProtocol::ICMPV6 => match bytes.first_chunk() {
            Some(&[kind, code]) => {
                header.icmp = Some(Icmp { kind, code });
                Stop::Complete
            }
            None => Stop::Cut(Layer::Transport),
        },
        _ => Stop::Unsupported(Layer::Transport),
    }
}

/// TCP and UDP begin with the same two ports, and a cut often leaves nothing but these.
#[inline]
fn ports(header: &mut Header, protocol: IpProtocol, mut bytes: &[u8], whole: usize) -> Stop {
    let offset = offset_in(whole, bytes);
    let (Some(source_port), Some(destination_port)) = (u16(&mut bytes), u16(&mut bytes)) else {
        return Stop::Cut(Layer::Transport);
    };
    let (tcp, udp) = match protocol {
        IpProtocol::TCP => (tcp(bytes), None),
        _ => (None, u16(&mut bytes).map(|length| Udp { length })),
    };
    header.transport = Some(Transport {
        source_port,
        destination_port,
        offset,
        end: offset_in(whole, &[]),
        tcp,
        udp,
    });
    match (tcp, udp) {
        (Some(Tcp { flags: Some(_), .. }), _) | (_, Some(_)) => Stop::Complete,
        _ => Stop::Cut(Layer::Transport),
    }
}

/// What follows the ports (RFC 9293 §3.1): sequence, acknowledgement, data offset, flags.
#[inline]
fn tcp(mut bytes: &[u8]) -> Option<Tcp> {
    let sequence = u32::from_be_bytes(*array(&mut bytes)?);
    let flags = array(&mut bytes).map(|&[_, _, _, _, _, flags]| TcpFlags(flags));
    Some(Tcp { sequence, flags })
}
