//! The validators of a network: each with its key file, its protection and a listener.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use synod_primitives::hex;
use synod_service::{DataDir, Token};
use synod_validator::keys::{KeyFile, Passphrase, SealingKey, passphrase};
use synod_validator::protection::{
    Protection, ProtectionError, ProtectionOptions, ProtectionPaths,
};
use synod_validator::signer::{LocalSigner, Signer};
use synod_validator::{NodeEndpoint, ValidatorConfig};
use tokio::net::TcpListener;

use super::listeners::url;
use super::network::Network;
use super::sealing::{Sealing, validator_name};
use super::secrets;
use super::services::Group;

/// The folder of the validators' data directories.
const VALIDATORS: &str = "validators";
/// The file in it with the passphrase of all key files.
const PASSPHRASE_FILE: &str = "passphrase";
/// Where `synod-validator` has its key files in a data directory.
const KEYS: &str = "keys";
/// Random bytes of the passphrase.
const PASSPHRASE_BYTES: usize = 16;

/// Where validators start.
pub(super) struct Place<'a> {
    pub(super) data: &'a DataDir,
    pub(super) network: &'a Network,
    pub(super) sealing: &'a Sealing,
    /// URL and token of each node.
    pub(super) nodes: &'a [(String, String)],
    /// Whom sealed blocks pay.
    pub(super) payout: &'a str,
    /// Whether no slot was sealed yet.
    pub(super) is_young: bool,
}

/// Starts a validator for each key of the network; returns their URLs and tokens.
///
/// # Errors
/// A key or its protection is missing or of another network, or a directory cannot be used.
pub(super) async fn start(
    place: &Place<'_>,
    listeners: Vec<TcpListener>,
    group: &mut Group,
) -> Result<Vec<(String, String)>> {
    let folder = place.data.join(VALIDATORS);
    std::fs::create_dir_all(&folder)?;
    let passphrase = load_passphrase(&folder.join(PASSPHRASE_FILE))?;
    let mut endpoints = Vec::new();
    let keys = (1..).zip(&place.sealing.validators);
    for ((number, key), listener) in keys.zip(listeners) {
        let name = validator_name(number);
        let data = DataDir::open(&folder.join(number.to_string()))?;
        let signer = open_signer(place, &data, key, &passphrase).await;
        let signer = signer.with_context(|| name.clone())?;
        let token = Token::load_or_create(&data.join("token"))?;
        endpoints.push((url(&listener)?, token.reveal().to_owned()));
        let config = ValidatorConfig {
            payout: Some(place.payout.to_owned()),
            // The keys are of this directory alone, which is locked, and under protection that
            // goes with it.
            watch_slots: Some(0),
            ..ValidatorConfig::new(nodes(place.nodes, number), Signer::Local(signer), token)
        };
        let stop = group.stop.clone();
        group.spawn(async move {
            let ended = synod_validator::run(config, listener, stop).await;
            drop(data);
            ended.context(name)
        });
    }
    Ok(endpoints)
}

/// All nodes, a different one first for each validator.
fn nodes(nodes: &[(String, String)], number: usize) -> Vec<NodeEndpoint> {
    let mut endpoints: Vec<_> = nodes
        .iter()
        .map(|(url, token)| NodeEndpoint {
            url: url.clone(),
            token: Some(token.clone()),
        })
        .collect();
    let first = (number - 1) % endpoints.len().max(1);
    endpoints.rotate_left(first);
    endpoints
}

/// Reads the passphrase of the key files, or makes it.
fn load_passphrase(path: &Path) -> Result<Passphrase> {
    if !path.exists() {
        let mut random = [0; PASSPHRASE_BYTES];
        getrandom::fill(&mut random).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
        secrets::write_private(path, &hex::encode(random))?;
    }
    Ok(passphrase::read(Some(path))?)
}

/// Opens a validator's keys under their protection; makes both before the first slot.
async fn open_signer(
    place: &Place<'_>,
    data: &DataDir,
    key: &SealingKey,
    passphrase: &Passphrase,
) -> Result<LocalSigner> {
    let folder = data.join(KEYS);
    let paths = ProtectionPaths::of_data(data.path());
    let chain_id = place.network.spec.chain_id().0;
    let files = KeyFile::read_all(&folder)?;
    let is_new = files.is_empty();
    // Security: once slots were sealed, keys without the record of what they signed could sign
    // it again.
    ensure!(
        place.is_young || (!is_new && Protection::chain_of(&paths)?.is_some()),
        "its key or its protection is gone from {}; restore both, or start a new network",
        data.path().display()
    );
    let protection = Protection::open(&paths, chain_id, ProtectionOptions::default()).await?;
    if is_new {
        match protection.register(&key.public()).await {
            // A start broke off between the two.
            Ok(()) | Err(ProtectionError::KnownKey(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let (own, passphrase) = (key.clone(), passphrase.clone());
    let keys = tokio::task::spawn_blocking(move || -> Result<Vec<SealingKey>> {
        if is_new {
            KeyFile::create(&folder, &own, &passphrase)?;
            return Ok(vec![own]);
        }
        let is_own = |file: &KeyFile| file.header().public() == own.public();
        // Our own key follows from the seed; opening its file would cost a key derivation.
        let others = files.iter().filter(|file| !is_own(file));
        let others = others.map(|file| file.open(&passphrase));
        let mut keys = others.collect::<Result<Vec<_>, _>>()?;
        keys.extend(files.iter().any(is_own).then_some(own));
        Ok(keys)
    });
    Ok(LocalSigner::new(keys.await??, protection).await?)
}
