package bench

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// tick is the unit of CPU times in /proc (USER_HZ, 100 on every Linux).
const tick = 10 * time.Millisecond

// usage is what was used up to a moment. Counts of a server that cannot be
// read (not on this machine, or no Linux) stay zero and are not known.
type usage struct {
	at      time.Time
	own     time.Duration // CPU of this process
	busy    time.Duration // CPU of the whole machine
	server  time.Duration
	known   bool
	rss     int64 // bytes
	written int64 // bytes that the server sent to the disk
}

// measure reads the counts; pid 0 is a server that is elsewhere.
func measure(pid int) usage {
	u := usage{at: time.Now(), own: ownCPU(), busy: machineCPU()}
	if pid == 0 {
		return u
	}
	cpu, err := processCPU(pid)
	if err != nil {
		return u
	}
	u.server, u.known = cpu, true
	u.rss = residentMemory(pid)
	u.written = procField(fmt.Sprintf("/proc/%d/io", pid), "write_bytes:")
	return u
}

func ownCPU() time.Duration {
	var r syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &r) != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

func processCPU(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	return parseStat(text)
}

// parseStat adds user and system time. The name in parentheses may hold
// anything, so fields are counted behind the last one.
func parseStat(text []byte) (time.Duration, error) {
	end := bytes.LastIndexByte(text, ')')
	fields := strings.Fields(string(text[end+1:]))
	if end < 0 || len(fields) < 13 {
		return 0, fmt.Errorf("not a stat of a process: %q", text)
	}
	user, err := strconv.ParseInt(fields[11], 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * tick, err
}

// machineCPU is what every process used, without waiting.
func machineCPU() time.Duration {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(text), "\n")
	fields := strings.Fields(line)
	var sum int64
	for i, f := range fields {
		switch i {
		case 1, 2, 3, 6, 7: // user, nice, system, irq, softirq
			n, _ := strconv.ParseInt(f, 10, 64)
			sum += n
		}
	}
	return time.Duration(sum) * tick
}

func residentMemory(pid int) int64 {
	return procField(fmt.Sprintf("/proc/%d/status", pid), "VmRSS:") << 10
}

// watchMemory reads the memory of a server until it is told to stop, and then
// says by how much the highest was above the first.
func watchMemory(pid int) (grown func() int64) {
	if pid == 0 {
		return func() int64 { return 0 }
	}
	first := residentMemory(pid)
	highest := first
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			highest = max(highest, residentMemory(pid))
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	return func() int64 {
		close(stop)
		<-stopped
		return max(highest, residentMemory(pid)) - first
	}
}

// procField is the number behind a label, 0 when there is none.
func procField(path, label string) int64 {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	_, rest, found := strings.Cut(string(text), label)
	fields := strings.Fields(rest)
	if !found || len(fields) == 0 {
		return 0
	}
	n, _ := strconv.ParseInt(fields[0], 10, 64)
	return n
}

// loadAverage is the first field of /proc/loadavg, "" when there is none.
func loadAverage() string {
	text, _ := os.ReadFile("/proc/loadavg")
	one, _, _ := strings.Cut(string(text), " ")
	return one
}
