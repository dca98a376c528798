//! Sealed chains: what their coinbases must show, and how blocks change the stake.

use synod_chainspec::genesis_block;
use synod_ledger::{
    BlockContext, BlockError, BlockUndo, CheckedBlock, CoinsCache, ConnectError, HashKey, Lookup,
    MedianTimes, NoSignatureCache, Rules, Scripts, StakeTag, Workers, connect_block,
    disconnect_block, height_script, median_time_past, stake_change, witness_commitment,
    witness_commitment_script,
};
use synod_ledger::{StakeRules, chain_id_script};
use synod_primitives::{
    Block, Header, Height, MerkleRoot, OutPoint, Script, Transaction, TxIn, TxOut, Witness,
};
use synod_seal::{
    Mode, SEALED_BITS, Seal, Sections, Slot, StakeChange, StakeKind, StakeProgram, StakeTable,
    UnsealedHeader,
};

use crate::kit::{BOND, Delegate, Owner, Spend, burn, output, payment, program, spec, stake};

struct Times(Vec<u32>);

impl MedianTimes for Times {
    fn median_time_past(&self, height: Height) -> u32 {
        median_time_past(&self.0[..=height.0 as usize])
    }
}

/// A chain under the preset `sealed`, with the stake of its tip.
struct Chain {
    rules: Rules,
    coins: CoinsCache,
    blocks: Vec<(Block, BlockUndo)>,
    table: StakeTable,
}

/// What a block is made of.
struct Draft {
    mode: Mode,
    slot: Slot,
    time: u32,
    outputs: Vec<TxOut>,
    transactions: Vec<Transaction>,
}

impl Chain {
    fn new() -> Self {
        Self {
            rules: Rules::from(&spec("pos")),
            coins: CoinsCache::new(HashKey::new(1, 2)),
            blocks: vec![(genesis_block(), BlockUndo::default())],
            table: StakeTable::default(),
        }
    }

    /// A chain at the end of its bootstrap.
    fn bootstrapped() -> Self {
        let mut chain = Self::new();
        while chain.next_height() <= chain.stake().bootstrap_height {
            let block = chain.seal(&chain.draft());
            chain.connect(&block).expect("a bootstrap block is valid");
        }
        chain
    }

    fn stake(&self) -> &StakeRules {
        self.rules.stake.as_ref().expect("an engine with stake")
    }

    fn next_height(&self) -> Height {
        Height(u32::try_from(self.blocks.len()).expect("a short chain"))
    }

    fn draft(&self) -> Draft {
        let height = self.next_height();
        let stake = self.stake();
        let is_bootstrap = height <= stake.bootstrap_height;
        let start = stake.start_time - stake.bootstrap_height.0;
        let slot = if is_bootstrap {
            height.0
        } else {
            height.0 - stake.bootstrap_height.0
        };
        let slot = Slot(slot.into());
        let mut outputs = stake.bootstrap_outputs(height);
        outputs.push(output(Script::new(vec![0x51]), 0));
        if let Some(id) = self.rules.chain_id_output.filter(|_| height == Height(1)) {
            outputs.push(output(chain_id_script(&id), 0));
        }
        Draft {
            mode: if is_bootstrap {
                Mode::Bootstrap
            } else {
                Mode::Pos
            },
            slot,
            time: if is_bootstrap {
                start + height.0
            } else {
                stake.slot_time(slot).expect("a near slot")
            },
            outputs,
            transactions: Vec::new(),
        }
    }

    /// Gives the draft's coinbase what the outputs leave of the subsidy, and seals it.
    fn seal(&self, draft: &Draft) -> Block {
        let delegate = Delegate::of_text("synod/sealed/validator/1");
        let template = self.template(draft);
        let seal = Seal {
            mode: draft.mode,
            slot: draft.slot,
            round: 0,
            previously_sealed: Height(0),
            prevoted: Height(0),
            reveal: [0; 32],
            key: delegate.key(),
            signature: [0; 64],
            sections: Sections::default(),
        };
        let unsealed = UnsealedHeader::of_block(&template, &seal).expect("a template");
        let signature = delegate.sign(unsealed.digest(&self.stake().chain_id));
        unsealed.seal_block(&template, signature).expect("a nonce")
    }

    fn template(&self, draft: &Draft) -> Block {
        let height = self.next_height();
        let input = |witness| TxIn {
            prevout: OutPoint::NULL,
            script_sig: Script::new([height_script(height).as_bytes(), &[0]].concat()),
            sequence: u32::MAX,
            witness,
        };
        let build = |commitment: &[u8; 32]| {
            let mut outputs = draft.outputs.clone();
            outputs.push(output(witness_commitment_script(commitment), 0));
            let nonce = Witness::from_items(&[[0; 32]]);
            let coinbase = Transaction::new(2, vec![input(nonce)], outputs, 0);
            let header = Header {
                version: 0x2000_0000,
                previous_block_hash: self.blocks.last().expect("genesis").0.hash(),
                merkle_root: MerkleRoot::ZERO,
                time: draft.time,
                bits: SEALED_BITS,
                nonce: 0,
            };
            let others = draft.transactions.iter().cloned();
            Block::new(header, std::iter::once(coinbase).chain(others).collect())
        };
        let root = build(&[0; 32]).witness_root().hash;
        build(&witness_commitment(&root, &[0; 32]))
    }

    fn connect(&mut self, block: &Block) -> Result<StakeChange, BlockError> {
        let height = self.next_height();
        let times = Times(self.blocks.iter().map(|(it, _)| it.header().time).collect());
        let parent = height.previous().expect("above the genesis block");
        let context = BlockContext {
            height,
            parent_median_time: times.median_time_past(parent),
        };
        let checked = CheckedBlock::validate(block)?.in_context(context, &self.rules)?;
        for outpoint in self.coins.missing_outpoints(block, &self.rules) {
            self.coins.insert_fetched(outpoint, None);
        }
        let scripts = Scripts::Verify {
            workers: Workers::CallingThread,
            cache: &NoSignatureCache,
        };
        let connected = connect_block(&checked, &times, &mut self.coins, &self.rules, &scripts);
        let undo = match connected {
            Ok(connected) => connected.undo,
            Err(ConnectError::Invalid(error)) => return Err(error),
            Err(error) => panic!("{error}"),
        };
        let change = stake_change(block, &undo, height, self.stake()).expect("its own undo data");
        self.table.apply(&change).expect("the chain's own change");
        self.blocks.push((block.clone(), undo));
        Ok(change)
    }

    fn code(&mut self, draft: &Draft) -> Option<&'static str> {
        let block = self.seal(draft);
        self.connect(&block).err().map(|error| error.code())
    }

    /// Connects a block with these transactions.
    fn add(&mut self, transactions: Vec<Transaction>) -> StakeChange {
        let draft = Draft {
            transactions,
            ..self.draft()
        };
        let block = self.seal(&draft);
        self.connect(&block).expect("a valid block")
    }

    fn spend(&self, outpoints: &[OutPoint], outputs: Vec<TxOut>) -> Spend {
        let coin = |outpoint: &OutPoint| match self.coins.lookup(outpoint) {
            Lookup::Coin(coin) => (*outpoint, coin.clone()),
            Lookup::Absent | Lookup::Unknown => panic!("no coin at {outpoint}"),
        };
        Spend {
            coins: outpoints.iter().map(coin).collect(),
            outputs,
        }
    }

    fn first_bond(&self) -> OutPoint {
        self.blocks[1].0.transactions()[0].outpoint(1)
    }
}

fn preset_program(kind: StakeKind) -> StakeProgram {
    let delegate = Delegate::of_text("synod/sealed/validator/1");
    program(kind, &Owner::of_preset(), &delegate)
}

#[test]
fn the_bootstrap_makes_the_specs_bond_and_the_table_shows_it() {
    let chain = Chain::bootstrapped();
    let coins: Vec<_> = chain.table.coins().collect();
    let [(outpoint, coin)] = coins[..] else {
        panic!("the preset has one bond");
    };
    assert_eq!(*outpoint, chain.first_bond());
    assert_eq!(coin.program, preset_program(StakeKind::Bonded));
    assert_eq!((coin.amount.sat(), coin.height), (BOND, Height(1)));
    assert_eq!(
        coin.anchor,
        Some(spec("pos").consensus.bootstrap_seal.expect("sealed").bonds[0].anchor)
    );
}

#[test]
fn a_bootstrap_coinbase_makes_its_bond_and_no_other() {
    let mut chain = Chain::new();
    let mut draft = chain.draft();
    draft.outputs.swap(0, 1);
    assert_eq!(chain.code(&draft), Some("bad-cb-bond"));
    let mut draft = chain.draft();
    draft.outputs[1].value = synod_primitives::Amount::from_sat(BOND - 1);
    assert_eq!(chain.code(&draft), Some("bad-cb-bond"));
    let mut draft = chain.draft();
    draft
        .outputs
        .push(stake(preset_program(StakeKind::Bonded), 0));
    assert_eq!(chain.code(&draft), Some("bad-cb-stake"));
    let draft = chain.draft();
    assert_eq!(chain.code(&draft), None);
    let mut draft = chain.draft();
    draft
        .outputs
        .push(stake(preset_program(StakeKind::Unbonding), 0));
    assert_eq!(chain.code(&draft), Some("bad-cb-stake"));
}

#[test]
fn sealed_blocks_are_in_their_slot_and_mode() {
    let mut chain = Chain::new();
    let wrong = Draft {
        slot: Slot(2),
        ..chain.draft()
    };
    assert_eq!(chain.code(&wrong), Some("bad-seal-slot"));
    let wrong = Draft {
        mode: Mode::Pos,
        ..chain.draft()
    };
    assert_eq!(chain.code(&wrong), Some("bad-seal-mode"));
    let mut chain = Chain::bootstrapped();
    let good = chain.draft();
    for time in [good.time - 1, good.time + 1, good.time + 2] {
        let wrong = Draft {
            time,
            ..chain.draft()
        };
        assert_eq!(chain.code(&wrong), Some("bad-seal-slot"), "{time}");
    }
    let wrong = Draft {
        slot: Slot(0),
        time: good.time - 2,
        ..chain.draft()
    };
    assert_eq!(chain.code(&wrong), Some("bad-seal-slot"));
    for mode in [Mode::Bootstrap, Mode::Dpos] {
        let wrong = Draft {
            mode,
            ..chain.draft()
        };
        assert_eq!(chain.code(&wrong), Some("bad-seal-mode"));
    }
    assert_eq!(chain.code(&good), None);
}

#[test]
fn a_block_without_a_seal_or_with_another_nonce_is_refused() {
    let mut chain = Chain::bootstrapped();
    let unsealed = chain.template(&chain.draft());
    let root = MerkleRoot::from_bytes(unsealed.merkle_root().hash);
    let header = Header {
        merkle_root: root,
        ..*unsealed.header()
    };
    let unsealed = Block::new(header, unsealed.transactions().to_vec());
    let code = chain.connect(&unsealed).err().map(|it| it.code());
    assert_eq!(code, Some("bad-seal-push"));
    let block = chain.seal(&chain.draft());
    let header = Header {
        nonce: block.header().nonce + 1,
        ..*block.header()
    };
    let moved = Block::new(header, block.transactions().to_vec());
    let code = chain.connect(&moved).err().map(|it| it.code());
    assert_eq!(code, Some("bad-seal-nonce"));
}

#[test]
fn stake_moves_out_over_blocks_and_every_step_is_undone() {
    let mut chain = Chain::bootstrapped();
    // The bond's coinbase is mature since block 101.
    let bond = chain.first_bond();
    let before = chain.table.clone();
    let unbond = chain
        .spend(
            &[bond],
            vec![stake(preset_program(StakeKind::Unbonding), BOND)],
        )
        .signed(&Owner::of_preset(), StakeTag::Unbond);
    let change = chain.add(vec![unbond.clone()]);
    assert_eq!((change.spent, change.created.len()), (vec![bond], 0));
    assert!(chain.table.is_empty());
    let unbonding = unbond.outpoint(0);
    let withdraw = chain
        .spend(&[unbonding], vec![payment(BOND)])
        .signed(&Owner::of_preset(), StakeTag::Withdraw);
    let early = Draft {
        transactions: vec![withdraw.clone()],
        ..chain.draft()
    };
    assert_eq!(chain.code(&early), Some("bad-stake-locked"));
    for _ in 0..255 {
        chain.add(Vec::new());
    }
    let change = chain.add(vec![withdraw]);
    assert_eq!(
        change,
        StakeChange::default(),
        "unbonding stake has not counted"
    );
    // Back to the block before the unbonding.
    let mut changes = Vec::new();
    while chain.next_height() > Height(144) {
        let (block, undo) = chain.blocks.pop().expect("a block");
        let height = chain.next_height();
        disconnect_block(&block, height, &undo, &mut chain.coins).expect("the tip");
        changes.push(stake_change(&block, &undo, height, chain.stake()).expect("its undo data"));
    }
    assert!(matches!(chain.coins.lookup(&bond), Lookup::Coin(_)));
    let last = changes.pop().expect("the block that unbonds");
    assert_eq!(last.spent, vec![bond], "the same change again");
    let mut table = before.clone();
    let undo = table.apply(&last).expect("it fits");
    table.undo(undo);
    assert_eq!(table, before);
}

#[test]
fn a_slashed_bond_is_gone_and_its_delegate_is_guilty_for_ever() {
    let mut chain = Chain::bootstrapped();
    let delegate = Delegate::of_text("synod/sealed/validator/1");
    let evidence = delegate.double_vote(&chain.stake().chain_id);
    let penalty = BOND / 2;
    let reward = penalty / 64;
    let rest = preset_program(StakeKind::Bonded).slashed();
    let outputs = vec![
        burn(penalty - reward),
        stake(rest, penalty),
        payment(reward),
    ];
    let slash = chain
        .spend(&[chain.first_bond()], outputs)
        .slashing(&evidence);
    let change = chain.add(vec![slash.clone()]);
    assert_eq!(change.guilty, vec![delegate.hash()]);
    assert!(chain.table.is_empty() && chain.table.is_guilty(&delegate.hash()));
    // The same evidence again, against what is left.
    let again = chain
        .spend(&[slash.outpoint(1)], vec![burn(penalty)])
        .slashing(&evidence);
    let draft = Draft {
        transactions: vec![again],
        ..chain.draft()
    };
    assert_eq!(chain.code(&draft), Some("bad-stake-tag"));
}

#[test]
fn a_bond_that_is_made_and_spent_in_one_block_was_never_there() {
    let mut chain = Chain::bootstrapped();
    let owner = Owner::of_preset();
    let unbond = chain
        .spend(
            &[chain.first_bond()],
            vec![stake(preset_program(StakeKind::Unbonding), BOND)],
        )
        .signed(&owner, StakeTag::Unbond);
    chain.add(vec![unbond.clone()]);
    for _ in 0..255 {
        chain.add(Vec::new());
    }
    let delegate = Delegate::new(8);
    let bonded = program(StakeKind::Bonded, &owner, &delegate);
    let bond = chain
        .spend(&[unbond.outpoint(0)], vec![stake(bonded, BOND)])
        .signed(&owner, StakeTag::Withdraw);
    let made = TxOut {
        value: synod_primitives::Amount::from_sat(BOND),
        script_pubkey: bonded.script(),
    };
    let again = Spend {
        coins: vec![(
            bond.outpoint(0),
            synod_ledger::Coin::new(&made, chain.next_height(), false),
        )],
        outputs: vec![stake(bonded.unbonding(), BOND)],
    };
    let again = again.signed(&owner, StakeTag::Unbond);
    let change = chain.add(vec![bond, again]);
    assert!(change.is_empty(), "{change:?}");
}
