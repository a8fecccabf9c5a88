package sequencing

import (
	"time"

	"golang.org/x/sys/unix"
)

// bootTime is the time since the machine started, sleep included.
func bootTime() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return time.Since(processStart) // no such clock: sleep will look like a jump
	}
	return time.Duration(ts.Nano())
}

var processStart = time.Now()
