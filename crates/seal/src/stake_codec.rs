//! A stake table as bytes, so that an engine's state at a block can be kept.
//!
//! The number of outputs in 4 bytes, and of each: its outpoint, kind (0 bonded, 1 unbonding),
//! owner, delegate, amount in 8 bytes, height in 4, 0 or 1 with the anchor, 0 or 1 with the
//! candidate's name after its length in 2 bytes. Then the number of guilty delegates, and of
//! each its hash and count in 4 bytes. Numbers are little-endian.

use std::collections::BTreeMap;

use synod_primitives::{Amount, Height, OutPoint, Reader, Txid};

use crate::program::{StakeKind, StakeProgram};
use crate::quantity::{DelegateHash, OwnerHash};
use crate::stake::{StakeCoin, StakeTable};

impl StakeTable {
    /// Appends the table.
    ///
    /// # Panics
    /// When it holds 2^32 outputs.
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_count(out, self.coins.len());
        for (outpoint, coin) in &self.coins {
            put_outpoint(out, outpoint);
            put_coin(out, coin);
        }
        put_count(out, self.guilty.len());
        for (delegate, count) in &self.guilty {
            out.extend_from_slice(&delegate.0);
            out.extend_from_slice(&count.to_le_bytes());
        }
    }

    /// Reads what [`StakeTable::encode`] wrote; `None` for anything else.
    #[must_use]
    pub fn decode(reader: &mut Reader<'_>) -> Option<Self> {
        let mut coins = BTreeMap::new();
        for _ in 0..reader.read_u32().ok()? {
            let outpoint = read_outpoint(reader)?;
            let is_next = coins
                .last_key_value()
                .is_none_or(|(last, _)| *last < outpoint);
            coins.insert(outpoint, read_coin(reader).filter(|_| is_next)?);
        }
        let mut guilty = BTreeMap::new();
        for _ in 0..reader.read_u32().ok()? {
            let delegate = DelegateHash(reader.read_array().ok()?);
            let is_next = guilty
                .last_key_value()
                .is_none_or(|(last, _)| *last < delegate);
            guilty.insert(delegate, reader.read_u32().ok().filter(|_| is_next)?);
        }
        Some(Self { coins, guilty })
    }
}

fn put_count(out: &mut Vec<u8>, count: usize) {
    let count = u32::try_from(count).expect("memory holds fewer than 2^32 outputs");
    out.extend_from_slice(&count.to_le_bytes());
}

fn put_outpoint(out: &mut Vec<u8>, outpoint: &OutPoint) {
    out.extend_from_slice(outpoint.txid.as_bytes());
    out.extend_from_slice(&outpoint.vout.to_le_bytes());
}

fn read_outpoint(reader: &mut Reader<'_>) -> Option<OutPoint> {
    let txid = Txid::from_bytes(reader.read_array().ok()?);
    Some(OutPoint::new(txid, reader.read_u32().ok()?))
}

fn put_coin(out: &mut Vec<u8>, coin: &StakeCoin) {
    out.push(u8::from(coin.program.kind == StakeKind::Unbonding));
    out.extend_from_slice(&coin.program.owner.0);
    out.extend_from_slice(&coin.program.delegate.0);
    out.extend_from_slice(&coin.amount.sat().to_le_bytes());
    out.extend_from_slice(&coin.height.0.to_le_bytes());
    out.push(u8::from(coin.anchor.is_some()));
    out.extend_from_slice(coin.anchor.as_ref().map_or(&[], |it| it));
    out.push(u8::from(coin.candidate.is_some()));
    if let Some(name) = &coin.candidate {
        let length = u16::try_from(name.len()).expect("a name fits its output");
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(name.as_bytes());
    }
}

fn read_coin(reader: &mut Reader<'_>) -> Option<StakeCoin> {
    let kind = match reader.read_u8().ok()? {
        0 => StakeKind::Bonded,
        1 => StakeKind::Unbonding,
        _ => return None,
    };
    let program = StakeProgram {
        kind,
        owner: OwnerHash(reader.read_array().ok()?),
        delegate: DelegateHash(reader.read_array().ok()?),
    };
    let amount = Amount::from_sat(i64::from_le_bytes(reader.read_array().ok()?));
    let height = Height(reader.read_u32().ok()?);
    let anchor = match reader.read_u8().ok()? {
        0 => None,
        1 => Some(reader.read_array().ok()?),
        _ => return None,
    };
    let candidate = match reader.read_u8().ok()? {
        0 => None,
        1 => {
            let length = u16::from_le_bytes(reader.read_array().ok()?);
            let name = reader.read_bytes(length.into()).ok()?;
            Some(String::from_utf8(name.to_vec()).ok()?)
        }
        _ => return None,
    };
    Some(StakeCoin {
        program,
        amount,
        height,
        anchor,
        candidate,
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::stake::StakeChange;

    fn coin(kind: StakeKind, anchor: Option<[u8; 32]>, name: Option<&str>) -> StakeCoin {
        StakeCoin {
            program: StakeProgram {
                kind,
                owner: OwnerHash([1; 20]),
                delegate: DelegateHash([2; 20]),
            },
            amount: Amount::from_sat(12_345),
            height: Height(7),
            anchor,
            candidate: name.map(str::to_owned),
        }
    }

    #[test]
    fn a_table_reads_back_and_nothing_cut_off_does() {
        let outpoint = |byte| OutPoint::new(Txid::from_bytes([byte; 32]), byte.into());
        let mut table = StakeTable::default();
        let change = StakeChange {
            created: vec![
                (
                    outpoint(1),
                    coin(StakeKind::Bonded, Some([3; 32]), Some("first")),
                ),
                (outpoint(2), coin(StakeKind::Bonded, None, None)),
                (outpoint(3), coin(StakeKind::Unbonding, None, Some(""))),
            ],
            spent: Vec::new(),
            guilty: vec![DelegateHash([5; 20]), DelegateHash([5; 20])],
        };
        table.apply(&change).expect("fits");
        let mut out = Vec::new();
        table.encode(&mut out);
        let bytes = Bytes::from(out);
        let read = |bytes: &Bytes| {
            let mut reader = Reader::new(bytes);
            let table = StakeTable::decode(&mut reader)?;
            reader.finish().ok().map(|()| table)
        };
        assert_eq!(read(&bytes), Some(table));
        for cut in 0..bytes.len() {
            assert_eq!(read(&bytes.slice(..cut)), None, "{cut}");
        }
    }
}
