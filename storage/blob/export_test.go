package blob

// SetPartSize makes objects of more than n bytes go in parts.
func (s *S3) SetPartSize(n int64) { s.part = n }
