package upstream

import (
	"net/http"
	"strconv"
	"strings"

	"troupe/http/xrpc"
)

// weighted is a coding and how much it is liked.
type weighted struct {
	name   string
	weight float64
}

// What this server can read, in the order in which it likes to: packing twice
// costs more than a local network does.
var (
	plainFirst  = []weighted{{"identity", 1}, {"gzip", 0.3}, {"deflate", 0.2}, {"br", 0.1}}
	packedFirst = []weighted{{"gzip", 1}, {"deflate", 0.9}, {"br", 0.8}, {"identity", 0.1}}
)

// negotiated is the Accept-Encoding for an answer that both the client and this
// server must be able to read: the codings that the client takes, with this
// server's weights. 406 if there is none, 400 if the header makes no sense.
func negotiated(header []string, packed bool) (string, error) {
	accepted, err := parseAccept(header)
	if err != nil {
		return "", err
	}
	preferred := plainFirst
	if packed {
		preferred = packedFirst
	}
	var common []string
	plain := false
	for _, p := range preferred {
		weight, stated := accepted[p.name]
		if !stated {
			weight, stated = accepted["*"]
		}
		// identity is acceptable unless it is refused, all else unless it is not named.
		if weight > 0 || p.name == "identity" && !stated {
			plain = plain || p.name == "identity"
			common = append(common, p.name+";q="+strconv.FormatFloat(p.weight, 'f', -1, 64))
		}
	}
	if len(common) == 0 {
		return "", &xrpc.Error{Status: http.StatusNotAcceptable, Message: "this service does not support any of the requested encodings"}
	}
	if !plain {
		common = append(common, "*;q=0")
	}
	return strings.Join(common, ","), nil
}

func parseAccept(header []string) (map[string]float64, error) {
	accepted := map[string]float64{}
	all := strings.Join(header, ",")
	if all == "" {
		return accepted, nil
	}
	for definition := range strings.SplitSeq(all, ",") {
		name, weight, ok := parseCoding(strings.TrimSpace(definition))
		if !ok {
			return nil, refuse("Invalid accept-encoding: \"" + definition + "\"")
		}
		accepted[strings.ToLower(name)] = weight
	}
	return accepted, nil
}

// parseCoding reads "name" or "name;q=weight".
func parseCoding(s string) (name string, weight float64, ok bool) {
	name, params, weighted := strings.Cut(s, ";")
	if name == "" || strings.Contains(name, "=") {
		return "", 0, false
	}
	if !weighted {
		return name, 1, true
	}
	key, value, _ := strings.Cut(strings.TrimSpace(params), "=")
	weight, err := strconv.ParseFloat(value, 64)
	if !strings.EqualFold(key, "q") || err != nil || weight != 0 && !(weight >= 0.001 && weight <= 1) {
		return "", 0, false
	}
	return name, weight, true
}
