//! Nodes, the wires between them, and their clock.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use synod_chainspec::ChainSpec;
use synod_engine::{Input, Millis, Output, PeerId, TimerId};
use synod_mempool::Options;
use synod_node_core::{Admission, Durability, FoundWork, Node, Offer};
use synod_primitives::{
    Amount, Block, OutPoint, Script, Transaction, TxIn, TxOut, Witness, sha256,
};
use synod_script::template;
use synod_seal::find_seal;
use synod_testkit::{Author, Bond, SealedSpec, Signer, open_in_memory};

use super::peer::{Peer, Sent};
use super::{Plan, Report, Way};

/// When the bootstrap begins, in seconds since 1970.
const START: u32 = 1_800_000_000;
/// The mean time between blocks, which is the preset's slot, in milliseconds.
const SLOT_MS: u64 = 2000;
/// The time between two payments in milliseconds.
const PAYMENT_MS: u64 = 500;
/// How long the network runs before the first payment, in milliseconds.
const WARM_UP_MS: u64 = 60_000;
/// How long after the last payment a run ends at the latest, in milliseconds.
const PATIENCE_MS: u64 = 1_200_000;
/// Satoshis of each payment.
const COIN: i64 = 1_000_000;
/// Blocks of proof of work before the clock starts, so that one coinbase is mature.
const POW_BLOCKS: u32 = 101;

#[derive(Clone)]
enum Packet {
    Block(Arc<Block>),
    Transaction(Transaction),
    Engine(Bytes),
}

enum Event {
    Deliver {
        to: usize,
        from: usize,
        packet: Packet,
    },
    Timer {
        node: usize,
        id: TimerId,
    },
    /// Somebody finds a block, under proof of work.
    Find,
    Pay(u32),
}

/// A network that is played.
pub(super) struct Network {
    plan: Plan,
    way: Way,
    author: Author,
    peers: Vec<Peer>,
    events: BTreeMap<(u64, u64), Event>,
    sequence: u64,
    now: u64,
    random: u64,
    coins: Vec<OutPoint>,
    signatures: u64,
    vote_bytes: u64,
}

/// What anybody can spend, and a mempool relays.
fn witness_script() -> Vec<u8> {
    vec![0x51, 0x75, 0x51]
}

fn payout() -> Script {
    template::p2wsh(&sha256(&witness_script()))
}

/// Spends an output that pays to [`payout`].
fn spend(prevout: OutPoint, outputs: Vec<TxOut>) -> Transaction {
    let input = TxIn {
        prevout,
        script_sig: Script::default(),
        sequence: 0xffff_fffd,
        witness: Witness::from_items(&[witness_script()]),
    };
    Transaction::new(2, vec![input], outputs, 0)
}

fn output(sat: i64) -> TxOut {
    TxOut {
        value: Amount::from_sat(sat),
        script_pubkey: payout(),
    }
}

fn spec_of(plan: &Plan, way: Way) -> Result<ChainSpec> {
    let (engine, settings) = match way {
        Way::Pow => return Ok(ChainSpec::preset("regtest")?),
        Way::Pos => ("pos", String::new()),
        Way::Dpos => ("dpos", format!("seats = {}", plan.nodes)),
    };
    let bonds = (1..=plan.nodes).map(|seed| Bond {
        seed,
        amount_sat: 5_000_000_000,
    });
    let spec = SealedSpec {
        engine,
        rules: "coinbase_maturity = 1".to_owned(),
        settings,
        time: START,
        blocks: u32::from(plan.nodes) + 2,
        bonds: bonds.collect(),
    };
    Ok(spec.spec())
}

impl Network {
    /// Starts the nodes with one coin for each payment.
    pub(super) fn new(plan: &Plan, way: Way, seed: u64) -> Result<Self> {
        let spec = spec_of(plan, way)?;
        let seeds: Vec<u8> = (1..=plan.nodes).collect();
        let author = Author::new(spec, &seeds).paying_to(payout());
        let mut first = open_in_memory(&author.spec, START.into());
        let (blocks, now) = if way == Way::Pow {
            let mined = (1..=POW_BLOCKS).map(|height| mine(&mut first, u64::from(START + height)));
            (
                mined.collect::<Result<Vec<_>>>()?,
                u64::from(START + POW_BLOCKS),
            )
        } else {
            (author.bootstrap(&mut first), author.slot_time(0))
        };
        let peers = seeds
            .iter()
            .map(|_| open_in_memory(&author.spec, START.into()));
        let mut network = Self {
            plan: *plan,
            way,
            peers: peers.map(Peer::new).collect(),
            author,
            events: BTreeMap::new(),
            sequence: 0,
            now: now * 1000,
            random: sha256(&seed.to_le_bytes())[..8]
                .iter()
                .fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
            coins: Vec::new(),
            signatures: 0,
            vote_bytes: 0,
        };
        for index in 0..network.peers.len() {
            for block in &blocks {
                network.submit(index, block)?;
            }
        }
        network.fund(&blocks)?;
        Ok(network)
    }

    /// Splits a coinbase that has no bond into one coin for each payment.
    fn fund(&mut self, blocks: &[Block]) -> Result<()> {
        let block = match self.way {
            Way::Pow => blocks.first(),
            Way::Pos | Way::Dpos => blocks.get(usize::from(self.plan.nodes)),
        };
        let coinbase = &block.context("a bootstrap has blocks")?.transactions()[0];
        let index = coinbase.outputs().iter().position(|it| {
            it.script_pubkey == payout() && it.value.sat() > COIN * i64::from(self.plan.payments)
        });
        let index = u32::try_from(index.context("a coinbase pays")?)?;
        let outputs = vec![output(COIN); self.plan.payments as usize];
        let fan = spend(coinbase.outpoint(index), outputs);
        self.coins = (0..self.plan.payments).map(|it| fan.outpoint(it)).collect();
        for index in 0..self.peers.len() {
            self.admit(index, &fan)?;
        }
        Ok(())
    }

    /// Plays until all payments are final.
    pub(super) fn play(mut self) -> Result<Report> {
        let start = self.now;
        for index in 0..self.peers.len() {
            let seed = u8::try_from(index + 1)?;
            let outputs = self.peers[index].node.chain_mut().take_outputs();
            self.carry_out(index, outputs)?;
            let keys = Input::Keys(vec![Signer::new(seed).public()]);
            self.tell(index, keys)?;
        }
        if self.way == Way::Pow {
            self.at(start + 1, Event::Find);
        }
        let first_payment = start + WARM_UP_MS;
        for payment in 0..self.plan.payments {
            let at = first_payment + u64::from(payment) * PAYMENT_MS;
            self.at(at, Event::Pay(payment));
        }
        let last = first_payment + u64::from(self.plan.payments) * PAYMENT_MS;
        let mut from = None;
        while let Some(((at, _), event)) = self.events.pop_first() {
            self.now = at;
            if at >= first_payment && from.is_none() {
                from = Some(self.peers[0].node.view().height.0);
                (self.signatures, self.vote_bytes) = (0, 0);
            }
            self.happen(event)?;
            if at > last && self.peers.iter().all(Peer::is_done) {
                return self.report(from.unwrap_or(0));
            }
            ensure!(
                at < last + PATIENCE_MS,
                "payments are not final after {PATIENCE_MS} ms"
            );
        }
        bail!("nothing happens any more")
    }

    fn happen(&mut self, event: Event) -> Result<()> {
        match event {
            Event::Deliver { to, from, packet } => match packet {
                Packet::Block(block) => self.submit(to, &block),
                Packet::Transaction(transaction) => self.admit(to, &transaction),
                Packet::Engine(bytes) => {
                    let from = PeerId(from as u64);
                    self.tell(to, Input::Message { from, bytes })
                }
            },
            Event::Timer { node, id } => self.tell(node, Input::Timer(id)),
            Event::Find => self.find(),
            Event::Pay(payment) => self.pay(payment),
        }
    }

    fn pay(&mut self, payment: u32) -> Result<()> {
        let sender = payment as usize % self.peers.len();
        let coin = self.coins[payment as usize];
        let transaction = spend(coin, vec![output(COIN - 10_000)]);
        let sent = Sent::new(self.now);
        self.peers[sender].sent.insert(transaction.txid(), sent);
        self.admit(sender, &transaction)?;
        self.send(sender, &Packet::Transaction(transaction));
        Ok(())
    }

    /// Lets a random node find a block, and says when the next one is found.
    fn find(&mut self) -> Result<()> {
        let nodes = self.peers.len() as u64;
        let finder = usize::try_from(self.roll() % nodes)?;
        let block = mine(&mut self.peers[finder].node, self.now / 1000)?;
        self.peers[finder].look(self.now)?;
        self.send(finder, &Packet::Block(Arc::new(block)));
        let wait = self.wait_for_work();
        self.at(self.now + wait, Event::Find);
        Ok(())
    }

    /// Draws the milliseconds until the next block is found: each of them may be the one.
    fn wait_for_work(&mut self) -> u64 {
        let mut waited = 1;
        while !self.roll().is_multiple_of(SLOT_MS) {
            waited += 1;
        }
        waited
    }

    /// The next number of a small generator (xorshift64, Marsaglia 2003).
    fn roll(&mut self) -> u64 {
        let state = &mut self.random;
        *state |= 1 << 63;
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        *state
    }

    fn at(&mut self, at: u64, event: Event) {
        self.sequence += 1;
        self.events.insert((at, self.sequence), event);
    }

    fn send(&mut self, from: usize, packet: &Packet) {
        for to in (0..self.peers.len()).filter(|it| *it != from) {
            let least = self.plan.delay_ms / 10;
            let delay = least + self.roll() % (self.plan.delay_ms - least).max(1);
            let packet = packet.clone();
            self.at(self.now + delay, Event::Deliver { to, from, packet });
        }
    }

    fn admit(&mut self, index: usize, transaction: &Transaction) -> Result<()> {
        let offer = Offer {
            transaction: transaction.clone(),
            options: Options::default(),
            from: synod_mempool::PeerId(0),
        };
        let now = self.now / 1000;
        let node = &mut self.peers[index].node;
        let admission = node.submit_transactions(&[offer], now)?.remove(0);
        if let Admission::Rejected(rejected) = admission {
            // A block may have come before the payment that it holds.
            let late = ["txn-already-known", "bad-txns-inputs-missingorspent"];
            let is_late = late.contains(&rejected.code());
            ensure!(rejected.is_known() || is_late, "{rejected}");
        }
        self.peers[index].look(self.now)
    }

    fn submit(&mut self, index: usize, block: &Block) -> Result<()> {
        let now = self.now / 1000;
        let peer = &mut self.peers[index];
        let raws = [block.raw().clone()];
        let verdicts = peer.node.submit_blocks(&raws, now, Durability::Deferred)?;
        for verdict in verdicts {
            verdict.map_err(|refusal| anyhow::anyhow!("a node's block is refused: {refusal}"))?;
        }
        peer.look(self.now)?;
        let outputs = peer.node.chain_mut().take_outputs();
        self.carry_out(index, outputs)
    }

    fn tell(&mut self, index: usize, input: Input) -> Result<()> {
        let outputs = self.peers[index].node.handle(Millis(self.now), input)?;
        self.peers[index].look(self.now)?;
        self.carry_out(index, outputs)
    }

    fn carry_out(&mut self, index: usize, outputs: Vec<Output>) -> Result<()> {
        for output in outputs {
            match output {
                Output::SetTimer { id, at } => {
                    self.at(at.0.max(self.now), Event::Timer { node: index, id });
                }
                Output::BuildBlock(proposal) => {
                    let node = &self.peers[index].node;
                    let block = self.author.build(node, &proposal, self.now / 1000);
                    self.signatures += 1;
                    let template = Input::Template {
                        request: proposal.request,
                        block: Box::new(block.context("every key is known")?),
                    };
                    self.tell(index, template)?;
                }
                Output::SignVote { key, link } => {
                    let vote = self.author.vote(key, link).context("every key is known")?;
                    self.signatures += 1;
                    self.tell(index, Input::Voted(vote))?;
                }
                Output::CheckBlock(block) => {
                    self.submit(index, &block)?;
                    self.send(index, &Packet::Block(Arc::new(*block)));
                }
                Output::Broadcast(bytes) => {
                    self.vote_bytes += bytes.len() as u64 * (self.peers.len() as u64 - 1);
                    self.send(index, &Packet::Engine(bytes));
                }
                Output::Misbehaviour(_) | Output::Punish(_) => bail!("an honest node is accused"),
                _ => {}
            }
        }
        Ok(())
    }

    fn report(mut self, from: u32) -> Result<Report> {
        let mut report = Report {
            signatures: self.signatures,
            vote_bytes: self.vote_bytes,
            ..Report::default()
        };
        for sent in self.peers.iter().flat_map(|it| it.sent.values()) {
            let included = sent.included_at().context("it is final")?;
            report.inclusion_ms.push(included - sent.at);
            let settled = sent.final_at().context("it is final")?;
            report.finality_ms.push(settled - sent.at);
        }
        let node = &mut self.peers[0].node;
        let tree = node.chain().tree();
        let heights = from + 1..=node.view().height.0;
        let hashes: Vec<_> = heights
            .filter_map(|height| tree.active_at(height.into()))
            .map(|id| tree.entry(id).record.hash)
            .collect();
        for hash in hashes {
            let block = node.chain_mut().block(hash)?;
            report.blocks += 1;
            report.block_bytes += block.size() as u64;
            report.sealed_bytes += sealed_bytes(&block);
        }
        Ok(report)
    }
}

/// Returns the bytes of a block that only agreement needs: seal, reveal and votes.
fn sealed_bytes(block: &Block) -> u64 {
    let Some(Ok(seal)) = block.transactions().first().map(find_seal) else {
        return 0;
    };
    seal.encode().len() as u64
}

/// Finds a block on a node's tip, whose target every other nonce meets.
fn mine(node: &mut Node, now: u64) -> Result<Block> {
    let template = node.template(payout(), now);
    let target = template.bits.to_target().context("a target")?;
    let mut work = FoundWork {
        extra_nonce: [0; 8],
        time: template.time,
        nonce: 0,
        version: None,
    };
    while !target.is_met_by(template.header(&work).block_hash()) {
        work.nonce += 1;
    }
    let block = template.assemble(&work);
    let raws = [block.raw().clone()];
    for verdict in node.submit_blocks(&raws, now, Durability::Deferred)? {
        verdict.map_err(|refusal| anyhow::anyhow!("a mined block is refused: {refusal}"))?;
    }
    Ok(block)
}
