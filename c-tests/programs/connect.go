// connect [NAME PORT]: says what a TCP service says; without a name it waits. scripts/programs builds it with -tags netcgo, so
// that libc finds the address.
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

func main() {
	if len(os.Args) < 3 {
		time.Sleep(time.Hour)
	}
	service, err := net.Dial("tcp", net.JoinHostPort(os.Args[1], os.Args[2]))
	if err == nil {
		_, err = io.Copy(os.Stdout, service)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
