package operator

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"tidemark/base/batch"
	"tidemark/engine"
	"tidemark/plan"
)

// Join pairs rows of two changelogs for as long as they are there. Port 0 is
// the left, port 1 the right; the rows of one key are in one worker, and all
// rows in the first worker when there are no keys.
//
// In streaming mode it shows what each row changes, at once or if state is in files
// when it is flushed: pairs come and go
// with their rows, and a row of an outer join is padded while it has no partner,
// of an anti join shown, of a semi join hidden. Rows are inserted and deleted,
// never updated. In batch mode it keeps both sides and shows the pairs at the
// end, in the order of the left, then the right rows without a partner.
//
// A row that is taken back without having been there changes nothing.
//
// Rows of a side with a time to live are forgotten when they were not written for
// so long: when they came, when a copy came or went, or, where partners are
// counted, when one came or went. Nothing that was shown of them is taken back.
// What is taken back after it has expired still takes back its pairs with the rows
// that are there.
//
// Rows of a side with a bound are forgotten when the watermark has passed what they
// can be paired with (deadlines); late rows of the other side are dropped then.
//
// State, in the worker's key groups (all in group 0 without keys): 'l' or 'r'
// and the row, its key first, and if rows of the side are never taken back the
// row's number in the order of arrival (8 bytes, big endian) → length of the key,
// time of the last write if rows of the side expire, count of equal rows, number
// of partners. Where no condition decides and nothing expires, partners are not
// counted by row: they are all rows of the other side with the key.
//
// State that is more than Environment.Memory goes to files while the join runs
// (joinSpill). The order of rows in batch mode is then another one.
type Join struct {
	env     Environment
	node    *plan.Join
	pairing *pairing
	seed    uint64 // of the hashes of keys: secret, so that users cannot choose keys that collide
	sides   [2]*joinSide
	spill   *joinSpill // nil when everything is in memory
	timed   bool       // results have an event time, so that they must not be late
	now     engine.Watermark
	past    engine.Watermark // rows whose deadline it has reached are of no use
	expires bool             // rows of a side have a time to live
	counts  bool             // partners are counted by row

	encoded joinRows
	run     joinRun
}

// NewJoin makes the operator.
func NewJoin(env Environment, n *plan.Join) (*Join, error) {
	left, right := n.Left.Schema(), n.Right.Schema()
	p, err := newPairing(env, n.Kind, left, right, n.Condition, n.Schema())
	if err != nil {
		return nil, err
	}
	inputs := joinInputs(left, right, n.Keys)
	j := &Join{env: env, node: n, pairing: p, now: batch.NoMark, past: batch.NoMark}
	j.timed = slices.ContainsFunc(n.Schema(), func(c plan.OutputColumn) bool { return c.Time == plan.Rowtime })
	j.seed = rand.Uint64()
	for port, name := range []byte{'l', 'r'} {
		j.sides[port] = newJoinSide(name, inputs[port], env.Appends[port], env.Saves, j.seed)
		j.sides[port].expiry = newExpiry(env, n.TTL[port])
		j.expires = j.expires || j.sides[port].expiry != nil
		if env.Context.Streaming && env.Appends == [2]bool{true, true} {
			j.sides[port].deadlines = newDeadlines(n.Bounds[port])
		}
	}
	j.counts = p.filter != nil || j.expires || j.bounded()
	for _, s := range j.sides {
		s.pairs, s.sums = j.counts, !j.counts && (n.Kind.KeepsLeft() || n.Kind.KeepsRight() || n.Kind == plan.SemiJoin)
	}
	j.spill = newJoinSpill(env, j.sides[:], &j.encoded, j.replaces(), j.take)
	j.run.join = j
	return j, nil
}

// replaces reports whether what is stored of a row can change.
func (j *Join) replaces() bool {
	kind := j.node.Kind
	counts := j.pairing.filter != nil && (kind.KeepsLeft() || kind.KeepsRight() || kind == plan.SemiJoin)
	return !j.env.Appends[0] || !j.env.Appends[1] || counts && j.env.Context.Streaming || j.expires || j.bounded()
}

// Process shows what the rows change and takes them in.
func (j *Join) Process(port int, rows *batch.Batch, emit engine.Emit) error {
	if j.sides[port].appends && retractions(rows) != nil {
		return fmt.Errorf("join: input %d takes rows back", port)
	}
	if rows = j.inTime(port, rows); rows.Rows == 0 {
		return nil
	}
	j.sides[port].input.encode(&j.encoded, rows)
	j.encoded.hash(j.seed)
	if j.spill == nil {
		return j.take(port, rows, emit)
	}
	return j.spill.process(port, rows, emit)
}

// take joins a batch, or in batch mode keeps it. Its stored form is in encoded.
func (j *Join) take(port int, rows *batch.Batch, emit engine.Emit) error {
	if j.env.Context.Streaming {
		return j.run.batch(port, rows, emit)
	}
	own := j.sides[port]
	for i := range rows.Rows {
		row := j.encoded.row(i)
		switch {
		case !rows.Kind(i).Retracts():
			own.arrive(j.encoded.hashes[i], j.encoded.key(i), row, 0)
		case own.has(row):
			own.remove(row)
		}
	}
	return nil
}

// Advance notes the watermark; at the end of the input it shows the result of
// batch mode.
func (j *Join) Advance(w engine.Watermark, emit engine.Emit) error {
	if j.spill != nil && (j.timed || w == batch.Final) {
		if err := j.spill.settle(emit); err != nil {
			return err
		}
	}
	if w == batch.Final && !j.env.Context.Streaming {
		if err := j.showAll(emit); err != nil {
			return err
		}
	}
	j.now = w
	return j.forget()
}

// showAll shows the result of batch mode.
func (j *Join) showAll(emit engine.Emit) error {
	if j.spill == nil || !j.spill.spilled {
		return j.run.whole(emit)
	}
	if err := j.spill.evict(j.spill.replaces); err != nil {
		return err
	}
	return j.spill.shares(func() error { return j.run.whole(emit) })
}

// Flush shows what rows change that wait for others to be read back, and forgets
// what has expired or is past its deadline. The changes of other rows were shown
// at once.
func (j *Join) Flush(emit engine.Emit) error {
	if j.spill != nil {
		if err := j.spill.flush(emit); err != nil {
			return err
		}
	}
	for _, s := range j.sides {
		s.expiry.sweep(s.expire)
	}
	return j.forget()
}

// Save writes the rows that came and went.
func (j *Join) Save(to engine.Changes) error {
	if j.spill != nil {
		j.spill.unsaved.moveTo(to)
	}
	for _, s := range j.sides {
		s.save(to)
	}
	return nil
}

// Load reads the rows of this worker.
func (j *Join) Load(from engine.Saved) error {
	if j.spill != nil {
		return j.spill.load(j.env.Worker, from)
	}
	return eachSaved(j.sides[:], j.env.Worker, from, (*joinSide).load)
}

// giveBack gives back the memory of rows that is not the garbage collector's.
func (j *Join) giveBack() {
	for _, s := range j.sides {
		s.giveBack()
	}
}

// joinRun takes the rows of one batch, in order, past the rows of the other
// side. Pairs are collected over many rows, so that the condition is evaluated
// over columns; then they are walked through row by row. Of the other side only
// the numbers of partners change meanwhile.
type joinRun struct {
	join      *Join
	port      int
	final     bool // batch mode: every row is shown for good
	rows      *batch.Batch
	deadlines []int64  // of each row, if the side's rows have deadlines
	null      []bool   // rows that have NULL in the key and so no partner; nil for none
	copies    []int64  // of each row; nil for one
	chains    [2]chain // rows of each side
	chain     *chain   // of the other side
	output    joinOutput

	pairs    [2][]uint32 // candidates: rows of the batch, and of the chain, left and right
	ends     []int       // of each row from next on whose candidates are complete: where they end
	next     int         // first row that has not been walked through
	matched  int64       // partners found so far of row next
	touching [2]touching
	passes   []bool
}

// batch joins a batch of the port, whose stored form is in join.encoded.
func (r *joinRun) batch(port int, rows *batch.Batch, emit engine.Emit) error {
	own, other := r.join.sides[port], r.join.sides[1-port]
	r.port, r.rows, r.next, r.matched = port, rows, 0, 0
	r.expire()
	if err := r.join.forget(); err != nil {
		return err
	}
	r.date()
	r.chain = &r.chains[1-port]
	r.chain.side = other
	r.chain.clear()
	r.touching[0].slots(own.keys, r.join.encoded.hashes)
	r.touching[1].slots(other.keys, r.join.encoded.hashes)
	r.output.pairing, r.output.mark, r.output.emit = r.join.pairing, r.join.now, emit
	r.null = nullKeys(own.input, rows)
	for i := range rows.Rows {
		if !r.isLone(i) {
			if err := r.collect(i); err != nil {
				return err
			}
		}
		r.ends = append(r.ends, len(r.pairs[0]))
	}
	if err := r.settle(); err != nil {
		return err
	}
	return r.output.flush()
}

// collect adds the candidates of row i.
func (r *joinRun) collect(i int) error {
	key, ok := r.chain.side.keys.find(r.join.encoded.hashes[i], r.join.encoded.key(i))
	if !ok {
		return nil
	}
	if !r.chain.has(key) && r.chain.full() {
		if err := r.settle(); err != nil {
			return err
		}
		if err := r.output.flush(); err != nil {
			return err
		}
		r.chain.clear()
	}
	start, end, err := r.chain.rowsOf(key)
	if err != nil {
		return err
	}
	for at := start; at < end; at++ {
		r.pairs[r.port] = append(r.pairs[r.port], uint32(i))
		r.pairs[1-r.port] = append(r.pairs[1-r.port], uint32(at))
		if len(r.pairs[0]) == batch.MaxRows {
			if err := r.settle(); err != nil {
				return err
			}
		}
	}
	return nil
}

// settle walks through the candidates collected so far.
func (r *joinRun) settle() error {
	decoded, err := r.chain.decoded.inOrder()
	if err != nil {
		return err
	}
	r.output.sides[r.port], r.output.sides[1-r.port] = r.rows.Columns, decoded
	if r.passes, err = r.join.pairing.pass(r.output.sides, r.pairs); err != nil {
		return err
	}
	at := 0
	for _, end := range r.ends {
		if err := r.walk(at, end); err != nil {
			return err
		}
		if err := r.finish(r.next); err != nil {
			return err
		}
		r.next, r.matched, at = r.next+1, 0, end
	}
	// The row whose candidates are not complete goes on with the next ones.
	if err := r.walk(at, len(r.pairs[0])); err != nil {
		return err
	}
	r.pairs[0], r.pairs[1], r.ends = r.pairs[0][:0], r.pairs[1][:0], r.ends[:0]
	return nil
}

// isUnknown reports whether row i takes back what is not there. What is not there
// of rows that expire has been there.
func (r *joinRun) isUnknown(i int) bool {
	own := r.join.sides[r.port]
	return r.rows.Kind(i).Retracts() && own.expiry == nil && !own.has(r.join.encoded.row(i))
}

// walk shows the pairs of row next among the candidates from start to end.
func (r *joinRun) walk(start, end int) error {
	if start == end || r.isUnknown(r.next) {
		return nil
	}
	for at := start; at < end; at++ {
		if r.passes != nil && !r.passes[at] {
			continue
		}
		decoded := r.pairs[1-r.port][at]
		if err := r.pair(r.next, decoded, r.chain.entries[decoded]); err != nil {
			return err
		}
	}
	return nil
}

// pair shows that row i of the batch and a row of the other side, with the code,
// are partners, or are none any more.
func (r *joinRun) pair(i int, decoded, code uint32) error {
	side, kind := r.chain.side, r.join.node.Kind
	times := side.count(code)
	r.matched += times
	if r.final {
		side.entries.at(code).flags |= paired
		if !kind.ShowsRight() {
			return nil
		}
		return r.add(batch.Insert, i, decoded, times*r.copiesOf(i))
	}
	retracts := r.rows.Kind(i).Retracts()
	change, pairKind, loneKind := int64(1), batch.Insert, batch.Delete
	if retracts {
		change, pairKind, loneKind = -1, batch.Delete, batch.Insert
	}
	// The first partner ends the other row's being alone, the last one to go
	// leaves it alone again.
	turns := false
	if r.countsPartners() {
		before := r.partners(code, i)
		turns = max(before, before+change) == 1
		if r.join.counts {
			*side.partners.at(code) = max(before+change, 0) // one that had expired may not have been counted
			side.touch(code)
		}
	}
	if !kind.ShowsRight() {
		switch {
		case r.port == 0 || !turns:
			return nil
		case kind == plan.AntiJoin:
			return r.addOther(loneKind, decoded, times)
		}
		return r.addOther(pairKind, decoded, times)
	}
	keeps := kind.KeepsLeft()
	if r.port == 0 {
		keeps = kind.KeepsRight()
	}
	turns = turns && keeps
	if turns && !retracts {
		if err := r.addOther(loneKind, decoded, times); err != nil {
			return err
		}
	}
	if err := r.add(pairKind, i, decoded, times); err != nil {
		return err
	}
	if turns && retracts {
		return r.addOther(loneKind, decoded, times)
	}
	return nil
}

// countsPartners reports whether it matters how many partners rows of the other
// side have.
func (r *joinRun) countsPartners() bool {
	kind := r.join.node.Kind
	if r.port == 0 {
		return kind.KeepsRight()
	}
	return kind.KeepsLeft() || kind == plan.SemiJoin
}

// partners is how many partners a row of the other side had before row i.
func (r *joinRun) partners(code uint32, i int) int64 {
	if r.join.counts {
		return r.chain.side.partnersOf(code)
	}
	return r.join.sides[r.port].total(r.join.encoded.hashes[i], r.join.encoded.key(i))
}

// finish shows row i itself, where it is shown without a partner, and takes it in.
func (r *joinRun) finish(i int) error {
	rowKind := batch.Insert
	if r.rows.Kind(i).Retracts() {
		rowKind = batch.Delete
	}
	if r.isLone(i) {
		return r.alone(rowKind, i)
	}
	if r.isUnknown(i) {
		return nil
	}
	if err := r.alone(rowKind, i); err != nil || r.final {
		return err
	}
	own := r.join.sides[r.port]
	switch row := r.join.encoded.row(i); {
	case rowKind != batch.Delete:
		r.keep(i)
	case own.expiry == nil || own.has(row):
		own.remove(row)
	default:
		own.expiry.ask(r.join.encoded.key(i))
	}
	return nil
}

// isLone reports whether row i can never have a partner. Such a row is not
// remembered.
func (r *joinRun) isLone(i int) bool { return r.null != nil && r.null[i] }

// alone shows row i, if rows with as many partners as it has are shown by
// themselves.
func (r *joinRun) alone(rowKind batch.Kind, i int) error {
	kind, shows := r.join.node.Kind, false
	switch {
	case r.port == 1:
		shows = kind.KeepsRight() && r.matched == 0
	case kind == plan.SemiJoin:
		shows = r.matched > 0
	default:
		shows = kind.KeepsLeft() && r.matched == 0
	}
	if !shows {
		return nil
	}
	return r.add(rowKind, i, noRow, r.copiesOf(i))
}

func (r *joinRun) copiesOf(i int) int64 {
	if r.copies == nil {
		return 1
	}
	return r.copies[i]
}

// add shows row i beside a decoded row of the other side.
func (r *joinRun) add(kind batch.Kind, i int, decoded uint32, times int64) error {
	if r.port == 0 {
		return r.output.add(kind, uint32(i), decoded, times)
	}
	return r.output.add(kind, decoded, uint32(i), times)
}

// addOther shows a decoded row of the other side by itself.
func (r *joinRun) addOther(kind batch.Kind, decoded uint32, times int64) error {
	if r.port == 0 {
		return r.output.add(kind, noRow, decoded, times)
	}
	return r.output.add(kind, decoded, noRow, times)
}

// whole joins the rows of both sides, in batch mode.
func (r *joinRun) whole(emit engine.Emit) error {
	r.final = true
	err := r.join.sides[0].eachBatch(func(rows *batch.Batch, copies []int64) error {
		r.copies = copies
		r.join.sides[0].input.encode(&r.join.encoded, rows)
		r.join.encoded.hash(r.join.seed)
		return r.batch(0, rows, emit)
	})
	if err != nil {
		return err
	}
	if r.join.node.Kind.KeepsRight() {
		return r.rest(emit)
	}
	return nil
}

// rest shows the right rows that have had no partner.
func (r *joinRun) rest(emit engine.Emit) error {
	right := r.join.sides[1]
	part := decodedRows{input: right.input}
	r.output.pairing, r.output.mark, r.output.emit = r.join.pairing, r.join.now, emit
	for code := uint32(0); int(code) < right.entries.len(); {
		part.clear()
		r.copies = r.copies[:0]
		for ; int(code) < right.entries.len() && part.rows < batch.MaxRows; code++ {
			count := right.count(code)
			if count == 0 || right.entries.at(code).flags&paired != 0 {
				continue
			}
			if err := part.add(right.row(code)); err != nil {
				return err
			}
			r.copies = append(r.copies, count)
		}
		columns, err := part.inOrder()
		if err != nil {
			return err
		}
		r.output.sides = [2][]*batch.Column{make([]*batch.Column, len(r.join.sides[0].input.types)), columns}
		for i, copies := range r.copies {
			if err := r.output.add(batch.Insert, noRow, uint32(i), copies); err != nil {
				return err
			}
		}
		if err := r.output.flush(); err != nil {
			return err
		}
	}
	return nil
}
