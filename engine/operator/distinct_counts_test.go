package operator

import (
	"testing"

	"pgregory.net/rapid"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/plan"
)

// Calls that share their values count, store, merge and forget as calls by
// themselves do.
func TestDistinctCountsAreSeparateCounts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const calls, groups, rows = 3, 4, 20
		ctx := &plan.Context{Streaming: true}
		call := aggregateOf("COUNT", &plan.Column{Of: value.BigIntType})
		call.Distinct = true
		if !countsDistinct(ctx, call) || countsDistinct(&plan.Context{Retracts: true}, call) {
			t.Fatal("the call is not known")
		}
		// states gives the shared states and separate ones.
		states := func() (shared, separate [calls]plan.Accumulator) {
			of := newDistinctCounts()
			for i := range calls {
				shared[i], separate[i] = of.join(-1), newAccumulator(ctx, call)
			}
			for i := range calls {
				shared[i].Resize(groups)
				separate[i].Resize(groups)
			}
			return shared, separate
		}
		shared, separate := states()
		other, otherSeparate := states()
		group := rapid.Uint32Range(0, groups-1)
		values := rapid.Int64Range(-30, 30)
		if rapid.Bool().Draw(t, "wide") {
			values = rapid.Int64()
		}
		update := func(shared, separate [calls]plan.Accumulator) {
			of := shared[0].(*distinctCount).of
			codes := make([]uint32, rows)
			column := batch.NewColumn(value.BigIntType, rows)
			column.Resize(rows)
			seenBy := make([]uint32, rows)
			for i := range rows {
				codes[i], column.Ints[i] = group.Draw(t, "group"), values.Draw(t, "value")
				seenBy[i] = rapid.Uint32Range(0, 1<<calls-1).Draw(t, "seen by")
				if column.Ints[i] == 7 {
					column.SetNull(i)
				}
				for k := range calls {
					if seenBy[i]>>k&1 != 0 {
						separate[k].Update(codes[i:i+1], []*batch.Column{column.Gather([]uint16{uint16(i)})}, nil)
					}
				}
			}
			of.update(codes, column, seenBy)
		}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			k, g := rapid.IntRange(0, calls-1).Draw(t, "call"), group.Draw(t, "group")
			switch rapid.IntRange(0, 5).Draw(t, "step") {
			case 0:
				shared[k].Clear(g)
				separate[k].Clear(g)
			case 1:
				from := group.Draw(t, "from")
				shared[k].Merge([]uint32{g}, other[k], []uint32{from})
				separate[k].Merge([]uint32{g}, otherSeparate[k], []uint32{from})
			case 2: // each reads what the other has stored
				ours, theirs := shared[k].Encode(g, nil), separate[k].Encode(g, nil)
				for into, from := range map[plan.Accumulator][]byte{shared[k]: theirs, separate[k]: ours} {
					if rest, err := into.Decode(g, append(from, "rest"...)); err != nil || string(rest) != "rest" {
						t.Fatalf("decode: %v, %q is left", err, rest)
					}
				}
			case 3:
				update(other, otherSeparate)
			default:
				update(shared, separate)
			}
			all := []uint32{0, 1, 2, 3}
			for k := range calls {
				got, want := batch.NewColumn(value.BigIntType, groups), batch.NewColumn(value.BigIntType, groups)
				got.Resize(groups)
				want.Resize(groups)
				shared[k].Result(all, got)
				separate[k].Result(all, want)
				for g := range all {
					if got.Ints[g] != want.Ints[g] {
						t.Fatalf("call %d counts %d values of group %d, want %d", k, got.Ints[g], g, want.Ints[g])
					}
				}
			}
		}
		for g := range uint32(groups) {
			for k := range calls {
				shared[k].Clear(g)
			}
		}
		if of := shared[0].(*distinctCount).of; of.live != 0 {
			t.Errorf("%d values of no group", of.live)
		}
	})
}

// Damaged states are refused.
func TestDistinctCountRefusesDamage(t *testing.T) {
	d := newDistinctCounts().join(-1)
	d.Resize(1)
	d.of.add(d.of.hash(0, 5), 0, 5, 1)
	whole := d.Encode(0, nil)
	for n := range whole {
		if _, err := d.Decode(0, whole[:n]); err == nil {
			t.Errorf("%d of %d bytes are taken for a state", n, len(whole))
		}
	}
}
