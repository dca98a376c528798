"""Real node processes: killed, cut apart, and given nonsense."""

import concurrent.futures
import json
import threading

import pytest

from network import Node, bearer, get, post, request, wait_for

A = "bcrt1q6rz28mcfaxtmd6v789l9rrlrusdprr9pz3cppk"
B = "bcrt1p8wpt9v4frpf3tkn0srd97pksgsxc5hs52lafxwru9kgeephvs7rqjeprhg"


@pytest.fixture
def pair(tmp_path):
    one = Node(tmp_path / "one", "regtest", "--dev")
    two = Node(tmp_path / "two", "regtest", "--dev", "--peer", one.url)
    yield one, two
    one.stop()
    two.stop()


def same_tip(*nodes):
    tips = {node.chain()["best_block_hash"] for node in nodes}
    return len(tips) == 1


def test_a_node_killed_while_blocks_arrive_catches_up_to_the_same_coins(pair):
    one, two = pair
    enough = threading.Event()

    def mine():
        while not enough.is_set():
            one.mine(5, A)

    with concurrent.futures.ThreadPoolExecutor() as pool:
        mining = pool.submit(mine)
        try:
            for _ in range(5):
                height = two.chain()["height"]
                wait_for("blocks to arrive", lambda: two.chain()["height"] > height)
                two.kill()
                two.start()
        finally:
            enough.set()
        mining.result()
    wait_for("the same tip", lambda: same_tip(one, two))
    assert one.chain()["height"] >= 5
    assert one.state() == two.state()


def test_nodes_cut_apart_meet_again_on_the_branch_with_most_work(pair):
    one, two = pair
    one.mine(101, A)
    wait_for("the same tip", lambda: same_tip(one, two))
    one.disconnect(two)
    two.disconnect(one)
    one.mine(2, A)
    two.mine(4, B)
    assert not same_tip(one, two)
    lost = one.chain()["best_block_hash"]
    one.connect(two)
    wait_for("the same tip", lambda: same_tip(one, two))
    assert one.chain()["height"] == 105
    assert one.state() == two.state()
    tips = {tip["hash"]: tip["status"] for tip in get(f"{one.url}/v1/chain/tips").json["tips"]}
    assert tips[lost] == "valid-fork"


def test_payments_of_the_losing_branch_are_mined_on_the_winning_one(tmp_path):
    """Two halves of a network, a payment in the half that loses, and the explorer's view."""
    from network import Network

    network = Network(tmp_path, "--preset", "regtest", "--nodes", "2", "--block-time", "3600s")
    one, two = (endpoint["url"] for endpoint in network.endpoints["nodes"])
    tokens = [bearer(endpoint["token"]) for endpoint in network.endpoints["nodes"]]
    miner = network.endpoints["miner"]
    post(f"{miner['url']}/v1/stop", {}, headers=bearer(miner["token"]))
    wait_for("one tip", lambda: tip_of(one) == tip_of(two))
    for url, token in zip((one, two), tokens):
        for peer in get(f"{url}/v1/peers", headers=token).json["peers"]:
            request("DELETE", f"{url}/v1/peers/{peer['id']}", headers=token)
    txid = network.faucet(A, 20_000)
    lost = post(f"{one}/dev/v1/mine", {"blocks": 1, "payout": A}).json["blocks"][0]
    network.wait_confirmed(txid)
    won = post(f"{two}/dev/v1/mine", {"blocks": 2, "payout": B}).json["blocks"]
    assert post(f"{two}/v1/peers", {"url": one}, headers=tokens[1]).status == 201
    wait_for("the branch with most work", lambda: tip_of(one) == won[-1])
    back = wait_for(
        "the payment to wait again",
        lambda: get(f"{network.api}/tx/{txid}/status").json["confirmed"] is False,
    )
    assert back
    assert get(f"{one}/v1/transactions/{txid}").json["in_mempool"]
    reorgs = get(f"{network.pages}/v1/reorgs").json
    assert lost in json.dumps(reorgs)
    assert get(f"{network.pages}/reorgs").status == 200
    mined = post(f"{one}/dev/v1/mine", {"blocks": 1, "payout": A}).json["blocks"][0]
    assert network.wait_confirmed(txid)["block_hash"] == mined
    assert network.stop() == 0


def tip_of(url):
    return get(f"{url}/v1/chain").json["best_block_hash"]


BAD_BODIES = [
    ("truncated block", b"\x00" * 79, 400),
    ("empty block", b"", 400),
    ("odd hex", "abc", 400),
    ("no hex", "zz", 400),
]


@pytest.mark.parametrize("name,body,status", BAD_BODIES, ids=[row[0] for row in BAD_BODIES])
def test_bytes_that_are_no_block_get_a_problem_document(pair, name, body, status):
    node = pair[0]
    before = node.state()
    for path in ("blocks", "transactions"):
        answer = post(f"{node.url}/v1/{path}", body)
        assert answer.status == status, answer.text
        assert answer.headers["Content-Type"].startswith("application/problem+json")
        assert answer.json["code"] and answer.json["request_id"]
    assert node.state() == before


def test_a_block_with_one_flipped_bit_is_refused_and_the_true_one_is_still_welcome(tmp_path):
    one = Node(tmp_path / "one", "regtest", "--dev")
    two = Node(tmp_path / "two", "regtest", "--dev")
    one.mine(1, A)
    raw = get(f"{one.url}/v1/blocks/{one.chain()['best_block_hash']}/raw").body
    for position in range(80, len(raw), 7):
        bad = bytearray(raw)
        bad[position] ^= 1
        answer = post(f"{two.url}/v1/blocks", bytes(bad))
        assert answer.status in (400, 422), answer.text
        assert answer.json["code"]
    answer = post(f"{two.url}/v1/blocks", raw)
    assert answer.status == 200 and answer.json["status"] == "active", answer.text
    assert one.state() == two.state()
    one.stop()
    two.stop()


def test_oversized_and_nested_bodies_are_refused_and_the_service_lives(pair):
    node = pair[0]
    answer = post(f"{node.url}/v1/blocks", b"\x00" * 5_000_000)
    assert answer.status == 413, answer.text
    bomb = "[" * 100_000 + "]" * 100_000
    answer = request(
        "POST", f"{node.url}/dev/v1/mine", bomb, headers={"Content-Type": "application/json"}
    )
    assert answer.status in (400, 422), answer.text
    deep = '{"blocks":' * 200 + "1" + "}" * 200
    answer = request(
        "POST", f"{node.url}/dev/v1/mine", deep, headers={"Content-Type": "application/json"}
    )
    assert answer.status in (400, 422), answer.text
    answer = post(f"{node.url}/dev/v1/mine", {"blocks": 1, "payout": A, "colour": "red"})
    assert answer.status in (400, 422), answer.text
    mainnet = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"
    answer = post(f"{node.url}/dev/v1/mine", {"blocks": 1, "payout": mainnet})
    assert answer.status in (400, 422), answer.text
    assert node.chain()["height"] == 0
    assert get(f"{node.url}/v1/nowhere").status == 404
    assert request("PUT", f"{node.url}/v1/chain").status == 405


def test_a_second_node_on_the_same_data_is_refused(pair, tmp_path):
    import subprocess

    node = pair[0]
    refused = subprocess.run(
        [*node.arguments[:-2], "127.0.0.1:0"] if node.arguments[-1] != "--dev" else
        [arg if not arg.startswith("127.0.0.1:") else "127.0.0.1:0" for arg in node.arguments],
        capture_output=True, text=True, timeout=30,
    )
    assert refused.returncode != 0
    assert "in use" in refused.stderr


def test_operators_routes_want_the_token(pair):
    node = pair[0]
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic Og=="}):
        assert get(f"{node.url}/v1/peers", headers=headers).status == 401
        answer = post(f"{node.url}/v1/peers", {"url": node.url}, headers=headers)
        assert answer.status == 401
    evil = {"Host": "evil.example"}
    assert get(f"{node.url}/v1/chain", headers=evil).status in (403, 421)
