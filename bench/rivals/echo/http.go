// SPDX-License-Identifier: MIT
//
// Go's own server of HTTP with the answer of examples/http_hello.cpp.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
)

func hello(answer http.ResponseWriter, _ *http.Request) {
	answer.Header().Set("Content-Type", "text/plain")
	io.WriteString(answer, "Hello, world\n")
}

func main() {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("listening on %s\n", listener.Addr())
	fmt.Fprintln(os.Stderr, http.Serve(listener, http.HandlerFunc(hello)))
	os.Exit(1)
}
