"""Starts the real programs for end-to-end tests: Narthex' release binary and Debian's exporters and servers.

Each program gets a free loopback port and a temporary folder of its own, and is stopped by its pid. A program that is not
installed fails the test: packages.txt lists them all.
"""
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
NARTHEX = os.environ.get("NARTHEX_BINARY", os.path.join(ROOT, "build/release/narthex"))


def sanitizer():
    """The sanitizer that the server under test was built with, or None: it keeps memory of its own."""
    with open(NARTHEX, "rb") as binary:
        code = binary.read()
    return next((name for name in ("asan", "tsan") if f"__{name}_init".encode() in code), None)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def fetch(url, data=None, headers=None, method=None, timeout=10):
    """Status, headers, body. A form is sent when data is a mapping or a list of pairs."""
    if data is not None and not isinstance(data, bytes):
        data = urllib.parse.urlencode(data).encode()
    request = urllib.request.Request(url, data=data, headers=headers or {}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response:
            return response.status, dict(response.headers), response.read()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), error.read()


def eventually(check, seconds, what):
    """Calls check until it returns something true; the last value or exception is in the failure."""
    deadline = time.monotonic() + seconds
    last = None
    while time.monotonic() < deadline:
        try:
            last = check()
            if last:
                return last
        except (OSError, AssertionError, KeyError, IndexError, ValueError) as error:
            last = error
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds} s: {what}; last: {last!r}")


class Program:
    """A process with its log."""

    def __init__(self, command, log):
        self.command = command
        self.log_path = log
        with open(log, "ab") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL)

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as text:
            return text.read()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self, seconds=30):
        """SIGTERM; returns how long it took and the status."""
        started = time.monotonic()
        if self.process.poll() is None:
            self.process.terminate()
        status = self.process.wait(seconds)
        return time.monotonic() - started, status


class Server(Program):
    """Narthex or Prometheus: they are started alike."""

    def __init__(self, binary, folder, config, port=None, extra=()):
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.data = os.path.join(folder, "data")
        self.config = os.path.join(folder, "prometheus.yml")
        if config is not None:
            with open(self.config, "w", encoding="utf-8") as out:
                out.write(config.replace("SELF", f"127.0.0.1:{self.port}"))
        super().__init__(
            [binary, f"--config.file={self.config}", f"--storage.tsdb.path={self.data}",
             f"--web.listen-address=127.0.0.1:{self.port}", *extra],
            os.path.join(folder, "server.log"))

    def wait_ready(self, seconds=20):
        def ready():
            if self.process.poll() is not None:
                raise SystemExit(f"server ended with {self.process.returncode}:\n{self.log()}")
            return fetch(self.url + "/-/ready", timeout=2)[0] == 200
        eventually(ready, seconds, f"{self.command[0]} ready; log:\n{self.log()}")
        return self

    def api(self, path, params=None, post=False, expect=200):
        """The decoded envelope."""
        url = f"{self.url}/api/v1/{path}"
        if post:
            status, _, body = fetch(url, data=params or {})
        else:
            query = "?" + urllib.parse.urlencode(params, doseq=True) if params else ""
            status, _, body = fetch(url + query)
        if expect is not None and status != expect:
            raise AssertionError(f"{path} {params}: status {status}: {body[:500]!r}")
        return json.loads(body)

    def query(self, expression, at=None):
        params = {"query": expression}
        if at is not None:
            params["time"] = repr(at)
        return self.api("query", params)["data"]["result"]


class EndToEnd(unittest.TestCase):
    """Gives each test a folder and stops what it started."""

    maxDiff = None

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="narthex-e2e-")
        self.programs = []
        self.addCleanup(self._clean)
        self.assertTrue(os.path.exists(NARTHEX), f"{NARTHEX} is not built: ./dev build")

    def _clean(self):
        for program in reversed(self.programs):
            with contextlib.suppress(Exception):
                if program.process.poll() is None:
                    program.process.send_signal(signal.SIGKILL)
                    program.process.wait(10)
        shutil.rmtree(self.folder, ignore_errors=True)

    def subfolder(self, name):
        path = os.path.join(self.folder, name)
        os.makedirs(path, exist_ok=True)
        return path

    def keep(self, program):
        self.programs.append(program)
        return program

    def narthex(self, config, port=None, extra=(), name="narthex"):
        return self.keep(Server(NARTHEX, self.subfolder(name), config, port, extra)).wait_ready()

    def prometheus(self, config):
        return self.keep(Server(self.installed("prometheus"), self.subfolder("prometheus"), config)).wait_ready(60)

    def installed(self, name):
        path = shutil.which(name)
        self.assertIsNotNone(path, f"{name} is not installed: ./dev test installs it")
        return path

    def exporter(self, name, *arguments):
        """An exporter on a free port; returns its address."""
        port = free_port()
        self.keep(Program([self.installed(name), f"--web.listen-address=127.0.0.1:{port}", *arguments],
                          os.path.join(self.folder, f"{name}.log")))
        address = f"127.0.0.1:{port}"
        eventually(lambda: fetch(f"http://{address}/metrics", timeout=2)[0] == 200, 20, f"{name} on {address}")
        return address
