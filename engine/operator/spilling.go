package operator

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"unsafe"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/engine"
	"tidemark/engine/state"
)

// spillable is an operator with one input whose state is by key, and can go to
// files and come back key by key. It does not know when: Spilling decides.
type spillable interface {
	engine.Operator
	// keyOf are the columns of input rows that their state is kept by.
	keyOf(in *batch.Batch) []*batch.Column
	// held is about how many bytes of state are in memory.
	held() int64
	// has reports whether all there is of a key is in memory, if there is anything:
	// it is true for keys that rows came for, or that were brought back, and that
	// were not forgotten since.
	has(key []byte) bool
	// spill calls put with every key in memory and all there is of it, and with
	// the watermark at which something of it is due (releasing); batch.Final for
	// never. A Flush went before. The slices are valid during the call.
	spill(put func(key, val []byte, due engine.Watermark) error) error
	// bring takes back what spill gave for a key of which nothing is in memory.
	bring(key, val []byte) error
	// forget empties the memory.
	forget()
}

// releasing is a spillable that shows results as event time goes on. Others show
// theirs when they are flushed, and in batch mode at the end.
type releasing interface {
	spillable
	// release shows what is due at w. Advance does the same and then notes w.
	release(w engine.Watermark, emit engine.Emit) error
}

// merging is a spillable to which a key can come back in parts: what spill gave of
// it at several times, one after the other. It need not know what there was of a
// key to go on with it.
type merging interface {
	spillable
	merges() bool
}

// Spilling keeps the state of an operator below its share of memory. When the
// share is full, all of it goes to files, and the operator begins anew with
// nothing; from then on a key is brought back before a row of it is processed.
// So memory holds the keys of late, each is written and read once per share that
// was filled, and an operator that never fills its share pays for nothing but
// being asked how much it holds.
//
// In batch mode nothing has to be known of a key before the end, or saved. There an operator
// that merges goes on with nothing, and the parts of a key are put together when
// it is shown, so that files are read once, from beginning to end.
//
// Where a key is: in the operator, and then the files may have an old copy, if
// it is in brought; or not in the operator, and then the files have it, if
// anybody. Keys of which nothing is left are taken out of the files when the rest
// goes there. What the next Save has to write of keys that are in files waits in
// unsaved.
//
// In the files: key → when something of it is due (8 bytes, big endian, sign bit
// turned), and what the operator wrote; and in another area the former, key →
// nothing. An entry there is old if the key has another watermark by now. Behind a
// key that comes back in parts is the number of the part (4 bytes, big endian).
type Spilling struct {
	of      spillable
	env     Environment
	limit   int64 // bytes that may be held, whatever others hold
	noted   int64 // bytes that the pool knows of
	keys    *state.SpillArea
	dues    *state.SpillArea
	spilled bool             // the files have something
	empty   bool             // nothing came since the operator began anew
	inParts bool             // keys come back in parts, in the end
	part    uint32           // number of the next part
	brought *table           // keys that were brought back since then
	next    engine.Watermark // when the first key in the files is due
	unsaved heldChanges
	batches int // since the last time that SpillBatches had everything go

	encoded batch.Keys
	rows    []int    // of a batch, whose keys are to be brought
	missing [][]byte // keys to be brought
	key     []byte   // scratch
	val     []byte
}

const (
	// spillRowBytes is about what a row adds to an operator's state beside twice
	// its own bytes: places in tables, and accumulators.
	spillRowBytes = 192
	partBytes     = 4 // of the number of a part

	// spillPartMin is how many rows are worth being processed by themselves: with
	// room for fewer, everything goes to files first.
	spillPartMin = 64
)

// NewSpilling limits the memory of an operator, if the environment says so and the
// operator can spill.
func NewSpilling(env Environment, of engine.Operator) engine.Operator {
	able, ok := of.(spillable)
	if !ok || env.Memory == 0 {
		return of
	}
	merging, ok := of.(merging)
	return &Spilling{
		of: able, env: env, limit: usable(env.Memory), keys: env.Spill.Area(), dues: env.Spill.Area(), empty: true,
		inParts: ok && merging.merges() && !env.Context.Streaming && !env.Saves, brought: newTable(), next: batch.Final,
	}
}

// held is how many bytes are in memory.
func (s *Spilling) held() int64 { return s.of.held() + s.brought.held() }

// left is how many bytes more may be held; below 0 when it is too much already.
func (s *Spilling) left() int64 {
	held := s.held()
	left := s.limit - held
	if s.env.Pool != nil {
		left = max(left, s.env.Pool.left(held-s.noted))
		s.noted = held
	}
	return left
}

// most is how many bytes may be held when others hold nothing.
func (s *Spilling) most() int64 {
	if s.env.Pool != nil {
		return max(s.limit, s.env.Pool.limit)
	}
	return s.limit
}

// Process hands rows to the operator, as many at a time as there is room for.
func (s *Spilling) Process(port int, rows *batch.Batch, emit engine.Emit) error {
	rows = rows.Compact()
	for start := 0; start < rows.Rows; {
		end, err := s.room(rows, start, emit)
		if err != nil {
			return err
		}
		part := partOf(rows, start, end)
		if s.spilled && !s.inParts {
			if part, err = s.bringRows(part, emit); err != nil {
				return err
			}
		}
		s.empty = false
		start += part.Rows
		if err := s.of.Process(port, part, emit); err != nil {
			return err
		}
	}
	if s.env.SpillBatches == 0 {
		return nil
	}
	if s.batches++; s.batches < s.env.SpillBatches {
		return nil
	}
	s.batches = 0
	return s.evict(emit)
}

// room makes room for rows from start on, and gives the first one for which there
// is none.
func (s *Spilling) room(rows *batch.Batch, start int, emit engine.Emit) (end int, err error) {
	n := rows.Rows - start
	left := s.left()
	if heapsOf(rows)+int64(n*(spillRowBytes+2*16*len(rows.Columns))) <= left {
		return rows.Rows, nil
	}
	each := bytesOfRow(rows)
	fits := left / each
	if fits < int64(min(n, spillPartMin)) && !s.empty {
		if err := s.evict(emit); err != nil {
			return 0, err
		}
		fits = s.left() / each
	}
	return start + int(max(1, min(int64(n), fits))), nil
}

// held is how many bytes the store takes.
func (s *rowStore) held() int64 {
	n := s.arena.room() + s.spans.held()
	for _, free := range s.free {
		n += int64(cap(free)) * int64(unsafe.Sizeof(span{}))
	}
	return n
}

// heapsOf is at least as much as twice the bytes of all texts of a batch.
func heapsOf(rows *batch.Batch) int64 {
	n := 0
	for _, c := range rows.Columns {
		n += heapOf(c)
	}
	return 2 * int64(n)
}

func heapOf(c *batch.Column) int {
	n := len(c.Heap)
	for _, child := range c.Children {
		n += 16*child.Len() + heapOf(child)
	}
	return n
}

// bytesOfRow is about how many bytes a row of the batch adds to the state.
func bytesOfRow(rows *batch.Batch) int64 {
	n := 0
	for _, c := range rows.Columns {
		n += bytesOfColumn(c)
	}
	return int64(2*n/rows.Rows + spillRowBytes)
}

func bytesOfColumn(c *batch.Column) int {
	n := 16 * c.Len()
	if c.Type.Class() == value.Strings {
		for _, v := range c.Views {
			n += int(v.Length)
		}
	}
	for _, child := range c.Children {
		n += bytesOfColumn(child)
	}
	return n
}

// bringRows brings the keys of rows back, or if there is no room for them, those
// of the first half, or of the first quarter. It gives the rows whose keys are
// there now.
func (s *Spilling) bringRows(rows *batch.Batch, emit engine.Emit) (*batch.Batch, error) {
	for {
		wasEmpty := s.empty
		full, err := s.bringMissing(rows)
		if err != nil || !full {
			return rows, err
		}
		if wasEmpty {
			if rows.Rows == 1 && s.held() > s.most() {
				return nil, s.tooLarge()
			}
			if rows.Rows == 1 {
				return rows, nil // others will give back what they have too much
			}
			rows = partOf(rows, 0, rows.Rows/2)
		}
		if err := s.evict(emit); err != nil {
			return nil, err
		}
	}
}

// bringMissing brings the keys of rows back that are not there, as long as there
// is room for the rows beside them.
func (s *Spilling) bringMissing(rows *batch.Batch) (full bool, err error) {
	s.encoded.Encode(nil, s.of.keyOf(rows), rows.Rows)
	s.rows = s.rows[:0]
	for i := range rows.Rows {
		if !s.isHere(s.encoded.At(i)) {
			s.rows = append(s.rows, i)
		}
	}
	// Neighbours are in the same block of a file.
	slices.SortFunc(s.rows, func(a, b int) int { return bytes.Compare(s.encoded.At(a), s.encoded.At(b)) })
	s.missing = s.missing[:0]
	for _, i := range s.rows {
		if n := len(s.missing); n == 0 || !bytes.Equal(s.missing[n-1], s.encoded.At(i)) {
			s.missing = append(s.missing, s.encoded.At(i))
		}
	}
	coming := int64(0)
	if rows.Rows > 1 {
		coming = int64(rows.Rows) * bytesOfRow(rows)
	}
	err = s.keys.GetSorted(s.missing, func(key, val []byte) error {
		if err := s.bring(key, val); err != nil {
			return err
		}
		if s.left() < coming {
			return errNoRoom
		}
		return nil
	})
	if errors.Is(err, errNoRoom) {
		return true, nil
	}
	return false, err
}

// errNoRoom ends the way through keys to be brought back.
var errNoRoom = errors.New("there is no room for more keys")

// isHere reports whether all there is of a key is in the operator.
func (s *Spilling) isHere(key []byte) bool {
	if s.of.has(key) {
		return true
	}
	_, here := s.brought.get(key) // and nothing is left of it
	return here
}

// bring takes a key back that was in the files.
func (s *Spilling) bring(key, stored []byte) error {
	_, val, err := takeDue(stored)
	if err != nil {
		return err
	}
	s.brought.put(key)
	s.empty = false
	return s.of.bring(key, val)
}

// appendDue appends a watermark so that bytes sort as watermarks do.
func appendDue(to []byte, due engine.Watermark) []byte {
	return binary.BigEndian.AppendUint64(to, uint64(due)^1<<63)
}

// takeDue takes apart what begins as appendDue wrote it.
func takeDue(from []byte) (due engine.Watermark, rest []byte, err error) {
	if len(from) < 8 {
		return 0, nil, errSpilledState
	}
	return engine.Watermark(binary.BigEndian.Uint64(from) ^ 1<<63), from[8:], nil
}

func (s *Spilling) tooLarge() error {
	return problem.New(problem.TooLarge, "the state of one key takes %d bytes, more than its operator may hold in memory", s.held()).
		WithHint("raise 'tidemark.state.memory', or group by more columns")
}

// evict writes everything to the files. In streaming mode it shows before what
// has changed, as if it were the end of an epoch, so that nothing waits to be
// shown of a key that is not there.
func (s *Spilling) evict(emit engine.Emit) error {
	if err := s.of.Flush(emit); err != nil {
		return err
	}
	if err := s.write(); err != nil {
		return err
	}
	if s.env.Saves {
		if err := s.of.Save(&s.unsaved); err != nil {
			return err
		}
	}
	s.spilled = true
	s.part++
	s.forget()
	return nil
}

// write writes everything to the files.
func (s *Spilling) write() error {
	keys, err := s.keys.Write()
	if err != nil {
		return err
	}
	dues, err := s.dues.Write()
	if err != nil {
		return err
	}
	left := make([]bool, s.brought.size())
	err = s.of.spill(func(key, val []byte, due engine.Watermark) error {
		if code, brought := s.brought.get(key); brought {
			left[code] = true
		}
		if due != batch.Final {
			s.next = min(s.next, due)
			s.key = append(appendDue(s.key[:0], due), key...)
			if err := dues.Put(s.key, nil); err != nil {
				return err
			}
		}
		s.val = append(appendDue(s.val[:0], due), val...)
		if s.inParts {
			s.key = binary.BigEndian.AppendUint32(append(s.key[:0], key...), s.part)
			key = s.key
		}
		return keys.Put(key, s.val)
	})
	if err != nil {
		return err
	}
	for code, there := range left {
		if !there {
			if err := keys.Delete(s.brought.key(uint32(code))); err != nil {
				return err
			}
		}
	}
	if err := keys.Finish(); err != nil {
		return err
	}
	return dues.Finish()
}

// forget empties the memory.
func (s *Spilling) forget() {
	s.of.forget()
	s.brought, s.empty = newTable(), true
	s.left() // tells the pool
}

// Advance brings back what is due, a share of memory at a time.
func (s *Spilling) Advance(w engine.Watermark, emit engine.Emit) error {
	if s.spilled {
		if of, ok := s.of.(releasing); ok {
			if err := s.releaseSpilled(of, w, emit); err != nil {
				return err
			}
		}
		if w == batch.Final && !s.env.Context.Streaming {
			return s.showSpilled(emit)
		}
	}
	return s.of.Advance(w, emit)
}

// releaseSpilled shows what is due at w of the keys in the files, but for those
// that are in memory in the end.
func (s *Spilling) releaseSpilled(of releasing, w engine.Watermark, emit engine.Emit) error {
	if s.next > w {
		return nil
	}
	s.next = batch.Final
	err := s.dues.Each(func(entry, _ []byte) error {
		due, key, err := takeDue(entry)
		switch {
		case err != nil:
			return err
		case due > w:
			s.next = min(s.next, due)
			return errDueLater
		case s.isHere(key):
			return nil
		}
		_, err = s.keys.Get(key, func(stored []byte) error {
			if now, _, err := takeDue(stored); err != nil || now != due {
				return err
			}
			return s.bring(key, stored)
		})
		if err != nil || s.left() >= 0 {
			return err
		}
		if err := of.release(w, emit); err != nil {
			return err
		}
		return s.evict(emit)
	})
	if err != nil && !errors.Is(err, errDueLater) {
		return err
	}
	to, err := s.dues.Write()
	if err != nil {
		return err
	}
	var end []byte
	if w != batch.Final {
		end = appendDue(nil, w+1)
	}
	if err := to.DeleteRange(nil, end); err != nil {
		return err
	}
	return to.Finish()
}

// errDueLater ends the way through what is due.
var errDueLater = errors.New("what follows is due later")

// showSpilled has the operator show everything at the end of a batch. Nothing is
// left afterwards.
func (s *Spilling) showSpilled(emit engine.Emit) error {
	if err := s.evict(emit); err != nil {
		return err
	}
	show := func() error {
		err := s.of.Advance(batch.Final, emit)
		s.forget()
		return err
	}
	var last []byte
	err := s.keys.Each(func(key, val []byte) error {
		if s.inParts {
			key = key[:len(key)-partBytes]
		}
		if s.left() < 0 && !bytes.Equal(last, key) {
			if err := show(); err != nil {
				return err
			}
		}
		last = append(last[:0], key...)
		return s.bring(key, val)
	})
	if err != nil {
		return err
	}
	return show()
}

// Flush shows what has changed. It gives back what others need by now.
func (s *Spilling) Flush(emit engine.Emit) error {
	if s.left() < 0 && !s.empty {
		return s.evict(emit)
	}
	return s.of.Flush(emit)
}

// Save writes what has changed, of keys in files first.
func (s *Spilling) Save(to engine.Changes) error {
	s.unsaved.moveTo(to)
	return s.of.Save(to)
}

// Load reads the state of this worker one key group after the other, and spills
// what is too much.
func (s *Spilling) Load(from engine.Saved) error {
	nothing := func(*batch.Batch) error { return errors.New("load spilled state: there is something to show") }
	for group := s.env.Worker.From; group < s.env.Worker.To; group++ {
		if err := s.of.Load(savedGroup{from, s.env.Worker, group}); err != nil {
			return err
		}
		s.empty = false
		if s.left() < 0 {
			if err := s.evict(nothing); err != nil {
				return err
			}
		}
	}
	return nil
}

// savedGroup is what was saved, but of all the key groups of a worker only one.
type savedGroup struct {
	engine.Saved
	of    engine.Worker
	group engine.KeyGroup
}

// Each implements engine.Saved.
func (s savedGroup) Each(w engine.Worker, f func(group engine.KeyGroup, key, val []byte) error) error {
	if w == s.of {
		w = engine.Worker{From: s.group, To: s.group + 1}
	}
	return s.Saved.Each(w, f)
}
