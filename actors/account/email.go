package account

// ParseEmail checks the syntax of an address and lower-cases it. ErrInvalidEmail.
func ParseEmail(raw string) (Email, error) { panic("skeleton") }
