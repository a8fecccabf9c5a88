// Package outbound makes the HTTP client that every outbound call of the server
// goes through: DID documents, handle files, the PLC directory, proxied services,
// OAuth client metadata, crawl notices, lexicon resolution.
//
// The addresses of those calls come from strangers (a handle, a DID document, a
// header), so the client assumes that each of them points at us.
//
// # What it guarantees
//
//   - The address is judged after resolution, by the kernel's view of it, at the
//     moment of dialling ([net.Dialer.Control]). A name that answers differently the
//     second time gains nothing: there is no first time.
//   - Loopback, private, link-local, carrier, benchmark, multicast and reserved
//     ranges, NAT64, 6to4, Teredo and everything outside 2000::/3 are refused unless
//     [Options.AllowPrivate]; so are ports other than [Options.Ports].
//   - Only https, or http too with [Options.AllowHTTP]; never a URL with user info.
//   - Every redirect passes the same checks; none is followed unless
//     [Options.Redirects] says how many, and then only on the same host unless
//     [Options.CrossHost]. A step from https to http is refused.
//   - Time is capped from the dial to the last byte of the body, the body is capped
//     after decompression, headers are capped, and at most [Options.PerHost] calls
//     per host are in flight; one more is refused at once instead of being queued.
//   - No proxy is read from the environment: a proxy would do the resolving.
//
// # Ownership
//
// A client owns its connection pool and its table of in-flight counters, which is
// atomic and of fixed size: no host name that a stranger chose is ever stored.
//
// # Errors
//
// [ErrForbidden] for a refused address, port, scheme or URL; [ErrRedirect] for a
// redirect that is not allowed; [ErrTooLarge] from reading a body over the cap;
// [ErrBusy] over the per-host bound. They arrive inside the *[net/url.Error] that
// [http.Client] wraps around transport errors; test with errors.Is.
//
// # Design notes
//
// Rejected: resolving the name first, checking the addresses and then letting the
// transport resolve again (this is the rebinding hole); refusing by spelling of the
// URL (decimal, octal and full-width spellings of an address never end; what the
// dialler is about to connect to does). With [Options.Redirects] zero a 3xx answer
// is handed back as it is rather than turned into an error, because a proxy has to
// pass it on; callers that want a document test for status 200 anyway.
package outbound
