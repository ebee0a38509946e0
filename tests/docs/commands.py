"""Shell blocks taken apart into simple commands: what is run, with which words."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field

SEPARATORS = {"|", "||", "&&", "&", ";", "(", ")"}
ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)


@dataclass
class Command:
    words: list[str] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    """Set for this command only."""

    @property
    def name(self) -> str:
        return self.words[0]


def commands(text: str) -> Iterator[Command]:
    """The simple commands of a block, without redirections. Raises ValueError for quotes that do not end."""
    for line in text.replace("\\\n", " ").splitlines():
        yield from _in_line(line)


def _in_line(line: str) -> Iterator[Command]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.wordchars += ":@%+,{}$[]^!="
    command = Command()
    redirected = False
    for word in lexer:
        if redirected:
            redirected = False
        elif word in SEPARATORS:
            if command.words:
                yield command
            command = Command()
        elif set(word) <= set("<>&"):
            redirected = True
            if command.words and command.words[-1] in ("1", "2"):  # the descriptor of `2> FILE`
                command.words.pop()
        elif not command.words and (found := ASSIGNMENT.fullmatch(word)):
            command.variables[found[1]] = found[2]
        else:
            command.words.append(word)
    if command.words:
        yield command
