package main

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"troupe/actors/outbound"
	"troupe/http/oauth/client"
)

// internalTargets are places that a stranger must not make the server visit. A
// target with addresses is a name of the DNS, the others are spelled as they
// stand in a URL; CANARY is the port on which an internal service listens.
var internalTargets = []struct{ host, addresses string }{
	{"loop.example.com", "127.0.0.1"}, {"loop53.example.com", "127.0.0.53"}, {"any.example.com", "0.0.0.0"}, {"loop6.example.com", "::1"},
	{"any6.example.com", "::"}, {"mapped.example.com", "::ffff:127.0.0.1"}, {"nat64.example.com", "64:ff9b::7f00:1"}, {"nat64local.example.com", "64:ff9b:1::a00:1"},
	{"sixtofour.example.com", "2002:7f00:1::"}, {"teredo.example.com", "2001:0:7f00:1::1"}, {"ula.example.com", "fd00::1"}, {"ulac.example.com", "fc00::1"},
	{"link6.example.com", "fe80::1"}, {"metadata.example.com", "169.254.169.254"}, {"metadata6.example.com", "fd00:ec2::254"}, {"carrier.example.com", "100.64.0.1"},
	{"bench.example.com", "198.18.0.1"}, {"multicast.example.com", "224.0.0.1"}, {"reserved.example.com", "240.0.0.1"}, {"broadcast.example.com", "255.255.255.255"},
	{"ten.example.com", "10.1.2.3"}, {"docker.example.com", "172.17.0.1"}, {"lan.example.com", "192.168.1.1"}, {"both.example.com", "127.0.0.1 10.0.0.1 ::1"},
	{"127.0.0.1", ""}, {"127.0.0.1:CANARY", ""}, {"127.1", ""}, {"2130706433", ""}, {"0x7f000001", ""}, {"0177.0.0.1", ""}, {"[::1]:CANARY", ""},
	{"[::ffff:127.0.0.1]", ""}, {"[fe80::1%25lo]", ""}, {"localhost", ""}, {"localhost:CANARY", ""}, {"127。0。0。1", ""}, {"①②⑦.⓪.⓪.①", ""},
	{"public.example.com@127.0.0.1:CANARY", ""}, {"public.example.com:22", "93.184.215.14"}, {"public.example.com:25", "93.184.215.14"}, {"public.example.com:6379", "93.184.215.14"},
	{"169.254.169.254", ""}, {"0.0.0.0:CANARY", ""},
}

const report = `{"reasonType":"com.atproto.moderation.defs#reasonSpam","subject":{"$type":"com.atproto.admin.defs#repoRef","did":"did:web:spam.test"}}`

// outboundKinds is everything that makes the server ask somebody, by who says
// where. Strangers' words go to the target itself. A service that the operator
// named may be anywhere, and sends us on to the target: nobody follows.
var outboundKinds = []struct {
	name   string
	dials  bool  // the target's name is looked up, and refused when it is dialled
	status []int // of the answer; empty: there is none
	visit  func(w *innerWorld, i int, host string) (status int, answer string)
}{
	{"handle", true, []int{400, 502}, func(w *innerWorld, _ int, host string) (int, string) {
		return w.ask("GET", "com.atproto.identity.resolveHandle?handle="+escape(host), "")
	}},
	{"did:web", true, []int{400, 502}, func(w *innerWorld, _ int, host string) (int, string) {
		return w.ask("GET", "com.atproto.identity.resolveDid?did="+escape("did:web:"+strings.ReplaceAll(host, ":", "%3A")), "")
	}},
	{"atproto-proxy", true, []int{502}, func(w *innerWorld, _ int, host string) (int, string) {
		return w.ask("GET", "com.example.anything", "", "Atproto-Proxy", w.dids[host].String()+"#x")
	}},
	{"atproto-proxy of a did:web", true, []int{400, 502}, func(w *innerWorld, _ int, host string) (int, string) {
		return w.ask("GET", "com.example.anything", "", "Atproto-Proxy", "did:web:"+strings.ReplaceAll(host, ":", "%3A")+"#x")
	}},
	{"report", true, []int{502}, func(w *innerWorld, _ int, host string) (int, string) {
		return w.ask("POST", "com.atproto.moderation.createReport", report, "Atproto-Proxy", w.dids[host].String()+"#atproto_labeler")
	}},
	{"push", true, []int{502}, func(w *innerWorld, _ int, host string) (int, string) {
		return w.ask("POST", "app.bsky.notification.registerPush", `{"serviceDid":"`+w.dids[host].String()+`","token":"t","platform":"ios","appId":"a"}`)
	}},
	{"lexicon", true, []int{400}, func(w *innerWorld, i int, _ string) (int, string) {
		return w.ask("POST", "com.atproto.repo.createRecord", fmt.Sprintf(`{"repo":"alice.pds.example.com","collection":"org.example.lex%d.item","validate":true,"record":{"a":1}}`, i))
	}},
	{"client metadata", true, nil, func(w *innerWorld, _ int, host string) (int, string) {
		r := client.New(client.Options{Client: outbound.NewClient(outbound.Options{}), Issuer: "https://pds.example.com", Limit: 1 << 20})
		if _, err := r.Find(context.Background(), "https://"+host+"/metadata.json"); err == nil {
			w.t.Error("a client was found")
		}
		return 0, ""
	}},
	{"PLC directory", false, []int{400, 502}, func(w *innerWorld, i int, host string) (int, string) {
		w.turn(host)
		return w.ask("GET", fmt.Sprintf("com.atproto.identity.resolveDid?did=did:plc:aaaaaaaaaaaaaaaaaaaaaa%c%c", 'a'+i/26, 'a'+i%26), "")
	}},
	{"app view", false, []int{307}, func(w *innerWorld, _ int, host string) (int, string) {
		w.turn(host)
		return w.ask("GET", "app.bsky.graph.getMutes", "")
	}},
	{"feed generator", false, []int{400}, func(w *innerWorld, _ int, host string) (int, string) {
		w.turn(host)
		return w.ask("GET", "app.bsky.feed.getFeed?feed=at://"+w.dids[host].String()+"/app.bsky.feed.generator/x", "")
	}},
	{"record of another server", false, []int{502}, func(w *innerWorld, _ int, host string) (int, string) {
		w.turn(host)
		return w.ask("GET", "com.atproto.repo.getRecord?repo="+w.dids[host].String()+"&collection=com.example.item&rkey=a", "")
	}},
	{"crawler", false, nil, func(w *innerWorld, i int, _ string) (int, string) {
		for !w.crawlers.has(i) { // the first event sent one notice to every crawler
			time.Sleep(time.Millisecond)
		}
		return 0, ""
	}},
}

// portless are the kinds whose names have no port: one that has is no name.
var portless = map[string]bool{"handle": true, "did:web": true, "atproto-proxy of a did:web": true}

// refusedBy is what the log says of a target that was not visited for its address,
// its port, its spelling, or because it does not exist.
var refusedBy = regexp.MustCompile(`destination not allowed|the endpoint is no origin|no such host|identity: `)

// Every kind of outbound call, to every internal target: refused, each by what
// refuses it, and nobody inside hears of it.
func TestNothingInternalIsVisited(t *testing.T) {
	if len(internalTargets) < 40 {
		t.Fatalf("only %d targets", len(internalTargets))
	}
	w := newInnerWorld(t)
	for _, kind := range outboundKinds {
		t.Run(kind.name, func(t *testing.T) {
			w.t = t
			for i, target := range internalTargets {
				before := w.visits.Load()
				w.looked.Clear()
				w.log.take()
				status, answer := kind.visit(w, i, w.spelled(target.host))
				name, _, port := strings.Cut(target.host, ":")
				if _, looked := w.looked.Load(name); kind.dials && target.addresses != "" && !looked && !(port && portless[kind.name]) {
					t.Errorf("%s: refused before it was looked up, which proves nothing: %d %s", target.host, status, answer)
				}
				if log := w.log.take(); status == 502 && kind.dials && !refusedBy.MatchString(log) {
					t.Errorf("%s: not refused by the guard: %s", target.host, log)
				}
				w.turns.set("")
				if len(kind.status) > 0 && !slices.Contains(kind.status, status) {
					t.Errorf("%s: %d %s", target.host, status, answer)
				}
				if n := w.visits.Load() - before; n != 0 {
					t.Errorf("%s: %d visits to an internal service", target.host, n)
				}
			}
		})
	}
	t.Logf("%d cases", len(outboundKinds)*len(internalTargets))
}
