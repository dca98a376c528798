//! The running digest: it stands at a block, and takes blocks in and out.

use synod_ledger::{BlockUndo, CodecError, Coin, MuHash};
use synod_primitives::{Block, BlockHash, Height, OutPoint, Transaction, sha256d};
use synod_script::is_unspendable;
use synod_store::{Reader, StoreError};

use super::corrupt;

const MAGIC: &[u8; 8] = b"SYNDCOIN";
const VERSION: u8 = 1;
/// The bytes of an encoded digest: magic, version, height, hash, coins, sum, fraction, checksum.
pub(super) const ENCODED_SIZE: usize = 8 + 1 + 4 + 32 + 8 + 8 + MuHash::SIZE + 32;

/// The coins at a block in numbers, with their hash as a fraction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Accumulator {
    pub(super) height: Height,
    pub(super) hash: BlockHash,
    pub(super) coins: u64,
    pub(super) total_sat: u64,
    pub(super) muhash: MuHash,
}

impl Accumulator {
    /// Goes through all coins of the coins table.
    pub(super) async fn scan(reader: &Reader) -> Result<Self, StoreError> {
        let mut muhash = MuHash::new();
        let (mut coins, mut total_sat) = (0, 0);
        let scan = reader.scan_coins(|outpoint, bytes| {
            let coin = Coin::decode(bytes).map_err(|error| corrupt("coins", &outpoint, &error))?;
            muhash.insert_coin(&outpoint, &coin);
            coins += 1;
            total_sat += coin.value.to_sat_unsigned();
            Ok(())
        });
        let hash = scan.await?;
        let hash = hash.ok_or_else(|| corrupt("state", &"coins_tip", &"missing"))?;
        let height = reader.header(hash).await?.height;
        Ok(Self {
            height,
            hash,
            coins,
            total_sat,
            muhash,
        })
    }

    /// Encodes the digest, numbers little-endian, with the double SHA-256 of all before at the
    /// end.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(ENCODED_SIZE);
        out.extend_from_slice(MAGIC);
        out.push(VERSION);
        out.extend_from_slice(&self.height.0.to_le_bytes());
        out.extend_from_slice(self.hash.as_bytes());
        out.extend_from_slice(&self.coins.to_le_bytes());
        out.extend_from_slice(&self.total_sat.to_le_bytes());
        out.extend_from_slice(&self.muhash.encode());
        let checksum = sha256d(&out);
        out.extend_from_slice(&checksum);
        out
    }

    /// Decodes a digest.
    ///
    /// # Errors
    /// Bytes that [`Accumulator::encode`] did not write.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let (body, checksum) = bytes
            .split_last_chunk::<32>()
            .ok_or(CodecError::Truncated)?;
        let (magic, rest) = body.split_first_chunk::<8>().ok_or(CodecError::Truncated)?;
        let (version, rest) = rest.split_first().ok_or(CodecError::Truncated)?;
        if magic != MAGIC || *version != VERSION {
            return Err(CodecError::Version(*version));
        }
        if sha256d(body) != *checksum {
            return Err(CodecError::Checksum);
        }
        let (height, rest) = rest.split_first_chunk().ok_or(CodecError::Truncated)?;
        let (hash, rest) = rest.split_first_chunk().ok_or(CodecError::Truncated)?;
        let (coins, rest) = rest.split_first_chunk().ok_or(CodecError::Truncated)?;
        let (total_sat, rest) = rest.split_first_chunk().ok_or(CodecError::Truncated)?;
        Ok(Self {
            height: Height(u32::from_le_bytes(*height)),
            hash: BlockHash::from_bytes(*hash),
            coins: u64::from_le_bytes(*coins),
            total_sat: u64::from_le_bytes(*total_sat),
            muhash: MuHash::decode(rest)?,
        })
    }

    /// Takes in the block after the one that it stands at.
    pub(super) fn connect(&mut self, block: &Block, undo: &BlockUndo) -> Result<(), StoreError> {
        self.height = self.height.next();
        self.hash = block.hash();
        self.count_outputs(block, true);
        self.count_spent(block, undo, false)
    }

    /// Correctness: what the block spent comes back first, so that no count falls below zero.
    pub(super) fn disconnect(&mut self, block: &Block, undo: &BlockUndo) -> Result<(), StoreError> {
        self.count_spent(block, undo, true)?;
        self.count_outputs(block, false);
        self.height = self.height.previous().unwrap_or(Height::GENESIS);
        self.hash = block.header().previous_block_hash;
        Ok(())
    }

    fn count_outputs(&mut self, block: &Block, inserts: bool) {
        for (index, transaction) in block.transactions().iter().enumerate() {
            for (outpoint, coin) in self.outputs(transaction, index == 0) {
                self.count(outpoint, &coin, inserts);
            }
        }
    }

    fn count_spent(
        &mut self,
        block: &Block,
        undo: &BlockUndo,
        inserts: bool,
    ) -> Result<(), StoreError> {
        let mismatch = || corrupt("undo", &block.hash(), &"does not belong to the block");
        for (transaction, spent) in undo.spent_by(block).ok_or_else(mismatch)? {
            for (input, coin) in transaction.inputs().iter().zip(spent) {
                self.count(input.prevout, coin, inserts);
            }
        }
        Ok(())
    }

    fn outputs(&self, transaction: &Transaction, is_coinbase: bool) -> Vec<(OutPoint, Coin)> {
        let outputs = (0..).zip(transaction.outputs());
        outputs
            .filter(|(_, output)| !is_unspendable(output.script_pubkey.as_bytes()))
            .map(|(vout, output)| {
                (
                    transaction.outpoint(vout),
                    Coin::new(output, self.height, is_coinbase),
                )
            })
            .collect()
    }

    fn count(&mut self, outpoint: OutPoint, coin: &Coin, inserts: bool) {
        let value = coin.value.to_sat_unsigned();
        if inserts {
            self.muhash.insert_coin(&outpoint, coin);
            self.coins += 1;
            self.total_sat += value;
        } else {
            self.muhash.remove_coin(&outpoint, coin);
            self.coins -= 1;
            self.total_sat -= value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_own_encoding_decodes_and_no_changed_byte_does() {
        let mut muhash = MuHash::new();
        muhash.insert(b"one");
        muhash.remove(b"two");
        let digest = Accumulator {
            height: Height(7),
            hash: BlockHash::from_bytes([3; 32]),
            coins: 5,
            total_sat: 11,
            muhash,
        };
        let bytes = digest.encode();
        assert_eq!(bytes.len(), ENCODED_SIZE);
        assert_eq!(Accumulator::decode(&bytes), Ok(digest));
        for index in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[index] ^= 1;
            assert!(Accumulator::decode(&damaged).is_err(), "{index}");
            assert!(Accumulator::decode(&bytes[..index]).is_err(), "{index}");
        }
    }
}
