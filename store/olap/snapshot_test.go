package olap

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tidemark/base/problem"
	"tidemark/base/value"
)

// read gives the numbers of an answer of one column.
func read(t *testing.T, s *Snapshot, answer int) (all []int64, err error) {
	t.Helper()
	for {
		b, err := s.Next(t.Context(), answer)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		all = append(all, b.Columns[0].Ints[:b.Rows]...)
	}
}

func TestSnapshot(t *testing.T) {
	s := openStore(t, t.TempDir())
	defer s.Close()
	n := []value.Field{{Name: "n", Type: value.BigIntType}}
	snapshot, err := s.Snapshot(t.Context(), []Question{
		{SQL: "SELECT i FROM range(3) AS r(i)", Columns: n}, {SQL: "SELECT i FROM range(5) AS r(i)", Columns: n, RowsMax: 4}, {SQL: "SELECT 1 WHERE FALSE", Columns: n},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := read(t, snapshot, 2); err != nil || got != nil {
		t.Errorf("nothing: %v, %v", got, err)
	}
	if _, err := read(t, snapshot, 1); !problem.Is(err, problem.TooLarge) {
		t.Errorf("too much: %v", err)
	}
	if got, err := read(t, snapshot, 0); err != nil || !cmp.Equal(got, []int64{0, 1, 2}) {
		t.Errorf("three: %v, %v", got, err)
	}
	if err := snapshot.Close(); err != nil {
		t.Error(err)
	}
}

// TestSnapshotsHoldTheirPlace takes as many as may run: the next waits, until
// the first is closed, whether it was taken well or not.
func TestSnapshotsHoldTheirPlace(t *testing.T) {
	s := openStore(t, t.TempDir())
	defer s.Close()
	for range s.admission.most() + 1 {
		if _, err := s.Snapshot(t.Context(), []Question{{SQL: "SELECT * FROM nothing"}}); !problem.Is(err, problem.Conflict) {
			t.Fatalf("a table that is not there: %v", err)
		}
	}
	var held []*Snapshot
	for range cap(s.admission.running) {
		snapshot, err := s.Snapshot(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, snapshot)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Snapshot(ctx, nil); !problem.Is(err, problem.Canceled) {
		t.Errorf("without a place: %v", err)
	}
	for _, snapshot := range held {
		if err := snapshot.Close(); err != nil {
			t.Error(err)
		}
	}
	if a := s.admission; len(a.running)+len(a.long)+len(a.waiting) != 0 {
		t.Errorf("%d places, %d for long ones and %d of those who wait are taken", len(a.running), len(a.long), len(a.waiting))
	}
}
