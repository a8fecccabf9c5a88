package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"log"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

const (
	module = "github.com/bluesky-social/indigo"
	output = "catalog.ndjson"
)

// namespaces are taken whole, but for the record types among them that are not listed below.
var namespaces = []string{"com.atproto.", "app.bsky."}

// records are the types whose schema is enforced on every write; records of any other type are stored unchecked.
var records = []string{
	"app.bsky.actor.profile",
	"app.bsky.actor.status",
	"app.bsky.feed.generator",
	"app.bsky.feed.like",
	"app.bsky.feed.post",
	"app.bsky.feed.postgate",
	"app.bsky.feed.repost",
	"app.bsky.feed.threadgate",
	"app.bsky.graph.block",
	"app.bsky.graph.follow",
	"app.bsky.graph.list",
	"app.bsky.graph.listblock",
	"app.bsky.graph.listitem",
	"app.bsky.graph.starterpack",
	"app.bsky.graph.verification",
	"app.bsky.labeler.service",
	"app.bsky.notification.declaration",
	"chat.bsky.actor.declaration",
	"com.atproto.lexicon.schema",
	"com.germnetwork.declaration",
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("lexicon/generate: ")
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		log.Fatalf("find %s: %v", module, err)
	}
	text, err := Build(os.DirFS(filepath.Join(strings.TrimSpace(string(dir)), "lexicons")))
	if err != nil {
		log.Fatal(err)
	}
	if len(os.Args) > 1 && os.Args[1] == "-stdout" { // for the test that compares
		_, err = os.Stdout.Write(text)
	} else {
		err = os.WriteFile(output, text, 0o644)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// Build returns the catalog file of a folder of lexicon documents: the wanted ones and all that they refer to.
func Build(folder fs.FS) ([]byte, error) {
	documents, err := load(folder)
	if err != nil {
		return nil, err
	}
	wanted := map[string]bool{}
	var want func(id, by string) error
	want = func(id, by string) error {
		if wanted[id] {
			return nil
		}
		document, ok := documents[id]
		if !ok {
			return fmt.Errorf("%s refers to %s, which is not there", by, id)
		}
		wanted[id] = true
		for _, ref := range references(document) {
			if err := want(ref, id); err != nil {
				return err
			}
		}
		return nil
	}
	for _, id := range slices.Sorted(maps.Keys(documents)) {
		if !slices.ContainsFunc(namespaces, func(n string) bool { return strings.HasPrefix(id, n) }) || isRecord(documents[id]) {
			continue
		}
		if err := want(id, "the list of namespaces"); err != nil {
			return nil, err
		}
	}
	for _, id := range records {
		if err := want(id, "the list of records"); err != nil {
			return nil, err
		}
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out) // sorts keys, ends each document with a newline
	enc.SetEscapeHTML(false)
	for _, id := range slices.Sorted(maps.Keys(wanted)) {
		if err := enc.Encode(documents[id]); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), nil
}

func load(folder fs.FS) (map[string]map[string]any, error) {
	documents := map[string]map[string]any{}
	err := fs.WalkDir(folder, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".json") {
			return err
		}
		text, err := fs.ReadFile(folder, path)
		if err != nil {
			return err
		}
		dec := json.NewDecoder(bytes.NewReader(text))
		dec.UseNumber() // integers stay as they are written
		var document map[string]any
		if err := dec.Decode(&document); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		strip(document)
		id, _ := document["id"].(string)
		documents[id] = document
		return nil
	})
	return documents, err
}

// strip removes what is there for human readers. A property named "description" is an object, not a string.
func strip(v any) {
	switch v := v.(type) {
	case map[string]any:
		if _, isText := v["description"].(string); isText {
			delete(v, "description")
		}
		for _, child := range v {
			strip(child)
		}
	case []any:
		for _, child := range v {
			strip(child)
		}
	}
}

func isRecord(document map[string]any) bool {
	defs, _ := document["defs"].(map[string]any)
	main, _ := defs["main"].(map[string]any)
	return main["type"] == "record"
}

// references lists the documents that refs and unions of this one lead to.
func references(v any) (ids []string) {
	switch v := v.(type) {
	case map[string]any:
		if ref, ok := v["ref"].(string); ok && v["type"] == "ref" {
			ids = append(ids, ref)
		}
		if refs, ok := v["refs"].([]any); ok && v["type"] == "union" {
			for _, ref := range refs {
				ids = append(ids, ref.(string))
			}
		}
		for _, child := range v {
			ids = append(ids, references(child)...)
		}
	case []any:
		for _, child := range v {
			ids = append(ids, references(child)...)
		}
	}
	for i, id := range ids {
		ids[i], _, _ = strings.Cut(id, "#")
	}
	return slices.DeleteFunc(ids, func(id string) bool { return id == "" })
}
