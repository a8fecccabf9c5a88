package upstream

import (
	"errors"
	"testing"

	"troupe/http/xrpc"
)

func TestNegotiation(t *testing.T) {
	const impossible, nonsense = "406", "400"
	for _, c := range []struct {
		header string
		packed bool
		want   string
	}{
		{"", false, "identity;q=1"},
		{"", true, "identity;q=0.1"},
		{"gzip", false, "identity;q=1,gzip;q=0.3"},
		{"gzip", true, "gzip;q=1,identity;q=0.1"},
		{"GZIP, br", false, "identity;q=1,gzip;q=0.3,br;q=0.1"},
		{"gzip, deflate, br, zstd", true, "gzip;q=1,deflate;q=0.9,br;q=0.8,identity;q=0.1"},
		{"*", false, "identity;q=1,gzip;q=0.3,deflate;q=0.2,br;q=0.1"},
		{"*;q=0", false, impossible},
		{"identity;q=0", false, impossible},
		{"identity;q=0, gzip", false, "gzip;q=0.3,*;q=0"},
		{"*;q=0, gzip;q=0.5", true, "gzip;q=1,*;q=0"},
		{"*;q=0, identity", false, "identity;q=1"},
		{"zstd", false, "identity;q=1"},
		{"zstd, identity;q=0", false, impossible},
		{"gzip;q=0", false, "identity;q=1"},
		{"gzip;q=0.001", false, "identity;q=1,gzip;q=0.3"},
		{"gzip;Q=1", false, "identity;q=1,gzip;q=0.3"},
		{"gzip;q=2", false, nonsense},
		{"gzip;q=-1", false, nonsense},
		{"gzip;q=x", false, nonsense},
		{"gzip;q=NaN", false, nonsense},
		{"gzip;level=1", false, nonsense},
		{"gzip;q=1;q=1", false, nonsense},
		{"gzip,,br", false, nonsense},
		{"q=1", false, nonsense},
	} {
		var header []string
		if c.header != "" {
			header = []string{c.header}
		}
		got, err := negotiated(header, c.packed)
		var e *xrpc.Error
		if errors.As(err, &e) {
			got = map[int]string{406: impossible, 400: nonsense}[e.Status]
		}
		if got != c.want {
			t.Errorf("%q: %q, %v; want %q", c.header, got, err, c.want)
		}
	}
}
