package eventlog

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tidemark/base/vfs"
)

func TestExtent(t *testing.T) {
	fsys, c := vfs.NewMem(), newClock()
	_, topic := fiveSegments(t, fsys, c)
	whole := topic.Extent()
	if whole.Events != 50 || whole.Gone != 0 || whole.Bytes < 50*250 || c.now.Sub(whole.Oldest) < 39*time.Hour {
		t.Errorf("%+v", whole)
	}
	if err := topic.Hold(0, "job", 30); err != nil {
		t.Fatal(err)
	}
	holds, err := topic.Holds(0)
	if diff := cmp.Diff(map[string]Offset{"job": 30}, holds); diff != "" || err != nil {
		t.Errorf("%v: %s", err, diff)
	}
	trim(t, topic, Retention{Age: time.Hour})
	rest := topic.Extent()
	if rest.Gone == 0 || rest.Gone > 30 || rest.Gone+rest.Events != 50 || rest.Bytes >= whole.Bytes || !rest.Oldest.After(whole.Oldest) {
		t.Errorf("after retention: %+v", rest)
	}
	if empty := create(t, topic.log, "empty", 2).Extent(); empty != (Extent{}) {
		t.Errorf("an empty topic: %+v", empty)
	}
}

// Event i of fiveSegments comes an hour after the one before; a segment has about
// ten of them.
func TestCame(t *testing.T) {
	fsys, c := vfs.NewMem(), newClock()
	begin := c.now
	l, topic := fiveSegments(t, fsys, c)
	check := func(topic *Topic) {
		t.Helper()
		for i := range 50 {
			came := begin.Add(time.Duration(i+1) * time.Hour)
			if told, err := topic.Came(0, Offset(i)); err != nil || told.After(came) || came.Sub(told) > 13*time.Hour {
				t.Errorf("event %d came at %v, told is %v, %v", i, came, told, err)
			}
		}
	}
	check(topic)
	if oldest := topic.Extent().Oldest; !oldest.Equal(begin.Add(time.Hour)) {
		t.Errorf("the oldest came at %v, not %v", oldest, begin.Add(time.Hour))
	}
	for _, nothing := range []Offset{-1, 50} {
		if told, err := topic.Came(0, nothing); err != nil || !told.IsZero() {
			t.Errorf("offset %d has no event: %v, %v", nothing, told, err)
		}
	}
	if _, err := topic.Came(7, 0); err == nil {
		t.Error("there is no partition 7")
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	// A start knows of older segments only when their last events came.
	reopened := open(t, fsys, Options{SegmentBytes: 4096, Now: c.Now})
	topic, err := reopened.Topic("clicks")
	if err != nil {
		t.Fatal(err)
	}
	for i := 10; i < 50; i++ {
		if told, err := topic.Came(0, Offset(i)); err != nil || told.After(begin.Add(time.Duration(i+1)*time.Hour)) {
			t.Errorf("after a start event %d came at %v, %v", i, told, err)
		}
	}
}
