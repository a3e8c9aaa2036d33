#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""chat: what one says all the others hear, in order, on whatever thread; the slow hold up nobody."""

import select

import harness
from clients import connect, receive_until_it_ends_or_breaks
from harness import about, lighter, wait_until
from server import BACKENDS, THREADED, start_server


class Guest:
    """A client that has told its name."""

    def __init__(self, test, server, name):
        self.socket = connect(test, server)
        self.lines = self.socket.makefile("rb")
        assert self.lines.readline() == b"* your name?\n"
        self.say(name)
        assert self.lines.readline() == f"* welcome, {name}\n".encode()

    def say(self, *lines):
        self.socket.sendall("".join(line + "\n" for line in lines).encode())

    def hears(self):
        return self.lines.readline().decode().rstrip("\n")

    def leave(self):
        self.lines.close()
        self.socket.close()


class ChatTest(harness.ProgramTest):
    @about(ways=BACKENDS + THREADED)
    def test_everybody_hears_the_others_and_not_himself(self):
        server = start_server(self, program="CHAT")
        ann = Guest(self, server, "Ann")
        bob = Guest(self, server, "Bob")
        self.assertEqual(ann.hears(), "* Bob is here")
        ann.say("hello", "anybody there?")
        self.assertEqual([bob.hears(), bob.hears()], ["Ann: hello", "Ann: anybody there?"])
        bob.say("yes")
        self.assertEqual(ann.hears(), "Bob: yes")
        bob.leave()
        self.assertEqual(ann.hears(), "* Bob has left")
        ann.leave()
        server.stop_after_everybody_left()

    @about(ways=BACKENDS + THREADED)
    def test_many_lines_come_in_order_to_everybody(self):
        server = start_server(self, program="CHAT")
        speaker = Guest(self, server, "speaker")
        guests = []
        for i in range(10):
            guests.append(Guest(self, server, f"guest {i}"))
            for other in guests[:-1]:
                self.assertEqual(other.hears(), f"* guest {i} is here")
        count = lighter(500)
        speaker.say(*(f"line {i}" for i in range(count)))
        for guest in guests:
            for i in range(count):
                self.assertEqual(guest.hears(), f"speaker: line {i}")
        for guest in [*guests, speaker]:
            guest.leave()
        server.stop_after_everybody_left()

    @about(ways=BACKENDS + THREADED)
    def test_who_does_not_read_holds_up_nobody_and_is_told_what_he_has_missed(self):
        server = start_server(self, program="CHAT")
        slow = Guest(self, server, "slow")
        fast = Guest(self, server, "fast")
        speaker = Guest(self, server, "speaker")
        self.assertEqual(fast.hears(), "* speaker is here")
        text = "x" * 1000
        rounds, piece = lighter(400, 5), 50
        for i in range(rounds):
            speaker.say(*[text] * piece)
            for _ in range(piece):
                self.assertEqual(fast.hears(), f"speaker: {text}")
        self.assertEqual([slow.hears(), slow.hears()], ["* fast is here", "* speaker is here"])
        if not harness.LIGHT:  # enough for the buffers of both kernels and the room's thousand
            heard = slow.hears()
            while heard.startswith("speaker: "):
                heard = slow.hears()
            self.assertRegex(heard, r"^\* [0-9]+ lines were too many for you$")
        for guest in (slow, fast, speaker):
            guest.leave()
        server.stop_after_everybody_left()

    @about(ways=BACKENDS)
    def test_a_line_that_is_too_long_is_told_and_ends_it(self):
        server = start_server(self, program="CHAT")
        ann = Guest(self, server, "Ann")
        ann.socket.sendall(b"x" * 2000)
        self.assertEqual(ann.hears(), "* that was too long a line")
        ann.leave()
        nameless = connect(self, server)
        nameless.sendall(b"\n")
        self.assertEqual(receive_until_it_ends_or_breaks(nameless), b"* your name?\n")
        nameless.close()
        server.stop_after_everybody_left()

    @about(ways=BACKENDS + THREADED)
    def test_it_ends_while_guests_are_there(self):
        server = start_server(self, program="CHAT")
        guests = [Guest(self, server, f"guest {i}") for i in range(5)]
        server.stop(4)
        for guest in guests:
            wait_until(lambda guest=guest: select.select([guest.socket], [], [], 0)[0], what="the end")
            receive_until_it_ends_or_breaks(guest.socket)


if __name__ == "__main__":
    raise SystemExit(harness.main())
