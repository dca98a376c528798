import pytest

from network import Network


@pytest.fixture(scope="module")
def devnet(tmp_path_factory):
    """A network as `synod up` brings it up, shared by the tests of a module."""
    network = Network(tmp_path_factory.mktemp("devnet"))
    yield network
    assert network.stop() == 0
