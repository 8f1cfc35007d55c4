"""kill -9 at random moments: whatever a query has shown is there again, to the bit."""
import os
import random
import time
import unittest

from harness import EndToEnd, Server, NARTHEX, eventually

CONFIG = """
global:
  scrape_interval: 200ms
  scrape_timeout: 200ms
scrape_configs:
- job_name: node
  static_configs: [{{targets: ['{node}']}}]
- job_name: self
  static_configs: [{{targets: ['SELF']}}]
"""
KILLS = 10


def samples(server, at):
    """Every sample of the last hour as (labels, time, value text)."""
    result = server.query('{__name__=~".+"}[1h]', at)
    return {(tuple(sorted(r["metric"].items())), v[0], v[1]) for r in result for v in r["values"]}


class Kill(EndToEnd):
    def test_every_shown_sample_returns(self):
        seed = int(os.environ.get("NARTHEX_SEED", time.time_ns() % 1_000_000))
        print(f"seed {seed}")
        rng = random.Random(seed)
        node = self.exporter("prometheus-node-exporter", "--collector.disable-defaults", "--collector.cpu",
                             "--collector.meminfo", "--collector.netdev", "--collector.loadavg")
        config = CONFIG.format(node=node)
        server = self.narthex(config)
        shown = set()
        restarts = []
        for _ in range(KILLS):
            eventually(lambda: server.query("node_load1"), 10, "scraping")
            time.sleep(rng.uniform(0.2, 2.0))
            at = time.time()
            shown = samples(server, at)
            time.sleep(rng.uniform(0, 0.05))
            server.kill()
            started = time.monotonic()
            server = self.keep(Server(NARTHEX, self.subfolder("narthex"), None, server.port)).wait_ready()
            restarts.append(time.monotonic() - started)
            lost = shown - samples(server, at)
            self.assertEqual(len(lost), 0, f"lost after a kill: {sorted(lost)[:5]}")
        print(f"{KILLS} kills, {len(shown)} samples at the last, slowest restart {max(restarts):.3f} s")


if __name__ == "__main__":
    unittest.main(verbosity=2)
