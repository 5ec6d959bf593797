package kafka

import (
	"context"
	"errors"
	"runtime"
	"testing"
)

// Those who wait are served in their order, and one who gives up leaves nothing
// behind.
func TestBudget(t *testing.T) {
	b := newBudget(100)
	if err := b.take(t.Context(), 60); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	order := make(chan int, 3)
	failed := make(chan error, 1)
	wait := func(n int) {
		for {
			b.mu.Lock()
			waiting := len(b.mu.waiting)
			b.mu.Unlock()
			if waiting == n {
				return
			}
			runtime.Gosched()
		}
	}
	go func() { failed <- b.take(ctx, 50) }()
	wait(1)
	go func() { _ = b.take(context.Background(), 90); order <- 90 }()
	wait(2)
	go func() { _ = b.take(context.Background(), 10); order <- 10 }() // would fit, and has to wait
	wait(3)
	if load := b.load(); load != 2.1 {
		t.Errorf("load %f", load)
	}
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	b.give(60)
	if first := <-order; first != 90 && first != 10 {
		t.Errorf("%d came", first)
	}
	<-order
	b.give(100)
	if load := b.load(); load != 0 {
		t.Errorf("load %f is left", load)
	}
}

func TestThrottle(t *testing.T) {
	d := &Door{frames: newBudget(100)}
	c := &connection{door: d}
	for _, step := range []struct {
		take int
		want int32
	}{{0, 0}, {50, 0}, {25, 500}, {25, 1000}} {
		if err := d.frames.take(t.Context(), step.take); err != nil {
			t.Fatal(err)
		}
		if got := c.throttle(); got != step.want {
			t.Errorf("after %d more bytes: %d ms, want %d", step.take, got, step.want)
		}
	}
}
