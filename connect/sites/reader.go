package sites

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"sync"
	"time"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/connect"
)

// idSeed is of the hashes of ids; they are stored.
const idSeed = 0x7469646573697465

// reader reads one split, at the site that is read at the moment. What is not
// commented belongs to the goroutine that reads, or to the source's mutex where it
// changes what the offset says.
type reader struct {
	source  *source
	number  int
	own     own
	memory  *memory
	leg     *leg
	legs    sync.WaitGroup // with those that were left
	noted   uint64         // version of common that the last offset has, or will have
	replays chan replay    // rows that were missing
	applied *common        // of the last committed epoch, nil before
	caught  time.Time      // when the last row that there was had been taken
	pieces  int            // that were taken
	rested  int            // how often in a row nothing was seen to come
	resting int            // pieces then
	closing sync.Once
	closed  chan struct{}
	key     []byte
	ids     []*batch.Column
}

// replay is rows that were missing, at one of the sites.
type replay struct {
	gap  string
	rows *batch.Batch
}

var (
	_ connect.Lagger   = (*reader)(nil)
	_ connect.Follower = (*reader)(nil)
)

// restore goes on from an offset. The source's mutex is held.
func (r *reader) restore(at place, stored bool) {
	s := r.source
	r.own = at.head.Own
	if !stored {
		at.head.Common = common{Active: s.mu.first}
	}
	if at.head.Common.Version > s.mu.common.Version || s.mu.common.Version == 0 {
		s.mu.common = at.head.Common
		s.mu.common.Version = max(s.mu.common.Version, 1)
		s.announce()
	}
	r.memory = newMemory(s.mu.known, s.set.slot(), max(s.set.ids/max(s.mu.total, 1), 1))
	r.memory.least = max(r.memory.least, r.own.Least)
	for number, ids := range at.slots {
		for ; len(ids) > 0; ids = ids[8:] {
			r.memory.put(number, binary.BigEndian.Uint64(ids))
		}
	}
	for _, hash := range r.own.Added {
		s.mu.added[hash] = struct{}{}
	}
	if stored {
		applied := at.head.Common
		if applied.Gap != nil {
			copied := *applied.Gap
			applied.Gap = &copied
		}
		r.applied = &applied
	} else {
		r.own.Switches = s.mu.common.Switches
	}
}

// Read gives the next rows that are not known.
func (r *reader) Read(ctx context.Context) (*batch.Batch, error) {
	for {
		changed, moved := r.follow()
		if moved {
			return &batch.Batch{}, nil
		}
		select {
		case p := <-r.leg.pieces:
			if p.err != nil {
				return nil, p.err
			}
			if rows, err := r.take(p); rows != nil || err != nil {
				return rows, err
			}
		case missing := <-r.replays:
			if rows := r.add(missing); rows != nil {
				return rows, nil
			}
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-r.closed:
			return nil, errors.New("the reader is closed")
		}
	}
}

// follow goes where the source has gone. moved says that the offset has changed
// by that.
func (r *reader) follow() (changed <-chan struct{}, moved bool) {
	s := r.source
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.common.Gap == nil || s.mu.common.Gap.ID != r.own.Gap {
		r.own.Gap, r.own.Turns, r.own.Added = "", nil, nil
		r.own.Read, r.own.Later = connect.Digest{}, connect.Digest{}
		r.own.Replayed, r.own.Late, r.own.Dropped = 0, 0, 0
	}
	site := s.mu.common.Active
	var left *leg
	if r.own.Switches < s.mu.common.Switches {
		r.turn()
		left, r.leg = r.leg, nil
	}
	if r.leg == nil {
		var from *start
		if r.own.Switches > 0 && r.own.Offsets[site] == nil {
			from = r.start()
		}
		if left != nil {
			left.cancel() // it ends by itself; nobody takes what it still has
		}
		r.leg = r.begin(site, r.own.Offsets[site], from)
	}
	moved = r.noted < s.mu.common.Version
	r.noted = s.mu.common.Version
	return s.mu.changed, moved
}

// start is where reading begins at a site that was gone to; nil for where the table
// says.
func (r *reader) start() *start {
	set := r.source.set
	switch {
	case r.own.Turn.From != noTime:
		return &start{millis: max(r.own.Turn.From-set.overlap, 0)}
	case r.source.request.Options[optStartMode] == "earliest-offset" || r.source.mu.common.Gap == nil:
		return nil
	}
	// Nothing has come since the job began; what could have, came lately.
	lost := r.source.mu.common.Gap.Opened.Add(-2 * set.unreachable).UnixMilli()
	return &start{millis: max(lost-set.overlap, 0)}
}

// turn notes how the split goes to the other site. The mutex is held.
func (r *reader) turn() {
	s := r.source
	taken := s.mu.common.Active
	t := turn{From: noTime, Sure: r.own.Newest, Taken: taken}
	if r.own.Newest != noTime {
		from := max(slotOf(r.own.Newest-s.set.overlap, r.memory.width), r.memory.least)
		t.From = min(from*r.memory.width, t.Sure+1)
	}
	if locator, ok := s.sites[1-taken].(connect.Locator); ok && r.own.Offsets[1-taken] != nil {
		t.Lost = locator.Locate(r.own.Offsets[1-taken])
	}
	r.own.Switches, r.own.Joining, r.own.Turn, r.own.Offsets[taken] = s.mu.common.Switches, true, t, nil
	g := s.mu.common.Gap
	if r.own.Gap != g.ID {
		r.own.Gap = g.ID
		for _, one := range r.own.Recent {
			if one.Slot*r.memory.width >= t.From {
				r.own.Read = r.own.Read.Plus(one.Digest)
			}
		}
	}
	r.own.Read, r.own.Later = r.own.Read.Plus(r.own.Later), connect.Digest{}
	r.own.Turns = append(r.own.Turns, t)
	if t.From != noTime && (g.From == noTime || r.own.Turns[0].From < g.From) {
		g.From = r.own.Turns[0].From
	}
	s.announce()
}

// take gives the rows of a piece that are not known; nil when the leg was left.
func (r *reader) take(p piece) (*batch.Batch, error) {
	s := r.source
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.leg != r.leg || r.own.Switches < s.mu.common.Switches {
		return nil, nil
	}
	b := p.rows
	if b.Kinds != nil {
		return nil, problem.New(problem.Unsupported, "rows of two sites cannot be changes").WithHint("use a format of events such as json")
	}
	if n := len(r.own.Turns); n > 0 && r.own.Turns[n-1].At == "" {
		if locator, ok := s.sites[p.leg.site].(connect.Locator); ok {
			r.own.Turns[n-1].At = locator.Locate(p.offset)
		}
	}
	r.own.Offsets[p.leg.site] = p.offset
	r.pieces++
	if p.last {
		r.caught = time.Now()
	}
	if b.Rows == 0 {
		return &batch.Batch{}, nil
	}
	s.mu.lastRow = time.Now()
	kept := make([]uint16, 0, b.Live())
	b.Each(func(i int) {
		at, hash, told := r.identify(b, i)
		if !told || r.isNew(at, hash) {
			kept = append(kept, uint16(i))
		}
	})
	if r.own.Newest != noTime {
		r.memory.forget(r.own.Newest-2*s.set.overlap, r.pinned)
		r.own.Least = r.memory.least
		r.own.Recent = slices.DeleteFunc(r.own.Recent, func(one recent) bool { return one.Slot < r.memory.least })
	}
	return s.requested(b, kept), nil
}

// identify gives the time, in ms, and the hash of the id of a row; false when it
// lacks one of them.
func (r *reader) identify(b *batch.Batch, i int) (at int64, hash uint64, told bool) {
	l := r.source.layout
	times := b.Columns[l.time]
	if times.IsNull(i) {
		return 0, 0, false
	}
	r.ids = r.ids[:0]
	for _, c := range l.id {
		if b.Columns[c].IsNull(i) {
			return 0, 0, false
		}
		r.ids = append(r.ids, b.Columns[c])
	}
	r.key = batch.AppendKey(r.key[:0], r.ids, i)
	at = times.Ints[i] / l.perMilli
	if times.Ints[i]%l.perMilli < 0 {
		at--
	}
	return at, batch.Hash(idSeed, r.key), true
}

// isNew decides whether an event becomes a row, and remembers it. The mutex is
// held.
func (r *reader) isNew(at int64, hash uint64) bool {
	if r.own.Joining && at > r.own.Turn.Sure {
		r.own.Joining = false
	}
	// While a gap is open, copies may come at any time; of events so old that ids
	// cannot tell, those that are missing are found by comparing the sites.
	old := at < r.own.Turn.From && (r.own.Joining || len(r.own.Turns) > 0 && at >= r.own.Turns[0].From)
	_, isKnown := r.source.mu.known[hash]
	_, isAdded := r.source.mu.added[hash]
	if old || isKnown || isAdded {
		r.own.Dropped++
		return false
	}
	r.own.Newest = max(r.own.Newest, at)
	r.memory.put(slotOf(r.own.Newest, r.memory.width), hash)
	r.count(at, hash)
	return true
}

// count puts a row into the digests. The mutex is held.
func (r *reader) count(at int64, hash uint64) {
	if slot := slotOf(at, r.memory.width); slot >= r.memory.least {
		i := slices.IndexFunc(r.own.Recent, func(one recent) bool { return one.Slot == slot })
		if i < 0 {
			i = len(r.own.Recent)
			r.own.Recent = append(r.own.Recent, recent{Slot: slot})
		}
		r.own.Recent[i].Digest.Add(hash)
	}
	g := r.source.mu.common.Gap
	switch {
	case g == nil || len(r.own.Turns) == 0 || at < r.own.Turns[0].From:
	case at < g.Until:
		r.own.Read.Add(hash)
	default:
		r.own.Later.Add(hash)
	}
}

// pinned reports whether a slot is needed to close the gap.
func (r *reader) pinned(slot int64) bool {
	for _, t := range r.own.Turns {
		if t.Sure != noTime && slot >= slotOf(t.From, r.memory.width) && slot <= slotOf(t.Sure, r.memory.width) {
			return true
		}
	}
	return false
}

// add gives rows that were missing; nil when the gap is not open any more, or all
// of them have come meanwhile.
func (r *reader) add(missing replay) *batch.Batch {
	s := r.source
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.mu.common.Gap
	if g == nil || g.ID != missing.gap || r.own.Gap != g.ID {
		return nil
	}
	late := !r.holds(time.Now())
	kept := make([]uint16, 0, missing.rows.Live())
	missing.rows.Each(func(i int) {
		at, hash, _ := r.identify(missing.rows, i)
		_, isKnown := s.mu.known[hash]
		if _, isAdded := s.mu.added[hash]; isKnown || isAdded {
			return
		}
		s.mu.added[hash] = struct{}{}
		r.own.Added = append(r.own.Added, hash)
		r.memory.put(slotOf(r.own.Newest, r.memory.width), hash) // for a switch that comes soon
		r.count(at, hash)
		r.own.Replayed++
		if late {
			r.own.Late++
		}
		kept = append(kept, uint16(i))
	})
	if len(kept) == 0 {
		return nil
	}
	return s.requested(missing.rows, kept)
}

// requested is some rows with the columns that were asked for.
func (s *source) requested(b *batch.Batch, rows []uint16) *batch.Batch {
	out := &batch.Batch{Columns: b.Columns[:s.layout.requested], Rows: b.Rows}
	if len(rows) < b.Rows {
		out.Sel = rows
		out = out.Compact()
	}
	return out
}

// holds reports whether watermarks stand still for what may be missing. The mutex
// is held.
func (r *reader) holds(now time.Time) bool {
	g := r.source.mu.common.Gap
	return g != nil && now.Sub(g.Opened) < r.source.set.hold
}

// Offset is all that is needed to go on.
func (r *reader) Offset() connect.Offset {
	s := r.source
	s.mu.Lock()
	defer s.mu.Unlock()
	return place{head: head{Common: s.mu.common, Own: r.own}, slots: r.memory.slots}.offset()
}

// Watermark is one that says nothing while there may be rows missing, and
// otherwise left to the table's WATERMARK clause.
func (r *reader) Watermark() int64 {
	r.source.mu.Lock()
	defer r.source.mu.Unlock()
	if r.own.Newest != noTime && r.holds(time.Now()) {
		return batch.NoMark + 1
	}
	return batch.NoMark
}

// Applied notes what is in a committed epoch.
func (r *reader) Applied(offset connect.Offset) {
	h, _, err := parseHead(offset)
	if err != nil {
		return // it is ours
	}
	r.source.mu.Lock()
	r.applied = &h.Common
	r.source.mu.Unlock()
	r.source.tell()
}

// hasTaken reports whether everything that the site had at a moment was taken, as
// far as can be told: at the end of what there was, or because nothing comes. It is
// asked at every tick. The mutex is held.
func (r *reader) hasTaken(moment time.Time) bool {
	if r.leg == nil {
		return false
	}
	if r.rested++; r.resting != r.pieces || r.leg.giving.Load() || !r.leg.caughtUp() {
		r.rested, r.resting = 0, r.pieces
	}
	return r.caught.After(moment) || r.rested >= 2
}

// Lag is that of the site that is read.
func (r *reader) Lag() (rows int64, age time.Duration) {
	r.source.mu.Lock()
	l := r.leg
	r.source.mu.Unlock()
	if l != nil {
		if lagger := l.lag.Load(); lagger != nil {
			return (*lagger).Lag()
		}
	}
	return -1, -1
}

// Close ends the reader and a Read under way.
func (r *reader) Close() error {
	r.closing.Do(func() {
		close(r.closed)
		r.source.mu.Lock()
		l := r.leg
		r.source.mu.Unlock()
		if l != nil {
			l.cancel()
		}
		r.legs.Wait()
		r.source.leave(r)
	})
	return nil
}
