package batch

import "math/bits"

// Bitmap is a set of row numbers. A nil Bitmap is the empty set of any size.
type Bitmap []uint64

// NewBitmap returns the empty set with room for rows 0 to n-1.
func NewBitmap(n int) Bitmap { return make(Bitmap, (n+63)/64) }

// Get reports whether row i is in the set.
func (b Bitmap) Get(i int) bool { return b != nil && b[i>>6]&(1<<(i&63)) != 0 }

// Set adds row i.
func (b Bitmap) Set(i int) { b[i>>6] |= 1 << (i & 63) }

// Clear removes row i.
func (b Bitmap) Clear(i int) {
	if b != nil {
		b[i>>6] &^= 1 << (i & 63)
	}
}

// Count is the number of rows in the set.
func (b Bitmap) Count() int {
	n := 0
	for _, w := range b {
		n += bits.OnesCount64(w)
	}
	return n
}

// Union returns the set of rows in a or b, which have room for the same rows.
// It may return one of them unchanged: treat the result as shared.
func Union(a, b Bitmap) Bitmap {
	if a == nil {
		return b
	}
	if b == nil {
		return a
	}
	u := make(Bitmap, max(len(a), len(b)))
	copy(u, a)
	for i, w := range b {
		u[i] |= w
	}
	return u
}

// resized returns the set with room for n rows; rows from n on are removed.
func (b Bitmap) resized(n int) Bitmap {
	if b == nil {
		return nil
	}
	words := (n + 63) / 64
	b = resized(b, words)
	if n&63 != 0 {
		b[words-1] &= 1<<(n&63) - 1
	}
	return b
}
