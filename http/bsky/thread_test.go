package bsky

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// node is a thread as the app view shows it: the post, then what is below.
func node(post string, replies ...string) string {
	below := ""
	if replies != nil {
		below = `,"replies":[` + strings.Join(replies, ",") + `]`
	}
	return `{"$type":"app.bsky.feed.defs#threadViewPost","post":` + post + below + `,"threadContext":{}}`
}

func bobNode(name string, replies ...string) string {
	return node(bobPost(name, stamp(-9), ""), replies...)
}

func answer(thread string) string { return `{"thread":` + thread + `,"threadgate":{}}` }

// outline writes a thread as parent<post(reply reply …).
func outline(t *testing.T, raw json.RawMessage) string {
	t.Helper()
	var n struct {
		typed
		Post    strongRef
		Parent  json.RawMessage
		Replies []json.RawMessage
	}
	if err := json.Unmarshal(raw, &n); err != nil {
		t.Fatal(err)
	}
	name := n.Post.URI[strings.LastIndexByte(n.Post.URI, '/')+1:]
	for i := range 20 {
		if n.Post.URI == ownURI(i) {
			name = fmt.Sprint(i)
		}
	}
	if n.Type != threadViewPost {
		name = strings.TrimPrefix(n.Type, "app.bsky.feed.defs#")
	}
	if n.Parent != nil {
		name = outline(t, n.Parent) + "<" + name
	}
	if n.Replies != nil {
		var below []string
		for _, r := range n.Replies {
			below = append(below, outline(t, r))
		}
		name += "(" + strings.Join(below, " ") + ")"
	}
	return name
}

func outlineOf(t *testing.T, body []byte) string {
	t.Helper()
	holds(t, "app.bsky.feed.getPostThread", body)
	var a struct{ Thread json.RawMessage }
	if err := json.Unmarshal(body, &a); err != nil {
		t.Fatal(err)
	}
	return outline(t, a.Thread)
}

// New replies stand below what they answer.
func TestGraftReplies(t *testing.T) {
	a, b := bobURI("a"), bobURI("b")
	inside := node(fmt.Sprintf(`{"uri":%q,"cid":%q,"author":{"did":%q,"handle":"bob.test"},"record":%s,"indexedAt":%q}`, b, someCID, bob, plainPost("b", replyTo(a, a)), stamp(-9)))
	gone := fmt.Sprintf(`{"$type":"app.bsky.feed.defs#notFoundPost","uri":%q,"notFound":true}`, bobURI("gone"))
	for _, c := range []struct {
		name   string
		thread string
		depth  int
		posts  []string
		want   string // "": nothing changes
	}{
		{"the first reply", bobNode("a"), 6, []string{replyTo(a, a)}, "a(0)"},
		{"newest first", bobNode("a", bobNode("x")), 6, []string{replyTo(a, a), replyTo(a, a)}, "a(1 0 x)"},
		{"a chain", bobNode("a"), 6, []string{replyTo(a, a), replyTo(a, ownURI(0)), replyTo(a, ownURI(1))}, "a(0(1(2)))"},
		{"a chain written backwards", bobNode("a"), 6, []string{replyTo(a, ownURI(1)), replyTo(a, a)}, "a(1(0))"},
		{"deeper", bobNode("a", bobNode("x", gone), bobNode("b")), 6, []string{replyTo(a, b), replyTo(a, bobURI("x"))}, "a(x(1 notFoundPost) b(0))"},
		{"to what is not shown", bobNode("a", bobNode("x")), 6, []string{replyTo(a, bobURI("y"))}, ""},
		{"of another thread", bobNode("a"), 6, []string{replyTo(b, b), ""}, ""},
		{"of another root under this post", bobNode("a"), 6, []string{replyTo(b, a)}, ""},
		{"from inside of the thread", inside, 6, []string{replyTo(a, b)}, "b(0)"},
		{"seen already", bobNode("a", node(strings.ReplaceAll(bobPost("x", stamp(0), ""), bobURI("x"), ownURI(0)))), 6, []string{replyTo(a, a)}, ""},
		{"seen already, and answered", bobNode("a", node(strings.ReplaceAll(bobPost("x", stamp(0), ""), bobURI("x"), ownURI(0)))), 6, []string{replyTo(a, a), replyTo(a, ownURI(0))}, "a(0(1))"},
		{"no replies wanted", bobNode("a"), 0, []string{replyTo(a, a)}, ""},
		{"one level wanted", bobNode("a", bobNode("x")), 1, []string{replyTo(a, a), replyTo(a, ownURI(0)), replyTo(a, bobURI("x"))}, "a(0 x)"},
		{"to itself", bobNode("a"), 6, []string{replyTo(a, ownURI(0))}, ""},
		{"in a circle", bobNode("a"), 6, []string{replyTo(a, ownURI(1)), replyTo(a, ownURI(0))}, ""},
		{"blocked", `{"$type":"app.bsky.feed.defs#blockedPost","uri":"` + a + `","blocked":true,"author":{"did":"` + bob.String() + `"}}`, 6, []string{replyTo(a, a)}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var posts []string
			for i, more := range c.posts {
				posts = append(posts, plainPost(fmt.Sprint(i), more))
			}
			w := newWorld(t, written(t, "", false, posts...))
			got, err := w.threadAnswer(t.Context(), []byte(answer(c.thread)), c.depth)
			if err != nil {
				t.Fatal(err)
			}
			if c.want == "" {
				if got != nil {
					t.Errorf("changed to %s", outlineOf(t, got))
				}
				return
			}
			if got := outlineOf(t, got); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
			if !strings.Contains(string(got), `"threadgate":{}`) || !strings.Contains(string(got), `"threadContext":{}`) {
				t.Errorf("something is lost: %s", got)
			}
		})
	}
}

// The thread of a new post is made here, and what it answers is fetched.
func TestOwnThread(t *testing.T) {
	a := bobURI("a")
	parent := func(height int) string {
		return fmt.Sprintf("getPostThread?depth=0&parentHeight=%d&uri=%s", height, a)
	}
	above := answer(strings.Replace(bobNode("a"), `"threadContext"`, `"parent":`+bobNode("root")+`,"threadContext"`, 1))
	for _, c := range []struct {
		name          string
		posts         []string
		of            int
		depth, height int
		knows         map[string]string
		want          string // "": there is none
	}{
		{"alone", []string{""}, 0, 6, 80, nil, "0"},
		{"with replies", []string{"", replyTo(ownURI(0), ownURI(0)), replyTo(ownURI(0), ownURI(1))}, 0, 6, 80, nil, "0(1(2))"},
		{"with one level of them", []string{"", replyTo(ownURI(0), ownURI(0)), replyTo(ownURI(0), ownURI(1))}, 0, 1, 80, nil, "0(1)"},
		{"without them", []string{"", replyTo(ownURI(0), ownURI(0))}, 0, 0, 80, nil, "0"},
		{"a reply", []string{replyTo(a, a)}, 0, 6, 80, map[string]string{parent(79): above}, "root<a<0"},
		{"a reply with replies", []string{replyTo(a, a), replyTo(a, ownURI(0)), replyTo(a, a)}, 0, 6, 80, map[string]string{parent(79): above}, "root<a<0(1)"},
		{"a reply to an own one", []string{replyTo(a, a), replyTo(a, ownURI(0)), replyTo(a, ownURI(1))}, 2, 6, 80, map[string]string{parent(77): above}, "root<a<0<1<2"},
		{"not so high", []string{replyTo(a, a), replyTo(a, ownURI(0)), replyTo(a, ownURI(1))}, 2, 6, 1, nil, "1<2"},
		{"not at all", []string{replyTo(a, a)}, 0, 6, 0, map[string]string{parent(79): above}, "0"},
		{"what it answers is gone", []string{replyTo(a, a)}, 0, 6, 80, nil, "0"},
		{"what it answers is out of reach", []string{replyTo(a, a)}, 0, 6, 80, map[string]string{parent(79): "down"}, "0"},
		{"what it answers makes no sense", []string{replyTo(a, a)}, 0, 6, 80, map[string]string{parent(79): "7"}, "0"},
		{"to itself", []string{replyTo(ownURI(0), ownURI(0))}, 0, 6, 80, nil, "0"},
		{"in a circle", []string{replyTo(a, ownURI(1)), replyTo(a, ownURI(0))}, 0, 6, 80, nil, "1<0"},
		{"an old one", []string{""}, 7, 6, 80, nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var posts []string
			for i, more := range c.posts {
				posts = append(posts, plainPost(fmt.Sprint(i), more))
			}
			w := newWorld(t, written(t, "", false, posts...))
			w.knows = c.knows
			got, err := w.ownThread(t.Context(), ownURI(c.of), c.depth, c.height)
			if err != nil {
				t.Fatal(err)
			}
			if c.want == "" {
				if got != nil {
					t.Errorf("%s", got)
				}
				return
			}
			if got := outlineOf(t, got); got != c.want {
				t.Errorf("%s, want %s; asked %q", got, c.want, w.asked)
			}
		})
	}
}

// A thread may be deeper than anything that a lexicon check takes.
func TestGraftIntoADeepThread(t *testing.T) {
	a := bobURI("a")
	above, below := bobNode("root"), bobNode("x")
	for range 100 {
		above = strings.Replace(bobNode("up"), `"threadContext"`, `"parent":`+above+`,"threadContext"`, 1)
		below = bobNode("down", below)
	}
	thread := strings.TrimSuffix(bobNode("a", below), "}") + `,"parent":` + above + `}`
	w := newWorld(t, written(t, "", false, plainPost("0", replyTo(a, bobURI("x"))), plainPost("1", replyTo(a, a))))
	got, err := w.threadAnswer(t.Context(), []byte(answer(thread)), 1000)
	if err != nil {
		t.Fatal(err)
	}
	var top struct{ Thread json.RawMessage }
	if err := json.Unmarshal(got, &top); err != nil {
		t.Fatal(err)
	}
	want := "root<" + strings.Repeat("up<", 100) + "a(1 " + strings.Repeat("down(", 100) + "x(0)" + strings.Repeat(")", 101)
	if got := outline(t, top.Thread); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestBrokenThreads(t *testing.T) {
	w := newWorld(t, written(t, "", false, plainPost("0", replyTo(bobURI("a"), bobURI("a")))))
	good := answer(bobNode("a"))
	for _, body := range []string{
		"", "7", "[]", good[:len(good)-1], good[:40],
		answer(`{"$type":"app.bsky.feed.defs#threadViewPost","post":7}`),
		answer(strings.Replace(bobNode("a"), `"threadContext"`, `"replies":7,"threadContext"`, 1)),
	} {
		if got, err := w.threadAnswer(t.Context(), []byte(body), 6); err == nil {
			t.Errorf("%s became %s", body, got)
		}
	}
}
