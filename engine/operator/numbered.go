package operator

// numbered keeps things under numbers, dense from 0, and knows which of them have
// changed since they were saved. Numbers of things that are gone are given out
// again.
type numbered[T any] struct {
	list    []T
	flags   []groupFlags
	unused  []uint32
	unsaved []uint32 // numbers; of those that are given out again the flag says so once
}

// live is a flag of things that are there.
const live = saved << 1

// take gives a thing a number.
func (n *numbered[T]) take(thing T) (number uint32) {
	if last := len(n.unused) - 1; last >= 0 {
		number, n.unused = n.unused[last], n.unused[:last]
	} else {
		number = uint32(len(n.list))
		n.list, n.flags = append(n.list, thing), append(n.flags, 0)
	}
	n.list[number] = thing
	n.flags[number] |= live
	return number
}

// touch notes that a thing is not saved as it is.
func (n *numbered[T]) touch(number uint32) {
	if n.flags[number]&unsaved == 0 {
		n.flags[number] |= unsaved
		n.unsaved = append(n.unsaved, number)
	}
}

// loaded notes that a thing is saved as it is, as is everything else.
func (n *numbered[T]) loaded(number uint32) {
	n.flags[number], n.unsaved = live|saved, n.unsaved[:0]
}

// isSaved reports whether some form of a thing is saved.
func (n *numbered[T]) isSaved(number uint32) bool { return n.flags[number]&saved != 0 }

// release gives a number back. It stays in the list of what is unsaved, where it
// was, so that it is not listed twice if it is given out again.
func (n *numbered[T]) release(number uint32) {
	var none T
	n.list[number] = none
	n.flags[number] &= unsaved
	n.unused = append(n.unused, number)
}

// save calls write with the things that are there and have changed since the last
// call.
func (n *numbered[T]) save(write func(number uint32)) {
	for _, number := range n.unsaved {
		n.flags[number] &^= unsaved
		if n.flags[number]&live != 0 {
			n.flags[number] |= saved
			write(number)
		}
	}
	n.unsaved = n.unsaved[:0]
}
