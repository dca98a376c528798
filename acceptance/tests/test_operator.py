"""An operator takes blocks out of the chain and in again, while everything follows."""

import json
import os
import subprocess

import pytest

from network import Network, bearer, get, post, program, wait_for

A = "bcrt1q6rz28mcfaxtmd6v789l9rrlrusdprr9pz3cppk"
B = "bcrt1p8wpt9v4frpf3tkn0srd97pksgsxc5hs52lafxwru9kgeephvs7rqjeprhg"
AMOUNT = 30_000_000


@pytest.fixture
def network(tmp_path):
    """Two nodes, an explorer that follows the first, and a miner that rests."""
    network = Network(tmp_path, "--preset", "regtest", "--nodes", "2", "--block-time", "3600s")
    miner = network.endpoints["miner"]
    post(f"{miner['url']}/v1/stop", {}, headers=bearer(miner["token"]))
    yield network
    assert network.stop() == 0


def tip_of(url):
    return get(f"{url}/v1/chain").json["best_block_hash"]


def mine(url, blocks, payout):
    answer = post(f"{url}/dev/v1/mine", {"blocks": blocks, "payout": payout})
    assert answer.status == 200, answer.text
    return answer.json["blocks"]


def correct(url, action, block):
    answer = post(f"{url}/dev/v1/chain/{action}", {"hash": block})
    assert answer.status == 204, answer.text


class Wallet:
    """A hot wallet of its own."""

    def __init__(self, folder, network):
        password = folder / "password"
        password.write_text("correct horse battery staple\n")
        password.chmod(0o600)
        self.environment = {
            **os.environ,
            "SYNOD_EXPLORER": network.api,
            "SYNOD_WALLET_DIR": str(folder / "hot"),
            "SYNOD_WALLET_PASSWORD_FILE": str(password),
        }
        self.run("create", "alice")
        self.address = self.run("-w", "alice", "address", "new").strip()

    def run(self, *arguments):
        done = subprocess.run(
            [program("synod-wallet"), *arguments],
            capture_output=True, text=True, timeout=60, env=self.environment,
        )
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
        return done.stdout

    def confirmed(self):
        answer = json.loads(self.run("-w", "alice", "balance", "--json"))
        return answer["data"]["spendable_sat"]


def test_c29_node_explorer_and_wallet_follow_an_operator_who_takes_blocks_out_and_in(
    network, tmp_path
):
    one, two = (endpoint["url"] for endpoint in network.endpoints["nodes"])
    wait_for("one tip", lambda: tip_of(one) == tip_of(two))
    wallet = Wallet(tmp_path, network)
    txid = network.faucet(wallet.address, AMOUNT)
    blocks = mine(one, 4, A)
    assert network.wait_confirmed(txid)["block_hash"] == blocks[0]
    wait_for("the second node", lambda: tip_of(two) == blocks[-1])
    wait_for("the coins", lambda: wallet.confirmed() == AMOUNT)
    before = get(f"{one}/v1/state").json

    # Out: the explorer goes back with the node, the payment waits again. A wallet sees a chain
    # that only became shorter when blocks replace the ones that are gone.
    correct(one, "invalidate", blocks[0])
    assert get(f"{one}/v1/chain").json["height"] == before["height"] - 4
    wait_for(
        "the explorer to go back",
        lambda: get(f"{network.api}/blocks/tip/hash").text == tip_of(one),
    )
    assert get(f"{network.api}/tx/{txid}/status").json["confirmed"] is False
    assert tip_of(two) == blocks[-1], "another node's operator has no say"

    # In: everything is as it was, from undo data and not from peers.
    correct(one, "reconsider", blocks[0])
    assert get(f"{one}/v1/state").json == before
    wait_for(
        "the explorer to come back",
        lambda: get(f"{network.api}/blocks/tip/hash").text == blocks[-1],
    )
    assert network.wait_confirmed(txid)["block_hash"] == blocks[0]
    wait_for("the coins as before", lambda: wallet.confirmed() == AMOUNT)

    # Out again, and a longer branch without the block: whoever hears of it follows.
    correct(one, "invalidate", blocks[0])
    other = mine(one, 6, B)
    for block in other:
        raw = get(f"{one}/v1/blocks/{block}/raw").body
        assert post(f"{two}/v1/blocks", raw).status == 200
    assert tip_of(one) == tip_of(two) == other[-1]
    assert get(f"{one}/v1/state").json == get(f"{two}/v1/state").json
    wait_for(
        "the explorer to follow",
        lambda: get(f"{network.api}/blocks/tip/hash").text == other[-1],
    )
    assert network.wait_confirmed(txid)["block_hash"] == other[0]
    wait_for("the wallet to follow", lambda: wallet.confirmed() == AMOUNT)
