package http

import (
	"errors"
	"net"
	"syscall"
	"testing"
	"time"
)

func TestLimitOfConnections(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := limit(inner, 2)
	accepted, failed := make(chan net.Conn), make(chan error, 1)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				failed <- err
				return
			}
			accepted <- c
		}
	}()
	for range 3 {
		c, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	first, second := <-accepted, <-accepted
	select {
	case <-accepted:
		t.Fatal("a third connection was accepted")
	case <-time.After(50 * time.Millisecond):
	}
	raw, err := first.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var wrote error
	err = raw.Control(func(fd uintptr) { _, wrote = syscall.Write(int(fd), []byte("x")) })
	if err != nil || wrote != nil {
		t.Fatal(err, wrote)
	}
	first.Close()
	first.Close() // gives back one place
	third := <-accepted
	// All places are taken; the end is noticed all the same.
	l.Close()
	select {
	case err := <-failed:
		if !errors.Is(err, net.ErrClosed) {
			t.Fatal(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("Accept outlives its listener")
	}
	second.Close()
	third.Close()
}
