package atproto

import (
	"encoding/json"
	"strings"
	"testing"
)

// An answer without tokens must not say that they are empty: clients merge
// getSession's answer into the session that they hold.
func TestGetSessionAnswersNoTokens(t *testing.T) {
	b, err := json.Marshal(SessionOut{Handle: "alice.test", DID: "did:plc:ewvi7nxzyoun6zhxrhs64oiz"})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(b), "Jwt") {
		t.Errorf("%s", b)
	}
}
