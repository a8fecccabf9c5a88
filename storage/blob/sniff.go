package blob

import (
	"mime"
	"strings"

	"github.com/gabriel-vasile/mimetype"
)

// unknown is the type of bytes that neither look like anything nor were called
// anything.
const unknown = "application/octet-stream"

// surely are the types outside image, audio, video and font whose first bytes
// leave no doubt. Many formats begin with two letters, and a note that begins
// with "x^2" is no zlib stream.
var surely = map[string]bool{
	"application/pdf": true, "application/zip": true, "application/gzip": true, "application/ogg": true,
	"application/x-7z-compressed": true, "application/vnd.rar": true, "application/x-xz": true, "application/x-bzip2": true,
	"application/zstd": true, "application/x-tar": true, "application/wasm": true, "application/vnd.sqlite3": true,
	"application/epub+zip": true, "application/java-archive": true, "application/vnd.android.package-archive": true,
	"application/x-ole-storage": true, "application/x-shockwave-flash": true, "application/x-elf": true,
}

// textual are the types of those families that are written in letters: the
// client knows better.
var textual = map[string]bool{
	"image/x-xpixmap": true, "image/vnd.dxf": true, "image/vnd.radiance": true,
}

// Sniff is the MIME type of a blob: what its first bytes say if they are the
// mark of a binary format, else what the client called it. Text, JSON and SVG
// have no such mark. Where the client used another name of the same format, that
// is kept. The answer has a slash and no parameters.
func Sniff(head []byte, declared string) string {
	declared = declaredType(declared)
	found := mimetype.Detect(head)
	for m := found; m != nil; m = m.Parent() {
		if m.Is("text/plain") {
			return declared
		}
	}
	// A format inside another, as a document is a ZIP, is as sure as that one.
	for m := found; m != nil; m = m.Parent() {
		if !sure(bare(m.String())) {
			continue
		}
		if found.Is(declared) {
			return declared
		}
		return bare(found.String())
	}
	return declared
}

func sure(typ string) bool {
	family, _, _ := strings.Cut(typ, "/")
	switch family {
	case "image", "audio", "video", "font":
		return !textual[typ]
	}
	return surely[typ]
}

// declaredType is the type in a Content-Type header. A client that sends none,
// or a pattern as some do, said nothing.
func declaredType(header string) string {
	typ := bare(header)
	if _, _, err := mime.ParseMediaType(typ); err != nil || !strings.Contains(typ, "/") || strings.Contains(typ, "*") || len(typ) > 255 {
		return unknown
	}
	return typ
}

func bare(typ string) string {
	typ, _, _ = strings.Cut(typ, ";")
	return strings.ToLower(strings.TrimSpace(typ))
}
