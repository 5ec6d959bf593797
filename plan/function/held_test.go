package function

import (
	"fmt"
	"testing"

	"tidemark/base/value"
)

// TestHeldFollowsState: what an accumulator says that it holds is in proportion
// to what it has to store, also after groups were emptied and filled again.
func TestHeldFollowsState(t *testing.T) {
	const groups, rounds = 300, 8
	for _, proven := range provenCalls {
		for _, ctx := range bothContexts {
			_, call, err := readAggregate(proven.call, proven.distinct)
			if err != nil {
				t.Fatal(err)
			}
			a := call.overload.New(ctx)
			a.Resize(groups)
			for round := range rounds {
				for g := range uint32(groups) {
					call.feed(a, g, []aggregateRow{wideRow(&call, round*groups+int(g))})
				}
			}
			stored := int64(0)
			for g := range uint32(groups) {
				stored += int64(len(a.Encode(g, nil)))
			}
			if held := a.Held(); 2*held < stored || held > 64*stored+1<<16 {
				t.Errorf("%s, %+v: holds %d bytes, stores %d", proven.call, *ctx, held, stored)
			}
			for g := range uint32(groups) {
				a.Clear(g)
			}
			if held := a.Held(); held < 0 {
				t.Errorf("%s, %+v: holds %d bytes", proven.call, *ctx, held)
			}
		}
	}
}

// wideRow is row n of many that rarely repeat; NULL where the type is no text and
// no number.
func wideRow(call *aggregateCall, n int) aggregateRow {
	var row aggregateRow
	for i, of := range call.types {
		v := value.NullOf(of)
		switch {
		case call.literals[i] != nil:
			v = *call.literals[i]
		case of.IsInteger():
			v = value.Value{Type: of, Int: int64(n % 100)}
		case of.IsApproximate():
			v = value.Value{Type: of, Float: float64(n)}
		case of.IsText():
			v = value.Value{Type: of, Text: fmt.Sprintf("a text that takes some room %d", n)}
		}
		row.values = append(row.values, v)
	}
	return row
}
