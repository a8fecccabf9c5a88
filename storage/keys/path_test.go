package keys

import (
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

func TestOrdinaryAccountsKeepTheReferenceLayout(t *testing.T) {
	for _, did := range []string{
		"did:plc:z72i7hdynmk6r22z27h6tvur",
		"did:plc:aaaaaaaaaaaaaaaaaaaaaaaa",
		"did:plc:234567234567234567234567",
		"did:web:example.com",
		"did:web:a.b-c.d1.example",
		"did:web:localhost",
		"did:web:xn--bcher-kva.example",
		"did:web:" + strings.Repeat(strings.Repeat("a", 62)+".", 3) + "abc", // exactly 200 bytes
	} {
		want := filepath.Join("/data/actors", digest(did)[:2], did)
		if got := ActorDir("/data/actors", syntax.DID(did)); got != want {
			t.Errorf("%q: %s, want %s", did, got, want)
		}
	}
}

// hostile are names that must not reach the file system as they are.
var hostile = []string{
	"", ".", "..", "...", "/", "\\", "/etc/passwd", "../../../etc/passwd", "..\\..\\windows",
	"~", "~root", "-rf", "con", "nul.txt", "did", "did:", "did::", "did:plc", "did:web", "did:plc:", "did:web:",
	"did:web:.", "did:web:..", "did:web:...", "did:web:.hidden", "did:web:hidden.", "did:web:a..b", "did:web:a:b", "did:web:a:b:..",
	"did:web:../x", "did:web:..%2f..", "did:web:..%2F..%2Fetc", "did:web:..%5c..", "did:web:a%00b", "did:web:a\x00b", "did:web:%2e%2e",
	"did:web:localhost%3A3000", "did:web:example.com%2Fu%2Falice", "did:web:example.com/u/alice", "did:web:example.com\\u",
	"did:web:example.com:user:alice", "did:web:example.com ", " did:web:example.com", "did:web:example.com\n", "did:web:exa mple.com",
	"did:web:Example.com", "did:web:EXAMPLE.COM", "did:WEB:example.com", "DID:web:example.com", "did:web:-a.com", "did:web:a-.com",
	"did:web:ex_ample.com", "did:web:bücher.example", "did:web:bu\u0308cher.example", "did:web:a\u202eb.com", "did:web:\uff0e\uff0e", "did:web:example。com",
	"did:web:a*b", "did:web:a?b", "did:web:a|b", "did:web:<a>", "did:web:\"a\"", "did:web:$(id)", "did:web:`id`", "did:web:a;b", "did:web:@a", "did:web:a@b",
	"did:web:[::1]", "did:web:a#b", "did:web:" + strings.Repeat("a", 64) + ".com",
	"did:web:" + strings.Repeat("a.", 97), "did:web:" + strings.Repeat("a.", 96) + "a.b", "did:web:" + strings.Repeat("a", 2040),
	"did:plc:Z72I7HDYNMK6R22Z27H6TVUR", "did:plc:z72i7hdynmk6r22z27h6tvuR", "did:plc:z72i7hdynmk6r22z27h6tvu", "did:plc:z72i7hdynmk6r22z27h6tvurr",
	"did:plc:z72i7hdynmk6r22z27h6tvu1", "did:plc:../../../../../../../../", "did:plc:z72i7hdynmk6/22z27h6tvur", "did:plc:z72i7hdynmk6.22z27h6tvur",
	"did:plc:z72i7hdynmk6%22z27h6tvur", "did:plc:z72i7hdynmk6r22z27h6tvu\x00", "did:key:zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme",
	"did:example:123", "did:plc:" + strings.Repeat("z", 2040), strings.Repeat("../", 500), "did:web:example.com#atproto_pds", "did:web:example.com?x",
}

func TestHostileDIDsAreReplacedByTheirHash(t *testing.T) {
	if len(hostile) < 60 {
		t.Fatalf("only %d cases", len(hostile))
	}
	root := "/data/actors"
	folders := map[string]string{}
	for _, did := range append(hostile, "did:web:example.com", "did:plc:z72i7hdynmk6r22z27h6tvur") {
		dir := ActorDir(root, syntax.DID(did))
		rel, err := filepath.Rel(root, dir)
		parts := strings.Split(rel, "/")
		if err != nil || len(parts) != 2 || parts[0] != digest(did)[:2] {
			t.Errorf("%q leaves its shard: %s", did, dir)
			continue
		}
		if fold := strings.ToLower(rel); folders[fold] != "" {
			t.Errorf("%q and %q share %s", did, folders[fold], rel)
		} else {
			folders[fold] = did
		}
	}
	for _, did := range hostile {
		if got := filepath.Base(ActorDir(root, syntax.DID(did))); got != digest(did) {
			t.Errorf("%q stands in the path as %q", did, got)
		}
	}
}

func FuzzActorDir(f *testing.F) {
	for _, did := range hostile {
		f.Add(did)
	}
	f.Fuzz(func(t *testing.T, did string) {
		name := filepath.Base(ActorDir("/r", syntax.DID(did)))
		if name != digest(did) && name != did {
			t.Fatalf("%q became %q", did, name)
		}
		if len(name) > maxPlainName || strings.ContainsAny(name, "/\\%\x00") || strings.HasPrefix(name, ".") || strings.ToLower(name) != name {
			t.Fatalf("%q became the unsafe name %q", did, name)
		}
	})
}
