//! A node of a chain with proof of stake: blocks from templates, votes, finality, restarts.

use synod_chainspec::ChainSpec;
use synod_engine::{Input, Millis, Output, Proposal, TimerId};
use synod_node_core::{Durability, Event, FoundWork, Node, NodeError, Placement, Refusal};
use synod_primitives::{Block, BlockHash, Height, hex};
use synod_seal::{HashChain, Mode, Seal, SealKey, Sections, Slot, UnsealedHeader, Vote};

use crate::kit::{Disk, free, open_spec, start_of};

const START: u32 = 1_800_000_000;
/// The preset's seconds of a slot.
const SLOT_S: u64 = 2;
const EPOCH: u64 = 4;

/// A sealing key.
pub(crate) struct Signer {
    key: k256::schnorr::SigningKey,
    pub(crate) chain: HashChain,
}

impl Signer {
    pub(crate) fn new(seed: u8) -> Self {
        let key = k256::schnorr::SigningKey::from_slice(&[seed; 32]);
        Self {
            key: key.expect("a valid secret"),
            chain: HashChain::new([seed; 32], 512).expect("a chain"),
        }
    }

    pub(crate) fn public(&self) -> SealKey {
        SealKey(self.key.verifying_key().to_bytes().into())
    }

    fn sign(&self, digest: [u8; 32]) -> [u8; 64] {
        self.key
            .sign_raw(&digest, &[0; 32])
            .expect("signs")
            .to_bytes()
    }

    pub(crate) fn seal(&self, template: &Block, seal: &Seal, spec: &ChainSpec) -> Block {
        let unsealed = UnsealedHeader::of_block(template, seal).expect("a template");
        let signature = self.sign(unsealed.digest(&spec.chain_id().0));
        unsealed.seal_block(template, signature).expect("a nonce")
    }
}

pub(crate) fn bootstrap_signer() -> Signer {
    Signer::new(0xb0)
}

/// One validator, so that this node alone makes blocks final.
fn spec() -> ChainSpec {
    let validator = Signer::new(1);
    let text = format!(
        "base = \"sealed\"\nname = \"test\"\n[pos]\nepoch_slots = {EPOCH}\n[bootstrap]\ntime = {START}\nblocks = 3\nkey = \"{}\"\n[[bootstrap.bonds]]\nowner = \"{}\"\ndelegate = \"{}\"\nanchor = \"{}\"\namount_sat = 5000000000\n",
        hex::encode(bootstrap_signer().public().0),
        "01".repeat(20),
        validator.public().delegate_hash(),
        hex::encode(validator.chain.anchor()),
    );
    ChainSpec::parse(&text).expect("a spec")
}

/// The block that a template is without its seal.
pub(crate) fn unsealed(node: &Node, time: Option<u32>, now: u64) -> Block {
    let template = node.template(free(1), now);
    let start = start_of(&template);
    template.assemble(&FoundWork {
        time: time.unwrap_or(start.time),
        ..start
    })
}

pub(crate) fn submit(node: &mut Node, block: &Block, now: u64) -> Result<Placement, Refusal> {
    let raws = [block.raw().clone()];
    let verdicts = node.submit_blocks(&raws, now, Durability::Synced);
    let verdict = verdicts.expect("storage works").remove(0);
    verdict.map(|it| it.placement)
}

/// A chain at the end of its bootstrap.
fn bootstrapped(disk: &Disk) -> Node {
    let spec = spec();
    let mut node = open_spec(&spec, disk);
    for height in 1..=3u32 {
        let now = u64::from(START + height);
        let template = unsealed(&node, None, now);
        let seal = Seal {
            mode: Mode::Bootstrap,
            slot: Slot(height.into()),
            round: 0,
            previously_sealed: Height(0),
            prevoted: Height(0),
            reveal: [0; 32],
            key: bootstrap_signer().public(),
            signature: [0; 64],
            sections: Sections::default(),
        };
        let block = bootstrap_signer().seal(&template, &seal, &spec);
        assert_eq!(submit(&mut node, &block, now), Ok(Placement::Active));
    }
    node
}

/// Builds and seals what the engine has asked for.
fn build(node: &Node, proposal: &Proposal, now: u64) -> Block {
    let validator = Signer::new(1);
    let mut seal = proposal.seal.clone();
    seal.reveal = validator
        .chain
        .reveal_after(&seal.reveal)
        .expect("a long chain");
    let template = unsealed(node, Some(proposal.time), now);
    validator.seal(&template, &seal, &spec())
}

/// Runs the engine through a slot, signing all that it asks for.
fn run_slot(node: &mut Node, slot: u64) {
    let now = u64::from(START) + 3 + slot * SLOT_S;
    let at = Millis::from_seconds(now);
    let mut inputs = vec![
        Input::Keys(vec![Signer::new(1).public()]),
        Input::Timer(TimerId(1)),
    ];
    while let Some(input) = (!inputs.is_empty()).then(|| inputs.remove(0)) {
        for output in node.handle(at, input).expect("storage works") {
            match output {
                Output::BuildBlock(proposal) => inputs.push(Input::Template {
                    request: proposal.request,
                    block: Box::new(build(node, &proposal, now)),
                }),
                Output::SignVote { key, link } => {
                    let signature = Signer::new(1).sign(link.digest(&spec().chain_id().0));
                    inputs.push(Input::Voted(Vote {
                        link,
                        key,
                        signature,
                    }));
                }
                Output::CheckBlock(block) => {
                    assert_eq!(submit(node, &block, now), Ok(Placement::Active));
                }
                Output::Broadcast(_) | Output::SetTimer { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    }
}

pub(crate) fn finalized(node: &Node) -> (u32, BlockHash) {
    let block = node.view().finalized.expect("the bootstrap is final");
    (block.height.0, block.hash)
}

#[test]
fn the_bootstrap_is_final_and_every_epoch_after_it() {
    let disk = Disk::default();
    let mut node = bootstrapped(&disk);
    assert_eq!(finalized(&node).0, 3);
    for slot in 1..=4 * EPOCH {
        run_slot(&mut node, slot);
    }
    assert_eq!(node.view().height, Height(3 + 16), "no slot is empty");
    // The votes of epoch 3 make the checkpoint of epoch 2 final: the last block of epoch 1.
    assert_eq!(finalized(&node).0, 3 + 8);
    let (_, proof) = node.chain().finality().expect("final");
    assert_eq!(proof.len(), Vote::SIZE);
    let told = node
        .take_events()
        .into_iter()
        .filter_map(|event| match event {
            Event::Finalized { height, .. } => Some(height.0),
            _ => None,
        });
    assert_eq!(told.collect::<Vec<_>>(), [3, 7, 11]);
}

#[test]
fn a_start_from_any_commit_knows_what_was_final_and_goes_on() {
    let disk = Disk::default();
    let mut node = bootstrapped(&disk);
    for slot in 1..=3 * EPOCH {
        run_slot(&mut node, slot);
    }
    let (tip, last) = (node.view().hash, finalized(&node));
    drop(node);
    let history = disk
        .history
        .lock()
        .expect("no test panics while it writes")
        .clone();
    let mut heights = Vec::new();
    for storage in history {
        let copy = Disk::of(storage);
        let node = open_spec(&spec(), &copy);
        heights.push(node.view().finalized.map_or(0, |it| it.height.0));
    }
    assert!(heights.is_sorted(), "{heights:?}");
    let mut node = open_spec(&spec(), &disk);
    assert_eq!((node.view().hash, finalized(&node)), (tip, last));
    for slot in 3 * EPOCH..=5 * EPOCH {
        run_slot(&mut node, slot);
    }
    assert_eq!(
        node.view().height,
        Height(3 + 20),
        "the slot it was stopped in is not used twice"
    );
    assert!(finalized(&node).0 > last.0);
}

#[test]
fn final_blocks_stay_and_branches_below_them_are_refused() {
    let disk = Disk::default();
    let mut node = bootstrapped(&disk);
    let early = {
        let now = u64::from(START) + 3 + SLOT_S;
        let at = Millis::from_seconds(now);
        let mut copy = open_spec(&spec(), &Disk::of(disk.lock().clone()));
        let keys = Input::Keys(vec![Signer::new(1).public()]);
        copy.handle(at, keys).expect("storage works");
        let outputs = copy
            .handle(at, Input::Timer(TimerId(1)))
            .expect("storage works");
        let proposals = outputs.iter().find_map(|output| match output {
            Output::BuildBlock(proposal) => Some(proposal.clone()),
            _ => None,
        });
        let mut proposal = proposals.expect("the only validator leads every slot");
        // The same slot's block with another payout: as from another history.
        proposal.seal.sections = Sections::default();
        let template = copy.template(free(2), now);
        let start = start_of(&template);
        let template = template.assemble(&FoundWork {
            time: proposal.time,
            ..start
        });
        let mut seal = proposal.seal.clone();
        seal.reveal = Signer::new(1)
            .chain
            .reveal_after(&seal.reveal)
            .expect("a long chain");
        Signer::new(1).seal(&template, &seal, &spec())
    };
    for slot in 1..=4 * EPOCH {
        run_slot(&mut node, slot);
    }
    let now = u64::from(START) + 1000;
    let refusal = submit(&mut node, &early, now).expect_err("refused");
    assert_eq!(refusal.code, "bad-fork-prior-to-finalized");
    let (height, hash) = finalized(&node);
    let refused = node.invalidate(hash, now);
    let Err(NodeError::Refused(refusal)) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(refusal.code, "block-is-final");
    assert_eq!(finalized(&node), (height, hash));
    // Above it an operator may still take blocks out.
    let tip = node.view().hash;
    node.invalidate(tip, now).expect("it is not final");
    assert_ne!(node.view().hash, tip);
}

#[test]
fn bootstrap_templates_make_the_specs_bonds() {
    let disk = Disk::default();
    let node = open_spec(&spec(), &disk);
    let block = unsealed(&node, None, u64::from(START) + 1);
    let outputs = block.transactions()[0].outputs();
    assert_eq!(outputs[1].value.sat(), 5_000_000_000);
    assert_eq!(
        outputs[2].value.sat(),
        0,
        "the bond takes the whole subsidy"
    );
    let program = synod_seal::StakeProgram::of_script(outputs[1].script_pubkey.as_bytes());
    let delegate = program.expect("a bond").delegate;
    assert_eq!(delegate, Signer::new(1).public().delegate_hash());
}
