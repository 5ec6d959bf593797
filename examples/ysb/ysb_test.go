package ysb

import (
	"bytes"
	"encoding/json"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The answer is counted from what was drawn; here it is counted again, from
// what was written.
func TestAnswerIsThatOfTheText(t *testing.T) {
	const events = 105_000 // more than one window
	w := New(7)
	counted := map[Key]int64{}
	latest := int64(0)
	for from := int64(0); from < events; from += 15_000 {
		for line := range bytes.Lines(w.AppendEvents(nil, from, from+15_000)) {
			at := count(t, line, counted)
			if at < latest {
				t.Fatalf("event time falls: %s", line)
			}
			latest = at
		}
	}
	if diff := cmp.Diff(w.Answer(events), counted); diff != "" {
		t.Error(diff)
	}
	if len(counted) != 2*Campaigns {
		t.Errorf("%d rows, want %d", len(counted), 2*Campaigns)
	}
}

func count(t *testing.T, line []byte, counted map[Key]int64) (at int64) {
	var e struct {
		Ad   string `json:"ad_id"`
		Type string `json:"event_type"`
		Time string `json:"event_time"`
	}
	if err := json.Unmarshal(line, &e); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	at, err := strconv.ParseInt(e.Time, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	if e.Type == "view" {
		counted[Key{e.Ad[24:], at / 10_000 * 10_000}]++
	}
	return at
}

func TestEventsDoNotDependOnWhereWritingStarts(t *testing.T) {
	w := New(1)
	whole := w.AppendEvents(nil, 0, 100)
	parts := w.AppendEvents(w.AppendEvents(nil, 0, 37), 37, 100)
	if !bytes.Equal(whole, parts) {
		t.Error("the parts differ from the whole")
	}
	if len(whole) > EventBytes(100) {
		t.Errorf("%d bytes, more than the %d promised", len(whole), EventBytes(100))
	}
}

func TestClosingEventCountsNothing(t *testing.T) {
	w := New(1)
	for n := range int64(20) {
		counted := map[Key]int64{}
		at := count(t, w.AppendClosing(nil, n), counted)
		if len(counted) != 0 || at < At(n).Add(2*Window).UnixMilli() {
			t.Errorf("closing event after %d: at %d, counts %v", n, at, counted)
		}
	}
}
