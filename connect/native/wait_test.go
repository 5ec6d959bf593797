package native

import (
	"context"
	"testing"

	"tidemark/base/vfs"
	"tidemark/connect"
)

// TestWait has a reader wait at the end of the log, apart from reading, and tell
// where it is: also when it was opened behind rows that it does not read.
func TestWait(t *testing.T) {
	main, quarantine, closeLog := tables(t, vfs.NewMem(), 1)
	defer closeLog()
	in := NewIntake(main, quarantine, columns)
	accept(t, in, `{"id":1}`, "")
	source, err := NewSource(main, connect.Request{Table: "t", Columns: []connect.Column{{Name: "id", Type: columns[0].Type}}})
	if err != nil {
		t.Fatal(err)
	}
	_, end := read(t, main, columns, nil, SplitOf(0))
	opened, err := source.Open(t.Context(), SplitOf(0), end)
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	r := opened.(*reader)
	positions := func(next, end int64) {
		t.Helper()
		if n, e := r.Position(); n != next || e != end {
			t.Errorf("position %d of %d, want %d of %d", n, e, next, end)
		}
		if rows, _ := r.Lag(); rows != end-next {
			t.Errorf("%d rows wait, want %d", rows, end-next)
		}
	}
	positions(1, 1)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	r.Wait(ended) // there is nothing to read: it returns because ctx has ended
	waited := make(chan struct{})
	go func() {
		defer close(waited)
		r.Wait(t.Context())
	}()
	accept(t, in, `{"id":2}`, "")
	<-waited
	positions(1, 2)
	if b, err := r.Read(ended); err != nil || b.Rows != 1 {
		t.Errorf("what Wait has met is not read at once: %v", err)
	}
	positions(2, 2)
}
