package blob_test

import (
	"strings"
	"testing"

	"troupe/storage/blob"
)

func TestWhatBytesAreIsBelievedBeforeWhatTheyAreCalled(t *testing.T) {
	const (
		png  = "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00"
		jpeg = "\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01"
		gif  = "GIF89a\x01\x00\x01\x00"
		webp = "RIFF\x24\x00\x00\x00WEBPVP8 "
		avif = "\x00\x00\x00\x1cftypavif\x00\x00\x00\x00avifmif1"
		mp4  = "\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00isommp42"
		webm = "\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\xf7\x81\x01\x42\xf2\x81\x04\x42\xf3\x81\x08\x42\x82\x84webm"
		wav  = "RIFF\x24\x00\x00\x00WAVEfmt "
		pdf  = "%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"
		gz   = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"
		zip  = "PK\x03\x04\x14\x00\x00\x00\x08\x00"
	)
	for _, c := range []struct{ what, head, declared, want string }{
		{"a lie is corrected", png, "text/plain", "image/png"},
		{"so is an image called another", jpeg, "image/png", "image/jpeg"},
		{"gif", gif, "image/gif", "image/gif"},
		{"webp", webp, "*/*", "image/webp"},
		{"avif", avif, "", "image/avif"},
		{"mp4", mp4, "application/octet-stream", "video/mp4"},
		{"webm", webm, "", "video/webm"},
		{"pdf", pdf, "text/html", "application/pdf"},
		{"gzip", gz, "", "application/gzip"},
		{"zip", zip, "image/jpeg", "application/zip"},
		{"another name of the same is kept", wav, "audio/vnd.wave", "audio/vnd.wave"},
		{"in lower case, without parameters", gz, "Application/X-Gzip; q=1", "application/x-gzip"},
		{"text has no mark", "hello", "text/markdown; charset=utf-8", "text/markdown"},
		{"nor has JSON", `{"a":1}`, "application/json", "application/json"},
		{"nor has SVG", `<svg xmlns="http://www.w3.org/2000/svg"></svg>`, "image/svg+xml", "image/svg+xml"},
		{"a page called an image stays one by name", "<html><script>", "image/png", "image/png"},
		{"subtitles", "WEBVTT\n\n00:00.000 --> 00:01.000\nhi", "text/vtt", "text/vtt"},
		{"a playlist is text", "#EXTM3U\n#EXT-X-VERSION:3\n", "application/x-mpegurl", "application/x-mpegurl"},
		{"a note is no stream", "x^2 + y^2 = z^2", "text/plain", "text/plain"},
		{"nothing is known of noise", "\x00\x01\x02\x03noise", "application/vnd.game", "application/vnd.game"},
		{"nor of silence", "", "image/png", "image/png"},
		{"nobody said anything", "\x00\x01\x02", "", "application/octet-stream"},
		{"a pattern says nothing", "hello", "*/*", "application/octet-stream"},
		{"no slash", "hello", "text", "application/octet-stream"},
		{"no type at all", "hello", "a/b/c\r\nx: y", "application/octet-stream"},
		{"too long", "hello", "a/" + strings.Repeat("b", 300), "application/octet-stream"},
	} {
		if got := blob.Sniff([]byte(c.head), c.declared); got != c.want {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
	}
}
