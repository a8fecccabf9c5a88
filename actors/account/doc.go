// Package account is the accounts actor, which owns account.sqlite, and the
// rules about handles, addresses, passwords and session tokens.
package account
