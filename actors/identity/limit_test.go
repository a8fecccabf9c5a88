package identity

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestLargestDocument(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, 1000)) }))
	defer s.Close()
	for limit, fits := range map[int64]bool{999: false, 1000: true, 0: true} {
		o := Options{Web: s.Client(), MaxDocument: limit}.withDefaults()
		if _, err := o.fetchWeb(t.Context(), s.URL); (err == nil) != fits {
			t.Errorf("limit %d: %v", limit, err)
		}
	}
}
