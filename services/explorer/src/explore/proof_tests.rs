use synod_primitives::encode::Reader;

use super::*;

/// Reads a partial tree as a light client does (BIP37); gives the root and the matched leaf.
fn extract(bytes: &[u8]) -> ([u8; 32], Vec<[u8; 32]>) {
    let bytes = bytes::Bytes::copy_from_slice(bytes);
    let mut reader = Reader::new(&bytes);
    Header::read(&mut reader).expect("a header");
    let count = reader.read_u32().expect("a count") as usize;
    let hashes = (0..reader.read_count().expect("hashes"))
        .map(|_| reader.read_array::<32>().expect("a hash"))
        .collect::<Vec<_>>();
    let flags = reader.read_var_bytes().expect("flags");
    reader.finish().expect("the end");
    let bits = flags
        .iter()
        .flat_map(|byte| (0..8).map(move |i| byte >> i & 1 == 1));
    let mut height = 0;
    while count.div_ceil(1 << height) > 1 {
        height += 1;
    }
    let mut walk = Walk {
        count,
        bits: bits.collect(),
        hashes,
        matched: Vec::new(),
    };
    walk.bits.reverse();
    walk.hashes.reverse();
    let root = walk.walk(height, 0);
    assert!(walk.hashes.is_empty());
    (root, walk.matched)
}

struct Walk {
    count: usize,
    bits: Vec<bool>,
    hashes: Vec<[u8; 32]>,
    matched: Vec<[u8; 32]>,
}

impl Walk {
    fn walk(&mut self, height: usize, index: usize) -> [u8; 32] {
        let bit = self.bits.pop().expect("a bit");
        if height == 0 || !bit {
            let hash = self.hashes.pop().expect("a hash");
            if height == 0 && bit {
                self.matched.push(hash);
            }
            return hash;
        }
        let left = self.walk(height - 1, index * 2);
        let has_right = index * 2 + 1 < self.count.div_ceil(1 << (height - 1));
        let right = if has_right {
            self.walk(height - 1, index * 2 + 1)
        } else {
            left
        };
        merkle::root(vec![left, right]).hash
    }
}

#[test]
fn a_light_client_finds_exactly_the_one_transaction_under_the_root() {
    for count in 1..=17u8 {
        let txids: Vec<Txid> = (0..count).map(|i| Txid::from_bytes([i + 1; 32])).collect();
        let root = merkle::root(txids.iter().map(|id| id.to_bytes()).collect()).hash;
        for position in 0..usize::from(count) {
            let mut tree = PartialTree {
                leaves: &txids,
                position,
                bits: Vec::new(),
                hashes: Vec::new(),
            };
            let mut height = 0;
            while tree.width(height) > 1 {
                height += 1;
            }
            tree.descend(height, 0);
            let header = Header::decode(&[0; 80]);
            let (found, matched) = extract(&encode(&header, txids.len(), &tree));
            assert_eq!(found, root, "{count} {position}");
            assert_eq!(matched, [txids[position].to_bytes()]);
        }
    }
}
