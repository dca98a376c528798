"""A wallet that knows nothing of Synod: BDK, from its own package."""

import bdkpython as bdk
import pytest

from network import Network, wait_for


@pytest.fixture(scope="module")
def regtest(tmp_path_factory):
    """A network whose miner makes a block each second."""
    network = Network(tmp_path_factory.mktemp("bdk"), "--preset", "regtest", "--block-time", "1s")
    yield network
    assert network.stop() == 0


def new_wallet(kind):
    mnemonic = bdk.Mnemonic(bdk.WordCount.WORDS12)
    key = bdk.DescriptorSecretKey(bdk.NetworkKind.TEST, mnemonic, None)
    make = bdk.Descriptor.new_bip84 if kind == "wpkh" else bdk.Descriptor.new_bip86
    external = make(key, bdk.KeychainKind.EXTERNAL, bdk.NetworkKind.TEST)
    internal = make(key, bdk.KeychainKind.INTERNAL, bdk.NetworkKind.TEST)
    return bdk.Wallet(external, internal, bdk.Network.REGTEST, bdk.Persister.new_in_memory())


def address_of(wallet):
    return str(wallet.reveal_next_address(bdk.KeychainKind.EXTERNAL).address)


def sync(wallet, client):
    wallet.apply_update(client.sync(wallet.start_sync_with_revealed_spks().build(), 2))
    return wallet.balance()


def pay(network, client, kind):
    wallet, shop = new_wallet(kind), new_wallet(kind)
    network.faucet(address_of(wallet), 1_000_000)
    wallet.apply_update(client.full_scan(wallet.start_full_scan().build(), 5, 2))
    assert wallet.balance().total.to_sat() == 1_000_000
    wait_for("the faucet's coins", lambda: sync(wallet, client).confirmed.to_sat() == 1_000_000)

    script = bdk.Address(address_of(shop), bdk.Network.REGTEST).script_pubkey()
    psbt = (
        bdk.TxBuilder()
        .add_recipient(script, bdk.Amount.from_sat(250_000))
        .fee_rate(bdk.FeeRate.from_sat_per_vb(2))
        .finish(wallet)
    )
    assert wallet.sign(psbt)
    transaction = psbt.extract_tx()
    client.broadcast(transaction)
    assert sync(shop, client).total.to_sat() == 250_000, "the payment shows at once"
    wait_for("the payment's block", lambda: sync(shop, client).confirmed.to_sat() == 250_000)
    left = sync(wallet, client).confirmed.to_sat()
    assert 740_000 < left < 750_000
    network.wait_confirmed(str(transaction.compute_txid()))


def test_bdk_pays_and_sees_the_confirmation_with_segwit_keys(regtest):
    pay(regtest, bdk.EsploraClient(regtest.api), "wpkh")


def test_bdk_pays_and_sees_the_confirmation_with_taproot_keys(regtest):
    pay(regtest, bdk.EsploraClient(regtest.esplora_root), "tr")
