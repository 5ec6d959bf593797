package operator

import (
	"bytes"
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"tidemark/base/batch"
	"tidemark/engine"
	"tidemark/plan"
)

// WindowAggregate is GROUP BY over windows. Rows are added to the group of
// their slice and key; a window is put together from its slices when it fires.
//
// Its input are rows in the Layout of the plan node, or partial groups of
// PartialWindows. With EmitFinal a window is shown once, when the watermark
// reaches its end; with EmitEarly at every Flush since its first row; with
// LateRevise also after its end, as long as it is kept. What was shown is
// amended by updates, and nothing is shown twice.
//
// State, in the worker's key groups: 'g', slice and from (8 bytes each, big
// endian, sign bit turned), key of the group → stored form of the group. In key
// group 0 the worker that has it stores the watermark under 'w'. What was shown
// is not stored: as every Save follows a Flush, it can be computed.
//
// Where windows are shown once, groups that are more than Environment.Memory go
// to files (Spilling), by key: all slices of a key together.
type WindowAggregate struct {
	env     Environment
	node    *plan.WindowAggregate
	layout  *Layout
	partial bool
	windows *assigner
	panes   *panes
	groups  *groups
	now     engine.Watermark
	fired   engine.Watermark // up to which windows have fired; later than now within an Advance
	inside  *table           // keys that may be in memory; nil as long as nothing went to files
	merged  *table           // keys of the window that is put together

	pending  windowHeap // windows that have not fired, by their end
	isQueued map[int64]bool
	purges   engine.Watermark // when the first pane can go

	amends   bool                   // windows are shown more than once
	shown    map[int64]*shownWindow // by end of window
	lending  lending                // of what was shown of windows that are amended
	stirred  map[int64]bool         // windows with changes to show at the next Flush
	unsaved  []uint32               // groups with changes since the last Save
	deleted  [][]byte               // stored keys of groups that are gone
	savedNow engine.Watermark       // watermark as it was saved last
}

// shownWindow is what was shown of one window: per group the values in key form.
type shownWindow struct {
	table *table
	rows  rowStore
}

const (
	storedGroup     = 'g'
	storedWatermark = 'w'
	storedPrefix    = 1 + 8 + 8
)

// NewWindowAggregate makes the operator; partial says that its input are the
// partial groups of PartialWindows.
func NewWindowAggregate(env Environment, n *plan.WindowAggregate, partial bool) (*WindowAggregate, error) {
	if err := latePolicyOf(n); err != nil {
		return nil, err
	}
	windows, err := newAssigner(n.Spec, n.Input.Schema()[n.Spec.Time], env)
	if err != nil {
		return nil, err
	}
	l := WindowLayoutOf(n)
	return &WindowAggregate{
		env: env, node: n, layout: l, partial: partial, windows: windows, panes: newPanes(windows, n.Late), groups: newGroups(env, l), merged: newTable(),
		now: batch.NoMark, fired: batch.NoMark, savedNow: batch.NoMark, isQueued: map[int64]bool{}, purges: batch.Final,
		amends: !IsShownOnce(n, env.Context.Streaming),
		shown:  map[int64]*shownWindow{}, stirred: map[int64]bool{},
	}, nil
}

// IsShownOnce reports whether a window is shown when it is complete, and never
// amended.
func IsShownOnce(n *plan.WindowAggregate, streaming bool) bool {
	return !streaming || n.Emit != plan.EmitEarly && n.Late.Action != plan.LateRevise
}

// windowHeap is a heap of window ends.
type windowHeap []int64

func (h windowHeap) Len() int           { return len(h) }
func (h windowHeap) Less(i, j int) bool { return h[i] < h[j] }
func (h windowHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push is for container/heap.
func (h *windowHeap) Push(end any) { *h = append(*h, end.(int64)) }

// Pop is for container/heap.
func (h *windowHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

// Process adds rows, or partial groups, to the groups of their slices.
func (a *WindowAggregate) Process(_ int, rows *batch.Batch, _ engine.Emit) error {
	if a.partial {
		return a.addPartial(rows.Compact())
	}
	in, err := withTimes(a.env, rows, a.layout.time, a.node.Input.Schema()[a.node.Spec.Time].Name)
	if err != nil {
		return err
	}
	assigned := a.panes.assign(in, a.layout.time, a.now)
	if err := a.layout.reportLate(a.env, in, assigned.late); err != nil {
		return err
	}
	for _, created := range assigned.created {
		a.plan(created)
	}
	if assigned.rows.Rows == 0 {
		return nil
	}
	codes := a.locate(assigned.prefixes, assigned.rows)
	a.groups.update(codes, assigned.rows)
	return nil
}

// locate finds the groups of rows in panes and notes that they change.
func (a *WindowAggregate) locate(prefixes []uint32, in *batch.Batch) []uint32 {
	codes, fresh := a.groups.locate(prefixes, in)
	for _, row := range fresh {
		owner := a.panes.byID[prefixes[row]]
		owner.codes = append(owner.codes, codes[row])
		if a.inside != nil {
			a.inside.put(a.userKey(codes[row]))
		}
	}
	for i, code := range codes {
		flags := a.groups.flags[code]
		if flags&(changed|unsaved) == changed|unsaved {
			continue
		}
		if flags&unsaved == 0 {
			a.unsaved = append(a.unsaved, code)
		}
		if a.amends && flags&changed == 0 {
			a.stir(a.panes.byID[prefixes[i]], code)
		}
		a.groups.flags[code] = flags | changed | unsaved
	}
	return codes
}

// stir notes that a group has changed that may be shown at the next Flush.
func (a *WindowAggregate) stir(owner *pane, code uint32) {
	owner.touched = append(owner.touched, code)
	for end := owner.from; end <= owner.last; end += a.windows.step() {
		a.stirred[end] = true
	}
}

// addPartial merges partial groups.
func (a *WindowAggregate) addPartial(in *batch.Batch) error {
	keys := len(a.layout.Keys)
	prefixes, from := make([]uint32, in.Rows), make([]uint32, in.Rows)
	partials := a.layout.newAccumulators(a.groups.context)
	for _, p := range partials {
		p.Resize(in.Rows)
	}
	for i := range in.Rows {
		owner, isNew := a.panes.get(in.Columns[keys+partialSlice].Ints[i], in.Columns[keys+partialFrom].Ints[i])
		if isNew {
			a.plan(owner)
		}
		prefixes[i], from[i] = owner.id, uint32(i)
		rest, err := decodeStates(partials, uint32(i), in.Columns[keys+partialState].Bytes(i))
		if err != nil {
			return fmt.Errorf("read partial group: %w", err)
		}
		if len(rest) > 0 {
			return errors.New("read partial group: bytes behind its end")
		}
	}
	codes := a.locate(prefixes, in)
	for i, code := range codes {
		a.groups.rows[code] += in.Columns[keys+partialRows].Ints[i]
	}
	a.groups.merge(codes, partials, from)
	return nil
}

// plan queues the windows of a new pane.
func (a *WindowAggregate) plan(p *pane) {
	for end := p.from; end <= p.last; end += a.windows.step() {
		if !a.isQueued[end] && a.windows.fires(end) > a.now {
			a.isQueued[end] = true
			heap.Push(&a.pending, end)
		}
	}
	a.purges = min(a.purges, a.panes.closes(p.last))
}

// Advance fires the windows that are complete at w.
func (a *WindowAggregate) Advance(w engine.Watermark, emit engine.Emit) error {
	err := a.release(w, emit)
	a.now = w
	return err
}

// release implements releasing.
func (a *WindowAggregate) release(w engine.Watermark, emit engine.Emit) error {
	for len(a.pending) > 0 && (a.windows.fires(a.pending[0]) <= w) {
		end := heap.Pop(&a.pending).(int64)
		delete(a.isQueued, end)
		if err := a.fire(end, a.now, emit); err != nil {
			return err
		}
	}
	if w >= a.purges {
		// What goes now may have changes that no Flush has shown yet.
		if err := a.Flush(emit); err != nil {
			return err
		}
		a.purge(w)
	}
	a.fired = w
	return nil
}

// fire shows a complete window. Its rows carry the watermark before: downstream
// has not seen a later one yet.
func (a *WindowAggregate) fire(end int64, before engine.Watermark, emit engine.Emit) error {
	if !a.amends {
		return a.showAll(end, before, emit)
	}
	var only *table // all groups, when none was shown before
	if a.node.Emit == plan.EmitEarly {
		only = a.touchedKeys(end)
	}
	if err := a.amend(end, only, before, emit); err != nil {
		return err
	}
	if a.panes.keep == 0 {
		delete(a.shown, end)
		delete(a.stirred, end)
	}
	return nil
}

// panesOf are the panes that count in a window, by slice.
func (a *WindowAggregate) panesOf(end int64) []*pane {
	var found []*pane
	for slice := a.windows.start(end) + a.windows.width; slice <= end; slice += a.windows.width {
		for _, p := range a.panes.bySlice[slice] {
			if p.from <= end {
				found = append(found, p)
			}
		}
	}
	return found
}

// content is the groups of one window: their keys and where their states are.
type content struct {
	keys         [][]byte // without prefix
	accumulators []plan.Accumulator
	codes        []uint32
	rows         []int64
}

// collect puts a window together, until the next one is. With only, just the groups
// with these keys.
func (a *WindowAggregate) collect(end int64, only *table) content {
	panes := a.panesOf(end)
	if len(panes) == 1 {
		return a.collectOne(panes[0], only)
	}
	merged := a.merged
	merged.clear()
	var rows []int64
	type move struct{ into, from []uint32 }
	moves := make([]move, len(panes))
	for i, p := range panes {
		for _, code := range p.codes {
			key := a.userKey(code)
			if only != nil {
				if _, wanted := only.get(key); !wanted {
					continue
				}
			}
			into := merged.put(key)
			if int(into) == len(rows) {
				rows = append(rows, 0)
			}
			rows[into] += a.groups.rows[code]
			moves[i].into, moves[i].from = append(moves[i].into, into), append(moves[i].from, code)
		}
	}
	c := content{accumulators: a.layout.newAccumulators(a.groups.context), rows: rows}
	for k, accumulator := range c.accumulators {
		accumulator.Resize(len(rows))
		for _, m := range moves {
			accumulator.Merge(m.into, a.groups.accumulators[k], m.from)
		}
	}
	for code := range rows {
		c.keys = append(c.keys, merged.key(uint32(code)))
		c.codes = append(c.codes, uint32(code))
	}
	return c
}

// collectOne is collect for a window of one pane: nothing has to be merged.
func (a *WindowAggregate) collectOne(p *pane, only *table) content {
	c := content{accumulators: a.groups.accumulators}
	for _, code := range p.codes {
		key := a.userKey(code)
		if only != nil {
			if _, wanted := only.get(key); !wanted {
				continue
			}
		}
		c.keys = append(c.keys, key)
		c.codes = append(c.codes, code)
		c.rows = append(c.rows, a.groups.rows[code])
	}
	return c
}

// showAll emits the groups of a window that is shown once.
func (a *WindowAggregate) showAll(end int64, mark engine.Watermark, emit engine.Emit) error {
	c := a.collect(end, nil)
	shown := c.codes[:0:0]
	var keys [][]byte
	for i, code := range c.codes {
		if c.rows[i] > 0 {
			shown, keys = append(shown, code), append(keys, c.keys[i])
		}
	}
	rows := newRowHeap(a.layout.Keys, nil)
	for start := 0; start < len(shown); start += batch.MaxRows {
		stop := min(start+batch.MaxRows, len(shown))
		n := stop - start
		for _, key := range keys[start:stop] {
			rows.add(key)
		}
		columns, _, err := rows.read()
		if err != nil {
			return err
		}
		out := &batch.Batch{Rows: n, Marks: constantMarks(mark, n)}
		out.Columns = append(append(out.Columns, a.layout.shownKeys(columns)...), a.layout.resultsOf(c.accumulators, shown[start:stop])...)
		out.Columns = append(append(out.Columns, a.layout.groupings(a.node.Groupings, columns, n)...), a.properties(end, n)...)
		if err := emit(out); err != nil {
			return err
		}
	}
	return nil
}

// properties are the columns that a window has, n times.
func (a *WindowAggregate) properties(end int64, n int) []*batch.Column {
	schema := a.node.Schema()
	columns := make([]*batch.Column, len(a.node.Properties))
	for i, p := range a.node.Properties {
		c := batch.NewColumn(schema[len(schema)-len(columns)+i].Type, n)
		c.Resize(n)
		ms := a.windows.property(p.Kind, end)
		for row := range n {
			setMilliseconds(c, row, ms)
		}
		columns[i] = c
	}
	return columns
}

// property is the value of a window's property on the clock of its column: the
// time is an instant where the time column is one.
func (a *assigner) property(kind plan.WindowPropertyKind, end int64) int64 {
	switch kind {
	case plan.WindowStart:
		return a.start(end)
	case plan.WindowEnd:
		return end
	default:
		return a.fires(end)
	}
}

// touchedKeys are the keys of a window that have changed since the last Flush.
func (a *WindowAggregate) touchedKeys(end int64) *table {
	keys := newTable()
	for _, p := range a.panesOf(end) {
		for _, code := range p.touched {
			keys.put(a.userKey(code))
		}
	}
	return keys
}

// amend shows how a window has changed since it was shown last; only the groups
// with the given keys, all when nil.
func (a *WindowAggregate) amend(end int64, only *table, mark engine.Watermark, emit engine.Emit) error {
	c := a.collect(end, only)
	shown := a.shownOf(end)
	out := newChangelog(a.layout, a.node.Groupings, mark, &a.lending)
	var row []byte
	for start := 0; start < len(c.codes); start += batch.MaxRows / 2 {
		stop := min(start+batch.MaxRows/2, len(c.codes))
		results := a.layout.resultsOf(c.accumulators, c.codes[start:stop])
		for i := start; i < stop; i++ {
			code := shown.table.put(c.keys[i])
			before := shown.rows.get(code)
			row = append(batch.AppendKey(row[:0], results, i-start), 0) // never empty
			amendGroup(out, c.keys[i], before, row, c.rows[i] > 0, a.env.Upserts)
			if c.rows[i] > 0 {
				shown.rows.put(code, row)
			} else {
				shown.rows.drop(code)
			}
		}
		if rows := len(out.kinds); rows > 0 {
			b, err := out.batch(a.properties(end, rows)...)
			if err != nil {
				return err
			}
			if err := emit(b); err != nil {
				return err
			}
		}
	}
	return nil
}

// amendGroup adds the rows that turn what was shown of a group into what it is, with
// upserts without the row before an update.
func amendGroup(out *changelog, key, before, after []byte, exists, upserts bool) {
	switch {
	case before == nil && exists:
		out.add(batch.Insert, key, after)
	case before == nil || exists && bytes.Equal(before, after):
	case !exists:
		out.add(batch.Delete, key, before)
	default:
		if !upserts {
			out.add(batch.UpdateBefore, key, before)
		}
		out.add(batch.UpdateAfter, key, after)
	}
}

func (a *WindowAggregate) shownOf(end int64) *shownWindow {
	w := a.shown[end]
	if w == nil {
		w = &shownWindow{table: newTable()}
		a.shown[end] = w
	}
	return w
}

// Flush shows the changes of windows that are shown more than once.
func (a *WindowAggregate) Flush(emit engine.Emit) error {
	if !a.amends {
		return nil
	}
	ends := make([]int64, 0, len(a.stirred))
	for end := range a.stirred {
		if a.isShown(end) {
			ends = append(ends, end)
		}
	}
	slices.Sort(ends)
	for _, end := range ends {
		if err := a.amend(end, a.touchedKeys(end), a.now, emit); err != nil {
			return err
		}
	}
	clear(a.stirred)
	for _, p := range a.panes.byID {
		if p == nil {
			continue
		}
		for _, code := range p.touched {
			a.groups.flags[code] &^= changed
		}
		p.touched = p.touched[:0]
	}
	return nil
}

// isShown reports whether a window has been shown or can be at any time.
func (a *WindowAggregate) isShown(end int64) bool {
	return a.node.Emit == plan.EmitEarly || a.windows.fires(end) <= a.now
}

// purge forgets the panes whose windows all take no more rows at w.
func (a *WindowAggregate) purge(w engine.Watermark) {
	var gone []*pane
	a.purges = batch.Final
	for _, p := range a.panes.byID {
		if p == nil {
			continue
		}
		if closes := a.panes.closes(p.last); closes <= w {
			gone = append(gone, p)
		} else {
			a.purges = min(a.purges, closes)
		}
	}
	for _, p := range gone {
		for _, code := range p.codes {
			if a.groups.flags[code]&saved != 0 {
				a.deleted = append(a.deleted, a.storedKey(p, code))
			}
			a.groups.remove(code)
		}
		a.panes.remove(p)
	}
	for end := range a.shown {
		if a.panes.closes(end) <= w {
			delete(a.shown, end)
			delete(a.stirred, end)
		}
	}
}

func (a *WindowAggregate) storedKey(p *pane, code uint32) []byte {
	key := []byte{storedGroup}
	key = binary.BigEndian.AppendUint64(key, uint64(p.slice)^1<<63)
	key = binary.BigEndian.AppendUint64(key, uint64(p.from)^1<<63)
	return append(key, a.userKey(code)...)
}

// userKey is the key of a group without the pane.
func (a *WindowAggregate) userKey(code uint32) []byte {
	return a.groups.table.key(code)[batch.PrefixBytes:]
}

// Save writes the groups that have changed and the watermark.
func (a *WindowAggregate) Save(to engine.Changes) error {
	for _, key := range a.deleted {
		to.Delete(engine.GroupOf(key[storedPrefix:]), key)
	}
	a.deleted = a.deleted[:0]
	var state []byte
	for _, code := range a.unsaved {
		if a.groups.flags[code]&unsaved == 0 {
			continue // removed since
		}
		a.groups.flags[code] = a.groups.flags[code]&^unsaved | saved
		owner := a.panes.byID[binary.LittleEndian.Uint32(a.groups.table.key(code))]
		key := a.storedKey(owner, code)
		state = a.groups.appendState(state[:0], code)
		to.Put(engine.GroupOf(key[storedPrefix:]), key, state)
	}
	a.unsaved = a.unsaved[:0]
	if a.env.Worker.Has(0) && a.now != a.savedNow {
		to.Put(0, []byte{storedWatermark}, binary.BigEndian.AppendUint64(nil, uint64(a.now)))
		a.savedNow = a.now
	}
	return nil
}

// Load reads the groups of this worker, and the watermark.
func (a *WindowAggregate) Load(from engine.Saved) error {
	err := from.Each(engine.Worker{From: 0, To: 1}, func(_ engine.KeyGroup, key, val []byte) error {
		if len(key) == 1 && key[0] == storedWatermark && len(val) == 8 {
			a.now = int64(binary.BigEndian.Uint64(val))
			a.fired, a.savedNow = a.now, a.now
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("load windows: %w", err)
	}
	err = from.Each(a.env.Worker, func(_ engine.KeyGroup, key, val []byte) error {
		if len(key) < storedPrefix || key[0] != storedGroup {
			return nil
		}
		return a.loadGroup(key, val)
	})
	if err != nil {
		return fmt.Errorf("load windows: %w", err)
	}
	return a.restoreShown()
}

func (a *WindowAggregate) loadGroup(key, val []byte) error {
	slice := int64(binary.BigEndian.Uint64(key[1:]) ^ 1<<63)
	first := int64(binary.BigEndian.Uint64(key[9:]) ^ 1<<63)
	return a.addGroup(slice, first, key[storedPrefix:], val, saved)
}

// addGroup takes in a group that was stored.
func (a *WindowAggregate) addGroup(slice, from int64, key, state []byte, flags groupFlags) error {
	owner, isNew := a.panes.get(slice, from)
	if isNew {
		a.plan(owner)
	}
	prefixed := append(binary.LittleEndian.AppendUint32(nil, owner.id), key...)
	code := a.groups.table.put(prefixed)
	a.groups.resize()
	owner.codes = append(owner.codes, code)
	a.groups.flags[code] |= flags
	return a.groups.readState(code, state)
}

// restoreShown computes what had been shown when the state was saved.
func (a *WindowAggregate) restoreShown() error {
	if !a.amends {
		return nil
	}
	ends := map[int64]bool{}
	for _, p := range a.panes.byID {
		for end := p.from; end <= p.last; end += a.windows.step() {
			ends[end] = a.isShown(end)
		}
	}
	for end, isShown := range ends {
		if isShown {
			if err := a.amend(end, nil, a.now, func(*batch.Batch) error { return nil }); err != nil {
				return err
			}
		}
	}
	return nil
}
