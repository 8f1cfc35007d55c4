"""The same data in Narthex and in the Prometheus that NARTHEX_REFERENCE_PROMETHEUS names: whole answers must be equal.

Looks where order decides: ties, NaN, infinity, both zeros, markers, operands without elements, joins, set operators, and
which of several errors is given. What upstream itself answers in several ways is not compared. NARTHEX_SEED and
NARTHEX_ROUNDS choose other queries and more of them.
"""
import http.server
import json
import os
import random
import re
import shutil
import threading
import time
import unittest

from harness import NARTHEX, EndToEnd, Server

REFERENCE = os.environ.get("NARTHEX_REFERENCE_PROMETHEUS")
FEATURES = "--enable-feature=promql-experimental-functions,promql-extended-range-selectors,promql-binop-fill-modifiers"
CONFIG = """
global: {{scrape_interval: 250ms, scrape_timeout: 250ms}}
scrape_configs:
- {{job_name: pages, static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}
"""
SCRAPES = 24
ASKED_AGAIN = 4  # before an answer that differs counts as upstream's only one


def page(number, rng):
    """Gauges with ties and odd values, some of which come and go; classic buckets, one of them odd; info series."""
    lines = []
    for i in range(30):
        if rng.random() < 0.9:
            lines.append('t{i="%02d",g="%d"} %s' % (i, i % 3, rng.choice("0 -0 1 1 2 2 3 NaN +Inf".split())))
    for a in "123":
        for b in "xy":
            if rng.random() < 0.8:
                lines.append('m{a="%s",b="%s"} %s' % (a, b, rng.choice([rng.random(), 1e308, -1e308, 5, 5])))
        lines.append('o{a="%s"} %d' % (a, rng.randrange(4)))
        lines.append('req_total{a="%s"} %d' % (a, number * int(a)))
    for bound in ("1", "1.0", "2", "4", "8", "+Inf"):
        lines.append('h_bucket{le="%s"} %s' % (bound, rng.choice([rng.randrange(20), "NaN"])))
    lines.append('target_info{version="%d"} 1' % (number // 8))
    return "\n".join(lines) + "\n"


class Pages(http.server.BaseHTTPRequestHandler):
    rng = random.Random(7)
    count = 0

    def do_GET(self):
        body = page(Pages.count, Pages.rng).encode()
        Pages.count += 1
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Generator:
    def __init__(self, seed, at):
        self.rng, self.at = random.Random(seed), at

    def one(self, *choices):
        return self.rng.choice(choices)

    def selector(self):
        modifier = self.one("", "", "", " offset 1s", " offset -1s", " @ end()", f" @ {self.at - 2:.3f}")
        return self.one("t", 't{g="1"}', "m", "o", 'm{a="1"}', "req_total", "nope", '{__name__=~"m|o"}') + modifier

    def vector(self, depth):
        if depth == 0:
            return self.selector()
        x, y = self.vector(depth - 1), self.vector(depth - 1)
        by = self.one("", " by (g)", " by (a)", " without (i)", " without (b)")
        on = self.one("", " on (a)", " ignoring (b)", " on ()", " on (a, b)")
        group = on and self.one("", "", " group_left ()", " group_right (b)")
        fill = self.one("", "", "", " fill(0)", " fill_right(2)")
        return self.one(
            f"({x} {self.one('or', 'or', 'and', 'unless')}{on} {y})",
            f"({x} {self.one('+', '*', '>', '!= bool')}{on}{group}{fill} {y})",
            f"({x} {self.one('>', '<=', '== bool', '-', '/')} {self.one('1', '2', 'NaN')})",
            f"{self.one('sum', 'avg', 'min', 'max', 'stddev', 'count')}{by} ({x})",
            f"{self.one('topk', 'bottomk', 'limitk')}{by} ({self.one('1', '3', '13', '20', 'NaN')}, {x})",
            f"quantile{by} ({self.one('0.5', '0.3', '2')}, {x})",
            f"{self.one('sort', 'sort_desc', '-', 'absent', 'timestamp', 'ceil')}({x})",
            f'label_replace({x}, "a", "$1", "b", "({self.one(".*", ".*", "x")})")',
            f"{self.one('rate', 'delta', 'last_over_time', 'mad_over_time', 'changes')}({self.selector_range()})",
            f"sum_over_time(({x})[{self.one('2s:500ms', '1s:3s', '3s:700ms')}])",
            f"histogram_quantile({self.one('0.5', '0.9', 'scalar(o)')}, h_bucket)",
            f"histogram_fraction(0, {self.one('1', '3', 'NaN')}, h_bucket)",
            f'histogram_quantiles(h_bucket, "q", {self.one("0.5, 0.9", "scalar(o), 0.1")})',
            f"info({x})", f"info(req_total{self.one(' offset 1s', ' offset 1h', ' @ start()')})")

    def selector_range(self):
        return self.one("t", "m", "req_total", "o") + self.one("[1s]", "[3s]", "[2300ms]")

    def query(self):
        if self.rng.random() < 0.1:
            return self.one("m", "t", "o") + self.one("[2s] anchored", "[2s] smoothed", "[2s]", "[3s:500ms]")
        return self.vector(self.one(1, 2, 2, 3))


def comparable(answer):
    """Without what differs by choice: the order of the pair in a matching error, and N in "over N samples"."""
    text = json.dumps(answer, sort_keys=True)
    text = re.sub(r"over -?\d+ samples", "over N samples", text)
    return re.sub(r"(operation: \[)(.*?)(\];many)",
                  lambda m: m[1] + ", ".join(sorted(re.split(r", (?=\{)", m[2]))) + m[3], text)


class Reference(EndToEnd):
    def record(self):
        """Lets Narthex scrape for a while; returns the folder of its data and the time of the end."""
        pages = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages)
        threading.Thread(target=pages.serve_forever, daemon=True).start()
        self.addCleanup(pages.shutdown)
        server = self.narthex(CONFIG.format(port=pages.server_address[1]))
        while Pages.count < SCRAPES:
            time.sleep(0.1)
        server.stop()
        return server.data, time.time()

    def start(self, binary, name, data):
        folder = self.subfolder(name)
        shutil.copytree(data, os.path.join(folder, "data"))
        return self.keep(Server(binary, folder, "global: {}", extra=[FEATURES])).wait_ready(60)

    @unittest.skipUnless(REFERENCE, "NARTHEX_REFERENCE_PROMETHEUS is not set")
    def test_answers_as_the_reference(self):
        data, end = self.record()
        ours, theirs = self.start(NARTHEX, "ours", data), self.start(REFERENCE, "theirs", data)
        seed = int(os.environ.get("NARTHEX_SEED", "14"))
        rounds = int(os.environ.get("NARTHEX_ROUNDS", "400"))
        generator = Generator(seed, end - 1)
        equal = random_upstream = 0
        for _ in range(rounds):
            parameters = {"query": generator.query()}
            if generator.rng.random() < 0.6 or parameters["query"][-1] in "]d":
                path, parameters["time"] = "query", f"{end - 4 * generator.rng.random():.3f}"
            else:
                path = "query_range"
                parameters.update(start=f"{end - 5:.3f}", end=f"{end:.3f}", step="700ms")
            got = comparable(ours.api(path, parameters, True, None))
            wanted = {comparable(theirs.api(path, parameters, True, None))}
            if got not in wanted:
                wanted.update(comparable(theirs.api(path, parameters, True, None)) for _ in range(ASKED_AGAIN))
            if got in wanted:
                equal += 1
            elif len(wanted) > 1:
                random_upstream += 1
            else:
                self.assertEqual(json.loads(got), json.loads(wanted.pop()), f"seed {seed}: {path} {parameters}")
        print(f"{equal} answers are equal; upstream gives several for {random_upstream} others")
        self.assertGreater(equal, rounds * 0.9)


if __name__ == "__main__":
    unittest.main(verbosity=2)
