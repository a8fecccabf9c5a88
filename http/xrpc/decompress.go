package xrpc

import (
	"bufio"
	"io"
	"net/http"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
)

// codingOf returns the Content-Encoding of a request, "" for none. A stack of several is refused along with the
// unknown: nobody needs it, and each layer multiplies what a few bytes can become.
func codingOf(r *http.Request) (string, error) {
	header := strings.Join(r.Header.Values("Content-Encoding"), ",")
	switch coding := strings.ToLower(strings.TrimSpace(header)); coding {
	case "", "identity":
		return "", nil
	case "gzip", "x-gzip":
		return "gzip", nil
	case "deflate", "br":
		return coding, nil
	}
	return "", &Error{Status: http.StatusUnsupportedMediaType, Message: "Content-Encoding must be gzip, deflate or br"}
}

// decompress returns the decoded body, which fails with 413 beyond limit.
func decompress(body io.Reader, coding string, limit int64) (io.Reader, error) {
	decoded, err := decoder(body, coding)
	if err != nil {
		return nil, err
	}
	return &cappedReader{decoded, limit}, nil
}

// Decompress returns the decoded form of a body that came from elsewhere, in gzip, deflate or br. It has no limit of its
// own, and speaks of it as of a request's body.
func Decompress(body io.Reader, coding string) (io.Reader, error) {
	switch coding {
	case "x-gzip":
		coding = "gzip"
	case "gzip", "deflate", "br":
	default:
		return nil, &Error{Status: http.StatusUnsupportedMediaType, Message: "The coding " + short(coding) + " is not known"}
	}
	return decoder(body, coding)
}

func decoder(body io.Reader, coding string) (io.Reader, error) {
	switch coding {
	case "gzip":
		r, err := gzip.NewReader(body)
		if err != nil {
			return nil, badCoding(err)
		}
		return r, nil
	case "br":
		return brotli.NewReader(body), nil
	}
	// "deflate" means the zlib format, but some clients send the bare one. A zlib header has 8 in its low nibble and
	// is divisible by 31, which a bare stream from a usual encoder is not.
	buffered := bufio.NewReader(body)
	head, err := buffered.Peek(2)
	if err != nil {
		return nil, badCoding(err)
	}
	if head[0]&0x0f != 8 || (int(head[0])<<8|int(head[1]))%31 != 0 {
		return flate.NewReader(buffered), nil
	}
	r, err := zlib.NewReader(buffered)
	if err != nil {
		return nil, badCoding(err)
	}
	return r, nil
}

// cappedReader stops after left bytes.
type cappedReader struct {
	from io.Reader
	left int64
}

func (r *cappedReader) Read(p []byte) (int, error) {
	if int64(len(p)) > r.left+1 {
		p = p[:r.left+1]
	}
	n, err := r.from.Read(p)
	if r.left -= int64(n); r.left < 0 {
		return 0, tooLarge()
	}
	if err != nil && err != io.EOF {
		err = badCoding(err)
	}
	return n, err
}

func badCoding(err error) error {
	if e := bodyError(err).(*Error); e.Status != http.StatusBadRequest {
		return e
	}
	return invalid("The request body is not what its Content-Encoding says", err)
}
