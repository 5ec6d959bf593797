package operator

// touching is where loads go that are done only so that the cache misses of what is
// asked for next overlap. What nobody keeps is not loaded at all.
type touching uint64

// slots looks at the slots of a table for keys with the hashes.
func (t *touching) slots(of *table, hashes []uint64) {
	mask, touched := uint64(len(of.slots)-1), uint64(0)
	for _, h := range hashes {
		touched |= of.slots[h&mask]
	}
	*t = touching(touched)
}
