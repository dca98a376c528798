//! ECDSA public keys as consensus reads them (SEC1 with the hybrid forms).

/// The order of the field (`2^256 - 2^32 - 977`), big-endian.
pub(crate) const FIELD_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 0xff, 0xff, 0xfc, 0x2f,
];

/// A public key with coordinates below the field's order, not yet known to be on the curve.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum PublicKey {
    /// X and the parity of Y.
    Compressed { x: [u8; 32], is_odd: bool },
    /// Both coordinates.
    Full { x: [u8; 32], y: [u8; 32] },
}

impl PublicKey {
    /// The X coordinate, big-endian.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn x(&self) -> &[u8; 32] {
        let (PublicKey::Compressed { x, .. } | PublicKey::Full { x, .. }) = self;
        x
    }

    /// Reads the 33- or 65-byte forms.
    ///
    /// Consensus: the hybrid prefixes 06 and 07 are valid where they name the parity of Y; only
    /// the STRICTENC policy refuses them.
    pub(crate) fn parse(bytes: &[u8]) -> Option<PublicKey> {
        let (&prefix, rest) = bytes.split_first()?;
        let (&x, rest) = rest.split_first_chunk::<32>()?;
        if x >= FIELD_ORDER {
            return None;
        }
        match (prefix, rest.len()) {
            (2 | 3, 0) => Some(PublicKey::Compressed {
                x,
                is_odd: prefix == 3,
            }),
            (4 | 6 | 7, 32) => {
                let y: [u8; 32] = rest.try_into().ok()?;
                let is_hybrid_wrong = prefix != 4 && (y[31] & 1) != (prefix & 1);
                (y < FIELD_ORDER && !is_hybrid_wrong).then_some(PublicKey::Full { x, y })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full(prefix: u8, x: [u8; 32], y: [u8; 32]) -> Vec<u8> {
        [&[prefix][..], &x, &y].concat()
    }

    #[test]
    fn each_prefix_has_its_length() {
        for prefix in 0..=255u8 {
            for length in 0..=70 {
                let mut bytes = vec![0; length];
                if let Some(first) = bytes.first_mut() {
                    *first = prefix;
                }
                let expected = matches!((prefix, length), (2 | 3, 33) | (4 | 6, 65));
                assert_eq!(
                    PublicKey::parse(&bytes).is_some(),
                    expected,
                    "{prefix} {length}"
                );
            }
        }
    }

    #[test]
    fn hybrid_prefix_must_name_the_parity_of_y() {
        let odd = [1; 32];
        let even = [2; 32];
        assert!(PublicKey::parse(&full(6, odd, even)).is_some());
        assert!(PublicKey::parse(&full(6, odd, odd)).is_none());
        assert!(PublicKey::parse(&full(7, odd, odd)).is_some());
        assert!(PublicKey::parse(&full(7, odd, even)).is_none());
        assert_eq!(
            PublicKey::parse(&full(7, odd, odd)),
            PublicKey::parse(&full(4, odd, odd))
        );
    }

    #[test]
    fn coordinates_below_the_field_order_are_read_and_the_order_is_refused() {
        let mut largest = FIELD_ORDER;
        largest[31] -= 1;
        assert!(PublicKey::parse(&full(4, largest, largest)).is_some());
        assert!(PublicKey::parse(&full(4, FIELD_ORDER, largest)).is_none());
        assert!(PublicKey::parse(&full(4, largest, FIELD_ORDER)).is_none());
        assert!(PublicKey::parse(&[&[2][..], &largest].concat()).is_some());
        assert!(PublicKey::parse(&[&[2][..], &FIELD_ORDER].concat()).is_none());
    }
}
