package oauth

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	nethttp "net/http"
	"net/url"
	"strings"
)

// maxBody bounds the body of a call in bytes.
const maxBody = 100 << 10

// input holds the parameters of a call. What is not there is "".
type input map[string]string

// read reads the parameters of a call: a form, or a JSON object of texts. A
// parameter that comes twice refuses the whole (RFC 6749 §3.1): two readers may
// each believe another one.
func read(r *nethttp.Request) (input, error) {
	if r.ContentLength > maxBody {
		return nil, errTooLarge
	}
	if e := r.Header.Get("Content-Encoding"); e != "" && e != "identity" {
		return nil, invalidRequest("Content-Encoding is not supported")
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return nil, invalidRequest("The request body was cut off")
	}
	if len(body) > maxBody {
		return nil, errTooLarge
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return nil, invalidRequest("Missing or malformed Content-Type")
	}
	switch kind {
	case "application/x-www-form-urlencoded":
		return readForm(string(body))
	case "application/json":
		return readJSON(body)
	}
	return nil, invalidRequest("Unsupported Content-Type " + kind)
}

func readForm(body string) (input, error) {
	values, err := url.ParseQuery(body)
	if err != nil {
		return nil, invalidRequest("The request body is malformed")
	}
	in := make(input, len(values))
	for name, all := range values {
		if len(all) > 1 {
			return nil, invalidRequest("Parameter " + name + " is repeated")
		}
		in[name] = all[0]
	}
	return in, nil
}

// readJSON takes texts and leaves out null. Everything else an app might send is
// of OpenID Connect, which says so when it is asked for.
func readJSON(body []byte) (input, error) {
	malformed := invalidRequest("The request body is malformed")
	d := json.NewDecoder(strings.NewReader(string(body)))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, malformed
	}
	in := make(input)
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, malformed
		}
		key, _ := name.(string)
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, malformed
		}
		if _, twice := in[key]; twice {
			return nil, invalidRequest("Parameter " + key + " is repeated")
		}
		var text *string
		if json.Unmarshal(value, &text) != nil {
			return nil, invalidRequest("Parameter " + key + " must be a text")
		}
		if text != nil {
			in[key] = *text
		}
	}
	if _, err := d.Token(); err != nil {
		return nil, malformed
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, malformed
	}
	return in, nil
}
