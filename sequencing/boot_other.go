//go:build !linux

package sequencing

import "time"

var processStart = time.Now()

// bootTime counts from the start of the process; whether sleep is part of it
// depends on the system.
func bootTime() time.Duration { return time.Since(processStart) }
