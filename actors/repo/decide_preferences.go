package repo

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

// Preferences that the server itself knows something about.
const (
	personalDetails = "app.bsky.actor.defs#personalDetailsPref" // for the owner's own eyes
	declaredAge     = "app.bsky.actor.defs#declaredAgePref"     // made here, never stored
)

// Bounds on what one account may keep. Clients send all of their preferences in
// a body of at most 150 KiB; only what another session put may stand beside them.
const (
	maxPreferences     = 10_000
	maxPreferenceBytes = 1 << 20
)

// inNamespace tells whether a preference of that type belongs to a namespace.
func inNamespace(name string, ns syntax.NSID) bool {
	rest, ok := strings.CutPrefix(name, string(ns))
	return ok && (rest == "" || rest[0] == '.')
}

// shown is what a session sees of the stored preferences at a moment.
func shown(have []Preference, m GetPreferences, now time.Time) []Preference {
	out := []Preference{}
	var birth string
	for _, p := range have {
		if !inNamespace(p.Name, m.Namespace) {
			continue
		}
		if p.Name == personalDetails && birth == "" {
			var details struct {
				BirthDate string `json:"birthDate"`
			}
			_ = json.Unmarshal(p.Value, &details) // of another type: no date
			birth = details.BirthDate
		}
		if m.Full || p.Name != personalDetails {
			out = append(out, p)
		}
	}
	if birth != "" {
		out = append(out, ageOf(birth, now))
	}
	return out
}

// ageOf tells which ages somebody has reached, and not when they were born. A
// date that cannot be read is that of nobody old enough.
func ageOf(birthDate string, now time.Time) Preference {
	age := 0
	if at, err := syntax.ParseDatetimeLenient(birthDate); err == nil {
		born, today := at.Time().UTC(), now.UTC()
		age = today.Year() - born.Year()
		if today.Month() < born.Month() || today.Month() == born.Month() && today.Day() < born.Day() {
			age--
		}
	}
	value := fmt.Appendf(nil, `{"$type":%q,"isOverAge13":%t,"isOverAge16":%t,"isOverAge18":%t}`, declaredAge, age >= 13, age >= 16, age >= 18)
	return Preference{Name: declaredAge, Value: value}
}

// decidePreferences is what is stored after a put: what the asker could not see
// stays, what the server makes itself is dropped.
func decidePreferences(have []Preference, m PutPreferences) ([]Preference, error) {
	var forbidden []string
	for _, p := range m.Preferences {
		if !inNamespace(p.Name, m.Namespace) {
			return nil, ErrPreferenceNamespace
		}
		if p.Name == personalDetails && !m.Full {
			forbidden = append(forbidden, p.Name)
		}
	}
	if len(forbidden) > 0 {
		return nil, PreferencesForbidden{forbidden}
	}
	var next []Preference
	for _, p := range have {
		if !inNamespace(p.Name, m.Namespace) || p.Name == personalDetails && !m.Full {
			next = append(next, p)
		}
	}
	for _, p := range m.Preferences {
		if p.Name != declaredAge {
			next = append(next, p)
		}
	}
	bytes := 0
	for _, p := range next {
		bytes += len(p.Name) + len(p.Value)
	}
	if len(next) > maxPreferences || bytes > maxPreferenceBytes {
		return nil, ErrPreferencesTooLarge
	}
	return next, nil
}

func samePreferences(a, b []Preference) bool {
	return slices.EqualFunc(a, b, func(a, b Preference) bool { return a.Name == b.Name && string(a.Value) == string(b.Value) })
}
