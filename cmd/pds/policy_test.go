package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	nethttp "net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// TestPolicy holds every method to testdata/policy.txt: what it answers to each
// kind of credential, and that a refusal leaves no trace.
func TestPolicy(t *testing.T) {
	if testing.Short() {
		t.Skip("several thousand requests")
	}
	t.Parallel()
	p := readPolicy(t, "testdata/policy.txt")
	served := servedMethods(t, "../../http/routes.go")
	for _, nsid := range served {
		if p.methods[nsid] == nil {
			t.Errorf("%s is served, and policy.txt does not say to whom", nsid)
		}
	}
	for nsid, m := range p.methods {
		if !slices.Contains(served, nsid) && !m.forwarded {
			t.Errorf("%s is in policy.txt and not served", nsid)
		}
	}
	w := newPolicyWorld(t)
	cells := 0
	before := w.fingerprint()
	for _, nsid := range p.order {
		cells += len(credentials)
		w.holdTo(nsid, p.methods[nsid])
		if after := w.fingerprint(); after != before {
			t.Errorf("%s has left something behind:\n%s", nsid, differences(before, after))
			before = after
		}
	}
	t.Logf("%d methods, %d credentials, %d cells", len(p.methods), len(credentials), cells)
}

// policy is policy.txt.
type policy struct {
	groups  map[string][]string
	classes map[string]map[string]string // class → credential → answer
	methods map[string]*ruled
	order   []string
}

// ruled is a method: what it is asked, and what it answers to each credential.
type ruled struct {
	forwarded bool // it has no route and is passed on
	query     bool
	params    string
	body      string
	kind      string // Content-Type; "": none
	answers   map[string]string
}

// readPolicy reads the file, whose first lines explain it.
func readPolicy(t *testing.T, path string) *policy {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p := &policy{groups: map[string][]string{}, classes: map[string]map[string]string{}, methods: map[string]*ruled{}}
	var answers map[string]string // what an indented line is about
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		text := lines.Text()
		words := strings.Fields(text)
		if len(words) == 0 || words[0][0] == '#' {
			continue
		}
		switch {
		case text[0] == '\t':
			kinds, answer, ok := strings.Cut(text, "=")
			if !ok || answers == nil {
				t.Fatalf("%s:%d: expected credentials = answer", path, n)
			}
			for _, kind := range p.expand(t, strings.Fields(kinds)) {
				answers[kind] = strings.TrimSpace(answer)
			}
		case words[0] == "group":
			p.groups["@"+words[1]] = p.expand(t, words[2:])
		case words[0] == "class":
			answers = map[string]string{}
			if len(words) > 2 {
				p.copy(t, answers, words[2])
			}
			p.classes[words[1]] = answers
		default:
			answers = p.method(t, path+":"+strconv.Itoa(n), words, text)
		}
	}
	for nsid, m := range p.methods {
		for kind := range credentials {
			if m.answers[kind] == "" {
				t.Fatalf("%s: nothing is said about %q", nsid, kind)
			}
		}
	}
	return p
}

func (p *policy) copy(t *testing.T, into map[string]string, class string) {
	t.Helper()
	if p.classes[class] == nil {
		t.Fatalf("policy: no class %q", class)
	}
	for kind, answer := range p.classes[class] {
		into[kind] = answer
	}
}

func (p *policy) expand(t *testing.T, names []string) (kinds []string) {
	t.Helper()
	for _, name := range names {
		_, known := credentials[name]
		switch {
		case strings.HasPrefix(name, "@") && p.groups[name] != nil:
			kinds = append(kinds, p.groups[name]...)
		case known:
			kinds = append(kinds, name)
		default:
			t.Fatalf("policy: no credential or group %q", name)
		}
	}
	return kinds
}

// method reads NSID CLASS IN REQUEST.
func (p *policy) method(t *testing.T, where string, words []string, text string) map[string]string {
	t.Helper()
	if len(words) < 4 {
		t.Fatalf("%s: expected NSID CLASS ANSWER REQUEST", where)
	}
	m := &ruled{answers: map[string]string{}, kind: "application/json"}
	nsid := strings.TrimPrefix(words[0], "~")
	m.forwarded = nsid != words[0]
	p.copy(t, m.answers, words[1])
	for kind, answer := range m.answers {
		if answer == "in" {
			m.answers[kind] = words[2]
		}
	}
	request := strings.TrimSpace(text[strings.Index(text, words[2]+" "+words[3])+len(words[2]):])
	switch {
	case request == "GET" || strings.HasPrefix(request, "?"):
		m.query, m.params = true, strings.TrimPrefix(request, "GET")
	case strings.HasPrefix(request, "untyped "):
		m.body, m.kind = strings.TrimPrefix(request, "untyped "), ""
	case strings.HasPrefix(request, "car "):
		m.body, m.kind = strings.TrimPrefix(request, "car "), "application/vnd.ipld.car"
	default:
		m.body = request
	}
	p.methods[nsid] = m
	p.order = append(p.order, nsid)
	return m.answers
}

// servedMethods reads the table of routes as text: it is not the test's to call.
func servedMethods(t *testing.T, path string) (all []string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`xrpc\.(?:Query|Procedure|Subscription)\("([^"]+)"`).FindAllSubmatch(text, -1) {
		all = append(all, string(m[1]))
	}
	if len(all) < 40 {
		t.Fatalf("only %d routes found", len(all))
	}
	return all
}

// atOnce is how many requests of a method are under way.
const atOnce = 16

// holdTo asks a method with every kind of credential.
func (w *policyWorld) holdTo(nsid string, m *ruled) {
	slots := make(chan struct{}, atOnce)
	var done sync.WaitGroup
	for kind, c := range credentials {
		slots <- struct{}{}
		done.Go(func() {
			defer func() { <-slots }()
			got, message, err := w.try(nsid, m, c)
			for err == nil && strings.HasPrefix(got, "429:") { // exports of one account, a few at a time
				got, message, err = w.try(nsid, m, c)
			}
			if err != nil {
				w.t.Errorf("%s with %s: %v", nsid, kind, err)
			} else if got != m.answers[kind] {
				w.t.Errorf("%s with %s: %s (%s), want %s", nsid, kind, got, message, m.answers[kind])
			}
		})
	}
	done.Wait()
}

// try makes one call, and returns its status and the name of its error.
func (w *policyWorld) try(nsid string, m *ruled, c credential) (got, message string, err error) {
	got, answer, err := w.call(nsid, m, c)
	if err != nil || got == "200" {
		return got, "", err
	}
	var e struct{ Error, Message string }
	json.Unmarshal([]byte(answer), &e)
	return got + ":" + e.Error, e.Message, nil
}

// call makes one call, and returns its status and its body.
func (w *policyWorld) call(nsid string, m *ruled, c credential) (status, answer string, err error) {
	self := c.self
	if self == "" {
		self = "alice"
	}
	fill := func(s string) string { return w.vars.Replace(strings.ReplaceAll(s, "$self", w.people[self].did)) }
	method, body := nethttp.MethodPost, io.Reader(strings.NewReader(fill(m.body)))
	if m.query {
		method, body = nethttp.MethodGet, nil
	}
	r, err := nethttp.NewRequest(method, w.url+"/xrpc/"+nsid+fill(m.params), body)
	if err != nil {
		return "", "", err
	}
	if !m.query && m.kind != "" {
		r.Header.Set("Content-Type", m.kind)
	}
	if values := c.header(w, nsid); len(values) > 0 {
		r.Header["Authorization"] = values
	}
	resp, err := w.client.Do(r)
	if err != nil {
		return "", "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return strconv.Itoa(resp.StatusCode), string(text), err
}

// differences are the lines that two fingerprints do not share.
func differences(before, after string) string {
	var out strings.Builder
	old, now := strings.Split(before, "\n"), strings.Split(after, "\n")
	for _, line := range old {
		if !slices.Contains(now, line) {
			fmt.Fprintln(&out, "-", line)
		}
	}
	for _, line := range now {
		if !slices.Contains(old, line) {
			fmt.Fprintln(&out, "+", line)
		}
	}
	return out.String()
}
