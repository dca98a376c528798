"""Starts Synod's programs as their users do, and asks them over HTTP."""

import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
PATIENCE_S = 60


def program(name):
    """Finds a program of the suite."""
    if "SYNOD_BIN" in os.environ:
        return str(pathlib.Path(os.environ["SYNOD_BIN"]) / name)
    found = [p for p in (ROOT / "target" / kind / name for kind in ("release", "debug")) if p.exists()]
    assert found, f"{name} is not built"
    return str(max(found, key=lambda path: path.stat().st_mtime))


class Answer:
    """What a service answered."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def text(self):
        return self.body.decode()

    @property
    def json(self):
        return json.loads(self.body)


def request(method, url, body=None, headers=None, timeout=30):
    """Sends one request; an error status is an answer, not an exception."""
    headers = dict(headers or {})
    if isinstance(body, (dict, list)):
        body = json.dumps(body).encode()
        headers.setdefault("Content-Type", "application/json")
    elif isinstance(body, str):
        body = body.encode()
        headers.setdefault("Content-Type", "text/plain")
    elif body is not None:
        headers.setdefault("Content-Type", "application/octet-stream")
    message = urllib.request.Request(url, data=body, headers=headers, method=method)
    try:
        with urllib.request.urlopen(message, timeout=timeout) as answer:
            return Answer(answer.status, answer.headers, answer.read())
    except urllib.error.HTTPError as error:
        return Answer(error.code, error.headers, error.read())


def get(url, **kwargs):
    return request("GET", url, **kwargs)


def post(url, body=None, **kwargs):
    return request("POST", url, body if body is not None else b"", **kwargs)


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def wait_for(what, condition, patience=PATIENCE_S):
    """Polls until the condition gives something; fails with `what` when it never does."""
    end = time.monotonic() + patience
    last = None
    while time.monotonic() < end:
        try:
            last = condition()
            if last:
                return last
        except (OSError, KeyError, ValueError) as error:
            last = error
        time.sleep(0.05)
    raise AssertionError(f"waited {patience} s for {what}; last: {last!r}")


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Process:
    """A program of the suite that runs until it is stopped."""

    def __init__(self, arguments, log, env=None):
        self.log = open(log, "ab")
        self.child = subprocess.Popen(
            arguments,
            stdout=subprocess.PIPE,
            stderr=self.log,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **(env or {})},
        )

    def line(self):
        return self.child.stdout.readline().decode()

    def stop(self, how=signal.SIGINT, patience=30):
        if self.child.poll() is None:
            self.child.send_signal(how)
        code = self.child.wait(patience)
        self.child.stdout.close()
        self.log.close()
        return code

    def kill(self):
        return self.stop(signal.SIGKILL)


class Network:
    """`synod up` in a folder of its own."""

    def __init__(self, folder, *arguments):
        self.folder = pathlib.Path(folder)
        self.arguments = [program("synod"), "up", "--data", str(self.folder / "data")]
        self.arguments += ["--ports", "auto", "--ci", *arguments]
        self.start()

    def start(self):
        self.process = Process(self.arguments, self.folder / "up.log")
        line = self.process.line()
        assert line, (self.folder / "up.log").read_text()
        self.endpoints = json.loads(line)

    def stop(self):
        return self.process.stop()

    def node(self, index=0):
        return self.endpoints["nodes"][index]["url"]

    @property
    def api(self):
        return self.endpoints["explorer"]["api"]

    @property
    def pages(self):
        return self.endpoints["explorer"]["url"]

    @property
    def esplora_root(self):
        return self.endpoints["explorer"]["esplora_root"]

    def faucet(self, address, amount_sat):
        answer = post(f"{self.pages}/faucet", {"address": address, "amount": amount_sat})
        assert answer.status == 200, answer.text
        return answer.json["txid"]

    def wait_confirmed(self, txid):
        def status():
            answer = get(f"{self.api}/tx/{txid}/status")
            return answer.status == 200 and answer.json["confirmed"] and answer.json

        return wait_for(f"{txid} to be mined", status)


class Node:
    """One `synod-node` process on a regtest or devnet chain."""

    def __init__(self, folder, network="regtest", *arguments, port=None):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.arguments = [
            program("synod-node"), "run", "--data", str(self.folder / "data"),
            "--network", str(network), "--listen", f"127.0.0.1:{self.port}", *arguments,
        ]
        self.start()

    def start(self):
        self.process = Process(self.arguments, self.folder / "node.log")
        wait_for("the node to be ready", self.is_ready)

    def is_ready(self):
        assert self.process.child.poll() is None, (self.folder / "node.log").read_text()
        return get(f"{self.url}/health/ready").status == 200

    def stop(self):
        return self.process.stop()

    def kill(self):
        return self.process.kill()

    @property
    def token(self):
        return (self.folder / "data" / "token").read_text().strip()

    def chain(self):
        return get(f"{self.url}/v1/chain").json

    def state(self):
        return get(f"{self.url}/v1/state").json

    def mine(self, blocks, address):
        answer = post(f"{self.url}/dev/v1/mine", {"blocks": blocks, "payout": address})
        assert answer.status == 200, answer.text
        return answer.json

    def connect(self, other):
        answer = post(f"{self.url}/v1/peers", {"url": other.url}, headers=bearer(self.token))
        assert answer.status in (200, 201, 202), answer.text

    def disconnect(self, other):
        for peer in get(f"{self.url}/v1/peers", headers=bearer(self.token)).json["peers"]:
            if peer["url"].rstrip("/") == other.url:
                answer = request(
                    "DELETE", f"{self.url}/v1/peers/{peer['id']}", headers=bearer(self.token)
                )
                assert answer.status in (200, 204), answer.text


class Person:
    """Somebody with a hot wallet directory, a cold one, and a password file."""

    def __init__(self, folder, network):
        self.folder = folder
        password = folder / "password"
        password.write_text("correct horse battery staple\n")
        password.chmod(0o600)
        self.environment = {
            **os.environ,
            "SYNOD_EXPLORER": network.api,
            "SYNOD_WALLET_DIR": str(folder / "hot"),
            "SYNOD_WALLET_PASSWORD_FILE": str(password),
        }

    def run(self, name, *arguments, stdin=None, code=0):
        extra = ["--dir", str(self.folder / "cold")] if name == "synod-wallet-cold" else []
        done = subprocess.run(
            [program(name), *extra, *arguments],
            input=stdin, capture_output=True, text=True, timeout=60,
            env=self.environment, cwd=self.folder,
        )
        assert done.returncode == code, (arguments, done.stdout, done.stderr)
        return done.stdout

    def hot(self, *arguments, **kwargs):
        return self.run("synod-wallet", *arguments, **kwargs)

    def cold(self, *arguments, **kwargs):
        return self.run("synod-wallet-cold", *arguments, **kwargs)

    def json(self, *arguments, **kwargs):
        answer = json.loads(self.hot(*arguments, "--json", **kwargs))
        assert answer["ok"], answer
        return answer["data"]


def strip_terminal(text):
    """Removes terminal colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)
