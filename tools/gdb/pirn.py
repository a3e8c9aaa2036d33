# SPDX-License-Identifier: MIT
"""pirn's coroutines in gdb, of a running process or of a core file:

    (gdb) source PREFIX/share/pirn/gdb/pirn.py
    (gdb) pirn coroutines               a table of them
    (gdb) pirn backtrace 3              the stack of number 3 of that table
    (gdb) pirn backtrace NAME           of those with that name; in quotes if it has spaces
    (gdb) pirn backtrace all
    (gdb) pirn backtrace EXPRESSION     of a pirn::coroutine, or of a pointer to its frame
    (gdb) pirn stacks                   the memory of the stacks

It only reads. docs/debugging.md shows what it prints and says what it cannot see.

It only reads. docs/debugging.md shows what it prints and says what it cannot see. How the coroutines are found stands
in pirn_memory.py, and how a stack is walked that no thread stands on in pirn_walk.py, both in this folder.
"""

import os
import shlex
import sys

import gdb

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from pirn_memory import areas, coroutine_at, coroutines, shown_name
from pirn_walk import print_backtrace, where_suspended


def table(head, rows):
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    for row in [head, *rows]:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


class Pirn(gdb.Command):
    """Coroutines of the library pirn: pirn coroutines, pirn backtrace, pirn stacks."""

    def __init__(self):
        super().__init__("pirn", gdb.COMMAND_STACK, prefix=True)


class Coroutines(gdb.Command):
    """Lists the coroutines: number, name, status, where it was created, size of its stack, where it is suspended."""

    def __init__(self):
        super().__init__("pirn coroutines", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        rows = []
        for number, one in enumerate(coroutines(), 1):
            status = one.status
            try:
                place = where_suspended(one) if status == "suspended" else ""
            except (gdb.error, gdb.GdbError) as problem:
                place = f"({problem})"
            rows.append((str(number), one.name or "-", status, one.created_at, str(one.size), place))
        table(("number", "name", "status", "created at", "stack", "suspended in"), rows)


class Backtrace(gdb.Command):
    """Prints the stack of a coroutine: pirn backtrace NUMBER, NAME, all, or an expression that is a coroutine."""

    def __init__(self):
        super().__init__("pirn backtrace", gdb.COMMAND_STACK, gdb.COMPLETE_EXPRESSION)

    def invoke(self, argument, from_tty):
        wanted = argument.strip()
        if not wanted:
            raise gdb.GdbError("pirn backtrace NUMBER, NAME, all, or an expression that is a coroutine")
        if wanted[0] in "\"'":
            wanted = " ".join(shlex.split(wanted))
        meant = None if wanted.isdigit() or wanted == "all" else coroutine_meant_by(wanted)
        everybody = coroutines()
        for number, one in self.chosen(wanted, meant, everybody):
            where = f", created at {one.created_at}" if one.created_at else ""
            print(f"{number}{shown_name(one)}, {one.status}{where}:")
            print_backtrace(one, everybody)

    @staticmethod
    def chosen(wanted, meant, everybody):
        numbered = [(f"{number}: ", one) for number, one in enumerate(everybody, 1)]
        if wanted == "all":
            return numbered
        if wanted.isdigit():
            if not 0 < int(wanted) <= len(numbered):
                raise gdb.GdbError(f"there is no coroutine {wanted}; there are {len(numbered)}")
            return numbered[int(wanted) - 1:int(wanted)]
        if named := [pair for pair in numbered if pair[1].name == wanted]:
            return named
        if meant is None:
            raise gdb.GdbError(f'there is no coroutine "{wanted}"')
        return [("", meant)]


def coroutine_meant_by(expression):
    """The coroutine that an expression in gdb's selected frame stands for, or None."""
    try:
        value = gdb.parse_and_eval(expression)
        if value.type.strip_typedefs().code in (gdb.TYPE_CODE_PTR, gdb.TYPE_CODE_REF):
            value = value.referenced_value()
        fields = {field.name for field in all_fields(value.type.strip_typedefs())}
        if "frame_" in fields:
            value = value["frame_"].dereference()
        elif "ground" not in fields:
            return None
        return coroutine_at(int(value.address))
    except gdb.error:
        return None


def all_fields(kind):
    """Fields of a class and of its bases."""
    if kind.code == gdb.TYPE_CODE_STRUCT:
        for field in kind.fields():
            yield field
            if field.is_base_class:
                yield from all_fields(field.type.strip_typedefs())


class Stacks(gdb.Command):
    """Lists the memory of the stacks: each area with its stacks, how many were ever lent out and are in use."""

    def __init__(self):
        super().__init__("pirn stacks", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        everybody = coroutines()
        rows = []
        for area in areas():
            inside = sum(area.low <= one.address < area.low + area.size for one in everybody)
            rows.append((f"{area.low:#x}", f"{area.low + area.size:#x}", str(area.stride - area.guard), str(area.guard),
                         str(area.slots), str(area.used // area.stride) if area.counted else "-", str(inside)))
        table(("low", "high", "stack", "guard", "stacks", "lent ever", "in use"), rows)


Pirn()
Coroutines()
Backtrace()
Stacks()
