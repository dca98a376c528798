//! Which addresses count as one neighbourhood.
//!
//! Security: addresses inside one network are cheap for whoever has it. Diversity is counted
//! by groups (Core: `GetGroup`): 16 bits of an IPv4 address, 32 of an IPv6 one. Discouragement
//! looks closer: one IPv4 address, or the 64 bits that one IPv6 customer gets.

use std::net::IpAddr;

/// A network group.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NetGroup([u8; 5]);

impl NetGroup {
    /// Returns the group of an address.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => {
                let [a, b, ..] = v4.octets();
                Self([4, a, b, 0, 0])
            }
            IpAddr::V6(v6) => {
                let [a, b, c, d, ..] = v6.octets();
                Self([6, a, b, c, d])
            }
        }
    }

    /// Reads back what [`NetGroup::to_bytes`] gave.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 5]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes that name the group.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 5] {
        self.0
    }
}

/// An address as far as one subscriber's goes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Subscriber([u8; 9]);

impl Subscriber {
    /// Returns whose address it is.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        let mut bytes = [0; 9];
        match address.to_canonical() {
            IpAddr::V4(v4) => {
                bytes[0] = 4;
                bytes[1..5].copy_from_slice(&v4.octets());
            }
            IpAddr::V6(v6) => {
                bytes[0] = 6;
                bytes[1..9].copy_from_slice(&v6.octets()[..8]);
            }
        }
        Self(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn groups_are_16_bits_of_ipv4_and_32_of_ipv6() {
        assert_eq!(NetGroup::of(ip("8.8.1.1")), NetGroup::of(ip("8.8.200.3")));
        assert_ne!(NetGroup::of(ip("8.8.1.1")), NetGroup::of(ip("8.9.1.1")));
        assert_eq!(
            NetGroup::of(ip("::ffff:8.8.1.1")),
            NetGroup::of(ip("8.8.1.1"))
        );
        assert_eq!(
            NetGroup::of(ip("2001:db8:1::1")),
            NetGroup::of(ip("2001:db8:2::1"))
        );
        assert_ne!(
            NetGroup::of(ip("2001:db8::1")),
            NetGroup::of(ip("2001:db9::1"))
        );
    }

    #[test]
    fn p10_all_addresses_of_an_ipv6_subscriber_are_one() {
        assert_eq!(
            Subscriber::of(ip("2001:db8::1")),
            Subscriber::of(ip("2001:db8::ffff:2"))
        );
        assert_ne!(
            Subscriber::of(ip("2001:db8:0:1::1")),
            Subscriber::of(ip("2001:db8:0:2::1"))
        );
        assert_ne!(Subscriber::of(ip("8.8.8.8")), Subscriber::of(ip("8.8.8.9")));
    }
}
