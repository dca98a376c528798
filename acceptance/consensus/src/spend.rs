//! Transactions that spend outputs of every form.

use synod_primitives::{Amount, OutPoint, Script, Transaction, TxIn, TxOut, Txid, Witness};
use synod_script::sighash::annex_hash;
use synod_script::{
    LeafPosition, ScriptBuilder, SpendContext, TaprootSpend, legacy_sighash, segwit_v0_sighash,
    taproot_sighash,
};

use crate::judge::Case;
use crate::lock::{self, Lock, Unlock, Wrap};
use crate::random::Random;
use crate::script::{Argument, Puzzle};
use crate::signer::Signer;

/// Makes a transaction that spends one to three random locks, now and then forty.
pub fn make(random: &mut Random, signer: &Signer) -> Case {
    let count = match random.once_in(100) {
        true => 40,
        false => 1 + random.below(3),
    };
    let locks: Vec<Lock> = (0..count).map(|_| lock::make(random, signer)).collect();
    spend(random, signer, &locks)
}

/// Makes a transaction that spends the locks.
pub fn spend(random: &mut Random, signer: &Signer, locks: &[Lock]) -> Case {
    let spent: Vec<TxOut> = locks.iter().map(|lock| lock.output.clone()).collect();
    let skeleton = skeleton(random, locks.len());
    let context = SpendContext::new(&skeleton, spent.clone());
    let mut inputs = skeleton.inputs().to_vec();
    for (index, lock) in locks.iter().enumerate() {
        let mut filler = Filler {
            random: &mut *random,
            signer,
            context: &context,
            index,
        };
        let (script_sig, witness) = filler.fill(&lock.unlock);
        inputs[index].script_sig = script_sig;
        inputs[index].witness = Witness::from_items(&witness);
    }
    let outputs = skeleton.outputs().to_vec();
    let tx = Transaction::new(skeleton.version(), inputs, outputs, skeleton.lock_time());
    Case { tx, spent }
}

fn skeleton(random: &mut Random, count: usize) -> Transaction {
    let sequences = [
        u32::MAX,
        u32::MAX - 1,
        0,
        1,
        17,
        65535,
        1 << 22,
        (1 << 22) | 5,
        1 << 31,
        (1 << 31) | 9,
    ];
    let inputs = (0..count).map(|_| TxIn {
        prevout: OutPoint::new(Txid::from_bytes(random.array()), random.bits() as u32),
        script_sig: Script::default(),
        sequence: random.pick(&sequences),
        witness: Witness::EMPTY,
    });
    let inputs = inputs.collect();
    let outputs = (0..random.below(4)).map(|_| {
        let length = random.below(40);
        TxOut {
            value: Amount::from_sat(random.bits() as i64 >> 12),
            script_pubkey: Script::new(random.bytes(length)),
        }
    });
    let outputs = outputs.collect();
    let times = [
        0,
        1,
        17,
        65536,
        499_999_999,
        500_000_000,
        0x7fff_ffff,
        u32::MAX,
    ];
    let lock_time = random.pick(&times);
    let version = random.pick(&[2, 2, 2, 1, 3, 0, -1, i32::MIN]);
    Transaction::new(version, inputs, outputs, lock_time)
}

struct Filler<'a> {
    random: &'a mut Random,
    signer: &'a Signer,
    context: &'a SpendContext<'a>,
    index: usize,
}

impl Filler<'_> {
    fn fill(&mut self, unlock: &Unlock) -> (Script, Vec<Vec<u8>>) {
        match unlock {
            Unlock::Script(puzzle, wrap) => self.fill_script(puzzle, *wrap),
            Unlock::KeyHash { key, bytes, redeem } => {
                let script = synod_script::template::p2pkh(&synod_script::hash160(bytes));
                let hash_type = self.random.pick(&[1, 1, 2, 3, 0x81, 0x83, 0, 0x41]);
                let signature = self.ecdsa(*key, script.as_bytes(), hash_type, true);
                let push = |redeem: &Script| ScriptBuilder::new().push(redeem.as_bytes());
                let script_sig = redeem.as_ref().map(push).unwrap_or_default();
                (script_sig.into_script(), vec![signature, bytes.clone()])
            }
            Unlock::KeyPath { key, tweak } => {
                let annex = self.annex();
                let spend = spend_with(annex.as_deref(), None);
                let hash_type = self
                    .random
                    .pick(&[0, 0, 1, 2, 3, 0x81, 0x82, 0x83, 0x80, 4]);
                let mut witness = vec![self.schnorr(hash_type, &spend, |signer, digest| {
                    signer.schnorr_tweaked(*key, *tweak, digest)
                })];
                witness.extend(annex);
                (Script::default(), witness)
            }
            Unlock::Leaf {
                puzzle,
                leaf_hash,
                control,
            } => self.fill_leaf(puzzle, *leaf_hash, control),
        }
    }

    fn fill_script(&mut self, puzzle: &Puzzle, wrap: Wrap) -> (Script, Vec<Vec<u8>>) {
        let is_witness = matches!(wrap, Wrap::P2wsh | Wrap::Nested);
        let mut items: Vec<Vec<u8>> = Vec::new();
        for argument in &puzzle.arguments {
            items.push(match argument {
                Argument::Data(data) => data.clone(),
                Argument::Signature {
                    key,
                    hash_type,
                    code_start,
                    ..
                } => {
                    let code = puzzle.script.get(*code_start..).unwrap_or_default();
                    self.ecdsa(*key, code, *hash_type, is_witness)
                }
            });
        }
        if wrap != Wrap::Bare {
            items.push(puzzle.script.clone());
        }
        if !is_witness {
            let builder = items
                .iter()
                .fold(ScriptBuilder::new(), |builder, item| builder.push(item));
            return (builder.into_script(), Vec::new());
        }
        let mut script_sig = ScriptBuilder::new();
        if wrap == Wrap::Nested {
            let hash = synod_primitives::sha256(&puzzle.script);
            script_sig = script_sig.push(synod_script::template::p2wsh(&hash).as_bytes());
        }
        (script_sig.into_script(), items)
    }

    fn fill_leaf(
        &mut self,
        puzzle: &Puzzle,
        leaf_hash: [u8; 32],
        control: &[u8],
    ) -> (Script, Vec<Vec<u8>>) {
        let annex = self.annex();
        let mut items: Vec<Vec<u8>> = Vec::new();
        for argument in &puzzle.arguments {
            items.push(match argument {
                Argument::Data(data) => data.clone(),
                Argument::Signature {
                    key,
                    hash_type,
                    separator,
                    ..
                } => {
                    let leaf = LeafPosition {
                        leaf_hash,
                        code_separator: *separator,
                    };
                    let spend = spend_with(annex.as_deref(), Some(leaf));
                    self.schnorr(*hash_type, &spend, |signer, digest| {
                        signer.schnorr(*key, digest)
                    })
                }
            });
        }
        items.push(puzzle.script.clone());
        items.push(control.to_vec());
        items.extend(annex);
        (Script::default(), items)
    }

    fn annex(&mut self) -> Option<Vec<u8>> {
        let length = self.random.pick(&[0, 1, 40, 252, 253, 600]);
        let is_present = self.random.once_in(5);
        is_present.then(|| [&[0x50][..], &self.random.bytes(length)].concat())
    }

    fn ecdsa(&self, key: usize, code: &[u8], hash_type: u8, is_witness: bool) -> Vec<u8> {
        let kind = u32::from(hash_type);
        let digest = match is_witness {
            true => segwit_v0_sighash(self.context, self.index, code, kind),
            false => legacy_sighash(self.context, self.index, code, kind),
        };
        let mut signature = self.signer.ecdsa(key, digest);
        signature.push(hash_type);
        signature
    }

    fn schnorr(
        &self,
        hash_type: u8,
        spend: &TaprootSpend,
        sign: impl FnOnce(&Signer, [u8; 32]) -> Vec<u8>,
    ) -> Vec<u8> {
        let digest = taproot_sighash(self.context, self.index, hash_type, spend);
        let mut signature = sign(self.signer, digest.unwrap_or_default());
        if hash_type != 0 {
            signature.push(hash_type);
        }
        signature
    }
}

fn spend_with(annex: Option<&[u8]>, leaf: Option<LeafPosition>) -> TaprootSpend {
    TaprootSpend {
        annex_hash: annex.map(annex_hash),
        leaf,
    }
}
