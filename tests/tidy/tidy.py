#!/usr/bin/env python3
"""House rules as a test: reads the sources and prints every breach with what to write instead.

usage: tidy.py [ROOT]   exits 1 when a rule is broken. Each rule has its test in tidy_test.py.
"""
import os
import re
import sys

FOLDERS = ("base", "net", "model", "tsdb", "discovery", "scrape", "query", "alerting", "remote", "web", "server", "tests")
# Who may include whom: a folder and everything below it (style, section 3).
MAY_USE = {
    "base": {"base"},
    "net": {"base", "net"},
    "model": {"base", "model"},
    "tsdb": {"base", "model", "tsdb"},
    "discovery": {"base", "net", "model", "discovery"},
    "scrape": {"base", "net", "model", "discovery", "scrape"},
    "query": {"base", "model", "query"},
    "alerting": {"base", "net", "model", "query", "discovery", "alerting"},
    "remote": {"base", "net", "model", "tsdb", "remote"},
    "web": {"base", "net", "model", "tsdb", "discovery", "scrape", "query", "alerting", "remote", "web"},
    "server": set(FOLDERS) - {"tests"},
    "tests": set(FOLDERS),
}
# What a folder may see of another, where it is not all of it.
ONLY = {
    ("alerting", "query"): ("query/engine.h", "query/value.h", "query/promql/"),
    ("remote", "tsdb"): ("tsdb/wal/",),
    ("server", "tsdb"): ("tsdb/db.h", "tsdb/config.h", "tsdb/statistics.h", "tsdb/replay_control.h"),
}
BEAST_FILES = {"net/stream.cpp", "net/http/client.cpp", "net/http/session.cpp", "net/http/request_body.h", "net/asio_impl.cpp"}
HEADER_CAP, SOURCE_CAP, TEST_CAP, LINE_CAP = 250, 600, 1000, 100
# pattern, what to write instead, files where it is at home (prefixes)
BANS = [
    (r"\bdetached\b", "spawn through a TaskGroup", ("net/executors.cpp",)),
    (r"\bsleep_for\b", "co_await sleep_for_ns(), or a FakeClock in tests", ()),
    (r"std::(j)?thread\b(?!::(id|hardware_concurrency))", "use net/executors or base/parallel.h", ("net/executors", "base/parallel.cpp")),
    (r"\bsystem_clock\b", "take a Clock", ("base/clock.cpp",)),
    (r"(?<![\w.>:])::(open|write|read|rename|unlink|mmap|fsync|fdatasync)\(", "go through FileSystem",
     ("base/fs.cpp", "base/memory.cpp", "net/http/server.cpp", "discovery/watch.cpp", "tests/")),
    (r"\bnew [A-Za-z_:]+[({]", "std::make_unique", ()),
    (r"(?<![\w_])assert\(", "NX_CHECK or NX_DCHECK", ()),
    (r"std::regex\b", "base/regex.h", ()),
    (r"std::endl\b", "'\\n'", ()),
    (r"\bFIXME\b", "TODO(#issue)", ("tests/tidy/",)),
    (r"message\(\)\s*(==|!=|\.(starts_with|ends_with|find|contains)\()", "decide on Error::code() or cause()", ("tests/",)),
]
# A source of this many lines has a test that includes its own header. Half of ours have 170 lines or more; one that is
# shorter than this holds a single idea, and the tests of what uses it run all of it.
TESTED_LINES = 100
# Longer sources that are tested through the header of a neighbour: the test, and what it reaches. The rows are checked:
# the test must come to the source's header through what it includes, and a source whose own header some test includes,
# or that is short or gone, must not stand here.
TESTED_THROUGH = {
    "tests/base/regex_test.cpp": ("base/regex_syntax.cpp", "base/regex_unicode.cpp"),
    "tests/base/yaml_test.cpp": ("base/yaml_map.cpp", "base/yaml_scalar.cpp", "base/yaml_writer.cpp"),
    "tests/net/response_reader_test.cpp": ("net/http/chunked.cpp", "net/http/response_head.cpp"),
    "tests/net/http_session_test.cpp": ("net/http/request_body.cpp", "net/http/session.cpp"),
    "tests/tsdb/head_test.cpp": ("tsdb/head/chunk_lists.cpp", "tsdb/head/series_reader.cpp"),
    "tests/tsdb/histogram_chunk_test.cpp": ("tsdb/chunk/bit_stream.cpp",),
    "tests/tsdb/isolation_test.cpp": ("tsdb/head/visibility.cpp",),
    "tests/tsdb/db_test.cpp": ("tsdb/metrics.cpp",),
    "tests/tsdb/registry_test.cpp": ("tsdb/head/registry_read.cpp",),
    "tests/scrape/ingest_test.cpp": ("scrape/ingest/page_stager.cpp", "scrape/ingest/series_labels.cpp", "scrape/ingest/template.cpp"),
    "tests/scrape/exposition_test.cpp": ("scrape/exposition/open_metrics.cpp", "scrape/exposition/text_reader.cpp"),
    # The semantics of PromQL are scripts.
    "tests/promql/scripts_test.cpp": (
        "query/annotations.cpp", "query/rows.cpp", "query/table.cpp", "query/promql/series.cpp",
        "query/ops/aggregate.cpp", "query/ops/binary.cpp", "query/ops/select.cpp", "query/ops/histogram.cpp", "query/ops/info.cpp",
        "query/ops/operator.cpp", "query/ops/order.cpp", "query/ops/rank.cpp", "query/ops/scalar.cpp",
        "query/ops/window.cpp", "query/plan/builder.cpp", "query/plan/maps.cpp", "query/plan/resolve.cpp",
        "query/functions/extended.cpp", "query/functions/histogram.cpp", "query/functions/math.cpp",
        "query/functions/over_time.cpp"),
    "tests/query/go_math_test.cpp": ("query/functions/go_trig.cpp",),
    "tests/query/parser_test.cpp": (
        "query/promql/functions.cpp", "query/promql/lexer.cpp", "query/promql/parser_durations.cpp",
        "query/promql/parser_selectors.cpp", "query/promql/token.cpp", "query/promql/type_check.cpp"),
    "tests/query/printer_test.cpp": ("query/promql/printer.cpp",),
    "tests/alerting/notify_test.cpp": ("alerting/notify/queue.cpp",),
    "tests/alerting/rules_test.cpp": ("alerting/rules/rule.cpp",),
    "tests/alerting/template_test.cpp": (
        "alerting/template/builtins.cpp", "alerting/template/functions.cpp", "alerting/template/lexer.cpp",
        "alerting/template/parser.cpp", "alerting/template/value.cpp"),
    "tests/web/form_test.cpp": ("web/multipart.cpp",),
    "tests/web/router_test.cpp": ("web/route_tree.cpp",),
    "tests/web/query_api_test.cpp": ("web/api/ast_json.cpp", "web/api/result_json.cpp"),
    # What only a whole process has: order of start and stop, signals, the graph of objects.
    "tests/e2e/test_lifecycle.py": ("server/lifecycle.cpp",),
}

def listed(root):
    """Source files below the folders, with '/' separators, sorted."""
    for folder in FOLDERS:
        for base, _, names in os.walk(os.path.join(root, folder)):
            for name in sorted(names):
                if name.endswith((".h", ".cpp")):
                    yield os.path.relpath(os.path.join(base, name), root).replace(os.sep, "/")


def strip(text):
    """Code without comments and string contents, lines kept."""
    pattern = r'//[^\n]*|/\*.*?\*/|R"\w*\(.*?\)\w*"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''

    def blank(match):
        found = match.group(0)
        if found.startswith("/"):
            return re.sub(r"[^\n]", " ", found)
        return '""' + "\n" * found.count("\n")

    return re.sub(pattern, blank, text, flags=re.S)


def check_includes(path, text):
    folder = path.split("/")[0]
    for number, line in enumerate(text.splitlines(), 1):
        match = re.match(r'\s*#include "([^"]+)"', line)
        if not match:
            continue
        target = match.group(1)
        other = target.split("/")[0]
        if other not in FOLDERS:
            continue
        if other not in MAY_USE[folder]:
            yield number, f"{folder} may not include {other}; arrows point down (docs/architecture.md)"
        only = ONLY.get((folder, other))
        if only and not target.startswith(only):
            yield number, f"{folder} sees of {other} only {', '.join(only)}"


def check_beast(path, text):
    if path in BEAST_FILES or path.startswith("tests/tidy/"):
        return
    for number, line in enumerate(text.splitlines(), 1):
        if re.match(r"\s*#include <boost/(beast|asio\.hpp)", line):
            yield number, "Beast lives in five files of net/; use net/stream.h, net/http/client.h or net/http/server.h"


def check_sizes(path, text):
    lines = text.splitlines()
    allowed = any("tidy: long" in line or "tidy: the" in line for line in lines[:12])
    cap = HEADER_CAP if path.endswith(".h") else TEST_CAP if path.startswith("tests/") else SOURCE_CAP
    if len(lines) > cap and not allowed:
        yield len(lines), f"{len(lines)} lines, cap {cap}: split it, or say '// tidy: long, <reason>' at the top"
    for number, line in enumerate(lines, 1):
        if len(line.encode()) > LINE_CAP and '"' not in line and "http" not in line:
            yield number, f"line over {LINE_CAP} columns: run clang-format"


def check_bans(path, text):
    code = strip(text)
    for pattern, instead, homes in BANS:
        if any(path.startswith(home) for home in homes):
            continue
        for match in re.finditer(pattern, code):
            yield code.count("\n", 0, match.start()) + 1, f"'{match.group(0)}': write {instead}"


OPENING_MIN = 32
# Not in force yet: files that were being rewritten when the three rules came. A row goes with its breach.
OPENING_LATER = (
    "alerting/rules/config.cpp", "model/relabel_config.cpp", "query/ops/select.cpp", "query/ops/window.cpp", "query/table.cpp",
    "query/value.cpp", "tsdb/head/", "web/api/result_json.cpp",
)
CONTRACTS_LATER = (
    "alerting/config.h", "alerting/rules/config.h", "base/yaml.h", "discovery/config.h", "model/histogram.h", "model/sample.h",
    "model/storage.h", "net/http/client_config.h", "query/ops/aggregate.h", "query/ops/select.h", "query/ops/selection.h",
    "query/ops/window.h", "query/table.h", "query/tile.h", "query/value.h", "scrape/config.h", "server/config.h", "tsdb/chunk/",
    "tsdb/config.h", "tsdb/head/", "tsdb/wal/records.h",
)
LOCKS_LATER = ("tsdb/head/",)


def check_opening(path, text):
    if not text.startswith("//"):
        yield 1, "a file opens with a comment: what it is, the invariant that matters, its thread-safety"
    elif len(text.split("\n", 1)[0]) < OPENING_MIN and not path.startswith(("tests/",) + OPENING_LATER):
        yield 1, f"the opening's first line has less than {OPENING_MIN} characters: say what problem the file solves, and how"
    if path.endswith(".h") and "#pragma once" not in text:
        yield 1, "a header needs #pragma once"


def declarations(code):
    """Of a header's code without comments, what all the world sees, outside bodies: (first line, last line, statement, whether in a
    class). What is private, protected or in a namespace internal is left out. Relies on clang-format's line breaks."""
    scopes, start, statement = [], 0, ""
    for number, line in enumerate(code.splitlines(), 1):
        line = line.strip()
        if not statement and (not line or line.startswith("#")):
            continue
        start, statement = start if statement else number, f"{statement} {line}".strip()
        seen = all(scope in ("namespace", "public") for scope in scopes)
        in_class = bool(scopes) and scopes[-1] != "namespace"
        if statement in ("public:", "private:", "protected:"):
            scopes[-1], statement = statement[:-1], ""
        elif statement.startswith("}"):  # the end of a namespace or a class
            del scopes[-1:]
            statement = ""
        elif re.match(r"(inline )?namespace\b.*\{$", statement):
            scopes.append("internal" if "internal" in statement else "namespace")
            statement = ""
        elif re.match(r"(template <.*> )?(class|struct|union)\b[^;()=]*(NX_\w+\([^)]*\)[^;()=]*)?\{$", statement):
            if seen:
                yield start, number, statement, in_class
            scopes.append("private" if re.search(r"\bclass [^<>]*\{$", statement) else "public")
            statement = ""
        elif re.search(r"[;}]$", statement) and all(statement.count(a) == statement.count(b) for a, b in ("()", "{}")):
            if seen:
                yield start, number, statement, in_class
            statement = ""


# No contract of their own: what the language or a base class says already, and names for others' types.
SAYS_ENOUGH = (r"= (default|delete);|\boverride\b|\bfinal( \{|;$)|^(virtual )?~|^(friend|using|namespace|extern|static_assert)\b|^NX_"
               r"|^template (class\b|<>)|^(enum )?(class|struct) \w+( : [\w:]+)?;$|^(?P<type>\w+)\((\)|(const )?(?P=type)&)|\boperator=\(")


def check_contracts(path, text):
    """Every public type, function and constant of a header has a comment: above it, on it, or on the one before it in its paragraph."""
    if not path.endswith(".h") or path.startswith(("tests/",) + CONTRACTS_LATER):
        return
    lines = [""] + text.splitlines()
    last, told = 0, False
    for first, end, statement, in_class in declarations(strip(text)):
        told = "//" in lines[first] or lines[first - 1].strip().startswith("//") or (told and first == last + 1)
        data = in_class and "(" not in re.sub(r"<.*>|=.*", "", statement) and not re.match(r"enum|class|struct|static constexpr", statement)
        last = 0 if data or statement.endswith("{") else end  # functions are no paragraph with members, nor with their class's head
        accessor = in_class and re.search(r"\{[^;]*;? ?\}$", statement)  # of one line: its class's contract says what it is about
        if not (told or data or accessor or re.search(SAYS_ENOUGH, statement)):
            yield first, f"'{statement.split('{')[0][:60].strip()}' needs its contract (///): units, ranges, lifetime, errors, threads"


def check_namespace(path, text):
    if path.endswith(".h") and re.search(r"^using namespace", text, flags=re.M):
        yield 1, "no 'using namespace' in a header"


# Where times and durations of requests, rules and configuration enter, and the names they have there.
TIMES_ENTER = ("query/engine.cpp", "query/plan/", "query/ops/selection", "web/api/query_api.cpp", "alerting/rules/rule.cpp",
               "alerting/rules/group.cpp")
TIME_NAME = (r"(?:\w+(?:\.|->)(?:start|end|min|max|offset|hold|step)|(?:\w+(?:\.|->))*\w*(?:query_offset|keep_firing_for|active_at|"
             r"outage_tolerance|resend_delay|lookback|_ms))\b")


def check_time_sums(path, text):
    if not path.startswith(TIMES_ENTER):
        return
    code = strip(text)
    pattern = rf"(?<![\w.>]){TIME_NAME} [-+] [A-Za-z_(]|[\w)\]] [-+] {TIME_NAME}(?![\w(])"
    for match in re.finditer(pattern, code):
        yield code.count("\n", 0, match.start()) + 1, f"'{match.group(0)}': times add up in model/time.h (add_time, ...)"


RULES = (check_time_sums, check_includes, check_beast, check_sizes, check_bans, check_opening, check_contracts, check_namespace)


def reached(root, path, seen=None):
    """What a test comes to: the headers it includes, and in turn those of the sources behind them."""
    seen = set() if seen is None else seen
    for name in includes(root, path):
        if name in seen:
            continue
        seen.add(name)
        reached(root, name, seen)
        reached(root, name[:-2] + ".cpp", seen)
    return seen


def includes(root, path):
    """The headers that a file includes, in order; none when there is no such file."""
    try:
        with open(os.path.join(root, path), encoding="utf-8") as file:
            return re.findall(r'^#include "([^"]+)"', file.read(), flags=re.M)
    except OSError:
        return []


def check_tests(root, paths, table):
    """A longer source has a test: one that includes its header, or that TESTED_THROUGH names."""
    tested = set()
    for path in paths:
        if path.startswith("tests/") and path.endswith("_test.cpp"):
            tested.update(includes(root, path))
    through = {source: test for test, sources in table.items() for source in sources}
    for path in paths:
        if not path.endswith(".cpp") or path.startswith("tests/"):
            continue
        with open(os.path.join(root, path), encoding="utf-8") as file:
            lines = len(file.readlines())
        test = through.pop(path, None)
        has_test = path[:-4] + ".h" in tested
        if test is None:
            if lines >= TESTED_LINES and not has_test:
                yield path, 1, f"{lines} lines, and no test includes {path[:-4]}.h: write one in tests/{path.split('/')[0]}"
        elif has_test or lines < TESTED_LINES:
            yield path, 1, "take it out of TESTED_THROUGH: its own header is tested, or it is short"
        elif not os.path.exists(os.path.join(root, test)):
            yield path, 1, f"TESTED_THROUGH names {test}, which is not there"
        elif test.endswith(".cpp") and includes(root, path)[:1] and includes(root, path)[0] not in reached(root, test):
            yield path, 1, f"TESTED_THROUGH names {test}, which never comes to {includes(root, path)[0]}"
    for path in through:
        yield path, 1, "TESTED_THROUGH names this source, which is not there"


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as file:
        return file.read()


LOCK = re.compile(r"^( *)(?:mutable )?(?:std::(?:shared_)?mutex|(?:Shared)?Mutex) (\w+);", flags=re.M)


def full_name(code, match):
    """Of a member, with the classes around it: `Server::Parts::mutex`. Relies on clang-format's indentation."""
    names, indent = [match.group(2)], len(match.group(1))
    for line in reversed(code[:match.start()].splitlines()):
        scope = re.match(r"( *)(?:class|struct) (?:NX_\w+(?:\([^)]*\))? )?([\w:]+)[^;]*$", line)
        if scope and len(scope.group(1)) < indent:
            names.insert(0, scope.group(2))
            indent = len(scope.group(1))
    return "::".join(names)


def comment_above(lines, number):
    """The lines of comment that end directly above this one."""
    first = number - 1
    while first > 0 and lines[first - 1].strip().startswith("//"):
        first -= 1
    return lines[first:number - 1]


def check_locks(root, paths):
    """Every lock that is a member says its rank, or that it is a leaf, and stands in the table of docs/concurrency.md with that."""
    table = {}
    for row in read(root, "docs/concurrency.md").splitlines() if os.path.exists(os.path.join(root, "docs/concurrency.md")) else ():
        cells = row.split("|")
        for name in re.findall(r"`([\w:]+)`", cells[2]) if len(cells) > 2 else ():
            table[re.sub(r"^([a-z]\w*::)+", "", name)] = cells[1].strip()  # without namespaces
    for path in paths:
        if not path.endswith((".h", ".cpp")) or path.startswith(("tests/", "base/mutex.h") + LOCKS_LATER):
            continue
        text = read(root, path)
        code, lines = strip(text), text.splitlines()
        for match in LOCK.finditer(code):
            number = code.count("\n", 0, match.start()) + 1
            said = re.search(r"//.*?\b(?:rank (\d+)|leaf)\b", "\n".join(comment_above(lines, number) + [lines[number - 1]]), flags=re.I)
            name = full_name(code, match)
            if not said:
                yield path, number, f"'{name}' needs its place in the order of locks: // rank N, or // leaf (it calls nothing that locks)"
            elif table.get(name) != (said.group(1) or "leaf"):
                yield path, number, f"docs/concurrency.md needs a row {said.group(1) or 'leaf'} that names `{name}` and what it guards"


def check_citations(root, paths):
    """A comment names a document by its path from the root, and it is there."""
    for path in paths:
        if path.startswith("tests/tidy/"):
            continue
        text = read(root, path)
        for match in re.finditer(r"[\w./-]+\.md\b|//.*\b(?:design|docs): ", text):
            cited = match.group(0)
            if cited.endswith(".md") and os.path.exists(os.path.join(root, cited)):
                continue
            yield path, text.count("\n", 0, match.start()) + 1, f"'{cited}' is not in this repository: write it down in docs/ and cite that"


def check_links(root):
    """Relative links in documents must lead somewhere."""
    documents = [os.path.join(root, n) for n in os.listdir(root) if n.endswith(".md")]
    for base, _, names in os.walk(os.path.join(root, "docs")):
        documents += [os.path.join(base, n) for n in names if n.endswith(".md")]
    for document in sorted(documents):
        text = open(document, encoding="utf-8").read()
        for match in re.finditer(r"\]\(([^)#\s]+)", text):
            target = match.group(1)
            if "://" in target or target.startswith("mailto:"):
                continue
            if not os.path.exists(os.path.join(os.path.dirname(document), target)):
                yield os.path.relpath(document, root), text.count("\n", 0, match.start()) + 1, f"dead link: {target}"


def check(root, table=None):
    """Every breach as (path, line, message)."""
    paths = list(listed(root))
    for path in paths:
        text = read(root, path)
        for rule in RULES:
            for line, message in rule(path, text):
                yield path, line, message
    yield from check_tests(root, paths, TESTED_THROUGH if table is None else table)
    yield from check_locks(root, paths)
    yield from check_citations(root, paths)
    yield from check_links(root)


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
    found = 0
    for path, line, message in check(os.path.normpath(root)):
        print(f"{path}:{line}: {message}")
        found += 1
    print(f"tidy: {found} breaches")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
