package account

import (
	"bufio"
	"bytes"
	"embed"
	"io/fs"
	"strings"
	"sync"
)

//go:embed reserved/*.txt
var reservedFiles embed.FS

// reserved are labels that nobody but the operator gives out under a service
// domain: words of the protocol, names of hosts and services, and well-known
// names. The lists are files of words; a line that begins with # is a remark.
var reserved = sync.OnceValue(func() map[string]bool {
	set := make(map[string]bool)
	names, err := fs.Glob(reservedFiles, "reserved/*.txt")
	if err != nil {
		panic(err) // the pattern is ours
	}
	for _, name := range names {
		text, err := reservedFiles.ReadFile(name)
		if err != nil {
			panic(err) // it is in the binary
		}
		for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
			if line := lines.Text(); !strings.HasPrefix(line, "#") {
				for _, word := range strings.Fields(line) {
					set[word] = true
				}
			}
		}
	}
	return set
})

// reservedLabel says whether a label is kept back. Besides the lists that is
// every label with hyphens in its third and fourth place: in the DNS those
// announce an encoding, and xn-- would let a name in other scripts look like
// somebody else's.
func reservedLabel(label string) bool {
	return reserved()[label] || len(label) > 4 && label[2:4] == "--"
}
