package operator

import (
	"cmp"
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/engine"
)

// known is the flag of keys that sessions have given a code.
const known groupFlags = 1 << 7

// session is a window that lasts as long as rows of its key come less than a gap
// apart, or exactly one.
type session struct {
	key         uint32 // code of its partition key
	start, last int64  // times of the first and the last row, on the windows' clock
	fires       engine.Watermark
	order       uint64   // sessions are numbered as they open
	into        *session // what it was merged into; nil while it is one of its own

	number  uint32        // prefix of its groups; of an aggregation
	codes   []uint32      // its groups, in the order of their first rows
	stirred bool          // may have changes to show
	shown   *shownSession // nil when nothing was
	stale   []*shownSession
	rows    [][]byte // of a windowing table function: kind, then the row in key form
}

// final is the session that its rows are in now.
func (s *session) final() *session {
	for s.into != nil {
		s = s.into
	}
	return s
}

// merge is that the rows of one session belong to another one now.
type merge struct{ from, into *session }

// sessions finds the session of each row by its partition key, its time and its
// mark. As in Flink, a row joins every session that it touches and that has not
// fired when the row comes; a row that touches none opens one of its own, if
// that has not fired either, and is late otherwise. Rows that are taken back
// leave their session as it was.
type sessions struct {
	windows *assigner
	columns []int // of the partition key in the rows
	keys    *table
	byKey   [][]*session // of each key, by start
	due     sessionHeap
	opened  uint64

	encoded batch.Keys
	codes   []uint32

	touched   []uint32 // keys whose sessions have changed since the last Save
	flags     []groupFlags
	deleted   [][]byte // stored keys that have no session any more
	arrivals  arrivals
	heldSaved map[string]bool // keys with stored rows that were held
	savedNow  engine.Watermark
}

func newSessions(windows *assigner, columns []int) *sessions {
	return &sessions{windows: windows, columns: columns, keys: newTable(), codes: make([]uint32, batch.MaxRows),
		heldSaved: map[string]bool{}, savedNow: batch.NoMark}
}

// sessionHeap is sessions by the watermark at which they fire, as it was when
// they were put there: a session that has grown since is put back.
type sessionHeap []dueSession

type dueSession struct {
	fires   engine.Watermark
	session *session
}

func (h sessionHeap) Len() int           { return len(h) }
func (h sessionHeap) Less(i, j int) bool { return h[i].fires < h[j].fires }
func (h sessionHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push is for container/heap.
func (h *sessionHeap) Push(x any) { *h = append(*h, x.(dueSession)) }

// Pop is for container/heap.
func (h *sessionHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

// placed is where the rows of a batch go. A session may have been merged into
// another one by a later row.
type placed struct {
	sessions []*session // nil for rows that are too late
	late     []uint16
	merges   []merge
}

// place finds the sessions of rows, which come in the order of their marks. now
// is the watermark of the operator.
func (s *sessions) place(in *batch.Batch, timeColumn int, now engine.Watermark) placed {
	columns := make([]*batch.Column, len(s.columns))
	for i, c := range s.columns {
		columns[i] = in.Columns[c]
	}
	s.encoded.Encode(nil, columns, in.Rows)
	s.keys.encode(&s.encoded, s.codes, nil)
	s.resize()
	p := placed{sessions: make([]*session, in.Rows)}
	for i := range in.Rows {
		s.flags[s.codes[i]] |= known
		code, t, mark := s.codes[i], s.windows.clock(in.Columns[timeColumn], i), max(in.Mark(i), now)
		if in.Kind(i).Retracts() {
			p.sessions[i] = s.holding(code, t, mark)
		} else {
			p.sessions[i] = s.join(code, t, mark, &p.merges)
		}
		if p.sessions[i] == nil {
			p.late = append(p.late, uint16(i))
			continue
		}
		s.touch(code)
	}
	for _, row := range p.late {
		s.forget(s.codes[row])
	}
	return p
}

func (s *sessions) resize() {
	for len(s.byKey) < s.keys.size() {
		s.byKey, s.flags = append(s.byKey, nil), append(s.flags, 0)
	}
}

// holding is the open session that has the time of a row that is taken back.
func (s *sessions) holding(code uint32, t int64, mark engine.Watermark) *session {
	for _, open := range s.byKey[code] {
		if open.fires > mark && open.start <= t && t <= open.last {
			return open
		}
	}
	return nil
}

// join finds, merges or opens the session of a row.
func (s *sessions) join(code uint32, t int64, mark engine.Watermark, merges *[]merge) *session {
	gap := s.windows.spec.Gap
	var home *session
	kept := s.byKey[code][:0]
	for _, open := range s.byKey[code] {
		touches := open.fires > mark && t <= open.last+gap && open.start <= t+gap
		switch {
		case !touches:
			kept = append(kept, open)
		case home == nil:
			home = open
			kept = append(kept, open)
		default:
			home.start, home.last, home.fires = min(home.start, open.start), max(home.last, open.last), max(home.fires, open.fires)
			open.into = home
			*merges = append(*merges, merge{from: open, into: home})
		}
	}
	clear(s.byKey[code][len(kept):])
	s.byKey[code] = kept
	if home == nil {
		fires := s.windows.fires(t + gap)
		if fires <= mark {
			return nil
		}
		return s.open(code, t, t, fires)
	}
	if t > home.last {
		home.last, home.fires = t, s.windows.fires(t+gap)
	}
	if t < home.start {
		home.start = t
		s.sort(code)
	}
	return home
}

// open adds a session.
func (s *sessions) open(code uint32, start, last int64, fires engine.Watermark) *session {
	made := &session{key: code, start: start, last: last, fires: fires, order: s.opened}
	s.opened++
	s.byKey[code] = append(s.byKey[code], made)
	s.sort(code)
	heap.Push(&s.due, dueSession{fires, made})
	return made
}

func (s *sessions) sort(code uint32) {
	slices.SortStableFunc(s.byKey[code], func(a, b *session) int { return cmp.Compare(a.start, b.start) })
}

// fire takes out the sessions that are complete at the watermark, by their ends.
func (s *sessions) fire(w engine.Watermark) []*session {
	var fired []*session
	for len(s.due) > 0 && s.due[0].fires <= w {
		next := heap.Pop(&s.due).(dueSession).session
		switch {
		case next.into != nil:
		case next.fires > w:
			heap.Push(&s.due, dueSession{next.fires, next})
		default:
			fired = append(fired, next)
			s.touch(next.key)
			s.byKey[next.key] = slices.DeleteFunc(s.byKey[next.key], func(other *session) bool { return other == next })
		}
	}
	slices.SortFunc(fired, func(a, b *session) int {
		return cmp.Or(cmp.Compare(a.last, b.last), cmp.Compare(a.order, b.order))
	})
	return fired
}

// touch notes that the sessions of a key have changed.
func (s *sessions) touch(code uint32) {
	if s.flags[code]&unsaved == 0 {
		s.flags[code] |= unsaved
		s.touched = append(s.touched, code)
	}
}

// forget removes a key that has no session.
func (s *sessions) forget(code uint32) {
	if s.flags[code]&known == 0 || len(s.byKey[code]) > 0 {
		return
	}
	if s.flags[code]&saved != 0 {
		s.deleted = append(s.deleted, slices.Clone(s.keys.key(code)))
	}
	s.flags[code] = 0
	s.keys.remove(code)
}

// State of sessions, in the worker's key groups: 's', partition key → its
// sessions; 'h', partition key → rows that wait for the watermark. In key group
// 0 the worker that has it stores the watermark under 'w'.
const (
	storedSessions = 's'
	storedHeld     = 'h'
)

// save writes what has changed. payload appends what the operator keeps of a
// session.
func (s *sessions) save(env Environment, now engine.Watermark, to engine.Changes, payload func([]byte, *session) []byte) {
	for _, key := range s.deleted {
		to.Delete(engine.GroupOf(key), append([]byte{storedSessions}, key...))
	}
	s.deleted = s.deleted[:0]
	var state []byte
	for _, code := range s.touched {
		if s.flags[code]&unsaved == 0 {
			continue // forgotten since
		}
		s.flags[code] = s.flags[code]&^unsaved | saved
		state = binary.AppendUvarint(state[:0], uint64(len(s.byKey[code])))
		for _, open := range s.byKey[code] {
			state = binary.AppendVarint(binary.AppendVarint(state, open.start), open.last)
			state = payload(state, open)
		}
		key := s.keys.key(code)
		to.Put(engine.GroupOf(key), append([]byte{storedSessions}, key...), state)
	}
	s.touched = s.touched[:0]
	s.saveHeld(to)
	if env.Worker.Has(0) && now != s.savedNow {
		to.Put(0, []byte{storedWatermark}, binary.BigEndian.AppendUint64(nil, uint64(now)))
		s.savedNow = now
	}
}

// saveHeld writes the rows that wait, by key: there are some only where senders
// are apart.
func (s *sessions) saveHeld(to engine.Changes) {
	rows := map[string][]byte{}
	s.arrivals.each(func(from *batch.Batch, row int) {
		columns := make([]*batch.Column, len(s.columns))
		for i, c := range s.columns {
			columns[i] = from.Columns[c]
		}
		key := string(batch.AppendKey(nil, columns, row))
		stored := append(rows[key], byte(from.Kind(row)))
		stored = binary.AppendVarint(stored, from.Mark(row))
		rows[key] = batch.AppendKey(stored, from.Columns, row)
	})
	for key := range s.heldSaved {
		if _, still := rows[key]; !still {
			to.Delete(engine.GroupOf([]byte(key)), append([]byte{storedHeld}, key...))
			delete(s.heldSaved, key)
		}
	}
	for key, stored := range rows {
		to.Put(engine.GroupOf([]byte(key)), append([]byte{storedHeld}, key...), stored)
		s.heldSaved[key] = true
	}
}

// load reads what was saved. types are those of the rows; payload reads what the
// operator keeps of a session and gives the bytes behind it.
func (s *sessions) load(env Environment, from engine.Saved, types []value.Type, payload func(*session, []byte) ([]byte, error)) (now engine.Watermark, err error) {
	now = batch.NoMark
	err = from.Each(engine.Worker{From: 0, To: 1}, func(_ engine.KeyGroup, key, val []byte) error {
		if len(key) == 1 && key[0] == storedWatermark && len(val) == 8 {
			now = int64(binary.BigEndian.Uint64(val))
			s.savedNow = now
		}
		return nil
	})
	if err != nil {
		return now, fmt.Errorf("load sessions: %w", err)
	}
	err = from.Each(env.Worker, func(_ engine.KeyGroup, key, val []byte) error {
		switch {
		case len(key) > 0 && key[0] == storedSessions:
			return s.loadKey(key[1:], val, payload)
		case len(key) > 0 && key[0] == storedHeld:
			s.heldSaved[string(key[1:])] = true
			return s.loadHeld(val, types)
		}
		return nil
	})
	if err != nil {
		return now, fmt.Errorf("load sessions: %w", err)
	}
	return now, nil
}

// errCutOff says that stored state is damaged.
var errCutOff = errors.New("stored sessions are cut off")

func (s *sessions) loadKey(key, val []byte, payload func(*session, []byte) ([]byte, error)) error {
	code := s.keys.put(key)
	s.resize()
	s.flags[code] |= known | saved
	count, used := binary.Uvarint(val)
	if used <= 0 {
		return errCutOff
	}
	val = val[used:]
	for range count {
		start, n := binary.Varint(val)
		if n <= 0 {
			return errCutOff
		}
		last, m := binary.Varint(val[n:])
		if m <= 0 {
			return errCutOff
		}
		open := s.open(code, start, last, s.windows.fires(last+s.windows.spec.Gap))
		var err error
		if val, err = payload(open, val[n+m:]); err != nil {
			return err
		}
	}
	if len(val) > 0 {
		return errors.New("stored sessions have bytes behind their end")
	}
	return nil
}

func (s *sessions) loadHeld(val []byte, types []value.Type) error {
	for len(val) > 0 {
		kind := batch.Kind(val[0])
		mark, n := binary.Varint(val[1:])
		if n <= 0 {
			return errCutOff
		}
		b := &batch.Batch{Columns: columnsOf(types, 1), Rows: 1, Kinds: []batch.Kind{kind}, Marks: []int64{mark}}
		var err error
		if val, err = batch.AppendRow(b.Columns, val[1+n:]); err != nil {
			return err
		}
		s.arrivals.add(b)
	}
	return nil
}
