#!/usr/bin/env python3
"""The part of CloudWatch Logs Insights' query language that logs/cloudwatch-queries.md uses, over lines in files.

usage: insights.py list MARKDOWN            one JSON object a query: name, groups, promise, query, and the fields that it reads
       insights.py run LOG-FILE... < QUERY  the rows, one JSON object a line

A log file is a stream: its name is @logStream, its folder's @log, each line an event, and the members of a line that is a
JSON object are its fields (a.b for those inside), as Insights finds them. Stricter than Insights where that hides
mistakes: a field that no line has, a sort without direction and a command after `dedup` other than `limit` are errors.
Exit status: 0; 65 no such query; 64 usage. Reference:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html
"""
import datetime
import json
import math
import os
import re
import sys

TOKEN = re.compile(r"""\s*(?:(?P<comment>\#[^\n]*)|(?P<number>\d+(?:\.\d+)?(?![\w.]))|(?P<span>\d+[smhd]\b)
    |(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<quoted>`[^`]+`)|(?P<name>[@A-Za-z_][\w.@]*)
    |(?P<operator>=~|!=|<=|>=|[=<>()\[\],|+*-])|(?P<regex>/(?:[^/\\\n]|\\.)+/)|(?P<divide>/))""", re.X)
BUILT_IN = {"@timestamp", "@message", "@logStream", "@log", "@ingestionTime"}
SPAN_MS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
MAXIMUM_ROWS = 10_000


class Wrong(Exception):
    pass


def tokens_of(text):
    tokens, at = [], 0
    text = text.rstrip()
    while at < len(text):
        match = TOKEN.match(text, at)
        if not match:
            raise Wrong(f"cannot be read from here: {text[at:at + 30]!r}")
        at = match.end()
        kind = match.lastgroup
        if kind != "comment":
            tokens.append(("operator" if kind == "divide" else kind, match.group(kind)))
    return tokens + [("end", "")]


def present(value):
    return value is not None and value != ""


def number(value):
    if isinstance(value, bool) or value is None:
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def compare(operator, left, right):
    if not present(left) or not present(right):
        return False
    if number(left) is not None and number(right) is not None:
        left, right = number(left), number(right)
    elif operator in ("=", "!="):
        left, right = str(left), str(right)
    else:
        return False
    return {"=": left == right, "!=": left != right, "<": left < right, "<=": left <= right, ">": left > right,
            ">=": left >= right}[operator]


def arithmetic(operator, left, right):
    left, right = number(left), number(right)
    if left is None or right is None or (operator == "/" and right == 0):
        return None
    return {"+": left + right, "-": left - right, "*": left * right, "/": left / right if right else None}[operator]


def percentile(values, percent):
    values = sorted(values)
    return values[max(0, math.ceil(percent / 100 * len(values)) - 1)] if values else None


AGGREGATES = {
    "count": lambda values, _: len(values),
    "count_distinct": lambda values, _: len({str(value) for value in values}),
    "sum": lambda values, _: sum(float(value) if isinstance(value, bool) else number(value) or 0 for value in values),
    "avg": lambda values, _: sum(map(float, values)) / len(values) if values else None,
    "min": lambda values, _: min(values, default=None),
    "max": lambda values, _: max(values, default=None),
    "pct": lambda values, percent: percentile([number(value) for value in values if number(value) is not None], percent),
    # rows come newest first
    "latest": lambda values, _: values[0] if values else None,
    "earliest": lambda values, _: values[-1] if values else None,
}
FUNCTIONS = {
    "ispresent": lambda *given: present(given[0]),
    "isempty": lambda *given: not present(given[0]),
    "coalesce": lambda *given: next((value for value in given if present(value)), None),
    "concat": lambda *given: "".join(str(value) for value in given if value is not None),
    "floor": lambda *given: None if number(given[0]) is None else math.floor(number(given[0])),
}


class Parser:
    """Recursive descent; an expression becomes a function of a row."""

    def __init__(self, text):
        self.tokens, self.at = tokens_of(text), 0
        self.made, self.read = set(), set()

    def kind(self):
        return self.tokens[self.at][0]

    def peek(self):
        return self.tokens[self.at][1]

    def take(self, *wanted):
        """The next token's text, when it is one of these (or whatever it is)."""
        kind, text = self.tokens[self.at]
        if wanted and (kind == "string" or text.lower() not in wanted):
            return None
        self.at += 1
        return text

    def want(self, *wanted):
        found = self.take(*wanted)
        if found is None:
            raise Wrong(f"{' or '.join(wanted)} is wanted before {self.peek()!r}")
        return found

    def want_kind(self, kind):
        if self.kind() != kind:
            raise Wrong(f"a {kind} is wanted before {self.peek()!r}")
        return self.take()

    def several(self, part):
        parts = [part()]
        while self.take(","):
            parts.append(part())
        return parts

    def query(self):
        commands, last = [], None
        while True:
            name = self.want("fields", "display", "filter", "stats", "sort", "limit", "parse", "dedup").lower()
            if last == "dedup" and name != "limit":
                raise Wrong("after dedup comes limit only")
            last = name
            commands.append(getattr(self, "command_" + name)())
            if not self.take("|"):
                break
        if self.kind() != "end":
            raise Wrong(f"'|' is wanted before {self.peek()!r}")
        return commands

    def new_name(self):
        name = self.want_kind("name")
        self.made.add(name)
        return name

    def field(self):
        name = self.take().strip("`") if self.kind() == "quoted" else self.want_kind("name")
        if name not in self.made and name not in BUILT_IN:
            self.read.add(name)
        return name

    # expressions, from the weakest operator to the strongest

    def either(self):
        left = self.both()
        while self.take("or"):
            left = (lambda a, b: lambda row: bool(a(row)) or bool(b(row)))(left, self.both())
        return left

    def both(self):
        left = self.negated()
        while self.take("and"):
            left = (lambda a, b: lambda row: bool(a(row)) and bool(b(row)))(left, self.negated())
        return left

    def negated(self):
        if self.take("not"):
            inner = self.negated()
            return lambda row: not inner(row)
        return self.comparison()

    def comparison(self):
        left = self.total()
        operator = self.take("=", "!=", "<", "<=", ">", ">=")
        if operator:
            right = self.total()
            return lambda row: compare(operator, left(row), right(row))
        refused = bool(self.take("not"))
        if self.take("like", "=~"):
            inside = self.pattern()
            return lambda row: present(left(row)) and bool(inside(str(left(row)))) != refused
        if self.take("in"):
            self.want("[")
            choices = self.several(self.total)
            self.want("]")
            return lambda row: present(left(row)) and any(compare("=", left(row), c(row)) for c in choices) != refused
        if refused:
            raise Wrong("'not' goes before 'like' or 'in'")
        return left

    def pattern(self):
        if self.kind() == "regex":
            return re.compile(self.take()[1:-1]).search
        text = json.loads(self.want_kind("string"))
        return lambda value: text in value

    def total(self):
        left = self.product()
        while (operator := self.take("+", "-")) is not None:
            left = (lambda a, o, b: lambda row: arithmetic(o, a(row), b(row)))(left, operator, self.product())
        return left

    def product(self):
        left = self.single()
        while (operator := self.take("*", "/")) is not None:
            left = (lambda a, o, b: lambda row: arithmetic(o, a(row), b(row)))(left, operator, self.single())
        return left

    def single(self):
        kind = self.kind()
        if kind == "number":
            value = float(self.take())
            return lambda row: value
        if kind == "string":
            text = self.take()
            text = json.loads(text) if text[0] == '"' else text[1:-1]
            return lambda row: text
        if self.take("("):
            inner = self.either()
            self.want(")")
            return inner
        if kind == "name" and self.tokens[self.at + 1][1] == "(":
            return self.call()
        name = self.field()
        return lambda row: row.get(name)

    def call(self):
        name = self.take().lower()
        self.want("(")
        if name == "bin":
            span = self.want_kind("span")
            self.want(")")
            width = int(span[:-1]) * SPAN_MS[span[-1]]
            return lambda row: row["@timestamp"] // width * width
        if name not in FUNCTIONS:
            raise Wrong(f"there is no function {name}() here")
        given = self.several(self.either)
        self.want(")")
        return lambda row: FUNCTIONS[name](*(value(row) for value in given))

    def named(self, part):
        """An expression and its column's name: `as NAME`, else its own words."""
        begin = self.at
        value = part()
        words = "".join(text for _, text in self.tokens[begin:self.at]).strip("`")
        return (self.new_name() if self.take("as") else words), value

    # commands: each becomes a function from (rows, columns) to the same

    def command_fields(self):
        wanted = self.several(lambda: self.named(self.either))

        def run(rows, columns):
            for row in rows:
                row.update({name: value(row) for name, value in wanted})
            return rows, columns + [name for name, _ in wanted if name not in columns]
        return run

    def command_display(self):
        wanted = self.several(self.field)
        return lambda rows, columns: (rows, wanted)

    def command_filter(self):
        test = self.either()
        return lambda rows, columns: ([row for row in rows if test(row)], columns)

    def aggregate(self):
        name = self.want(*AGGREGATES).lower()
        self.want("(")
        value = (lambda row: 1) if self.take("*") else self.either()
        percent = float(self.want_kind("number")) if self.take(",") else None
        if (name == "pct") != (percent is not None):
            raise Wrong("pct(FIELD, PERCENT), and only it, has two arguments")
        self.want(")")

        def over(rows):
            return AGGREGATES[name]([found for found in map(value, rows) if present(found)], percent)
        return over

    def command_stats(self):
        wanted = self.several(lambda: self.named(self.aggregate))
        keys = self.several(lambda: self.named(self.either)) if self.take("by") else []
        self.made.update(name for name, _ in wanted + keys)

        def run(rows, _):
            groups = {}
            for row in rows:
                groups.setdefault(tuple(value(row) for _, value in keys), []).append(row)
            if not keys:
                groups.setdefault((), [])
            return [dict(zip([name for name, _ in keys], key)) | {name: value(group) for name, value in wanted}
                    for key, group in groups.items()], [name for name, _ in keys + wanted]
        return run

    def command_sort(self):
        def part():
            value = self.total()
            return value, self.want("asc", "desc").lower() == "desc"
        orders = self.several(part)

        def run(rows, columns):
            for value, down in reversed(orders):
                rows = sorted(rows, reverse=down, key=lambda row: (
                    present(value(row)), number(value(row)) if number(value(row)) is not None else math.inf, str(value(row))))
            return rows, columns
        return run

    def command_limit(self):
        most = int(self.want_kind("number"))
        if not 1 <= most <= MAXIMUM_ROWS:
            raise Wrong(f"limit is 1 to {MAXIMUM_ROWS}")
        return lambda rows, columns: (rows[:most], columns)

    def command_parse(self):
        source = "@message" if self.kind() in ("regex", "string") else self.field()
        if self.kind() == "regex":
            expression = re.compile(re.sub(r"\(\?<(?=\w)", "(?P<", self.take()[1:-1]))
            self.made.update(expression.groupindex)
        else:
            parts = json.loads(self.want_kind("string")).split("*")
            self.want("as")
            names = self.several(self.new_name)
            if len(names) != len(parts) - 1:
                raise Wrong("parse wants one name for each *")
            ways = [f"(?P<{name}>.*?)" for name in names] + ["$"]
            expression = re.compile("".join(re.escape(part) + way for part, way in zip(parts, ways)), re.S)

        def run(rows, columns):
            for row in rows:
                found = expression.search(str(row.get(source) or ""))
                row.update(found.groupdict() if found else {})
            return rows, columns
        return run

    def command_dedup(self):
        names = self.several(self.field)

        def run(rows, columns):
            seen, kept = set(), []
            for row in rows:
                key = tuple(str(row.get(name)) for name in names)
                if key not in seen:
                    seen.add(key)
                    kept.append(row)
            return kept, columns
        return run


def flatten(value, name, into):
    if isinstance(value, dict):
        for member, inner in value.items():
            flatten(inner, f"{name}.{member}" if name else member, into)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            flatten(inner, f"{name}.{index}", into)
    elif value is not None:
        into[name] = value


def events_of(path):
    """Lines without a time of their own have that of the line before, as they were written then."""
    last = os.stat(path).st_mtime_ns // 1_000_000
    for line in open(path, encoding="utf-8", errors="replace"):
        row = {}
        try:
            value = json.loads(line)
            if isinstance(value, dict):
                flatten(value, "", row)
        except ValueError:
            pass
        if "ts" in row:
            last = int(datetime.datetime.fromisoformat(row["ts"].replace("Z", "+00:00")).timestamp() * 1000)
        elif "_aws.Timestamp" in row:
            last = row["_aws.Timestamp"]
        yield row | {"@timestamp": last, "@message": line.rstrip("\n"), "@ingestionTime": last,
                     "@logStream": os.path.basename(path), "@log": os.path.basename(os.path.dirname(path))}


def run(text, paths):
    parser = Parser(text)
    commands = parser.query()
    rows = [row for path in paths for row in events_of(path)]
    unknown = parser.read - {name for row in rows for name in row}
    if unknown:
        raise Wrong(f"no line has the field {', '.join(sorted(unknown))}")
    rows.reverse()
    rows.sort(key=lambda row: row["@timestamp"], reverse=True)
    columns = []
    for command in commands:
        rows, columns = command(rows, columns)
    for row in rows[:MAXIMUM_ROWS]:
        print(json.dumps({name: row[name] for name in columns or ["@timestamp", "@message"] if present(row.get(name))}))


def queries_of(path):
    """`### NAME`, a paragraph that begins with the log groups in backticks and says what comes out, an insights block."""
    text = open(path, encoding="utf-8").read()
    for name, body in re.findall(r"^### (\S+)\n(.*?)(?=^##|\Z)", text, re.M | re.S):
        block = re.search(r"^```insights\n(.*?)^```", body, re.M | re.S)
        words = " ".join(body[:block.start()].split()) if block else ""
        groups = re.match(r"((?:`/[^`]+`(?:, )?)+): (.+)$", words)
        if not block or not groups:
            raise Wrong(f"{name}: wants its log groups, what it promises and a block of insights")
        parser = Parser(block.group(1))
        parser.query()
        yield {"name": name, "groups": re.findall(r"`([^`]+)`", groups.group(1)), "promise": groups.group(2),
               "query": block.group(1), "fields": sorted(parser.read)}


def main():
    action, *arguments = sys.argv[1:] or [""]
    try:
        if action == "list" and len(arguments) == 1:
            for query in queries_of(arguments[0]):
                print(json.dumps(query))
        elif action == "run" and arguments:
            run(sys.stdin.read(), arguments)
        else:
            print(__doc__, file=sys.stderr)
            return 64
    except Wrong as reason:
        print(f"insights.py: {reason}", file=sys.stderr)
        return 65
    return 0


if __name__ == "__main__":
    sys.exit(main())
