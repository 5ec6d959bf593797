package olap

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"tidemark/base/problem"
)

// admit demands a place at once.
func admit(t *testing.T, a *admission, question string) *admitted {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	r, err := a.admit(ctx, question)
	if err != nil {
		t.Fatalf("%s: %v", question, err)
	}
	return r
}

// TestLongQuestionsMakeWay: one that runs on leaves its place to a brief one, and
// waits for others like it when it is asked again.
func TestLongQuestionsMakeWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAdmission(2)
		first, second := admit(t, a, "first"), admit(t, a, "second")
		begin := time.Now()
		brief, err := a.admit(t.Context(), "brief")
		if waited := time.Since(begin); err != nil || waited != briefMax {
			t.Errorf("a brief question waited for %s, %v", waited, err)
		}
		brief.release()
		time.Sleep(5 * briefMax)
		if len(a.long) != 1 || len(a.running) != 1 {
			t.Errorf("%d long ones run, %d others", len(a.long), len(a.running))
		}
		again := make(chan *admitted)
		first.release()
		time.Sleep(2 * briefMax) // the second has the place for long ones now
		go func() {
			r, err := a.admit(t.Context(), "first")
			if err != nil {
				t.Error(err)
			}
			again <- r
		}()
		synctest.Wait()
		for n := range 2 { // brief ones do not wait for it
			defer admit(t, a, fmt.Sprint("brief ", n)).release()
		}
		second.release()
		first = <-again
		if len(a.long) != 1 || len(a.running) != 2 {
			t.Errorf("%d long ones run, %d others", len(a.long), len(a.running))
		}
		first.release() // brief this time
		if a.wasLong(first.question) || !a.wasLong(second.question) {
			t.Error("what is known of questions is not how they were asked last")
		}
	})
}

// TestAdmissionHasLimits: of those that wait, and of questions that are known.
func TestAdmissionHasLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAdmission(1)
		held := admit(t, a, "held")
		ctx, leave := context.WithCancel(t.Context())
		waiting := cap(a.waiting) - 1
		left := make(chan error, waiting)
		for range waiting {
			go func() {
				_, err := a.admit(ctx, "waits")
				left <- err
			}()
		}
		synctest.Wait()
		if _, err := a.admit(t.Context(), "one too many"); !problem.Is(err, problem.TooBusy) || problem.Of(err).Retry != problem.Later {
			t.Errorf("got %v", err)
		}
		leave()
		for range waiting {
			if err := <-left; !problem.Is(err, problem.Canceled) {
				t.Errorf("got %v", err)
			}
		}
		held.release()
		if len(a.waiting) != 0 {
			t.Errorf("%d wait", len(a.waiting))
		}
		for n := range uint64(2 * longKnownMax) {
			a.ran(n, time.Hour)
		}
		if len(a.mu.long) > longKnownMax {
			t.Errorf("%d questions are known", len(a.mu.long))
		}
	})
}
