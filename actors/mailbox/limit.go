package mailbox

import (
	"bufio"
	"bytes"
	"math"
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Footprint is what one live actor takes of the machine.
type Footprint struct {
	Descriptors int
	Maps        int   // memory mappings (vm.max_map_count)
	Bytes       int64 // resident memory
}

// OpenFile is an actor with one open SQLite file in WAL mode: file, WAL and
// shared memory, and its page cache and hot nodes.
var OpenFile = Footprint{Descriptors: 3, Maps: 4, Bytes: 600_000}

// mostLive is the largest LRU that is ever worth having.
const mostLive = 30_000

// LiveLimit is a value for RouterOptions.Live: how many actors of that footprint
// this machine can keep, at most 30,000. It raises the soft descriptor limit to
// the hard one first. A quarter of descriptors and mappings is left to sockets,
// snapshots and the other databases, half of the memory (of the machine or of
// the process's cgroup, whichever is less) to everything else, and a fifth of
// the result to actors that are leaving. What cannot be read does not limit.
func LiveLimit(each Footprint) int { return machine().live(each) }

// resources are what the process may use. Zero: unknown, no limit.
type resources struct {
	descriptors, maps, memory int64
}

func (m resources) live(each Footprint) int {
	n := int64(mostLive)
	bound := func(have, reserve, per int64) {
		if have > 0 && per > 0 {
			n = min(n, max(have-reserve, 0)/per*4/5)
		}
	}
	bound(m.descriptors, max(m.descriptors/4, 256), int64(each.Descriptors))
	bound(m.maps, m.maps/4, int64(each.Maps))
	bound(m.memory, m.memory/2, each.Bytes)
	return int(max(n, 16))
}

func machine() resources {
	var r resources
	var lim unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &lim) == nil {
		if lim.Cur < lim.Max {
			raised := unix.Rlimit{Cur: lim.Max, Max: lim.Max}
			if unix.Setrlimit(unix.RLIMIT_NOFILE, &raised) == nil {
				lim = raised
			}
		}
		r.descriptors = int64(min(lim.Cur, math.MaxInt32))
	}
	r.maps = number(read("/proc/sys/vm/max_map_count"))
	r.memory = memTotal(read("/proc/meminfo"))
	for _, f := range cgroupFiles(read("/proc/self/cgroup")) {
		if n := number(read(f)); n > 0 && (r.memory == 0 || n < r.memory) {
			r.memory = n
		}
	}
	return r
}

func read(file string) []byte {
	b, _ := os.ReadFile(file) // absent: not this kind of machine
	return b
}

// number is 0 for anything else, such as the "max" of an unlimited cgroup.
func number(b []byte) int64 {
	n, _ := strconv.ParseInt(string(bytes.TrimSpace(b)), 10, 64)
	return n
}

// memTotal reads the first line of interest of /proc/meminfo, which is in KiB.
func memTotal(meminfo []byte) int64 {
	lines := bufio.NewScanner(bytes.NewReader(meminfo))
	for lines.Scan() {
		if f := strings.Fields(lines.Text()); len(f) >= 2 && f[0] == "MemTotal:" {
			return number([]byte(f[1])) << 10
		}
	}
	return 0
}

// cgroupFiles are the places where a memory limit may stand: version 2 and 1,
// for the process's group, those above it, and a container that sees its own as
// the root.
func cgroupFiles(self []byte) []string {
	files := []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}
	lines := bufio.NewScanner(bytes.NewReader(self))
	for lines.Scan() {
		f := strings.SplitN(lines.Text(), ":", 3)
		if len(f) != 3 {
			continue
		}
		for dir := path.Clean(f[2]); dir != "/" && dir != "."; dir = path.Dir(dir) {
			switch f[1] {
			case "":
				files = append(files, "/sys/fs/cgroup"+dir+"/memory.max")
			case "memory":
				files = append(files, "/sys/fs/cgroup/memory"+dir+"/memory.limit_in_bytes")
			}
		}
	}
	return files
}
