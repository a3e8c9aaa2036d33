// SPDX-License-Identifier: MIT
//
// Go: a goroutine and a buffer for each connection, as its standard library's examples do it.
package main

import (
	"fmt"
	"net"
	"os"
)

const messageMax = 4096

func echo(client net.Conn) {
	defer client.Close()
	buffer := make([]byte, messageMax)
	for {
		got, err := client.Read(buffer)
		if err != nil {
			return
		}
		if _, err = client.Write(buffer[:got]); err != nil {
			return
		}
	}
}

func main() {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("listening on %s\n", listener.Addr())
	for {
		client, err := listener.Accept()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		go echo(client)
	}
}
