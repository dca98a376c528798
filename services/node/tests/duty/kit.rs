//! Networks in this process: nodes, validators, and a clock that stands still.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use k256::schnorr::SigningKey;
use synod_api::node::{ValidatorBody, ValidatorPage, ValidatorsQuery};
use synod_api::validator::ValidatorStatus;
use synod_api::{HashHex, KeyHashHex, NodeClient, ValidatorClient};
use synod_chainspec::ChainSpec;
use synod_node::duty::seal_bootstrap;
use synod_node::state::{clock_ms, set_clock};
use synod_node::{NodeConfig, app};
use synod_primitives::Script;
use synod_primitives::hex::encode;
use synod_script::{Address, Network as Prefixes, template};
use synod_seal::{SealKey, find_seal};
use synod_service::{Shutdown, Token, bind};
use synod_validator::keys::SealingKey;
use synod_validator::protection::{Protection, ProtectionOptions, ProtectionPaths};
use synod_validator::signer::{LocalSigner, Signer};
use synod_validator::{Clock, NodeEndpoint, ValidatorConfig, ValidatorError};
use tempfile::TempDir;
use tokio::sync::{Mutex, MutexGuard};
use tokio::task::JoinHandle;

/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(10);
/// Longer than anything here takes; a test that reaches it fails.
const PATIENCE: Duration = Duration::from_secs(120);
/// The moment from which slots count.
pub(crate) const START: u32 = 1_800_000_000;
/// Blocks of the bootstrap.
pub(crate) const BOOTSTRAP: u32 = 8;
/// The number of the key that seals the bootstrap.
const BOOTSTRAP_KEY: u8 = 99;
/// What each bond holds.
pub(crate) const BOND: u64 = 1_000_000_000;

static CLOCK: Mutex<()> = Mutex::const_new(());

/// A network's chain spec on disk, and the turn to move the clock.
pub(crate) struct World {
    pub(crate) spec: ChainSpec,
    file: PathBuf,
    folder: TempDir,
    _clock: MutexGuard<'static, ()>,
}

impl World {
    /// Writes the spec of a network whose bootstrap bonds these keys equally.
    pub(crate) async fn new(engine: &str, keys: &[u8], settings: &str) -> Self {
        let clock = CLOCK.lock().await;
        set_clock(Some(START));
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("network.toml");
        let text = spec_text(engine, keys, settings);
        std::fs::write(&file, &text).expect("written");
        let spec = ChainSpec::parse(&text).expect("a spec");
        Self {
            spec,
            file,
            folder,
            _clock: clock,
        }
    }

    /// Starts a node with the bootstrap.
    pub(crate) async fn node(&self, name: &str) -> TestNode {
        self.node_with_peers(name, Vec::new()).await
    }

    /// Starts a node with the bootstrap that speaks to peers.
    pub(crate) async fn node_with_peers(&self, name: &str, peers: Vec<String>) -> TestNode {
        let data = self.folder.path().join(name);
        std::fs::create_dir_all(&data).expect("a folder");
        let node = TestNode::start(data, &self.file, peers).await;
        let key = sealing_key(BOOTSTRAP_KEY).public();
        let sealed = node.chain.run(move |node, now| {
            let signing = SigningKey::from_slice(&[BOOTSTRAP_KEY; 32]).expect("a secret");
            let mut sign = |digest: [u8; 32]| {
                let signature = signing.sign_raw(&digest, &[0; 32]);
                signature.expect("signs").to_bytes()
            };
            seal_bootstrap(node, key, &payout(), &mut sign, now)
        });
        sealed
            .await
            .expect("runs")
            .expect("the bootstrap is sealed");
        node
    }

    /// Returns a path in the network's folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts a validator with one key.
    pub(crate) async fn validator(&self, number: u8, nodes: &[&TestNode]) -> Validator {
        let data = self.folder.path().join(format!("validator-{number}"));
        Validator::start(&self.spec, data, number, nodes).await
    }
}

fn spec_text(engine: &str, keys: &[u8], settings: &str) -> String {
    let bonds = keys.iter().map(|number| {
        let key = sealing_key(*number);
        format!(
            "[[bootstrap.bonds]]\nowner = \"{}\"\ndelegate = \"{}\"\nanchor = \"{}\"\namount_sat = {BOND}\n",
            encode([*number; 20]),
            key.public().delegate_hash(),
            encode(key.anchor()),
        )
    });
    let bonds: String = bonds.collect();
    format!(
        "name = \"test\"\nengine = \"{engine}\"\ncoinbase_maturity = 2\n\
         [subsidy]\ninitial_sat = 5_000_000_000\nhalving_interval = 150\n\
         [activation]\nbip34 = 1\ndersig = 1\ncltv = 1\ncsv = 1\nsegwit = 0\n\
         [{engine}]\nslot_s = 1\n{settings}\n\
         unbonding_blocks = 64\nslash_percent = 50\nreporter_divisor = 64\nfee_cap_sat = 10_000\n\
         [bootstrap]\ntime = {}\nblocks = {BOOTSTRAP}\nkey = \"{}\"\n{bonds}",
        START - BOOTSTRAP,
        encode(sealing_key(BOOTSTRAP_KEY).public().0),
    )
}

/// Settings of proof of stake with epochs of four slots.
pub(crate) const POS: &str = "epoch_slots = 4\nmax_validators = 8\nmin_bond_sat = 100_000_000\n\
                              min_age_epochs = 1\nmax_age_epochs = 2";
/// Settings of delegated proof of stake with four seats.
pub(crate) const DPOS: &str = "seats = 4\nmin_bond_sat = 100_000_000\nmin_vote_sat = 1_000\n\
                               jail_window_slots = 24\njail_misses = 12\njail_rounds = 2";

pub(crate) fn sealing_key(number: u8) -> SealingKey {
    SealingKey::from_secrets(&[number; 64], 4096).expect("a key")
}

pub(crate) fn delegate(number: u8) -> KeyHashHex {
    KeyHashHex::from_bytes(sealing_key(number).public().delegate_hash().0)
}

/// The number of the key that blocks pay to.
const PAYOUT: u8 = 7;

pub(crate) fn payout() -> Script {
    script_of(PAYOUT)
}

pub(crate) fn payout_address() -> String {
    address_of(&payout())
}

fn script_of(number: u8) -> Script {
    template::p2wpkh(&[number; 20])
}

fn address_of(script: &Script) -> String {
    let address = Address::from_script(script.as_bytes()).expect("it has an address");
    address.format(Prefixes::Regtest)
}

/// Opens a signer with one key in a folder, which may be there from before.
pub(crate) async fn local_signer(spec: &ChainSpec, data: &Path, number: u8) -> LocalSigner {
    let is_known = data.exists();
    std::fs::create_dir_all(data).expect("a folder");
    let paths = ProtectionPaths::of_data(data);
    let options = ProtectionOptions::default();
    let protection = Protection::open(&paths, spec.chain_id().0, options).await;
    let protection = protection.expect("opens");
    let key = sealing_key(number);
    if !is_known {
        let registered = protection.register(&key.public()).await;
        registered.expect("registered");
    }
    let signer = LocalSigner::new(vec![key], protection).await;
    signer.expect("protected")
}

/// A node on a port of its own.
pub(crate) struct TestNode {
    pub(crate) client: NodeClient,
    pub(crate) open_client: NodeClient,
    pub(crate) url: String,
    pub(crate) token: String,
    pub(crate) chain: synod_node::chain::ChainHandle,
    shutdown: Shutdown,
    task: JoinHandle<anyhow::Result<()>>,
    data: PathBuf,
    file: PathBuf,
}

impl TestNode {
    async fn start(data: PathBuf, file: &Path, peer: Vec<String>) -> Self {
        let config = NodeConfig {
            network: file.to_str().expect("a path").to_owned(),
            dev: true,
            threads: Some(1),
            peer,
            ..NodeConfig::new(data.clone())
        };
        let opened = app::open(&config).await.expect("the node opens");
        let token = opened.token().reveal().to_owned();
        let chain = opened.chain().clone();
        let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0)))
            .await
            .expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let shutdown = Shutdown::new();
        let task = tokio::spawn(app::run(config, opened, listener, shutdown.clone()));
        let open_client = NodeClient::new(&url).expect("a client");
        let client = open_client.clone().with_token(&token).expect("a token");
        Self {
            client,
            open_client,
            url,
            token,
            chain,
            shutdown,
            task,
            data,
            file: file.to_owned(),
        }
    }

    pub(crate) async fn stop(self) -> (PathBuf, PathBuf) {
        self.shutdown.begin();
        let ended = self.task.await.expect("no panic");
        ended.expect("the node stops in order");
        (self.data, self.file)
    }

    /// Stops the node and starts it again on what it has; on another port.
    pub(crate) async fn restart(self) -> Self {
        let (data, file) = self.stop().await;
        Self::start(data, &file, Vec::new()).await
    }

    pub(crate) async fn tip(&self) -> (u32, HashHex) {
        let chain = self.client.chain().await.expect("the chain");
        (chain.height, chain.best_block_hash)
    }

    /// Returns the slot of the tip; 0 in the bootstrap.
    pub(crate) async fn tip_slot(&self) -> u64 {
        let chain = self.client.chain().await.expect("the chain");
        u64::from(chain.time.saturating_sub(START))
    }

    pub(crate) async fn validators(&self) -> ValidatorPage {
        let query = ValidatorsQuery::default();
        self.open_client.validators(&query).await.expect("a page")
    }

    pub(crate) async fn validator(&self, number: u8) -> ValidatorBody {
        let page = self.validators().await;
        let mut all = page.validators.into_iter();
        all.find(|it| it.delegate == delegate(number))
            .expect("it is listed")
    }

    /// Returns whose a slot is.
    pub(crate) async fn leader(&self, slot: u64) -> KeyHashHex {
        let turns = self.validators().await.turns;
        let turn = turns.iter().find(|it| it.slot == slot);
        turn.expect("the slot is decided").delegate
    }

    /// Returns the key that sealed a block.
    pub(crate) async fn sealed_by(&self, height: u32) -> SealKey {
        let raw = self.client.block_raw_at(height).await.expect("a block");
        let block = synod_primitives::Block::decode(&raw).expect("a block");
        find_seal(&block.transactions()[0]).expect("a seal").key
    }
}

/// A validator in this process, by the clock of the process.
pub(crate) struct Validator {
    pub(crate) client: ValidatorClient,
    pub(crate) number: u8,
    shutdown: Shutdown,
    task: JoinHandle<Result<(), ValidatorError>>,
}

impl Validator {
    async fn start(spec: &ChainSpec, data: PathBuf, number: u8, nodes: &[&TestNode]) -> Self {
        let signer = Signer::Local(local_signer(spec, &data, number).await);
        Self::paying(signer, number, nodes, PAYOUT).await
    }

    /// Starts a validator whose blocks pay to the key of this number.
    pub(crate) async fn paying(
        signer: Signer,
        number: u8,
        nodes: &[&TestNode],
        payout: u8,
    ) -> Self {
        let nodes = nodes.iter().map(|node| NodeEndpoint {
            url: node.url.clone(),
            token: Some(node.token.clone()),
        });
        let token = Token::generate().expect("randomness");
        let mut config = ValidatorConfig::new(nodes.collect(), signer, token);
        config.watch_slots = Some(0);
        config.payout = Some(address_of(&script_of(payout)));
        config.clock = Clock::from_wall(clock_ms);
        let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0)))
            .await
            .expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let shutdown = Shutdown::new();
        let task = tokio::spawn(synod_validator::run(config, listener, shutdown.clone()));
        let validator = Self {
            client: ValidatorClient::new(&url).expect("a root"),
            number,
            shutdown,
            task,
        };
        // A slot that begins before its key has asked stays empty.
        until("a node", async || validator.status().await.node.is_some()).await;
        validator
    }

    pub(crate) fn delegate(&self) -> KeyHashHex {
        delegate(self.number)
    }

    pub(crate) async fn status(&self) -> ValidatorStatus {
        self.client.status().await.expect("a status")
    }

    pub(crate) async fn stop(self) {
        self.shutdown.begin();
        let ended = self.task.await.expect("no panic");
        ended.expect("no error");
    }
}

/// Moves the clock to a slot.
pub(crate) fn begin_slot(slot: u64) {
    let slot = u32::try_from(slot).expect("small");
    set_clock(Some(START + slot));
}

/// Waits until a condition holds; past all patience the test fails.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    let waited = async {
        while !condition().await {
            tokio::time::sleep(LOOK).await;
        }
    };
    let done = tokio::time::timeout(PATIENCE, waited).await;
    assert!(done.is_ok(), "in vain: {what}");
}

/// Lives through slots: in each whose leader runs, all nodes get its block.
pub(crate) async fn live(
    slots: std::ops::RangeInclusive<u64>,
    nodes: &[&TestNode],
    running: &[&Validator],
) {
    for slot in slots {
        let leader = nodes[0].leader(slot).await;
        begin_slot(slot);
        if !running.iter().any(|it| it.delegate() == leader) {
            continue;
        }
        for node in nodes {
            let what = format!("a block in slot {slot}");
            until(&what, async || node.tip_slot().await == slot).await;
        }
    }
}
