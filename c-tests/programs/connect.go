// connect NAME PORT: says what a TCP service says. Built with -tags netcgo, so that libc finds the address.
package main

import (
	"fmt"
	"io"
	"net"
	"os"
)

func main() {
	service, err := net.Dial("tcp", net.JoinHostPort(os.Args[1], os.Args[2]))
	if err == nil {
		_, err = io.Copy(os.Stdout, service)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
