//! What a block's seal says: who made it, for which slot.

use synod_primitives::Transaction;
use synod_seal::{Mode, Seal, find_seal};

use super::html::{self, Html};
use super::parts::{Fact, fact, mono, rich};
use super::words::Words;
use crate::text;

/// Returns the facts of the seal in a block's coinbase; none where there is no seal.
pub(super) fn facts(coinbase: &Transaction, t: &Words) -> Vec<Fact> {
    find_seal(coinbase).map_or_else(|_| Vec::new(), |seal| of_seal(&seal, t))
}

fn of_seal(seal: &Seal, t: &Words) -> Vec<Fact> {
    let delegate = seal.key.delegate_hash().to_string();
    if seal.mode == Mode::Bootstrap {
        return vec![
            fact(t.proposer, t.bootstrap_key),
            mono(t.sealing_key, seal.key),
        ];
    }
    let mut facts = vec![
        rich(t.proposer, html::link("validator", &delegate)),
        fact(t.slot, text::grouped(seal.slot.0)),
        mono(t.sealing_key, seal.key),
    ];
    if seal.mode == Mode::Dpos {
        for (name, height) in [
            (t.prevoted, seal.prevoted.0),
            (t.previously_sealed, seal.previously_sealed.0),
        ] {
            let shown = text::grouped(u64::from(height));
            let link = Html::raw(format!("<a href=\"/block/{height}\">{shown}</a>"));
            facts.push(rich(name, link));
        }
    }
    let votes = seal.sections.votes().count();
    if votes > 0 {
        facts.push(fact(t.votes_carried, votes));
    }
    facts
}
