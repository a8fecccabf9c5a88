package bench

import "syscall"

// ownGroup keeps a terminal's interrupt from a server, which the run stops in
// order, and lets the server end with the run however that ends.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
