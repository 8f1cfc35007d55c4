"""Narthex watches a real node exporter and itself."""
import os
import time
import unittest

from harness import EndToEnd, eventually, fetch

CONFIG = """
global:
  scrape_interval: 1s
  scrape_timeout: 1s
scrape_configs:
- job_name: node
  static_configs: [{{targets: ['{node}']}}]
- job_name: self
  static_configs: [{{targets: ['SELF']}}]
"""


def page_values(text):
    """Series text to value text of an exposition."""
    values = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            series, value = line.rsplit(" ", 1)
            values[series] = float(value)
    return values


def series_text(metric):
    """A result's metric as the exporter writes it, without the target's labels."""
    labels = {k: v for k, v in metric.items() if k not in ("__name__", "instance", "job")}
    escape = {ord("\\"): "\\\\", ord('"'): '\\"', ord("\n"): "\\n"}
    inner = ",".join(f'{k}="{v.translate(escape)}"' for k, v in sorted(labels.items()))
    return metric["__name__"] + ("{" + inner + "}" if inner else "")


def normal(series):
    """Series text with its labels sorted, as series_text() gives it."""
    if "{" not in series:
        return series
    name, rest = series.split("{", 1)
    parts, depth, start = [], False, 0
    inner = rest[:-1]
    i = 0
    while i < len(inner):
        if inner[i] == "\\":
            i += 1
        elif inner[i] == '"':
            depth = not depth
        elif inner[i] == "," and not depth:
            parts.append(inner[start:i])
            start = i + 1
        i += 1
    parts.append(inner[start:])
    return name + "{" + ",".join(sorted(p for p in parts if p)) + "}"


class Exporter(EndToEnd):
    def test_scrapes_a_real_exporter_and_itself(self):
        node = self.exporter("prometheus-node-exporter")
        server = self.narthex(CONFIG.format(node=node))
        started = time.monotonic()

        def both_up():
            up = {r["metric"]["job"]: r["value"][1] for r in server.query("up")}
            return up == {"node": "1", "self": "1"}
        eventually(both_up, 20, "up == 1 for both jobs")

        def equal_values():
            """Series whose value is one before and after must be it, but for the few that moved and came back."""
            before = page_values(fetch(f"http://{node}/metrics")[2].decode())
            time.sleep(1.3)
            stored = {series_text(r["metric"]): r["value"][1] for r in server.query('{job="node"}')}
            after = page_values(fetch(f"http://{node}/metrics")[2].decode())
            still = {normal(s): v for s, v in before.items() if after.get(s) == v}
            compared = {s: v for s, v in still.items() if s in stored}
            wrong = {s: (v, stored[s]) for s, v in compared.items() if float(stored[s]) != v and v == v}
            self.assertLessEqual(len(wrong), len(compared) // 20, wrong)
            equal = len(compared) - len(wrong)
            return equal if equal >= 200 else 0
        compared = eventually(equal_values, max(1, 20 - (time.monotonic() - started)), "200 series as on the page")
        print(f"{compared} series equal the exporter's page")

        def cpu_modes():
            result = server.query("sum by (mode) (rate(node_cpu_seconds_total[10s]))")
            modes = {r["metric"]["mode"]: float(r["value"][1]) for r in result}
            self.assertEqual(len(modes), 8, modes)
            self.assertAlmostEqual(sum(modes.values()), os.cpu_count(), delta=0.05 * os.cpu_count())
            return modes
        modes = eventually(cpu_modes, max(2, 20 - (time.monotonic() - started)), "eight modes that sum to the cores")
        print(f"modes {sorted(modes)} sum to {sum(modes.values()):.3f} of {os.cpu_count()} cores")

    def test_marks_a_vanished_target_stale(self):
        node = self.exporter("prometheus-node-exporter")
        server = self.narthex(CONFIG.format(node=node))
        eventually(lambda: server.query("node_load1"), 10, "a first scrape")

        self.programs[0].kill()

        eventually(lambda: [r for r in server.query('up{job="node"}') if r["value"][1] == "0"], 10, "up is 0")
        self.assertEqual(server.query("node_load1"), [])
        target = [t for t in server.api("targets")["data"]["activeTargets"] if t["labels"]["job"] == "node"][0]
        self.assertEqual(target["health"], "down")
        self.assertIn("connection refused", target["lastError"].lower())


if __name__ == "__main__":
    unittest.main(verbosity=2)
