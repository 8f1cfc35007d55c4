#!/usr/bin/env python3
"""Each house rule catches its breach and lets the right form pass."""
import os
import tempfile
import unittest

import tidy


OPENING = "// What problem this file solves, and how.\n"


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
        self.assertTrue(messages(tidy.check_opening, "base/a.h", OPENING))
        self.assertFalse(messages(tidy.check_opening, "base/a.h", OPENING + "#pragma once\n"))
        for path in ("base/a.h", "base/a.cpp"):
            self.assertIn("say what problem", messages(tidy.check_opening, path, "// Routing.\n#pragma once\n")[0])
        self.assertFalse(messages(tidy.check_opening, "tests/base/a_test.cpp", "// Routing.\n"))
        self.assertFalse(messages(tidy.check_opening, tidy.OPENING_LATER[0], "// Rules.\n"))

    def contracts(self, text, path="base/a.h"):
        """What lacks its contract in a header that holds this, in namespace narthex."""
        return messages(tidy.check_contracts, path, f"{OPENING}#pragma once\n\nnamespace narthex {{\n\n{text}\n}}  // namespace narthex\n")

    def test_contracts_of_namespaces(self):
        for text in ("void f(int a);", "int f(\n    int a);", "template <typename T>\nT f(T a);", "struct A {\n  int a;\n};", "class A {\n};",
                     "enum class E : unsigned char { kA };", "inline constexpr int kA = 1;", "inline int f() {\n  return 1;\n}",
                     "/// A.\nvoid f();\n\nvoid g();", "/// A.\n\nvoid f();"):
            found = self.contracts(text)
            self.assertEqual(1, len(found), text)
            self.assertIn("needs its contract", found[0])
        for text in ("/// A.\nvoid f(int a);", "/// A.\ntemplate <typename T>\nT f(T a);", "/// A.\nvoid f();\nvoid g();",
                     "/// A.\ninline int f() {\n  return 1;\n}\ninline int g() {\n  return 1;\n}", "inline constexpr int kA = 1;  // of a page",
                     "class A;\nenum class E : int;", "using A = int;", "namespace internal {\nvoid f();\n}", "void f();  // of a page",
                     "template <>\nvoid f<int>();"):
            self.assertFalse(self.contracts(text), text)
        self.assertFalse(messages(tidy.check_contracts, "base/a.cpp", OPENING + "void f();\n"))
        self.assertFalse(self.contracts("void f();", "tests/support/a.h"))
        self.assertFalse(self.contracts("void f();", tidy.CONTRACTS_LATER[0]))

    def test_contracts_of_classes(self):
        for text in ("void f();", "explicit A(int a);", "static constexpr int kA = 1;", "enum class E { kA };", "struct B {\n    int b;\n  };",
                     "virtual void f() = 0;", "void f() {\n    g();\n    h();\n  }"):
            self.assertEqual(1, len(self.contracts(f"/// A.\nclass A {{\n public:\n  {text}\n}};")), text)
        for text in ("/// F.\n  void f();", "A();", "A(const A&) = delete;", "A(A&&) noexcept;", "A& operator=(const A& other);", "~A();",
                     "void f() override;", "void f() const { return a_; }", "explicit A(int a) : a_(a) {}", "int f() const {\n    return a_;\n  }",
                     "std::function<void(int)> a;", "int a = f();", "friend class B;", "using B = int;"):
            self.assertFalse(self.contracts(f"/// A.\nclass A {{\n public:\n  {text}\n}};"), text)
        for text in (" private:\n  void f();", " protected:\n  void f();", "  void f();", "\n private:\n  struct B {\n    void f();\n  };"):
            self.assertFalse(self.contracts(f"/// A.\nclass A {{\n{text}\n}};"), text)
        self.assertTrue(self.contracts("/// A.\nstruct A {\n  void f();\n};"))

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
        return f'{OPENING}#include "{header}"\n' + self.LONG

    def tree(self, included):
        """Two sources in base/, and a test that includes this."""
        return {"base/a.h": OPENING + "#pragma once\n", "base/b.h": OPENING + "#pragma once\n",
                "base/a.cpp": self.source("base/a.h"), "base/b.cpp": self.source("base/b.h"),
                "tests/base/a_test.cpp": "// A.\n" + "".join(f'#include "{name}"\n' for name in included)}

    def test_locks(self):
        def lock(declaration, row):
            header = f"{OPENING}#pragma once\n/// A.\nclass A {{\n  struct B {{\n    {declaration}\n  }};\n}};\n"
            return self.breaches({"base/a.h": header, "docs/concurrency.md": row + "\n"}, {})
        row = "| 5 | `narthex::A::B::mutex` | things |"
        self.assertFalse(lock("mutable Mutex mutex;  // rank 5: things", row))
        self.assertFalse(lock("// Rank 5: things.\n    SharedMutex mutex;", row))
        self.assertFalse(lock("std::mutex mutex;  // leaf", row.replace("5", "leaf")))
        self.assertIn("A::B::mutex", lock("Mutex mutex;  // things", row)[0])
        self.assertIn("needs a row 6 that names `A::B::mutex`", lock("Mutex mutex;  // rank 6", row)[0])
        self.assertIn("needs a row 5", lock("Mutex mutex;  // rank 5", "| 5 | `A::mutex` | things |")[0])
        self.assertIn("needs a row leaf", lock("Mutex mutex;  // leaf", "")[0])
        self.assertFalse(self.breaches({tidy.LOCKS_LATER[0] + "a.cpp": OPENING + "struct A {\n  Mutex mutex;\n};\n"}, {}))

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
        files["base/b.cpp"] = OPENING + '#include "base/b.h"\n' + "int a;\n" * (tidy.TESTED_LINES - 3)
        self.assertFalse(self.breaches(files, {}))

    def test_the_table(self):
        table = {"tests/base/a_test.cpp": ("base/b.cpp",)}
        self.assertIn("never comes to base/b.h", self.breaches(self.tree(["base/a.h"]), table)[0])
        files = self.tree(["base/a.h"])
        files["base/a.cpp"] = OPENING + '#include "base/a.h"\n#include "base/b.h"\n' + self.LONG
        self.assertFalse(self.breaches(files, table))
        self.assertIn("is not there", self.breaches(files, {"tests/base/c_test.cpp": ("base/b.cpp",)})[0])
        self.assertIn("is not there", self.breaches(files, table | {"tests/base/d_test.cpp": ("base/gone.cpp",)})[0])
        self.assertIn("take it out", self.breaches(self.tree(["base/a.h", "base/b.h"]), table)[0])


if __name__ == "__main__":
    unittest.main()
