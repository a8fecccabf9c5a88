//go:build !linux

package bench

import "syscall"

// ownGroup keeps a terminal's interrupt from a server, which the run stops in order.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
