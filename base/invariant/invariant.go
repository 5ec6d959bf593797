// Package invariant is how code asserts what must hold.
//
// It is not for what a user or a disk can do wrong (those are errors): a
// violated invariant is a fault of the program, and going on would make it worse.
//
// Flow: cheap checks call Check and are always on; dear ones stand in
// `if invariant.Enabled { … }` and are compiled in with `-tags invariants`.
//
// Invariants:
//  1. Check never returns when its condition is false.
package invariant

import "fmt"

// Check panics with the formatted text when the condition does not hold. Its
// arguments are evaluated even when it does: keep them cheap.
func Check(holds bool, format string, args ...any) {
	if !holds {
		panic("invariant violated: " + fmt.Sprintf(format, args...))
	}
}
