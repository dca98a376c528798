//! Keys, blocks and chain settings for tests.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use k256::schnorr::SigningKey;
use synod_engine::{Connected, StoredBlock};
use synod_engine_dpos::{JailRule, Settings};
use synod_primitives::{
    Amount, Block, BlockHash, Header, Height, MerkleRoot, OutPoint, Script, Transaction, TxIn,
    TxOut, Txid, Witness,
};
use synod_seal::{
    DelegateHash, HashChain, Mode, OwnerHash, SEALED_BITS, Seal, SealKey, Sections, Slot,
    StakeChange, StakeCoin, StakeKind, StakeProgram, UnsealedHeader,
};

pub(crate) const CHAIN: [u8; 32] = [0xd5; 32];
pub(crate) const BOOTSTRAP_BLOCKS: u32 = 2;
pub(crate) const BOND: i64 = 5_000_000_000;
/// Reveals of each hash chain in these tests.
const REVEALS: u32 = 400;

/// A delegate with its secrets.
pub(crate) struct Key {
    secret: SigningKey,
    pub(crate) reveals: HashChain,
    pub(crate) public: SealKey,
    pub(crate) delegate: DelegateHash,
}

impl Key {
    pub(crate) fn new(seed: u8) -> Self {
        let secret = SigningKey::from_slice(&[seed; 32]).expect("a valid secret");
        let public = SealKey(secret.verifying_key().to_bytes().into());
        Self {
            secret,
            reveals: HashChain::new([seed; 32], REVEALS).expect("not too long"),
            public,
            delegate: public.delegate_hash(),
        }
    }

    pub(crate) fn seal(&self, slot: u64) -> Seal {
        Seal {
            mode: Mode::Dpos,
            slot: Slot(slot),
            round: 0,
            previously_sealed: Height(0),
            prevoted: Height(BOOTSTRAP_BLOCKS),
            reveal: self.reveals.reveal(0).expect("the first"),
            key: self.public,
            signature: [0; 64],
            sections: Sections::default(),
        }
    }

    /// The stake coin that registers the delegate.
    pub(crate) fn registration(&self, number: u32) -> (OutPoint, StakeCoin) {
        let (outpoint, coin) = vote(number, self.delegate, BOND);
        let coin = StakeCoin {
            anchor: Some(self.reveals.anchor()),
            ..coin
        };
        (outpoint, coin)
    }

    /// Seals a block on a parent.
    pub(crate) fn block(
        &self,
        parent: BlockHash,
        height: u32,
        time: u32,
        seal: &Seal,
        salt: u8,
    ) -> Block {
        let mut script_sig = push_height(height);
        script_sig.extend_from_slice(&[1, salt]);
        let header = Header {
            version: 0x2000_0000,
            previous_block_hash: parent,
            merkle_root: MerkleRoot::ZERO,
            time,
            bits: SEALED_BITS,
            nonce: 0,
        };
        let template = Block::new(header, vec![coinbase(script_sig), payment(salt)]);
        let unsealed = UnsealedHeader::of_block(&template, seal).expect("a template");
        let digest = unsealed.digest(&CHAIN);
        let signature = self.secret.sign_raw(&digest, &[0; 32]).expect("signs");
        let block = unsealed.seal_block(&template, signature.to_bytes());
        block.expect("a nonce")
    }
}

pub(crate) fn outpoint(number: u32) -> OutPoint {
    let mut txid = [0; 32];
    txid[..4].copy_from_slice(&number.to_be_bytes());
    OutPoint::new(Txid::from_bytes(txid), 1)
}

pub(crate) fn vote(number: u32, delegate: DelegateHash, sat: i64) -> (OutPoint, StakeCoin) {
    let program = StakeProgram {
        kind: StakeKind::Bonded,
        owner: OwnerHash([1; 20]),
        delegate,
    };
    let coin = StakeCoin {
        program,
        amount: Amount::from_sat(sat),
        height: Height(1),
        anchor: None,
        candidate: None,
    };
    (outpoint(number), coin)
}

fn push_height(height: u32) -> Vec<u8> {
    if (1..=16).contains(&height) {
        return vec![0x50 + u8::try_from(height).expect("small")];
    }
    let mut bytes = height.to_le_bytes().to_vec();
    while bytes.last() == Some(&0) {
        bytes.pop();
    }
    if bytes.last().is_some_and(|byte| byte & 0x80 != 0) {
        bytes.push(0);
    }
    bytes.insert(0, u8::try_from(bytes.len()).expect("small"));
    bytes
}

fn coinbase(script_sig: Vec<u8>) -> Transaction {
    let input = TxIn {
        prevout: OutPoint::NULL,
        script_sig: Script::new(script_sig),
        sequence: u32::MAX,
        witness: Witness::from_items(&[[0; 32]]),
    };
    let mut commitment = vec![0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed];
    commitment.extend_from_slice(&[9; 32]);
    let output = |sat, script: Vec<u8>| TxOut {
        value: Amount::from_sat(sat),
        script_pubkey: Script::new(script),
    };
    let outputs = vec![output(50, vec![0x51]), output(0, commitment)];
    Transaction::new(2, vec![input], outputs, 0)
}

fn payment(salt: u8) -> Transaction {
    let input = TxIn {
        prevout: OutPoint::new(Txid::from_bytes([salt; 32]), 0),
        script_sig: Script::new(Vec::new()),
        sequence: u32::MAX,
        witness: Witness::EMPTY,
    };
    let output = TxOut {
        value: Amount::from_sat(1),
        script_pubkey: Script::new(vec![0x51]),
    };
    Transaction::new(2, vec![input], vec![output], 0)
}

/// A block with what a ledger would say about it.
pub(crate) struct Known {
    /// What travels beside the header.
    pub(crate) proof: Bytes,
    pub(crate) stored: Arc<StoredBlock>,
    pub(crate) stake: Arc<StakeChange>,
    /// Which of the world's stake transactions the chain up to here holds.
    pub(crate) included: Arc<BTreeSet<usize>>,
}

impl Known {
    pub(crate) fn connected(&self) -> Connected {
        Connected {
            block: Arc::clone(&self.stored),
            stake: Arc::clone(&self.stake),
        }
    }
}

pub(crate) fn bootstrap_key() -> Key {
    Key::new(200)
}

pub(crate) fn settings(seats: u32) -> Settings {
    Settings {
        chain_id: CHAIN,
        genesis: synod_chainspec::genesis_block().hash(),
        bootstrap_time: 1_800_000_000,
        bootstrap_height: Height(BOOTSTRAP_BLOCKS),
        bootstrap_key: bootstrap_key().public,
        slot_s: 3,
        seats,
        jail: JailRule {
            window_slots: 24,
            misses: 12,
            rounds: 24,
        },
        unbonding_blocks: 256,
    }
}

/// A small generator with a seed (xorshift64, Marsaglia 2003).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// How many seeds a test tries, by `SYNOD_SEEDS`.
pub(crate) fn seeds(default: u64) -> u64 {
    let asked = std::env::var("SYNOD_SEEDS").ok();
    asked.and_then(|it| it.parse().ok()).unwrap_or(default)
}
