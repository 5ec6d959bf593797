package function

import (
	"encoding/binary"

	"tidemark/base/batch"
	"tidemark/base/sketch"
	"tidemark/base/value"
	"tidemark/plan"
)

// sketches is the part of the table about how many different values there are,
// nearly. Questions compute it in C code of store/olap, which DuckDB knows
// by the names in the DuckDB column: the same rows give the same bytes.
var sketches = []*plan.Function{
	define(plan.Function{
		Name: "APPROX_COUNT_DISTINCT", Category: "aggregate", Aggregate: true,
		Signatures: []string{"APPROX_COUNT_DISTINCT(number, text, bytes, BOOLEAN or time) → BIGINT"},
		Doc:        "About how many different values there are (standard error 1.6 %).",
		DuckDB:     "tidemark_distinct_count($1)", Flink: "APPROX_COUNT_DISTINCT($*)",
	}, form{params: []parameter{countable}, result: always(value.BigIntType), state: sketching(sketchCall{})}),
	define(plan.Function{
		Name: "DISTINCT_SKETCH", Category: "aggregate", Aggregate: true,
		Signatures: []string{"DISTINCT_SKETCH(number, text, bytes, BOOLEAN or time) → BYTES"},
		Doc:        "What APPROX_COUNT_DISTINCT counts with, at most 4 kB, to be kept and merged with others. Not in Flink.",
		DuckDB:     "tidemark_distinct_sketch($1)",
	}, form{params: []parameter{countable}, result: always(value.BytesType), state: sketching(sketchCall{stores: true})}),
	define(plan.Function{
		Name: "MERGE_SKETCHES", Category: "aggregate", Aggregate: true,
		Signatures: []string{"MERGE_SKETCHES(sketch BYTES) → BYTES"},
		Doc:        "The sketch of all values that are in one of the sketches; NULL when one of them is no sketch. Not in Flink.",
		DuckDB:     "tidemark_merge_sketches($1)",
	}, form{params: []parameter{anyBytes}, result: maybe(value.BytesType), state: sketching(sketchCall{merges: true, stores: true})}),
	define(plan.Function{
		Name: "SKETCH_COUNT", Category: "aggregate",
		Signatures: []string{"SKETCH_COUNT(sketch BYTES) → BIGINT"},
		Doc:        "About how many different values are in a sketch (standard error 1.6 %); NULL when it is none. Not in Flink.",
		DuckDB:     "tidemark_sketch_count($1)",
	}, form{params: []parameter{anyBytes}, result: maybe(value.BigIntType), eval: kernel(countSketch)}),
}

// countable is what a sketch takes: what has one form of 64 bits, 128 bits, or
// bytes. Flink counts neither BOOLEAN nor bytes.
var countable = parameter{name: "a number, text, bytes, a BOOLEAN, date, time or timestamp", accepts: func(t value.Type) bool {
	switch t.Class() {
	case value.Bools, value.Ints, value.Floats, value.Wides, value.Strings:
		return t.Kind != value.Variant && !t.IsInterval()
	}
	return false
}, null: value.StringType}

func countSketch(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
	return eachRow(out, func(i int) error {
		var s sketch.Sketch
		if s.TakeWhole(args[0].Bytes(i)) != nil {
			out.SetNull(i)
		} else {
			out.Ints[i] = s.Estimate()
		}
		return nil
	})
}

// hashed appends the hash of every row of c that is not NULL, and any number for
// those that are.
func hashed(to []uint64, c *batch.Column) []uint64 {
	switch c.Type.Class() {
	case value.Bools:
		for _, b := range c.Bools {
			to = append(to, sketch.HashInteger(int64(rank(b))))
		}
	case value.Ints:
		for _, v := range c.Ints {
			to = append(to, sketch.HashInteger(v))
		}
	case value.Floats:
		for _, f := range c.Floats {
			to = append(to, sketch.HashFloat(f))
		}
	case value.Wides:
		timestamps := c.Type.IsTimestamp()
		for _, w := range c.Wides {
			if timestamps {
				to = append(to, hashNanoseconds(w))
			} else {
				to = append(to, sketch.HashWide(w.Hi, w.Lo))
			}
		}
	default:
		for i := range c.Views {
			to = append(to, sketch.HashBytes(c.Bytes(i)))
		}
	}
	return to
}

// hashNanoseconds hashes whole microseconds as shorter timestamps are: a stored
// TIMESTAMP_LTZ has no more digits.
func hashNanoseconds(w value.Int128) uint64 {
	if micros, rest := w.QuoRem(value.Int128Of(nanosPerMicro)); rest == (value.Int128{}) && micros.IsInt64() {
		return sketch.HashInteger(micros.Int64())
	}
	return sketch.HashWide(w.Hi, w.Lo)
}

const nanosPerMicro = 1000

// sketchCall is what the aggregates differ in.
type sketchCall struct {
	merges bool // the argument is a stored sketch, not a value
	stores bool // the result is a stored sketch, not how many values are in it
}

// sketching makes a maker of states.
func sketching(of sketchCall) func(*call) func(*plan.Context) plan.Accumulator {
	return plain(func(ctx *plan.Context) plan.Accumulator {
		if ctx != nil && ctx.Retracts {
			return &retractableSketches{sketchCall: of, bag: newBag()}
		}
		return &growingSketches{sketchCall: of}
	})
}

// show writes a group's result. refused is whether it has met what is no sketch.
func (of sketchCall) show(s *sketch.Sketch, refused bool, out *batch.Column, i int) {
	switch {
	case refused:
		out.SetNull(i)
	case of.stores:
		out.SetBytes(i, s.Append(nil))
	default:
		out.Ints[i] = s.Estimate()
	}
}

// growingSketches are the states where nothing is taken back: a sketch each.
type growingSketches struct {
	sketchCall
	sketches []sketch.Sketch
	refused  []bool // by group: it has met what is no sketch
	held     int64  // bytes of what the sketches point to
	hashes   []uint64
}

func (s *growingSketches) Resize(n int) {
	s.sketches = grown(s.sketches, n)
	s.refused = grown(s.refused, n)
}

func (s *growingSketches) Update(groups []uint32, args []*batch.Column, retract []bool) {
	appendOnly(retract)
	if s.merges {
		for i, g := range groups {
			if !args[0].IsNull(i) {
				s.change(g, func(k *sketch.Sketch) {
					s.refused[g] = k.TakeWhole(args[0].Bytes(i)) != nil || s.refused[g]
				})
			}
		}
		return
	}
	s.hashes = hashed(s.hashes[:0], args[0])
	for i, g := range groups {
		if !args[0].IsNull(i) {
			k := &s.sketches[g]
			before := k.Held()
			k.Add(s.hashes[i])
			s.held += k.Held() - before
		}
	}
}

// change has a sketch changed, and keeps count of its memory.
func (s *growingSketches) change(group uint32, do func(*sketch.Sketch)) {
	k := &s.sketches[group]
	s.held -= k.Held()
	do(k)
	s.held += k.Held()
}

func (s *growingSketches) Merge(into []uint32, other plan.Accumulator, from []uint32) {
	o := other.(*growingSketches)
	for i, g := range into {
		s.change(g, func(k *sketch.Sketch) { k.Merge(&o.sketches[from[i]]) })
		s.refused[g] = s.refused[g] || o.refused[from[i]]
	}
}

func (s *growingSketches) Result(groups []uint32, out *batch.Column) {
	for i, g := range groups {
		s.show(&s.sketches[g], s.refused[g], out, i)
	}
}

// Encode appends the stored sketch; before it, where sketches are merged, whether
// something was none.
func (s *growingSketches) Encode(group uint32, to []byte) []byte {
	if s.merges {
		to = append(to, byte(rank(s.refused[group])))
	}
	return s.sketches[group].Append(to)
}

func (s *growingSketches) Decode(group uint32, from []byte) (rest []byte, err error) {
	s.Clear(group)
	if s.merges {
		if len(from) == 0 || from[0] > 1 {
			return nil, damaged()
		}
		s.refused[group], from = from[0] == 1, from[1:]
	}
	s.change(group, func(k *sketch.Sketch) { rest, err = k.Take(from) })
	if err != nil {
		return nil, damaged()
	}
	return rest, nil
}

func (s *growingSketches) Clear(group uint32) {
	s.change(group, func(k *sketch.Sketch) { *k = sketch.Sketch{} })
	s.refused[group] = false
}

// Held implements plan.Accumulator.
func (s *growingSketches) Held() int64 {
	return heldBy(s.sketches) + heldBy(s.refused) + heldBy(s.hashes) + s.held
}

// retractableSketches are the states where rows may be taken back. They count the
// rows of every run that a register has seen, of which there are few: one for
// each doubling of the values. A register's run is the longest with a count
// above zero, so that a group is the sketch of the rows that are left.
type retractableSketches struct {
	sketchCall
	bag      bag             // register and run → rows
	sketches []sketch.Sketch // of the runs in the bag
	stale    []bool          // by group: its sketch has a run that the bag has no more
	refused  []int64         // by group: rows that are no sketch
	held     int64           // bytes of what the sketches point to
	hashes   []uint64
}

func (s *retractableSketches) Resize(n int) {
	s.bag.resize(n)
	s.sketches = grown(s.sketches, n)
	s.stale = grown(s.stale, n)
	s.refused = grown(s.refused, n)
}

func (s *retractableSketches) Update(groups []uint32, args []*batch.Column, retract []bool) {
	if !s.merges {
		s.hashes = hashed(s.hashes[:0], args[0])
	}
	for i, g := range groups {
		if args[0].IsNull(i) {
			continue
		}
		n := int64(1)
		if retract != nil && retract[i] {
			n = -1
		}
		if !s.merges {
			register, run := sketch.Place(s.hashes[i])
			s.count(g, register, run, n)
			continue
		}
		var stored sketch.Sketch
		if stored.TakeWhole(args[0].Bytes(i)) != nil {
			s.refused[g] += n
			continue
		}
		stored.Each(func(register uint16, run uint8) { s.count(g, register, run, n) })
	}
}

// count changes how many rows of a group have a run of a register.
func (s *retractableSketches) count(group uint32, register uint16, run uint8, n int64) {
	key := [...]byte{byte(register >> 8), byte(register), run}
	_, count := s.bag.add(group, key[:], n)
	k := &s.sketches[group]
	switch crossing(count-n, count) {
	case 1:
		before := k.Held()
		k.Raise(register, run)
		s.held += k.Held() - before
	case -1:
		s.stale[group] = s.stale[group] || k.Run(register) == run
	}
}

// fresh is a group's sketch, made anew when it is stale.
func (s *retractableSketches) fresh(group uint32) *sketch.Sketch {
	k := &s.sketches[group]
	if !s.stale[group] {
		return k
	}
	s.stale[group] = false
	s.held -= k.Held()
	*k = sketch.Sketch{}
	s.bag.each(group, func(_ int32, key []byte, count int64) {
		if count > 0 {
			k.Raise(uint16(key[0])<<8|uint16(key[1]), key[2])
		}
	})
	s.held += k.Held()
	return k
}

func (s *retractableSketches) Merge(into []uint32, other plan.Accumulator, from []uint32) {
	o := other.(*retractableSketches)
	for i, g := range into {
		o.bag.each(from[i], func(_ int32, key []byte, count int64) {
			s.count(g, uint16(key[0])<<8|uint16(key[1]), key[2], count)
		})
		s.refused[g] += o.refused[from[i]]
	}
}

func (s *retractableSketches) Result(groups []uint32, out *batch.Column) {
	for i, g := range groups {
		s.show(s.fresh(g), s.refused[g] > 0, out, i)
	}
}

// Encode appends the bag and, where sketches are merged, how many rows are none.
func (s *retractableSketches) Encode(group uint32, to []byte) []byte {
	to = s.bag.encode(group, to)
	if s.merges {
		to = binary.AppendVarint(to, s.refused[group])
	}
	return to
}

func (s *retractableSketches) Decode(group uint32, from []byte) (rest []byte, err error) {
	s.Clear(group)
	if rest, err = s.bag.decode(group, from); err != nil {
		return nil, err
	}
	s.bag.each(group, func(_ int32, key []byte, _ int64) {
		if len(key) != 3 || key[0] >= sketch.Registers>>8 || key[2] == 0 || key[2] > sketch.LongestRun {
			err = damaged()
		}
	})
	if err != nil {
		s.bag.clear(group)
		return nil, err
	}
	s.stale[group] = true
	if s.merges {
		s.refused[group], rest, err = readVarint(rest)
	}
	return rest, err
}

func (s *retractableSketches) Clear(group uint32) {
	s.bag.clear(group)
	s.stale[group] = true
	s.fresh(group)
	s.refused[group] = 0
}

// Held implements plan.Accumulator.
func (s *retractableSketches) Held() int64 {
	return s.bag.held() + heldBy(s.sketches) + heldBy(s.stale) + heldBy(s.refused) + heldBy(s.hashes) + s.held
}
