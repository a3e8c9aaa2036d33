# SPDX-License-Identifier: MIT
"""Where the coroutines are: the areas of stacks, the footings, the frames. Reads memory only; see pirn.py."""

import struct

import gdb

TABLE_VERSION = 1
BATCH = 1 << 20  # bytes of an area that are read at a time

PHASES = ("fresh", "started", "done")  # pirn::detail::frame_phase


class Unknown(gdb.GdbError):
    """What the script cannot tell, and why: gdb prints the sentence alone."""


def word_size():
    return gdb.lookup_type("long").sizeof


def read(address, size):
    """Bytes of the process, or None where there is no memory, or the core file has left it out."""
    try:
        return bytes(gdb.selected_inferior().read_memory(address, size))
    except gdb.MemoryError:
        return None


def words(data, offset=0, count=None):
    size = word_size()
    count = (len(data) - offset) // size if count is None else count
    order = "<" if "little" in gdb.execute("show endian", to_string=True) else ">"
    return struct.unpack_from(f"{order}{count}{'Q' if size == 8 else 'I'}", data, offset)


class Area:
    """Stacks at equal distances; see stack_area in src/stack/areas.hpp."""

    def __init__(self, low, size, stride, guard, fresh):
        self.low, self.size, self.stride, self.guard = low, size, stride, guard
        self.used = size
        self.counted = False  # whether `used` is known, or only an upper limit
        if fresh and (data := read(fresh, word_size())):
            end = words(data)[0]
            if low <= end <= low + size:
                self.used = end - low
                self.counted = True

    @property
    def slots(self):
        return self.size // self.stride

    def stacks(self):
        """The low and the high end of each stack that was ever lent out."""
        for at in range(self.low, self.low + self.used - self.stride + 1, self.stride):
            yield at + self.guard, at + self.stride


def areas():
    try:
        table = int(gdb.parse_and_eval("(unsigned long) &pirn_stack_areas"))
        data = read(table, 5 * word_size())
    except gdb.error:
        raise Unknown("there is no pirn in this program (no symbol pirn_stack_areas)") from None
    if data is None:
        raise Unknown("there is no process, and no core file")
    version, entries, capacity, _, unlisted = words(data)
    if version != TABLE_VERSION:
        raise Unknown(f"the program's pirn is another version than this script (table {version})")
    if unlisted:
        print(f"({unlisted} areas of stacks are not listed: there was no memory to write them down)")
    data = read(entries, capacity * 5 * word_size())
    if data is None:
        raise Unknown("the table of stacks is not in this core file")
    rows = words(data)
    found = [Area(*rows[i:i + 5]) for i in range(0, len(rows), 5) if rows[i]]
    return sorted(found, key=lambda area: area.low)


class Coroutine:
    """A frame (include/pirn/coro/frame.hpp) and the stack that it stands on."""

    def __init__(self, frame):
        self.frame = frame
        self.address = int(frame.address)
        memory = frame["ground"].dereference()["where"]["memory"]
        self.low = int(memory["_M_ptr"])
        self.size = int(memory["_M_extent"]["_M_extent_value"])

    def holds(self, address):
        return self.low <= address <= self.low + self.size

    @property
    def name(self):
        return self.frame["name_text"]["_M_elems"].string(errors="replace") if self.frame["named"] else ""

    @property
    def innermost(self):
        """The address of who was running when this one was suspended from within another; else 0."""
        return int(self.frame["innermost"])

    @property
    def parent(self):
        return int(self.frame["parent"])

    @property
    def status(self):
        phase = PHASES[int(self.frame["phase"])]
        if phase != "started":
            return "start" if phase == "fresh" else "done"
        waits = self.innermost or self.holds(stack_pointer(self))
        return "suspended" if waits else "active"

    @property
    def created_at(self):
        try:
            place = self.frame["created_at"]["_M_impl"]
            if not int(place):
                return ""
            place = place.dereference()
            file = place["_M_file_name"].string(errors="replace").rsplit("/", 1)[-1]
            return f"{file}:{int(place['_M_line'])}"
        except gdb.error:
            return "?"


def frame_type():
    try:
        return gdb.lookup_type("pirn::detail::frame")
    except gdb.error:
        raise Unknown("there is no debug information about pirn: compile the program, or the library, with -g") from None


def coroutine_at(address):
    return Coroutine(gdb.Value(address).cast(frame_type().pointer()).dereference())


def coroutines():
    """All that stand on stacks of the library's sources, by address."""
    everywhere = areas()
    kind = frame_type()
    footing_size = gdb.lookup_type("pirn::detail::footing").sizeof
    ground_offset = next(f.bitpos // 8 for f in kind.fields() if f.name == "ground")
    found = []
    for area in everywhere:
        for low, high, footing in footings(area, footing_size):
            memory, size, _, _, tenant = words(footing, 0, 5)
            if memory != low or size != high - low or not low <= tenant < high - footing_size:
                continue
            ground = read(tenant + ground_offset, word_size())
            if ground is not None and words(ground)[0] == high - footing_size:
                found.append(coroutine_at(tenant))
    return found


def footings(area, footing_size):
    """The bytes at the high end of each stack. Small stacks are read many at a time."""
    together = None
    begin = 0
    for low, high in area.stacks():
        if area.stride < 65536 and (together is None or high > begin + len(together)):
            begin = low
            together = read(begin, min(BATCH, area.low + area.used - begin)) or b""
        at = high - footing_size - begin
        if together and at + footing_size <= len(together):
            yield low, high, together[at:at + footing_size]
        elif (data := read(high - footing_size, footing_size)) is not None:
            yield low, high, data


def stack_pointer(which):
    """The one that stands in a coroutine's context: its own while it waits, else its resumer's."""
    context = which.frame["context"]
    try:
        return int(context["stack_pointer"])
    except gdb.error:
        raise Unknown("stacks are shown of programs with a switch in assembly, not with ucontext") from None


def shown_name(which):
    return f'"{which.name}"' if which.name else f"the coroutine at {which.address:#x}"
