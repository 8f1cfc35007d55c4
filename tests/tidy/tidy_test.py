#!/usr/bin/env python3
"""Each house rule catches its breach and lets the right form pass."""
import os
import tempfile
import unittest

import tidy


def messages(rule, path, text):
    return [message for _, message in rule(path, text)]


class Rules(unittest.TestCase):
    def test_layering(self):
        self.assertTrue(messages(tidy.check_includes, "model/a.h", '#include "tsdb/db.h"\n'))
        self.assertTrue(messages(tidy.check_includes, "alerting/a.h", '#include "query/plan/plan.h"\n'))
        self.assertTrue(messages(tidy.check_includes, "remote/a.h", '#include "tsdb/db.h"\n'))
        for folder in ("base", "model", "query", "tsdb"):  # know no Asio
            self.assertTrue(messages(tidy.check_includes, f"{folder}/a.h", '#include "net/executors.h"\n'), folder)
        self.assertTrue(messages(tidy.check_includes, "net/a.h", '#include "model/labels.h"\n'))
        self.assertFalse(messages(tidy.check_includes, "scrape/a.h", '#include "net/executors.h"\n'))
        self.assertFalse(messages(tidy.check_includes, "tsdb/a.h", '#include "model/labels.h"\n'))
        self.assertFalse(messages(tidy.check_includes, "alerting/a.h", '#include "query/engine.h"\n'))

    def test_beast(self):
        self.assertTrue(messages(tidy.check_beast, "scrape/a.cpp", "#include <boost/beast/core.hpp>\n"))
        self.assertFalse(messages(tidy.check_beast, "net/http/client.cpp", "#include <boost/beast/core.hpp>\n"))
        self.assertFalse(messages(tidy.check_beast, "scrape/a.cpp", "#include <boost/asio/awaitable.hpp>\n"))

    def test_sizes(self):
        self.assertTrue(messages(tidy.check_sizes, "base/a.h", "int a;\n" * 251))
        self.assertFalse(messages(tidy.check_sizes, "base/a.h", "// tidy: long, a table\n" + "int a;\n" * 251))
        self.assertTrue(messages(tidy.check_sizes, "base/a.cpp", "x" * 101 + "\n"))
        self.assertFalse(messages(tidy.check_sizes, "base/a.cpp", "x" * 100 + "\n"))

    def test_bans(self):
        for text in ("co_spawn(e, f, detached);", "std::this_thread::sleep_for(x);", "std::thread t;",
                     "std::chrono::system_clock::now();", "::open(path, 0);", "auto* p = new Foo(1);", "assert(x);",
                     "std::regex r;", "out << std::endl;"):
            self.assertTrue(messages(tidy.check_bans, "query/a.cpp", text), text)
        for text in ("// detached", 'log("assert(x)");', "static_assert(x);", "std::thread::id i;", "file.open(1);"):
            self.assertFalse(messages(tidy.check_bans, "query/a.cpp", text), text)

    def test_time_sums(self):
        for text in ("x = request.end - request.start;", "now + config_.hold", "end - spec.window_ms", "f(a) - s.offset"):
            self.assertTrue(messages(tidy.check_time_sums, "query/engine.cpp", text), text)
            self.assertFalse(messages(tidy.check_time_sums, "base/str.cpp", text), text)
        for text in ("text.substr(at, end - at);", "subtract_time(end, spec.window_ms)", "// a.end - a.start"):
            self.assertFalse(messages(tidy.check_time_sums, "query/engine.cpp", text), text)

    def test_opening(self):
        self.assertTrue(messages(tidy.check_opening, "base/a.h", "#pragma once\n"))
        self.assertTrue(messages(tidy.check_opening, "base/a.h", "// What.\n"))
        self.assertFalse(messages(tidy.check_opening, "base/a.h", "// What.\n#pragma once\n"))

    def test_namespace(self):
        self.assertTrue(messages(tidy.check_namespace, "base/a.h", "using namespace std;\n"))

    def test_tree(self):
        with tempfile.TemporaryDirectory() as root:
            for folder in ("base", "tests/base", "docs"):
                os.makedirs(os.path.join(root, folder))
            files = {"base/a.cpp": "// A.\n", "docs/x.md": "[gone](nowhere.md) [here](x.md)\n"}
            for path, text in files.items():
                with open(os.path.join(root, path), "w", encoding="utf-8") as out:
                    out.write(text)
            found = [message for _, _, message in tidy.check(root)]
            self.assertEqual(len(found), 2, found)
            self.assertIn("no test includes", found[0])
            self.assertIn("dead link: nowhere.md", found[1])


if __name__ == "__main__":
    unittest.main()
