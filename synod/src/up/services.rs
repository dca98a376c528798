//! The services of a network, as tasks.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use synod_api::miner::MiningPolicy;
use synod_api::{AmountSat, ExplorerClient, WalletClient};
use synod_chainspec::EngineSpec;
use synod_explorer::{ExplorerConfig, Listeners as ExplorerListeners, Retarget, WalletFaucet};
use synod_miner::MinerConfig;
use synod_node::{NodeConfig, Opened};
use synod_service::{DataDir, Shutdown, Token};
use synod_wallet::service as wallet_service;
use synod_wallet_core::keys::ScriptKind;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::args::UpArgs;
use super::bootstrap;
use super::listeners::{Listeners, url};
use super::network::Network;
use super::validators::{self, Place};

/// The wallet that the faucet pays from and the miner pays to.
const FAUCET_WALLET: &str = "faucet";
/// The most that the faucet pays at once: ten coins.
const FAUCET_LIMIT_SAT: u64 = 1_000_000_000;
/// By what a node takes its own chain for granted, as `--trust-checkpoint` has it.
const TRUST_TIP: &str = "tip";
/// How often readiness is asked for.
const READY_POLL: Duration = Duration::from_millis(20);

type Task = JoinHandle<Result<()>>;

/// Running services; later ones depend on earlier ones.
pub(super) struct Services {
    /// URL and token of each node.
    pub(super) nodes: Vec<(String, String)>,
    /// URL and token; `None` where blocks are sealed.
    pub(super) miner: Option<(String, String)>,
    /// URL and token of each validator.
    pub(super) validators: Vec<(String, String)>,
    pub(super) wallet: (String, String),
    pub(super) explorer_url: String,
    pub(super) esplora_url: String,
    /// Groups that end one after the other, the first first.
    groups: Vec<Group>,
    wallets: Arc<wallet_service::Wallets>,
}

/// Tasks of one kind and what stops them.
pub(super) struct Group {
    name: &'static str,
    pub(super) stop: Shutdown,
    tasks: Vec<Task>,
}

impl Group {
    fn new(name: &'static str) -> Self {
        Self {
            name,
            stop: Shutdown::new(),
            tasks: Vec::new(),
        }
    }

    pub(super) fn spawn(&mut self, work: impl Future<Output = Result<()>> + Send + 'static) {
        self.tasks.push(tokio::spawn(work));
    }
}

impl Services {
    /// Starts everything.
    ///
    /// # Errors
    /// A data directory cannot be used, or a service cannot start.
    pub(super) async fn start(
        args: &UpArgs,
        data: &DataDir,
        network: &Network,
        listeners: Listeners,
        shutdown: &Shutdown,
    ) -> Result<Self> {
        let explorer_url = url(&listeners.explorer)?;
        let esplora_url = url(&listeners.esplora)?;
        let wallet_data = data.join("wallet");
        let mut wallet_config =
            wallet_service::Config::new(wallet_data.join("wallets"), wallet_data.clone());
        wallet_config.explorer = esplora_url.clone();
        wallet_config.sync_interval = Duration::from_secs(1);
        let wallets = wallet_service::open_wallets(&wallet_config).await?;
        let faucet = wallets
            .open_from_seed(FAUCET_WALLET, &network.faucet_seed, ScriptKind::Wpkh)
            .await?;
        let payout = faucet.hot().unused_address().await?.address.to_string();

        let (nodes, node_group, is_young) = start_nodes(data, network, listeners.nodes, &payout)
            .await
            .context("nodes")?;
        let node_url = nodes[0].0.clone();
        let mut explorers = Group::new("explorer");
        let mut wallet_group = Group::new("wallet service");

        std::fs::create_dir_all(&wallet_data)?;
        let wallet_token = Token::load_or_create(&wallet_data.join(wallet_service::TOKEN_FILE))?;
        let wallet_url = url(&listeners.wallet)?;
        {
            let (wallets, stop) = (Arc::clone(&wallets), wallet_group.stop.clone());
            wallet_group.spawn(async move {
                let served = wallet_service::run(&wallet_config, wallets, listeners.wallet, stop);
                Ok(served.await?)
            });
        }

        let wallet_client = WalletClient::new(&wallet_url)?.with_token(wallet_token.reveal())?;
        let limit = AmountSat::new(FAUCET_LIMIT_SAT)?;
        let mut explorer_config = ExplorerConfig::new(&node_url, data.join("explorer"));
        explorer_config.faucet = Some(Arc::new(WalletFaucet::new(
            wallet_client,
            FAUCET_WALLET.to_owned(),
            limit,
        )));
        explorer_config.retarget = retarget(network);
        let explorer_listeners = ExplorerListeners {
            main: listeners.explorer,
            esplora_root: Some(listeners.esplora),
        };
        let stop = explorers.stop.clone();
        explorers.spawn(async move {
            Ok(synod_explorer::run(explorer_config, explorer_listeners, stop).await?)
        });

        let mut makers = Group::new("miner");
        let mut miner = None;
        if let Some(listener) = listeners.miner {
            let miner_url = url(&listener)?;
            let miner_data = data.join("miner");
            std::fs::create_dir_all(&miner_data)?;
            let token = Token::load_or_create(&miner_data.join("token"))?;
            let config = miner_config(args, network, &node_url, &payout, token.clone());
            let stop = makers.stop.clone();
            makers.spawn(async move { Ok(synod_miner::run(config, listener, stop).await?) });
            miner = Some((miner_url, token.reveal().to_owned()));
        }
        let validators = match &network.sealing {
            Some(sealing) => {
                makers = Group::new("validator");
                let place = Place {
                    data,
                    network,
                    sealing,
                    nodes: &nodes,
                    payout: &payout,
                    is_young,
                };
                validators::start(&place, listeners.validators, &mut makers).await?
            }
            None => Vec::new(),
        };

        let services = Self {
            nodes,
            miner,
            validators,
            wallet: (wallet_url, wallet_token.reveal().to_owned()),
            explorer_url,
            esplora_url,
            groups: vec![makers, wallet_group, explorers, node_group],
            wallets,
        };
        services.force_with(shutdown);
        Ok(services)
    }

    /// Lets the hard step of the process end all services at once.
    fn force_with(&self, shutdown: &Shutdown) {
        let stops: Vec<Shutdown> = self.groups.iter().map(|group| group.stop.clone()).collect();
        let shutdown = shutdown.clone();
        tokio::spawn(async move {
            shutdown.forced().await;
            for stop in stops {
                stop.force();
            }
        });
    }

    /// Waits until every service answers and the faucet's coins can be spent.
    ///
    /// # Errors
    /// It takes too long, or a service ended.
    pub(super) async fn wait_until_ready(&mut self, patience: Duration) -> Result<()> {
        let mut roots: Vec<String> = self.nodes.iter().map(|(url, _)| url.clone()).collect();
        roots.extend([self.explorer_url.clone(), self.esplora_url.clone()]);
        roots.push(self.wallet.0.clone());
        let makers = self.miner.iter().chain(&self.validators);
        roots.extend(makers.map(|(url, _)| url.clone()));
        let wallets = Arc::clone(&self.wallets);
        let ready = async {
            for root in &roots {
                let client = ExplorerClient::new(root)?;
                while client.ready().await.is_err() {
                    sleep(READY_POLL).await;
                }
            }
            let faucet = wallets.find(FAUCET_WALLET).await?;
            loop {
                let synced = faucet.refresh(wallets.explorer()).await;
                if synced.is_ok() && faucet.hot().balance().await?.spendable_sat > 0 {
                    return Ok(());
                }
                sleep(READY_POLL).await;
            }
        };
        tokio::select! {
            ready = timeout(patience, ready) => {
                ready.map_err(|_| anyhow!("the services were not ready in {patience:?}"))?
            }
            name = self.first_ended() => Err(self.failure(name).await),
        }
    }

    /// Waits for a service that ends by itself and returns its name.
    pub(super) async fn first_ended(&self) -> &'static str {
        loop {
            let ended = self
                .groups
                .iter()
                .find(|group| group.tasks.iter().any(Task::is_finished));
            if let Some(group) = ended {
                return group.name;
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    async fn failure(&mut self, name: &'static str) -> anyhow::Error {
        match self.stop().await {
            Ok(()) => anyhow!("the {name} ended by itself"),
            Err(error) => error,
        }
    }

    /// Stops all services, those first that depend on others.
    ///
    /// # Errors
    /// A service failed; the first failure is reported after all have ended.
    pub(super) async fn stop(&mut self) -> Result<()> {
        let mut failure = Ok(());
        for group in &mut self.groups {
            group.stop.begin();
            for task in group.tasks.drain(..) {
                let ended = task.await.map_err(|error| anyhow!("a task broke: {error}"));
                if let Err(error) = ended.and_then(|it| it) {
                    let error = error.context(group.name);
                    failure = failure.and(Err(error));
                }
            }
        }
        failure
    }
}

/// Opens all nodes, gives them the first blocks, and lets them serve. Says too whether no node has
/// a block past those.
async fn start_nodes(
    data: &DataDir,
    network: &Network,
    listeners: Vec<tokio::net::TcpListener>,
    payout: &str,
) -> Result<(Vec<(String, String)>, Group, bool)> {
    let urls = listeners.iter().map(url).collect::<Result<Vec<_>>>()?;
    let mut opened: Vec<(NodeConfig, Opened)> = Vec::new();
    for index in 0..network.nodes {
        let mut config = NodeConfig::new(network.node_directory(data, index));
        config.network = network.spec_file.display().to_string();
        config.dev = true;
        if network.sealing.is_some() {
            // All nodes are in this process: while it was down the whole network stood still.
            config.trust_checkpoint = vec![TRUST_TIP.to_owned()];
        }
        let others = urls
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != usize::from(index));
        config.peer = others.map(|(_, url)| url.clone()).collect();
        let node = synod_node::open(&config).await?;
        opened.push((config, node));
    }
    let handles: Vec<_> = opened
        .iter()
        .map(|(_, node)| node.chain().clone())
        .collect();
    bootstrap::run(network, &handles, payout).await?;
    let first = network.spec.bootstrap_height();
    let is_young = handles.iter().all(|it| it.view().height <= first);
    drop(handles);
    let mut group = Group::new("node");
    let mut endpoints = Vec::new();
    for ((config, node), (listener, url)) in opened.into_iter().zip(listeners.into_iter().zip(urls))
    {
        endpoints.push((url, node.token().reveal().to_owned()));
        let stop = group.stop.clone();
        group.spawn(synod_node::run(config, node, listener, stop));
    }
    Ok((endpoints, group, is_young))
}

fn retarget(network: &Network) -> Option<Retarget> {
    let EngineSpec::Pow(pow) = &network.spec.consensus.engine else {
        return None;
    };
    pow.retarget.then_some(Retarget {
        interval: pow.interval,
        spacing_s: pow.spacing_s,
    })
}

/// Where the target follows the hash power the miner searches as fast as it can; else it waits.
fn miner_config(
    args: &UpArgs,
    network: &Network,
    node_url: &str,
    payout: &str,
    token: Token,
) -> MinerConfig {
    let mut config = MinerConfig::new(node_url, payout, token);
    let waits = retarget(network).is_none() || args.block_time.is_some();
    config.policy = Some(if waits {
        MiningPolicy::Interval
    } else {
        MiningPolicy::Auto
    });
    config.block_time = args.block_time.unwrap_or(config.block_time);
    config.threads = args.threads;
    config
}
