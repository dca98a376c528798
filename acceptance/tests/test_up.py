"""`synod up` as its users meet it."""

import json
import subprocess

from network import Network, get, program, wait_for


def up(folder, *arguments):
    command = [program("synod"), "up", "--data", str(folder / "data"), "--ci", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_every_service_answers_when_the_network_is_ready(devnet):
    endpoints = devnet.endpoints
    assert len(endpoints["nodes"]) == 3
    saved = json.loads((devnet.folder / "data" / "endpoints.json").read_text())
    assert saved == endpoints
    for url in [node["url"] for node in endpoints["nodes"]]:
        assert get(f"{url}/v1/chain").json["chain_id"] == endpoints["chain_id"]
    for name in ("miner", "explorer", "wallet"):
        url = endpoints[name]["url"]
        for path in ("/health/live", "/health/ready", "/metrics", "/openapi.json"):
            assert get(url + path).status == 200, url + path
    assert get(devnet.pages).status == 200
    assert int(get(f"{devnet.esplora_root}/blocks/tip/height").text) >= 143


def test_all_nodes_stand_on_the_same_coins(devnet):
    def states():
        found = [get(f"{node['url']}/v1/state").json for node in devnet.endpoints["nodes"]]
        return found[0] == found[1] == found[2] and found[0]

    assert wait_for("equal states", states)["coins"] > 100


def test_a_second_start_goes_on_from_the_same_chain(tmp_path):
    network = Network(tmp_path)
    first = get(f"{network.node()}/v1/chain").json
    hash_143 = get(f"{network.node()}/v1/blocks/at/143").json["hash"]
    assert network.stop() == 0
    network.start()
    second = get(f"{network.node()}/v1/chain").json
    assert second["chain_id"] == first["chain_id"]
    assert second["height"] >= first["height"]
    assert get(f"{network.node()}/v1/blocks/at/143").json["hash"] == hash_143
    assert network.stop() == 0


def test_the_same_seed_gives_the_same_bootstrap(tmp_path):
    hashes = []
    for name in ("a", "b"):
        folder = tmp_path / name
        folder.mkdir()
        network = Network(folder, "--seed", "7", "--nodes", "1")
        hashes.append(get(f"{network.node()}/v1/blocks/at/143").json["hash"])
        assert network.stop() == 0
    assert hashes[0] == hashes[1]


def test_a_data_directory_in_use_is_refused_in_one_sentence(devnet):
    refused = up(devnet.folder, "--ports", "auto")
    assert refused.returncode != 0
    assert "in use" in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1, refused.stderr


def test_a_data_directory_of_another_network_is_refused_in_one_sentence(tmp_path):
    assert Network(tmp_path, "--nodes", "1").stop() == 0
    refused = up(tmp_path, "--ports", "auto", "--preset", "regtest")
    assert refused.returncode != 0
    assert "devnet" in refused.stderr and "regtest" in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1, refused.stderr


def test_a_taken_port_is_refused_in_one_sentence(tmp_path):
    import socket

    with socket.socket() as listener:
        try:
            listener.bind(("127.0.0.1", 9330))
        except OSError:
            pass
        else:
            listener.listen()
        refused = up(tmp_path)
    assert refused.returncode != 0
    assert "9330" in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1, refused.stderr


def test_a_regtest_network_comes_up_with_mature_coins(tmp_path):
    network = Network(tmp_path, "--preset", "regtest", "--nodes", "2")
    chain = get(f"{network.node()}/v1/chain").json
    assert chain["network"] == "regtest" and chain["height"] >= 101
    txid = network.faucet("bcrt1q6rz28mcfaxtmd6v789l9rrlrusdprr9pz3cppk", 5_000)
    network.wait_confirmed(txid)
    assert network.stop() == 0


def test_the_faucet_command_pays(devnet):
    address = "bcrt1q6rz28mcfaxtmd6v789l9rrlrusdprr9pz3cppk"
    command = [program("synod"), "faucet", address, "0.0001", "--data", str(devnet.folder / "data")]
    paid = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert paid.returncode == 0, paid.stderr
    txid = paid.stdout.split()[-1]
    outputs = get(f"{devnet.api}/tx/{txid}").json["vout"]
    assert 10_000 in [output["value"] for output in outputs]
