"""Networks whose blocks are sealed by validators, as `synod up --engine` brings them up."""

import json
import subprocess

import pytest

from network import Network, Person, Process, bearer, free_port, get, program, wait_for

SHOP = "bcrt1q6rz28mcfaxtmd6v789l9rrlrusdprr9pz3cppk"
BOOTSTRAP_HEIGHT = 143
QUICK = {
    "pos": ("--engine", "pos", "--slot-time", "1s", "--epoch-slots", "4"),
    "dpos": ("--engine", "dpos", "--slot-time", "1s"),
}


@pytest.fixture(scope="module", params=["pos", "dpos"])
def sealed(request, tmp_path_factory):
    """A network with slots of a second, shared by the tests of a module."""
    network = Network(tmp_path_factory.mktemp(request.param), *QUICK[request.param])
    yield network
    assert network.stop() == 0


@pytest.fixture
def person(tmp_path, sealed):
    return Person(tmp_path, sealed)


def chain(network, index=0):
    return get(f"{network.node(index)}/v1/chain").json


def up(folder, *arguments):
    command = [program("synod"), "up", "--data", str(folder / "data"), "--ci", "--ports", "auto"]
    return subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=60)


def fund(person, network, coins):
    """Gives a new wallet this many coins, the faucet's most at a time."""
    person.hot("create", "alice")
    address = person.hot("-w", "alice", "address", "new").strip()
    paid = [network.faucet(address, 1_000_000_000) for _ in range(coins // 10)]
    for txid in paid:
        network.wait_confirmed(txid)
    sat = coins // 10 * 1_000_000_000
    wait_for("the coins", lambda: person.json("-w", "alice", "balance")["spendable_sat"] == sat)


def test_validators_seal_from_the_start(sealed):
    endpoints = sealed.endpoints
    assert "miner" not in endpoints
    names = [it["name"] for it in endpoints["validators"]]
    assert names == [f"validator-{number}" for number in (1, 2, 3, 4)]
    for validator in endpoints["validators"]:
        status = wait_for(
            f"{validator['name']} to seal",
            lambda: (it := get(f"{validator['url']}/v1/status").json)["sealed"] > 0 and it,
        )
        assert status["phase"] == "active" and status["refused"] == 0
        assert status["chain_id"] == endpoints["chain_id"]
        assert len(status["nodes"]) == 3
    assert chain(sealed)["engine"] == endpoints["engine"]
    height = chain(sealed)["height"]
    assert height > BOOTSTRAP_HEIGHT
    page = f"{sealed.pages}/block/{height}"
    shown = wait_for("the page", lambda: "Proposer" in (it := get(page).text) and it)
    assert "/validator/" in shown
    listed = get(f"{sealed.pages}/v1/validators").json
    assert len(listed["validators"]) == 4
    assert {it["status"] for it in listed["validators"]} == {"active"}
    assert "validator" in get(f"{sealed.pages}/validators").text


def test_finality_moves_and_all_nodes_agree(sealed):
    start = chain(sealed)["finalized"]["height"]
    assert start >= BOOTSTRAP_HEIGHT
    final = wait_for(
        "a later final block",
        lambda: (it := chain(sealed)["finalized"])["height"] > max(start, BOOTSTRAP_HEIGHT) and it,
    )
    for index in range(3):
        wait_for("the same final block", lambda: chain(sealed, index)["finalized"]["height"] >= final["height"])
        found = get(f"{sealed.node(index)}/v1/blocks/at/{final['height']}").json
        assert found["hash"] == final["hash"] and found["final"]
    page = get(f"{sealed.pages}/finality").text
    assert "Final block" in page and "Behind the tip" in page


def test_a_payment_from_a_wallet_becomes_final(sealed, person):
    fund(person, sealed, 10)
    txid = person.hot("-w", "alice", "send", "--to", f"{SHOP}:0.1btc", "--yes").strip()
    height = sealed.wait_confirmed(txid)["block_height"]
    wait_for("finality", lambda: get(f"{sealed.api}/stake").json["final_height"] >= height)
    page = wait_for("the page", lambda: "✓ Final" in (it := get(f"{sealed.pages}/tx/{txid}").text) and it)
    assert "Not final yet" not in page


def test_somebody_bonds_seals_and_goes(sealed, person, tmp_path):
    fund(person, sealed, 20)
    passphrase = tmp_path / "passphrase"
    passphrase.write_text("a long passphrase\n")
    passphrase.chmod(0o600)
    place = ["--data", str(tmp_path / "validator")]
    made = person.run(
        "synod-validator", "key", "new", *place, "--node", sealed.node(),
        "--passphrase-file", str(passphrase),
    )
    key = dict(line.split(None, 1) for line in made.splitlines())
    delegate = key["delegate"]
    bond = ["-w", "alice", "stake", "bond", "10btc", "--delegate", key["key"], "--anchor", key["anchor"]]
    # What can be lost is a warning that somebody has to take as confirmed.
    person.hot(*bond, code=5)
    txid = person.hot(*bond, "--yes").strip()
    sealed.wait_confirmed(txid)
    status = wait_for(
        "the bond", lambda: (it := person.json("-w", "alice", "stake", "status"))["stake"] and it
    )
    (row,) = status["stake"]
    assert (row["kind"], row["amount_sat"], row["delegate"]) == ("bond", 1_000_000_000, delegate)
    assert row["outpoint"] == f"{txid}:1"
    listed = wait_for(
        "the validator",
        lambda: {it["delegate"]: it for it in get(f"{sealed.pages}/v1/validators").json["validators"]}.get(delegate),
    )
    assert listed["bond"] == {"txid": txid, "vout": 1}
    assert delegate in get(f"{sealed.pages}/validator/{delegate}").text
    token = tmp_path / "token"
    token.write_text(sealed.endpoints["nodes"][0]["token"])
    url = f"http://127.0.0.1:{free_port()}"
    process = Process(
        [
            program("synod-validator"), "run", *place, "--node", sealed.node(),
            "--node-token-file", str(token), "--payout", SHOP, "--listen", url[7:],
            "--watch-slots", "0", "--passphrase-file", str(passphrase),
        ],
        tmp_path / "validator.log",
    )
    wait_for("the validator to be ready", lambda: get(f"{url}/health/ready").status == 200)
    # A bond of ten coins beside four of fifty is waited for: it has to age, or to be elected.
    assert get(f"{url}/v1/status").json["phase"] == "active"
    assert process.stop() == 0
    unbonded = person.hot("-w", "alice", "stake", "unbond", row["outpoint"], "--yes").strip()
    height = sealed.wait_confirmed(unbonded)["block_height"]
    (row,) = wait_for(
        "the unbonding",
        lambda: [it for it in person.json("-w", "alice", "stake", "status")["stake"] if it["kind"] == "unbonding"],
    )
    assert row["free_height"] == height + 256 and not row["is_free"]
    person.hot("-w", "alice", "stake", "withdraw", code=3)
    person.hot("-w", "alice", "stake", "withdraw", row["outpoint"], code=5)


def test_a_cold_wallet_says_what_is_at_risk_before_it_signs(sealed, person):
    person.cold("create", "vault")
    person.cold("-w", "vault", "export", "watch-only", "-o", "vault.json")
    person.hot("create", "vault", "--watch-only", "vault.json")
    address = person.hot("-w", "vault", "address", "new").strip()
    for _ in range(2):
        sealed.wait_confirmed(sealed.faucet(address, 1_000_000_000))
    delegate, anchor = "ab" * 20, "cd" * 32
    arguments = ["--delegate", delegate, "--anchor", anchor, "-o", "bond.psbt"]
    wait_for(
        "the coins", lambda: person.json("-w", "vault", "balance")["spendable_sat"] == 2_000_000_000
    )
    person.hot("-w", "vault", "stake", "bond", "10btc", *arguments)
    shown = person.cold("-w", "vault", "psbt", "inspect", "bond.psbt")
    for part in ("locks", delegate, anchor, "256 blocks", "not proven", "part or all of them is lost"):
        assert part in shown, (part, shown)
    person.cold("-w", "vault", "psbt", "sign", "bond.psbt", "-o", "bond.signed.psbt", code=5)
    person.cold("-w", "vault", "psbt", "sign", "bond.psbt", "-o", "bond.signed.psbt", "--yes")
    person.hot("psbt", "verify", "bond.signed.psbt", "--against", "bond.psbt", "--require-complete")
    raw = person.hot("psbt", "finalize", "bond.signed.psbt").strip()
    txid = json.loads(person.hot("tx", "broadcast", "-", "--json", stdin=raw))["data"]["txid"]
    sealed.wait_confirmed(txid)
    (row,) = wait_for(
        "the bond", lambda: person.json("-w", "vault", "stake", "status")["stake"]
    )
    person.hot("-w", "vault", "stake", "unbond", row["outpoint"], "-o", "unbond.psbt")
    assert "is unbonded" in person.cold("-w", "vault", "psbt", "inspect", "unbond.psbt")
    person.cold("-w", "vault", "psbt", "sign", "unbond.psbt", "-o", "unbond.signed.psbt")
    raw = person.hot("psbt", "finalize", "unbond.signed.psbt").strip()
    txid = json.loads(person.hot("tx", "broadcast", "-", "--json", stdin=raw))["data"]["txid"]
    sealed.wait_confirmed(txid)
    wait_for(
        "the unbonding",
        lambda: person.json("-w", "vault", "stake", "status")["stake"][0]["kind"] == "unbonding",
    )


@pytest.mark.parametrize("engine", ["pos", "dpos"])
def test_a_second_start_goes_on_and_nothing_final_is_lost(tmp_path, engine):
    network = Network(tmp_path, *QUICK[engine], "--nodes", "2")
    final = wait_for(
        "a final block",
        lambda: (it := chain(network)["finalized"])["height"] > BOOTSTRAP_HEIGHT and it,
    )
    tokens = [it["token"] for it in network.endpoints["validators"]]
    assert network.stop() == 0
    network.start()
    assert [it["token"] for it in network.endpoints["validators"]] == tokens
    after = chain(network)
    assert after["finalized"]["height"] >= final["height"]
    assert get(f"{network.node()}/v1/blocks/at/{final['height']}").json["hash"] == final["hash"]
    wait_for("a later block", lambda: chain(network)["height"] > after["height"])
    wait_for(
        "a later final block",
        lambda: chain(network)["finalized"]["height"] > after["finalized"]["height"],
    )
    refused = [get(f"{it['url']}/v1/status").json["refused"] for it in network.endpoints["validators"]]
    assert refused == [0, 0, 0, 0]
    assert network.stop() == 0


def test_another_engine_and_what_does_not_fit_are_refused_in_one_sentence(tmp_path):
    assert Network(tmp_path, "--nodes", "1").stop() == 0
    for arguments, words in [
        (["--engine", "pos"], "holds a network of engine pow, not of pos"),
        (["--validators", "4"], "fixed when a network is made"),
        (["--engine", "pow", "--slot-time", "1s"], "is for --engine pos and --engine dpos"),
        (["--engine", "dpos", "--preset", "devnet"], "has the engine pow"),
        (["--engine", "pow", "--preset", "sealed"], "for pos and dpos"),
    ]:
        refused = up(tmp_path, *arguments)
        assert refused.returncode != 0, arguments
        assert words in refused.stderr, refused.stderr
        assert len(refused.stderr.strip().splitlines()) == 1, refused.stderr
    new = tmp_path / "new"
    new.mkdir()
    refused = up(new, "--engine", "dpos", "--epoch-slots", "4")
    assert refused.returncode != 0 and "--epoch-slots is for --engine pos" in refused.stderr
    refused = up(new, "--engine", "pos", "--slot-time", "1500ms")
    assert refused.returncode != 0 and "whole seconds" in refused.stderr
