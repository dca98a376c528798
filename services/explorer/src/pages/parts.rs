//! The parts that several pages show: rows of transactions, tiles of blocks.

use synod_primitives::{Transaction, TxOut, hex};
use synod_script::{Asm, esplora_type};
use synod_seal::{StakeKind, StakeProgram};

use super::html::{self, Html};
use super::words::Words;
use crate::explore::{Outspend, Place, TxView};
use crate::http::esplora::body::{address_of, inner_scripts};
use crate::http::state::Explorer;
use crate::store::BlockRecord;
use crate::text;

/// The weight that a block may have, and that of one with its coinbase alone.
const MAX_WEIGHT: f64 = 4_000_000.0;
const LEAST_WEIGHT: f64 = 700.0;
/// Bytes of a script or data that a page shows; the raw link has the rest.
const MAX_SHOWN: usize = 2_000;

/// How deep a block of the active chain lies: final where the engine says so, confirmations
/// where there is no such thing or not yet.
pub(crate) fn depth(explorer: &Explorer, height: u32, tip: u32, t: &Words) -> Html {
    let confirmations = text::grouped(u64::from(tip.saturating_sub(height)) + 1);
    match explorer.follower.final_height() {
        None => html::badge("quiet", &format!("{}: {confirmations}", t.confirmations)),
        Some(last) if height <= last => html::badge("ok", &format!("✓ {}", t.is_final)),
        Some(_) => html::badge("pending", &format!("◔ {} · {confirmations}", t.not_final)),
    }
}

/// A row in a list of transactions.
pub(crate) struct TxRow {
    pub(crate) link: Html,
    pub(crate) value: Html,
    pub(crate) rate: String,
    pub(crate) size: String,
    pub(crate) place: Html,
}

impl TxRow {
    pub(crate) fn of(view: &TxView, now: i64, t: &Words) -> Self {
        let is_coinbase = view.transaction.is_coinbase();
        let place = match view.place {
            Place::Confirmed { number, .. } => {
                let height = text::grouped(u64::from(number.height()));
                Html::raw(format!(
                    "<a href=\"/block/{}\">{height}</a>",
                    number.height()
                ))
            }
            Place::Mempool { seen_at } => html::moment(seen_at, now, t),
            Place::Stale => html::badge("stale", t.stale),
        };
        Self {
            link: html::link("tx", &view.transaction.txid().to_string()),
            value: html::amount(view.output_sat()),
            rate: if is_coinbase {
                "–".to_owned()
            } else {
                text::rate(view.fee_rate())
            },
            size: text::grouped(view.transaction.weight().vsize()),
            place,
        }
    }

    pub(crate) fn list(views: &[TxView], now: i64, t: &Words) -> Vec<Self> {
        views.iter().map(|view| Self::of(view, now, t)).collect()
    }
}

impl TxRow {
    /// Rows for a page where the place is known: the fee stands in its stead.
    pub(crate) fn list_with_fees(views: &[TxView], now: i64, t: &Words) -> Vec<Self> {
        let rows = views.iter().map(|view| {
            let is_coinbase = view.transaction.is_coinbase();
            let place = if is_coinbase {
                html::badge("new", t.new_coins)
            } else {
                html::amount(view.fee_sat)
            };
            Self {
                place,
                ..Self::of(view, now, t)
            }
        });
        rows.collect()
    }
}

/// A tile in the strip of blocks.
pub(crate) struct Tile {
    pub(crate) href: String,
    pub(crate) height: String,
    pub(crate) tx_count: String,
    pub(crate) size: String,
    pub(crate) when: Html,
    /// How full the block is on a scale of powers, 4 to 100: blocks of test networks are small.
    pub(crate) fill: u64,
    pub(crate) level: &'static str,
}

impl Tile {
    pub(crate) fn of(record: &BlockRecord, now: i64, t: &Words) -> Self {
        let vsize = record.weight.div_ceil(4);
        let rate = record.fees_sat as f64 / vsize.max(1) as f64;
        Self {
            href: format!("/block/{}", record.hash),
            height: text::grouped(u64::from(record.height)),
            tx_count: text::grouped(u64::from(record.tx_count)),
            size: text::bytes(record.size),
            when: html::moment(i64::from(record.header.time), now, t),
            fill: fill(record.weight),
            level: level(rate),
        }
    }
}

/// How high a tile is filled for a weight, from 4 to 100: on a scale of powers, since the blocks
/// of test networks would look empty beside the limit.
pub(crate) fn fill(weight: u64) -> u64 {
    let share = (weight as f64 / LEAST_WEIGHT).ln() / (MAX_WEIGHT / LEAST_WEIGHT).ln();
    text::whole(share * 100.0).clamp(4, 100)
}

/// The colour of a fee rate in sat/vB.
pub(crate) fn level(rate: f64) -> &'static str {
    match rate {
        ..2.0 => "l0",
        ..5.0 => "l1",
        ..12.0 => "l2",
        ..30.0 => "l3",
        ..80.0 => "l4",
        _ => "l5",
    }
}

/// A fact: what, and its value.
pub(crate) struct Fact {
    pub(crate) name: &'static str,
    pub(crate) value: Html,
}

/// A fact whose value is text that is to be escaped.
#[expect(
    clippy::needless_pass_by_value,
    reason = "callers hand in what they made for it"
)]
pub(crate) fn fact(name: &'static str, value: impl ToString) -> Fact {
    Fact {
        name,
        value: Html::raw(html::escape(&value.to_string())),
    }
}

/// A fact whose value is a long text of hex or the like.
#[expect(
    clippy::needless_pass_by_value,
    reason = "callers hand in what they made for it"
)]
pub(crate) fn mono(name: &'static str, value: impl ToString) -> Fact {
    let value = html::escape(&value.to_string());
    Fact {
        name,
        value: Html::raw(format!(
            "<span class=\"mono wrap\" data-copy>{value}</span>"
        )),
    }
}

/// A fact whose value is HTML.
pub(crate) fn rich(name: &'static str, value: Html) -> Fact {
    Fact { name, value }
}

/// An input as the transaction page shows it.
pub(crate) struct InputItem {
    pub(crate) index: usize,
    pub(crate) who: Html,
    pub(crate) from: Html,
    pub(crate) value: Option<Html>,
    pub(crate) facts: Vec<Fact>,
}

impl InputItem {
    pub(crate) fn list(view: &TxView, t: &Words) -> Vec<Self> {
        let inputs = view
            .transaction
            .inputs()
            .iter()
            .zip(&view.prevouts)
            .enumerate();
        inputs
            .map(|(index, (input, prevout))| {
                let is_coinbase = view.transaction.is_coinbase();
                let who = match prevout {
                    _ if is_coinbase => html::badge("new", t.new_coins),
                    Some(output) => owner(output, t),
                    None => Html::raw("?"),
                };
                let from = if is_coinbase {
                    Html::default()
                } else {
                    let (txid, vout) = (input.prevout.txid.to_string(), input.prevout.vout);
                    let short = html::short(&txid);
                    Html::raw(format!(
                        "<a href=\"/tx/{txid}#output-{vout}\">{short}:{vout}</a>"
                    ))
                };
                Self {
                    index,
                    who,
                    from,
                    value: prevout
                        .as_ref()
                        .map(|output| html::amount(output.value.sat())),
                    facts: input_facts(input, prevout.as_ref(), is_coinbase, t),
                }
            })
            .collect()
    }
}

fn input_facts(
    input: &synod_primitives::TxIn,
    prevout: Option<&TxOut>,
    is_coinbase: bool,
    t: &Words,
) -> Vec<Fact> {
    let mut facts = vec![mono(t.sequence, format!("0x{:08x}", input.sequence))];
    if is_coinbase {
        facts.push(fact(
            t.coinbase_text,
            text::printable(input.script_sig.as_bytes()),
        ));
    }
    if let Some(output) = prevout {
        facts.push(fact(
            t.script_type,
            esplora_type(output.script_pubkey.as_bytes()),
        ));
        facts.push(mono(t.locking, asm(output.script_pubkey.as_bytes())));
    }
    if !input.script_sig.is_empty() && !is_coinbase {
        facts.push(mono(t.unlocking, asm(input.script_sig.as_bytes())));
    }
    let inner = inner_scripts(input, prevout);
    facts.extend(
        inner
            .redeem
            .map(|script| mono(t.redeem_script, asm(&script))),
    );
    facts.extend(
        inner
            .witness
            .map(|script| mono(t.witness_script, asm(&script))),
    );
    if !input.witness.is_empty() {
        let items = input.witness.iter().map(|item| {
            format!(
                "<li class=\"mono wrap\">{}</li>",
                if item.is_empty() {
                    "∅".to_owned()
                } else {
                    shown_hex(item)
                }
            )
        });
        let list = format!("<ol class=\"items\">{}</ol>", items.collect::<String>());
        facts.push(rich(t.witness, Html::raw(list)));
    }
    facts
}

/// An output as the transaction page shows it.
pub(crate) struct OutputItem {
    pub(crate) index: usize,
    pub(crate) who: Html,
    pub(crate) value: Html,
    pub(crate) state: Html,
    /// Data that the output carries, when it is text.
    pub(crate) note: Option<String>,
    pub(crate) facts: Vec<Fact>,
}

impl OutputItem {
    pub(crate) fn list(view: &TxView, spends: &[Option<Outspend>], t: &Words) -> Vec<Self> {
        let outputs = view.transaction.outputs().iter().zip(spends).enumerate();
        outputs
            .map(|(index, (output, spend))| {
                let script = output.script_pubkey.as_bytes();
                let data = op_return_data(script);
                let mut facts = vec![
                    fact(t.value, html::sats(output.value.sat())),
                    fact(t.script_type, esplora_type(script)),
                    mono(t.script, asm(script)),
                    mono(t.hex, shown_hex(script)),
                ];
                let note = data.as_deref().and_then(text::readable).map(str::to_owned);
                if let Some(data) = &data {
                    facts.push(mono(t.op_return, shown_hex(data)));
                }
                Self {
                    index,
                    who: owner(output, t),
                    value: html::amount(output.value.sat()),
                    state: output_state(view, script, spend.as_ref(), t),
                    note,
                    facts,
                }
            })
            .collect()
    }
}

/// Says whom the stake of an output stands for; `None` where it holds none.
pub(crate) fn stake_fact(script: &[u8], t: &Words) -> Option<Fact> {
    let program = StakeProgram::of_script(script)?;
    let words = match program.kind {
        StakeKind::Bonded => t.stake_bonded,
        StakeKind::Unbonding => t.stake_unbonding,
    };
    let delegate = html::link("validator", &program.delegate.to_string());
    Some(rich(
        t.stake,
        Html::raw(format!("{} {delegate}", html::escape(words))),
    ))
}

fn output_state(view: &TxView, script: &[u8], spend: Option<&Outspend>, t: &Words) -> Html {
    if synod_script::is_unspendable(script) {
        return html::badge("quiet", t.unspendable);
    }
    match spend {
        Some(spend) => {
            let (txid, words) = (spend.txid, html::escape(t.spent));
            let vin = spend.vin;
            let pending = matches!(spend.place, Place::Mempool { .. });
            let class = if pending { "pending" } else { "spent" };
            Html::raw(format!(
                "<a class=\"badge {class}\" href=\"/tx/{txid}#input-{vin}\" title=\"{txid}\">{words} →</a>"
            ))
        }
        None if view.place == Place::Stale => html::badge("stale", t.stale),
        None => html::badge("ok", t.unspent),
    }
}

/// Who holds an output: its address, or the kind of its script.
fn owner(output: &TxOut, t: &Words) -> Html {
    let script = output.script_pubkey.as_bytes();
    if let Some(address) = address_of(script) {
        return html::link("address", &address);
    }
    let kind = esplora_type(script);
    if kind == "op_return" {
        return html::badge("data", t.op_return);
    }
    let key = hex::encode(synod_primitives::sha256(script));
    Html::raw(format!(
        "<a class=\"badge quiet\" href=\"/scripthash/{key}\">{kind}</a>"
    ))
}

/// Writes a script as text, as much of it as a page shows.
fn asm(script: &[u8]) -> String {
    let text = Asm(&script[..script.len().min(MAX_SHOWN)]).to_string();
    if script.len() > MAX_SHOWN {
        format!("{text} …")
    } else {
        text
    }
}

fn shown_hex(bytes: &[u8]) -> String {
    let text = hex::encode(&bytes[..bytes.len().min(MAX_SHOWN)]);
    if bytes.len() > MAX_SHOWN {
        format!("{text}…")
    } else {
        text
    }
}

/// Joins the data that an OP_RETURN output pushes.
pub(crate) fn op_return_data(script: &[u8]) -> Option<Vec<u8>> {
    let [0x6a, pushes @ ..] = script else {
        return None;
    };
    let mut data = Vec::new();
    for instruction in synod_script::Instructions::new(pushes) {
        data.extend_from_slice(instruction.ok()?.data);
    }
    Some(data)
}

/// Says what a transaction's lock time means.
pub(crate) fn lock_time(transaction: &Transaction, t: &Words) -> String {
    /// Lock times from here on are times, below they are heights.
    const FIRST_TIME: u32 = 500_000_000;
    let lock = transaction.lock_time();
    let is_final = transaction
        .inputs()
        .iter()
        .all(|input| input.sequence == u32::MAX);
    match lock {
        0 => t.no_lock.to_owned(),
        lock if is_final => format!("{lock} ({})", t.lock_off),
        lock if lock < FIRST_TIME => {
            format!("{} {}", t.lock_height, text::grouped(u64::from(lock)))
        }
        lock => format!("{} {}", t.lock_until, text::utc_time(i64::from(lock))),
    }
}
