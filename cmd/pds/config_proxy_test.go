package main

import "testing"

// A pattern of URLs has as many holes as it is going to be given values.
func TestPatterns(t *testing.T) {
	for v, ok := range map[string]bool{
		"":                                   true,
		"https://cdn.test/img/%s/%s/%s@jpeg": true,
		"http://localhost:1/%s?did=%s&c=%s":  true,
		"https://cdn.test/100%25/%s/%s/%s":   true,
		"https://cdn.test/img/%s/%s":         false,
		"https://cdn.test/img/%s/%s/%s/%s":   false,
		"https://%zz/%s/%s/%s":               false,
		"cdn.test/%s/%s/%s":                  false,
		"javascript:%s%s%s":                  false,
	} {
		s, err := newSettings(map[string]string{"PDS_X": v}, nil, "")
		if err != nil {
			t.Fatal(err)
		}
		if got := s.pattern("PDS_X", 3); got != v || (s.err == nil) != ok {
			t.Errorf("%q: %v", v, s.err)
		}
	}
}
