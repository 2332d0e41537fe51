#!/usr/bin/env python3
"""What stands in runbooks and other pages for operators, Markdown or manuals: commands, links, blocks of shell.

usage: runbooks.py blocks TAG FILE...      the ```sh TAG blocks as JSON lines: file, line, text
       runbooks.py links FILE...           that each link leads to a file and a heading that are there
       runbooks.py references PAGE...      that manuals refer to manuals that are there, and each is referred to
       runbooks.py commands FOLDER FILE... that each command and script exists, and each flag and verb in its --help;
                                           FOLDER has the commands
       runbooks.py aws FILE...             that each `aws` call is one, with options that it has; needs awscli beside
                                           this Python

Commands are those of ```sh blocks, of `spans` that have more than one word, of "command":[...] lists in JSON, and of the
lines that a manual displays (.Dl). What is wrong is printed, a line each, and the exit status is 1; 0 otherwise, with how
much was looked at.
"""
import functools
import json
import os
import re
import shlex
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BEFORE_COMMANDS = {"do", "done", "if", "then", "else", "fi", "while", "!", "{", "}"}
SHELL_WORDS = {"export", "echo", "eval", "read", "printf", "unset", "cd", "for", "[", "[[", "true", "false", "$"}
OTHERS = {"curl", "jq", "head", "sort", "uniq", "git", "openssl", "tr", "date", "psql", "redis-cli", "make", "man", "df", "du",
          "docker", "journalctl", "nvidia-smi", "tail", "find", "vi", "install", "systemctl",
          "systemd-sysusers", "systemd-tmpfiles"}
# Of version 2 of the AWS CLI; the tests have version 1.
AWS_VERSION_2 = {("configure", "export-credentials")}
# Manuals of others.
PAGES_OF_OTHERS = {"cron.8", "pdftotext.1", "psql.1", "seccomp.2", "tesseract.1"}
SEPARATORS = {"|", "||", "&&", ";", "&", "(", ")", ";;", "\n"}


def is_manual(path):
    return re.search(r"\.[1-9]$", path) is not None


def displays_of(path):
    """(line's number, text) of each line that a manual displays and that has a command: after a prompt, or one of ours."""
    for number, line in enumerate(open(path, encoding="utf-8"), 1):
        if not line.startswith(".Dl "):
            continue
        characters = {"dq": '"', "aq": "'", "-": "-", "e": "\\", "&": ""}
        text = re.sub(r"\\(?:\((..)|(.))", lambda escape: characters[escape[1] or escape[2]], line[4:].strip())
        command = re.search(r"^\$ (.*)|((?:^|(?<=\s))filot-[a-z].*)", text)
        if command:
            yield number, command[1] or command[2]


def blocks_of(path):
    """(tag, first line's number, text) of each block of shell."""
    if is_manual(path):
        for line, command in displays_of(path):
            yield "", line, command + "\n"
        return
    text = open(path, encoding="utf-8").read()
    for match in re.finditer(r"^( *)```sh *(\w*)\n(.*?)^ *```$", text, re.M | re.S):
        body = "\n".join(line[len(match.group(1)):] if line.startswith(match.group(1)) else line
                         for line in match.group(3).splitlines())
        yield match.group(2), text.count("\n", 0, match.start()) + 2, body + "\n"


def spans_of(path):
    if is_manual(path):
        return
    text = open(path, encoding="utf-8").read()
    text = re.sub(r"^ *```.*?^ *```$", lambda block: "\n" * block.group().count("\n"), text, flags=re.M | re.S)
    for match in re.finditer(r"`([^`]+)`", text):
        words = match.group(1).split()
        if len(words) > 1 and re.match(r"(filot-|scripts/|aws$)", words[0]):
            yield text.count("\n", 0, match.start()) + 1, " ".join(words)


def substitutions(text):
    """The insides of $(…) and <(…), nested ones by recursion over what is found."""
    for match in re.finditer(r"[$<]\(", text):
        depth, at = 1, match.end()
        while at < len(text) and depth:
            depth += (text[at] == "(") - (text[at] == ")")
            at += 1
        yield text[match.end():at - 1]


def words_of(text):
    """Each command of a piece of shell as its words; quoted words stay whole."""
    lexer = shlex.shlex(text.replace("\\\n", " ").replace("\n", " ; "), posix=True, punctuation_chars="|&;()<>")
    lexer.whitespace_split = True
    lexer.commenters = ""
    words, skip = [], False
    for token in lexer:
        if token in SEPARATORS or set(token) <= set("|&;()"):
            yield words
            words = []
        elif set(token) <= set("<>&"):
            skip = True # a redirection: the next word is a file
        elif skip:
            skip = False
        else:
            words.append(token)
    yield words


def commands_in(text):
    text = re.sub(r"(^|\s)#.*", r"\1", text, flags=re.M)
    for listed in re.findall(r'"command":(\[[^\]]*\])', text):
        yield json.loads(listed)
    for inner in substitutions(text):
        yield from commands_in(inner)
    for words in words_of(text):
        while words and (re.match(r"\w+=", words[0]) or words[0] in BEFORE_COMMANDS):
            words = words[1:]
        if words and words[0] not in SHELL_WORDS:
            yield [words[0].removeprefix("./"), *words[1:]]


def all_commands(paths):
    for path in paths:
        for _, line, text in blocks_of(path):
            for words in commands_in(text):
                yield f"{os.path.relpath(path, ROOT)}:{line}", words
        for line, text in spans_of(path):
            yield f"{os.path.relpath(path, ROOT)}:{line}", shlex.split(text)


@functools.cache
def help_of(program, flag="--help"):
    return subprocess.run([program, flag], capture_output=True, text=True, check=False).stdout


def check_commands(folder, paths):
    seen = 0
    functions = {name for path in paths for _, _, text in blocks_of(path) for name in re.findall(r"^(\w+)\(\) \{", text, re.M)}
    for where, words in all_commands(paths):
        name = words[0]
        if name.startswith("filot-"):
            program = os.path.join(folder, name)
        elif name.startswith("scripts/"):
            program = os.path.join(ROOT, name)
        elif name in OTHERS | functions | {"aws"}:
            continue
        else:
            yield f"{where}: {name}: what command is that?"
            continue
        seen += 1
        if not os.access(program, os.X_OK):
            yield f"{where}: there is no {name}"
            continue
        text = help_of(program)
        for word in words[1:]:
            flag = re.match(r"--?[a-z][\w-]*", word.lstrip("["))
            if flag and not re.search(rf"(?<![\w-]){re.escape(flag.group())}(?![\w-])", text):
                yield f"{where}: {name} has no {flag.group()}"
        if name == "scripts/ops/query_logs.sh":
            text = help_of(program, "--list")
        if len(words) > 1 and re.fullmatch(r"[a-z][a-z-]*", words[1]) and not re.search(rf"(?<![\w-]){words[1]}(?![\w-])", text):
            yield f"{where}: {name} has no {words[1]}"
    print(f"# {seen} calls of ours")


def check_aws(paths):
    from awscli.clidriver import ServiceCommand, create_clidriver

    def parts_of(node):
        """The operations of a service, or the parts of a command such as `wait`; none of an operation."""
        return node.create_help_command().command_table if isinstance(node, ServiceCommand) else getattr(node, "subcommand_table", {})

    driver, seen = create_clidriver(), 0
    services = driver._get_command_table()
    everywhere = set(driver._get_argument_table())
    for where, words in all_commands(paths):
        if words[0] != "aws" or tuple(words[1:3]) in AWS_VERSION_2:
            continue
        seen += 1
        node, rest = services.get(words[1]) if len(words) > 1 else None, words[2:]
        if node is None:
            yield f"{where}: aws has no service {words[1:2]}"
            continue
        while (inside := parts_of(node)) and rest and rest[0] in inside:
            node, rest = inside[rest[0]], rest[1:]
        if isinstance(node, ServiceCommand) or inside and rest and not rest[0].startswith("-"):
            yield f"{where}: aws {words[1]} has no {' '.join(rest[:1])}"
            continue
        known = set(node.arg_table) | everywhere
        for word in rest:
            if word.startswith("--") and word[2:].split("=")[0] not in known:
                yield f"{where}: aws {' '.join(words[1:3])} has no {word}"
    print(f"# {seen} calls of aws")


def slug(heading):
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def check_links(paths):
    seen = 0
    for path in paths:
        for target in re.findall(r"\]\(([^)]+)\)", open(path, encoding="utf-8").read()):
            if "://" in target:
                continue
            seen += 1
            file, _, anchor = target.partition("#")
            file = os.path.normpath(os.path.join(os.path.dirname(path), file)) if file else path
            if not os.path.exists(file):
                yield f"{os.path.relpath(path, ROOT)}: {target}: no such file"
            elif anchor and anchor not in map(slug, re.findall(r"^#+ (.*)", open(file, encoding="utf-8").read(), re.M)):
                yield f"{os.path.relpath(path, ROOT)}: {target}: no such heading"
    print(f"# {seen} links")


def check_references(paths):
    pages, seen = {os.path.basename(path) for path in paths}, set()
    for path in paths:
        text = open(path, encoding="utf-8").read()
        own = os.path.basename(path)
        named = {f"{name}.{section}" for name, section in re.findall(r"^\.Xr (\S+) (\d)", text, re.M)}
        also = text.partition(".Sh SEE ALSO\n")[2].partition("\n.Sh ")[0]
        seen |= named - {own}
        if ".Xr " not in also:
            yield f"{own}: refers to nothing in SEE ALSO"
        for name in sorted(named - pages - PAGES_OF_OTHERS):
            yield f"{own}: there is no {name}"
    for name in sorted(pages - seen):
        yield f"nothing refers to {name}"
    print(f"# {len(pages)} manuals")


def main():
    action, *arguments = sys.argv[1:] or [""]
    if action == "blocks" and len(arguments) > 1:
        for path in arguments[1:]:
            for tag, line, text in blocks_of(path):
                if tag == arguments[0]:
                    print(json.dumps({"file": os.path.relpath(path, ROOT), "line": line, "text": text}))
        return 0
    checks = {"links": lambda: check_links(arguments), "references": lambda: check_references(arguments),
              "aws": lambda: check_aws(arguments),
              "commands": lambda: check_commands(arguments[0], arguments[1:])}
    if action not in checks or not arguments:
        print(__doc__, file=sys.stderr)
        return 64
    wrong = list(checks[action]())
    print("\n".join(wrong), end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
