package batch

import "sync/atomic"

// Lease says that the columns of a batch stand in memory that their maker fills
// again when nobody uses them any more. It counts who does: a batch that is made of
// columns of the first one uses them, too. A user that keeps something forgets the
// lease; its memory is then the garbage collector's.
//
// All methods may be called of nil, which is a lease of nothing, and by any
// goroutine.
type Lease struct {
	users atomic.Int32
	back  func()
}

// NewLease makes a lease with one user. When none is left, back is called, by the
// last one's goroutine.
func NewLease(back func()) *Lease {
	l := &Lease{back: back}
	l.users.Store(1)
	return l
}

// Share adds a user.
func (l *Lease) Share() {
	if l != nil {
		l.users.Add(1)
	}
}

// Return ends one user's use.
func (l *Lease) Return() {
	if l == nil {
		return
	}
	switch left := l.users.Add(-1); {
	case left == 0:
		l.back()
	case left < 0:
		panic("a lease was returned more often than it was shared")
	}
}

// Spoil fills columns with what nobody has written, so that who still uses their
// memory gives a wrong answer. Makers do so with -tags invariants when it comes back.
func Spoil(columns []*Column) {
	const garbage = 0x5b
	for _, c := range columns {
		for i := range c.Heap {
			c.Heap[i] = garbage
		}
		for i := range c.Ints {
			c.Ints[i] = garbage
		}
		for i := range c.Floats {
			c.Floats[i] = garbage
		}
		Spoil(c.Children)
	}
}

// Lent returns columns over the same memory as the given ones, for others to have
// for a while: what they do to the columns themselves the owner does not see. There
// is no room behind the heaps.
func Lent(columns []*Column) []*Column {
	lent := make([]*Column, len(columns))
	for i, c := range columns {
		own := *c
		own.Heap = c.Heap[:len(c.Heap):len(c.Heap)]
		own.Children = Lent(c.Children)
		lent[i] = &own
	}
	return lent
}
