//! Transactions that spend.

use synod_primitives::{OutPoint, Script, Transaction, TxIn, TxOut, Witness};
use synod_script::sighash::{TaprootSpend, legacy_sighash, segwit_v0_sighash, taproot_sighash};
use synod_script::{ScriptBuilder, SpendContext};

use super::{Form, Key, sat};

/// An output that can be spent.
#[derive(Clone, Debug)]
pub(crate) struct Spendable {
    pub(crate) outpoint: OutPoint,
    pub(crate) output: TxOut,
}

impl Spendable {
    pub(crate) fn of(transaction: &Transaction, vout: u32) -> Self {
        Self {
            outpoint: transaction.outpoint(vout),
            output: transaction.outputs()[vout as usize].clone(),
        }
    }

    pub(crate) fn value(&self) -> i64 {
        self.output.value.sat()
    }
}

enum Unlock {
    /// These bytes.
    With(Script, Witness),
    Sign(Key, Form),
}

/// A transaction in the making.
pub(crate) struct Payment {
    version: i32,
    lock_time: u32,
    inputs: Vec<(Spendable, u32, Unlock)>,
    outputs: Vec<TxOut>,
}

impl Payment {
    pub(crate) fn new() -> Self {
        Self {
            version: 2,
            lock_time: 0,
            inputs: Vec::new(),
            outputs: Vec::new(),
        }
    }

    /// A payment of all that a free coin holds, to another free one.
    pub(crate) fn through(coin: &Spendable) -> Transaction {
        Self::new()
            .spend(coin)
            .pay(coin.value(), super::free())
            .build()
    }

    pub(crate) fn version(mut self, version: i32) -> Self {
        self.version = version;
        self
    }

    pub(crate) fn lock_time(mut self, lock_time: u32) -> Self {
        self.lock_time = lock_time;
        self
    }

    /// Spends a coin that needs no unlocking.
    pub(crate) fn spend(self, coin: &Spendable) -> Self {
        self.spend_with(coin, Script::default(), Witness::EMPTY)
    }

    pub(crate) fn spend_with(
        mut self,
        coin: &Spendable,
        script_sig: Script,
        witness: Witness,
    ) -> Self {
        let unlock = Unlock::With(script_sig, witness);
        self.inputs.push((coin.clone(), u32::MAX, unlock));
        self
    }

    pub(crate) fn spend_signed(mut self, coin: &Spendable, key: Key, form: Form) -> Self {
        self.inputs
            .push((coin.clone(), u32::MAX, Unlock::Sign(key, form)));
        self
    }

    /// Sets the sequence number of the last input.
    pub(crate) fn sequence(mut self, sequence: u32) -> Self {
        self.inputs.last_mut().expect("an input").1 = sequence;
        self
    }

    pub(crate) fn pay(mut self, value: i64, script_pubkey: Script) -> Self {
        self.outputs.push(TxOut {
            value: sat(value),
            script_pubkey,
        });
        self
    }

    pub(crate) fn build(self) -> Transaction {
        let blank = |(coin, sequence, _): &(Spendable, u32, Unlock)| TxIn {
            prevout: coin.outpoint,
            script_sig: Script::default(),
            sequence: *sequence,
            witness: Witness::EMPTY,
        };
        let mut inputs: Vec<TxIn> = self.inputs.iter().map(blank).collect();
        let unsigned = Transaction::new(
            self.version,
            inputs.clone(),
            self.outputs.clone(),
            self.lock_time,
        );
        let spent = self
            .inputs
            .iter()
            .map(|(coin, ..)| coin.output.clone())
            .collect();
        let context = SpendContext::new(&unsigned, spent);
        for (index, ((.., unlock), input)) in self.inputs.iter().zip(&mut inputs).enumerate() {
            (input.script_sig, input.witness) = unlock.bytes(&context, index);
        }
        Transaction::new(self.version, inputs, self.outputs, self.lock_time)
    }
}

impl Unlock {
    fn bytes(&self, context: &SpendContext<'_>, index: usize) -> (Script, Witness) {
        let (key, form) = match self {
            Self::With(script, witness) => return (script.clone(), witness.clone()),
            Self::Sign(key, form) => (key, *form),
        };
        let code = key.script_code();
        if form == Form::P2tr {
            let digest = taproot_sighash(context, index, 0, &TaprootSpend::default());
            let signature = key.sign_schnorr(digest.expect("a known hash type"));
            return (Script::default(), Witness::from_items(&[signature]));
        }
        if form == Form::P2pkh {
            let digest = legacy_sighash(context, index, code.as_bytes(), 1);
            let pushes = ScriptBuilder::new()
                .push(&key.sign_ecdsa(digest))
                .push(&key.public());
            return (pushes.into_script(), Witness::EMPTY);
        }
        let digest = segwit_v0_sighash(context, index, code.as_bytes(), 1);
        let witness = Witness::from_items(&[key.sign_ecdsa(digest), key.public()]);
        let redeem = key.redeem_script();
        let script_sig = ScriptBuilder::new().push(redeem.as_bytes()).into_script();
        let is_nested = form == Form::P2shP2wpkh;
        (
            if is_nested {
                script_sig
            } else {
                Script::default()
            },
            witness,
        )
    }
}
