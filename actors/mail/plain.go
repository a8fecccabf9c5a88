package mail

import (
	"maps"
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// plain is the text part of an HTML body that somebody else wrote: its words,
// a line per block, links with their targets.
func plain(body string) string {
	var out strings.Builder
	var hidden int
	var href []string
	z := html.NewTokenizer(strings.NewReader(body))
	for {
		switch z.Next() {
		case html.ErrorToken: // the end, or nothing more that can be read
			return tidy(out.String())
		case html.TextToken:
			if hidden == 0 {
				out.WriteString(strings.Join(strings.Fields(" "+string(z.Text())+" "), " ") + " ")
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			t := z.Token()
			switch t.Data {
			case "script", "style", "head", "title":
				if t.Type == html.StartTagToken {
					hidden++
				}
			case "a":
				href = append(href, attribute(t, "href"))
			case "p", "div", "br", "li", "tr", "h1", "h2", "h3", "h4", "ul", "ol", "table", "blockquote":
				out.WriteByte('\n')
			}
		case html.EndTagToken:
			switch name, _ := z.TagName(); string(name) {
			case "script", "style", "head", "title":
				hidden = max(0, hidden-1)
			case "a":
				if n := len(href); n > 0 {
					if href[n-1] != "" {
						out.WriteString("(" + href[n-1] + ") ")
					}
					href = href[:n-1]
				}
			case "p", "div", "h1", "h2", "h3", "h4", "ul", "ol", "table", "blockquote":
				out.WriteString("\n\n")
			}
		}
	}
}

func attribute(t html.Token, name string) string {
	for _, a := range t.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// tidy trims lines and keeps at most one empty one between two others.
func tidy(s string) string {
	var lines []string
	for line := range strings.SplitSeq(s, "\n") {
		line = strings.TrimSpace(line)
		if line != "" || len(lines) > 0 && lines[len(lines)-1] != "" {
			lines = append(lines, line)
		}
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

func kindNames() []string { return slices.Sorted(maps.Keys(kinds)) }
