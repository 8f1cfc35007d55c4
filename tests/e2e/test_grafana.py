"""The calls of Grafana's Prometheus data source give the JSON a real Prometheus gives on the same data."""
import time
import unittest

from harness import EndToEnd, eventually, fetch

CONFIG = """
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
- job_name: node
  static_configs: [{{targets: ['{node}'], labels: {{zone: a}}}}]
"""
# Own series differ by design; these come from the same exporter.
SELECTOR = '{__name__=~"node_(cpu|memory|filesystem|load|network|disk|time).*"}'


def shape(value):
    """A JSON value with every leaf replaced by its type; lists by the set of their items' shapes."""
    if isinstance(value, dict):
        return {k: shape(v) for k, v in value.items()}
    if isinstance(value, list):
        return ["list", sorted({repr(shape(v)) for v in value})]
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value).__name__


def label_sets(result):
    return sorted(tuple(sorted(r["metric"].items())) for r in result)


class Grafana(EndToEnd):
    def setUp(self):
        super().setUp()
        node = self.exporter("prometheus-node-exporter")
        self.ours = self.narthex(CONFIG.format(node=node))
        self.theirs = self.prometheus(CONFIG.format(node=node))
        for server in (self.ours, self.theirs):
            eventually(lambda s=server: float(s.query("count_over_time(node_load1[30s])")[0]["value"][1]) >= 4, 20,
                       f"four scrapes at {server.url}")
        self.now = time.time() - 1

    def both(self, path, params=None, post=False, expect=200):
        return tuple(s.api(path, params, post, expect) for s in (self.ours, self.theirs))

    def test_buildinfo(self):
        ours, theirs = self.both("status/buildinfo")
        self.assertLessEqual(set(theirs["data"]), set(ours["data"]))
        self.assertEqual(ours["data"]["version"], "3.14.0")

    def test_instant_queries(self):
        for expression in (SELECTOR, "up", "sum by (mode) (rate(node_cpu_seconds_total[3s]))", "1 + 1", "vector(1)",
                           "node_load1 > 1e9", "topk(2, node_cpu_seconds_total)",
                           "histogram_quantile(0.9, rate(node_none_bucket[1m]))"):
            with self.subTest(expression):
                ours, theirs = self.both("query", {"query": expression, "time": self.now}, post=True)
                self.assertEqual(shape(ours), shape(theirs))
                if isinstance(ours["data"]["result"][:1], list) and ours["data"]["resultType"] == "vector":
                    if "topk" not in expression:
                        self.assertEqual(label_sets(ours["data"]["result"]), label_sets(theirs["data"]["result"]))

    def test_range_queries(self):
        for expression in ("node_load1", "rate(node_cpu_seconds_total[3s])", "avg by (cpu) (node_cpu_seconds_total)"):
            with self.subTest(expression):
                params = {"query": expression, "start": self.now - 2, "end": self.now, "step": "1"}
                ours, theirs = self.both("query_range", params, post=True)
                self.assertEqual(shape(ours), shape(theirs))
                self.assertEqual(label_sets(ours["data"]["result"]), label_sets(theirs["data"]["result"]))

    def test_labels_values_series_metadata(self):
        window = {"start": self.now - 300, "end": self.now + 60, "match[]": SELECTOR}
        for path in ("labels", "label/__name__/values", "label/mode/values", "label/zone/values", "label/nope/values"):
            with self.subTest(path):
                ours, theirs = self.both(path, window)
                self.assertEqual(ours, theirs)
        key = lambda labels: sorted(labels.items())
        ours, theirs = self.both("series", window)
        self.assertEqual(sorted(ours["data"], key=key), sorted(theirs["data"], key=key))
        ours, theirs = self.both("metadata")
        names = {n for n in theirs["data"] if n.startswith("node_")}
        self.assertEqual({n: ours["data"][n] for n in names}, {n: theirs["data"][n] for n in names})

    def test_errors(self):
        cases = (("query", {"query": "sum("}), ("query", {}), ("query_range", {"query": "up", "start": 1, "end": 0,
                 "step": 1}), ("query_range", {"query": "up", "start": 0, "end": 1, "step": 0}),
                 ("query_range", {"query": "up", "start": 0, "end": 1e6, "step": 1}), ("series", {}),
                 ("series", {"match[]": "{"}), ("label/x/values", {"start": "bad"}),
                 ("query", {"query": "up", "time": "never"}), ("query", {"query": "up", "timeout": "x"}))
        for path, params in cases:
            with self.subTest(f"{path} {params}"):
                ours, theirs = self.both(path, params, expect=None)
                self.assertEqual((ours["status"], ours["errorType"]), (theirs["status"], theirs["errorType"]))
                status = [fetch(f"{s.url}/api/v1/{path}?" + "&".join(f"{k}={v}" for k, v in params.items()))[0]
                          for s in (self.ours, self.theirs)]
                self.assertEqual(status[0], status[1])

    def test_targets(self):
        ours, theirs = self.both("targets")
        self.assertEqual([t["labels"] for t in ours["data"]["activeTargets"]],
                         [t["labels"] for t in theirs["data"]["activeTargets"]])
        self.assertLessEqual(set(theirs["data"]["activeTargets"][0]), set(ours["data"]["activeTargets"][0]))

    def test_gzip_and_cors(self):
        origins = []
        for server in (self.ours, self.theirs):
            status, headers, _ = fetch(server.url + "/api/v1/labels",
                                       headers={"Accept-Encoding": "gzip", "Origin": "http://g.example"})
            self.assertEqual(status, 200)
            origins.append({k: v for k, v in headers.items() if k.startswith("Access-Control")})
        # 3.14 echoes the origin (it compares its default pattern with another anchoring); 2.42 says "*".
        self.assertEqual(origins[0].pop("Access-Control-Allow-Origin"), "http://g.example")
        origins[1].pop("Access-Control-Allow-Origin")
        self.assertEqual(origins[0], origins[1])
        status, headers, body = fetch(self.ours.url + "/api/v1/series?match[]=%7Bjob%3D%22node%22%7D",
                                      headers={"Accept-Encoding": "gzip"})
        self.assertEqual(headers.get("Content-Encoding"), "gzip")
        self.assertEqual(body[:2], b"\x1f\x8b")


if __name__ == "__main__":
    unittest.main(verbosity=2)
