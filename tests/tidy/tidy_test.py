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
        self.assertTrue(messages(tidy.check_includes, "server/a.h", '#include "tsdb/head/head.h"\n'))
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
                     "std::regex r;", "out << std::endl;", 'error.message() == "x"', 'e.message().ends_with("range")'):
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

    def breaches(self, files, table):
        """What tidy says of a tree of these files, as 'path: message'."""
        with tempfile.TemporaryDirectory() as root:
            os.makedirs(os.path.join(root, "docs"))
            for path, text in files.items():
                os.makedirs(os.path.join(root, os.path.dirname(path)), exist_ok=True)
                with open(os.path.join(root, path), "w", encoding="utf-8") as out:
                    out.write(text)
            return [f"{path}: {message}" for path, _, message in tidy.check(root, table)]

    LONG = "int a;\n" * tidy.TESTED_LINES

    def source(self, header):
        return f'// A.\n#include "{header}"\n' + self.LONG

    def tree(self, included):
        """Two sources in base/, and a test that includes this."""
        return {"base/a.h": "// A.\n#pragma once\n", "base/b.h": "// B.\n#pragma once\n",
                "base/a.cpp": self.source("base/a.h"), "base/b.cpp": self.source("base/b.h"),
                "tests/base/a_test.cpp": "// A.\n" + "".join(f'#include "{name}"\n' for name in included)}

    def test_citations(self):
        found = self.breaches({"base/a.h": "// As nowhere.md says. docs/x.md\n// design: so\n#pragma once\n", "docs/x.md": "x\n"}, {})
        self.assertEqual(2, sum("is not in this repository" in line for line in found), found)

    def test_links(self):
        found = self.breaches({"docs/x.md": "[gone](nowhere.md) [here](x.md)\n"}, {})
        self.assertEqual(found, ["docs/x.md: dead link: nowhere.md"])

    def test_a_header_of_the_folder_is_not_enough(self):
        found = self.breaches(self.tree(["base/a.h"]), {})
        self.assertEqual(len(found), 1, found)
        self.assertIn("base/b.cpp", found[0])
        self.assertIn("no test includes base/b.h", found[0])
        self.assertFalse(self.breaches(self.tree(["base/a.h", "base/b.h"]), {}))

    def test_only_tests_count(self):
        files = self.tree(["base/a.h"])
        files["tests/support/b.h"] = '// B.\n#pragma once\n#include "base/b.h"\n'
        self.assertTrue(self.breaches(files, {}))

    def test_short_sources_need_none(self):
        files = self.tree(["base/a.h"])
        files["base/b.cpp"] = '// B.\n#include "base/b.h"\n' + "int a;\n" * (tidy.TESTED_LINES - 3)
        self.assertFalse(self.breaches(files, {}))

    def test_the_table(self):
        table = {"tests/base/a_test.cpp": ("base/b.cpp",)}
        self.assertIn("never comes to base/b.h", self.breaches(self.tree(["base/a.h"]), table)[0])
        files = self.tree(["base/a.h"])
        files["base/a.cpp"] = '// A.\n#include "base/a.h"\n#include "base/b.h"\n' + self.LONG
        self.assertFalse(self.breaches(files, table))
        self.assertIn("is not there", self.breaches(files, {"tests/base/c_test.cpp": ("base/b.cpp",)})[0])
        self.assertIn("is not there", self.breaches(files, table | {"tests/base/d_test.cpp": ("base/gone.cpp",)})[0])
        self.assertIn("take it out", self.breaches(self.tree(["base/a.h", "base/b.h"]), table)[0])


if __name__ == "__main__":
    unittest.main()
