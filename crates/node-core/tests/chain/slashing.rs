//! Stake that has something to lose, over whole chains: planted equivocators, and stake that
//! leaves.

use synod_engine::{Input, Millis, Output, TimerId};
use synod_ledger::StakeTag;
use synod_mempool::{Options, PeerId};
use synod_node_core::{Admission, Node, Offer, Placement};
use synod_primitives::{Amount, Block, Height, OutPoint, Script, Transaction, TxOut};
use synod_script::template;
use synod_seal::{Evidence, StakeKind, StakeProgram, find_seal};
use synod_testkit::{Author, Bond, Owner, SealedSpec, Signer, slash, submit};

use crate::kit::{Disk, coins_after_flush, open, open_spec};

const START: u32 = 1_800_000_000;
const BOND: u64 = 5_000_000_000;
/// Slots of an epoch, or seats of a round.
const EPOCH: u64 = 4;
/// Blocks for which stake that leaves stays slashable.
const UNBONDING: u64 = 24;
const FEE: i64 = 10_000;
/// The seed of the one who does wrong, or leaves.
const SUBJECT: u8 = 2;

/// Coinbases are spent soon, so that bonds of the bootstrap can be.
const QUICK: &str = "coinbase_maturity = 1";

/// Four bonds of the same size; the subject's is in block 2.
fn author(engine: &'static str, rules: &str) -> Author {
    let length = if engine == "pos" {
        "epoch_slots"
    } else {
        "seats"
    };
    let spec = SealedSpec {
        engine,
        rules: rules.to_owned(),
        settings: format!("{length} = {EPOCH}\nunbonding_blocks = {UNBONDING}"),
        time: START,
        blocks: 4,
        bonds: [1, SUBJECT, 3, 4]
            .map(|seed| Bond {
                seed,
                amount_sat: BOND,
            })
            .to_vec(),
    };
    Author::new(spec.spec(), &[1, SUBJECT, 3, 4])
}

/// A chain whose blocks are played slot by slot.
struct Chain {
    author: Author,
    disk: Disk,
    node: Node,
    slot: u64,
    bond: (OutPoint, TxOut),
    /// All blocks but the genesis block, in order.
    blocks: Vec<Block>,
}

impl Chain {
    fn new(engine: &'static str) -> Self {
        Self::with_rules(engine, QUICK)
    }

    fn with_rules(engine: &'static str, rules: &str) -> Self {
        let author = author(engine, rules);
        let disk = Disk::default();
        let mut node = open_spec(&author.spec, &disk);
        let bootstrap = author.bootstrap(&mut node);
        let coinbase = &bootstrap[1].transactions()[0];
        let bond = (coinbase.outpoint(1), coinbase.outputs()[1].clone());
        Self {
            author,
            disk,
            node,
            slot: 0,
            bond,
            blocks: bootstrap,
        }
    }

    fn next(&mut self) -> Vec<Block> {
        self.slot += 1;
        let blocks = self.author.run_slot(&mut self.node, self.slot);
        self.blocks.extend(blocks.iter().cloned());
        blocks
    }

    fn run(&mut self, slots: u64) -> Vec<Block> {
        (0..slots).flat_map(|_| self.next()).collect()
    }

    fn now(&self) -> u64 {
        self.author.slot_time(self.slot)
    }

    /// The key that leads the next slot has a twin that seals another block for it.
    fn twin(&self) -> Option<Block> {
        let mut copy = open_spec(&self.author.spec, &Disk::of(self.disk.lock().clone()));
        let at = Millis::from_seconds(self.author.slot_time(self.slot + 1));
        let key = Signer::new(SUBJECT).public();
        let inputs = [
            Input::Keys(vec![key]),
            Input::Timer(TimerId(0)),
            Input::Timer(TimerId(1)),
        ];
        let outputs = inputs.map(|input| copy.handle(at, input).expect("storage works"));
        let proposal = outputs
            .into_iter()
            .flatten()
            .find_map(|output| match output {
                Output::BuildBlock(proposal) => Some(proposal),
                _ => None,
            })?;
        let other = Author::new(self.author.spec.clone(), &[SUBJECT]).paying(2);
        other.build(&copy, &proposal, at.seconds())
    }

    /// Plays on until the subject has sealed twice; returns what the node makes of it.
    fn equivocate(&mut self) -> Evidence {
        let patience = self.slot + 60;
        let twin = loop {
            if let Some(twin) = self.twin() {
                break twin;
            }
            self.next();
            assert!(self.slot < patience, "the subject never leads");
        };
        assert_eq!(self.next().len(), 1);
        drop(self.node.chain_mut().take_outputs());
        let now = self.now();
        submit(&mut self.node, &twin, now).expect("valid by itself");
        let outputs = self.node.chain_mut().take_outputs();
        let evidence = outputs.into_iter().find_map(|output| match output {
            Output::Misbehaviour(evidence) => Some(*evidence),
            _ => None,
        });
        evidence.expect("it is noticed at once")
    }

    fn offer(&mut self, transaction: &Transaction) -> Result<(), String> {
        let offer = Offer {
            transaction: transaction.clone(),
            options: Options::default(),
            from: PeerId(0),
        };
        let now = self.now();
        let admissions = self.node.submit_transactions(&[offer], now);
        match admissions.expect("storage works").remove(0) {
            Admission::Accepted(_) => Ok(()),
            Admission::Held(rejected) | Admission::Rejected(rejected) => {
                Err(rejected.code().to_owned())
            }
        }
    }

    fn has(&mut self, transaction: &Transaction, index: u32) -> bool {
        let outpoint = transaction.outpoint(index);
        self.node.coin(outpoint).expect("storage works").is_some()
    }

    /// How many of these blocks the subject has sealed.
    fn made_by_subject(blocks: &[Block]) -> usize {
        let key = Signer::new(SUBJECT).public();
        let by = |block: &&Block| find_seal(&block.transactions()[0]).expect("sealed").key == key;
        blocks.iter().filter(by).count()
    }
}

fn program(kind: StakeKind) -> StakeProgram {
    StakeProgram {
        kind,
        owner: Owner::new(SUBJECT).hash(),
        delegate: Signer::new(SUBJECT).public().delegate_hash(),
    }
}

fn output(script: Script, sat: i64) -> TxOut {
    TxOut {
        value: Amount::from_sat(sat),
        script_pubkey: script,
    }
}

/// What slashing an output pays: the burned part, the rest that stays bound, and the reporter's
/// reward less the fee.
fn penalty_outputs(amount: i64, is_whole: bool) -> Vec<TxOut> {
    let penalty = if is_whole { amount } else { (amount + 1) / 2 };
    let reward = penalty / 64;
    let mut outputs = vec![output(Script::new(vec![0x6a]), penalty - reward)];
    if penalty < amount {
        let rest = program(StakeKind::Bonded).slashed();
        outputs.push(output(rest.script(), amount - penalty));
    }
    outputs.push(output(template::p2wpkh(&[9; 20]), reward - FEE));
    outputs
}

#[test]
fn a_planted_equivocator_is_slashed_within_an_epoch_its_reporter_paid_and_its_key_out() {
    for engine in ["pos", "dpos"] {
        let mut chain = Chain::new(engine);
        chain.run(3);
        let evidence = chain.equivocate();
        let caught_at = chain.slot;
        let amount = i64::try_from(BOND).expect("small");
        let outputs = penalty_outputs(amount, engine == "dpos");
        let report = slash(std::slice::from_ref(&chain.bond), &evidence, &outputs);
        chain.offer(&report).expect("anybody may report it");
        let blocks = chain.next();
        assert!(
            blocks[0]
                .transactions()
                .iter()
                .any(|it| it.txid() == report.txid())
        );
        assert!(
            chain.slot - caught_at <= EPOCH,
            "on the chain within an epoch"
        );
        let bond = chain.bond.0;
        assert!(
            chain.node.coin(bond).expect("storage works").is_none(),
            "the bond is cut"
        );
        let reward = u32::try_from(outputs.len() - 1).expect("few");
        assert!(chain.has(&report, reward), "the reporter is paid");
        // The same evidence is worth nothing a second time: what is left has no delegate.
        if engine == "pos" {
            let rest = (report.outpoint(1), outputs[1].clone());
            let again = penalty_outputs(outputs[1].value.sat(), false);
            let again = slash(&[rest], &evidence, &again);
            assert!(chain.offer(&again).is_err());
        }
        // Seats and leaders that were fixed before have two epochs left, in which a guilty
        // delegate's blocks are refused.
        chain.author = Author::new(chain.author.spec.clone(), &[1, 3, 4]);
        let rest = (2 * EPOCH + EPOCH) - chain.slot % EPOCH;
        chain.run(rest);
        let blocks = chain.run(8 * EPOCH);
        assert_eq!(
            blocks.len() as u64,
            8 * EPOCH,
            "nobody waits for it any more"
        );
        assert_eq!(Chain::made_by_subject(&blocks), 0);
        let chain_end = chain.node.view();
        let lag = chain_end.height.0 - chain_end.finalized.expect("final").height.0;
        assert!(u64::from(lag) <= 3 * EPOCH, "{lag}");
    }
}

#[test]
fn s17_who_unbonds_signs_no_more_is_slashed_within_its_window_and_free_after_it() {
    let mut chain = Chain::new("pos");
    chain.run(2);
    let evidence = chain.equivocate();
    // Before anybody reports it, the owner takes its stake out.
    let amount = i64::try_from(BOND).expect("small");
    let unbonding = output(program(StakeKind::Unbonding).script(), amount - FEE);
    let bond = chain.bond.clone();
    let owner = Owner::new(SUBJECT);
    let leave = owner.spend(&[bond], std::slice::from_ref(&unbonding), StakeTag::Unbond);
    chain.offer(&leave).expect("whoever wants to may leave");
    chain.next();
    assert!(chain.has(&leave, 0));
    // Two epochs later it leads no slot, and a block that it seals all the same is refused.
    let rest = 3 * EPOCH - chain.slot % EPOCH;
    chain.run(rest);
    let blocks = chain.run(2 * EPOCH);
    assert_eq!(blocks.len() as u64, 2 * EPOCH);
    assert_eq!(Chain::made_by_subject(&blocks), 0);
    assert!(chain.twin().is_none(), "its engine is not asked either");
    let signed = {
        let last = blocks.last().expect("some");
        let mut seal = find_seal(&last.transactions()[0]).expect("sealed");
        let signer = Signer::new(SUBJECT);
        seal.slot = synod_seal::Slot(chain.slot + 1);
        seal.key = signer.public();
        let time = u32::try_from(chain.author.slot_time(chain.slot + 1)).expect("in range");
        let template = chain.author.template(&chain.node, Some(time), time.into());
        signer.seal(&template, &seal, &chain.author.spec.chain_id().0)
    };
    let now = chain.now() + 10;
    let refusal = submit(&mut chain.node, &signed, now).expect_err("it has no slot");
    assert_eq!(refusal.code, "bad-seal-proposer");
    // The evidence still counts: half of what unbonds is gone.
    let coin = (leave.outpoint(0), unbonding.clone());
    let outputs = penalty_outputs(unbonding.value.sat(), false);
    let report = slash(&[coin], &evidence, &outputs);
    chain.offer(&report).expect("it is within its window");
    chain.next();
    assert!(!chain.has(&leave, 0) && chain.has(&report, 1) && chain.has(&report, 2));
    // What is left is free when its own time is over, and not a block before.
    let rest = (report.outpoint(1), outputs[1].clone());
    let free = output(template::p2wpkh(&[8; 20]), rest.1.value.sat() - FEE);
    let take = owner.spend(&[rest], &[free], StakeTag::Withdraw);
    chain.run(UNBONDING - 2);
    assert_eq!(chain.offer(&take), Err("bad-stake-locked".to_owned()));
    chain.next();
    chain.offer(&take).expect("its time is over");
    chain.next();
    assert!(chain.has(&take, 0), "coins like any other");
    assert_eq!(
        chain.node.view().height,
        Height(4 + u32::try_from(chain.slot).expect("small"))
    );
}

#[test]
fn every_block_of_a_sealed_chain_is_valid_under_cores_regtest() {
    for engine in ["pos", "dpos"] {
        // The preset's own rules, so a bond of the bootstrap can be slashed when it is mature.
        let mut chain = Chain::with_rules(engine, "");
        chain.run(104);
        let evidence = chain.equivocate();
        let amount = i64::try_from(BOND).expect("small");
        let outputs = penalty_outputs(amount, engine == "dpos");
        let report = slash(std::slice::from_ref(&chain.bond), &evidence, &outputs);
        chain.offer(&report).expect("anybody may report it");
        // Another one leaves, and takes its stake out.
        let owner = Owner::new(1);
        let coinbase = &chain.blocks[0].transactions()[0];
        let bond = (coinbase.outpoint(1), coinbase.outputs()[1].clone());
        let unbonding = StakeProgram {
            kind: StakeKind::Unbonding,
            owner: owner.hash(),
            delegate: Signer::new(1).public().delegate_hash(),
        };
        let unbonding = output(unbonding.script(), amount - FEE);
        let leave = owner.spend(&[bond], std::slice::from_ref(&unbonding), StakeTag::Unbond);
        chain.offer(&leave).expect("whoever wants to may leave");
        let free = output(template::p2wpkh(&[8; 20]), unbonding.value.sat() - FEE);
        let coin = (leave.outpoint(0), unbonding);
        let take = owner.spend(&[coin], &[free], StakeTag::Withdraw);
        let patience = chain.slot + 8 * UNBONDING;
        while chain.offer(&take).is_err() {
            chain.next();
            assert!(chain.slot < patience, "its time is never over");
        }
        chain.run(24);
        assert!(
            chain.has(&take, 0) && chain.blocks.len() > 150,
            "past a halving"
        );

        let now = chain.now();
        let disk = Disk::default();
        let mut core = open(&disk);
        for block in &chain.blocks {
            let placement = submit(&mut core, block, now);
            assert_eq!(placement.map_err(|it| it.code), Ok(Placement::Active));
        }
        assert_eq!(core.view().hash, chain.node.view().hash);
        let sealed = coins_after_flush(&mut chain.node, &chain.disk);
        assert_eq!(coins_after_flush(&mut core, &disk), sealed, "{engine}");
    }
}
