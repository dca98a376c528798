//! Owners, delegates, stake coins and the transactions that spend them.

use k256::ecdsa::signature::hazmat::PrehashSigner;
use k256::{ecdsa, schnorr};
use synod_chainspec::ChainSpec;
use synod_ledger::{Coin, Rules, StakeError, StakeRules, StakeTag, check_stake_inputs};
use synod_primitives::{
    Amount, BlockHash, Height, OutPoint, Script, Transaction, TxIn, TxOut, Txid, Witness, sha256,
};
use synod_script::{SpendContext, hash160, segwit_v0_sighash, template};
use synod_seal::{
    Checkpoint, DelegateHash, Epoch, OwnerHash, SealKey, StakeKind, StakeProgram, Statement, Vote,
    VoteLink,
};

/// Coins of a bond that is large enough.
pub(crate) const BOND: i64 = 5_000_000_000;

pub(crate) fn spec(engine: &str) -> ChainSpec {
    let text = format!("base = \"sealed\"\nengine = \"{engine}\"\n");
    ChainSpec::parse(&text).expect("a spec")
}

pub(crate) fn rules(engine: &str) -> StakeRules {
    Rules::from(&spec(engine))
        .stake
        .expect("an engine with stake")
}

pub(crate) struct Owner(ecdsa::SigningKey);

impl Owner {
    pub(crate) fn new(seed: u8) -> Self {
        Self(ecdsa::SigningKey::from_slice(&[seed; 32]).expect("a valid secret"))
    }

    /// The owner whose hash the preset's bond names.
    pub(crate) fn of_preset() -> Self {
        let secret = sha256(b"synod/sealed/owner/1");
        Self(ecdsa::SigningKey::from_slice(&secret).expect("a valid secret"))
    }

    pub(crate) fn key(&self) -> Vec<u8> {
        let point = self.0.verifying_key().to_sec1_point(true);
        point.as_bytes().to_vec()
    }

    pub(crate) fn hash(&self) -> OwnerHash {
        OwnerHash(hash160(&self.key()))
    }

    pub(crate) fn sign(&self, digest: [u8; 32], hash_type: u8) -> Vec<u8> {
        let signature: ecdsa::Signature = self.0.sign_prehash(&digest).expect("signs");
        let mut bytes = signature.normalize_s().to_der().as_bytes().to_vec();
        bytes.push(hash_type);
        bytes
    }

    pub(crate) fn sign_high_s(&self, digest: [u8; 32]) -> Vec<u8> {
        let signature: ecdsa::Signature = self.0.sign_prehash(&digest).expect("signs");
        let (r, s) = signature.normalize_s().split_scalars();
        let high = ecdsa::Signature::from_scalars(*r, -*s).expect("both are in range");
        let mut bytes = high.to_der().as_bytes().to_vec();
        bytes.push(1);
        bytes
    }
}

pub(crate) struct Delegate(schnorr::SigningKey);

impl Delegate {
    pub(crate) fn new(seed: u8) -> Self {
        Self(schnorr::SigningKey::from_slice(&[seed; 32]).expect("a valid secret"))
    }

    pub(crate) fn of_text(text: &str) -> Self {
        let secret = sha256(text.as_bytes());
        Self(schnorr::SigningKey::from_slice(&secret).expect("a valid secret"))
    }

    pub(crate) fn key(&self) -> SealKey {
        SealKey(self.0.verifying_key().to_bytes().into())
    }

    pub(crate) fn hash(&self) -> DelegateHash {
        self.key().delegate_hash()
    }

    pub(crate) fn sign(&self, digest: [u8; 32]) -> [u8; 64] {
        self.0
            .sign_raw(&digest, &[0; 32])
            .expect("signs")
            .to_bytes()
    }

    pub(crate) fn vote(&self, chain_id: &[u8; 32], target: u8) -> Vote {
        let checkpoint = |epoch, byte| Checkpoint {
            epoch: Epoch(epoch),
            hash: BlockHash::from_bytes([byte; 32]),
        };
        let link = VoteLink {
            source: checkpoint(1, 0),
            target: checkpoint(2, target),
        };
        Vote {
            link,
            key: self.key(),
            signature: self.sign(link.digest(chain_id)),
        }
    }

    /// Two votes for one epoch.
    pub(crate) fn double_vote(&self, chain_id: &[u8; 32]) -> [Vec<u8>; 2] {
        [1, 2].map(|target| Statement::Vote(Box::new(self.vote(chain_id, target))).encode())
    }
}

pub(crate) fn program(kind: StakeKind, owner: &Owner, delegate: &Delegate) -> StakeProgram {
    StakeProgram {
        kind,
        owner: owner.hash(),
        delegate: delegate.hash(),
    }
}

pub(crate) fn output(script: Script, sat: i64) -> TxOut {
    TxOut {
        value: Amount::from_sat(sat),
        script_pubkey: script,
    }
}

pub(crate) fn stake(program: StakeProgram, sat: i64) -> TxOut {
    output(program.script(), sat)
}

pub(crate) fn burn(sat: i64) -> TxOut {
    output(Script::new(vec![0x6a]), sat)
}

pub(crate) fn payment(sat: i64) -> TxOut {
    output(template::p2wpkh(&[9; 20]), sat)
}

/// An output of this index, made at height 10.
pub(crate) fn coin(vout: u32, output: &TxOut) -> (OutPoint, Coin) {
    let id = [u8::try_from(vout).expect("small"); 32];
    let outpoint = OutPoint::new(Txid::from_bytes(id), vout);
    (outpoint, Coin::new(output, Height(10), false))
}

/// A transaction that spends coins, with the witnesses that it is given.
pub(crate) struct Spend {
    pub(crate) coins: Vec<(OutPoint, Coin)>,
    pub(crate) outputs: Vec<TxOut>,
}

impl Spend {
    pub(crate) fn coins(&self) -> Vec<Coin> {
        self.coins.iter().map(|(_, coin)| coin.clone()).collect()
    }

    pub(crate) fn with(&self, witnesses: &[Vec<Vec<u8>>]) -> Transaction {
        let inputs = self.coins.iter().zip(witnesses);
        let inputs = inputs.map(|((prevout, _), witness)| TxIn {
            prevout: *prevout,
            script_sig: Script::new(Vec::new()),
            sequence: u32::MAX,
            witness: Witness::from_items(witness),
        });
        Transaction::new(2, inputs.collect(), self.outputs.clone(), 0)
    }

    pub(crate) fn digest(&self, input: usize, hash_type: u32) -> [u8; 32] {
        let unsigned = self.with(&vec![Vec::new(); self.coins.len()]);
        let spent = self.coins().iter().map(Coin::to_tx_out).collect();
        let context = SpendContext::new(&unsigned, spent);
        let script = self.coins[input].1.script_pubkey.as_bytes();
        let owner = StakeProgram::of_script(script).map_or([0; 20], |it| it.owner.0);
        let code = template::p2pkh(&owner);
        segwit_v0_sighash(&context, input, code.as_bytes(), hash_type)
    }

    /// Signed by one owner, every input in the same way.
    pub(crate) fn signed(&self, owner: &Owner, tag: StakeTag) -> Transaction {
        let witness = |input| {
            let signature = owner.sign(self.digest(input, 1), 1);
            vec![signature, owner.key(), vec![tag.byte()]]
        };
        self.with(&(0..self.coins.len()).map(witness).collect::<Vec<_>>())
    }

    pub(crate) fn slashing(&self, evidence: &[Vec<u8>; 2]) -> Transaction {
        let witness = vec![
            evidence[0].clone(),
            evidence[1].clone(),
            vec![StakeTag::Slash.byte()],
        ];
        self.with(&vec![witness; self.coins.len()])
    }

    pub(crate) fn check(
        &self,
        transaction: &Transaction,
        height: u32,
        rules: &StakeRules,
    ) -> Result<Vec<DelegateHash>, StakeError> {
        check_stake_inputs(transaction, &self.coins(), Height(height), rules)
    }
}
