//! `synod-validator run`.

use std::io::IsTerminal as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use synod_service::{DataDir, Shutdown, Token, bind, logging, logging::LogFormat};

use super::settings::Settings;
use super::{open_existing, open_signer, paths};
use crate::protection::ProtectionOptions;
use crate::signer::{RemoteSigner, Signer};
use crate::{NodeEndpoint, ValidatorConfig};

pub(super) async fn run(settings: Settings) -> Result<()> {
    logging::init(settings.log_format, &settings.log)?;
    let data = DataDir::open(&settings.data)?;
    let signer = match &settings.remote_signer {
        Some(root) => remote(root, settings.remote_signer_token_file.as_deref())?,
        None => Signer::Local(local(&settings, &data).await?),
    };
    let token = Token::load_or_create(&data.join("token"))?;
    let is_for_people = settings.log_format == LogFormat::Text && std::io::stderr().is_terminal();
    let config = ValidatorConfig {
        payout: settings.payout.clone(),
        watch_slots: settings.watch_slots,
        allowed_hosts: settings.allowed_hosts.clone(),
        has_live_line: is_for_people,
        ..ValidatorConfig::new(endpoints(&settings)?, signer, token)
    };
    let listener = bind(settings.listen).await?;
    tracing::info!(listen = %listener.local_addr()?, nodes = ?config.nodes, "validating");
    let shutdown = Shutdown::new();
    shutdown.listen_for_signals()?;
    Ok(crate::run(config, listener, shutdown).await?)
}

pub(super) async fn local(
    settings: &Settings,
    data: &DataDir,
) -> Result<crate::signer::LocalSigner> {
    let options = ProtectionOptions {
        accept_loss: settings.dangerously_accept_protection_loss,
    };
    let paths = paths(&settings.data, settings.high_water.as_deref());
    let protection = open_existing(&paths, options).await?;
    open_signer(data, protection, settings.passphrase_file.as_deref()).await
}

fn remote(root: &str, token_file: Option<&Path>) -> Result<Signer> {
    let Some(path) = token_file else {
        bail!("a remote signer wants its token: --remote-signer-token-file FILE");
    };
    Ok(Signer::Remote(RemoteSigner::new(root, &read_token(path)?)?))
}

fn endpoints(settings: &Settings) -> Result<Vec<NodeEndpoint>> {
    let files = &settings.node_token_files;
    if settings.nodes.is_empty() {
        bail!("a validator needs a node: --node URL");
    }
    if files.len() > 1 && files.len() != settings.nodes.len() {
        bail!("name one --node-token-file for each --node, or one for all");
    }
    let tokens = files.iter().map(|path| read_token(path));
    let tokens = tokens.collect::<Result<Vec<_>>>()?;
    let of = |index: usize| tokens.get(index).or(tokens.first()).cloned();
    let nodes = settings.nodes.iter().enumerate();
    let nodes = nodes.map(|(index, url)| NodeEndpoint {
        url: url.clone(),
        token: of(index),
    });
    Ok(nodes.collect())
}

fn read_token(path: &Path) -> Result<String> {
    let text = std::fs::read_to_string(path);
    let text = text.with_context(|| format!("the token file {}", path.display()))?;
    Ok(text.trim().to_owned())
}
