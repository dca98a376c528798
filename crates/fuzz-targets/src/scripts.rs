//! Scripts, signatures and the interpreter.

use synod_primitives::{Amount, OutPoint, Script, Transaction, TxIn, TxOut, Txid, Witness};
use synod_script::{
    Address, Asm, Deferred, Flags, Immediate, Instructions, Network, ScriptType, SpendContext,
    count_sigops, esplora_type, is_unspendable, redeem_script, solve, transaction_sigop_cost,
    verify_input, witness_program,
};
use synod_sigcheck::{Check, verify, verify_batch};

use crate::Input;

/// The most items of a witness here.
const MAX_ITEMS: u8 = 16;

/// Looking at a script never fails, and its address leads back to it.
pub(crate) fn script(bytes: &[u8]) {
    let mut instructions = Instructions::new(bytes);
    let mut position = 0;
    for read in instructions.by_ref() {
        let Ok(read) = read else { break };
        let _ = read.is_minimal_push();
    }
    assert!(instructions.position() <= bytes.len());
    for read in Instructions::new(bytes).map_while(Result::ok) {
        position += 1 + read.data.len();
        assert!(position <= bytes.len());
    }
    let _ = Asm(bytes).to_string();
    let kind = ScriptType::of(bytes);
    assert_eq!(solve(bytes).script_type(), kind);
    assert!(!kind.core_name().is_empty() && !esplora_type(bytes).is_empty());
    assert!(count_sigops(bytes, true) <= count_sigops(bytes, false));
    let _ = (is_unspendable(bytes), redeem_script(bytes));
    if let Some(program) = witness_program(bytes) {
        assert!((2..=40).contains(&program.program.len()));
    }
    if let Some(address) = Address::from_script(bytes) {
        assert_eq!(address.script_pubkey().as_bytes(), bytes);
        for network in Network::ALL {
            let text = address.format(network);
            assert_eq!(Address::parse(&text, network).as_ref(), Ok(&address));
        }
    }
}

/// A check that can be queued has one verdict, alone and in a batch.
pub(crate) fn signature(bytes: &[u8]) {
    let mut input = Input(bytes);
    let digest = input.array();
    let key = input.sized();
    let signature = input.sized();
    let message = input.0;
    let checks = [
        Check::ecdsa(key, signature, digest),
        Check::schnorr(key, signature, digest),
        Check::schnorr_bytes(key, signature, message),
    ];
    for check in checks.into_iter().flatten() {
        let verdict = verify(&check);
        let batch = [check.clone(), check];
        assert_eq!(verify_batch(&batch).is_ok(), verdict);
    }
}

/// The interpreter has one verdict on any spend, whether signatures are checked at once or
/// later.
pub(crate) fn interpreter(bytes: &[u8]) {
    let (transaction, spent, flags) = spend(bytes);
    let context = SpendContext::new(&transaction, vec![spent.clone()]);
    let at_once = verify_input(&context, 0, flags, &mut Immediate);
    let mut deferred = Deferred::default();
    let later = verify_input(&context, 0, flags, &mut deferred);
    let is_valid_later = later.is_ok() && deferred.queue.iter().all(verify);
    assert_eq!(is_valid_later, at_once.is_ok());
    let _ = transaction_sigop_cost(&transaction, &vec![spent], flags);
}

/// Reads a spend out of any bytes: flags, transaction, witness, locking and unlocking script.
#[must_use]
pub fn spend(bytes: &[u8]) -> (Transaction, TxOut, Flags) {
    let mut input = Input(bytes);
    let flags = Flags::from_bits(u32::from_le_bytes(input.array())) | Flags::P2SH;
    // Taproot and what is built on it means nothing without witnesses.
    let flags = flags | Flags::WITNESS;
    let version = i32::from_le_bytes(input.array());
    let sequence = u32::from_le_bytes(input.array());
    let lock_time = u32::from_le_bytes(input.array());
    let value = Amount::from_sat(i64::from(u32::from_le_bytes(input.array())));
    let items = input.byte() % MAX_ITEMS;
    let items: Vec<&[u8]> = (0..items).map(|_| input.sized()).collect();
    let locking = Script::new(input.sized().to_vec());
    let unlocking = Script::new(input.0.to_vec());
    let spent = TxOut {
        value,
        script_pubkey: locking,
    };
    let spending = TxIn {
        prevout: OutPoint::new(Txid::from_bytes([1; 32]), 0),
        script_sig: unlocking,
        sequence,
        witness: Witness::from_items(&items),
    };
    let transaction = Transaction::new(version, vec![spending], vec![spent.clone()], lock_time);
    (transaction, spent, flags)
}
