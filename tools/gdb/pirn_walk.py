# SPDX-License-Identifier: MIT
"""Backtraces of stacks that no thread stands on; see pirn.py.

gdb is told by an unwinder that the selected thread's innermost frame was called from there. The registers of the
thread stay as they are, so that it works in a core file, too.
"""

import re

import gdb
import gdb.unwinder

from pirn_memory import Unknown, coroutine_at, read, shown_name, stack_pointer, word_size, words


class FrameId:
    """What gdb 13 wants for a frame's identity; from 14 on it brings one along."""

    def __init__(self, sp, pc):
        self.sp, self.pc = gdb.Value(sp), gdb.Value(pc)


# What clang before 20 executes behind the jump, see include/pirn/arch/x86_64_sysv.hpp:
# popq %rbx; leaq 128(%rsp), %rsp
RBX_COMES_BACK = bytes.fromhex("5b488da42480000000")


def registers_in(context):
    """The side that waits in a context: registers, or None when it is of an ABI that the script does not know."""
    if gdb.selected_frame().architecture().name() != "i386:x86-64":
        return None
    pc = int(context["resume_at"])
    kept = {"rsp": int(context["stack_pointer"]), "rbp": int(context["frame_pointer"])}
    if read(pc, len(RBX_COMES_BACK)) == RBX_COMES_BACK:
        kept["rbx"] = words(read(kept["rsp"], word_size()))[0]
        kept["rsp"] += word_size() + 128
        pc += len(RBX_COMES_BACK)
    # gdb takes it for a return address and looks up the byte before, which is still in the jump. There the stack
    # ends, for signal handlers: see the same header.
    kept["rip"] = pc + 1
    return kept


class Elsewhere(gdb.unwinder.Unwinder):
    """Claims once that the innermost frame was called from the side that waits in a context."""

    def __init__(self):
        super().__init__("pirn")
        self.registers = None

    def __call__(self, pending):
        if self.registers is None:
            return None
        kept, self.registers = self.registers, None
        info = pending.create_unwind_info(FrameId(kept["rsp"] - 256, kept["rip"]))
        for name, value in kept.items():
            info.add_saved_register(name, gdb.Value(value).cast(pending.read_register(name).type))
        return info


ELSEWHERE = Elsewhere()
gdb.unwinder.register_unwinder(None, ELSEWHERE, replace=True)


class standing_in:
    """Within it, the frames of gdb's selected thread are those of the side that waits in a context. Gives the
    first one, or None."""

    def __init__(self, context):
        self.context = context

    def __enter__(self):
        registers = registers_in(self.context)
        if registers is None:
            raise Unknown("stacks are shown on x86-64 only")
        gdb.invalidate_cached_frames()
        ELSEWHERE.registers = registers
        frame = gdb.newest_frame()
        while frame.type() == gdb.INLINE_FRAME:
            frame = frame.older()
        return frame.older()

    def __exit__(self, *_):
        ELSEWHERE.registers = None
        gdb.invalidate_cached_frames()


def frames_from(frame):
    while frame is not None and frame.is_valid():
        yield frame
        frame = frame.older()


def short(name):
    """A function's name without the arguments of templates, which are longer than anything else."""
    depth, kept = 0, []
    for i, letter in enumerate(name):
        operator = name[:i].endswith(("operator", "operator<", "operator-"))
        if letter == "<" and not operator:
            depth += 1
        elif letter == ">" and not operator and depth:
            depth -= 1
        elif depth == 0:
            kept.append(letter)
    return "".join(kept)


def where_suspended(which):
    """The innermost function that is not the library's, and its line."""
    innermost = None
    with standing_in(which.frame["context"]) as first:
        for frame in frames_from(first):
            name = frame.name() or "?"
            innermost = innermost or short(name)
            if not name.startswith(("pirn::", "pirn_", "std::", "void pirn::", "void std::")):
                place = frame.find_sal()
                line = f" {place.symtab.filename.rsplit('/', 1)[-1]}:{place.line}" if place.symtab else ""
                return short(name) + line
    return innermost or "?"


def print_stack(context, numbering):
    """gdb's own backtrace from there, without the frame that only serves as the way in."""
    with standing_in(context) as first:
        if first is None:
            print("  (gdb finds no frames there)")
            return numbering
        text = gdb.execute("with width 0 -- backtrace", to_string=True)
        entries = re.split(r"^(?=#\d+ )", text, flags=re.MULTILINE)[1:]
        for entry in entries[first.level():]:
            print(re.sub(r"^#\d+ *", lambda _: f"#{numbering:<3d}", entry, count=1), end="")
            numbering += 1
    return numbering


def thread_on(which):
    """The thread that runs on this stack now, or None."""
    before = gdb.selected_thread()
    try:
        for thread in gdb.selected_inferior().threads():
            thread.switch()
            pointer = gdb.newest_frame().read_register("sp")
            if which.holds(int(pointer)):
                return thread
    finally:
        before.switch()
    return None


def print_backtrace(which, everybody):
    status = which.status
    if status == "suspended":
        # Suspended from within others it stands on several stacks, the innermost first: the context of each holds
        # whoever resumed it.
        context, number = which.frame["context"], 0
        at = coroutine_at(which.innermost) if which.innermost else which
        while at.address != which.address:
            number = print_stack(context, number)
            print(f"--- resumed by {shown_name(coroutine_at(at.parent))} ---")
            context, at = at.frame["context"], coroutine_at(at.parent)
        print_stack(context, number)
    elif status == "active":
        if thread := thread_on(which):
            print(f"(runs on thread {thread.num})")
            before = gdb.selected_thread()
            thread.switch()
            gdb.execute("backtrace")
            before.switch()
            return
        for other in everybody:
            if other.address != which.address and which.holds(stack_pointer(other)):
                suspended = other.status == "suspended"
                print(f"({shown_name(other)} was suspended from within it)" if suspended else
                      f"(has resumed {shown_name(other)}, and waits for it)")
                print_stack(other.frame["context"], 0)
                return
        print("(active, but no thread is found on its stack)")
    else:
        print("(has not started)" if status == "start" else "(its function has returned)")
