package pattern

// queue is a heap of beginnings, the one that started earliest first. Of a pattern
// with a shape it is a list in that order.
//
// Where several started at the same row their order decides which of two
// matches is found first, and so which one a skip leaves out. It is the order
// that Flink's binary heap gives, operation by operation.
type queue []beginning

// push adds b.
func (q *queue) push(b beginning) {
	*q = append(*q, b)
	h := *q
	at := len(h) - 1
	for at > 0 {
		parent := (at - 1) / 2
		if b.first >= h[parent].first {
			break
		}
		h[at] = h[parent]
		at = parent
	}
	h[at] = b
}

// pop takes the first one out.
func (q *queue) pop() beginning {
	h := *q
	first, last := h[0], h[len(h)-1]
	*q = h[:len(h)-1]
	if len(*q) > 0 {
		q.sink(0, last)
	}
	return first
}

// sink puts b at the place, or below it.
func (q *queue) sink(at int, b beginning) {
	h := *q
	for at < len(h)/2 {
		child := 2*at + 1
		if right := child + 1; right < len(h) && h[child].first > h[right].first {
			child = right
		}
		if b.first <= h[child].first {
			break
		}
		h[at] = h[child]
		at = child
	}
	h[at] = b
}

// remove takes out those for which gone is true; it sees each once, in the
// order in which they stand.
func (q *queue) remove(gone func(beginning) bool) {
	left := (*q)[:0]
	for _, b := range *q {
		if !gone(b) {
			left = append(left, b)
		}
	}
	if len(left) == len(*q) {
		return
	}
	*q = left
	for at := len(left)/2 - 1; at >= 0; at-- {
		q.sink(at, left[at])
	}
}
