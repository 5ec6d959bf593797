package jdbc

import (
	"database/sql"
	"strings"
	"time"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
)

// dialect is how one kind of database is spoken to. Its methods are pure but for
// open, and are called from any goroutine.
type dialect interface {
	name() string
	prefixes() []string // of URLs
	port() string
	// properties are those of a URL that have an effect, and those that need none.
	properties() (used, ignored []string)
	check(s server) error
	// open makes a pool; it connects to nothing yet.
	open(s server, timeout time.Duration) (*sql.DB, error)

	// path is a table's name, quoted, of its parts.
	path(parts []identifier) string
	quote(name string) string
	// argument spells the argument with the number, from 1, for a comparison with a
	// column of the type.
	argument(number int, t value.Type) string
	// upsert is what follows INSERT … VALUES … where a row of the key may be there.
	upsert(columns, keys []string) string

	// refusal says why a column of the type cannot be; "" when it can.
	refusal(t value.Type) string
	// familyOf sorts a type of the database, by the name that the driver gives.
	familyOf(databaseType string) family
	// encode makes an argument of row i, which is not NULL; ok is false where the
	// database has no such value.
	encode(c *batch.Column, i int) (argument any, ok bool)

	// isTransient reports whether an error may be gone the next time.
	isTransient(err error) bool
	// refused makes a problem of what the database says; nil where it says nothing.
	refused(err error) *problem.Problem
}

// dialects are all there are.
var dialects = []dialect{mysqlDialect{}, postgresDialect{}}

// identifier is a part of a table's name as the user wrote it.
type identifier struct {
	text   string
	quoted bool
}

// identifiers cuts a table's name at its dots, outside of quotes of either kind.
func identifiers(name string) (parts []identifier, ok bool) {
	for {
		part, rest, more, ok := nextIdentifier(name)
		if !ok || part.text == "" || strings.ContainsRune(part.text, 0) {
			return nil, false
		}
		parts = append(parts, part)
		if !more {
			return parts, true
		}
		name = rest
	}
}

func nextIdentifier(name string) (part identifier, rest string, more, ok bool) {
	if name == "" || name[0] != '"' && name[0] != '`' {
		part.text, rest, more = strings.Cut(name, ".")
		return part, rest, more, true
	}
	quote := name[0]
	part.quoted = true
	for i := 1; i < len(name); i++ {
		switch {
		case name[i] != quote:
			part.text += name[i : i+1]
		case i+1 < len(name) && name[i+1] == quote:
			part.text += name[i : i+1]
			i++
		case i+1 == len(name):
			return part, "", false, true
		default:
			return part, name[i+2:], true, name[i+1] == '.'
		}
	}
	return part, "", false, false
}

// quoted puts a name between quotes, which are doubled inside it.
func quoted(name, quote string) string {
	return quote + strings.ReplaceAll(name, quote, quote+quote) + quote
}
