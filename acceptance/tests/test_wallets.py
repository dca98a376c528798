"""The wallet programs as their users run them, against a running network."""

import json
import os
import subprocess
import time

import pytest

from network import Network, Person, bearer, get, post, program, wait_for

SHOP = "bcrt1q6rz28mcfaxtmd6v789l9rrlrusdprr9pz3cppk"


@pytest.fixture(scope="module")
def regtest(tmp_path_factory):
    """A network whose miner makes a block each second."""
    network = Network(tmp_path_factory.mktemp("regtest"), "--preset", "regtest", "--block-time", "1s")
    yield network
    assert network.stop() == 0


@pytest.fixture
def person(tmp_path, regtest):
    return Person(tmp_path, regtest)


def test_a_payment_with_change_is_confirmed_on_the_page_and_by_curl(person, regtest):
    person.hot("create", "alice")
    address = person.hot("-w", "alice", "address", "new").strip()
    regtest.wait_confirmed(regtest.faucet(address, 50_000_000))
    wait_for(
        "the coins", lambda: person.json("-w", "alice", "balance")["spendable_sat"] == 50_000_000
    )
    txid = person.hot("-w", "alice", "send", "--to", f"{SHOP}:0.1btc", "--yes").strip()
    status = regtest.wait_confirmed(txid)
    outputs = get(f"{regtest.api}/tx/{txid}").json["vout"]
    assert sorted(output["value"] == 10_000_000 for output in outputs) == [False, True]
    page = get(f"{regtest.pages}/tx/{txid}").text
    assert txid in page and "Confirmed" in page and str(status["block_height"]) in page
    body = get(f"{regtest.node()}/v1/transactions/{txid}").json
    assert body["confirmations"] >= 1 and body["block"]["height"] == status["block_height"]
    left = person.json("-w", "alice", "balance")["total_sat"]
    assert 39_990_000 < left < 40_000_000


def test_a_cold_wallet_signs_what_a_watching_one_built(person, regtest):
    person.cold("create", "vault")
    person.cold("-w", "vault", "export", "watch-only", "-o", "vault.json")
    person.hot("create", "vault", "--watch-only", "vault.json")
    address = person.hot("-w", "vault", "address", "new").strip()
    regtest.wait_confirmed(regtest.faucet(address, 100_000_000))
    person.hot("-w", "vault", "psbt", "create", "--to", f"{SHOP}:0.25btc", "-o", "pay.psbt")
    shown = person.cold("-w", "vault", "psbt", "inspect", "pay.psbt")
    assert "0.25000000 BTC" in shown and "change" in shown
    person.cold("-w", "vault", "psbt", "sign", "pay.psbt", "-o", "signed.psbt")
    person.hot("-w", "vault", "psbt", "verify", "signed.psbt", "--against", "pay.psbt")
    raw = person.hot("-w", "vault", "psbt", "finalize", "signed.psbt")
    txid = person.hot("tx", "broadcast", "-", stdin=raw).strip()
    regtest.wait_confirmed(txid)
    wait_for(
        "the watching wallet", lambda: person.json("-w", "vault", "balance")["total_sat"] < 76_000_000
    )


def test_of_two_payments_with_the_same_coin_the_second_replaces_or_is_refused(person, regtest):
    person.hot("create", "bob")
    address = person.hot("-w", "bob", "address", "new").strip()
    regtest.wait_confirmed(regtest.faucet(address, 10_000_000))
    wait_for("the coins", lambda: person.json("-w", "bob", "balance")["spendable_sat"] > 0)
    miner = regtest.endpoints["miner"]
    assert post(f"{miner['url']}/v1/stop", headers=bearer(miner["token"])).status == 200
    try:
        first = person.hot("-w", "bob", "send", "--to", f"{SHOP}:0.01btc", "--yes").strip()
        raw = get(f"{regtest.api}/tx/{first}/hex").text
        second = person.hot("-w", "bob", "bump", first, "--fee-rate", "20", "--yes").strip().split()[-1]
        assert second != first
        entry = get(f"{regtest.api}/tx/{second}").json
        assert entry["status"]["confirmed"] is False
        # The first one pays less: it cannot come back.
        answer = post(f"{regtest.node()}/v1/transactions", raw)
        assert answer.status == 422, answer.text
        assert answer.json["code"] in ("insufficient fee", "txn-mempool-conflict")
        mined = post(f"{regtest.node()}/dev/v1/mine", {"blocks": 1, "payout": SHOP})
        assert mined.status == 200, mined.text
        regtest.wait_confirmed(second)
    finally:
        post(f"{miner['url']}/v1/start", headers=bearer(miner["token"]))
    answer = post(f"{regtest.node()}/v1/transactions", raw)
    assert answer.status == 422
    assert answer.json["code"] == "bad-txns-inputs-missingorspent"


def test_a_transaction_with_a_wrong_signature_is_refused_with_the_scripts_error(person, regtest):
    person.hot("create", "carol")
    address = person.hot("-w", "carol", "address", "new").strip()
    txid = regtest.faucet(address, 1_000_000)
    raw = bytearray(bytes.fromhex(get(f"{regtest.api}/tx/{txid}/hex").text))
    regtest.wait_confirmed(txid)
    # A bit of the signature's middle.
    raw[-60] ^= 1
    before = get(f"{regtest.node()}/v1/mempool").json["transactions"]
    answer = post(f"{regtest.node()}/v1/transactions", bytes(raw))
    assert answer.status == 422, answer.text
    assert answer.json["code"]
    assert get(f"{regtest.node()}/v1/mempool").json["transactions"] == before


def test_without_a_password_source_the_wallet_does_not_wait_for_one(person):
    del person.environment["SYNOD_WALLET_PASSWORD_FILE"]
    started = time.monotonic()
    person.hot("create", "dora", code=4)
    assert time.monotonic() - started < 5


def test_an_address_of_another_network_is_refused(person, regtest):
    person.hot("create", "erin")
    address = person.hot("-w", "erin", "address", "new").strip()
    regtest.wait_confirmed(regtest.faucet(address, 1_000_000))
    mainnet = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"
    done = subprocess.run(
        [program("synod-wallet"), "-w", "erin", "send", "--to", f"{mainnet}:1000sat", "--yes"],
        capture_output=True, text=True, timeout=60, env=person.environment,
    )
    assert done.returncode != 0 and mainnet not in done.stdout
    answer = post(f"{regtest.pages}/faucet", {"address": mainnet, "amount": 1000})
    assert answer.status in (400, 422), answer.text
