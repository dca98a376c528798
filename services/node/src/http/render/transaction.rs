//! Transactions with what their inputs spend.

use synod_api::node::{
    InputBody, PrevoutBody, TransactionBlock, TransactionBody, TransactionOutputBody,
};
use synod_api::{AmountSat, HexBytes};
use synod_ledger::Coin;
use synod_primitives::{Amount, Transaction, TxIn, TxOut};
use synod_script::ScriptType;

use super::{address, amount, narrow, prevout, satoshis, txid, wtxid};

/// Where a transaction stands.
#[derive(Clone, Debug, Default)]
pub(crate) struct Standing {
    /// Its block on the active chain.
    pub(crate) block: Option<TransactionBlock>,
    /// Blocks of the active chain from that one on.
    pub(crate) confirmations: u32,
    /// Whether that block can never be reverted.
    pub(crate) is_final: bool,
    /// Whether it waits in the mempool.
    pub(crate) in_mempool: bool,
}

/// What a transaction's inputs spend, as far as known.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spent {
    /// The outputs, in the order of the inputs; empty where nothing is known.
    pub(crate) prevouts: Vec<Option<PrevoutBody>>,
    /// The fee, where all outputs are known.
    pub(crate) fee: Option<AmountSat>,
}

impl Spent {
    /// Takes all coins that a transaction spends; a coinbase transaction spends none and has no
    /// fee.
    pub(crate) fn coins(transaction: &Transaction, coins: &[Coin]) -> Self {
        let show = |coin: &Coin| Some(prevout(coin.value, coin.script_pubkey.as_bytes()));
        let values = coins.iter().map(|coin| coin.value);
        let is_coinbase = transaction.is_coinbase();
        Self {
            prevouts: coins.iter().map(show).collect(),
            fee: (!is_coinbase).then(|| satoshis(fee(values, transaction))),
        }
    }
}

/// Returns the fee in satoshis: what goes in, less what comes out.
pub(crate) fn fee(spent: impl Iterator<Item = Amount>, transaction: &Transaction) -> u64 {
    let outputs = transaction.outputs().iter().map(|output| output.value);
    sum(spent).saturating_sub(sum(outputs))
}

/// Correctness: all coins of a chain together are in the money range, so the sum stays exact.
fn sum(amounts: impl Iterator<Item = Amount>) -> u64 {
    amounts
        .map(Amount::to_sat_unsigned)
        .fold(0, u64::saturating_add)
}

/// Shows a transaction.
pub(crate) fn transaction(
    transaction: &Transaction,
    spent: Spent,
    standing: Standing,
) -> TransactionBody {
    let weight = transaction.weight();
    let prevouts = spent.prevouts.into_iter().chain(std::iter::repeat(None));
    TransactionBody {
        txid: txid(transaction.txid()),
        wtxid: wtxid(transaction.wtxid()),
        version: transaction.version(),
        lock_time: transaction.lock_time(),
        size: narrow(transaction.size() as u64),
        vsize: narrow(weight.vsize()),
        weight: narrow(weight.0),
        fee_sat: spent.fee,
        inputs: transaction
            .inputs()
            .iter()
            .zip(prevouts)
            .map(input)
            .collect(),
        outputs: transaction.outputs().iter().map(output).collect(),
        block: standing.block,
        confirmations: standing.confirmations,
        is_final: standing.is_final,
        in_mempool: standing.in_mempool,
        raw: None,
    }
}

fn input((input, prevout): (&TxIn, Option<PrevoutBody>)) -> InputBody {
    InputBody {
        txid: txid(input.prevout.txid),
        vout: input.prevout.vout,
        script_sig: HexBytes::from(input.script_sig.as_bytes()),
        sequence: input.sequence,
        witness: input.witness.iter().map(HexBytes::from).collect(),
        prevout,
    }
}

fn output(output: &TxOut) -> TransactionOutputBody {
    let script = output.script_pubkey.as_bytes();
    TransactionOutputBody {
        value_sat: amount(output.value),
        script_pubkey: HexBytes::from(script),
        script_type: ScriptType::of(script).core_name().to_owned(),
        address: address(script),
    }
}

#[cfg(test)]
mod tests {
    use synod_primitives::{Height, OutPoint, Script, Txid, Witness};

    use super::*;

    fn spending(outpoint: OutPoint, sat: i64) -> Transaction {
        let input = TxIn {
            prevout: outpoint,
            script_sig: Script::new(vec![0x51]),
            sequence: 5,
            witness: Witness::EMPTY,
        };
        let output = TxOut {
            value: Amount::from_sat(sat),
            script_pubkey: Script::new(vec![0x51]),
        };
        Transaction::new(2, vec![input], vec![output], 0)
    }

    #[test]
    fn the_fee_is_what_goes_in_less_what_comes_out() {
        let spends = spending(OutPoint::new(Txid::from_bytes([1; 32]), 0), 900);
        let output = &spending(OutPoint::NULL, 1000).outputs()[0].clone();
        let coin = Coin::new(output, Height(1), false);
        let spent = Spent::coins(&spends, &[coin]);
        let body = transaction(&spends, spent, Standing::default());
        assert_eq!(body.fee_sat.map(AmountSat::to_sat), Some(100));
        assert_eq!(
            body.inputs[0]
                .prevout
                .as_ref()
                .map(|it| it.value_sat.to_sat()),
            Some(1000)
        );
    }

    #[test]
    fn a_coinbase_transaction_has_no_fee_and_unknown_inputs_stay_open() {
        let coinbase = spending(OutPoint::NULL, 900);
        let body = transaction(&coinbase, Spent::coins(&coinbase, &[]), Standing::default());
        assert_eq!((body.fee_sat, &body.inputs[0].prevout), (None, &None));
        let spends = spending(OutPoint::new(Txid::from_bytes([1; 32]), 0), 900);
        let body = transaction(&spends, Spent::default(), Standing::default());
        assert_eq!((body.fee_sat, body.inputs.len()), (None, 1));
    }
}
