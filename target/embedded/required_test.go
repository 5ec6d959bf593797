package embedded

import (
	"context"
	"testing"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/connect"
)

func TestNullIsRefusedWhereAColumnIsRequired(t *testing.T) {
	columns := []connect.Column{{Name: "campaign", Type: value.StringType}, {Name: "clicks", Type: value.IntType.Required()}}
	rows := func(clicks ...value.Value) *batch.Batch {
		b := &batch.Batch{Columns: []*batch.Column{batch.NewColumn(value.StringType, len(clicks)), batch.NewColumn(value.IntType, len(clicks))}, Rows: len(clicks)}
		for _, c := range clicks {
			b.Columns[0].AppendNull()
			b.Columns[1].AppendValue(c)
		}
		return b
	}
	one, null := value.Value{Type: value.IntType, Int: 1}, value.NullOf(value.IntType)
	hidden := rows(one, null)
	hidden.Sel = []uint16{0}
	for name, c := range map[string]struct {
		rows    *batch.Batch
		applied bool
	}{
		"values":              {rows(one, one), true},
		"a NULL":              {rows(one, null), false},
		"a row that is gone":  {hidden, true},
		"no rows":             {rows(), true},
		"nothing but the one": {rows(null), false},
	} {
		t.Run(name, func(t *testing.T) {
			behind := &answer{rows: func(*batch.Batch) error { return nil }}
			err := requiring(behind, "report", columns).Apply(context.Background(), connect.Commit{Epoch: 7, Batches: []*batch.Batch{rows(one), c.rows}})
			if applied := behind.epoch == 7; applied != c.applied || (err == nil) != c.applied {
				t.Fatalf("applied %v with error %v, want applied %v", applied, err, c.applied)
			}
			if err != nil && !problem.Is(err, problem.InvalidValue) {
				t.Errorf("error %v, want an invalid value", err)
			}
		})
	}
}

func TestNothingIsCheckedWhereNothingIsRequired(t *testing.T) {
	behind := &answer{}
	if sink := requiring(behind, "report", []connect.Column{{Name: "clicks", Type: value.IntType}}); sink != connect.Sink(behind) {
		t.Errorf("sink %T, want the one behind", sink)
	}
}
