//! What a peer's headers may cost: nothing until its chain is worth having.

use bytes::Bytes;
use synod_chainspec::{ChainSpec, genesis_block};
use synod_mempool::Policy;
use synod_node_core::{
    Blame, Chain, ChainSettings, Durability, FoundWork, HeaderSync, HeadersStep, MemoryStorage,
    Node, REDOWNLOAD_HEADERS, Refusal, Settings,
};
use synod_primitives::{BlockHash, CompactTarget, Header, MerkleRoot, Script, Target};

const NOW: u64 = 1_800_000_000;
/// The most headers of a page, as peers send them.
const PAGE: usize = 2000;
/// The easiest target, two hashes a block.
const EASY: CompactTarget = CompactTarget(0x207f_ffff);

/// 499 easy blocks, then blocks of 4096 hashes each.
const SPEC: &str = r#"
name = "hard"
engine = "pow"
coinbase_maturity = 100
[subsidy]
initial_sat = 5_000_000_000
halving_interval = 210_000
[activation]
bip34 = 1
dersig = 1
cltv = 1
csv = 1
segwit = 0
[pow]
limit = "207fffff"
retarget = true
interval = 500
spacing_s = 5
timewarp_rule = true
start_bits = "1f0fffff"
[bootstrap]
time = 1_799_990_000
blocks = 499
"#;

fn open(spec: &str) -> Node {
    let spec = ChainSpec::preset(spec).or_else(|_| ChainSpec::parse(spec));
    let settings = Settings {
        chain: ChainSettings {
            coins_cache_bytes: 64 << 20,
            threads: 1,
            hash_key: (1, 2),
        },
        policy: Policy::default(),
    };
    let storage = Box::new(MemoryStorage::new());
    Node::open(&spec.expect("a spec"), storage, settings, NOW).expect("storage works")
}

/// Mines up to `height` on an open node.
fn mine_to(node: &mut Node, height: u32) {
    while node.view().height.0 < height {
        let template = node.template(Script::new(vec![0x51]), NOW);
        let mut work = FoundWork {
            extra_nonce: [0; 8],
            time: template.time,
            nonce: 0,
            version: None,
        };
        let target = template.bits.to_target().expect("a target");
        // Without the Merkle root of each try: some tests take millions of them.
        let mut header = template.header(&work);
        while !target.is_met_by(header.block_hash()) {
            header.nonce += 1;
        }
        work.nonce = header.nonce;
        let raw = template.assemble(&work).raw().clone();
        let verdict = node.submit_blocks(&[raw], NOW, Durability::Deferred);
        verdict.expect("storage works")[0]
            .clone()
            .expect("a valid block");
    }
}

/// A node whose tip is 176 hard blocks above easy ones: a chain of 120,000 hashes is not worth
/// storing beside it, one of 140,000 is.
fn hard_node() -> Node {
    let mut node = open(SPEC);
    mine_to(&mut node, 675);
    node
}

/// A chain of easy headers, made as it is read.
struct Easy {
    last: BlockHash,
    time: u32,
    target: Target,
}

impl Easy {
    fn on(last: BlockHash, time: u32) -> Self {
        let target = EASY.to_target().expect("a target");
        Self { last, time, target }
    }

    fn from_genesis() -> Self {
        Self::on(genesis_block().hash(), 1_700_000_000)
    }

    fn header(&mut self) -> (Header, Bytes) {
        self.time += 1;
        let mut header = Header {
            version: 4,
            previous_block_hash: self.last,
            merkle_root: MerkleRoot::ZERO,
            time: self.time,
            bits: EASY,
            nonce: 0,
        };
        while !self.target.is_met_by(header.block_hash()) {
            header.nonce += 1;
        }
        self.last = header.block_hash();
        (header, Bytes::new())
    }

    fn page(&mut self, count: usize) -> Vec<(Header, Bytes)> {
        (0..count).map(|_| self.header()).collect()
    }
}

fn judge(
    chain: &mut Chain,
    sync: &mut HeaderSync,
    page: &[(Header, Bytes)],
) -> Result<HeadersStep, Refusal> {
    chain.judge_headers(sync, page, page.len() == PAGE, NOW)
}

#[test]
fn p01_low_work_headers_leave_nothing_and_cost_bits() {
    let mut node = hard_node();
    let known = node.chain().tree().len();
    let mut sync = HeaderSync::default();
    let mut easy = Easy::from_genesis();
    let pages = 20;
    for _ in 0..pages {
        let page = easy.page(PAGE);
        let step = judge(node.chain_mut(), &mut sync, &page).expect("no rule is broken");
        assert_eq!(step.next, Some(easy.last), "it is heard to its end");
        assert_eq!(step.best, None);
    }
    // 40,000 headers: 65 bits. Ten million would be 16,260 bits.
    assert!(sync.memory() <= 64, "{}", sync.memory());
    assert_eq!(node.chain().tree().len(), known);
    // The chain ends without being worth anything.
    let step = judge(node.chain_mut(), &mut sync, &easy.page(PAGE - 1));
    assert_eq!(step, Ok(HeadersStep::default()));
    assert_eq!(node.chain().tree().len(), known);
    assert_eq!(sync.memory(), 0);
}

#[test]
fn p01_a_hundred_peers_with_low_work_headers_cost_a_hundred_times_a_few_bits() {
    let mut node = hard_node();
    let known = node.chain().tree().len();
    let mut easy = Easy::from_genesis();
    let pages: Vec<_> = (0..2).map(|_| easy.page(PAGE)).collect();
    let mut peers: Vec<HeaderSync> = (0..100).map(|_| HeaderSync::default()).collect();
    for page in &pages {
        for sync in &mut peers {
            let step = judge(node.chain_mut(), sync, page).expect("no rule is broken");
            assert_eq!(step.best, None);
        }
    }
    let memory: usize = peers.iter().map(HeaderSync::memory).sum();
    assert!(memory <= 100 * 64, "{memory}");
    assert_eq!(node.chain().tree().len(), known);
}

#[test]
#[ignore = "takes 20 s of a core; run with --release"]
fn p01_ten_million_low_work_headers_cost_less_than_ten_megabytes() {
    let mut node = hard_node();
    // All blocks come at one moment, so each period of 500 is four times as hard as the one
    // before: 4,096 hashes a block, 16,384, then 65,536. Ten million easy headers, of two hashes
    // each, are less than the tip's branch has without its last 144 blocks.
    mine_to(&mut node, 1810);
    let known = node.chain().tree().len();
    let before = resident_bytes();
    let mut sync = HeaderSync::default();
    let mut easy = Easy::from_genesis();
    let wanted = std::env::var("SYNOD_LOW_WORK_HEADERS").ok();
    let wanted = wanted.and_then(|it| it.parse().ok());
    let headers: usize = wanted.unwrap_or(10_000_000);
    for _ in 0..headers / PAGE {
        let step = judge(node.chain_mut(), &mut sync, &easy.page(PAGE)).expect("no rule is broken");
        assert_eq!((step.next, step.best), (Some(easy.last), None));
    }
    let grown = resident_bytes().saturating_sub(before);
    let judging = sync.memory();
    println!("{headers} headers; resident: {grown} bytes more; judging: {judging}");
    assert!(grown < 10 << 20, "{grown}");
    assert_eq!(node.chain().tree().len(), known);
}

fn resident_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|it| it.split_whitespace().next()?.parse::<usize>().ok());
    kilobytes.expect("a number") * 1024
}

#[test]
fn a_long_chain_that_becomes_worth_it_is_read_twice_and_then_kept() {
    let mut node = open("regtest");
    mine_to(&mut node, 144 + 30_000 / 100);
    let mut easy = Easy::from_genesis();
    let mut pages: Vec<_> = Vec::new();
    // Regtest's blocks are all equally easy: the page that comes near the tip is worth it.
    for _ in 0..10 {
        pages.push(easy.page(100));
    }
    let known = node.chain().tree().len();
    let mut sync = HeaderSync::default();
    let chain = node.chain_mut();
    let mut asked = Vec::new();
    let mut at = 0;
    let mut best = None;
    while at < pages.len() {
        let step = chain
            .judge_headers(&mut sync, &pages[at], at + 1 < pages.len(), NOW)
            .expect("an honest chain");
        asked.push(at);
        best = step.best.or(best);
        at = match step.next {
            Some(next) if next == genesis_block().hash() => 0,
            _ => at + 1,
        };
    }
    assert_eq!(asked, [0, 1, 2, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(best, Some(easy.last));
    assert_eq!(chain.tree().len(), known + 1000);
    let wanted = chain.missing_blocks(easy.last, 64);
    assert_eq!(wanted.len(), 64);
    assert_eq!(wanted[0], pages[0][0].0.block_hash());
}

#[test]
fn a_second_reading_of_another_chain_is_given_up_before_anything_is_kept() {
    let mut node = hard_node();
    let known = node.chain().tree().len();
    let mut sync = HeaderSync::default();
    let chain = node.chain_mut();
    let mut easy = Easy::from_genesis();
    // The first reading ends when the work is enough.
    let mut step = judge(chain, &mut sync, &easy.page(PAGE)).expect("read");
    while step.next != Some(genesis_block().hash()) {
        step = judge(chain, &mut sync, &easy.page(PAGE)).expect("read");
    }
    let mut other = Easy::on(genesis_block().hash(), 1_710_000_000);
    let mut refused = None;
    for _ in 0..REDOWNLOAD_HEADERS.div_ceil(PAGE) - 1 {
        match judge(chain, &mut sync, &other.page(PAGE)) {
            Ok(step) => assert_eq!(step.best, None, "nothing enters the tree yet"),
            Err(refusal) => {
                refused = Some(refusal);
                break;
            }
        }
    }
    // 22 bits are compared before the first header would enter.
    let refused = refused.expect("one of the bits differs");
    assert_eq!(
        (refused.code.as_str(), refused.blame),
        ("headers-changed", Blame::Nobody)
    );
    assert_eq!(chain.tree().len(), known);
    assert_eq!(sync.memory(), 0);
}

#[test]
fn a_second_reading_that_breaks_a_rule_blames_the_peer() {
    let mut node = hard_node();
    let mut sync = HeaderSync::default();
    let chain = node.chain_mut();
    let mut pages = Vec::new();
    let mut easy = Easy::from_genesis();
    loop {
        pages.push(easy.page(PAGE));
        let step = judge(chain, &mut sync, &pages[pages.len() - 1]).expect("read");
        if step.next == Some(genesis_block().hash()) {
            break;
        }
    }
    // The proof of work is there, but bootstrap blocks have fixed times.
    let refused = pages
        .iter()
        .find_map(|page| judge(chain, &mut sync, page).err());
    let refused = refused.expect("the rules of the branch are checked");
    assert_eq!(
        (refused.code.as_str(), refused.blame),
        ("bad-bootstrap-time", Blame::Invalid)
    );
}

#[test]
fn p02_pages_with_gaps_wrong_parents_or_bad_work_are_refused_whole() {
    let mut node = open("regtest");
    let known = node.chain().tree().len();
    let chain = node.chain_mut();
    let page = Easy::from_genesis().page(10);
    let mut sync = HeaderSync::default();

    let mut gap = page.clone();
    gap.remove(5);
    let refused = judge(chain, &mut sync, &gap).expect_err("a gap");
    assert_eq!(
        (refused.code.as_str(), refused.blame),
        ("headers-not-continuous", Blame::Invalid)
    );

    let mut twice = page.clone();
    twice.insert(3, page[2].clone());
    let refused = judge(chain, &mut sync, &twice).expect_err("a loop");
    assert_eq!(refused.code, "headers-not-continuous");

    let mut bad = page.clone();
    let target = EASY.to_target().expect("a target");
    while target.is_met_by(bad[9].0.block_hash()) {
        bad[9].0.nonce += 1;
    }
    let refused = judge(chain, &mut sync, &bad).expect_err("no work");
    assert_eq!(
        (refused.code.as_str(), refused.blame),
        ("high-hash", Blame::Invalid)
    );

    let refused = judge(chain, &mut sync, &page[3..]).expect_err("no parent");
    assert_eq!(
        (refused.code.as_str(), refused.blame),
        ("prev-blk-not-found", Blame::Nobody)
    );
    let mut proof = page.clone();
    proof[0].1 = Bytes::from_static(b"x");
    let refused = judge(chain, &mut sync, &proof).expect_err("no proof under this engine");
    assert_eq!(refused.code, "bad-engine-proof");

    assert_eq!(chain.tree().len(), known, "nothing of them was kept");
    let step = judge(chain, &mut sync, &page).expect("the honest page");
    assert_eq!(step.best, Some(page[9].0.block_hash()));
    assert_eq!(chain.tree().len(), known + 10);
}

#[test]
fn blocks_of_a_branch_with_less_work_than_the_tip_are_not_wanted() {
    let mut node = open("regtest");
    mine_to(&mut node, 10);
    let chain = node.chain_mut();
    let page = Easy::from_genesis().page(11);
    let mut sync = HeaderSync::default();
    judge(chain, &mut sync, &page).expect("near enough to be stored");
    let missing = |count: usize| {
        chain
            .missing_blocks(page[count - 1].0.block_hash(), 100)
            .len()
    };
    assert_eq!(missing(9), 0);
    assert_eq!(missing(10), 10, "as much work as the tip");
    assert_eq!(missing(11), 11);
    assert_eq!(chain.missing_blocks(BlockHash::ZERO, 100).len(), 0);
}
