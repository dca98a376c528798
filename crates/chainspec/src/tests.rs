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
fn the_sealed_presets_ids_are_frozen_under_both_engines() {
    let pos = ChainSpec::preset("sealed").expect("a preset");
    assert_eq!(
        pos.chain_id().to_string(),
        "d43a10e7b20a38f26ee13bc088ecbd0c1b15471b67a452fa2ba9ab7a09b1f359"
    );
    let dpos = ChainSpec::parse("base = \"sealed\"\nengine = \"dpos\"\n").expect("a spec");
    assert_eq!(
        dpos.chain_id().to_string(),
        "1ebe78f2e88daf46ac6b37f2e27e042a35c308bac0a9f7466a1ee8fc9bdfb4d9"
    );
    assert_eq!(ChainSpec::parse(&dpos.format()), Ok(dpos));
}

#[test]
fn every_setting_of_stake_is_in_the_chain_id() {
    let spec = |text: &str| {
        ChainSpec::parse(&format!("base = \"sealed\"\n{text}"))
            .expect("a spec")
            .chain_id()
    };
    let mut ids = vec![spec(""), spec("engine = \"dpos\"")];
    for (table, settings) in [
        (
            "pos",
            "slot_s = 3\nepoch_slots = 17\nmax_validators = 7\nmin_bond_sat = 20000\nmin_age_epochs = 5\nmax_age_epochs = 7\nunbonding_blocks = 3\nslash_percent = 7\nreporter_divisor = 7\nfee_cap_sat = 3",
        ),
        (
            "dpos",
            "slot_s = 3\nseats = 4\nmin_vote_sat = 3\njail_window_slots = 25\njail_misses = 13\njail_rounds = 3\nmin_bond_sat = 4000000000\nunbonding_blocks = 3\nslash_percent = 7\nreporter_divisor = 7\nfee_cap_sat = 3",
        ),
    ] {
        for setting in settings.lines() {
            ids.push(spec(&format!(
                "engine = \"{table}\"\n[{table}]\n{setting}\n"
            )));
        }
    }
    ids.push(spec(
        "[bootstrap]\nkey = \"8842111cb8aed9f4aebb8ebd9bcf5268968735870c8222ac365730534e25cb48\"\n",
    ));
    for field in ["owner", "delegate", "anchor", "amount_sat", "name"] {
        ids.push(spec(&dpos_with_bond(field)));
    }
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count, "every setting makes another chain");
}

/// A file with one bond, of which one field is not the preset's.
fn dpos_with_bond(changed: &str) -> String {
    let pick = |field: &str, here: String, other: String| {
        let value = if field == changed { other } else { here };
        format!("{field} = {value}\n")
    };
    let hex = |byte: &str, count: usize| format!("\"{}\"", byte.repeat(count));
    let mut text = "engine = \"dpos\"\n[[bootstrap.bonds]]\n".to_owned();
    text += &pick("owner", hex("01", 20), hex("02", 20));
    text += &pick("delegate", hex("01", 20), hex("02", 20));
    text += &pick("anchor", hex("01", 32), hex("02", 32));
    text += &pick(
        "amount_sat",
        "5000000000".to_owned(),
        "4999999999".to_owned(),
    );
    text += &pick("name", hex("a", 1), hex("b", 1));
    if changed == "amount_sat" {
        text += "[dpos]\nmin_bond_sat = 4999999999\n";
    }
    text
}

#[test]
fn sealed_specs_that_could_not_run_are_refused_with_the_reason() {
    let refused = |text: &str| {
        ChainSpec::parse(&format!("base = \"sealed\"\n{text}"))
            .expect_err(text)
            .to_string()
    };
    let pow = "[pow]\nlimit = \"207fffff\"\nretarget = true\ninterval = 36\nspacing_s = 5\ntimewarp_rule = true\n";
    assert!(refused(pow).contains("no retarget"));
    assert!(refused("[bootstrap]\nbonds = []\n").contains("no valid bond"));
    assert!(refused("[pos]\nmin_bond_sat = 5000000001\n").contains("no valid bond"));
    assert!(refused("[subsidy]\ninitial_sat = 4999999999\n").contains("subsidy of its block"));
    assert!(refused("[pos]\nslot_s = 0\n").contains("slot_s"));
    assert!(refused("[pos]\nepoch_slots = 1\n").contains("epoch_slots"));
    assert!(refused("[pos]\nmax_validators = 129\n").contains("max_validators"));
    assert!(refused("[pos]\nmax_age_epochs = 9\n").contains("max_age_epochs"));
    assert!(refused("[pos]\nmax_age_epochs = 3\n").contains("max_age_epochs"));
    assert!(refused("[pos]\nslash_percent = 101\n").contains("slash_percent"));
    assert!(refused("[pos]\nreporter_divisor = 1\n").contains("reporter_divisor"));
    assert!(refused("[pos]\nfee_cap_sat = 1000000000\n").contains("fee_cap_sat"));
    assert!(refused("[pos]\ncolour = 1\n").contains("colour"));
    assert!(refused("engine = \"dpos\"\n[dpos]\nseats = 102\n").contains("seats"));
    assert!(refused("engine = \"dpos\"\n[dpos]\njail_misses = 25\n").contains("jail_misses"));
    assert!(refused("[activation]\nsegwit = 2\n").contains("segwit"));
    assert!(refused("[activation]\ncsv = 2\n").contains("csv"));
    assert!(refused("[bootstrap]\nkey = \"00\"\n").contains("64 hex digits"));
    assert!(refused("name = \"regtest\"\n").contains("engine pow"));
    let twice = "[[bootstrap.bonds]]\nowner = \"OWNER\"\ndelegate = \"OWNER\"\nanchor = \"ANCHOR\"\namount_sat = 5000000000\n"
        .replace("OWNER", &"01".repeat(20))
        .replace("ANCHOR", &"01".repeat(32))
        .repeat(2);
    assert!(refused(&twice).contains("same delegate"));
    let named = "base = \"devnet\"\n[bootstrap]\nkey = \"KEY\"\n".replace("KEY", &"01".repeat(32));
    let error = ChainSpec::parse(&named).expect_err("devnet has no seals");
    assert!(error.to_string().contains("engine pow has none"));
}

#[test]
fn the_chain_id_covers_consensus_and_nothing_else() {
    let spec = ChainSpec::preset("devnet").expect("a preset");
    let mut renamed = spec.clone();
    renamed.name = "other".to_owned();
    renamed.peers.push("http://127.0.0.1:9330".to_owned());
    renamed.trust.checkpoints.push((Height(1), BlockHash::ZERO));
    renamed.trust.snapshots.push(crate::Snapshot {
        height: Height(2),
        hash: BlockHash::ZERO,
        muhash: [3; 32],
    });
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

#[test]
fn a_trusted_snapshot_is_read_from_the_file_and_written_again() {
    let snapshot = crate::Snapshot {
        height: Height(120),
        hash: BlockHash::from_bytes([7; 32]),
        muhash: core::array::from_fn(|index| u8::try_from(index).expect("small")),
    };
    let text = format!("base = \"regtest\"\n\n{}", snapshot.to_toml());
    let spec = ChainSpec::parse(&text).expect("a spec");
    assert_eq!(spec.trust.snapshots, [snapshot]);
    let muhash = "muhash = \"1f1e1d1c1b1a191817161514131211100f0e0d0c0b0a09080706050403020100\"";
    assert!(text.contains(muhash), "{text}");
    let plain = ChainSpec::preset("regtest").expect("a preset");
    assert_eq!(spec.chain_id(), plain.chain_id());
}
