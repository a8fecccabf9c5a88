// Package sqlite is the only place where a database file is opened.
package sqlite
