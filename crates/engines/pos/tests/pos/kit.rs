//! Validators, chain specs and sealed blocks.

use k256::schnorr::SigningKey;
use synod_chainspec::{ChainSpec, genesis_block};
use synod_primitives::{
    Amount, Block, BlockHash, Header, Height, MerkleRoot, OutPoint, Script, Transaction, TxIn,
    TxOut, Witness, hex, sha256,
};
use synod_seal::{
    HashChain, Mode, SEALED_BITS, Seal, SealKey, Sections, Signature, Slot, StakeChange, StakeCoin,
    StakeKind, StakeProgram, UnsealedHeader, Vote, VoteLink,
};

/// The preset's seconds of a slot.
pub(crate) const SLOT_S: u64 = 2;
/// Slots of an epoch in these tests.
pub(crate) const EPOCH: u64 = 4;
/// When the bootstrap begins.
pub(crate) const START: u32 = 1_800_000_000;

pub(crate) struct Validator {
    key: SigningKey,
    pub(crate) chain: HashChain,
}

impl Validator {
    pub(crate) fn new(seed: u8) -> Self {
        Self {
            key: SigningKey::from_slice(&[seed; 32]).expect("a valid secret"),
            chain: HashChain::new([seed; 32], 512).expect("a chain"),
        }
    }

    pub(crate) fn public(&self) -> SealKey {
        SealKey(self.key.verifying_key().to_bytes().into())
    }

    pub(crate) fn sign(&self, digest: [u8; 32]) -> Signature {
        self.key
            .sign_raw(&digest, &[0; 32])
            .expect("signs")
            .to_bytes()
    }

    pub(crate) fn vote(&self, link: VoteLink, chain_id: &[u8; 32]) -> Vote {
        Vote {
            link,
            key: self.public(),
            signature: self.sign(link.digest(chain_id)),
        }
    }

    /// Builds and seals a block.
    pub(crate) fn seal(&self, draft: &Draft, chain_id: &[u8; 32]) -> Block {
        let template = draft.template();
        let unsealed = UnsealedHeader::of_block(&template, &draft.seal).expect("a template");
        let signature = self.sign(unsealed.digest(chain_id));
        unsealed.seal_block(&template, signature).expect("a nonce")
    }
}

pub(crate) fn bootstrap_key() -> Validator {
    Validator::new(0xb0)
}

/// Validators whose bonds have these amounts, in coins; their seeds count from 1.
pub(crate) fn spec(amounts: &[u64]) -> ChainSpec {
    spec_with(amounts, "")
}

/// As [`spec`], with further lines of the engine's table.
pub(crate) fn spec_with(amounts: &[u64], settings: &str) -> ChainSpec {
    let mut text = format!(
        "base = \"sealed\"\nname = \"test\"\n[pos]\nepoch_slots = {EPOCH}\n{settings}\n[bootstrap]\ntime = {START}\nblocks = {}\nkey = \"{}\"\n",
        amounts.len(),
        hex::encode(bootstrap_key().public().0),
    );
    for (seed, amount) in (1..).zip(amounts) {
        let validator = Validator::new(seed);
        text += &format!(
            "[[bootstrap.bonds]]\nowner = \"{}\"\ndelegate = \"{}\"\nanchor = \"{}\"\namount_sat = {}\n",
            "01".repeat(20),
            validator.public().delegate_hash(),
            hex::encode(validator.chain.anchor()),
            amount * 100_000_000,
        );
    }
    ChainSpec::parse(&text).expect("a spec")
}

/// The stake that a block makes: the bonds of the spec, and nothing else.
pub(crate) fn stake_of(spec: &ChainSpec, block: &Block, height: Height) -> StakeChange {
    let seal = spec.consensus.bootstrap_seal.as_ref().expect("sealed");
    let index = height.0.checked_sub(1).expect("above the genesis block");
    let bond = seal.bonds.get(index as usize);
    let created = bond.map(|bond| {
        let coin = StakeCoin {
            program: StakeProgram {
                kind: StakeKind::Bonded,
                owner: synod_seal::OwnerHash(bond.owner),
                delegate: synod_seal::DelegateHash(bond.delegate),
            },
            amount: Amount::from_sat(i64::try_from(bond.amount_sat).expect("small")),
            height,
            anchor: Some(bond.anchor),
            candidate: None,
        };
        (block.transactions()[0].outpoint(1), coin)
    });
    StakeChange {
        created: created.into_iter().collect(),
        ..StakeChange::default()
    }
}

/// What a block is made of.
#[derive(Clone)]
pub(crate) struct Draft {
    pub(crate) parent: BlockHash,
    pub(crate) height: Height,
    pub(crate) time: u32,
    pub(crate) seal: Seal,
    pub(crate) salt: u64,
}

impl Draft {
    fn template(&self) -> Block {
        let mut script_sig = push_height(self.height.0);
        script_sig.push(8);
        script_sig.extend_from_slice(&self.salt.to_le_bytes());
        let input = TxIn {
            prevout: OutPoint::NULL,
            script_sig: Script::new(script_sig),
            sequence: u32::MAX,
            witness: Witness::EMPTY,
        };
        let commitment = [&[0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed][..], &[0; 32]].concat();
        let output = TxOut {
            value: Amount::ZERO,
            script_pubkey: Script::new(commitment),
        };
        let coinbase = Transaction::new(2, vec![input], vec![output], 0);
        let header = Header {
            version: 0x2000_0000,
            previous_block_hash: self.parent,
            merkle_root: MerkleRoot::ZERO,
            time: self.time,
            bits: SEALED_BITS,
            nonce: 0,
        };
        Block::new(header, vec![coinbase])
    }
}

fn push_height(height: u32) -> Vec<u8> {
    match height {
        1..=16 => vec![0x50 + u8::try_from(height).expect("small")],
        17..=127 => vec![1, u8::try_from(height).expect("small")],
        _ => {
            let [low, high, ..] = height.to_le_bytes();
            if high == 0 || high < 0x80 {
                vec![2, low, high]
            } else {
                vec![3, low, high, 0]
            }
        }
    }
}

/// The blocks of the bootstrap, lowest first.
pub(crate) fn bootstrap(spec: &ChainSpec) -> Vec<Block> {
    let key = bootstrap_key();
    let mut parent = genesis_block().hash();
    let mut blocks = Vec::new();
    for height in 1..=spec.bootstrap_height().0 {
        let seal = Seal {
            mode: Mode::Bootstrap,
            slot: Slot(height.into()),
            round: 0,
            previously_sealed: Height(0),
            prevoted: Height(0),
            reveal: [0; 32],
            key: key.public(),
            signature: [0; 64],
            sections: Sections::default(),
        };
        let draft = Draft {
            parent,
            height: Height(height),
            time: START + height,
            seal,
            salt: 0,
        };
        let block = key.seal(&draft, &spec.chain_id().0);
        parent = block.hash();
        blocks.push(block);
    }
    blocks
}

/// A number that follows from others.
pub(crate) fn mix(seed: u64, number: u64) -> u64 {
    let hash = sha256(&[seed.to_le_bytes(), number.to_le_bytes()].concat());
    u64::from_le_bytes(hash[..8].try_into().expect("8 bytes"))
}

/// How many seeds a test tries, by `SYNOD_SEEDS`.
pub(crate) fn seeds(default: u64) -> u64 {
    let asked = std::env::var("SYNOD_SEEDS").ok();
    asked.and_then(|it| it.parse().ok()).unwrap_or(default)
}
