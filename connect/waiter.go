package connect

import "context"

// Waiter is a Reader that can wait apart from reading, so that whoever measures what
// reading takes does not hold a thread while there is nothing to read. What a Reader
// without an end that is no Waiter takes is not known.
type Waiter interface {
	// Wait returns when Read has something to do at once: rows, the end or an error.
	// It also returns when ctx ends; Read then says so. It is called before Read,
	// from the same goroutine.
	Wait(ctx context.Context)
}
