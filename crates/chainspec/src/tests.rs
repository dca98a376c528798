use super::*;

#[test]
fn the_genesis_block_is_bitcoins_regtest_genesis() {
    let genesis = genesis_block();
    assert_eq!(
        genesis.hash().to_string(),
        "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206"
    );
    assert_eq!(
        &genesis.merkle_root().hash,
        genesis.header().merkle_root.as_bytes()
    );
    assert_eq!(genesis.size(), 285);
}

#[test]
fn every_preset_reads_back_from_its_own_text() {
    for name in ChainSpec::PRESETS {
        let spec = ChainSpec::preset(name).expect("a preset");
        assert_eq!(ChainSpec::parse(&spec.format()), Ok(spec));
    }
    assert!(ChainSpec::preset("mainnet").is_err());
}

#[test]
fn chain_ids_are_frozen() {
    let id = |name| ChainSpec::preset(name).map(|spec| spec.chain_id().to_string());
    assert_eq!(
        id("regtest").as_deref(),
        Ok("b7717b38dd951f160ea24dad2a7062262b742b8d10df6254d5baa1c00af67cd1")
    );
    assert_eq!(
        id("devnet").as_deref(),
        Ok("e844488b1caf949a3edeea64c9f4ecd84c4c2300dc4815ef1a9d1defe88d3e04")
    );
}

#[test]
fn the_chain_id_covers_consensus_and_nothing_else() {
    let spec = ChainSpec::preset("devnet").expect("a preset");
    let mut renamed = spec.clone();
    renamed.name = "other".to_owned();
    renamed.peers.push("http://127.0.0.1:9330".to_owned());
    renamed.trust.checkpoints.push((Height(1), BlockHash::ZERO));
    assert_eq!(renamed.chain_id(), spec.chain_id());
    let mut moved = spec.clone();
    moved.override_activation("segwit@7").expect("a known name");
    assert_ne!(moved.chain_id(), spec.chain_id());
}

#[test]
fn a_file_on_a_base_says_only_what_differs() {
    let text = "base = \"devnet\"\nname = \"ours\"\n[bootstrap]\ntime = 1800000000\n";
    let spec = ChainSpec::parse(text).expect("a spec");
    assert_eq!(
        spec.consensus.bootstrap,
        Some(Bootstrap {
            time: 1_800_000_000,
            blocks: 143
        })
    );
    assert_eq!(spec.name, "ours");
}

#[test]
fn files_with_unknown_or_contradicting_values_are_refused() {
    let refused = |text: &str| ChainSpec::parse(text).expect_err("refused").to_string();
    assert!(refused("base = \"devnet\"\ncolour = 1\n").contains("colour"));
    assert!(refused("base = \"devnet\"\nengine = \"dice\"\n").contains("dice"));
    assert!(refused("base = \"devnet\"\n[bootstrap]\nblocks = 142\n").contains("multiple"));
    assert!(refused("base = \"devnet\"\n[subsidy]\nhalving_interval = 210001\n").contains("21"));
    assert!(refused("base = \"devnet\"\n[pow]\nstart_bits = \"217fffff\"\n").contains("pow."));
    assert!(refused("base = \"regtest\"\nname = \"ours\"\n").contains("[bootstrap]"));
    assert!(refused("name = ").contains("chain spec"));
}

#[test]
fn activations_are_overridden_by_name_and_height() {
    let mut spec = ChainSpec::preset("regtest").expect("a preset");
    spec.override_activation("bip34@2").expect("a known name");
    assert_eq!(spec.consensus.activations.bip34, Height(2));
    for bad in [
        "bip34",
        "bip34@",
        "bip34@-1",
        "bip34@4294967296",
        "taproot@1",
    ] {
        assert!(spec.override_activation(bad).is_err(), "{bad}");
    }
}
