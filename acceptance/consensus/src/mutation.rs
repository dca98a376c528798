//! Small damage to scripts, transactions and what they spend.

use synod_primitives::{Amount, Script, Transaction, TxIn, Witness};

use crate::judge::Case;
use crate::random::Random;

/// Changes, inserts or removes one byte of a script, or inserts an opcode.
pub fn mutate_script(random: &mut Random, script: &[u8]) -> Vec<u8> {
    let mut script = script.to_vec();
    if script.is_empty() {
        return vec![random.byte()];
    }
    let at = random.below(script.len());
    match random.below(5) {
        0 => script[at] = random.byte(),
        1 => script[at] ^= 1 << random.below(8),
        2 => script.insert(at, 0x4f + random.byte() % 0x6c),
        3 => script.push(random.byte()),
        _ => drop(script.remove(at)),
    }
    script
}

/// Damages a case in one to three places; now and then not at all.
pub fn mutate(random: &mut Random, case: &Case) -> Case {
    let mut parts = Parts {
        version: case.tx.version(),
        lock_time: case.tx.lock_time(),
        inputs: case.tx.inputs().to_vec(),
        case: case.clone(),
    };
    for _ in 0..random.below(3) {
        parts.damage(random);
    }
    let outputs = case.tx.outputs().to_vec();
    Case {
        tx: Transaction::new(parts.version, parts.inputs, outputs, parts.lock_time),
        spent: parts.case.spent,
    }
}

struct Parts {
    version: i32,
    lock_time: u32,
    inputs: Vec<TxIn>,
    case: Case,
}

impl Parts {
    fn damage(&mut self, random: &mut Random) {
        let index = random.below(self.inputs.len());
        let input = &mut self.inputs[index];
        let spent = &mut self.case.spent[index];
        match random.below(14) {
            0 => self.version ^= 1 << random.below(32),
            1 => self.lock_time ^= 1 << random.below(32),
            2 => input.sequence ^= 1 << random.below(32),
            3 => spent.value = Amount::from_sat((random.bits() >> 1) as i64),
            4 => {
                let script = mutate_script(random, spent.script_pubkey.as_bytes());
                spent.script_pubkey = Script::new(script);
            }
            5 | 6 => {
                let script = mutate_script(random, input.script_sig.as_bytes());
                input.script_sig = Script::new(script);
            }
            _ => {
                let items = input.witness.iter().map(<[u8]>::to_vec).collect();
                input.witness = Witness::from_items(&damage_items(random, items));
            }
        }
    }
}

fn damage_items(random: &mut Random, mut items: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let at = random.below(items.len() + 1);
    if at == items.len() || random.once_in(8) {
        let length = random.pick(&[0, 1, 1, 20, 32, 64, 65, 520, 521]);
        let noise = random.bytes(length);
        let extra = random.pick(&[vec![], vec![1], vec![0x50], noise]);
        items.insert(at, extra);
        return items;
    }
    match random.below(8) {
        0 => drop(items.remove(at)),
        1 => items[at].clear(),
        2 => items[at].push(random.byte()),
        3 => drop(items[at].pop()),
        4 => {
            let copy = items[at].clone();
            items.insert(at, copy);
        }
        5 => {
            let other = random.below(items.len());
            items.swap(at, other);
        }
        _ => items[at] = mutate_script(random, &items[at]),
    }
    items
}
