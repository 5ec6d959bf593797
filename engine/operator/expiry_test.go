package operator

import (
	"encoding/binary"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tidemark/engine"
	"tidemark/plan"
)

// testClock is a clock that only tests move, and the count of keys asked for
// after their state had expired.
type testClock struct {
	context plan.Context
	asked   int
}

func newTestClock() *testClock {
	return &testClock{context: plan.Context{Streaming: true, Zone: time.UTC, Now: time.UnixMilli(1_700_000_000_000).UTC()}}
}

func (c *testClock) pass(d time.Duration) { c.context.Now = c.context.Now.Add(d) }

func (c *testClock) environment() Environment {
	return Environment{Context: &c.context, Worker: engine.WorkerOf(0, 1), Saves: true, Expired: func(keys int) { c.asked += keys }}
}

// TestExpiryAgainstAMap: codes are over exactly when nobody wrote them for the
// time to live, whatever comes between, sweeps give each of them once, and do not
// miss one for longer than a generation.
func TestExpiryAgainstAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		clock := newTestClock()
		ttl := time.Duration(rapid.Int64Range(1, 100).Draw(t, "ttl")) * time.Millisecond
		x := newExpiry(clock.environment(), ttl)
		written := map[uint32]time.Time{}
		over := func(code uint32) bool {
			at, ok := written[code]
			return ok && !at.Add(ttl).After(clock.context.Now)
		}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			clock.pass(time.Duration(rapid.Int64Range(0, 60).Draw(t, "pass")) * time.Millisecond)
			x.tick()
			code := rapid.Uint32Range(0, 5).Draw(t, "code")
			if x.isOver(code) != over(code) {
				t.Fatalf("code %d is over: %v, want %v", code, x.isOver(code), over(code))
			}
			switch rapid.SampledFrom([]string{"write", "forget", "sweep", "restart"}).Draw(t, "step") {
			case "write":
				x.write(code)
				written[code] = clock.context.Now
			case "forget":
				x.forget(code)
				delete(written, code)
			case "sweep":
				x.sweep(func(code uint32) {
					if !over(code) {
						t.Fatalf("code %d was swept and is not over", code)
					}
					delete(written, code)
				})
				for code, at := range written {
					if latest := at.Add(ttl + 2*time.Duration(x.width)*time.Millisecond); latest.Before(clock.context.Now) {
						t.Fatalf("code %d was left behind", code)
					}
				}
			case "restart":
				saved := map[uint32][]byte{}
				for code := range written {
					saved[code] = x.append(nil, code)
				}
				x = newExpiry(clock.environment(), ttl)
				for code, val := range saved {
					at, rest, err := x.cut(val)
					if err != nil || len(rest) > 0 {
						t.Fatalf("%d bytes are left, error %v", len(rest), err)
					}
					x.restore(code, at)
				}
			}
		}
		queued := map[uint32]bool{}
		for _, in := range x.queue {
			for _, code := range in.codes {
				if queued[code] {
					t.Fatalf("code %d is in the queue twice", code)
				}
				queued[code] = true
			}
		}
	})
}

// TestExpirySweepsInParts: a sweep looks at a bounded number of codes.
func TestExpirySweepsInParts(t *testing.T) {
	clock := newTestClock()
	x := newExpiry(clock.environment(), time.Second)
	x.tick()
	for code := range uint32(3 * sweepMin) {
		x.write(code)
	}
	x.writes = 0 // as if there had been flushes between
	clock.pass(time.Minute)
	for want := 3 * sweepMin; want > 0; want -= sweepMin {
		swept := 0
		x.sweep(func(uint32) { swept++ })
		if swept != sweepMin {
			t.Fatalf("%d codes were swept, want %d", swept, sweepMin)
		}
	}
	x.sweep(func(code uint32) { t.Fatalf("code %d was swept twice", code) })
}

// TestExpiredKeysAreBounded: of very many keys the latest are known again, once.
func TestExpiredKeysAreBounded(t *testing.T) {
	k := newExpiredKeys()
	const keys = 3*expiredKeysMax + 5
	key := func(i int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(i)) }
	for i := range keys {
		k.add(key(i))
	}
	if held := len(k.recent) + len(k.older); held >= 2*expiredKeysMax {
		t.Fatalf("%d keys are held", held)
	}
	for i := keys - expiredKeysMax; i < keys; i++ {
		if !k.take(key(i)) || k.take(key(i)) {
			t.Fatalf("key %d is not known once", i)
		}
	}
	if k.take(key(0)) {
		t.Error("the first key is still known")
	}
}

// TestExpiryOfDamagedState: what is cut off is found out.
func TestExpiryOfDamagedState(t *testing.T) {
	clock := newTestClock()
	x := newExpiry(clock.environment(), time.Second)
	for _, stored := range [][]byte{nil, {0x80}, binary.AppendVarint(nil, withdrawn)} {
		if _, _, err := x.cut(stored); err == nil {
			t.Errorf("%x was read", stored)
		}
	}
}
