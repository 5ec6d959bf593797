package operator

import (
	"cmp"
	"errors"
	"slices"
	"time"
	"unsafe"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/engine"
)

// joinSpill keeps what a join holds in memory below its share.
//
// When the share is full, all rows go to a file, and the join begins anew with
// empty sides. From then on rows that come wait; when the join is flushed, or many
// wait, the rows that are in files with their keys are read back, they are
// processed, and everything in memory goes to one more file. The join itself knows
// nothing of it.
//
// Files are in the order of the hashes of keys, and so is what waits: one way
// through both of them finds all that is needed, as many keys at a time as there
// is room for, and reads no block of a file that has none of them. The more rows
// wait, the less a row costs.
//
// If no row of a join ever changes, a file only has the rows that were new.
// Otherwise the rows of a key that were read back are written again, all of them,
// and void what older files have of it (spilledKeys).
type joinSpill struct {
	env     Environment
	sides   []*joinSide
	encoded *joinRows // where take finds the stored form of rows
	take    func(port int, rows *batch.Batch, emit engine.Emit) error
	limit   int64 // bytes that may be held
	// replaces says that rows can change that were written. readsBack says that
	// keys are looked for before the end; they are not in batch mode, if all rows
	// stay.
	replaces, readsBack bool

	files   spilledKeys
	spilled bool          // the files have something, and if readsBack the sides have nothing between two passes
	waiting []waitingRows // of each side
	settled time.Time     // when rows that waited were processed last
	delayed bool          // the task knows that rows wait for the clock
	read    []uint64      // hashes of keys that have been read back, if replaces
	unsaved heldChanges
	keys    []heldKey // scratch
	record  []byte    // scratch
	counts  []int64   // scratch
}

// heldKey is a key in memory. The code is that of the first side that has the key.
type heldKey struct {
	hash uint64
	port int
	code uint32
}

const (
	// joinRowBytes is about what a row takes beside its bytes: its entry, its
	// place in the table and that of its key.
	joinRowBytes = int(unsafe.Sizeof(joinEntry{})) + 2*(tableKeyBytes+16)
	// tableKeyBytes is what a table keeps of a key: span, hash, slots.
	tableKeyBytes = int(unsafe.Sizeof(span{})) + 8 + 3*8
	// waitingShare is which part of the memory rows may fill that wait.
	waitingShare = 4
	// settleInterval is how long rows wait at least before they are processed,
	// unless they are many.
	settleInterval = time.Second
)

// newJoinSpill makes what keeps the sides below the memory of the environment;
// nil when that has no limit, or the join has one key only, which is all or
// nothing. take joins rows whose stored form is in encoded.
func newJoinSpill(env Environment, sides []*joinSide, encoded *joinRows, replaces bool, take func(int, *batch.Batch, engine.Emit) error) *joinSpill {
	if env.Memory == 0 || sides[0].whole {
		return nil
	}
	return &joinSpill{
		env: env, sides: sides, encoded: encoded, take: take, waiting: make([]waitingRows, len(sides)),
		replaces: replaces, readsBack: replaces || env.Context.Streaming, files: spilledKeys{area: env.Spill.Area()},
		// The rest is for tables and slices that grow, by a quarter or more at a
		// time, and for batches under way.
		limit: env.Memory / 5 * 3,
	}
}

// held is how many bytes are in memory.
func (s *joinSpill) held() int64 {
	held := s.heldWaiting() + s.files.held() + 8*int64(cap(s.read))
	for _, side := range s.sides {
		held += side.held()
	}
	return held
}

// heldWaiting is how many bytes the rows take that wait.
func (s *joinSpill) heldWaiting() int64 {
	held := int64(0)
	for port := range s.waiting {
		held += s.waiting[port].held()
	}
	return held
}

// held is how many bytes the table takes.
func (t *table) held() int64 {
	return t.arena.room() + int64(cap(t.spans))*int64(unsafe.Sizeof(span{})) + 8*int64(cap(t.hashes)+cap(t.slots)) + 4*int64(cap(t.unused))
}

// room is how many bytes the arena takes, but for the unused ends of all blocks
// except the last.
func (a *arena) room() int64 {
	if len(a.blocks) == 0 {
		return 0
	}
	last := a.blocks[len(a.blocks)-1]
	return int64(a.held + cap(last) - len(last))
}

// held is how many bytes the side takes, beside what it remembers until the next
// Save of rows that are gone.
func (s *joinSide) held() int64 {
	rows := s.arena.room() + 4*int64(cap(s.unused)+cap(s.unsaved))
	if s.rows != nil {
		rows += s.rows.held()
	}
	return s.keys.held() + rows + s.first.held() + s.totals.held() + s.entries.held() + s.counts.held() + s.partners.held() + s.expiry.held() + s.deadlines.held()
}

// process joins rows of the port, whose stored form is in the join's encoded, now
// or later.
func (s *joinSpill) process(port int, rows *batch.Batch, emit engine.Emit) error {
	if !s.spilled || !s.readsBack {
		coming := int64(len(s.encoded.bytes) + rows.Rows*joinRowBytes)
		if s.held()+coming <= s.limit {
			return s.take(port, rows, emit)
		}
		if err := s.evict(s.replaces); err != nil {
			return err
		}
		if !s.readsBack && coming <= s.limit {
			return s.take(port, rows, emit)
		}
	}
	s.waiting[port].add(s.encoded, rows)
	if s.heldWaiting() < s.limit/waitingShare {
		return nil
	}
	return s.settle(emit)
}

// flush processes the rows that wait, but not too often: the way through the files
// is long, however few rows there are. What is to be saved must not wait.
func (s *joinSpill) flush(emit engine.Emit) error {
	c := s.env.Context
	if s.env.Saves || c.Streaming && c.Now.Sub(s.settled) >= settleInterval {
		return s.settle(emit)
	}
	if c.Streaming && !s.delayed && !s.isSettled() {
		s.delayed = true
		s.env.wait(1)
	}
	return nil
}

// isSettled reports whether no rows wait.
func (s *joinSpill) isSettled() bool {
	return !slices.ContainsFunc(s.waiting, func(w waitingRows) bool { return w.count() > 0 })
}

// settle processes the rows that wait.
func (s *joinSpill) settle(emit engine.Emit) (err error) {
	if s.isSettled() {
		return nil
	}
	if s.delayed {
		s.delayed = false
		s.env.wait(-1)
	}
	s.settled = s.env.Context.Now
	for port := range s.waiting {
		s.waiting[port].sort()
	}
	files, err := s.files.open()
	if err != nil {
		return err
	}
	if err := errors.Join(s.pass(files, emit), files.close()); err != nil {
		return err
	}
	clear(s.waiting)
	return s.files.merge()
}

// pass reads the keys back that rows wait for, as many as there is room for beside
// these rows, processes them, writes all of it to a file, and goes on with the next
// keys.
func (s *joinSpill) pass(files *spilledReaders, emit engine.Emit) error {
	coming := int64(0)
	for {
		hash, some := s.nextHash()
		if !some {
			break
		}
		if s.readsBack {
			if err := files.find(hash); err != nil {
				return err
			}
		}
		waits := int64(0)
		for port := range s.waiting {
			waits += s.waiting[port].bytesOf(hash)
		}
		needs := waits + s.takes(files.found)
		if coming > 0 && s.held()+coming+needs > s.limit {
			if err := s.finishPart(emit); err != nil {
				return err
			}
			coming = 0
		}
		if s.held()+coming+needs > s.limit {
			return s.tooLarge(needs)
		}
		if err := s.bring(hash, files); err != nil {
			return err
		}
		for port := range s.waiting {
			s.waiting[port].include(hash)
		}
		coming += waits
	}
	return s.finishPart(emit)
}

// nextHash is the least hash of a row that waits and is not included yet.
func (s *joinSpill) nextHash() (hash uint64, some bool) {
	for port := range s.waiting {
		if h, more := s.waiting[port].next(); more && (!some || h < hash) {
			hash, some = h, true
		}
	}
	return hash, some
}

// takes is about how many bytes the records take in the sides.
func (s *joinSpill) takes(records [][]byte) int64 {
	n := int64(0)
	for _, record := range records {
		n += s.recordTakes(record)
	}
	return n
}

// bring takes what the files have of a key into the sides.
func (s *joinSpill) bring(hash uint64, files *spilledReaders) error {
	if s.replaces && len(files.found) > 0 {
		s.read = append(s.read, hash)
	}
	for _, record := range files.found {
		if err := s.takeRecord(hash, record); err != nil {
			return err
		}
	}
	return nil
}

// finishPart processes the rows that are included, and writes what is in memory to
// a file.
func (s *joinSpill) finishPart(emit engine.Emit) error {
	for port := range s.waiting {
		err := s.waiting[port].takeIncluded(s.sides[port].input, s.encoded, func(rows *batch.Batch) error {
			return s.take(port, rows, emit)
		})
		if err != nil {
			return err
		}
	}
	return s.evict(s.replaces)
}

func (s *joinSpill) tooLarge(takes int64) error {
	return problem.New(problem.TooLarge, "the rows of one key of a join take %d bytes, more than may be held in memory: %d bytes with the rows that wait", takes, s.limit).
		WithHint("raise 'tidemark.state.memory', or add a condition with = to the join")
}

// evict writes everything in memory to a file; complete says that it is all there
// is of the keys.
func (s *joinSpill) evict(complete bool) error {
	s.listKeys()
	to := spilledWriter{files: &s.files}
	read := s.read
	for _, k := range s.keys {
		for len(read) > 0 && read[0] <= k.hash {
			if read[0] < k.hash {
				to.add(read[0], s.emptyRecord())
			}
			read = read[1:]
		}
		if s.makeRecord(k, complete) {
			to.add(k.hash, s.record)
		}
	}
	for _, hash := range read {
		to.add(hash, s.emptyRecord())
	}
	if err := to.finish(); err != nil {
		return err
	}
	s.spilled = true
	if s.env.Saves {
		for _, side := range s.sides {
			side.save(&s.unsaved)
		}
	}
	s.forget()
	return nil
}

// listKeys lists the keys in memory by their hashes.
func (s *joinSpill) listKeys() {
	s.keys = s.keys[:0]
	for port, side := range s.sides {
		for code := range uint32(side.first.len()) {
			if *side.first.at(code) == 0 {
				continue
			}
			hash := side.keys.hashes[code]
			if !anyHas(s.sides[:port], hash, side.keys.key(code)) {
				s.keys = append(s.keys, heldKey{hash, port, code})
			}
		}
	}
	slices.SortFunc(s.keys, func(a, b heldKey) int { return cmp.Compare(a.hash, b.hash) })
}

// anyHas reports whether one of the sides has rows with the key.
func anyHas(sides []*joinSide, hash uint64, key []byte) bool {
	for _, side := range sides {
		if _, has := side.keys.find(hash, key); has {
			return true
		}
	}
	return false
}

// forget empties the memory.
func (s *joinSpill) forget() {
	for _, side := range s.sides {
		side.clear(side.keys.seed)
	}
	s.read, s.keys = s.read[:0], nil
}

// load reads rows that Save wrote, and spills what is too much.
func (s *joinSpill) load(worker engine.Worker, from engine.Saved) error {
	err := eachSaved(s.sides, worker, from, func(side *joinSide, row, val []byte) error {
		if s.held()+int64(len(row)+joinRowBytes) > s.limit {
			// More rows of the same keys may come.
			if err := s.evict(false); err != nil {
				return err
			}
			if err := s.files.merge(); err != nil {
				return err
			}
		}
		return side.load(row, val)
	})
	if err == nil && s.spilled {
		err = s.evict(false)
	}
	return err
}

// shares calls show with all rows in the sides, a share at a time: rows with the
// same key come together. Nothing is left afterwards.
func (s *joinSpill) shares(show func() error) (err error) {
	files, err := s.files.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, files.close()) }()
	for {
		hash, some, err := files.findNext()
		if err != nil {
			return err
		}
		if !some {
			break
		}
		if takes := s.takes(files.found); s.held()+takes > s.limit {
			if err := show(); err != nil {
				return err
			}
			s.forget()
			if s.held()+takes > s.limit {
				return s.tooLarge(takes)
			}
		}
		if err := s.bring(hash, files); err != nil {
			return err
		}
	}
	err = show()
	s.forget()
	return err
}

// partOf is the rows from start to end of a batch without a selection.
func partOf(rows *batch.Batch, start, end int) *batch.Batch {
	if start == 0 && end == rows.Rows {
		return rows
	}
	part := *rows
	part.Sel = make([]uint16, 0, end-start)
	for i := start; i < end; i++ {
		part.Sel = append(part.Sel, uint16(i))
	}
	return part.Compact()
}
