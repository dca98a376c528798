//! Keys and template blocks.

use k256::schnorr::SigningKey;
use synod_primitives::{
    Amount, Block, BlockHash, Header, Height, MerkleRoot, OutPoint, Script, Transaction, TxIn,
    TxOut, Witness,
};
use synod_seal::{
    Checkpoint, Epoch, Mode, SEALED_BITS, Seal, SealKey, SealedHeader, Sections, Signature, Slot,
    UnsealedHeader, Vote, VoteLink,
};

pub(crate) const CHAIN: [u8; 32] = [0xc1; 32];

pub(crate) struct Key(SigningKey);

impl Key {
    pub(crate) fn new(seed: u8) -> Self {
        Self(SigningKey::from_slice(&[seed; 32]).expect("a valid secret"))
    }

    pub(crate) fn public(&self) -> SealKey {
        SealKey(self.0.verifying_key().to_bytes().into())
    }

    pub(crate) fn sign(&self, digest: [u8; 32]) -> Signature {
        self.sign_with(digest, 0)
    }

    pub(crate) fn sign_with(&self, digest: [u8; 32], auxiliary: u8) -> Signature {
        self.0
            .sign_raw(&digest, &[auxiliary; 32])
            .expect("signs")
            .to_bytes()
    }

    pub(crate) fn seal(&self, slot: u64) -> Seal {
        Seal {
            mode: Mode::Pos,
            slot: Slot(slot),
            round: 0,
            previously_sealed: Height(0),
            prevoted: Height(0),
            reveal: [7; 32],
            key: self.public(),
            signature: [0; 64],
            sections: Sections::default(),
        }
    }

    /// Seals a template with two transactions beside the coinbase.
    pub(crate) fn block(&self, height: u32, seal: &Seal, salt: u8) -> Block {
        let template = template(height, salt);
        let unsealed = UnsealedHeader::of_block(&template, seal).expect("a template");
        let signature = self.sign(unsealed.digest(&CHAIN));
        unsealed.seal_block(&template, signature).expect("a nonce")
    }

    pub(crate) fn sealed(&self, height: u32, seal: &Seal, salt: u8) -> SealedHeader {
        SealedHeader::of_block(&self.block(height, seal, salt)).expect("a block")
    }

    pub(crate) fn vote(&self, source: u64, target: u64, salt: u8) -> Vote {
        let link = VoteLink {
            source: checkpoint(source, 0),
            target: checkpoint(target, salt),
        };
        Vote {
            link,
            key: self.public(),
            signature: self.sign(link.digest(&CHAIN)),
        }
    }
}

pub(crate) fn checkpoint(epoch: u64, salt: u8) -> Checkpoint {
    Checkpoint {
        epoch: Epoch(epoch),
        hash: BlockHash::from_bytes([salt; 32]),
    }
}

pub(crate) fn push_height(height: u32) -> Vec<u8> {
    match height {
        1..=16 => vec![0x50 + u8::try_from(height).expect("small")],
        _ => {
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
    }
}

pub(crate) fn commitment(extra: &[u8]) -> TxOut {
    let mut script = vec![0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed];
    script.extend_from_slice(&[9; 32]);
    script.extend_from_slice(extra);
    TxOut {
        value: Amount::ZERO,
        script_pubkey: Script::new(script),
    }
}

pub(crate) fn coinbase(script_sig: Vec<u8>, outputs: Vec<TxOut>) -> Transaction {
    let input = TxIn {
        prevout: OutPoint::NULL,
        script_sig: Script::new(script_sig),
        sequence: u32::MAX,
        witness: Witness::from_items(&[[0; 32]]),
    };
    Transaction::new(2, vec![input], outputs, 0)
}

fn payment(salt: u8) -> Transaction {
    let input = TxIn {
        prevout: OutPoint::new(synod_primitives::Txid::from_bytes([salt; 32]), 0),
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

pub(crate) fn template(height: u32, salt: u8) -> Block {
    let mut script_sig = push_height(height);
    script_sig.extend_from_slice(&[1, salt]);
    let payout = TxOut {
        value: Amount::from_sat(50),
        script_pubkey: Script::new(vec![0x51]),
    };
    let coinbase = coinbase(script_sig, vec![payout, commitment(&[])]);
    let header = Header {
        version: 0x2000_0000,
        previous_block_hash: BlockHash::from_bytes([3; 32]),
        merkle_root: MerkleRoot::ZERO,
        time: 1_800_000_000,
        bits: SEALED_BITS,
        nonce: 0,
    };
    Block::new(header, vec![coinbase, payment(1), payment(2)])
}
