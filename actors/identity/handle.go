package identity

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/actors/outbound"
)

const maxWellKnown = 2 << 10

// fetchHandle asks DNS and HTTPS at the same time, then the backup name servers. DNS
// wins over HTTPS. It blocks and runs outside turns.
func (o *Options) fetchHandle(ctx context.Context, h syntax.Handle) (syntax.DID, error) {
	short, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel() // ends the HTTPS request when DNS has answered
	type answer struct {
		did syntax.DID
		err error
	}
	https := make(chan answer, 1)
	go func() {
		did, err := guarded(func() (syntax.DID, error) { return o.wellKnown(short, h) })
		https <- answer{did, err}
	}()
	did, dnsErr := lookupDID(short, o.DNS, h)
	// Two records are somebody's claim against somebody else's: HTTPS must not settle it.
	if dnsErr == nil || errors.Is(dnsErr, ErrHandleAmbiguous) {
		return did, dnsErr
	}
	web := <-https
	if web.err == nil {
		return web.did, nil
	}
	failures := []error{dnsErr, web.err}
	for _, backup := range o.Backup {
		did, err := o.backup(ctx, backup, h)
		if err == nil || errors.Is(err, ErrHandleAmbiguous) {
			return did, err
		}
		failures = append(failures, err)
	}
	// "Not found" is a definite answer and needs every source to agree.
	for _, err := range failures {
		if !errors.Is(err, ErrHandleNotFound) {
			return "", fmt.Errorf("%w: %w", ErrHandleUnavailable, err)
		}
	}
	return "", ErrHandleNotFound
}

func (o *Options) backup(ctx context.Context, lookup LookupTXT, h syntax.Handle) (syntax.DID, error) {
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	return lookupDID(ctx, lookup, h)
}

// lookupDID reads the one did= record of _atproto.<handle>.
func lookupDID(ctx context.Context, lookup LookupTXT, h syntax.Handle) (syntax.DID, error) {
	records, err := lookup(ctx, "_atproto."+h.String())
	if notFoundName(err) {
		return "", fmt.Errorf("%w: %w", ErrHandleNotFound, err)
	}
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrHandleUnavailable, err)
	}
	var found []string
	for _, r := range records {
		if v, ok := strings.CutPrefix(r, "did="); ok {
			found = append(found, v)
		}
	}
	switch len(found) {
	case 0:
		return "", fmt.Errorf("%w: no did= record", ErrHandleNotFound)
	case 1:
		return parseTarget(found[0])
	}
	return "", fmt.Errorf("%w: %d did= records", ErrHandleAmbiguous, len(found))
}

// wellKnown reads the first line of https://<handle>/.well-known/atproto-did.
func (o *Options) wellKnown(ctx context.Context, h syntax.Handle) (syntax.DID, error) {
	resp, err := get(ctx, o.Handles, "https://"+h.String()+"/.well-known/atproto-did", "text/plain")
	if notFoundName(err) || errors.Is(err, outbound.ErrTooLarge) {
		return "", fmt.Errorf("%w: %w", ErrHandleNotFound, err)
	}
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrHandleUnavailable, err)
	}
	body, err := outbound.ReadAll(resp, maxWellKnown)
	switch status := resp.StatusCode; {
	case status >= 400 && status < 500 && status != http.StatusTooManyRequests:
		return "", fmt.Errorf("%w: status %d", ErrHandleNotFound, status)
	case status < 200 || status > 299:
		return "", fmt.Errorf("%w: status %d", ErrHandleUnavailable, status)
	case errors.Is(err, outbound.ErrTooLarge):
		return "", fmt.Errorf("%w: %w", ErrHandleNotFound, err) // a web page, not a handle's file
	case err != nil:
		return "", fmt.Errorf("%w: %w", ErrHandleUnavailable, err)
	}
	line, _, _ := strings.Cut(string(body), "\n")
	did, err := parseTarget(strings.TrimSpace(line))
	if err != nil {
		return "", fmt.Errorf("%w: well-known file without a DID", ErrHandleNotFound)
	}
	return did, nil
}

// parseTarget accepts only a DID that an account can have.
func parseTarget(s string) (syntax.DID, error) {
	did, err := syntax.ParseDID(s)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrHandleAmbiguous, err)
	}
	if f, _ := form(did, true); f == formNone {
		return "", fmt.Errorf("%w: %s", ErrHandleAmbiguous, ErrUnsupported)
	}
	return did, nil
}
