package main

import (
	"bytes"
	"encoding/json"
	"testing"
)

// Each benchmark runs in a small size and checks its own answer.
func TestBenchmarksAreRight(t *testing.T) {
	for _, size := range []struct {
		from, events string
		rows         int // 100 for every 10 s, which 100,000 events take
	}{{fromMemory, "200000", 200}, {fromFile, "200000", 200}, {fromLog, "200000", 200}, {fromSealed, "200000", 200}, {fromHTTP, "50000", 100}} {
		t.Run("ysb from "+size.from, func(t *testing.T) {
			var r ysbResult
			bench(t, &r, "ysb", "--from", size.from, "--events", size.events, "--parallelism", "2")
			if !r.Right || r.Rows != size.rows || r.EventsPerCPUSecond <= 0 {
				t.Errorf("%+v", r)
			}
		})
	}
	t.Run("join", func(t *testing.T) {
		var r joinResult
		bench(t, &r, "join", "--keys", "20000", "--parallelism", "2")
		if !r.Right || r.Rows == 0 || r.StateBytes == 0 || r.EventsPerCPUSecond <= 0 {
			t.Errorf("%+v", r)
		}
	})
	t.Run("freshness", func(t *testing.T) {
		var r freshnessResult
		bench(t, &r, "freshness", "--rate", "1000", "--upserts", "500", "--seconds", "2")
		if r.Events == 0 || r.Upserts == 0 || r.Probes == 0 || r.Questions == 0 || r.Startup != nil {
			t.Errorf("%+v", r)
		}
	})
}

// bench runs a benchmark and reads its JSON.
func bench(t *testing.T, result any, args ...string) {
	t.Helper()
	var out, errs bytes.Buffer
	if code := call(t.Context(), &console{out: &out, err: &errs}, append([]string{"bench", "--json"}, args...)); code != exitOK {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	if err := json.Unmarshal(out.Bytes(), result); err != nil {
		t.Fatalf("%v: %s", err, out.String())
	}
}

// TestJoinAnswerIsExact: a pair more or less, or another one, is seen.
func TestJoinAnswerIsExact(t *testing.T) {
	load := &joinLoad{keys: 2000, impressions: 4000}
	want := load.answer()
	if want.rows == 0 {
		t.Fatal("nothing is clicked")
	}
	fewer, other := want, want
	fewer.rows--
	other.sum++
	for _, wrong := range []joinAnswer{{}, fewer, other} {
		r := joinResult{Rows: wrong.rows, Difference: want.difference(wrong)}
		if r.wrong() == "" {
			t.Errorf("%+v is taken for %+v", wrong, want)
		}
	}
	if d := want.difference(want); d != "" {
		t.Errorf("the right answer is wrong: %s", d)
	}
}
