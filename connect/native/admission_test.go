package native

import (
	"testing"
	"time"

	"tidemark/base/vfs"
)

func TestAllowance(t *testing.T) {
	now := time.Now()
	var a Allowance
	a.charge(now, 1000, 1000)
	if got := a.wait(now); got != 0 {
		t.Errorf("without a quota the wait is %v", got)
	}
	a.Set(Quota{Events: 100, Bytes: 1000})
	for _, step := range []struct {
		after         time.Duration
		events, bytes int
		wait          time.Duration
	}{
		{0, 100, 0, 0},                             // a second's worth at once
		{0, 50, 0, 500 * time.Millisecond},         // and half of the next
		{500 * time.Millisecond, 0, 0, 0},          // is paid for
		{time.Hour, 0, 3000, 2 * time.Second},      // an hour of silence is worth a second; bytes count apart
		{time.Second, 300, 0, 2 * time.Second},     // what is owed of either
		{2 * time.Second, 0, 0, 0},                 // both paid for
		{time.Hour, 100_000, 0, 999 * time.Second}, // much at once is taken, and owed
		{998 * time.Second, 0, 0, 1 * time.Second}, // for as long as it is
		{-time.Minute, 0, 0, 1 * time.Second},      // a clock that goes back gives nothing
		{time.Minute + time.Second, 0, 0, 0 * time.Second},
	} {
		now = now.Add(step.after)
		a.charge(now, step.events, step.bytes)
		if got := a.wait(now).Round(time.Millisecond); got != step.wait {
			t.Errorf("%+v: the wait is %v", step, got)
		}
	}
}

func TestSendersWait(t *testing.T) {
	main, quarantine, done := tables(t, vfs.NewMem(), 1)
	defer done()
	in := NewIntake(main, quarantine, columns)
	var table, tenant Allowance
	in.Limit(&table, &tenant)
	tenant.Set(Quota{Events: 1})
	if wait, _ := in.Wait(); wait != 0 {
		t.Errorf("before the first event the wait is %v", wait)
	}
	accept(t, in, three, "")
	if wait, behind := in.Wait(); wait <= 0 || wait > time.Second || behind {
		t.Errorf("behind two events the wait is %v, %t", wait, behind)
	}
	in.Pause(time.Now().Add(time.Hour))
	if wait, behind := in.Wait(); wait < 59*time.Minute || !behind {
		t.Errorf("the pause is %v, %t", wait, behind)
	}
	in.Pause(time.Time{})
	tenant.Set(Quota{})
	if wait, _ := in.Wait(); wait != 0 {
		t.Errorf("without quotas the wait is %v", wait)
	}
}
