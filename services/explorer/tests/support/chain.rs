//! Mining a chain in regtest's form: real hashes, roots and witnesses commitments left out where
//! nothing needs them.

use synod_primitives::{
    Amount, Block, BlockHash, CompactTarget, Header, MerkleRoot, OutPoint, Script, Transaction,
    TxIn, TxOut, Txid, Witness,
};
use synod_seal::Seal;

/// New coins in every block.
pub(crate) const SUBSIDY: i64 = 50 * 100_000_000;

/// The blocks of a node: a tree of which one branch is active.
#[derive(Clone)]
pub(crate) struct Chain {
    pub(crate) blocks: Vec<Block>,
}

/// A script that pays to a witness key hash made of one byte.
pub(crate) fn p2wpkh(tag: u8) -> Script {
    let mut script = vec![0, 20];
    script.extend([tag; 20]);
    Script::new(script)
}

/// A transaction that spends outputs and pays scripts.
pub(crate) fn pay(inputs: &[OutPoint], outputs: &[(Script, i64)]) -> Transaction {
    let inputs = inputs
        .iter()
        .map(|&prevout| TxIn {
            prevout,
            script_sig: Script::default(),
            sequence: 0xffff_fffd,
            witness: Witness::from_items(&[&[1u8; 71][..], &[2u8; 33][..]]),
        })
        .collect();
    let outputs = outputs
        .iter()
        .map(|(script, sat)| TxOut {
            value: Amount::from_sat(*sat),
            script_pubkey: script.clone(),
        })
        .collect();
    Transaction::new(2, inputs, outputs, 0)
}

impl Chain {
    /// Block 0 alone.
    pub(crate) fn genesis() -> Self {
        Self {
            blocks: vec![synod_chainspec::genesis_block()],
        }
    }

    pub(crate) fn tip(&self) -> &Block {
        self.blocks.last().expect("block 0")
    }

    pub(crate) fn height(&self) -> u32 {
        u32::try_from(self.blocks.len() - 1).expect("a short chain")
    }

    pub(crate) fn hash(&self, height: u32) -> BlockHash {
        self.blocks[height as usize].hash()
    }

    pub(crate) fn coinbase(&self, height: u32) -> &Transaction {
        &self.blocks[height as usize].transactions()[0]
    }

    /// The output of a block's coinbase.
    pub(crate) fn coin(&self, height: u32) -> OutPoint {
        self.coinbase(height).outpoint(0)
    }

    /// Mines a block whose coinbase pays `script`.
    pub(crate) fn mine(&mut self, script: Script, transactions: Vec<Transaction>) -> BlockHash {
        self.mine_with(script, transactions, b"test")
    }

    /// Mines a block with a note in its coinbase.
    pub(crate) fn mine_with(
        &mut self,
        script: Script,
        transactions: Vec<Transaction>,
        note: &[u8],
    ) -> BlockHash {
        let height = self.height() + 1;
        let outputs = vec![(script, SUBSIDY)];
        self.mine_coinbase(coinbase(height, outputs, note), transactions)
    }

    /// Mines a block with a seal where sealed networks have it.
    pub(crate) fn mine_sealed(&mut self, seal: &Seal) -> BlockHash {
        let seal = seal.encode();
        let mut commitment = vec![0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed];
        commitment.extend([0; 32]);
        commitment.extend([0x4c, u8::try_from(seal.len()).expect("a short seal")]);
        commitment.extend(seal);
        let outputs = vec![(p2wpkh(1), SUBSIDY), (Script::new(commitment), 0)];
        let height = self.height() + 1;
        self.mine_coinbase(coinbase(height, outputs, b"sealed"), Vec::new())
    }

    fn mine_coinbase(&mut self, coinbase: Transaction, others: Vec<Transaction>) -> BlockHash {
        let mut all = vec![coinbase];
        all.extend(others);
        let root =
            synod_primitives::merkle::root(all.iter().map(|tx| tx.txid().to_bytes()).collect());
        let parent = self.tip();
        let mut header = Header {
            version: 0x2000_0000,
            previous_block_hash: parent.hash(),
            merkle_root: MerkleRoot::from_bytes(root.hash),
            time: parent.header().time + 600,
            bits: CompactTarget(0x207f_ffff),
            nonce: 0,
        };
        let target = header.bits.to_target().expect("regtest's target");
        while !target.is_met_by(header.block_hash()) {
            header.nonce += 1;
        }
        let block = Block::new(header, all);
        let hash = block.hash();
        self.blocks.push(block);
        hash
    }

    /// Mines empty blocks.
    pub(crate) fn mine_many(&mut self, count: u32, script: &Script) {
        for _ in 0..count {
            self.mine(script.clone(), Vec::new());
        }
    }

    /// A copy that ends at a height, to grow another branch.
    pub(crate) fn fork_at(&self, height: u32) -> Self {
        Self {
            blocks: self.blocks[..=height as usize].to_vec(),
        }
    }

    pub(crate) fn find(&self, txid: Txid) -> Option<&Transaction> {
        self.blocks
            .iter()
            .flat_map(Block::transactions)
            .find(|tx| tx.txid() == txid)
    }
}

fn coinbase(height: u32, outputs: Vec<(Script, i64)>, note: &[u8]) -> Transaction {
    let mut script_sig = vec![4];
    script_sig.extend_from_slice(&height.to_le_bytes());
    script_sig.push(u8::try_from(note.len()).expect("a short note"));
    script_sig.extend_from_slice(note);
    let input = TxIn {
        prevout: OutPoint::NULL,
        script_sig: Script::new(script_sig),
        sequence: u32::MAX,
        witness: Witness::from_items(&[&[0u8; 32][..]]),
    };
    let output = |(script, sat)| TxOut {
        value: Amount::from_sat(sat),
        script_pubkey: script,
    };
    let outputs = outputs.into_iter().map(output).collect();
    Transaction::new(2, vec![input], outputs, 0)
}
