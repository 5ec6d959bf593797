// Package problem is what a user sees when something is wrong: a code, one
// sentence, where in their text or input it is, and what to do about it.
//
// It is not a logging package and not a stack of wrapped causes: an error that
// is not a Problem is "internal", the program's own fault, and is shown as such.
//
// Flow: a layer that knows what the user did wrong builds a Problem; layers
// above wrap it with fmt.Errorf("…: %w") or pass it on; a door (command line,
// HTTP) finds it with Of and prints it.
//
// Invariants:
//  1. Code is one of the constants below; programs may compare it.
//  2. Message is one sentence without a final full stop; Hint says what to do.
//  3. Retry is how a caller knows whether the same call can succeed later;
//     nobody matches on message text.
package problem

import (
	"errors"
	"fmt"
	"sort"
	"strings"
	"time"
)

// Code names a kind of problem. The text is part of the API.
type Code string

// The closed set of codes. Those on the first lines are the user's error, the
// ones under "ours" are not.
const (
	Syntax          Code = "syntax"           // the text is not SQL
	UnknownTable    Code = "unknown_table"    // no such table or view
	UnknownColumn   Code = "unknown_column"   // no such column or field
	UnknownFunction Code = "unknown_function" // no such function, or not with these arguments
	UnknownOption   Code = "unknown_option"   // a connector, format or setting has no such option
	InvalidOption   Code = "invalid_option"   // an option's value is wrong or missing
	Ambiguous       Code = "ambiguous"        // a name means several things
	TypeMismatch    Code = "type_mismatch"    // a value or expression has the wrong type
	InvalidValue    Code = "invalid_value"    // a value cannot be read or converted
	InvalidQuery    Code = "invalid_query"    // well-formed, but means nothing (nested aggregates, …)
	Unsupported     Code = "unsupported"      // known, but this version does not do it
	AlreadyExists   Code = "already_exists"   // the name is taken
	NotFound        Code = "not_found"        // no such file, job, query, …
	InvalidRequest  Code = "invalid_request"  // a request or argument is malformed
	TooLarge        Code = "too_large"        // over a limit of size
	TooBusy         Code = "too_busy"         // over a limit of load; try again later
	Timeout         Code = "timeout"          // did not end in the time allowed
	Canceled        Code = "canceled"         // stopped on request
	Conflict        Code = "conflict"         // contradicts something that already happened

	// Ours.
	DiskFull Code = "disk_full" // the data folder has no space left
	Corrupt  Code = "corrupt"   // stored bytes are damaged
	Internal Code = "internal"  // a fault of the program
)

// User reports whether problems of this code are the user's to mend.
func (c Code) User() bool { return c != DiskFull && c != Corrupt && c != Internal }

// Position is a place in a text: 1-based line and column (in code points). The
// zero Position means "nowhere in particular".
type Position struct {
	File   string `json:"file,omitempty"` // name of the text, "" for the statement itself
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
}

// IsZero reports whether the position says nothing.
func (p Position) IsZero() bool { return p.Line == 0 }

// String prints file:line:column, without the parts that are unknown.
func (p Position) String() string {
	if p.IsZero() {
		return p.File
	}
	if p.File == "" {
		return fmt.Sprintf("%d:%d", p.Line, p.Column)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Retry says whether trying the same thing again can help.
type Retry uint8

// The kinds of Retry.
const (
	Never Retry = iota // the same call fails the same way
	Later              // may succeed after a pause
)

// Problem is one thing that is wrong. It is an error; build one with New.
type Problem struct {
	Code     Code     `json:"code"`
	Message  string   `json:"message"`
	Hint     string   `json:"hint,omitempty"`
	Field    string   `json:"field,omitempty"` // column or option the problem is about
	Position Position `json:"position,omitzero"`
	Retry    Retry    `json:"-"`
	// After is how long to wait before trying again, zero when that is not known.
	After time.Duration `json:"-"`
}

// New builds a Problem; format and args give its message.
func New(code Code, format string, args ...any) *Problem {
	return &Problem{Code: code, Message: fmt.Sprintf(format, args...)}
}

// At returns the problem placed at pos. The receiver is changed and returned.
func (p *Problem) At(pos Position) *Problem {
	p.Position = pos
	return p
}

// WithHint sets what to do about it.
func (p *Problem) WithHint(format string, args ...any) *Problem {
	p.Hint = fmt.Sprintf(format, args...)
	return p
}

// About names the field, column or option concerned.
func (p *Problem) About(field string) *Problem {
	p.Field = field
	return p
}

// Retryable marks the problem as one that may go away by itself.
func (p *Problem) Retryable() *Problem {
	p.Retry = Later
	return p
}

// RetryAfter marks the problem as one that goes away after some time.
func (p *Problem) RetryAfter(d time.Duration) *Problem {
	p.Retry, p.After = Later, d
	return p
}

// Error prints position, message and hint on one line.
func (p *Problem) Error() string {
	var b strings.Builder
	if !p.Position.IsZero() {
		b.WriteString(p.Position.String())
		b.WriteString(": ")
	}
	b.WriteString(p.Message)
	if p.Hint != "" {
		b.WriteString(" (")
		b.WriteString(p.Hint)
		b.WriteString(")")
	}
	return b.String()
}

// Of finds the Problem in err's chain. An error without one becomes an
// Internal problem that keeps the text; nil gives nil.
func Of(err error) *Problem {
	if err == nil {
		return nil
	}
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	return &Problem{Code: Internal, Message: err.Error()}
}

// Is reports whether err carries a Problem of the given code.
func Is(err error, code Code) bool {
	var p *Problem
	return errors.As(err, &p) && p.Code == code
}

// List is several problems reported together, in the order of their positions.
type List []*Problem

// Error prints one problem a line.
func (l List) Error() string {
	lines := make([]string, len(l))
	for i, p := range l {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives errors.As the single problems.
func (l List) Unwrap() []error {
	all := make([]error, len(l))
	for i, p := range l {
		all[i] = p
	}
	return all
}

// Err is nil for an empty list and the list itself otherwise.
func (l List) Err() error {
	if len(l) == 0 {
		return nil
	}
	return l
}

// All finds every problem in err: those of a List, or the one that Of finds.
func All(err error) List {
	if err == nil {
		return nil
	}
	var l List
	if errors.As(err, &l) {
		return l
	}
	return List{Of(err)}
}

// Nearest gives the candidate most like name, or "" when none is near enough to
// be worth suggesting: at most a third of the letters differ. Case is ignored.
func Nearest(name string, candidates []string) string {
	best, bestDistance := "", len(name)/3+1
	sorted := append([]string(nil), candidates...)
	sort.Strings(sorted)
	for _, c := range sorted {
		if d := distance(strings.ToLower(name), strings.ToLower(c)); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	return best
}

// distance is the edit distance with swaps of neighbours counted as one
// (optimal string alignment).
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	two, one, row := make([]int, len(y)+1), make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range one {
		one[j] = j
	}
	for i := 1; i <= len(x); i++ {
		row[0] = i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			row[j] = min(one[j]+1, row[j-1]+1, one[j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				row[j] = min(row[j], two[j-2]+1)
			}
		}
		two, one, row = one, row, two
	}
	return one[len(y)]
}
