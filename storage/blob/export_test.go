package blob

import (
	"time"

	"github.com/minio/minio-go/v7"
)

// The pauses between attempts are most of the time that tests of failures take.
func init() { minio.DefaultRetryUnit = time.Millisecond }

// SetPartSize makes objects of more than n bytes go in parts.
func (s *S3) SetPartSize(n int64) { s.part = n }
