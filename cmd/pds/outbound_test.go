package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// waysOut are the files that may open a connection of their own, and why. All
// else goes through actors/outbound, which judges every address when it is
// dialled.
var waysOut = map[string]string{
	"actors/outbound/client.go":  "this is it",
	"actors/identity/options.go": "the name servers that the operator named",
	"actors/mail/transport.go":   "the mail server that the operator named",
	"storage/blob/s3.go":         "the bucket that the operator named, and the keys to it that the machine has",
	"storage/blob/s3call.go":     "the bucket that the operator named",
}

var wayOut = regexp.MustCompile(`\b(nethttp|http)\.(Client\{|DefaultClient|DefaultTransport|Transport\{|Get\(|Post\(|Head\(|PostForm\()|\b(net|tls)\.(Dial|Dialer\{|DialTimeout)`)

// No part of a server finds a way out past the guards.
func TestThereIsOneWayOut(t *testing.T) {
	for _, p := range packages(t) {
		pkg, _ := below(p.ImportPath, module)
		if top, rest, _ := strings.Cut(pkg, "/"); top == "cmd" && rest != "pds" {
			continue // tools that look at servers from outside
		}
		for _, name := range p.GoFiles {
			text, err := os.ReadFile(filepath.Join(p.Dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if found := wayOut.Find(text); found != nil && waysOut[pkg+"/"+name] == "" && !strings.HasSuffix(name, "doc.go") {
				t.Errorf("%s/%s: %s", pkg, name, found)
			}
		}
	}
}
