package outbound

import (
	"errors"
	"io"
	"net/http"
)

// ReadAll reads the body of resp and closes it. More than max bytes, or more than the
// client's own cap, is ErrTooLarge and no bytes: half a document is not an answer.
func ReadAll(resp *http.Response, max int64) ([]byte, error) {
	defer resp.Body.Close()
	if resp.ContentLength > max {
		return nil, ErrTooLarge
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, max+1))
	if err != nil {
		if errors.Is(err, ErrTooLarge) {
			return nil, ErrTooLarge
		}
		return nil, err
	}
	if int64(len(b)) > max {
		return nil, ErrTooLarge
	}
	return b, nil
}
