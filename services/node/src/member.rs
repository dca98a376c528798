//! This node's key as a member of a permissioned network, in the data directory.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use synod_api::HashHex;
use synod_api::hex::NodeIdHex;
use synod_chainspec::ChainSpec;
use synod_gossip::{MemberId, MemberKey, Members};
use synod_service::{create_secret, read_secret};

use crate::config::NodeConfig;

/// The file of the secret key: 64 hex digits, for its owner alone.
pub const KEY_FILE: &str = "member.key";
/// The characters of the key.
const KEY_LENGTH: usize = 64;

/// Reads the key of a data directory; draws it when it is not there.
///
/// # Errors
/// The file is readable by others, holds no key, or cannot be read or made.
pub fn own_key(data: &Path) -> Result<MemberKey> {
    let path = data.join(KEY_FILE);
    if let Some(key) = load(&path)? {
        return Ok(key);
    }
    let mut directory = std::fs::DirBuilder::new();
    std::os::unix::fs::DirBuilderExt::mode(directory.recursive(true), 0o700)
        .create(data)
        .with_context(|| format!("the data directory {}", data.display()))?;
    let (key, text) = draw()?;
    if create_secret(&path, &text)? {
        return Ok(key);
    }
    // Another process was faster; its key is the one.
    load(&path)?.with_context(|| format!("{} has vanished", path.display()))
}

fn load(path: &Path) -> Result<Option<MemberKey>> {
    let Some(text) = read_secret(path, KEY_LENGTH)? else {
        return Ok(None);
    };
    let secret = HashHex::parse(&text).ok();
    let key = secret.and_then(|it| MemberKey::from_secret(it.to_bytes()));
    let no_key = || anyhow!("{} does not hold a member's key", path.display());
    key.map(Some).ok_or_else(no_key)
}

/// Draws a key; nearly all numbers of 32 bytes are one.
fn draw() -> Result<(MemberKey, String)> {
    loop {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(|error| anyhow!("no randomness: {error}"))?;
        if let Some(key) = MemberKey::from_secret(secret) {
            return Ok((key, HashHex::from_bytes(secret).to_string()));
        }
    }
}

/// Makes this node one of the members that chain spec and settings name; `None` when they name
/// nobody: the network is open.
///
/// # Errors
/// A key is none, the key of this node is not on the list or cannot be used.
pub(crate) fn members(
    config: &NodeConfig,
    spec: &ChainSpec,
    run: NodeIdHex,
) -> Result<Option<Members>> {
    let listed = config.member.iter().chain(&spec.members);
    let known: BTreeSet<MemberId> = listed.map(|it| it.parse()).collect::<Result<_, _>>()?;
    if known.is_empty() {
        return Ok(None);
    }
    let key = own_key(&config.data)?;
    let chain_id = spec.chain_id().0;
    Ok(Some(Members::new(key, chain_id, run, known)?))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_key_is_drawn_once_and_read_by_its_owner_alone() {
        let folder = tempfile::tempdir().expect("a directory");
        let data = folder.path().join("data");
        let drawn = own_key(&data).expect("drawn");
        assert_eq!(own_key(&data).expect("read").id(), drawn.id());
        let path = data.join(KEY_FILE);
        let mode = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode();
        assert_eq!((mode(&path) & 0o777, mode(&data) & 0o777), (0o600, 0o700));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("set");
        let exposed = own_key(&data).expect_err("exposed").to_string();
        assert!(exposed.contains("readable by others"), "{exposed}");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("set");
        for bad in ["", "00", &"0".repeat(64), &"f".repeat(64), &"A".repeat(64)] {
            std::fs::write(&path, bad).expect("written");
            assert!(own_key(&data).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_list_of_members_needs_this_node_and_no_list_is_an_open_network() {
        let folder = tempfile::tempdir().expect("a directory");
        let mut config = NodeConfig::new(folder.path().to_owned());
        let spec = ChainSpec::preset("devnet").expect("a preset");
        let run = NodeIdHex::from_bytes([1; 16]);
        assert!(members(&config, &spec, run).expect("open").is_none());
        assert!(!folder.path().join(KEY_FILE).exists());
        let (other, _) = draw().expect("drawn");
        config.member = vec![other.id().to_string()];
        let refused = members(&config, &spec, run)
            .expect_err("not listed")
            .to_string();
        let own = own_key(folder.path()).expect("drawn").id().to_string();
        assert!(refused.contains(&own), "{refused}");
        config.member.push(own.clone());
        let made = members(&config, &spec, run)
            .expect("a member")
            .expect("members");
        assert_eq!(made.id().to_string(), own);
        config.member.push("f".repeat(64));
        assert!(members(&config, &spec, run).is_err());
        // The chain spec's list counts as well.
        config.member = vec![other.id().to_string()];
        let mut spec = spec;
        spec.members = vec![own];
        assert!(members(&config, &spec, run).expect("a member").is_some());
    }
}
