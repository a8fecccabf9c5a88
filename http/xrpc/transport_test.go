package xrpc_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/json"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/flate"
)

func gz(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(s))
	_ = w.Close()
	return b.String()
}

func deflated(s string) string {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	_, _ = w.Write([]byte(s))
	_ = w.Close()
	return b.String()
}

func bareDeflated(s string) string {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, 5)
	_, _ = w.Write([]byte(s))
	_ = w.Close()
	return b.String()
}

func br(s string) string {
	var b bytes.Buffer
	w := brotli.NewWriter(&b)
	_, _ = w.Write([]byte(s))
	_ = w.Close()
	return b.String()
}

// TestTransport is the list of rules. Every row is one request on a connection of its own, byte by byte.
func TestTransport(t *testing.T) {
	f := newFake(t, nil)
	const (
		j       = "application/json"
		text    = `{"text":"a"}`
		ping    = "/xrpc/com.example.ping"
		echo    = "/xrpc/com.example.echo"
		act     = "/xrpc/com.example.act"
		blob    = "/xrpc/com.example.blob"
		record  = "/xrpc/com.example.record"
		echoed  = `{"text":"a","n":7}`
		invalid = "InvalidRequest"
	)
	big := func(n int) string { // a JSON body of n bytes
		const frame = `{"text":""}`
		return `{"text":"` + strings.Repeat("x", n-len(frame)) + `"}`
	}
	recordOf := func(n int) string {
		const frame = `{"record":{"a":""}}`
		return `{"record":{"a":"` + strings.Repeat("x", n-len(frame)) + `"}}`
	}
	for _, row := range []struct {
		name    string
		request string
		status  int
		error   string // XRPC error name
		message string // exact, unless ""
		body    string // exact, unless ""
	}{
		// paths
		{"plain query", get(ping), 200, "", "", `{"limit":50}`},
		{"trailing slash", get(ping + "/"), 200, "", "", `{"limit":50}`},
		{"trailing slash and query", get(ping + "/?limit=3"), 200, "", "", `{"limit":3}`},
		{"two trailing slashes", get(ping + "//"), 400, invalid, "invalid xrpc path", ""},
		{"more path", get(ping + "/more"), 400, invalid, "invalid xrpc path", ""},
		{"no name", get("/xrpc/"), 400, invalid, "invalid xrpc path", ""},
		{"no name, no slash", get("/xrpc"), 400, invalid, "invalid xrpc path", ""},
		{"one letter", get("/xrpc/a"), 400, invalid, "invalid xrpc path", ""},
		{"double dot", get("/xrpc/com..example"), 400, invalid, "invalid xrpc path", ""},
		{"leading dot", get("/xrpc/.com.example"), 400, invalid, "invalid xrpc path", ""},
		{"trailing dot", get("/xrpc/com.example."), 400, invalid, "invalid xrpc path", ""},
		{"trailing dash", get("/xrpc/com.example-"), 400, invalid, "invalid xrpc path", ""},
		{"underscore", get("/xrpc/com.example_ping"), 400, invalid, "invalid xrpc path", ""},
		{"fragment of another namespace", get("/xrpc/com.example.ping:x"), 400, invalid, "invalid xrpc path", ""},
		{"very long name", get("/xrpc/" + strings.Repeat("a.", 200) + "a"), 400, invalid, "invalid xrpc path", ""},
		{"encoded letter", get("/xrpc/com.example%2Eping"), 400, invalid, "invalid xrpc path", ""},
		{"encoded slash at the end", get(ping + "%2F"), 400, invalid, "invalid xrpc path", ""},
		{"encoded slash inside", get("/xrpc/x%2F..%2Fcom.example.secret"), 400, invalid, "invalid xrpc path", ""},
		{"dot segments", get("/xrpc/../xrpc/com.example.ping"), 400, invalid, "invalid xrpc path", ""},
		{"encoded slash after xrpc", get("/xrpc%2Fcom.example.secret?did=did:web:a.com"), 404, "", "", ""},
		{"encoded prefix", get("/%78rpc/com.example.secret?did=did:web:a.com"), 404, "", "", ""},
		{"double slash before the name", get("/xrpc//com.example.ping"), 400, invalid, "invalid xrpc path", ""},
		{"other case", get("/xrpc/com.example.PING"), 501, "MethodNotImplemented", "Method Not Implemented", ""},
		{"unknown method", get("/xrpc/com.example.nothing"), 501, "MethodNotImplemented", "Method Not Implemented", ""},
		{"unknown method by POST", post("/xrpc/com.example.nothing", j, "{}"), 501, "MethodNotImplemented", "", ""},
		{"lexicon without a route", get("/xrpc/com.example.elsewhere"), 501, "MethodNotImplemented", "", ""},
		{"lexicon without a route, wrong verb", post("/xrpc/com.example.elsewhere", j, "{}"), 400, invalid, "Wrong HTTP method: GET is expected, not POST", ""},
		{"a path of somebody else", get("/xrpc/_health"), 200, "", "", "fine"},
		{"absolute form", get("http://example.com" + ping), 200, "", "", `{"limit":50}`},

		// verbs
		{"POST on a query", post(ping, "", ""), 400, invalid, "Wrong HTTP method: GET is expected, not POST", ""},
		{"GET on a procedure", get(echo), 400, invalid, "Wrong HTTP method: POST is expected, not GET", ""},
		{"HEAD on a procedure", request("HEAD", echo, "", nil), 400, "", "", ""},
		{"PUT on a procedure", request("PUT", echo, "", nil), 400, invalid, "Wrong HTTP method: POST is expected, not PUT", ""},
		{"DELETE on a query", request("DELETE", ping, "", nil), 400, invalid, "", ""},
		{"verb of the client's own", request("FROB", ping, "", nil), 400, invalid, "Wrong HTTP method: GET is expected, not FROB", ""},
		{"POST on a subscription", post("/xrpc/com.example.watch", "", ""), 400, invalid, "", ""},
		{"subscription without upgrade", get("/xrpc/com.example.watch"), 426, "UpgradeRequired", "", ""},
		{"subscription with bad parameters", get("/xrpc/com.example.watch?cursor=x", "Connection: Upgrade", "Upgrade: websocket"), 400, invalid, "Error: cursor must be an integer", ""},

		// parameters
		{"every type", get(ping + "?did=did:web:a.com&limit=2&flag=false&names=a&names=b&nsids=a.b.c&cursor=x"), 200, "", "",
			`{"did":"did:web:a.com","limit":2,"flag":false,"names":["a","b"],"nsids":["a.b.c"],"cursor":"x"}`},
		{"integer with a fraction", get(ping + "?limit=1.5"), 400, invalid, "Error: limit must be an integer", ""},
		{"integer overflow", get(ping + "?limit=18446744073709551617"), 400, invalid, "Error: limit must be an integer", ""},
		{"out of range", get(ping + "?limit=101"), 400, invalid, "Error: limit can not be greater than 100", ""},
		{"bad did", get(ping + "?did=a.com"), 400, invalid, "Error: did must be a valid did", ""},
		{"repeated scalar", get(ping + "?limit=1&limit=2"), 400, invalid, "Error: limit must not be given more than once", ""},
		{"too many elements", get(ping + "?names=a&names=b&names=c&names=d"), 400, invalid, "Error: names must not have more than 3 elements", ""},
		{"bad element", get(ping + "?nsids=a.b.c&nsids=x"), 400, invalid, "Error: nsids/1 must be a valid nsid", ""},
		{"__proto__", get(ping + "?__proto__=1"), 400, invalid, "Error: Invalid query parameter: __proto__", ""},
		{"encoded __proto__", get(ping + "?__prot%6F__=1"), 400, invalid, "Error: Invalid query parameter: __proto__", ""},
		{"plus and escapes", get(ping + "?cursor=a+b%26c%3Dd"), 200, "", "", `{"limit":50,"cursor":"a b&c=d"}`},
		{"semicolon is a character", get(ping + "?cursor=a;b"), 200, "", "", `{"limit":50,"cursor":"a;b"}`},
		{"broken escape", get(ping + "?cursor=%zz"), 400, invalid, "The query string is not properly encoded", ""},
		{"unknown parameter", get(ping + "?foo=bar"), 200, "", "", `{"limit":50}`},
		{"empty values", get(ping + "?limit=&&did="), 200, "", "", `{"limit":50}`},
		{"a thousand parameters", get(ping + "?" + strings.Repeat("a=1&", 1000)), 400, invalid, "Too many query parameters", ""},
		{"bracketed arrays where allowed", get("/xrpc/com.example.loose?names[]=a&names[1]=b"), 200, "", "", `["a","b"]`},
		{"bracketed arrays elsewhere", get(ping + "?names[]=a"), 200, "", "", `{"limit":50}`},

		// order of the checks
		{"parameters before credential", get("/xrpc/com.example.secret"), 400, invalid, `Error: Params must have the property "did"`, ""},
		{"credential before handler", get("/xrpc/com.example.secret?did=did:web:a.com"), 401, "AuthMissing", "Authentication Required", ""},
		{"credential before body", post("/xrpc/com.example.secretEcho", j, "{"), 401, "AuthMissing", "", ""},
		{"credential before content type", post("/xrpc/com.example.secretEcho", "text/html", "{"), 401, "AuthMissing", "", ""},
		{"credential given", get("/xrpc/com.example.secret?did=did:web:a.com", "Authorization: Bearer x"), 200, "", "", `{"did":"did:web:a.com","token":"Bearer x"}`},
		{"verb before path's lexicon", request("PUT", "/xrpc/com.example.secret", "", nil), 400, invalid, "", ""},

		// bodies: presence and type
		{"a body", post(echo, j, text), 200, "", "", echoed},
		{"chunked body", chunked(echo, j, text), 200, "", "", echoed},
		{"content type with charset", post(echo, j+"; charset=utf-8", text), 200, "", "", echoed},
		{"content type in capitals", post(echo, "Application/JSON", text), 200, "", "", echoed},
		{"another charset", post(echo, j+"; charset=utf-16", text), 415, "UnsupportedMediaType", "", ""},
		{"no body announced", request("POST", echo, "", []string{"Content-Type: " + j}), 400, invalid, "This method takes a body, and none was sent", ""},
		{"no content type", post(echo, "", text), 400, invalid, "A Content-Type header is required", ""},
		{"wrong content type", post(echo, "text/plain", text), 400, invalid, "Wrong Content-Type: application/json is expected, not text/plain", ""},
		{"broken content type", post(echo, "json", text), 400, invalid, "The Content-Type header is not valid", ""},
		{"form", post(echo, "application/x-www-form-urlencoded", "a=b"), 400, invalid, "", ""},
		{"car wanted, json sent", post("/xrpc/com.example.import", j, "{}"), 400, invalid, "", ""},
		{"car", post("/xrpc/com.example.import", "application/vnd.ipld.car", "x"), 200, "", "", ""},
		{"any type", post(blob, "image/png", "abc"), 200, "", "", `{"size":3,"sum":"ba7816bf","type":"image/png","length":3}`},
		{"any type, none given", post(blob, "", "abc"), 400, invalid, "A Content-Type header is required", ""},
		{"no input", request("POST", act, "", nil), 200, "", "", ""},
		{"no input, length zero", post(act, "", ""), 200, "", "", ""},
		{"no input, json announced, length zero", post(act, j, ""), 200, "", "", ""},
		{"no input, body", post(act, j, "{}"), 400, invalid, "A request body was sent to a method that takes none", ""},
		{"no input, chunked and empty", chunked(act, "", ""), 200, "", "", ""},
		{"no input, chunked and not empty", chunked(act, "", "x"), 400, invalid, "A request body was sent to a method that takes none", ""},
		{"query with a body", request("GET", ping, "x", []string{"Content-Length: 1"}), 400, invalid, "A request body was sent to a method that takes none", ""},
		{"empty json body counts as {}", post(echo, j, ""), 400, invalid, `Input must have the property "text"`, ""},
		{"chunked and empty json body", chunked(echo, j, ""), 400, invalid, `Input must have the property "text"`, ""},

		// bodies: content
		{"not json", post(echo, j, "{"), 400, invalid, "Input is not valid JSON", ""},
		{"byte order mark", post(echo, j, "\ufeff"+text), 200, "", "", echoed},
		{"byte order mark, compressed", post(echo, j, gz("\ufeff"+text), "Content-Encoding: gzip"), 200, "", "", echoed},
		{"two byte order marks", post(echo, j, "\ufeff\ufeff"+text), 400, invalid, "Input is not valid JSON", ""},
		{"two values", post(echo, j, text+text), 400, invalid, "Input is not valid JSON", ""},
		{"wrong type", post(echo, j, `{"text":1}`), 400, invalid, "Input/text must be a string", ""},
		{"missing property", post(echo, j, `{"n":1}`), 400, invalid, `Input must have the property "text"`, ""},
		{"bad format", post(echo, j, `{"text":"","did":"x"}`), 400, invalid, "Input/did must be a valid did", ""},
		{"default overridden", post(echo, j, `{"text":"a","n":0}`), 200, "", "", `{"text":"a","n":0}`},
		{"unknown property", post(echo, j, `{"text":"a","x":[]}`), 200, "", "", echoed},
		{"smuggled by case", post(echo, j, `{"text":"a","DID":"x"}`), 400, invalid, "Input has a property that differs from a declared one only in case", ""},
		{"smuggled by repetition", post(echo, j, `{"text":"a","text":"b"}`), 400, invalid, "Input has a duplicate property", ""},
		{"__proto__ in the body", post(echo, j, `{"text":"a","__proto__":{}}`), 400, invalid, "", ""},
		{"integer written as 1.0", post(echo, j, `{"text":"a","n":1.0}`), 400, invalid, "Input/n has the wrong type", ""},
		{"record is kept as it is", post(record, j, `{"record": {"b":1, "a":2}}`), 200, "", "", `{"size":14,"sum":"33db8429"}`},
		{"raw body without a schema", post("/xrpc/com.example.raw", j, `[1]`), 200, "", "", `{"size":3,"sum":"080a9ed4"}`},
		{"raw body is still json", post("/xrpc/com.example.raw", j, `[1`), 400, invalid, "Input is not valid JSON", ""},
		{"nested 100 deep", post(record, j, `{"record":{"a":`+strings.Repeat("[", 100)+strings.Repeat("]", 100)+`}}`), 400, invalid, "Input is nested too deeply", ""},
		{"nested 400,000 deep", post(record, j, `{"record":`+strings.Repeat("[", 400_000)), 400, invalid, "Input is nested too deeply", ""},
		{"objects 100,000 deep", post(record, j, `{"record":`+strings.Repeat(`{"a":`, 100_000)), 400, invalid, "Input is nested too deeply", ""},

		// sizes
		{"json at the limit", post(echo, j, big(150<<10)), 200, "", "", ""},
		{"json above the limit", post(echo, j, big(150<<10+1)), 413, "PayloadTooLarge", "", ""},
		{"chunked json at the limit", chunked(echo, j, big(150<<10)), 200, "", "", ""},
		{"chunked json above the limit", chunked(echo, j, big(150<<10+1)), 413, "PayloadTooLarge", "", ""},
		{"record at its limit", post(record, j, recordOf(1_000_000)), 200, "", "", ""},
		{"record above its limit", post(record, j, recordOf(1_000_001)), 413, "PayloadTooLarge", "", ""},
		{"blob at its limit", post(blob, "a/b", strings.Repeat("x", blobLimit)), 200, "", "", ""},
		{"blob above its limit", post(blob, "a/b", strings.Repeat("x", blobLimit+1)), 413, "PayloadTooLarge", "", ""},
		{"chunked blob above its limit", chunked(blob, "a/b", strings.Repeat("x", blobLimit+1)), 413, "PayloadTooLarge", "", ""},
		{"text at its limit", post("/xrpc/com.example.note", "text/plain", strings.Repeat("x", 100<<10)), 200, "", "", ""},
		{"text above its limit", post("/xrpc/com.example.note", "text/plain", strings.Repeat("x", 100<<10+1)), 413, "PayloadTooLarge", "", ""},
		{"announced 2^63-1", request("POST", echo, "", []string{"Content-Type: " + j, "Content-Length: 9223372036854775807"}), 413, "PayloadTooLarge", "", ""},
		{"announced too much, nothing sent", request("POST", blob, "", []string{"Content-Type: a/b", "Content-Length: 10000000000"}), 413, "PayloadTooLarge", "", ""},
		{"expects to be asked, too large", request("POST", blob, "", []string{"Content-Type: a/b", "Content-Length: 1000000", "Expect: 100-continue"}), 413, "PayloadTooLarge", "", ""},

		// compressed bodies
		{"gzip", post(echo, j, gz(text), "Content-Encoding: gzip"), 200, "", "", echoed},
		{"x-gzip in capitals", post(echo, j, gz(text), "Content-Encoding: X-GZIP"), 200, "", "", echoed},
		{"deflate", post(echo, j, deflated(text), "Content-Encoding: deflate"), 200, "", "", echoed},
		{"bare deflate", post(echo, j, bareDeflated(text), "Content-Encoding: deflate"), 200, "", "", echoed},
		{"brotli", post(echo, j, br(text), "Content-Encoding: br"), 200, "", "", echoed},
		{"identity", post(echo, j, text, "Content-Encoding: identity"), 200, "", "", echoed},
		{"chunked gzip", chunked(echo, j, gz(text), "Content-Encoding: gzip"), 200, "", "", echoed},
		{"zstd", post(echo, j, text, "Content-Encoding: zstd"), 415, "UnsupportedMediaType", "", ""},
		{"nested gzip", post(echo, j, gz(gz(text)), "Content-Encoding: gzip, gzip"), 415, "UnsupportedMediaType", "", ""},
		{"nested gzip in two headers", post(echo, j, gz(gz(text)), "Content-Encoding: gzip", "Content-Encoding: gzip"), 415, "UnsupportedMediaType", "", ""},
		{"gzip that is none", post(echo, j, text, "Content-Encoding: gzip"), 400, invalid, "The request body is not what its Content-Encoding says", ""},
		{"gzip cut short", post(echo, j, gz(text)[:15], "Content-Encoding: gzip"), 400, invalid, "", ""},
		{"gzip with a wrong checksum", post(echo, j, gz(text)[:len(gz(text))-8]+"\x00\x00\x00\x00\x00\x00\x00\x00", "Content-Encoding: gzip"), 400, invalid, "", ""},
		{"brotli that is none", post(echo, j, "\xff\xff\xff\xff", "Content-Encoding: br"), 400, invalid, "", ""},
		{"empty gzip", post(echo, j, "", "Content-Encoding: gzip"), 400, invalid, "", ""},
		{"gzip bomb", post(echo, j, gz(big(20<<20)), "Content-Encoding: gzip"), 413, "PayloadTooLarge", "", ""},
		{"deflate bomb", post(echo, j, deflated(big(20<<20)), "Content-Encoding: deflate"), 413, "PayloadTooLarge", "", ""},
		{"brotli bomb", post(echo, j, br(big(20<<20)), "Content-Encoding: br"), 413, "PayloadTooLarge", "", ""},
		{"gzip at the limit", post(echo, j, gz(big(150<<10)), "Content-Encoding: gzip"), 200, "", "", ""},
		{"gzip one above the limit", post(echo, j, gz(big(150<<10+1)), "Content-Encoding: gzip"), 413, "PayloadTooLarge", "", ""},
		{"blob in gzip", post(blob, "a/b", gz("abc"), "Content-Encoding: gzip"), 200, "", "", `{"size":3,"sum":"ba7816bf","type":"a/b","length":-1}`},
		{"blob in brotli", post(blob, "a/b", br("abc"), "Content-Encoding: br"), 200, "", "", `{"size":3,"sum":"ba7816bf","type":"a/b","length":-1}`},
		{"blob bomb", post(blob, "a/b", gz(strings.Repeat("x", 10<<20)), "Content-Encoding: gzip"), 413, "PayloadTooLarge", "", ""},
		{"blob of unknown coding", post(blob, "a/b", "abc", "Content-Encoding: compress"), 415, "UnsupportedMediaType", "", ""},

		// errors
		{"translated", get("/xrpc/com.example.fail?how=mapped"), 400, "InvalidSwap", "Commit was at another place", ""},
		{"name by status", get("/xrpc/com.example.fail?how=x"), 404, "XRPCNotSupported", "Not Found", ""},
		{"unknown error", get("/xrpc/com.example.fail?how=unknown"), 500, "InternalServerError", "Internal Server Error", ""},
		{"500 with a message", get("/xrpc/com.example.fail?how=named500"), 500, "InternalServerError", "Internal Server Error", ""},
		{"panic", get("/xrpc/com.example.fail?how=panic"), 500, "InternalServerError", "Internal Server Error", ""},
		{"answer that cannot be encoded", get("/xrpc/com.example.fail?how=encode"), 500, "InternalServerError", "Internal Server Error", ""},
		{"upstream", get("/xrpc/com.example.fail?how=upstream"), 502, "UpstreamFailure", "The upstream did not answer", ""},
		{"rate limit", get("/xrpc/com.example.fail?how=limited"), 429, "RateLimitExceeded", "Too Many Requests", ""},
		{"busy", get("/xrpc/com.example.fail?how=busy"), 503, "NotEnoughResources", "Service Unavailable", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			a := f.send(t, row.request)
			if a.StatusCode != row.status {
				t.Fatalf("status %d, want %d: %s", a.StatusCode, row.status, a.body)
			}
			if row.body != "" && string(a.body) != row.body {
				t.Errorf("body\n got %s\nwant %s", a.body, row.body)
			}
			if row.error == "" {
				return
			}
			var e struct{ Error, Message string }
			if err := json.Unmarshal(a.body, &e); err != nil {
				t.Fatalf("%v in %q", err, a.body)
			}
			if e.Error != row.error || row.message != "" && e.Message != row.message || e.Message == "" {
				t.Errorf("got %+v, want %q %q", e, row.error, row.message)
			}
			if strings.Contains(string(a.body), "hunter2") || strings.Contains(string(a.body), "10.1.2.3") {
				t.Errorf("the answer tells secrets: %s", a.body)
			}
		})
	}
}
