"""Rows of a CSV file for users, e.g. accounts or tokens: no two takers of a run have the same one, whichever load
process they are in.

The master deals out numbers, so it does not matter how Locust has spread the users; each load process looks the row up
in its own copy of the file. The file's values are secret: no message of this process shows one.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import nearest
from harness.parameters import flag
from harness.regular_file import regular
from harness.safe_text import hide_values

if TYPE_CHECKING:
    from harness.load.users.paced import Paced

DELIMITERS = ",;\t"
MOST_LINES_TOLD = 5


class RowsError(Exception):
    """No row can be had; ``str()`` says why, without a value of the file."""


@dataclass(frozen=True)
class Table:
    """What a file says. ``lines`` are the numbers of the lines at which its rows end."""

    path: str
    rows: tuple[Mapping[str, str], ...]
    lines: tuple[int, ...]
    digest: str


class CsvRows:
    """The rows of the file that the option ``option`` of the scenario names; its first line names the columns.

    ``columns`` have to be there, with a value in each row, and those of the first one have to differ from row to row.
    A row is handed out ``uses`` times in a run, and never again. ``shown`` are the columns whose values are no secret.
    """

    def __init__(self, option: str, columns: Iterable[str], *, uses: int = 1, shown: Iterable[str] = ()) -> None:
        self.option = option
        self.columns = tuple(columns)
        self.uses = uses
        self._shown = frozenset(shown)
        self._table: Table | None = None
        if not self.columns or uses < 1:
            raise ValueError(f"CsvRows({option!r}): give one column or more, and 1 use or more")

    def take(self, user: Paced) -> Mapping[str, str]:
        """A row that nobody else has, from column to value. Raises RowsError where there is none left."""
        table = self._of(str(getattr(user.environment.parsed_options, self.option)))
        number = user.node.deal_row(self.option, table.digest)
        if number >= len(table.rows) * self.uses:
            raise RowsError(f"{self._named(table.path)}: {self._all(table)} are taken; {self._remedy()}")
        return table.rows[number % len(table.rows)]

    def problems(self, options: Any, takes: int | None = None) -> Iterator[str]:
        """What is wrong with the file, for ``checks`` of a scenario; also where it has too few rows for so many
        ``takes``: by default one for each user that the run has.
        """
        wanted = options.planned_users if takes is None else takes
        try:
            table = self._of(str(getattr(options, self.option)))
        except RowsError as error:
            yield str(error)
            return
        if wanted > len(table.rows) * self.uses:
            yield f"{self._named(table.path)}: {self._all(table)} are too few, {wanted:,} are needed; {self._remedy()}"

    def _all(self, table: Table) -> str:
        return f"all its {len(table.rows):,} rows" + (f", {self.uses} times each," if self.uses > 1 else "")

    def _remedy(self) -> str:
        return "give it more rows, or the run fewer users" + ("" if self.uses > 1 else ", or let a row be used again")

    def _named(self, path: str) -> str:
        return f"{flag(self.option)} {path}"

    def _of(self, path: str) -> Table:
        """Read once; after that the run has its rows whatever becomes of the file."""
        if self._table is None or self._table.path != path:
            self._table = self._read(path)
            hide_values(value for row in self._table.rows for column, value in row.items() if column not in self._shown)
        return self._table

    def _read(self, path: str) -> Table:
        columns = ", ".join(self.columns)
        if not path:
            raise RowsError(f"{flag(self.option)} is empty: name a CSV file whose first line is {columns}")
        named = self._named(path)
        try:
            contents = regular(Path(path)).read_bytes()
            text = contents.decode("utf-8-sig")
        except OSError as error:
            raise RowsError(f"{named}: cannot be read ({error.strerror or error}); correct the path") from None
        except UnicodeDecodeError:
            raise RowsError(f"{named}: is not UTF-8; save it as that") from None
        first = text.partition("\n")[0]
        delimiter = max(DELIMITERS, key=first.count)
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        try:
            header = [name.strip() for name in next(reader, [])]
            if missing := self._missing(header):
                raise RowsError(f"{named}: {missing}")
            found = [(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]
        except csv.Error as error:
            raise RowsError(f"{named}, line {reader.line_num}: {error}; correct it") from None
        for line, cells in found:
            if len(cells) != len(header):
                raise RowsError(
                    f"{named}, line {line}: has {len(cells)} values, and the first line {len(header)} names"
                )
        rows = tuple(dict(zip(header, cells, strict=True)) for _, cells in found)
        lines = tuple(line for line, _ in found)
        table = Table(path, rows, lines, hashlib.sha256(contents).hexdigest()[:12])
        if problem := self._row_problem(table):
            raise RowsError(f"{named}: {problem}")
        return table

    def _missing(self, header: list[str]) -> str:
        absent = [column for column in self.columns if column not in header]
        if not absent:
            twice = [name for name, count in Counter(header).items() if count > 1]
            return f"two columns are called {twice[0]}; rename one" if twice else ""
        if len(absent) == len(self.columns) and not {name.lower() for name in header} & set(map(str.lower, absent)):
            # It may be a row, and secret: nothing of it is repeated, however like a name of ours.
            return f"the first line names none of the columns {', '.join(self.columns)}; put their names there"
        guesses = {column: nearest(column, header) for column in absent}
        told = [f"{column} (did you mean {guess}?)" if guess else column for column, guess in guesses.items()]
        return f"there is no column {', '.join(told)}; its first line has to name {', '.join(self.columns)}"

    def _row_problem(self, table: Table) -> str:
        if not table.rows:
            return "has no rows below its first line; write one for each user"
        for column in self.columns:
            if empty := [line for line, row in zip(table.lines, table.rows, strict=True) if not row[column].strip()]:
                return f"{column} is empty in {_told(empty)}; fill it in, or leave the row out"
        key = self.columns[0]
        lines_of: dict[str, list[int]] = {}
        for line, row in zip(table.lines, table.rows, strict=True):
            lines_of.setdefault(row[key], []).append(line)
        if twice := [lines for lines in lines_of.values() if len(lines) > 1]:
            more = f", and so have {len(twice) - 1} others" if len(twice) > 1 else ""
            return f"{_told(twice[0])} have the same {key}{more}; leave out all but one"
        return ""


def _told(lines: list[int]) -> str:
    shown = ", ".join(map(str, lines[:MOST_LINES_TOLD])) + (" …" if len(lines) > MOST_LINES_TOLD else "")
    return f"line{'s' if len(lines) > 1 else ''} {shown}"


class RowDealer:
    """Deals out the numbers 0, 1, 2 … of each file in one run. It is where the master is."""

    def __init__(self) -> None:
        self._dealt: Counter[str] = Counter()
        self._digests: dict[str, str] = {}

    def deal(self, option: str, digest: str) -> int:
        """The next number, for a load process whose file has this digest. Raises RowsError where it is another file
        than that of those who came before.
        """
        if self._digests.setdefault(option, digest) != digest:
            raise RowsError(
                f"{flag(option)}: this load process has another file than others, so two users might have the same "
                "row; give all of them the same one"
            )
        self._dealt[option] += 1
        return self._dealt[option] - 1
