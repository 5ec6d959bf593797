package operator

import (
	"math/bits"
	"slices"
)

// rowRuns keeps the numbers of the rows of many partitions, each in order. A
// partition with one row takes no more than a place for it; one with some has
// theirs beside those of others, in as much room as the next power of two; and a
// long one has its own chunks.
type rowRuns struct {
	runs   pages[rowRun]
	blocks [][]uint32             // room for short runs
	next   uint32                 // the first place that was never used
	free   [runBits + 1][]uint32  // places of each power of two
	long   map[uint32]*chunkedRun // of partitions with runLong
	few    [1]uint32              // one row as a list
}

// rowRun is where the rows of a partition are: the row itself where there is one,
// the place of the first one where there are some.
type rowRun struct{ at, size uint32 }

const (
	// runBits: up to 2^runBits rows are kept as a short run. Inserting moves half of them.
	runBits = 8
	// runLong is the size of a run that has chunks of its own.
	runLong = ^uint32(0)

	runBlockBits = 10
	runBlockSize = 1 << runBlockBits // row numbers

	// chunkRowsMax is how many rows a chunk of a long run has at most: inserting
	// moves half as many numbers on average.
	chunkRowsMax = 512
)

// resize makes room for partitions with codes below n.
func (r *rowRuns) resize(n int) { r.runs.resize(n) }

// size is how many rows a partition has.
func (r *rowRuns) size(code uint32) int {
	if run := r.runs.at(code); run.size != runLong {
		return int(run.size)
	}
	return r.long[code].size
}

// list is the rows of a partition whose run is short, valid until the next change.
func (r *rowRuns) short(run *rowRun) []uint32 {
	switch run.size {
	case 0:
		return nil
	case 1:
		r.few[0] = run.at
		return r.few[:]
	}
	start := run.at & (runBlockSize - 1)
	return r.blocks[run.at>>runBlockBits][start : start+run.size]
}

// roomBits is how much room a short run of so many rows has, as a power of two.
func roomBits(size uint32) int { return bits.Len32(size - 1) }

// take gives room for a run of so many rows, which is a power of two.
func (r *rowRuns) take(power int) (at uint32) {
	if last := len(r.free[power]) - 1; last >= 0 {
		at, r.free[power] = r.free[power][last], r.free[power][:last]
		return at
	}
	// Runs begin where their number of places divides: none is on two blocks.
	for r.next&(1<<power-1) != 0 {
		gap := bits.TrailingZeros32(r.next)
		r.free[gap] = append(r.free[gap], r.next)
		r.next += 1 << gap
	}
	at = r.next
	r.next += 1 << power
	if int(at>>runBlockBits) == len(r.blocks) {
		r.blocks = append(r.blocks, make([]uint32, runBlockSize))
	}
	return at
}

// insert puts a row into its place.
func (r *rowRuns) insert(code, row uint32, compare func(a, b uint32) int) {
	run := r.runs.at(code)
	switch {
	case run.size == 0:
		*run = rowRun{row, 1}
		return
	case run.size == runLong:
		r.long[code].insert(row, compare)
		return
	}
	old := r.short(run)
	at := placeIn(old, row, compare)
	if run.size == 1<<runBits {
		long := &chunkedRun{chunks: [][]uint32{slices.Clone(old)}, size: len(old)}
		long.insert(row, compare)
		r.drop(code)
		if r.long == nil {
			r.long = map[uint32]*chunkedRun{}
		}
		r.long[code] = long
		run.size = runLong
		return
	}
	next := rowRun{run.at, run.size + 1}
	if before, now := roomBits(run.size), roomBits(next.size); before != now {
		next.at = r.take(now)
		all := r.short(&next)
		copy(all, old[:at])
		all[at] = row
		copy(all[at+1:], old[at:])
		r.drop(code)
		*run = next
		return
	}
	*run = next
	all := r.short(run)
	copy(all[at+1:], all[at:])
	all[at] = row
}

// remove takes a row out.
func (r *rowRuns) remove(code, row uint32, compare func(a, b uint32) int) {
	run := r.runs.at(code)
	if run.size == runLong {
		long := r.long[code]
		if long.remove(row, compare); long.size == 0 {
			r.drop(code)
		}
		return
	}
	old := r.short(run)
	at := placeIn(old, row, compare)
	switch next := (rowRun{run.at, run.size - 1}); {
	case next.size == 0:
		*run = rowRun{}
	case next.size == 1:
		next.at = old[1-at]
		r.drop(code)
		*run = next
	case roomBits(next.size) != roomBits(run.size):
		next.at = r.take(roomBits(next.size))
		all := r.short(&next)
		copy(all, old[:at])
		copy(all[at:], old[at+1:])
		r.drop(code)
		*run = next
	default:
		copy(old[at:], old[at+1:])
		*run = next
	}
}

// drop forgets the rows of a partition.
func (r *rowRuns) drop(code uint32) {
	run := r.runs.at(code)
	switch {
	case run.size == runLong:
		delete(r.long, code)
	case run.size > 1:
		power := roomBits(run.size)
		r.free[power] = append(r.free[power], run.at)
	}
	*run = rowRun{}
}

// last is the row that sorts last; there is one.
func (r *rowRuns) last(code uint32) uint32 {
	run := r.runs.at(code)
	switch run.size {
	case 1:
		return run.at
	case runLong:
		return r.long[code].last()
	}
	all := r.short(run)
	return all[len(all)-1]
}

// each visits the rows in order as long as visit wants more. Nothing is inserted or
// removed meanwhile.
func (r *rowRuns) each(code uint32, visit func(row uint32) bool) {
	run := r.runs.at(code)
	switch run.size {
	case 0:
		return
	case 1:
		visit(run.at)
		return
	case runLong:
		r.long[code].from(func(uint32) bool { return true }, visit)
		return
	}
	for _, row := range r.short(run) {
		if !visit(row) {
			return
		}
	}
}

// from visits the rows from the first one on for which reached is true, as long as
// visit wants more. reached is false up to some row and then true.
func (r *rowRuns) from(code uint32, reached, visit func(row uint32) bool) {
	run := r.runs.at(code)
	if run.size == runLong {
		r.long[code].from(reached, visit)
		return
	}
	all := r.short(run)
	for _, row := range all[firstReached(all, reached):] {
		if !visit(row) {
			return
		}
	}
}

// list is a copy of the rows of a partition.
func (r *rowRuns) list(code uint32) []uint32 {
	all := make([]uint32, 0, r.size(code))
	r.each(code, func(row uint32) bool {
		all = append(all, row)
		return true
	})
	return all
}

// held is about how many bytes the runs take.
func (r *rowRuns) held() int64 {
	const longBytes = 128
	n := r.runs.held() + 4*runBlockSize*int64(len(r.blocks))
	for _, free := range r.free {
		n += 4 * int64(cap(free))
	}
	for _, long := range r.long {
		n += longBytes + 2*4*int64(long.size) // a chunk may be half empty
	}
	return n
}

// chunkedRun is the rows of a partition in chunks, so that a long run need not be
// moved for each row.
type chunkedRun struct {
	chunks [][]uint32
	size   int
}

// place is where a row belongs: its chunk and the place in it.
func (r *chunkedRun) place(row uint32, compare func(a, b uint32) int) (chunk, at int) {
	chunk, _ = slices.BinarySearchFunc(r.chunks, row, func(c []uint32, row uint32) int { return compareOrSame(c[len(c)-1], row, compare) })
	if chunk == len(r.chunks) {
		return chunk, 0
	}
	return chunk, placeIn(r.chunks[chunk], row, compare)
}

// placeIn is where a row is or belongs among rows in order.
func placeIn(rows []uint32, row uint32, compare func(a, b uint32) int) int {
	at, _ := slices.BinarySearchFunc(rows, row, func(x, row uint32) int { return compareOrSame(x, row, compare) })
	return at
}

func compareOrSame(a, b uint32, compare func(a, b uint32) int) int {
	if a == b {
		return 0
	}
	return compare(a, b)
}

func (r *chunkedRun) insert(row uint32, compare func(a, b uint32) int) {
	r.size++
	chunk, at := r.place(row, compare)
	if chunk == len(r.chunks) {
		chunk--
		at = len(r.chunks[chunk])
	}
	r.chunks[chunk] = slices.Insert(r.chunks[chunk], at, row)
	if c := r.chunks[chunk]; len(c) > chunkRowsMax {
		half := len(c) / 2
		r.chunks = slices.Insert(r.chunks, chunk+1, append(make([]uint32, 0, chunkRowsMax), c[half:]...))
		r.chunks[chunk] = c[:half]
	}
}

func (r *chunkedRun) remove(row uint32, compare func(a, b uint32) int) {
	r.size--
	chunk, at := r.place(row, compare)
	r.chunks[chunk] = slices.Delete(r.chunks[chunk], at, at+1)
	if len(r.chunks[chunk]) == 0 {
		r.chunks = slices.Delete(r.chunks, chunk, chunk+1)
	}
}

func (r *chunkedRun) last() uint32 {
	c := r.chunks[len(r.chunks)-1]
	return c[len(c)-1]
}

// from visits rows as rowRuns.from does.
func (r *chunkedRun) from(reached, visit func(row uint32) bool) {
	chunk, _ := slices.BinarySearchFunc(r.chunks, struct{}{}, func(c []uint32, _ struct{}) int { return orderOf(reached(c[len(c)-1])) })
	if chunk == len(r.chunks) {
		return
	}
	for at := firstReached(r.chunks[chunk], reached); chunk < len(r.chunks); chunk, at = chunk+1, 0 {
		for _, row := range r.chunks[chunk][at:] {
			if !visit(row) {
				return
			}
		}
	}
}

// firstReached is the place of the first row for which reached is true.
func firstReached(rows []uint32, reached func(row uint32) bool) int {
	at, _ := slices.BinarySearchFunc(rows, struct{}{}, func(row uint32, _ struct{}) int { return orderOf(reached(row)) })
	return at
}

func orderOf(reached bool) int {
	if reached {
		return 1
	}
	return -1
}
