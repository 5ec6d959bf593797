package kafka

import (
	"context"
	"testing"
)

// TestWait has a reader wait for records apart from reading; what Wait has met is read
// once, and at once.
func TestWait(t *testing.T) {
	w := fakeWorld(t, 1)
	w.put(0, "a", "b")
	r := w.open(w.source(w.request(text, "format", "raw"), false), 0, nil).(*reader)
	expect(t, w.rows(r, 2), []string{"a", "b"})
	if next, end := r.Position(); next != 2 || end != 2 {
		t.Errorf("position %d of %d", next, end)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	r.Wait(ended)
	if _, err := r.Read(ended); err == nil {
		t.Error("a read that was canceled gives rows")
	}
	w.put(0, "c")
	for r.came == nil { // an answer may be empty
		r.Wait(t.Context())
	}
	r.Wait(t.Context())
	expect(t, w.rows(r, 1), []string{"c"})
	if next, end := r.Position(); next != 3 || end != 3 {
		t.Errorf("position %d of %d", next, end)
	}
}
