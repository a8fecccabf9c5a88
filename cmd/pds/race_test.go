package main

import (
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	nethttp "net/http"
	"strings"
	"sync"
	"testing"
)

// raceRounds is how often each race is run. Every sign-up hashes a password as
// a server does, so that one round alone is run with fewer racers.
var raceRounds = flag.Int("races", 1, "how often each race of requests is run, by 64 racers if more than once")

// racers is how many ask at once.
func racers() int {
	if *raceRounds > 1 {
		return 64
	}
	return 16
}

// answered is what a racer got.
type answered struct {
	status        int
	body          []byte
	name, message string
}

// race sends one request of each racer at the same moment.
func (w *policyWorld) race(n int, method, token string, body func(i int) string) []answered {
	w.t.Helper()
	all, gate := make([]answered, n), make(chan struct{})
	var done sync.WaitGroup
	for i := range n {
		r, err := nethttp.NewRequest("POST", w.url+"/xrpc/"+method, strings.NewReader(body(i)))
		w.check(err)
		if r.ContentLength > 0 {
			r.Header.Set("Content-Type", "application/json")
		}
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		done.Go(func() {
			<-gate
			resp, err := w.client.Do(r)
			if err != nil {
				w.t.Error(err)
				return
			}
			defer resp.Body.Close()
			a := answered{status: resp.StatusCode}
			if a.body, err = io.ReadAll(resp.Body); err != nil {
				w.t.Error(err)
			}
			var e struct{ Error, Message string }
			json.Unmarshal(a.body, &e)
			a.name, a.message = e.Error, e.Message
			all[i] = a
		})
	}
	close(gate)
	done.Wait()
	return all
}

// Of those who sign up at once with something that only one can have, one gets
// it, and the others are told why not.
func TestRaces(t *testing.T) {
	t.Parallel()
	w := newPolicyWorld(t)
	signUp := func(handle, email, invite string) string {
		return fmt.Sprintf(`{"handle":"%s.test","email":"%s@example.com","password":"a password","inviteCode":%q}`, handle, email, invite)
	}
	invite := func(uses int) (code string) {
		var out struct{ Code string }
		r, err := nethttp.NewRequest("POST", w.url+"/xrpc/com.atproto.server.createInviteCode", strings.NewReader(fmt.Sprintf(`{"useCount":%d}`, uses)))
		w.check(err)
		r.Header.Set("Content-Type", "application/json")
		r.SetBasicAuth("admin", "policy-admin")
		resp, err := w.client.Do(r)
		w.check(err)
		defer resp.Body.Close()
		w.check(json.NewDecoder(resp.Body).Decode(&out))
		return out.Code
	}
	for _, race := range []struct {
		name  string
		uses  int // of an invite that they share; 0: they have none
		wins  int
		body  func(round, i int, code string) string
		error string
		says  string
	}{
		{"handle", 0, 1, func(round, i int, _ string) string {
			return fmt.Sprintf(`{"handle":"one%d.test","email":"h%dx%d@example.com","password":"a password"}`, round, round, i)
		}, "InvalidRequest", "Handle already taken"},
		{"email", 0, 1, func(round, i int, _ string) string {
			return fmt.Sprintf(`{"handle":"e%dx%d.test","email":"one%d@example.com","password":"a password"}`, round, i, round)
		}, "InvalidRequest", "Email already taken"},
		{"invite", 1, 1, func(round, i int, code string) string {
			return signUp(fmt.Sprintf("i%dx%d", round, i), fmt.Sprintf("i%dx%d", round, i), code)
		}, "InvalidInviteCode", "not available"},
		{"invite for three", 3, 3, func(round, i int, code string) string {
			return signUp(fmt.Sprintf("t%dx%d", round, i), fmt.Sprintf("t%dx%d", round, i), code)
		}, "InvalidInviteCode", "not available"},
	} {
		t.Run(race.name, func(t *testing.T) {
			for round := range *raceRounds {
				code := ""
				if race.uses > 0 {
					code = invite(race.uses)
				}
				won := 0
				for _, a := range w.race(racers(), "com.atproto.server.createAccount", "", func(i int) string { return race.body(round, i, code) }) {
					switch {
					case a.status == 200:
						won++
					case a.status != 400 || a.name != race.error || !strings.Contains(a.message, race.says):
						t.Errorf("a loser is told %d %s: %s", a.status, a.name, a.message)
					}
				}
				if won != race.wins {
					t.Errorf("%d winners, want %d", won, race.wins)
				}
			}
		})
	}
	t.Run("app password", func(t *testing.T) {
		for round := range *raceRounds {
			won := 0
			for _, a := range w.race(16, "com.atproto.server.createAppPassword", w.people["alice"].tokens["access"], func(int) string {
				return fmt.Sprintf(`{"name":"race %d"}`, round)
			}) {
				if a.status == 200 {
					won++
				} else if a.status != 400 {
					t.Errorf("a loser is told %d %s", a.status, a.body)
				}
			}
			if won != 1 {
				t.Errorf("%d winners", won)
			}
		}
	})
	t.Run("refresh", func(t *testing.T) { w.raceRefresh(t) })
}

// raceRefresh has a client with many tabs refresh one session. All of them go on
// with the same one; a chain of rounds is one session.
func (w *policyWorld) raceRefresh(t *testing.T) {
	token := w.people["bob"].tokens["refresh"]
	for range *raceRounds + 1 {
		ids := map[string]int{}
		for _, a := range w.race(64, "com.atproto.server.refreshSession", token, func(int) string { return "" }) {
			var out tokensOut
			if err := json.Unmarshal(a.body, &out); err != nil || a.status != 200 {
				t.Fatalf("%d %s", a.status, a.body)
			}
			ids[jti(t, out.RefreshJWT)]++
			token = out.RefreshJWT
		}
		if len(ids) != 1 {
			t.Errorf("%d different next tokens: %v", len(ids), ids)
		}
	}
}

// jti is the id that a token says it has.
func jti(t *testing.T, token string) string {
	t.Helper()
	var c struct{ JTI string }
	parts := strings.Split(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err == nil {
		err = json.Unmarshal(raw, &c)
	}
	if err != nil || c.JTI == "" {
		t.Fatalf("token %s: %v", token, err)
	}
	return c.JTI
}
