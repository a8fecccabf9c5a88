package bench

import (
	"strconv"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
)

// collection is where every record of a run goes.
const collection = "app.bsky.feed.post"

// postedAt is the createdAt of every record of this process.
var postedAt = time.Now().UTC().Format("2006-01-02T15:04:05.000Z")

const postText = "A post of the length that posts have: some words about a day, a place that was visited, and what was eaten there, with nothing in it that would need more thought. Number "

// appendRecord is a post; n makes it unlike every other.
func appendRecord(dst []byte, n uint64) []byte {
	dst = append(dst, `{"$type":"`+collection+`","text":"`+postText...)
	dst = strconv.AppendUint(dst, n, 10)
	dst = append(dst, `","createdAt":"`...)
	dst = append(dst, postedAt...)
	return append(dst, `"}`...)
}

// appendTarget is the beginning that the inputs of the writing methods share.
func appendTarget(dst []byte, a *account) []byte {
	dst = append(dst, `{"repo":"`...)
	dst = append(dst, a.DID...)
	return append(dst, '"')
}

func appendRkey(dst []byte, rkey syntax.TID) []byte {
	if rkey == "" {
		return dst
	}
	dst = append(dst, `,"rkey":"`...)
	dst = append(dst, rkey...)
	return append(dst, '"')
}

// appendCreate is the input of createRecord, and with a key of putRecord.
func appendCreate(dst []byte, a *account, rkey syntax.TID, n uint64) []byte {
	dst = append(appendTarget(dst, a), `,"collection":"`+collection+`"`...)
	dst = append(appendRkey(dst, rkey), `,"record":`...)
	return append(appendRecord(dst, n), '}')
}

// appendDelete is the input of deleteRecord.
func appendDelete(dst []byte, a *account, rkey syntax.TID) []byte {
	dst = append(appendTarget(dst, a), `,"collection":"`+collection+`"`...)
	return append(appendRkey(dst, rkey), '}')
}

// appendBatch is the input of applyWrites with count creates. key gives each
// its key; nil leaves that to the server.
func appendBatch(dst []byte, a *account, count int, n uint64, key func(i int) syntax.TID) []byte {
	dst = append(appendTarget(dst, a), `,"writes":[`...)
	for i := range count {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"$type":"com.atproto.repo.applyWrites#create","collection":"`+collection+`"`...)
		if key != nil {
			dst = appendRkey(dst, key(i))
		}
		dst = append(dst, `,"value":`...)
		dst = append(appendRecord(dst, n+uint64(i)), '}')
	}
	return append(dst, `]}`...)
}

// appendGet is a complete request. query begins with "?" or is empty; token "" is nobody's.
func appendGet(dst []byte, to endpoint, method, query, token string) []byte {
	dst = append(dst, "GET /xrpc/"...)
	dst = append(dst, method...)
	dst = append(dst, query...)
	return append(appendHead(dst, to, "Bearer ", token), "\r\n"...)
}

// appendPost is a complete request with a JSON body, or with none.
func appendPost(dst []byte, to endpoint, method, scheme, token string, body []byte) []byte {
	return appendBody(dst, to, method, scheme, token, "application/json", body)
}

// appendBody is a complete request with a body of any type.
func appendBody(dst []byte, to endpoint, method, scheme, token, contentType string, body []byte) []byte {
	dst = append(dst, "POST /xrpc/"...)
	dst = append(dst, method...)
	dst = appendHead(dst, to, scheme, token)
	if body != nil {
		dst = append(dst, "Content-Type: "...)
		dst = append(dst, contentType...)
		dst = append(dst, "\r\n"...)
	}
	dst = append(dst, "Content-Length: "...)
	dst = strconv.AppendInt(dst, int64(len(body)), 10)
	dst = append(dst, "\r\n\r\n"...)
	return append(dst, body...)
}

func appendHead(dst []byte, to endpoint, scheme, token string) []byte {
	dst = append(dst, " HTTP/1.1\r\nHost: "...)
	dst = append(dst, to.host...)
	dst = append(dst, "\r\nUser-Agent: pds-bench\r\n"...)
	if token != "" {
		dst = append(dst, "Authorization: "...)
		dst = append(dst, scheme...)
		dst = append(dst, token...)
		dst = append(dst, "\r\n"...)
	}
	return dst
}
