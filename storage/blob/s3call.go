package blob

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/minio/minio-go/v7"
)

// newTransport makes connections that end when nothing moves on them: a request
// body, an answer that does not come, and an answer that stops are all one case.
// The protocol is HTTP/1.1, where a connection carries one request at a time.
func newTransport(idle time.Duration) *http.Transport {
	dialer := &net.Dialer{Timeout: connectTimeout}
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &idleConn{Conn: c, idle: idle}, nil
		},
		TLSHandshakeTimeout: connectTimeout,
		MaxIdleConnsPerHost: 64,
		IdleConnTimeout:     idle / 2, // before the connection ends itself
		DisableCompression:  true,     // of blobs, bytes are what counts
		TLSNextProto:        nil,
		ForceAttemptHTTP2:   false,
		WriteBufferSize:     64 << 10,
		ReadBufferSize:      64 << 10,
	}
}

// idleConn moves its deadline at every read and write. A write moves it for the
// read that waits beside it, too.
type idleConn struct {
	net.Conn
	idle time.Duration
}

func (c *idleConn) Read(p []byte) (int, error) {
	c.SetDeadline(time.Now().Add(c.idle))
	return c.Conn.Read(p)
}

func (c *idleConn) Write(p []byte) (int, error) {
	c.SetDeadline(time.Now().Add(c.idle))
	return c.Conn.Write(p)
}

// call runs requests that together may take the total time-out.
func (s *S3) call(ctx context.Context, op string, fn func(context.Context) error) error {
	limited, cancel := context.WithTimeoutCause(ctx, s.total, ErrTimeout)
	defer cancel()
	return failS3(ctx, limited, op, fn(limited))
}

// failS3 says what an error of a request means to the caller of a Store. ctx is
// the caller's, limited the one of the request.
func failS3(ctx, limited context.Context, op string, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("blob: %s: %w", op, context.Cause(ctx))
	case classified(err):
		return fmt.Errorf("blob: %s: %w", op, err)
	}
	class := ErrUnavailable
	var answer minio.ErrorResponse
	var slow net.Error
	switch {
	case limited.Err() != nil, errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &slow) && slow.Timeout():
		class = ErrTimeout
	case errors.As(err, &answer):
		class = classS3(answer)
	}
	return fmt.Errorf("blob: %s: %w: %w", op, class, err)
}

func classS3(answer minio.ErrorResponse) error {
	switch answer.Code {
	case minio.NoSuchKey:
		return ErrNotFound
	case "QuotaExceeded", "StorageFull", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "EntityTooLarge":
		return ErrFull
	case "RequestTimeout":
		return ErrTimeout
	}
	switch answer.StatusCode {
	case http.StatusInsufficientStorage:
		return ErrFull
	case http.StatusRequestTimeout, http.StatusGatewayTimeout:
		return ErrTimeout
	}
	return ErrUnavailable
}
