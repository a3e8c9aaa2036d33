#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""http_hello: curl and sockets of our own get the answer, one after the other and all at once, on one connection."""

import harness
from clients import connect, receive_all, receive_until_it_ends_or_breaks
from harness import about, lighter
from server import BACKENDS, THREADED, start_server

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
HELLO = b"Hello, world\n"


class HttpHelloTest(harness.ProgramTest):
    @about(ways=BACKENDS + THREADED)
    def test_curl_gets_the_answer_many_times_on_one_connection(self):
        curl = self.need("curl", "curl")
        server = start_server(self, program="HTTP_HELLO")
        url = f"http://127.0.0.1:{server.port}/[1-20]"
        done = self.run_tool(curl, "--silent", "--show-error", "--noproxy", "*", "--write-out",
                             "%{num_connects} %{http_code}\n", url)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        answers = done.stdout.splitlines()
        self.assertEqual(answers[0::2], [HELLO.strip()] * 20)
        self.assertEqual(answers[1::2], [b"1 200"] + [b"0 200"] * 19)
        server.stop_after_everybody_left()

    @about(ways=BACKENDS)
    def test_a_client_of_http_1_0_sees_the_end_after_the_answer(self):
        curl = self.need("curl", "curl")
        server = start_server(self, program="HTTP_HELLO")
        for option in ("--http1.0", "--header=Connection: close"):
            done = self.run_tool(curl, "--silent", "--include", "--noproxy", "*", *option.split("=", 1),
                                 f"http://127.0.0.1:{server.port}/")
            self.assertTrue(done.stdout.endswith(b"\r\nConnection: close\r\n\r\n" + HELLO), done.stdout)
        server.stop_after_everybody_left()

    @about(ways=BACKENDS + THREADED)
    def test_requests_that_come_at_once_or_byte_by_byte_are_all_answered(self):
        server = start_server(self, program="HTTP_HELLO")
        count = lighter(1000)
        at_once = connect(self, server)
        at_once.sendall(REQUEST * count)
        at_once.shutdown(1)
        self.assertEqual(receive_all(at_once).count(HELLO), count)
        bytewise = connect(self, server)
        for i in range(len(REQUEST)):
            bytewise.sendall(REQUEST[i:i + 1])
        bytewise.shutdown(1)
        self.assertEqual(receive_all(bytewise).count(HELLO), 1)
        for client in (at_once, bytewise):
            client.close()
        server.stop_after_everybody_left()

    @about(ways=BACKENDS + THREADED)
    def test_wrk_meets_no_error_on_many_connections(self):
        wrk = self.need("wrk", "wrk")
        server = start_server(self, program="HTTP_HELLO")
        done = self.run_tool(wrk, "--threads", "1", "--connections", str(lighter(100, 4)), "--duration", "1s",
                             f"http://127.0.0.1:{server.port}/")
        said = done.stdout.decode()
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assertNotIn("Socket errors", said)
        self.assertNotIn("Non-2xx", said)
        self.assertRegex(said, r"\n\s*[1-9][0-9]+ requests in ")
        server.stop_after_everybody_left()

    @about(ways=BACKENDS)
    def test_what_is_no_request_or_too_long_is_refused(self):
        server = start_server(self, program="HTTP_HELLO")
        for sent, status in ((b"no request\r\n\r\n", b"HTTP/1.1 400 "),
                             (b"GET / HTTP/1.1\r\n" + b"X: " + b"y" * 10_000, b"HTTP/1.1 431 ")):
            client = connect(self, server)
            client.sendall(sent)
            answer = receive_until_it_ends_or_breaks(client)
            self.assertTrue(answer.startswith(status) or not answer, answer)
            client.close()
        server.stop_after_everybody_left()

    @about(ways=BACKENDS + THREADED)
    def test_it_ends_while_connections_are_kept_alive(self):
        server = start_server(self, program="HTTP_HELLO")
        clients = [connect(self, server) for _ in range(10)]
        for client in clients:
            client.sendall(REQUEST)
            self.assertIn(HELLO, client.recv(1000))
        server.stop(4)
        for client in clients:
            self.assertEqual(receive_all(client), b"")


if __name__ == "__main__":
    raise SystemExit(harness.main())
