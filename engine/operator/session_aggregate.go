package operator

import (
	"encoding/binary"
	"fmt"
	"slices"

	"tidemark/base/batch"
	"tidemark/engine"
	"tidemark/plan"
)

// SessionAggregate is GROUP BY over SESSION windows. The partition key of the
// sessions is among the group keys; sessions that are merged add up their groups.
//
// Its input are rows in the Layout of the plan node, cut by SessionColumns. With
// EmitFinal a session is shown once, when the watermark reaches its end; with
// EmitEarly at every Flush since its first row: as its bounds are columns too, a
// session that has grown is taken back whole and shown anew.
//
// State is that of sessions; of each session it keeps its groups. What was shown
// is not stored: as every Save follows a Flush, it can be computed.
type SessionAggregate struct {
	env      Environment
	node     *plan.WindowAggregate
	layout   *Layout
	sessions *sessions
	groups   *groups
	single   bool               // a session has one group: the query groups by nothing else
	scratch  []plan.Accumulator // of one group that is being merged
	key      []byte             // scratch
	numbers  uint32             // given out so far
	unused   []uint32
	now      engine.Watermark

	amends  bool // sessions are shown more than once
	stirred []*session
}

// shownSession is what was shown of a session: its bounds, and its groups in
// pairs of key and row, both in key form.
type shownSession struct {
	start, end int64
	keys, rows [][]byte
}

// NewSessionAggregate makes the operator for rows prepared by NewPrepareWindows.
func NewSessionAggregate(env Environment, n *plan.WindowAggregate) (*SessionAggregate, error) {
	if n.Late.Action == plan.LateRevise {
		return nil, unsupported("late-policy 'revise' is not built for SESSION windows").WithHint("use 'side', which keeps late rows in a table")
	}
	columns, err := SessionColumns(n)
	if err != nil {
		return nil, err
	}
	windows, err := newAssigner(n.Spec, n.Input.Schema()[n.Spec.Time], env)
	if err != nil {
		return nil, err
	}
	l := WindowLayoutOf(n)
	return &SessionAggregate{
		single: slices.Equal(columns, leading(len(l.Keys))),
		env:    env, node: n, layout: l, sessions: newSessions(windows, columns), groups: newGroups(env, l), now: batch.NoMark,
		amends: env.Context.Streaming && n.Emit == plan.EmitEarly,
	}, nil
}

// leading is the first n columns.
func leading(n int) []int {
	columns := make([]int, n)
	for i := range columns {
		columns[i] = i
	}
	return columns
}

// SessionColumns are the columns of prepared rows that sessions are apart by.
func SessionColumns(n *plan.WindowAggregate) ([]int, error) {
	if n.Sets != nil {
		return nil, unsupported("grouping sets over SESSION windows are not built as one operator")
	}
	columns := make([]int, len(n.Spec.Keys))
	for i, column := range n.Spec.Keys {
		columns[i] = slices.IndexFunc(n.Keys, func(e plan.Expr) bool {
			c, ok := e.(*plan.Column)
			return ok && c.Index == column
		})
		if columns[i] < 0 {
			return nil, fmt.Errorf("session windows: column %d of the partition key is no group key", column)
		}
	}
	return columns, nil
}

// Process keeps rows until the watermark reaches their marks, and adds those
// for which it has.
func (a *SessionAggregate) Process(_ int, rows *batch.Batch, _ engine.Emit) error {
	in, err := withTimes(a.env, rows, a.layout.time, a.node.Input.Schema()[a.node.Spec.Time].Name)
	if err != nil {
		return err
	}
	a.sessions.arrivals.add(in)
	return a.sessions.arrivals.take(a.now, a.add)
}

// add takes rows into the groups of their sessions.
func (a *SessionAggregate) add(in *batch.Batch) error {
	p := a.sessions.place(in, a.layout.time, a.now)
	if err := a.layout.reportLate(a.env, in, p.late); err != nil {
		return err
	}
	for _, m := range p.merges {
		if err := a.merge(m.from, m.into); err != nil {
			return err
		}
	}
	rows := in
	if len(p.late) > 0 {
		rows = without(in, p.late)
	}
	if rows.Rows == 0 {
		return nil
	}
	homes := make([]*session, 0, rows.Rows)
	prefixes := make([]uint32, 0, rows.Rows)
	for _, s := range p.sessions {
		if s == nil {
			continue
		}
		home := s.final()
		a.stir(home)
		homes, prefixes = append(homes, home), append(prefixes, home.number)
	}
	a.groups.update(a.locate(homes, prefixes, rows), rows)
	return nil
}

// locate finds the groups of rows whose sessions are homes and have the numbers
// prefixes.
func (a *SessionAggregate) locate(homes []*session, prefixes []uint32, rows *batch.Batch) []uint32 {
	if !a.single {
		codes, fresh := a.groups.locate(prefixes, rows)
		for _, row := range fresh {
			homes[row].codes = append(homes[row].codes, codes[row])
		}
		return codes
	}
	codes := make([]uint32, len(homes))
	for i, home := range homes {
		if len(home.codes) == 0 {
			a.key = append(binary.LittleEndian.AppendUint32(a.key[:0], home.number), a.sessions.keys.key(home.key)...)
			home.codes = append(home.codes, a.groups.table.put(a.key))
		}
		codes[i] = home.codes[0]
	}
	a.groups.resize()
	return codes
}

// stir numbers a session that is new, and notes that it has changes to show.
func (a *SessionAggregate) stir(s *session) {
	if s.number == 0 {
		a.enroll(s)
	}
	if a.amends && !s.stirred {
		s.stirred = true
		a.stirred = append(a.stirred, s)
	}
}

// enroll gives a session a number, from 1: 0 is none.
func (a *SessionAggregate) enroll(s *session) {
	if n := len(a.unused); n > 0 {
		s.number = a.unused[n-1]
		a.unused = a.unused[:n-1]
		return
	}
	a.numbers++
	s.number = a.numbers
}

// merge adds the groups of a session to those of the one that it is part of now.
func (a *SessionAggregate) merge(from, into *session) error {
	into = into.final()
	a.stir(into)
	into.stale = append(into.stale, from.stale...)
	if from.shown != nil {
		into.stale = append(into.stale, from.shown)
	}
	from.stale, from.shown = nil, nil
	if from.number == 0 {
		return nil // it is of this batch, whose rows go to the other one at once
	}
	if a.scratch == nil {
		a.scratch = a.layout.newAccumulators(a.groups.context)
		for _, s := range a.scratch {
			s.Resize(1)
		}
	}
	var key, state []byte
	for _, code := range from.codes {
		// States are merged by way of their stored form: the accumulators of a
		// group need not bear to be changed while they are read.
		state = state[:0]
		for _, s := range a.groups.accumulators {
			state = s.Encode(code, state)
		}
		if _, err := decodeStates(a.scratch, 0, state); err != nil {
			return fmt.Errorf("merge sessions: %w", err)
		}
		key = append(binary.LittleEndian.AppendUint32(key[:0], into.number), a.groups.table.key(code)[batch.PrefixBytes:]...)
		rows := a.groups.rows[code]
		a.groups.remove(code)
		to, there := a.groups.table.get(key)
		if !there {
			to = a.groups.table.put(key)
			a.groups.resize()
			into.codes = append(into.codes, to)
		}
		a.groups.rows[to] += rows
		a.groups.merge([]uint32{to}, a.scratch, []uint32{0})
	}
	a.unused = append(a.unused, from.number)
	from.codes, from.number = nil, 0
	return nil
}

// Advance adds the rows that the watermark has reached, and shows the sessions
// that are complete.
func (a *SessionAggregate) Advance(w engine.Watermark, emit engine.Emit) error {
	before := a.now
	if err := a.sessions.arrivals.take(w, a.add); err != nil {
		return err
	}
	a.now = w
	out := a.changelog(before)
	for _, s := range a.sessions.fire(w) {
		if err := a.amend(s, out, emit); err != nil {
			return err
		}
		a.forget(s)
	}
	return out.emit(emit)
}

// forget removes a session that has fired.
func (a *SessionAggregate) forget(s *session) {
	for _, code := range s.codes {
		a.groups.remove(code)
	}
	if s.number != 0 {
		a.unused = append(a.unused, s.number)
	}
	s.codes, s.number, s.shown, s.stale = nil, 0, nil, nil
	a.sessions.forget(s.key)
}

// Flush shows how sessions have changed.
func (a *SessionAggregate) Flush(emit engine.Emit) error {
	out := a.changelog(a.now)
	for _, s := range a.stirred {
		if s.into != nil || s.number == 0 {
			continue // merged or fired since
		}
		if err := a.amend(s, out, emit); err != nil {
			return err
		}
	}
	a.stirred = a.stirred[:0]
	return out.emit(emit)
}

// amend shows how a session differs from what was shown of it.
func (a *SessionAggregate) amend(s *session, out *sessionChanges, emit engine.Emit) error {
	s.stirred = false
	now := a.contentOf(s)
	for _, old := range s.stale {
		if err := out.addAll(batch.Delete, old, emit); err != nil {
			return err
		}
	}
	s.stale = nil
	if s.shown != nil && s.shown.equal(now) {
		return nil
	}
	if s.shown != nil {
		if err := out.addAll(batch.Delete, s.shown, emit); err != nil {
			return err
		}
	}
	if err := out.addAll(batch.Insert, now, emit); err != nil {
		return err
	}
	if a.amends {
		s.shown = now
	}
	return nil
}

// contentOf is the groups of a session that have rows.
func (a *SessionAggregate) contentOf(s *session) *shownSession {
	now := &shownSession{start: s.start, end: s.last + a.node.Spec.Gap}
	codes := slices.Clone(s.codes)
	codes = slices.DeleteFunc(codes, func(code uint32) bool { return a.groups.rows[code] <= 0 })
	for start := 0; start < len(codes); start += batch.MaxRows {
		part := codes[start:min(start+batch.MaxRows, len(codes))]
		results := a.groups.results(part)
		for i, code := range part {
			now.keys = append(now.keys, slices.Clone(a.groups.table.key(code)[batch.PrefixBytes:]))
			now.rows = append(now.rows, batch.AppendKey(nil, results, i))
		}
	}
	return now
}

func (s *shownSession) equal(other *shownSession) bool {
	return s.start == other.start && s.end == other.end &&
		slices.EqualFunc(s.keys, other.keys, slices.Equal[[]byte]) && slices.EqualFunc(s.rows, other.rows, slices.Equal[[]byte])
}

// sessionChanges collects rows of sessions with their bounds.
type sessionChanges struct {
	*changelog
	windows    *assigner
	properties []plan.WindowProperty
	schema     plan.Schema // of the properties
	columns    []*batch.Column
}

func (a *SessionAggregate) changelog(mark engine.Watermark) *sessionChanges {
	schema := a.node.Schema()
	c := &sessionChanges{changelog: newChangelog(a.layout, a.node.Groupings, mark, nil), windows: a.sessions.windows,
		properties: a.node.Properties, schema: schema[len(schema)-len(a.node.Properties):]}
	c.open()
	return c
}

func (c *sessionChanges) open() {
	c.columns = nil
	for _, column := range c.schema {
		c.columns = append(c.columns, batch.NewColumn(column.Type, 0))
	}
}

// addAll appends the rows of a session, and emits when a batch is full.
func (c *sessionChanges) addAll(kind batch.Kind, s *shownSession, emit engine.Emit) error {
	for i := range s.keys {
		c.add(kind, s.keys[i], s.rows[i])
		for k, p := range c.properties {
			n := len(c.kinds) - 1
			c.columns[k].Resize(n + 1)
			setMilliseconds(c.columns[k], n, c.windows.sessionProperty(p.Kind, s.start, s.end))
		}
		if len(c.kinds) == batch.MaxRows {
			if err := c.emit(emit); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *sessionChanges) emit(emit engine.Emit) error {
	b, err := c.batch(c.columns...)
	if err != nil || b == nil {
		return err
	}
	c.open()
	if !slices.ContainsFunc(b.Kinds, func(k batch.Kind) bool { return k != batch.Insert }) {
		b.Kinds = nil
	}
	return emit(b)
}

// sessionProperty is the value of a session's property on the clock of its column.
func (a *assigner) sessionProperty(kind plan.WindowPropertyKind, start, end int64) int64 {
	switch kind {
	case plan.WindowStart:
		return start
	case plan.WindowEnd:
		return end
	default:
		return a.fires(end)
	}
}

// Save writes the sessions that have changed.
func (a *SessionAggregate) Save(to engine.Changes) error {
	a.sessions.save(a.env, a.now, to, func(state []byte, s *session) []byte {
		state = binary.AppendUvarint(state, uint64(len(s.codes)))
		for _, code := range s.codes {
			key := a.groups.table.key(code)[batch.PrefixBytes:]
			state = append(binary.AppendUvarint(state, uint64(len(key))), key...)
			group := a.groups.appendState(nil, code)
			state = append(binary.AppendUvarint(state, uint64(len(group))), group...)
		}
		return state
	})
	return nil
}

// Load reads the sessions of this worker.
func (a *SessionAggregate) Load(from engine.Saved) error {
	var err error
	a.now, err = a.sessions.load(a.env, from, a.layout.Types, a.loadSession)
	return err
}

func (a *SessionAggregate) loadSession(s *session, from []byte) ([]byte, error) {
	a.enroll(s)
	count, n := binary.Uvarint(from)
	if n <= 0 {
		return nil, errCutOff
	}
	from = from[n:]
	for range count {
		var key, group []byte
		var err error
		if key, from, err = readBytes(from); err != nil {
			return nil, err
		}
		if group, from, err = readBytes(from); err != nil {
			return nil, err
		}
		code := a.groups.table.put(append(binary.LittleEndian.AppendUint32(nil, s.number), key...))
		a.groups.resize()
		s.codes = append(s.codes, code)
		if err := a.groups.readState(code, group); err != nil {
			return nil, err
		}
	}
	if a.amends {
		s.shown = a.contentOf(s)
	}
	return from, nil
}

// readBytes reads bytes with their length in front.
func readBytes(from []byte) (read, rest []byte, err error) {
	length, n := binary.Uvarint(from)
	if n <= 0 || length > uint64(len(from)-n) {
		return nil, nil, errCutOff
	}
	return from[n : n+int(length)], from[n+int(length):], nil
}
