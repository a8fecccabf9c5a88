package lexicon

import (
	"bytes"
	_ "embed"
	"fmt"
	"sync"
)

//go:generate go run ./generate

//go:embed catalog.ndjson
var embedded []byte

var compileEmbedded = sync.OnceValue(func() *Catalog {
	c, err := Parse(bytes.Split(bytes.TrimSpace(embedded), []byte("\n"))...)
	if err != nil {
		panic(fmt.Sprintf("lexicon: embedded catalog: %v", err)) // a test parses it
	}
	return c
})

// Embedded returns the catalog that is compiled into the binary. The first call compiles it, later ones share it.
func Embedded() *Catalog { return compileEmbedded() }
